"""How often a rule's choice is not the human one, and how often its two distances disagree.

A movement whose difference to the onset grows up to the human apex has its largest
difference at the human pair of onset and apex. In how many clips that is not so tells how
anti-monotonic the data are, and how much a rule rests on it. A window of many frames lets
even a frame drawn blindly differ nearly always: hence the uniform null beside the share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError
from mebias.quantification.checks import CODING, checked_shifts, usable
from mebias.quantification.interval import Interval, undefined
from mebias.quantification.means import mean_interval
from mebias.quantification.shares import METHOD, share_interval
from mebias.selection.rules import get_rules, pick_of

Row = dict[str, object]
PAIR, ANY = "onset and apex", "any"
"""What stands in the ``keyframe`` column where more than one keyframe is meant."""
VERSUS = "uint8 vs signed"
"""What stands in the ``distance`` column where the two distances are compared."""
_PART = ["dataset", "source", "distance"]
_OF_PART = [column for column in CODING if column not in _PART]
_NO_WINDOWS = "no windows are known"
_MEANT: dict[str, tuple[str, ...]] = {PAIR: ("onset", "apex"), ANY: tables.KEYFRAMES}


def disagreement(shifts: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Shares of clips in which a rule departs from the labels, and its distances from each other.

    Parameters
    ----------
    shifts : DataFrame
        A shifts table: at least clip, subject, keyframe, human, selected, fps.
    conf_level : float
        Level of every interval.

    Returns
    -------
    DataFrame
        An estimates table (unit ``share``, intervals clustered by subject), for each dataset,
        source and distance:

        - ``share_pair_moved``: clips whose selected pair of onset and apex is not the human
          one; for a rule that takes the largest difference, clips whose largest difference is
          not at the human pair;
        - ``share_pair_moved_movable``: the same of the clips whose windows let onset or apex
          move;
        - ``uniform_null_share_pair_moved``: what the latter would be for an onset and an apex
          drawn uniformly from their windows, frames off the disk included and whatever else
          a rule asks of a pair;
        - ``share_any_moved``, ``share_any_moved_movable``: the same of all three keyframes;

        and for each source with both distances (``distance`` is then "uint8 vs signed")
        ``share_distances_disagree``: clips in which they select different frames, by keyframe
        and in any of them. A clip counts where all keyframes in question are usable, once
        for each of its codings. Where a label is an interval, a frame inside has not moved.
        Undefined shares are NaN, with a reason.

    Raises
    ------
    TableError, MixedDataError
        As for `mebias.quantify`.

    Examples
    --------
    >>> rows = [
    ...     {"clip": f"c{i}", "subject": f"s{i % 4}", "keyframe": k, "human": h, "fps": 100,
    ...      "selected": h + (i < 6) * (k == "apex"), "window_low": h - 2, "window_high": h + 2}
    ...     for i in range(8) for k, h in (("onset", 10), ("apex", 30), ("offset", 50))
    ... ]
    >>> found = disagreement(pd.DataFrame(rows)).set_index("quantity")
    >>> found.loc["share_pair_moved", "estimate"].item()
    0.75
    >>> round(found.loc["uniform_null_share_pair_moved", "estimate"].item(), 2)
    0.96
    """
    return disagreement_of_checked(checked_shifts(shifts), conf_level=conf_level)


def disagreement_of_checked(shifts: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """`disagreement` of shifts that were checked before."""
    rows: list[Row] = []
    for key, part in shifts.groupby(_PART, sort=False):
        of_part = dict(zip(_PART, key, strict=True))
        rows += [of_part | row for row in _against_human(_by_coding(part), conf_level)]
    for (dataset, source), part in shifts.groupby(["dataset", "source"], sort=False):
        of_part = {"dataset": dataset, "source": source, "distance": VERSUS}
        rows += [of_part | row for row in _between_distances(part, conf_level)]
    return tables.from_rows(rows, "estimates")


def sentences(found: pd.DataFrame) -> list[str]:
    """What `disagreement` found, one sentence for each source and distance.

    Parameters
    ----------
    found : DataFrame
        Its table.

    Returns
    -------
    list of str
        Clips that could move are told of where windows are known, else all clips.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=4, size=(32, 32))
    >>> shifts = mebias.compare(cohort, mebias.reselect(cohort, "least"))
    >>> sentences(disagreement(shifts))[0][:59]
    'least signed: the selected onset and apex are not the human'
    """
    texts = []
    for (_, source, distance), part in found.groupby(_PART, sort=False):
        of = {(row["quantity"], row["keyframe"]): row for row in part.to_dict("records")}
        if distance == VERSUS:
            row = of["share_distances_disagree", ANY]
            told = f"select different frames in {_told(row)}"
            if np.isnan(row["estimate"]):
                told = f"cannot be compared: {row['reason']}"
            texts.append(f"{source}: uint8 and signed {told}")
        else:
            texts.append(f"{f'{source} {distance}'.strip()}: {_of_pair(of, str(source))}")
    return texts


def _of_pair(of: Mapping[Any, Mapping[Any, Any]], source: str) -> str:
    """Half a sentence from the rows of one source and distance, by quantity and keyframe."""
    row, rest = of["share_pair_moved_movable", PAIR], " that could move"
    if row["reason"] == _NO_WINDOWS:
        row, rest = of["share_pair_moved", PAIR], ""
    if np.isnan(row["estimate"]):
        return f"nothing can be told of its pairs of onset and apex: {row['reason']}"
    lead = "the selected onset and apex are not the human ones"
    if takes_the_largest(source):
        lead = "the largest difference is not at the human onset and apex"
    null = of["uniform_null_share_pair_moved", PAIR]["estimate"]
    by_chance = "" if np.isnan(null) else f" (at random: {100 * null:.0f} %)"
    return f"{lead} in {_told(row)}{rest}{by_chance}"


def _told(row: Mapping[Any, Any]) -> str:
    share, low, high = (100 * row[c] for c in ("estimate", "conf_low", "conf_high"))
    count = int(row["n_clips"])
    clips = "clip" if count == 1 else "clips"
    return f"{share:.0f} % [{low:.0f}, {high:.0f}] of the {count} {clips}"


def takes_the_largest(source: str) -> bool:
    """Whether a source is a rule that takes the pair with the largest difference.

    >>> takes_the_largest("gamdss"), takes_the_largest("least"), takes_the_largest("v2")
    (True, False, False)
    """
    try:
        rule = get_rules(source)[0]
    except OptionError:  # a version of the labels, or a rule of the user's own
        return False
    return not hasattr(rule, "locate") and pick_of(rule) in ("largest", "return")


def _by_coding(part: pd.DataFrame) -> pd.DataFrame:
    """One row per coding; of each keyframe four values, NaN where it is not usable.

    These are whether it moved, its freedom, the frame, and the share of its window's frames
    that count as the human one.
    """
    rows = part[usable(part)]
    low = rows["human_low"].fillna(rows["human"]).clip(lower=rows["window_low"])
    high = rows["human_high"].fillna(rows["human"]).clip(upper=rows["window_high"])
    size = rows["window_high"] - rows["window_low"] + 1
    rows = rows.assign(
        moved=(rows["shift_frames"] != 0).astype(float),
        unmoved_share=((high - low + 1).clip(lower=0) / size).where(size.notna()),
    )
    values = ["moved", "freedom", "unmoved_share", "selected"]
    wide = rows.pivot(index=_OF_PART, columns="keyframe", values=values)  # noqa: PD010 (no means)
    columns = pd.MultiIndex.from_product([values, tables.KEYFRAMES])
    return wide.reindex(columns=columns).astype(float)


def _values(codings: pd.DataFrame, value: str, keyframes: Iterable[str]) -> pd.DataFrame:
    return codings[[(value, keyframe) for keyframe in keyframes]]


def _against_human(codings: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    for meant, chosen in _MEANT.items():
        name = "pair" if meant == PAIR else "any"
        whole = codings[_values(codings, "moved", chosen).notna().all(axis=1)]
        lacking = f"no clip with usable {', '.join(chosen)}"
        moved = (_values(whole, "moved", chosen) > 0).any(axis=1)
        yield _row(f"share_{name}_moved", meant, _share(moved, lacking, conf_level), moved)
        freedom = _values(whole, "freedom", chosen)
        known = freedom.notna().all(axis=1)
        free = known & (freedom > 0).any(axis=1)
        if len(whole):
            lacking = "no clip could move" if known.any() else _NO_WINDOWS
        movable = moved[free]
        found = _share(movable, lacking, conf_level)
        yield _row(f"share_{name}_moved_movable", meant, found, movable)
        if meant == PAIR:
            null = 1 - _values(whole, "unmoved_share", chosen)[free].prod(axis=1, skipna=False)
            null = null[null.notna()]
            found = _mean(null, lacking if movable.empty else _NO_WINDOWS, conf_level)
            yield _row("uniform_null_share_pair_moved", meant, found, null)


def _between_distances(part: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    if not {"uint8", "signed"} <= set(part["distance"]):
        return
    one, two = (_by_coding(part[part["distance"] == name]) for name in ("uint8", "signed"))
    both = one.index.intersection(two.index, sort=False)
    one, two = one.loc[both], two.loc[both]
    known, differ = one.notna() & two.notna(), one != two
    for meant, chosen in {**{k: (k,) for k in tables.KEYFRAMES}, **_MEANT}.items():
        whole = _values(known, "selected", chosen).all(axis=1)
        hits = _values(differ, "selected", chosen)[whole].any(axis=1)
        lacking = f"no clip with usable {', '.join(chosen)} by both distances"
        found = _share(hits, lacking, conf_level)
        yield _row("share_distances_disagree", meant, found, hits)


def _share(hits: pd.Series, lacking: str, conf_level: float) -> Interval:
    if hits.empty:
        return _nothing(lacking, METHOD, conf_level)
    return share_interval(hits.to_numpy(dtype=bool), _subjects(hits), conf_level)


def _mean(values: pd.Series, lacking: str, conf_level: float) -> Interval:
    if values.empty:
        return _nothing(lacking, "exact by clip", conf_level)
    return mean_interval(values.to_numpy(), _subjects(values), "clip", conf_level)


def _nothing(reason: str, method: str, conf_level: float) -> Interval:
    return undefined(
        math.nan, reason, conf_level=conf_level, n_clips=0, n_subjects=0, method=method
    )


def _subjects(values: pd.Series) -> np.ndarray:
    return values.index.get_level_values("subject").to_numpy(dtype=object)


def _row(quantity: str, meant: str, found: Interval, values: pd.Series) -> Row:
    n_clips = len(values.index.to_frame()[["subject", "clip"]].drop_duplicates())
    return found.row() | {
        "quantity": quantity,
        "keyframe": meant,
        "unit": "share",
        "weighting": "clip",
        "n_clips": n_clips,
    }
