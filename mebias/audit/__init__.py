"""Audit: everything about a dataset's labels that deserves a second look.

`audit` goes through a cohort and lists what is off, each finding with a sentence, the exact
cell and what the rest of mebias does about it; nothing is repaired. The room is callable:
``mebias.audit(cohort)`` is `mebias.audit.audit`.
"""

import sys
from types import ModuleType
from typing import Any

import pandas as pd

from mebias.audit.audit import audit
from mebias.audit.consequences import consequences
from mebias.audit.text import summary_text

__all__ = ["audit", "consequences", "summary_text"]


class _Room(ModuleType):
    """A module that audits when it is called."""

    def __call__(self, *args: Any, **options: Any) -> pd.DataFrame:
        return audit(*args, **options)


sys.modules[__name__].__class__ = _Room
