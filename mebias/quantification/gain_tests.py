"""Tests of gains, and what may be concluded from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mebias import tables
from mebias.errors import counted
from mebias.quantification.comparison import Comparison, Options, Sample, compare_sides
from mebias.quantification.contrasts import holm_adjusted
from mebias.quantification.gain_estimates import Pair, Row, Scored, discordant, gain_of
from mebias.quantification.interval import Interval, clusters
from mebias.quantification.swaps import Swapped, swap_test
from mebias.recognition.metrics import QUANTITIES

MARGINS = {"uf1": 0.05, "uar": 0.05, "accuracy": 0.03}
"""Smallest gains that matter."""
NAMES = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy"}
AGAINST_HUMAN, AUGMENTATION, BY_GROUP, MCNEMAR = (
    "gain", "gamdss-vs-jitter", "gain-by-ethnicity", "mcnemar (description)",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What the tests of one run have in common."""

    conf_level: float
    min_subjects: int
    n_swaps: int
    seed: int
    margins: Mapping[str, float]


@dataclass(frozen=True)
class Compared:
    """One pair of arms in one score: the test, its gain and its family."""

    pair: Pair
    quantity: str
    family: str
    gain: Interval
    row: Row


def families(
    pairs: Sequence[Pair], control: Pair | None
) -> list[tuple[str, list[tuple[Pair, str]]]]:
    """Families of hypotheses, fixed by the arms there are.

    One per score: every arm against the one that all are compared with. One more, if both
    arms are there: gamdss against jitter, all scores, which tells a gain from augmentation.

    >>> [(name, len(of)) for name, of in families([("a", "human"), ("b", "human")], ("a", "b"))]
    [('gain-uf1', 2), ('gain-uar', 2), ('gain-accuracy', 2), ('gamdss-vs-jitter', 3)]
    """
    found = [(f"{AGAINST_HUMAN}-{q}", [(pair, q) for pair in pairs]) for q in QUANTITIES]
    found = [(name, of) for name, of in found if of]
    if control is not None:
        found.append((AUGMENTATION, [(control, q) for q in QUANTITIES]))
    return found


def gain_tests(
    of: Scored, pairs: Sequence[Pair], control: Pair | None, asked: Asked
) -> list[Compared]:
    """Test every gain by swapping arms for whole subjects, adjusted within families."""
    every = [*pairs, *([control] if control else [])]
    swapped = {pair: _swapped(of, pair, asked) for pair in every}
    done: list[Compared] = []
    for family, hypotheses in families(pairs, control):
        own = []
        for pair, quantity in hypotheses:
            gain = gain_of(of, pair, quantity, asked.conf_level)
            row = _test_row(of, pair, quantity, gain, swapped[pair], asked)
            row |= {"family": family, "family_size": len(hypotheses)}
            own.append(Compared(pair, quantity, family, gain, row))
        adjusted = holm_adjusted([t.row for t in own])
        done += [Compared(t.pair, t.quantity, family, t.gain, row)
                 for t, row in zip(own, adjusted, strict=True)]  # fmt: skip
    return done


def _swapped(of: Scored, pair: Pair, asked: Asked) -> Swapped:
    arm, other = (of.counts.of_arm(name) for name in pair)
    return swap_test(arm, other, n_swaps=asked.n_swaps, seed=asked.seed)


def _test_row(
    of: Scored, pair: Pair, quantity: str, gain: Interval, swapped: Swapped, asked: Asked
) -> Row:
    n_subjects = len(of.counts.subjects)
    arm, other = (of.counts.of_arm(name) for name in pair)
    reason = ""
    if n_subjects < asked.min_subjects:
        reason = f"{counted(n_subjects, 'subject')}, {asked.min_subjects} needed"
    elif np.array_equal(arm, other):
        reason = "both arms give every subject the same predictions"
    statistic = gain.estimate / gain.std_error if gain.std_error > 0 else math.nan
    return {
        **_place(of, pair),
        "hypothesis": f"the {NAMES[quantity]} of {pair[0]} is that of {pair[1]}",
        "estimate": gain.estimate,
        "unit": "share" if quantity == "accuracy" else "score",
        "conf_low": gain.conf_low,
        "conf_high": gain.conf_high,
        "margin": asked.margins[quantity],
        "statistic": statistic,
        "df": gain.df,
        "p_permutation": math.nan if reason else swapped.p_values[quantity],
        "p_value": math.nan if reason else swapped.p_values[quantity],
        "n_clips": of.counts.n_clips,
        "n_subjects": n_subjects,
        "method": f"{swapped.method}; interval: {gain.method}",
        "reason": reason or gain.reason,
    }


def mcnemar_rows(of: Scored, pairs: Sequence[Pair], conf_level: float) -> Iterator[Row]:
    """McNemar's statistic in its clustered form; a description, so without a p-value.

    With b - c the clips that only the arm, or only the other, recognizes, summed over seeds'
    shares, the statistic is (sum over subjects of b - c)^2 / sum of (b - c)^2 (Yang et al.
    2010, after Obuchowski 1998).
    """
    for pair in pairs:
        won, lost = discordant(of, pair)
        gain = gain_of(of, pair, "accuracy", conf_level)
        data = clusters(won - lost, of.subjects)
        sums = data.means * data.sizes
        squares = float(sums @ sums)
        nothing = squares <= 0
        yield {
            **_place(of, pair),
            "family": MCNEMAR,
            "family_size": len(pairs),
            "hypothesis": f"as many clips only {pair[0]} recognizes as only {pair[1]}",
            "estimate": gain.estimate,
            "conf_low": gain.conf_low,
            "conf_high": gain.conf_high,
            "unit": "share",
            "statistic": math.nan if nothing else float(sums.sum()) ** 2 / squares,
            "df": math.nan if nothing else 1.0,
            "p_value": math.nan,
            "n_clips": len(won),
            "n_subjects": len(data),
            "method": f"clustered McNemar; {won.sum():.1f} clips only {pair[0]}, {lost.sum():.1f} "
            f"only {pair[1]}, mean over seeds",
            "reason": "a description: the swap of arms decides",
        }


def group_tests(
    of: Scored, pairs: Sequence[Pair], ethnicity: np.ndarray, asked: Asked
) -> tuple[list[Row], list[Row]]:
    """Whether arms gain more in the largest group than in the others, in accuracy.

    Parameters
    ----------
    of : Scored
    pairs : sequence of pairs
    ethnicity : ndarray of str, shape (n_clips,)
        Group of each clip's subject.
    asked : Asked

    Returns
    -------
    tests, estimates : list of dict
        Empty where fewer than two groups are stated.
    """
    stated = ~np.isin(ethnicity, [tables.ALL, tables.UNKNOWN])
    largest = _by_size(ethnicity[stated], of.subjects[stated])
    if len(largest) < 2 or not pairs:
        return [], []
    name = f"{largest[0]} vs others"
    sides = ((largest[0],), tuple(largest[1:]))
    options = Options(asked.min_subjects, asked.conf_level, asked.seed, asked.n_swaps,
                      asked.margins["accuracy"])  # fmt: skip
    tests: list[Row] = []
    estimates: list[Row] = []
    for pair in pairs:
        hypothesis = f"{pair[0]} gains as much accuracy over {pair[1]} in {largest[0]} as in others"
        sample = Sample(
            of.difference(pair)[stated],
            of.subjects[stated].astype(object),
            (ethnicity[stated] != largest[0]).astype(int),
        )
        comparison = Comparison(tables.ALL, name, hypothesis, sides)
        test, found = compare_sides(sample, comparison, options, what="gain", constant_side=True)
        here = _place(of, pair) | {"ethnicity": name, "unit": "share",
                                   "n_clips": int(stated.sum()),
                                   "n_subjects": len(set(of.subjects[stated]))}  # fmt: skip
        tests.append(
            here
            | test
            | {
                "family": BY_GROUP,
                "family_size": len(pairs),
                "hypothesis": hypothesis,
                "margin": options.margin_ms,
            }
        )
        named = here | {"arm": f"{pair[0]} vs {pair[1]}", "quantity": "accuracy_gain_difference"}
        estimates += [named | row for row in found]
    return holm_adjusted(tests), estimates


def _place(of: Scored, pair: Pair) -> Row:
    return {
        "dataset": of.dataset,
        "ethnicity": tables.ALL,
        "stratum": tables.ALL,
        "source": pair[0],
        "keyframe": tables.ALL,
    }


def _by_size(ethnicity: np.ndarray, subjects: np.ndarray) -> list[str]:
    """Groups, those with most subjects first, then with most clips, then by name."""
    groups = sorted(set(ethnicity.tolist()))
    return sorted(
        groups,
        key=lambda g: (-len(set(subjects[ethnicity == g])), -int((ethnicity == g).sum()), g),
    )
