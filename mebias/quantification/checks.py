"""A shifts table from anywhere: checked, completed, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import MixedDataError, TableError, listed, suggest
from mebias.quantification.compare import with_shifts

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
    for column in ("clip", "subject"):
        _refuse(shifts[column] == "", shifts, column, "a name")
    shifts["ethnicity"] = shifts["ethnicity"].where(shifts["ethnicity"] != "", tables.UNKNOWN)
    _refuse_words(shifts, "keyframe", tables.KEYFRAMES)
    _refuse_words(shifts, "human_status", tables.HUMAN_STATUS)
    _refuse_words(shifts, "selected_status", (*tables.SELECTED_STATUS, *tables.HUMAN_STATUS))
    _refuse(~(shifts["fps"] > 0), shifts, "fps", "frames per second above 0")
    _refuse_mixture(shifts)
    _refuse_repeats(shifts)
    _refuse_two_values(shifts, ["dataset", "subject"], "ethnicity")
    _refuse_two_values(shifts, ["dataset", "subject", "clip"], "fps")
    _refuse_reserved_group(shifts)
    wide = _labels(shifts)
    _refuse_disorder(shifts, wide)
    return _completed(_with_phases(shifts, wide))


def usable(shifts: pd.DataFrame) -> pd.Series:
    """Which rows enter estimates and tests.

    A selected frame counts where it is compared with a label that a human set and that is
    not known to be wrong. Between two human versions every pair of written frames counts:
    what was changed is asked, not what is right.
    """
    there = shifts["human"].notna().to_numpy() & shifts["selected"].notna().to_numpy()
    label, frame = (_Texts(shifts[c]) for c in ("human_status", "selected_status"))
    chosen = label.among(USABLE_HUMAN) & frame.among(USABLE_SELECTED)
    versions = label.among(WRITTEN) & frame.among(WRITTEN)
    return pd.Series(there & (chosen | versions), index=shifts.index)


class _Texts:
    """A column of few different texts, looked up once for several questions."""

    def __init__(self, texts: pd.Series) -> None:
        self.codes, self.found = pd.factorize(texts.to_numpy())

    def among(self, wanted: Sequence[str]) -> np.ndarray:
        """Which rows hold one of these texts."""
        return np.array([text in wanted for text in self.found], dtype=bool)[self.codes]


def complete(shifts: pd.DataFrame) -> pd.Series:
    """Usable rows of codings of clips in which every keyframe is usable.

    A keyframe that no clip of a dataset has for a source, such as an apex that nobody
    coded, is asked of no clip.
    """
    there = usable(shifts)
    needed = (
        shifts["keyframe"].where(there).groupby([shifts[c] for c in _SOURCE]).transform("nunique")
    )
    found = there.groupby([shifts[c] for c in CODING]).transform("sum")
    return there & (found == needed)


def primary_source(part: pd.DataFrame) -> tuple[str, str] | None:
    """Source and distance that tests rest on: gamdss signed, else the only one there is.

    The only one but for posteriors of the movement, where these stand beside it. Never
    ``motion``: a posterior that is drawn towards the labels cannot judge them.
    """
    there = different_pairs(part, "source", "distance")
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
    windowed = shifts["window_low"].notna() & shifts["window_high"].notna()
    span = shifts["window_high"] - shifts["window_low"]
    _refuse(windowed & (span < 0), shifts, "window_high", "a frame not before window_low")
    _refuse(shifts["freedom"] < 0, shifts, "freedom", "a number of frames, 0 or more")
    first, last = (shifts[c].fillna(shifts["human"]) for c in ("human_low", "human_high"))
    _refuse(first > last, shifts, "human_high", "a frame not before human_low")
    chosen = shifts["selected"]
    outside = (chosen < shifts["window_low"]) | (chosen > shifts["window_high"])
    _refuse(windowed & outside, shifts, "selected", "a frame inside its window")
    edge = (span > 0) & ((chosen == shifts["window_low"]) | (chosen == shifts["window_high"]))
    given = shifts[["shift_frames", "shift_ms"]]
    full = with_shifts(
        shifts.assign(
            freedom=shifts["freedom"].where(~windowed, span),
            at_edge=shifts["at_edge"].where(~windowed, edge),
        )
    )
    for column in ("shift_frames", "shift_ms"):
        differs = (given[column] - full[column]).abs() > _TOLERANCE * (1 + full[column].abs())
        _refuse(differs, shifts, column, "selected - human (leave the column out if in doubt)")
    return full


def _refuse(
    bad: pd.Series, shifts: pd.DataFrame, column: str, expected: str, what: str = ""
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


def _refuse_words(shifts: pd.DataFrame, column: str, known: Sequence[str]) -> None:
    bad = ~shifts[column].isin(known)
    if bad.any():
        word = str(shifts[column][bad].iloc[0])
        _refuse(bad, shifts, column, f"{' or '.join(known)}{suggest(word, known)}")


def _refuse_mixture(shifts: pd.DataFrame) -> None:
    names = shifts["dataset"].unique()
    made = [name for name in names if tables.is_simulated(name)]
    real = [name for name in names if not tables.is_simulated(name)]
    if made and real:
        raise MixedDataError(
            f"the shifts table holds real and simulated data ({listed(real)}; {listed(made)}); "
            f"quantify them apart."
        )


def _refuse_repeats(shifts: pd.DataFrame) -> None:
    by = [*CODING, "keyframe"]
    repeated = shifts.duplicated(by)
    if repeated.any():
        second = int(np.flatnonzero(repeated)[0])
        row = shifts.iloc[second]
        first = int(np.flatnonzero((shifts[by] == row[by]).all(axis=1))[0])
        raise TableError(
            f"the shifts table, rows {first + 2} and {second + 2}, both hold the "
            f"{row['keyframe']} of clip {row['clip']} of subject {row['subject']}; keep one, or "
            f"tell them apart by source, distance, coder or pass."
        )


def _refuse_two_values(shifts: pd.DataFrame, by: list[str], column: str) -> None:
    pairs = shifts.drop_duplicates([*by, column])
    second = pairs[pairs.duplicated(by)]
    if len(second):
        row = second.iloc[0]
        first = int(np.flatnonzero((shifts[by] == row[by]).all(axis=1))[0])
        value = _plain(shifts[column].iloc[first])
        raise TableError(
            f"the shifts table, row {int(second.index[0]) + 2}, column {column}: {by[-1]} "
            f"{row[by[-1]]} has {_plain(row[column])!r} here and {value!r} in row {first + 2}; "
            f"expected one value per {by[-1]}."
        )


def _refuse_reserved_group(shifts: pd.DataFrame) -> None:
    for dataset, part in shifts.groupby("dataset", sort=False):
        groups = part["ethnicity"].unique()
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


def _labels(shifts: pd.DataFrame) -> pd.DataFrame:
    """Human frames in use, a row for each coding and a column for each keyframe."""
    trusted = shifts[shifts["human_status"].isin(USABLE_HUMAN)]
    return trusted.pivot_table(
        index=CODING, columns="keyframe", values="human", sort=False, observed=True
    ).reindex(columns=list(tables.KEYFRAMES))


def _with_phases(shifts: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Rise and fall from the labels, where a table tells neither."""
    if shifts[["rise_frames", "fall_frames"]].notna().any(axis=None) or wide.empty:
        return shifts
    phases = pd.DataFrame(
        {"rise": wide["apex"] - wide["onset"], "fall": wide["offset"] - wide["apex"]}
    )
    own = phases.reindex(pd.MultiIndex.from_frame(shifts[CODING]))
    return shifts.assign(rise_frames=own["rise"].to_numpy(), fall_frames=own["fall"].to_numpy())


def _refuse_disorder(shifts: pd.DataFrame, wide: pd.DataFrame) -> None:
    """Labels in use whose keyframes are out of order."""
    for early, late in (("onset", "apex"), ("apex", "offset"), ("onset", "offset")):
        wrong = wide[wide[late] < wide[early]]
        if len(wrong):
            key = dict(zip(CODING, wrong.index[0], strict=True))
            here = (shifts[list(key)] == pd.Series(key)).all(axis=1)
            row = int(np.flatnonzero(here & (shifts["keyframe"] == late))[0])
            raise TableError(
                f"the shifts table, row {row + 2}: the {late} of clip {key['clip']} is frame "
                f"{wrong[late].iloc[0]:g}, before its {early} at {wrong[early].iloc[0]:g}; "
                f"expected {early} <= {late}: mend it, or give the row the human_status invalid."
            )
