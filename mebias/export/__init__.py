"""Export: re-selected keyframes, written back into the authors' own tables."""

from mebias.export.export import Exported, export

__all__ = ["Exported", "export"]
