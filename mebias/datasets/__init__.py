"""Datasets: from the authors' files, or anyone's own folder, to a cohort."""

from mebias.datasets.frames import FolderFrames
from mebias.datasets.load import MARKER, load
from mebias.datasets.roots import VARIABLE, datasets_table, resolve_root

__all__ = [
    "MARKER",
    "VARIABLE",
    "FolderFrames",
    "datasets_table",
    "load",
    "resolve_root",
]
