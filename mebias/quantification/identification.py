"""What a design can show at all: said from its shape, before any number is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import counted, listed, per_cent
from mebias.quantification.checks import checked_shifts
from mebias.quantification.comparison import FEW_SUBJECTS
from mebias.quantification.design_rows import DesignRows, by_dataset
from mebias.quantification.sides import MIN_MARGIN_MS, check_margin

Row = dict[str, object]
MANY = 0.2
"""Share of clips from which on something that limits them is worth a warning."""
UNEVEN = 0.1
"""Difference between groups' shares of usable labels that is worth a warning."""
DOMINANT = 0.25
"""Share of all clips that one subject may hold without a warning."""
PLURAL = {"onset": "onsets", "apex": "apexes", "offset": "offsets"}
_BEYOND = {
    "onset": ("lead_frames", "an earlier onset"),
    "offset": ("tail_frames", "a later offset"),
}


def design_check(
    shifts: pd.DataFrame,
    *,
    clips: pd.DataFrame | None = None,
    definitions: Mapping[str, str] | None = None,
    margin_ms: float | None = None,
    min_subjects: int = 5,
) -> pd.DataFrame:
    """What the design of each dataset lets be estimated, and what it does not.

    Parameters
    ----------
    shifts : DataFrame
        A shifts table.
    clips : DataFrame, optional
        A clips table, which tells where clips are cut at their labels; else the shifts do.
    definitions : mapping, optional
        The authors' definition of each keyframe, as a manifest quotes it (one dataset), or
        ``unknown``.
    margin_ms : float, optional
        Effect of interest; by default the larger of one frame and 10 ms.
    min_subjects : int
        Groups with fewer subjects are not tested.

    Returns
    -------
    DataFrame
        An issues table: warnings, then notes that describe the design; what limits the
        estimates first.

    Raises
    ------
    TableError, OptionError
        The table or the margin cannot be used.

    Examples
    --------
    >>> import mebias
    >>> issues = design_check(mebias.example())
    >>> issues["message"].iloc[-1].split(":")[0]
    'identifiable within this dataset'
    """
    check_margin(margin_ms)
    datasets = list(by_dataset(checked_shifts(shifts)))
    rows = [
        *limits(datasets, clips=clips, definitions=definitions, margin_ms=margin_ms),
        *(row for own in datasets for row in described(own, min_subjects)),
    ]
    rank = {"error": 0, "warning": 1, "note": 2}
    return tables.from_rows(sorted(rows, key=lambda row: rank[str(row["severity"])]), "issues")


def limits(
    datasets: Sequence[DesignRows],
    *,
    clips: pd.DataFrame | None = None,
    definitions: Mapping[str, str] | None = None,
    margin_ms: float | None = None,
) -> list[Row]:
    """The warnings of `design_check`, as rows of an issues table.

    Parameters
    ----------
    datasets : sequence of DesignRows
        `by_dataset` of checked shifts.
    clips, definitions, margin_ms
        As in `design_check`.
    """
    rows: list[Row] = []
    for own in datasets:
        dataset = own.dataset
        recorded = {
            column: own.numbers(column)[own.clips]
            if clips is None
            else clips.loc[clips["dataset"] == dataset, column].to_numpy()
            for column, _ in _BEYOND.values()
        }
        rows += cut_at_labels(recorded, dataset)
        rows += _truncated(own)
        if definitions is not None:
            rows += undefined_keyframes(definitions, dataset)
        rows += _coarse(own, margin_ms)
        rows += _uneven_labels(own)
        rows += _dominant(own)
    return rows


def cut_at_labels(clips: Mapping[str, np.ndarray], dataset: str) -> Iterator[Row]:
    """Keyframes whose mean error cannot be estimated, since clips end at the human label.

    Parameters
    ----------
    clips : mapping of str to ndarray, shape (C,)
        ``lead_frames`` and ``tail_frames`` of each clip, NaN where unknown.
    dataset : str
        Its name.
    """
    for keyframe, (column, beyond) in _BEYOND.items():
        known = int(np.count_nonzero(~np.isnan(clips[column])))
        cut = int(np.count_nonzero(clips[column] == 0))
        if cut and cut >= MANY * known:
            yield tables.issue(
                "warning",
                f"{cut} of {known} clips are cut at the human {keyframe}: {beyond} cannot be seen "
                f"in them, whatever the rule, so that the bias of the {keyframe} cannot be "
                f"estimated and unbiased but noisy labels look biased too; neither bias nor single "
                f"wrong labels of {keyframe} and apex are told there; use the untrimmed recordings "
                f"where they exist.",
                dataset=dataset,
                field=column,
                found=cut,
                expected=0,
            )


def undefined_keyframes(definitions: Mapping[str, str], dataset: str) -> Iterator[Row]:
    """Keyframes whose definition no source states."""
    unknown = [k for k in tables.KEYFRAMES if definitions.get(k, "unknown") == "unknown"]
    if unknown:
        yield tables.issue(
            "warning",
            f"no source says how the coders defined {listed(unknown)}: a mean shift may be their "
            f"definition and not an error, so its sign and size are not to be judged; contrasts "
            f"between groups that were coded alike are.",
            dataset=dataset,
            field="definitions",
            found=listed(unknown),
            expected="a definition per keyframe",
        )


def _truncated(rows: DesignRows) -> Iterator[Row]:
    truncated = rows.holds("selected_status", "truncated")
    found = []
    for keyframe in tables.KEYFRAMES:
        own = rows.of_source & rows.holds("keyframe", keyframe)
        cut, n = int(np.count_nonzero(own & truncated)), int(np.count_nonzero(own))
        if cut and cut >= MANY * n:
            found.append(f"{cut} of {n} {PLURAL[keyframe]}")
    if found:
        yield tables.issue(
            "warning",
            f"the windows of {listed(found)} reach beyond the recording: frames there could not "
            f"be chosen, so that those shifts are too small on one side; repeat the estimates "
            f"without truncated selections (specification curve).",
            dataset=rows.dataset,
            field="selected_status",
            found=listed(found),
            expected=f"below {per_cent(MANY)}",
        )


def _coarse(rows: DesignRows, margin_ms: float | None) -> Iterator[Row]:
    frame_ms = 1000.0 / rows.numbers("fps")[rows.clips]
    wanted = margin_ms or MIN_MARGIN_MS
    coarse = frame_ms > wanted * (1 + 1e-9)
    if coarse.any():
        yield tables.issue(
            "warning",
            f"in {int(coarse.sum())} of {len(coarse)} clips a frame lasts up to "
            f"{frame_ms.max():.1f} ms, longer than the {wanted:g} ms of interest: a label cannot "
            f"be that exact, and only means of many clips can resolve it.",
            dataset=rows.dataset,
            field="fps",
            found=f"{frame_ms.max():.3f}",
            expected=f"at most {wanted:g}",
        )


def _uneven_labels(rows: DesignRows) -> Iterator[Row]:
    """Groups that lose different shares of their keyframes."""
    there = rows.of_source & rows.stated
    for keyframe in tables.KEYFRAMES:
        own = there & rows.holds("keyframe", keyframe)
        shares: dict[str, float] = {}
        for group in rows.groups:
            lost = ~rows.usable[own & rows.holds("ethnicity", group)]
            if len(lost):
                shares[group] = float(lost.mean())
        if len(shares) > 1 and max(shares.values()) - min(shares.values()) >= UNEVEN:
            text = ", ".join(f"{group} {per_cent(share)}" for group, share in shares.items())
            yield tables.issue(
                "warning",
                f"missing, imputed or failed {PLURAL[keyframe]} are not equally frequent in the "
                f"groups ({text}): a contrast of those that are left may be one of who is left.",
                dataset=rows.dataset,
                field=keyframe,
                found=text,
                expected=f"within {per_cent(UNEVEN)}",
            )


def _dominant(rows: DesignRows) -> Iterator[Row]:
    counts, names = rows.clips_of_subjects
    most = int(counts.argmax())
    if len(counts) > 4 and counts[most] >= DOMINANT * len(rows.clips):
        yield tables.issue(
            "warning",
            f"subject {names[most]} has {counts[most]} of {len(rows.clips)} clips: means over "
            f"clips are largely that subject's; read the weighting subject, and the influence "
            f"table.",
            dataset=rows.dataset,
            field="subject",
            found=int(counts[most]),
            expected=f"below {per_cent(DOMINANT)}",
        )


def described(rows: DesignRows, min_subjects: int) -> Iterator[Row]:
    """The shape of the design, and what is identifiable in it, as notes."""
    counts, _ = rows.clips_of_subjects
    sizes = ", ".join(f"{group} {n}" for group, n in rows.subjects.items())
    note: Row = {"severity": "note", "dataset": rows.dataset}
    yield note | {
        "field": "subject",
        "message": f"{counted(len(counts), 'subject')} ({sizes}) with "
        f"{counted(len(rows.clips), 'clip')}, "
        f"{counts.min()} to {counts.max()} each (median {np.median(counts):g}).",
    }
    freedom = rows.numbers("freedom")
    windowed = rows.of_source & rows.usable & ~np.isnan(freedom)
    if windowed.any():
        free = {k: freedom[windowed & rows.holds("keyframe", k)] > 0 for k in tables.KEYFRAMES}
        text = ", ".join(
            f"{per_cent(moved.mean())} of the {PLURAL[k]}"
            for k, moved in free.items()
            if len(moved)
        )
        yield note | {"field": "freedom", "message": f"{rows.source[0]} could move {text}."}
    yield note | {"field": "ethnicity", "message": _identifiable(rows, min_subjects)}


def _identifiable(rows: DesignRows, min_subjects: int) -> str:
    groups, sizes = rows.largest_first, rows.groups
    never = (
        "never a difference to another dataset, which differs in lab, camera, frame rate and "
        "coders too"
    )
    tested = [g for g in groups if sizes[g] >= min_subjects]
    rest = sum(sizes.values()) - sizes[groups[0]] if groups else 0
    if len(groups) < 2 or not tested or rest < min_subjects:
        return f"identifiable within this dataset: no contrast between groups; {never}."
    text = f"{groups[0]} ({counted(sizes[groups[0]], 'subject')}) against all others ({rest})"
    others = [g for g in tested if g != groups[0]]
    if len(groups) > 2 and others:
        text += f", and each of {listed(others)} against the rest"
    few = min(sizes[groups[0]], rest) < FEW_SUBJECTS
    if few:
        text += (
            f" (with a side of fewer than {FEW_SUBJECTS} subjects the larger of two p-values "
            f"decides)"
        )
    return f"identifiable within this dataset: {text}; {never}."
