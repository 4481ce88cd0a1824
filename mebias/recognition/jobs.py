"""One run of training: which maps, which folds, which recipe, on which device."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from mebias.errors import MapError, OptionError, TrainingWarning, counted, listed
from mebias.recognition.draws import Draws
from mebias.recognition.models import Model, Recipe
from mebias.recognition.two_branch import TwoBranch

Fold = tuple[np.ndarray, np.ndarray]
"""Places of the training clips, and of the test clips."""


@dataclass(frozen=True)
class Job:
    """One run of training, checked.

    Attributes
    ----------
    model : Model
        What is trained.
    recipe : Recipe
        And how.
    train_maps, test_maps : array
        Clips x branches x channels x height x width, float32, float64 or uint8.
    labels : array
        Class of each clip.
    classes : int
        How many there are.
    folds : tuple
        Training and test clips of each fold.
    seed : int
        Of all that is random.
    device : str
        Where it trains.
    dtype : dtype
        Of the weights.
    mixed : bool
        Compute in bfloat16 where that is safe.
    record_epochs, keep_weights : bool
        Score the test clips after each epoch; return the weights.
    """

    model: Model
    recipe: Recipe
    train_maps: np.ndarray
    test_maps: np.ndarray
    labels: np.ndarray
    classes: int
    folds: tuple[Fold, ...]
    seed: int
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    mixed: bool = False
    record_epochs: bool = False
    keep_weights: bool = False

    @cached_property
    def n_batches(self) -> int:
        """Steps an epoch: the same in all folds, so that they can train in step."""
        return -(-max(len(train) for train, _ in self.folds) // self.recipe.batch)

    @property
    def branches(self) -> int:
        """Branches that are trained on."""
        return 1 + self.recipe.falling_loss

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the maps."""
        return self.train_maps.shape[3], self.train_maps.shape[4]

    def start(self, fold: int) -> TwoBranch:
        """The model with the initial weights of a fold, on the CPU."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(Draws(self.seed, fold).initial)
            backbone: object = self.model.build(self.train_maps.shape[2], self.classes)
        if not isinstance(backbone, nn.Module):
            raise OptionError(
                f"model {self.model.name} built a {type(backbone).__name__}; expected a "
                f"torch.nn.Module."
            )
        return TwoBranch(backbone)

    def clip_weights(self, fold: int) -> np.ndarray:
        """Weight of each clip in the loss of a fold; of a class, all together, the same."""
        if not self.recipe.class_weights:
            return np.ones(len(self.labels))
        counts = np.bincount(self.labels[self.folds[fold][0]], minlength=self.classes)
        share = counts.sum() / (np.maximum(counts, 1) * np.count_nonzero(counts))
        return np.asarray(share[self.labels])


@dataclass(frozen=True)
class Scored:
    """A fold that is done.

    Attributes
    ----------
    probabilities : array
        Epochs x test clips x classes; only the last epoch, unless all were asked for.
    weights : dict, optional
        The backbone's, by name.
    """

    probabilities: np.ndarray
    weights: dict[str, torch.Tensor] | None = None


class Maps:
    """The maps of a job on its device.

    Parameters
    ----------
    job : Job
        Whose maps these are.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.train = torch.from_numpy(job.train_maps)[:, : job.branches].to(job.device)
        same = job.test_maps is job.train_maps
        tested = self.train if same else torch.from_numpy(job.test_maps).to(job.device)
        self.test = tested[:, :1]

    @cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each clip (clips x branches x channels)."""
        clips = self.job.train_maps[:, : self.job.branches]
        means = [clip.mean((-2, -1), dtype=np.float64) for clip in clips]
        variances = [clip.var((-2, -1), dtype=np.float64) for clip in clips]
        return np.array(means), np.array(variances)

    def scale(self, fold: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation over a fold's training clips, per branch and channel.

        They are 0 and 1 where the recipe takes maps as they are.
        """
        train = self.job.folds[fold][0]
        means, variances = (each[train] for each in self._moments)
        mean = means.mean(0)
        sd = np.sqrt((variances + (means - mean) ** 2).mean(0))
        sd[sd == 0] = 1.0  # a channel that is constant says nothing, whatever it is divided by
        if not self.job.recipe.standardize:
            mean, sd = np.zeros_like(mean), np.ones_like(sd)
        return self._tensor(mean), self._tensor(sd)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values)[..., None, None].to(self.job.device, self.job.dtype)


def check_maps(maps: np.ndarray, name: str) -> None:
    """Refuse maps that cannot be trained on.

    Raises
    ------
    MapError
        Not five-dimensional, of another type, empty, or not finite.
    """
    if not isinstance(maps, np.ndarray) or maps.ndim != 5 or 0 in maps.shape:
        shape = getattr(maps, "shape", type(maps).__name__)
        raise MapError(
            f"the {name} maps are {shape}; expected an array of clips x branches x channels x "
            f"height x width."
        )
    if maps.dtype not in (np.float32, np.float64, np.uint8):
        raise MapError(f"the {name} maps are {maps.dtype}; expected float32, float64 or uint8.")
    if maps.shape[1] > 2:
        raise MapError(f"the {name} maps have {maps.shape[1]} branches; expected 1 or 2.")
    broken = [place for place, clip in enumerate(maps) if not np.isfinite(clip).all()]
    if broken:
        raise MapError(
            f"the {name} maps of {counted(len(broken), 'clip')} hold NaN or infinite values (clips "
            f"{listed(broken)}, counted from 0); leave these clips out or mend their maps."
        )


def check_folds(folds: Sequence[Fold], n_clips: int, overlap: bool = False) -> tuple[Fold, ...]:
    """Folds as arrays of places; with ``overlap`` several may test the same clip.

    Raises
    ------
    OptionError
        There is none, one lacks training or test clips or shares them, a clip does not exist,
        or is tested twice.
    """
    found = tuple(
        (np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64))
        for train, test in folds
    )
    if not found:
        raise OptionError("there is no fold to train; expected at least one.")
    for k, (train, test) in enumerate(found):
        if not len(train) or not len(test):
            what = "training" if not len(train) else "test"
            raise OptionError(
                f"fold {k} has no {what} clip; leaving one subject out needs two subjects or more."
            )
        places = np.concatenate([train, test])
        if places.min() < 0 or places.max() >= n_clips:
            raise OptionError(f"fold {k} names a clip that is not among the {n_clips} maps.")
        shared = np.intersect1d(train, test)
        if len(shared):
            raise OptionError(f"fold {k} trains on clips that it tests ({listed(shared)}).")
    tested = np.concatenate([test for _, test in found])
    if not overlap and len(np.unique(tested)) < len(tested):
        raise OptionError("a clip is tested in more than one fold; give each clip to one.")
    return found


def check_labels(labels: Sequence[int] | np.ndarray, n_clips: int, classes: int | None) -> int:
    """The number of classes.

    Raises
    ------
    OptionError
        Labels are not whole numbers from 0, one per clip, below the number of classes.
    """
    found = np.asarray(labels)
    if found.shape != (n_clips,) or found.dtype.kind not in "iu" or (found < 0).any():
        raise OptionError(
            f"the labels are of shape {found.shape} and type {found.dtype}; expected {n_clips} "
            f"whole numbers from 0."
        )
    most = int(found.max()) + 1
    if classes is not None and classes < most:
        raise OptionError(f"label {most - 1} occurs, but there are only {classes} classes.")
    if max(most, classes or 0) < 2:
        raise OptionError("all clips are of one class; expected at least two classes.")
    return classes or most


def warn_absent(labels: np.ndarray, folds: Sequence[Fold]) -> None:
    """Say which folds have no training clip of a class that they test."""
    lacking = []
    for k, (train, test) in enumerate(folds):
        absent = sorted(set(labels[test].tolist()) - set(labels[train].tolist()))
        if absent:
            lacking.append(f"fold {k}: class {listed(absent)}")
    if lacking:
        warnings.warn(
            f"no training clip of a class that is tested, which therefore cannot be recognized "
            f"({listed(lacking, 3)}).",
            TrainingWarning,
            stacklevel=3,
        )
