"""Recognition: re-selected keyframes in training code. The only room that imports torch.

Names that need torch are loaded at their first use, so that scores can be computed without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mebias.recognition.swap import swap

if TYPE_CHECKING:
    from mebias.recognition.keyframe_dataset import KeyframeDataset

__all__ = ["KeyframeDataset", "swap"]


def __getattr__(name: str) -> object:
    if name == "KeyframeDataset":
        from mebias.recognition.keyframe_dataset import KeyframeDataset

        return KeyframeDataset
    raise AttributeError(f"module 'mebias.recognition' has no attribute {name!r}")
