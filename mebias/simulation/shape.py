"""Who is in a simulated cohort: subjects, groups, clips and emotions in published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


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


def dealt(weights: Mapping[str, float], total: int, rng: np.random.Generator) -> list[str]:
    """Names in random order, each as often as its share asks."""
    counts = shares(weights, total)
    names = [name for name, count in counts.items() for _ in range(count)]
    return [names[i] for i in rng.permutation(total)]


def groups_of(weights: Mapping[str, float], n_subjects: int, rng: np.random.Generator) -> list[str]:
    """Group of each subject; with enough subjects, every group has one at least."""
    counts = shares(weights, n_subjects)
    for name in counts:
        if counts[name] == 0 and n_subjects >= len(counts):
            counts[max(counts, key=lambda g: counts[g])] -= 1
            counts[name] = 1
    names = [name for name, count in counts.items() for _ in range(count)]
    return [names[i] for i in rng.permutation(n_subjects)]


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
        open_ = sizes < most
        exact = wanted * open_ / (wanted * open_).sum() * missing
        add = np.minimum(exact.astype(int), most - sizes)
        if not add.any():
            order = np.argsort(-(exact % 1) - open_, kind="stable")
            add[order[: min(missing, int(open_.sum()))]] = 1
        sizes += add
    return [*known, *(int(s) for s in sizes)]
