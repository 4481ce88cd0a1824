"""Which clips train and which test: whole subjects, or whole datasets, are left out together."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, TrainingWarning, counted, listed

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Folds:
    """Folds of clips; iterating gives pairs of training and test places.

    Attributes
    ----------
    names : tuple of str
        Of each fold: the subject or dataset left out, or its number from 1.
    pairs : tuple of pairs of ndarray of int64
        Places of the training clips and of the test clips, ascending. Every clip is tested
        in one fold.
    """

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)

    def of_clips(self) -> np.ndarray:
        """Name of the fold that tests each clip."""
        names = np.empty(sum(len(test) for _, test in self.pairs), dtype=object)
        for name, (_, test) in zip(self.names, self.pairs, strict=True):
            names[test] = name
        return names


def leave_one_subject_out(people: Sequence[str] | np.ndarray) -> Folds:
    """One fold per subject, who is tested by a model trained on all others.

    Parameters
    ----------
    people : sequence of str, length n_clips
        Whose clip each is; see `mebias.recognition.inputs.people` for several datasets.

    Raises
    ------
    OptionError
        Fewer than two subjects.

    Examples
    --------
    >>> folds = leave_one_subject_out(["b", "a", "b"])
    >>> [(name, test.tolist()) for name, (_, test) in zip(folds.names, folds)]
    [('a', [1]), ('b', [0, 2])]
    """
    return _left_out(_checked(people))


def k_folds(people: Sequence[str] | np.ndarray, k: int = 5, *, seed: int = 0) -> Folds:
    """Subjects dealt to k folds of about as many clips.

    Subjects are taken from the one with most clips on, those with as many in random order,
    and each goes to the fold that has fewest clips so far (of several: fewest subjects, then
    the first).

    Parameters
    ----------
    people : sequence of str, length n_clips
        Whose clip each is. The order of clips makes no difference.
    k : int
        Folds, from 2 up to the number of subjects.
    seed : int
        Of the order among subjects with as many clips.

    Raises
    ------
    OptionError
        Fewer subjects than folds, or fewer than two folds.

    Examples
    --------
    >>> folds = k_folds(list("aaabbc"), 2)
    >>> [test.tolist() for _, test in folds]
    [[0, 1, 2], [3, 4, 5]]
    """
    owners = _checked(people)
    names, counts = np.unique(owners, return_counts=True)
    if not 2 <= k <= len(names):
        raise OptionError(
            f"{k} folds by subject are asked for; expected 2 to {len(names)}, the number of "
            f"subjects."
        )
    fold_of = _dealt(names, counts, k, seed)
    return _left_out(np.array([f"{fold_of[o] + 1:0{len(str(k))}d}" for o in owners]))


def leave_one_dataset_out(datasets: Sequence[str] | np.ndarray) -> Folds:
    """One fold per dataset, which is tested by a model trained on all others.

    Raises
    ------
    OptionError
        Fewer than two datasets.
    """
    return _left_out(_checked(datasets, "datasets"))


EVALUATIONS = ("cde", "sde", "lodo")
"""Composite (all subjects of all datasets together), each dataset alone, one dataset left out."""


def deal_folds(clips: pd.DataFrame, evaluation: str = "cde", k: int | None = None) -> Folds:
    """The folds of a protocol of one or several datasets.

    Parameters
    ----------
    clips : DataFrame
        dataset and subject of each clip.
    evaluation : {"cde", "sde", "lodo"}
        Each subject is tested by a model trained on the other subjects of all datasets
        (composite), or on those of its own dataset alone (single dataset); or each dataset by
        a model trained on the others (leave one dataset out).
    k : int, optional
        So many folds by subject, of each dataset with ``sde``, instead of one per subject.

    Returns
    -------
    Folds
        Named by who is left out; subjects of two datasets are two persons.

    Raises
    ------
    OptionError
        Too few subjects or datasets, or folds of subjects where datasets are left out.

    Examples
    --------
    >>> clips = pd.DataFrame({"dataset": list("aaabb"), "subject": list("12212")})
    >>> [(train.tolist(), test.tolist()) for train, test in deal_folds(clips, "sde")]
    [([1, 2], [0]), ([0], [1, 2]), ([4], [3]), ([3], [4])]
    >>> deal_folds(clips, "lodo").names
    ('a', 'b')
    """
    datasets = clips["dataset"].astype(str).to_numpy()
    owners = np.asarray(clips["dataset"].astype(str) + "/" + clips["subject"].astype(str))
    if evaluation == "lodo":
        if k is not None:
            raise OptionError(
                f"{k} folds by subject are asked for where whole datasets are left out; choose "
                f"one of both."
            )
        return leave_one_dataset_out(datasets)
    if evaluation not in EVALUATIONS:
        raise OptionError(f"evaluation is {evaluation!r}; expected {listed(EVALUATIONS)}.")
    if evaluation == "cde" or len(set(datasets)) == 1:
        return _by_subject(owners, k)
    names: list[str] = []
    pairs: list[Pair] = []
    for dataset in dict.fromkeys(datasets.tolist()):
        own = np.flatnonzero(datasets == dataset)
        folds = _by_subject(owners[own], k)
        names += folds.names if k is None else [f"{dataset}/{name}" for name in folds.names]
        pairs += [(own[train], own[test]) for train, test in folds]
    return Folds(tuple(names), tuple(pairs))


def _by_subject(owners: np.ndarray, k: int | None) -> Folds:
    return leave_one_subject_out(owners) if k is None else k_folds(owners, k)


def inner_split(
    train: np.ndarray, people: Sequence[str] | np.ndarray, *, share: float = 0.2, seed: int = 0
) -> Pair:
    """Split the training clips of a fold by subject, to choose epochs without its test clips.

    Parameters
    ----------
    train : ndarray of int
        Places of the training clips.
    people : sequence of str, length n_clips
        Whose clip each is, test clips included.
    share : float
        Share of the training clips to validate on, about; always whole subjects, at least
        one, and at least one is left to train on.
    seed : int
        Of the subjects drawn.

    Returns
    -------
    train, validation : ndarray of int64
        Places, ascending.

    Raises
    ------
    OptionError
        One training subject, or a share that is not between 0 and 1.

    Examples
    --------
    >>> inner, validation = inner_split(np.arange(4), list("aabbcc"), share=0.5)
    >>> len(inner), len(validation)
    (2, 2)
    """
    if not 0 < share < 1:
        raise OptionError(f"share is {share}; expected a share between 0 and 1.")
    train = np.sort(np.asarray(train, dtype=np.int64))
    own = np.asarray(people).astype(str)[train]
    names, counts = np.unique(own, return_counts=True)
    if len(names) < 2:
        raise OptionError(
            "a fold trains on one subject, who cannot be split; an inner split needs two."
        )
    order = np.random.default_rng([seed, len(names)]).permutation(len(names))
    reached = np.cumsum(counts[order])
    n = int(np.clip(np.abs(reached - share * len(own)).argmin() + 1, 1, len(names) - 1))
    held = np.isin(own, names[order[:n]])
    return train[~held], train[held]


def absent_classes(
    folds: Folds, labels: np.ndarray, classes: Sequence[str], dataset: str = "data"
) -> list[dict[str, object]]:
    """Classes that some fold has no training clip of; a warning is given, too.

    Parameters
    ----------
    folds : Folds
    labels : ndarray of int, shape (n_clips,)
        Places among ``classes``.
    classes : sequence of str
    dataset : str
        For the rows.

    Returns
    -------
    list of dict
        Rows of an issues table, one per class: a model cannot learn what it never sees, and
        its clips in the fold are counted as they are recognized, that is wrongly.

    Warns
    -----
    TrainingWarning
        Where there is such a class.
    """
    rows = []
    for place, name in enumerate(classes):
        without = [f for f, (train, _) in zip(folds.names, folds, strict=True)
                   if place not in labels[train]]  # fmt: skip
        if not without:
            continue
        n_tested = sum(
            int((labels[test] == place).sum())
            for f, (_, test) in zip(folds.names, folds, strict=True)
            if f in without
        )
        message = (
            f"class {name}: no training clip in {len(without)} of {len(folds)} folds "
            f"({listed(without)}), so that their models cannot recognize its "
            f"{counted(n_tested, 'test clip')}; merge it with another class or leave it out."
        )
        warnings.warn(message, TrainingWarning, stacklevel=2)
        rows.append(
            tables.issue("warning", message, dataset=dataset, field="label", found=name,
                         check="folds")
        )  # fmt: skip
    return rows


def _checked(people: Sequence[str] | np.ndarray, what: str = "subjects") -> np.ndarray:
    owners = np.asarray(people).astype(str)
    if len(set(owners)) < 2:
        found = f"all {len(owners)} clips are of one" if len(owners) else "there is no clip"
        raise OptionError(
            f"{found}; to leave some out and train on the others, two {what} or more are needed."
        )
    return owners


def _left_out(groups: np.ndarray) -> Folds:
    names = sorted(set(groups.tolist()))
    pairs = [(np.flatnonzero(groups != n), np.flatnonzero(groups == n)) for n in names]
    return Folds(tuple(names), tuple(pairs))


def _dealt(names: np.ndarray, counts: np.ndarray, k: int, seed: int) -> dict[str, int]:
    shuffled = np.random.default_rng([seed, len(names)]).permutation(len(names))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    clips, subjects = np.zeros(k, dtype=int), np.zeros(k, dtype=int)
    fold_of = {}
    for place in order:
        fold = int(np.lexsort((subjects, clips))[0])
        fold_of[str(names[place])] = fold
        clips[fold] += counts[place]
        subjects[fold] += 1
    return fold_of
