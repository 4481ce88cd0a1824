"""Who is in a simulated cohort: subjects, groups, clips and emotions in published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mebias.manifests import Shape


@dataclass(frozen=True)
class Role:
    """One clip before anything moves in it; counts begin at 0."""

    index: int
    subject: int
    number: int
    group: str
    emotion: str

    @property
    def person(self) -> str:
        """The subject's id, such as ``s01``."""
        return f"s{self.subject + 1:02d}"

    @property
    def clip(self) -> str:
        """The clip's id, ``<subject>/<file>``."""
        return f"{self.person}/{self.person}_{self.number + 1:02d}"


def cast(shape: Shape, n_subjects: int, n_clips: int, rng: np.random.Generator) -> list[Role]:
    """Deal subjects, groups and emotions out, in exact totals.

    Parameters
    ----------
    shape : Shape
        Shares of groups and emotions, spread of the clips over subjects.
    n_subjects, n_clips : int
        Totals; known clips per subject count only where both are the published ones.
    rng : Generator
        The cohort's stream.

    Returns
    -------
    list of Role
        One per clip, subject by subject.
    """
    published = (n_subjects, n_clips) == (shape.n_subjects, shape.n_clips)
    known = shape.known_clips_per_subject if published else ()
    sizes = clips_per_subject(n_subjects, n_clips, shape.clips_log_sd, known, rng)
    groups = groups_of(shape.groups, n_subjects, rng)
    emotions = iter(dealt(shares(shape.emotions, n_clips), rng))
    places = [(subject, number) for subject, size in enumerate(sizes) for number in range(size)]
    return [
        Role(index, subject, number, groups[subject], next(emotions))
        for index, (subject, number) in enumerate(places)
    ]


def shares(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Deal a total out in proportion, by largest remainders.

    >>> shares({"A": 0.5, "B": 0.3, "C": 0.2}, 42)
    {'A': 21, 'B': 13, 'C': 8}
    """
    scale = total / sum(weights.values())
    exact = {name: weight * scale for name, weight in weights.items()}
    whole = {name: int(value) for name, value in exact.items()}
    order = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    for name in order[: total - sum(whole.values())]:
        whole[name] += 1
    return whole


def groups_of(weights: Mapping[str, float], n_subjects: int, rng: np.random.Generator) -> list[str]:
    """Group of each subject; with enough subjects, every group has one at least."""
    counts = shares(weights, n_subjects)
    for name in counts:
        if counts[name] == 0 and n_subjects >= len(counts):
            counts[max(counts, key=lambda g: counts[g])] -= 1
            counts[name] = 1
    return dealt(counts, rng)


def dealt(counts: Mapping[str, int], rng: np.random.Generator) -> list[str]:
    """Each name as often as it counts, in random order."""
    names = [name for name, count in counts.items() for _ in range(count)]
    return [names[i] for i in rng.permutation(len(names))]


def clips_per_subject(
    n_subjects: int,
    n_clips: int,
    log_sd: float,
    known: Sequence[int],
    rng: np.random.Generator,
) -> list[int]:
    """Clips of each subject: the known ones first, the rest log-normal, one or more each.

    Parameters
    ----------
    n_subjects, n_clips : int
        Exact totals.
    log_sd : float
        Spread of the log-normal sizes.
    known : sequence of int
        Published sizes of the subjects with most clips; no other has more.
    rng : Generator
        Source of the sizes.

    Examples
    --------
    >>> sizes = clips_per_subject(42, 267, 0.8, (25, 21, 18, 17), np.random.default_rng(0))
    >>> len(sizes), sum(sizes), sizes[:4], min(sizes) >= 1
    (42, 267, [25, 21, 18, 17], True)
    """
    rest = n_subjects - len(known)
    left = n_clips - sum(known)
    most = min(known, default=left)
    if rest < 0 or left < rest or left > rest * most:
        known, rest, left, most = (), n_subjects, n_clips, n_clips
    if rest == 0:
        return list(known)
    wanted = rng.lognormal(0.0, log_sd, rest)
    sizes = np.ones(rest, dtype=int)
    while (missing := left - int(sizes.sum())) > 0:
        below = sizes < most
        exact = wanted * below / (wanted * below).sum() * missing
        add = np.minimum(exact.astype(int), most - sizes)
        if not add.any():
            order = np.argsort(-(exact % 1) - below, kind="stable")
            add[order[: min(missing, int(below.sum()))]] = 1
        sizes += add
    return [*known, *(int(size) for size in sizes)]
