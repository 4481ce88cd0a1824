"""Recognition: re-selected keyframes in training code. The only room that imports torch.

Names that need torch are loaded at their first use, so that scores can be computed without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mebias.recognition.swap import swap

if TYPE_CHECKING:
    from mebias.recognition.augment import Augment
    from mebias.recognition.experiment import recognize
    from mebias.recognition.fold_pool import FoldPool
    from mebias.recognition.keyframe_dataset import KeyframeDataset
    from mebias.recognition.models import MODELS, RELEASED, Model, Recipe, get_model
    from mebias.recognition.protocols import Protocols, run_protocols
    from mebias.recognition.runs import arm_inputs
    from mebias.recognition.training import Trained, train_folds
    from mebias.recognition.two_branch import Price, TwoBranch, price, two_branch_loss
    from mebias.recognition.weights import load_weights, save_weights

__all__ = [
    "MODELS",
    "RELEASED",
    "Augment",
    "FoldPool",
    "KeyframeDataset",
    "Model",
    "Price",
    "Protocols",
    "Recipe",
    "Trained",
    "TwoBranch",
    "arm_inputs",
    "get_model",
    "load_weights",
    "price",
    "recognize",
    "run_protocols",
    "save_weights",
    "swap",
    "train_folds",
    "two_branch_loss",
]

_HOME = {
    "augment": ("Augment",),
    "fold_pool": ("FoldPool",),
    "keyframe_dataset": ("KeyframeDataset",),
    "models": ("MODELS", "RELEASED", "Model", "Recipe", "get_model"),
    "experiment": ("recognize",),
    "protocols": ("Protocols", "run_protocols"),
    "runs": ("arm_inputs",),
    "training": ("Trained", "train_folds"),
    "two_branch": ("Price", "TwoBranch", "price", "two_branch_loss"),
    "weights": ("load_weights", "save_weights"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"mebias.recognition.{home}"), name)
    raise AttributeError(f"module 'mebias.recognition' has no attribute {name!r}")
