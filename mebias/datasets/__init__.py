"""Datasets: from the authors' files, or anyone's own folder, to a cohort.

The room is callable: ``mebias.datasets()`` is the table of what is known.
"""

import sys
from types import ModuleType

import pandas as pd

from mebias.datasets.demographics import template
from mebias.datasets.frames import FolderFrames
from mebias.datasets.load import load
from mebias.datasets.roots import VARIABLE, datasets_table, resolve_root
from mebias.datasets.versions import read_versions

__all__ = [
    "VARIABLE",
    "FolderFrames",
    "datasets_table",
    "load",
    "read_versions",
    "resolve_root",
    "template",
]


class _Room(ModuleType):
    """A module that answers a call with the table of known datasets."""

    def __call__(self) -> pd.DataFrame:
        return datasets_table()


sys.modules[__name__].__class__ = _Room
