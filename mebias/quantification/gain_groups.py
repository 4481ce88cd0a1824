"""Whether an arm gains more UF1 or UAR in one group of subjects than in the others.

The two sides' gains come from counts pooled within each side. Their difference has a
delete-one-subject jackknife error, and is tested by dealing the groups out to subjects anew,
studentized, so that sides of other sizes and spreads do not look like a difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mebias import tables
from mebias.errors import counted
from mebias.quantification.contrasts import holm_adjusted
from mebias.quantification.gain_estimates import GIVEN, Pair, Row, Scored
from mebias.quantification.gain_tests import BY_GROUP, NAMES, Asked
from mebias.quantification.interval import t_half_width
from mebias.quantification.permutation import assignments, p_value
from mebias.recognition.metrics import margins, scores_of

QUANTITIES = ("uf1", "uar")
N_DEALT = 1999
"""Random assignments of groups to subjects, at most."""
LEAST = 2
"""Subjects of each class on each side: leaving one out must leave the class."""
_CHUNK = 1 << 20
_METHOD = "gains from counts pooled within each side; delete-one-subject jackknife within sides"


@dataclass(frozen=True)
class Dealt:
    """Difference of gains between two sides for several assignments of subjects.

    Attributes
    ----------
    differences, std_errors, df : ndarray, shape (B,)
        NaN where a side has too few subjects of a class.
    """

    differences: np.ndarray
    std_errors: np.ndarray
    df: np.ndarray

    @property
    def statistics(self) -> np.ndarray:
        """Differences over their errors; 0 over 0 is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.differences) / self.std_errors
        return np.where((self.std_errors <= 1e-12) & (np.abs(self.differences) <= 1e-12), 0.0, t)


def differences_of_gains(
    arm: np.ndarray, other: np.ndarray, sides: np.ndarray, quantity: str
) -> Dealt:
    """Gain on side 0 minus gain on side 1, for each assignment of subjects to sides.

    Parameters
    ----------
    arm, other : ndarray, shape (seeds, G, K, K)
        The same clips under both arms.
    sides : ndarray of int, shape (B, G)
        0 or 1 for each subject.
    quantity : {"uf1", "uar"}

    Returns
    -------
    Dealt
        Differences with Welch-Satterthwaite degrees of freedom.
    """
    true, hit, said = margins(arm)
    _, hit_other, said_other = margins(other)
    parts = np.moveaxis(np.stack([true, hit, said, hit_other, said_other]), 2, 0)
    there = (true[0] > 0).astype(float)
    step = max(1, _CHUNK // parts[0].size // len(parts))
    found = [_chunk(parts, there, sides[i : i + step], quantity)
             for i in range(0, len(sides), step)]  # fmt: skip
    return Dealt(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _chunk(
    parts: np.ndarray, there: np.ndarray, sides: np.ndarray, quantity: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of some assignments; ``parts`` is (G, 5, seeds, K)."""
    gains, variances, sizes, short = [], [], [], np.zeros(len(sides), dtype=bool)
    used = there.any(axis=0)
    for side in (0, 1):
        member = (sides == side).astype(float)
        short |= (member @ there)[:, used].min(axis=1) < LEAST
        whole = np.tensordot(member, parts, axes=1)
        gains.append(_gain(whole, quantity))
        own = parts * member[:, :, None, None, None]
        without = np.where(member > 0, _gain(whole[:, None] - own, quantity), 0.0)
        n = member.sum(axis=1)
        mean = without.sum(axis=1) / n
        squares = ((without - mean[:, None]) ** 2 * member).sum(axis=1)
        variances.append((n - 1) / n * squares)
        sizes.append(n)
    total = variances[0] + variances[1]
    with np.errstate(divide="ignore", invalid="ignore"):  # a side of one subject, or no spread
        df = total**2 / sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    found = gains[0] - gains[1], np.sqrt(total), df
    first, second, third = (np.where(short, math.nan, each) for each in found)
    return first, second, third


def _gain(counts: np.ndarray, quantity: str) -> np.ndarray:
    """Gain of pooled counts (..., 5, seeds, K), mean over seeds."""
    true, hit, said, hit_other, said_other = np.moveaxis(counts, -3, 0)
    arm, other = scores_of(true, hit, said), scores_of(true, hit_other, said_other)
    return np.asarray((arm[quantity] - other[quantity]).mean(axis=-1))


def group_score_tests(
    of: Scored, pairs: Sequence[Pair], asked: Asked
) -> tuple[list[Row], list[Row]]:
    """Whether arms gain more in the largest group than in the others, in UF1 and in UAR.

    Not tested, with the reason, where a side has too few subjects, or a class of fewer than
    two subjects on a side: the sides' scores would then be means over other classes.

    Parameters
    ----------
    of : Scored
    pairs : sequence of pairs
    asked : Asked

    Returns
    -------
    tests, estimates : list of dict
        A family for each score; empty where fewer than two groups are stated.
    """
    groups = of.counts.ethnicity
    stated = ~np.isin(groups, [tables.ALL, tables.UNKNOWN])
    largest = _by_size(of, stated)
    if len(largest) < 2 or not pairs:
        return [], []
    side = (groups[stated] != largest[0]).astype(np.int8)
    why = _cannot(of, stated, side, largest[0], asked)
    tests: list[Row] = []
    estimates: list[Row] = []
    for quantity in QUANTITIES:
        own = []
        for pair in pairs:
            test, estimate = _compared(of, pair, quantity, stated, side, largest[0], why, asked)
            own.append(test | {"family_size": len(pairs)})
            estimates.append(estimate)
        tests += holm_adjusted(own)
    return tests, estimates


def _by_size(of: Scored, stated: np.ndarray) -> list[str]:
    """Groups, those with most subjects first, then with most clips, then by name."""
    groups = of.counts.ethnicity
    clips = of.counts.counts[0, 0].sum(axis=(-1, -2))
    names = sorted(set(groups[stated].tolist()))
    return sorted(
        names, key=lambda g: (-int((groups == g).sum()), -float(clips[groups == g].sum()), g)
    )


def _cannot(of: Scored, stated: np.ndarray, side: np.ndarray, largest: str, asked: Asked) -> str:
    """Why the design does not permit the test; empty where it does."""
    names = (largest, "the others")
    for place, name in enumerate(names):
        n = int((side == place).sum())
        if n < asked.min_subjects:
            return f"{counted(n, 'subject')} in {name}, {asked.min_subjects} needed"
    clips = of.counts.counts[0, 0][stated].sum(axis=-1) > 0
    for place, label in enumerate(of.counts.classes):
        for number, name in enumerate(names):
            n = int(clips[side == number, place].sum())
            if clips[:, place].any() and n < LEAST:
                return f"class {label} is of {counted(n, 'subject')} in {name}, {LEAST} needed"
    return ""


def _compared(
    of: Scored, pair: Pair, quantity: str, stated: np.ndarray, side: np.ndarray, largest: str,
    why: str, asked: Asked,
) -> tuple[Row, Row]:  # fmt: skip
    arm, other = (of.counts.of_arm(name)[:, stated] for name in pair)
    same = "" if why or not np.array_equal(arm, other) else (
        "both arms give every subject the same predictions"
    )  # fmt: skip
    value = error = df = p = half = math.nan
    how = "not tested"
    if not why:
        order = np.lexsort(np.moveaxis(np.concatenate([arm, other]), 1, 0).reshape(len(side), -1).T)
        arm, other, dealt_from = arm[:, order], other[:, order], side[order]
        rng = np.random.default_rng(np.random.SeedSequence(asked.seed, spawn_key=(len(side), 2)))
        n_dealt = 1 if same else min(asked.n_swaps, N_DEALT)
        ways, every = assignments(dealt_from, n_dealt, rng)
        found = differences_of_gains(arm, other, ways[: 1 if same else None], quantity)
        kept = ~np.isnan(found.differences)
        value, error, df = (float(each[0]) for each in
                            (found.differences, found.std_errors, found.df))  # fmt: skip
        if not same:
            p = p_value(found.statistics[kept])
            half = t_half_width(error, df, asked.conf_level) if error > 1e-12 else math.nan
            how = (
                f"studentized permutation of subjects, "
                f"{f'all {kept.sum()}' if every else f'{kept.sum() - 1} random and the observed'}"
                f" assignments with {LEAST} subjects of each class on each side"
            )
    here: Row = {
        "dataset": of.dataset,
        "ethnicity": f"{largest} vs others",
        "source": pair[0],
        "keyframe": tables.ALL,
        "estimate": value,
        "unit": "score",
        "df": df,
        "conf_low": value - half,
        "conf_high": value + half,
        "n_clips": int(of.counts.counts[0, 0][stated].sum()),
        "n_subjects": int(stated.sum()),
        "reason": why or same,
    }
    test = here | {
        "stratum": tables.ALL,
        "family": f"{BY_GROUP}-{quantity}",
        "hypothesis": f"{pair[0]} gains as much {NAMES[quantity]} over {pair[1]} in {largest} as "
        f"in others",
        "margin": asked.margins[quantity],
        "statistic": value / error if error > 1e-12 else math.nan,
        "p_permutation": p,
        "p_value": p,
        "method": f"{_METHOD}, Welch-Satterthwaite df; {how}",
    }
    estimate = here | {
        "arm": f"{pair[0]} vs {pair[1]}",
        "quantity": f"{quantity}_gain_difference",
        "weighting": "clip",
        "std_error": error,
        "conf_level": asked.conf_level,
        "method": f"{_METHOD}, Welch-Satterthwaite df; {GIVEN}",
    }
    return test, estimate
