"""Recognition: re-selected keyframes in training code. The only room that imports torch."""

from mebias.recognition.augment import Augment
from mebias.recognition.fold_pool import FoldPool
from mebias.recognition.keyframe_dataset import KeyframeDataset
from mebias.recognition.models import MODELS, RELEASED, Model, Recipe, get_model
from mebias.recognition.swap import swap
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
    "Recipe",
    "Trained",
    "TwoBranch",
    "get_model",
    "load_weights",
    "price",
    "save_weights",
    "swap",
    "train_folds",
    "two_branch_loss",
]
