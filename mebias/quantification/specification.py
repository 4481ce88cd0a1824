"""The specification curve: one contrast under every defensible choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, counted
from mebias.quantification import holm
from mebias.quantification.batch import Batch, contrasts
from mebias.quantification.checks import checked_shifts, complete
from mebias.quantification.choices import Made, distinct, nameless_order
from mebias.quantification.influence import NO_TEST
from mebias.quantification.joint import Joint, joint_test
from mebias.quantification.means import WEIGHTINGS
from mebias.quantification.sides import Primary, of_source, primaries

Row = dict[str, object]
FAMILY = "specification"
STATISTICS = ("median t", "smallest p")
_RULE = ("source", "distance")
_METHOD = "weighted means, CR2, Satterthwaite df"


def specification_curve(
    shifts: pd.DataFrame,
    *,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
    n_permutations: int = 999,
    primary: tuple[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The primary contrast of each dataset under every defensible choice.

    Choices: every windowed rule and distance of the table; all clips or movable ones; all
    selections or untruncated ones; all expressions or micro-expressions; corrected labels in
    or out; tails as they are or winsorized; ms, frames or share of the window; three
    weightings. Choices that change nothing in a table are not counted twice. Clips are never
    chosen by their shift (such as those at an edge of their window): that is the outcome.

    Parameters
    ----------
    shifts : DataFrame
        A shifts table.
    min_subjects : int
        Specifications with a side of fewer subjects are not tested.
    conf_level : float
        Level of the intervals.
    seed : int
        Seed of the permutations.
    n_permutations : int
        Random permutations, where there are more assignments than that.
    primary : tuple of str, optional
        Source and distance that the tests rest on, as in `mebias.quantify`.

    Returns
    -------
    specifications : DataFrame
        A specifications table, by keyframe in the order of t. A dataset without a contrast
        has the curve of its mean shift, which is not tested.
    tests : DataFrame
        Family ``specification``: per keyframe the median t and the smallest p-value of all
        specifications, the groups of subjects permuted alike in all of them. ``estimate`` is
        the median contrast (ms), and the contrast (its own unit) with the smallest p-value.

    Raises
    ------
    TableError, OptionError
        The table or an option cannot be used.

    Examples
    --------
    >>> import mebias
    >>> curve, tests = specification_curve(mebias.example(), min_subjects=4, n_permutations=99)
    >>> curve["is_primary"].sum(), len(tests)
    (np.int64(3), 6)
    """
    if n_permutations < 19:
        raise OptionError(f"n_permutations is {n_permutations}; expected 19 or more.")
    checked = checked_shifts(shifts)
    rows: list[Row] = []
    tests: list[Row] = []
    for own in primaries(checked if primary is None else of_source(checked, *primary)):
        options = _Options(min_subjects, conf_level, seed, n_permutations)
        everything = checked[(checked["dataset"] == own.dataset) & complete(checked)]
        found = [_of_keyframe(own, everything, k, options) for k in tables.KEYFRAMES]
        rows += [row for made, _ in found for row in made]
        tested = [row for _, made in found for row in made]
        p = np.array([row["p_value"] for row in tested], dtype=float)
        adjusted = holm.adjust(p, len(tested))
        tests += [
            row | {"p_adjusted": a, "family_size": len(tested)}
            for row, a in zip(tested, adjusted, strict=True)
        ]
    return tables.from_rows(rows, "specifications"), tables.from_rows(tests, "tests")


@dataclass(frozen=True)
class _Options:
    min_subjects: int
    conf_level: float
    seed: int
    n_permutations: int


def _of_keyframe(
    primary: Primary, everything: pd.DataFrame, keyframe: str, options: _Options
) -> tuple[list[Row], list[Row]]:
    """Rows of the curve and of its tests, of one dataset and keyframe."""
    rows = everything[everything["keyframe"] == keyframe]
    if primary.name:
        rows = rows[rows["ethnicity"].isin(primary.groups)]
    names = np.unique(rows["subject"].to_numpy(dtype=str))
    made = list(distinct(rows, names, (primary.source, primary.distance)))
    if not made:
        return [], []
    side_of = rows.drop_duplicates("subject").set_index("subject")["ethnicity"]
    first = None
    if primary.name:
        first = (side_of.reindex(names) == primary.groups[0]).to_numpy()
        order = nameless_order(made, first)
        first, made = first[order], [one.ordered(order) for one in made]
    place = {
        "dataset": primary.dataset,
        "keyframe": keyframe,
        "ethnicity": primary.name or tables.ALL,
    }
    curve = [place | row for one in made for row in _analyzed(one, first, primary, options)]
    t = np.array([row["t"] for row in curve], dtype=float)
    order = np.argsort(np.round(t, 9), kind="stable")
    ranked = [
        curve[i] | {"rank": rank if np.isfinite(t[i]) else np.nan}
        for rank, i in enumerate(order, start=1)
    ]
    if first is None:
        return ranked, []
    return ranked, _tests(primary, keyframe, ranked, made, first, options)


def _analyzed(
    one: Made, first: np.ndarray | None, primary: Primary, options: _Options
) -> Iterator[Row]:
    """A set of values in three weightings."""
    data = one.data
    batch = Batch(data.sizes[None, :], data.means[None, :], np.array([data.ss_within]))
    members = [np.ones(len(data.sizes))] if first is None else [first, ~first]
    counts = [int(((data.sizes > 0) & (m > 0)).sum()) for m in members]
    needed = 2 if first is None else max(2, options.min_subjects)
    for weighting in WEIGHTINGS:
        found = contrasts(batch, members, weighting)
        reason = "" if first is not None else NO_TEST
        if min(counts) < needed:
            reason = f"{counted(min(counts), 'subject')} on a side, {needed} needed"
        elif not found.std_error[0] > 0:
            reason = "no spread between subjects"
        told = reason in ("", NO_TEST)
        half = float(found.half_width(options.conf_level)[0]) if told else np.nan
        estimate = float(found.estimate[0])
        yield one.choices | {
            "weighting": weighting,
            "is_primary": _is_primary(one.choices, primary) and weighting == "subject",
            "estimate": estimate,
            "std_error": found.std_error[0] if told else np.nan,
            "df": found.df[0] if told else np.nan,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            "conf_level": options.conf_level,
            "t": found.t[0] if told else np.nan,
            "p_cr2": found.p_value[0] if told and first is not None else np.nan,
            "n_clips": one.n_clips,
            "n_subjects": sum(counts),
            "method": _METHOD,
            "reason": reason,
        }


def _is_primary(choices: Row, primary: Primary) -> bool:
    wanted = primary.place | {"unit": "ms"}
    plain = ("clips", "truncation", "stratum", "labels", "tails")
    return all(choices[c] == wanted[c] for c in ("source", "distance", "unit")) and all(
        choices[c] == "all" for c in plain
    )


def _tests(
    primary: Primary,
    keyframe: str,
    curve: list[Row],
    made: list[Made],
    first: np.ndarray,
    options: _Options,
) -> list[Row]:
    table = pd.DataFrame(curve)
    tested = table[table["p_cr2"].notna()]
    place: Row = primary.place | {
        "family": FAMILY,
        "ethnicity": primary.name,
        "keyframe": keyframe,
        "unit": "ms",
        "n_clips": table["n_clips"].max(),
        **{c: table[c].iloc[0] if len(set(table[c])) == 1 else tables.ALL for c in _RULE},
        "n_subjects": table["n_subjects"].max(),
    }
    names = [f"the mean {keyframe} shift is the same in {primary.groups[0]} as in all others, "
             f"whatever the choices ({name})" for name in STATISTICS]  # fmt: skip
    if tested.empty:
        empty = {"estimate": np.nan, "p_value": np.nan, "reason": curve[0]["reason"]}
        return [place | empty | {"hypothesis": name} for name in names]
    rng = np.random.default_rng(options.seed)
    found = joint_test(
        [one.data for one in made],
        first,
        rng,
        n_permutations=options.n_permutations,
        min_subjects=options.min_subjects,
    )
    best = tested.iloc[int(tested["p_cr2"].to_numpy().argmin())]
    in_ms = tested[tested["unit"] == "ms"]["estimate"]
    place |= {
        "method": _described(found, len(tested)),
        "reason": "intervals stand with the single specifications",
    }
    by_median = {"estimate": in_ms.median(), "statistic": found.median_t, "p_value": found.p_median}
    by_smallest = {"estimate": best["estimate"], "unit": best["unit"],
                   "statistic": found.smallest_p, "p_value": found.p_smallest}  # fmt: skip
    return [
        place | {"hypothesis": name} | one
        for name, one in zip(names, (by_median, by_smallest), strict=True)
    ]


def _described(found: Joint, n: int) -> str:
    how = f"all {found.n_assignments}" if found.exhaustive else (
        f"{found.n_assignments - 1} random and the observed"
    )  # fmt: skip
    return f"{n} specifications; permutation of subjects, alike in all of them, {how} assignments"
