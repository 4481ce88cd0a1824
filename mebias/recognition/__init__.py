"""Recognition: re-selected keyframes in training code. The only room that imports torch."""

from mebias.recognition.keyframe_dataset import KeyframeDataset
from mebias.recognition.swap import swap

__all__ = ["KeyframeDataset", "swap"]
