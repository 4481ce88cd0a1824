"""The models that are shipped, and how each is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import nn

from mebias.errors import OptionError, listed, suggest
from mebias.recognition.augment import Augment
from mebias.recognition.backbones import ConvNeXt, ResNet, Retentive, Tiny

Build = Callable[[int, int], nn.Module]
"""From the number of channels and of classes to a backbone."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: AdamW on shuffled batches for a fixed number of epochs.

    Attributes
    ----------
    epochs, batch : int
        Passes over the training clips, and most clips a step.
    rate, weight_decay : float
        Of AdamW.
    decay, decay_epochs : float, int
        The rate is multiplied by ``decay`` after each of the first ``decay_epochs`` epochs.
    augment : Augment
        Random changes of clips.
    standardize : bool
        Bring each channel of each branch to mean 0 and variance 1 over the training clips of
        a fold; otherwise maps are taken as they are.
    class_weights : bool
        Weight clips so that each class counts alike.
    falling_loss : bool
        Add the falling branch's cross-entropy.
    """

    epochs: int = 20
    batch: int = 32
    rate: float = 1e-3
    weight_decay: float = 0.01
    decay: float = 1.0
    decay_epochs: int = 0
    augment: Augment = field(default_factory=Augment)
    standardize: bool = True
    class_weights: bool = True
    falling_loss: bool = False

    def rate_at(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 0.

        >>> round(RELEASED.rate_at(1) / RELEASED.rate_at(0), 6)
        0.987
        """
        return self.rate * float(self.decay ** min(epoch, self.decay_epochs))


JOINT = Augment(flip=0.5, rotation=3, padding=15 / 224)
"""The published augmentation; for differences of images, not for flow, unless told of its sign."""

RELEASED = Recipe(
    epochs=199,
    batch=16,
    rate=8e-4,
    weight_decay=0.6,
    decay=0.987,
    decay_epochs=50,
    augment=JOINT,
    standardize=False,
    class_weights=False,
    falling_loss=True,
)
"""The recipe of the released two-branch model: 199 epochs, strong weight decay, no weights."""


@dataclass(frozen=True)
class Model:
    """A shipped model.

    Attributes
    ----------
    name : str
        As the command line calls it.
    build : callable
        From the number of channels and of classes to a backbone.
    size : int
        Height and width of its maps.
    channels : int
        Channels of its maps; 6 where the frame that a difference starts from is among them.
    recipe : Recipe
        How it is trained by default.
    stacks : bool
        Whether folds train at once on a GPU by default.
    """

    name: str
    build: Build
    size: int
    channels: int
    recipe: Recipe
    stacks: bool


def _models(*models: Model) -> dict[str, Model]:
    return {model.name: model for model in models}


MODELS: dict[str, Model] = _models(
    Model("tiny", Tiny, 28, 3, Recipe(), stacks=True),
    Model("two-branch", Retentive, 224, 6, RELEASED, stacks=False),
    Model("resnet", ResNet, 56, 3, Recipe(epochs=30, augment=JOINT), stacks=True),
    Model("convnext", ConvNeXt, 56, 3, Recipe(epochs=30, augment=JOINT), stacks=True),
)
"""Models by name."""


def get_model(model: str | Build) -> Model:
    """A shipped model by its name, or one that a function of your own builds.

    Parameters
    ----------
    model : str or callable
        A name in `MODELS`, or ``build(channels, classes)`` that returns a backbone.

    Raises
    ------
    OptionError
        No model has this name.

    Examples
    --------
    >>> get_model("tiny").size
    28
    """
    if callable(model):
        name = getattr(model, "__qualname__", type(model).__name__)
        return replace(MODELS["tiny"], name=name, build=model, stacks=False)
    if model not in MODELS:
        raise OptionError(
            f"no model is called {model!r} (known: {listed(MODELS)}){suggest(model, MODELS)}."
        )
    return MODELS[model]
