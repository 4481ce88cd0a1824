"""Export: re-selected keyframes, written back into the authors' own tables.

The room is callable: ``mebias.export(cohort, keyframes, out)`` is `mebias.export.export`.
"""

import sys
from types import ModuleType
from typing import Any

from mebias.export.export import Exported, export

__all__ = ["Exported", "export"]


class _Room(ModuleType):
    """A module that exports when it is called."""

    def __call__(self, *args: Any, **options: Any) -> Exported:
        return export(*args, **options)


sys.modules[__name__].__class__ = _Room
