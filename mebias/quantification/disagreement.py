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
from mebias.errors import OptionError, counted
from mebias.quantification.cells import Row, n_different, ranked
from mebias.quantification.checks import checked_shifts, usable
from mebias.quantification.interval import Interval, undefined
from mebias.quantification.keys import Keys, first_rows, split
from mebias.quantification.means import mean_interval
from mebias.quantification.shares import METHOD, share_interval
from mebias.selection.rules import get_rules, pick_of

PAIR, ANY = "onset and apex", "any"
"""What stands in the ``keyframe`` column where more than one keyframe is meant."""
VERSUS = "uint8 vs signed"
"""What stands in the ``distance`` column where the two distances are compared."""
_PART = ["dataset", "source", "distance"]
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
    for part in split(shifts, *_PART):
        of_part: Row = {column: part[column].iloc[0] for column in _PART}
        rows += [of_part | row for row in _against_human(part, conf_level)]
    for part in split(shifts, "dataset", "source"):
        of_part = {"dataset": part["dataset"].iloc[0], "source": part["source"].iloc[0]}
        of_part |= {"distance": VERSUS}
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
    return f"{share:.0f} % [{low:.0f}, {high:.0f}] of the {counted(row['n_clips'], 'clip')}"


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


class _Codings:
    """The codings of clips that have a usable keyframe.

    ``subject`` and ``clip`` (C,) number whose they are, ``owner`` (N,) the coding of each usable
    row and ``keyframe`` its place in `mebias.tables.KEYFRAMES`.
    """

    def __init__(self, part: pd.DataFrame) -> None:
        there = np.flatnonzero(usable(part).to_numpy())
        keys = Keys(part)
        self.rows = part if len(there) == len(part) else part.iloc[there]
        self.owner = pd.factorize(keys.of("subject", "clip", "coder", "pass")[there])[0]
        first = there[first_rows(self.owner)]
        self.subject = ranked(part["subject"])[0][first]
        self.clip = keys.of("subject", "clip")[first]
        keyframe, names = keys.column("keyframe")
        place = [tables.KEYFRAMES.index(str(name)) for name in names]
        self.keyframe = np.array(place, dtype=int)[keyframe[there]]

    def table(self, values: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """A row per coding and a column per keyframe (C, 3), NaN where there is no such row."""
        found = np.full((len(self.subject), len(tables.KEYFRAMES)), np.nan)
        here = slice(None) if where is None else where
        found[self.owner[here], self.keyframe[here]] = values[here]
        return found


def _places(keyframes: Iterable[str]) -> list[int]:
    return [tables.KEYFRAMES.index(keyframe) for keyframe in keyframes]


def _unmoved_share(rows: pd.DataFrame) -> np.ndarray:
    """Share of each window's frames that count as the human one; NaN without a window."""
    human, low, high, first, last = (
        rows[column].to_numpy()
        for column in ("human", "window_low", "window_high", "human_low", "human_high")
    )
    # fmax and fmin: a bound that is not known bounds nothing
    first = np.fmax(np.where(np.isnan(first), human, first), low)
    last = np.fmin(np.where(np.isnan(last), human, last), high)
    return np.asarray(np.maximum(last - first + 1, 0) / (high - low + 1))


def _against_human(part: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    codings = _Codings(part)
    has_moved, freedom, unmoved = (
        codings.table(values)
        for values in (
            codings.rows["shift_frames"].to_numpy() != 0,
            codings.rows["freedom"].to_numpy(),
            _unmoved_share(codings.rows),
        )
    )
    for meant, chosen in _MEANT.items():
        name, own = "pair" if meant == PAIR else "any", _places(chosen)
        whole = np.asarray(np.isfinite(has_moved[:, own]).all(axis=1))
        lacking = f"no clip with usable {', '.join(chosen)}"
        moved = np.asarray((has_moved[:, own] > 0).any(axis=1))
        yield _share(codings, f"share_{name}_moved", meant, moved, whole, lacking, conf_level)
        known = whole & np.isfinite(freedom[:, own]).all(axis=1)
        free = known & (freedom[:, own] > 0).any(axis=1)
        if whole.any():
            lacking = "no clip could move" if known.any() else _NO_WINDOWS
        quantity = f"share_{name}_moved_movable"
        yield _share(codings, quantity, meant, moved, free, lacking, conf_level)
        if meant == PAIR:
            lacking = _NO_WINDOWS if free.any() else lacking
            yield _null(codings, meant, 1 - unmoved[:, own].prod(axis=1), free, lacking, conf_level)


def _between_distances(part: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    if not {"uint8", "signed"} <= set(part["distance"]):
        return
    codings = _Codings(part)
    selected, distance = (codings.rows[column].to_numpy() for column in ("selected", "distance"))
    one, two = (codings.table(selected, distance == name) for name in ("uint8", "signed"))
    known = np.isfinite(one) & np.isfinite(two)
    for meant, chosen in {**{k: (k,) for k in tables.KEYFRAMES}, **_MEANT}.items():
        own = _places(chosen)
        whole = known[:, own].all(axis=1)
        differ = np.asarray((one[:, own] != two[:, own]).any(axis=1))
        lacking = f"no clip with usable {', '.join(chosen)} by both distances"
        quantity = "share_distances_disagree"
        yield _share(codings, quantity, meant, differ, whole, lacking, conf_level)


def _share(
    codings: _Codings,
    quantity: str,
    meant: str,
    hits: np.ndarray,
    where: np.ndarray,
    lacking: str,
    conf_level: float,
) -> Row:
    """The share of hits among some codings."""
    found = _nothing(lacking, METHOD, conf_level)
    if where.any():
        found = share_interval(hits[where], codings.subject[where], conf_level)
    return _row(quantity, meant, found, codings.clip[where])


def _null(
    codings: _Codings,
    meant: str,
    values: np.ndarray,
    free: np.ndarray,
    lacking: str,
    conf_level: float,
) -> Row:
    """The mean share that would have moved at random, of the codings whose windows are known."""
    where = free & np.isfinite(values)
    found = _nothing(lacking, "exact by clip", conf_level)
    if where.any():
        found = mean_interval(values[where], codings.subject[where], "clip", conf_level)
    return _row("uniform_null_share_pair_moved", meant, found, codings.clip[where])


def _nothing(reason: str, method: str, conf_level: float) -> Interval:
    return undefined(
        math.nan, reason, conf_level=conf_level, n_clips=0, n_subjects=0, method=method
    )


def _row(quantity: str, meant: str, found: Interval, clips: np.ndarray) -> Row:
    return found.row() | {
        "quantity": quantity,
        "keyframe": meant,
        "unit": "share",
        "weighting": "clip",
        "n_clips": n_different(clips),
    }
