"""A shifts table from anywhere: checked, completed, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import MixedDataError, TableError, listed, suggest
from mebias.quantification.compare import with_shifts
from mebias.quantification.keys import Keys, count, first_rows

CODING = ["dataset", "source", "distance", "subject", "clip", "coder", "pass"]
"""What tells one coding of one clip, compared with one source, from another."""
_SOURCE = ["dataset", "source", "distance"]
USABLE_HUMAN = ("annotated", "corrected")
USABLE_SELECTED = ("selected", "truncated")
WRITTEN = ("annotated", "corrected", "censored", "invalid")
"""Statuses of a label that stands in a table, right or wrong."""
PRIMARY = ("gamdss", "signed")
DRAWN_TO_LABELS = "motion"
"""The source whose prior is centered on the labels: it chooses frames and judges no label."""
POSTERIORS = (DRAWN_TO_LABELS, "motion-blind")
"""Sources that model the movement, by whatever definition of the keyframes."""
_TOLERANCE = 1e-6


def checked_shifts(shifts: pd.DataFrame) -> pd.DataFrame:
    """A shifts table in its declared form, with every derived column recomputed.

    Parameters
    ----------
    shifts : DataFrame
        At least clip, subject, keyframe, human, selected, fps.

    Returns
    -------
    DataFrame
        Same rows, same order; blank groups are ``unknown``.

    Raises
    ------
    TableError
        The message names row (as a spreadsheet counts, the header being row 1) and column.
    MixedDataError
        Real and simulated rows in one table.
    """
    shifts = tables.conform(shifts, "shifts")
    if shifts.empty:
        raise TableError("the shifts table has no rows; there is nothing to quantify.")
    keys = Keys(shifts)
    for column in ("clip", "subject"):
        _refuse(keys.among(column, [""]), shifts, column, "a name")
    if keys.among("ethnicity", [""]).any():
        shifts["ethnicity"] = shifts["ethnicity"].where(shifts["ethnicity"] != "", tables.UNKNOWN)
        keys = Keys(shifts)
    _refuse_words(keys, "keyframe", tables.KEYFRAMES)
    _refuse_words(keys, "human_status", tables.HUMAN_STATUS)
    _refuse_words(keys, "selected_status", (*tables.SELECTED_STATUS, *tables.HUMAN_STATUS))
    _refuse(~(shifts["fps"].to_numpy() > 0), shifts, "fps", "frames per second above 0")
    _refuse_mixture(keys)
    _refuse_repeats(keys)
    _refuse_two_values(keys, ["dataset", "subject"], "ethnicity")
    _refuse_two_values(keys, ["dataset", "subject", "clip"], "fps")
    _refuse_reserved_group(shifts)
    labels = _Labels(keys)
    _refuse_disorder(keys, labels)
    return _completed(_with_phases(shifts, labels))


def usable(shifts: pd.DataFrame) -> pd.Series:
    """Which rows enter estimates and tests.

    A selected frame counts where it is compared with a label that a human set and that is
    not known to be wrong. Between two human versions every pair of written frames counts:
    what was changed is asked, not what is right.
    """
    return pd.Series(_usable(Keys(shifts)), index=shifts.index)


def _usable(keys: Keys) -> np.ndarray:
    there = ~np.isnan(keys.rows["human"].to_numpy()) & ~np.isnan(keys.rows["selected"].to_numpy())
    label, frame = "human_status", "selected_status"
    chosen = keys.among(label, USABLE_HUMAN) & keys.among(frame, USABLE_SELECTED)
    versions = keys.among(label, WRITTEN) & keys.among(frame, WRITTEN)
    return np.asarray(there & (chosen | versions))


def complete(shifts: pd.DataFrame) -> pd.Series:
    """Usable rows of codings of clips in which every keyframe is usable.

    A keyframe that no clip of a dataset has for a source, such as an apex that nobody
    coded, is asked of no clip.
    """
    keys = Keys(shifts)
    there = _usable(keys)
    source, coding = keys.of(*_SOURCE), keys.of(*CODING)
    keyframe, names = keys.column("keyframe")
    seen = np.bincount(
        (source * len(names) + keyframe)[there], minlength=count(source) * len(names)
    )
    needed = np.count_nonzero(seen.reshape(-1, len(names)), axis=1)[source]
    found = np.bincount(coding[there], minlength=count(coding))[coding]
    return pd.Series(there & (found == needed), index=shifts.index)


def primary_source(part: pd.DataFrame) -> tuple[str, str] | None:
    """Source and distance that tests rest on: gamdss signed, else the only one there is.

    The only one but for posteriors of the movement, where these stand beside it. Never
    ``motion``: a posterior that is drawn towards the labels cannot judge them.
    """
    return primary_of(different_pairs(part, "source", "distance"))


def primary_of(there: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The same of the different sources and distances that there are."""
    if PRIMARY in there:
        return PRIMARY
    if len(there) > 1:
        there = [one for one in there if not is_posterior(one[0])]
    only = len(there) == 1 and not drawn_to_labels(there[0][0])
    return there[0] if only else None


def different_pairs(rows: pd.DataFrame, one: str, other: str) -> list[tuple[str, str]]:
    """The different pairs of texts of two columns, in the order of their first rows.

    >>> rows = pd.DataFrame({"a": list("xyx"), "b": list("zzz")})
    >>> different_pairs(rows, "a", "b")
    [('x', 'z'), ('y', 'z')]
    """
    pairs = zip(rows[one].to_numpy().tolist(), rows[other].to_numpy().tolist(), strict=True)
    return list(dict.fromkeys(pairs))


def drawn_to_labels(source: str) -> bool:
    """Whether a source is ``motion``, by whatever definition of the keyframes.

    >>> [drawn_to_labels(s) for s in ("motion:onset=0.1", "motion-blind", "motionless")]
    [True, False, False]
    """
    return source.partition(":")[0] == DRAWN_TO_LABELS


def is_posterior(source: str) -> bool:
    """Whether a source is ``motion`` or ``motion-blind``, by whatever definition.

    >>> [is_posterior(s) for s in ("motion", "motion-blind:offset=0.2", "motionless")]
    [True, True, False]
    """
    return source.partition(":")[0] in POSTERIORS


def _completed(shifts: pd.DataFrame) -> pd.DataFrame:
    human, chosen, low, high, stated, at_edge = (
        shifts[column].to_numpy()
        for column in ("human", "selected", "window_low", "window_high", "freedom", "at_edge")
    )
    windowed = ~np.isnan(low) & ~np.isnan(high)
    span = high - low
    _refuse(windowed & (span < 0), shifts, "window_high", "a frame not before window_low")
    _refuse(stated < 0, shifts, "freedom", "a number of frames, 0 or more")
    first, last = (shifts[column].to_numpy() for column in ("human_low", "human_high"))
    first, last = (np.where(np.isnan(end), human, end) for end in (first, last))
    _refuse(first > last, shifts, "human_high", "a frame not before human_low")
    outside = (chosen < low) | (chosen > high)
    _refuse(windowed & outside, shifts, "selected", "a frame inside its window")
    edge = (span > 0) & ((chosen == low) | (chosen == high))
    given = {column: shifts[column].to_numpy() for column in ("shift_frames", "shift_ms")}
    full = with_shifts(
        shifts.assign(
            freedom=np.where(windowed, span, stated), at_edge=np.where(windowed, edge, at_edge)
        )
    )
    for column, values in given.items():
        computed = full[column].to_numpy()
        differs = np.abs(values - computed) > _TOLERANCE * (1 + np.abs(computed))
        _refuse(differs, shifts, column, "selected - human (leave the column out if in doubt)")
    return full


def _refuse(
    bad: np.ndarray, shifts: pd.DataFrame, column: str, expected: str, what: str = ""
) -> None:
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise TableError(
            f"the shifts table, row {place + 2}, column {column}: found "
            f"{what or repr(_plain(shifts[column].iloc[place]))}{more}, expected {expected}."
        )


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _refuse_words(keys: Keys, column: str, known: Sequence[str]) -> None:
    bad = ~keys.among(column, known)
    if bad.any():
        word = str(keys.rows[column].iloc[int(np.flatnonzero(bad)[0])])
        _refuse(bad, keys.rows, column, f"{' or '.join(known)}{suggest(word, known)}")


def _refuse_mixture(keys: Keys) -> None:
    names = [str(name) for name in keys.column("dataset")[1]]
    made = [name for name in names if tables.is_simulated(name)]
    real = [name for name in names if not tables.is_simulated(name)]
    if made and real:
        raise MixedDataError(
            f"the shifts table holds real and simulated data ({listed(real)}; {listed(made)}); "
            f"quantify them apart."
        )


def _refuse_repeats(keys: Keys) -> None:
    key, shifts = keys.of(*CODING, "keyframe"), keys.rows
    firsts = first_rows(key)
    if len(firsts) < len(key):
        second = int(np.flatnonzero(np.bincount(firsts, minlength=len(key)) == 0)[0])
        first, row = int(firsts[key[second]]), shifts.iloc[second]
        raise TableError(
            f"the shifts table, rows {first + 2} and {second + 2}, both hold the "
            f"{row['keyframe']} of clip {row['clip']} of subject {row['subject']}; keep one, or "
            f"tell them apart by source, distance, coder or pass."
        )


def _refuse_two_values(keys: Keys, by: list[str], column: str) -> None:
    key, shifts = keys.of(*by), keys.rows
    value = keys.column(column)[0]
    firsts = first_rows(key)[key]
    differs = np.flatnonzero(value != value[firsts])
    if len(differs):
        second = int(differs[0])
        first, row = int(firsts[second]), shifts.iloc[second]
        before = _plain(shifts[column].iloc[first])
        raise TableError(
            f"the shifts table, row {second + 2}, column {column}: {by[-1]} "
            f"{row[by[-1]]} has {_plain(row[column])!r} here and {before!r} in row {first + 2}; "
            f"expected one value per {by[-1]}."
        )


def _refuse_reserved_group(shifts: pd.DataFrame) -> None:
    of_dataset: dict[str, list[str]] = {}
    for dataset, group in different_pairs(shifts, "dataset", "ethnicity"):
        of_dataset.setdefault(dataset, []).append(group)
    for dataset, groups in of_dataset.items():
        if len(groups) > 1 and tables.ALL in groups:
            raise TableError(
                f"the shifts table uses 'all' as one of several groups of {dataset}, but 'all' "
                f"stands for the whole dataset; rename that group or leave it blank (unknown)."
            )
        stated = [str(group) for group in groups if group != tables.UNKNOWN]
        taken = [g for g in stated if " vs " in g or (g == "others" and len(stated) > 2)]
        if taken:
            raise TableError(
                f"the shifts table has a group {taken[0]!r} in {dataset}, which reads like the "
                f"name of a contrast (A vs others); rename that group."
            )


class _Labels:
    """Human frames in use of each coding of a clip.

    ``coding`` (N,) numbers the coding of each row of the table; ``frames`` holds, for each
    keyframe, the label of every coding (C,), NaN where none is in use.
    """

    def __init__(self, keys: Keys) -> None:
        self.coding = keys.of(*CODING)
        keyframe, names = keys.column("keyframe")
        trusted = keys.among("human_status", USABLE_HUMAN)
        human = keys.rows["human"].to_numpy()
        self.frames = {}
        for name in tables.KEYFRAMES:
            found = np.full(count(self.coding), np.nan)
            if name in names:
                own = trusted & (keyframe == names.index(name))
                found[self.coding[own]] = human[own]
            self.frames[name] = found


def _with_phases(shifts: pd.DataFrame, labels: _Labels) -> pd.DataFrame:
    """Rise and fall from the labels, where a table tells neither."""
    if not all(np.isnan(shifts[c].to_numpy()).all() for c in ("rise_frames", "fall_frames")):
        return shifts
    onset, apex, offset = (labels.frames[name] for name in tables.KEYFRAMES)
    return shifts.assign(
        rise_frames=(apex - onset)[labels.coding], fall_frames=(offset - apex)[labels.coding]
    )


def _refuse_disorder(keys: Keys, labels: _Labels) -> None:
    """Labels in use whose keyframes are out of order; subject by subject, clip by clip."""
    shifts = keys.rows
    for early, late in (("onset", "apex"), ("apex", "offset"), ("onset", "offset")):
        before, after = labels.frames[early], labels.frames[late]
        wrong = np.flatnonzero(after < before)
        if len(wrong):
            named = [keys.column(c)[0][first_rows(labels.coding)[wrong]] for c in CODING[::-1]]
            one = wrong[np.lexsort(named)[0]]
            here = (labels.coding == one) & keys.among("keyframe", [late])
            row = int(np.flatnonzero(here)[0])
            raise TableError(
                f"the shifts table, row {row + 2}: the {late} of clip {shifts['clip'].iloc[row]} "
                f"is frame {after[one]:g}, before its {early} at {before[one]:g}; "
                f"expected {early} <= {late}: mend it, or give the row the human_status invalid."
            )
