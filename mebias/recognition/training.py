"""Train a model on the folds of a cohort and score the clips that each leaves out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mebias.errors import OptionError
from mebias.recognition.augment import Augment
from mebias.recognition.checkpoints import Kept
from mebias.recognition.fold_pool import FoldPool
from mebias.recognition.jobs import (
    Fold,
    Job,
    Scored,
    check_folds,
    check_labels,
    check_maps,
    warn_absent,
)
from mebias.recognition.models import Build, Recipe, get_model
from mebias.recognition.ways import Way, choose_way, find_device, on_cluster, train_by
from mebias.workers import Jobs, cores


@dataclass(frozen=True)
class Trained:
    """Scores of clips by models that never saw their fold.

    Attributes
    ----------
    probabilities : array
        Clips x classes, after the last epoch; NaN for clips that no fold tests.
    by_epoch : array, optional
        Epochs x clips x classes, where asked for.
    way : str
        How folds were trained: ``turn``, ``processes`` or ``at once``.
    folder : Path, optional
        Where finished folds are kept.
    by_fold : tuple of array
        Of each fold, epochs x its test clips x classes: all epochs, or only the last one.
    """

    probabilities: np.ndarray
    by_epoch: np.ndarray | None
    way: str
    folder: Path | None
    by_fold: tuple[np.ndarray, ...] = ()


def train_folds(
    model: str | Build,
    inputs: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    folds: Sequence[Fold],
    *,
    test_inputs: np.ndarray | None = None,
    classes: int | None = None,
    seed: int = 0,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    falling_loss: bool | None = None,
    class_weights: bool | None = None,
    augment: Augment | None = None,
    device: str = "auto",
    way: Way = "auto",
    jobs: Jobs | None = None,
    pool: FoldPool | None = None,
    mixed: bool | None = None,
    dtype: torch.dtype = torch.float32,
    record_epochs: bool = False,
    keep: str | Path | None = None,
    arm: str = "",
    keep_weights: bool = False,
    overlap: bool = False,
    progress: bool | Callable[[int], None] = False,
) -> Trained:
    """Train each fold for a fixed number of epochs and score the clips that it leaves out.

    Test clips never touch training: neither their maps' scale, nor a choice of epoch.

    Parameters
    ----------
    model : str or callable
        A name in `MODELS`, or a function ``(channels, classes)`` that returns a backbone of
        your own.
    inputs : array
        Clips x branches x channels x height x width, float or uint8: the rising map, then the
        falling one.
    labels : sequence of int
        Class of each clip, from 0.
    folds : sequence of pairs
        Places of the training clips and of the test clips.
    test_inputs : array, optional
        Maps to test on; those to train on by default.
    classes : int, optional
        How many there are; by default up to the largest label.
    seed : int
        Of initial weights, batches, augmentation and dropout. Each fold has its own; they do
        not depend on the maps, so that arms share them.
    recipe : Recipe, optional
        How to train; the model's own by default.
    epochs, batch, falling_loss, class_weights, augment : optional
        Single settings of the recipe.
    device : str
        ``cpu``, ``cuda``, or ``auto``: a GPU where there is one.
    way : str
        ``turn``, ``processes`` (one per core, one thread each), ``at once`` (folds side by
        side, for a model whose layers allow it), or ``auto``: at once on a GPU for small
        models, in processes on the CPU, which is the faster there. Results are the same but
        for rounding.
    jobs : int or str, optional
        Processes, one per core by default; or the address of a Dask scheduler, whose workers
        then train, on their CPUs.
    pool : FoldPool, optional
        Processes at hand, for several runs.
    mixed : bool, optional
        Compute in bfloat16 where that is safe; on a GPU by default.
    dtype : dtype
        Of the weights.
    record_epochs : bool
        Score the test clips after every epoch, too.
    keep : path, optional
        Keep finished folds in this folder, and go on from those that are there.
    arm : str
        Name of the maps, for the folder.
    keep_weights : bool
        Keep the weights of each fold there, too.
    overlap : bool
        Folds may test the same clip, as inner splits of several folds do; scores then stand
        in ``by_fold`` alone.
    progress : bool or callable
        Show a bar on stderr, or call this with the number of folds that are done.

    Returns
    -------
    Trained
        Probabilities of each class for each clip.

    Raises
    ------
    MapError
        Maps hold NaN, or are of another shape or type.
    OptionError
        Labels or folds do not fit them, or an option has no meaning here.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(24) % 2
    >>> maps = rng.normal(size=(24, 1, 3, 28, 28)).astype("float32")
    >>> maps += labels[:, None, None, None, None]
    >>> folds = [(np.arange(12, 24), np.arange(12)), (np.arange(12), np.arange(12, 24))]
    >>> done = train_folds("tiny", maps, labels, folds, epochs=12, way="turn", device="cpu")
    >>> bool((done.probabilities.argmax(1) == labels).all())
    True
    """
    chosen = get_model(model)
    changes = {
        "epochs": epochs,
        "batch": batch,
        "falling_loss": falling_loss,
        "class_weights": class_weights,
        "augment": augment,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    tested = inputs if test_inputs is None else test_inputs
    settled = replace(recipe or chosen.recipe, **given)  # type: ignore[arg-type]
    n_classes, checked = _check(inputs, tested, labels, folds, classes, settled, overlap)
    train_maps = _own(inputs)
    cluster = pool.cluster if pool else jobs if isinstance(jobs, str) else ""
    if cluster:
        way, device = on_cluster(way, device)
    place = find_device(device)
    job = Job(
        model=chosen,
        recipe=settled,
        train_maps=train_maps,
        test_maps=train_maps if tested is inputs else _own(tested),
        labels=np.asarray(labels, dtype=np.int64),
        classes=n_classes,
        folds=checked,
        seed=seed,
        device=place,
        dtype=dtype,
        mixed=place != "cpu" if mixed is None else mixed,
        record_epochs=record_epochs,
        keep_weights=keep_weights,
    )
    if keep_weights and keep is None:
        raise OptionError("keep_weights needs a folder to keep them in; name one with keep.")
    warn_absent(job.labels, checked)
    many = pool.jobs if pool else jobs if isinstance(jobs, int) else cores()
    taken = choose_way(way, job, many)
    kept = None if keep is None else Kept(Path(keep), job, arm, taken == "at once")
    return _run(job, taken, kept, pool, jobs, progress, overlap)


def _check(
    inputs: np.ndarray,
    tested: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    folds: Sequence[Fold],
    classes: int | None,
    recipe: Recipe,
    overlap: bool,
) -> tuple[int, tuple[Fold, ...]]:
    check_maps(inputs, "training")
    if tested is not inputs:
        check_maps(tested, "test")
        if (len(tested), *tested.shape[2:]) != (len(inputs), *inputs.shape[2:]):
            raise OptionError(
                f"the test maps are of shape {tested.shape}, the training maps of "
                f"{inputs.shape}; expected the same clips, channels and size."
            )
    if recipe.falling_loss and inputs.shape[1] < 2:
        raise OptionError("the falling loss needs falling maps; the maps have one branch.")
    if recipe.epochs < 1 or recipe.batch < 1:
        raise OptionError(
            f"{recipe.epochs} epochs with batches of {recipe.batch}; expected 1 or more of both."
        )
    beyond = [channel for channel in recipe.augment.mirrored if channel >= inputs.shape[2]]
    if beyond:
        raise OptionError(f"channel {beyond[0]} is to turn its sign, but the maps have no such.")
    n_classes = check_labels(labels, len(inputs), classes)
    return n_classes, check_folds(folds, len(inputs), overlap)


def _own(maps: np.ndarray) -> np.ndarray:
    """The same maps, in the order of memory that torch wants; copied only where they are not."""
    return np.require(maps, requirements=("C", "W"))


def _run(
    job: Job,
    way: Way,
    kept: Kept | None,
    pool: FoldPool | None,
    jobs: Jobs | None,
    progress: bool | Callable[[int], None],
    overlap: bool,
) -> Trained:
    epochs = job.recipe.epochs if job.record_epochs else 1
    found = np.full((epochs, len(job.labels), job.classes), np.nan)
    done = {k: kept.get(k) for k in range(len(job.folds))} if kept else {}
    work = _scored(job, way, done, kept, pool, jobs)
    by_fold = [np.empty(0)] * len(job.folds)
    with closing(work):  # what is set for training is set back, also where it is interrupted
        for fold, scored in _bar(work, len(job.folds), progress):
            by_fold[fold] = scored.probabilities
            if not overlap:
                found[:, job.folds[fold][1]] = scored.probabilities
    by_epoch = found if job.record_epochs and not overlap else None
    return Trained(found[-1], by_epoch, way, kept.folder if kept else None, tuple(by_fold))


def _scored(
    job: Job,
    way: Way,
    done: dict[int, Scored | None],
    kept: Kept | None,
    pool: FoldPool | None,
    jobs: Jobs | None,
) -> Generator[tuple[int, Scored]]:
    """Each fold once: those that were kept, then those that are trained now."""
    ready = {fold: scored for fold, scored in done.items() if scored is not None}
    yield from ready.items()
    waiting = [fold for fold in range(len(job.folds)) if fold not in ready]
    if not waiting:
        return
    with closing(train_by(way, job, waiting, pool, jobs)) as work:
        for fold, scored in work:
            if kept is not None:
                kept.put(fold, scored)
            yield fold, scored


def _bar(
    scored: Iterable[tuple[int, Scored]], total: int, progress: bool | Callable[[int], None]
) -> Iterator[tuple[int, Scored]]:
    if callable(progress):
        for number, each in enumerate(scored, start=1):
            yield each
            progress(number)
    elif progress:
        from tqdm.auto import tqdm

        yield from tqdm(scored, total=total, desc="training", unit="fold")
    else:
        yield from scored
