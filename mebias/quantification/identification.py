"""What a design can show at all: said from its shape, before any number is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mebias import tables
from mebias.errors import counted, listed, per_cent
from mebias.quantification.checks import checked_shifts, primary_source, usable
from mebias.quantification.comparison import FEW_SUBJECTS
from mebias.quantification.sides import MIN_MARGIN_MS, check_margin, largest_first

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
    checked = checked_shifts(shifts)
    rows = [
        *limits(checked, clips=clips, definitions=definitions, margin_ms=margin_ms),
        *(row for name, part in checked.groupby("dataset", sort=False)
          for row in described(part, str(name), min_subjects)),
    ]  # fmt: skip
    rank = {"error": 0, "warning": 1, "note": 2}
    return tables.from_rows(sorted(rows, key=lambda row: rank[str(row["severity"])]), "issues")


def limits(
    shifts: pd.DataFrame,
    *,
    clips: pd.DataFrame | None = None,
    definitions: Mapping[str, str] | None = None,
    margin_ms: float | None = None,
) -> list[Row]:
    """The warnings of `design_check`, as rows of an issues table.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    clips, definitions, margin_ms
        As in `design_check`.
    """
    rows: list[Row] = []
    for name, part in shifts.groupby("dataset", sort=False):
        dataset = str(name)
        own = part.drop_duplicates(["subject", "clip"])
        if clips is not None:
            own = clips[clips["dataset"] == dataset]
        rows += cut_at_labels(own, dataset)
        rows += _truncated(part, dataset)
        if definitions is not None:
            rows += undefined_keyframes(definitions, dataset)
        rows += _coarse(part, dataset, margin_ms)
        rows += _uneven_labels(part, dataset)
        rows += _dominant(part, dataset)
    return rows


def cut_at_labels(clips: pd.DataFrame, dataset: str) -> Iterator[Row]:
    """Keyframes whose mean error cannot be estimated, since clips end at the human label."""
    for keyframe, (column, beyond) in _BEYOND.items():
        known = int(clips[column].notna().sum())
        cut = int((clips[column] == 0).sum())
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


def _of_primary(part: pd.DataFrame) -> pd.DataFrame:
    """Rows of the source that tests rest on, else of the first one."""
    chosen = primary_source(part)
    source, distance = chosen or (part["source"].iloc[0], part["distance"].iloc[0])
    return part.loc[(part["source"] == source) & (part["distance"] == distance)]


def _truncated(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    rows = _of_primary(part)
    found = []
    for keyframe in tables.KEYFRAMES:
        own = rows.loc[rows["keyframe"] == keyframe, "selected_status"]
        cut = int((own == "truncated").sum())
        if cut and cut >= MANY * len(own):
            found.append(f"{cut} of {len(own)} {PLURAL[keyframe]}")
    if found:
        yield tables.issue(
            "warning",
            f"the windows of {listed(found)} reach beyond the recording: frames there could not "
            f"be chosen, so that those shifts are too small on one side; repeat the estimates "
            f"without truncated selections (specification curve).",
            dataset=dataset,
            field="selected_status",
            found=listed(found),
            expected=f"below {per_cent(MANY)}",
        )


def _coarse(part: pd.DataFrame, dataset: str, margin_ms: float | None) -> Iterator[Row]:
    frame_ms = 1000.0 / part.drop_duplicates(["subject", "clip"])["fps"]
    wanted = margin_ms or MIN_MARGIN_MS
    coarse = frame_ms > wanted * (1 + 1e-9)
    if coarse.any():
        yield tables.issue(
            "warning",
            f"in {int(coarse.sum())} of {len(coarse)} clips a frame lasts up to "
            f"{frame_ms.max():.1f} ms, longer than the {wanted:g} ms of interest: a label cannot "
            f"be that exact, and only means of many clips can resolve it.",
            dataset=dataset,
            field="fps",
            found=f"{frame_ms.max():.3f}",
            expected=f"at most {wanted:g}",
        )


def _uneven_labels(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    """Groups that lose different shares of their keyframes."""
    rows = _of_primary(part)
    rows = rows[~rows["ethnicity"].isin([tables.UNKNOWN, tables.ALL])]
    if rows["ethnicity"].nunique() < 2:
        return
    lost = ~usable(rows)
    for keyframe in tables.KEYFRAMES:
        own = (rows["keyframe"] == keyframe).to_numpy()
        shares = lost[own].groupby(rows.loc[own, "ethnicity"]).mean()
        if len(shares) > 1 and shares.max() - shares.min() >= UNEVEN:
            text = ", ".join(f"{group} {per_cent(share)}" for group, share in shares.items())
            yield tables.issue(
                "warning",
                f"missing, imputed or failed {PLURAL[keyframe]} are not equally frequent in the "
                f"groups ({text}): a contrast of those that are left may be one of who is left.",
                dataset=dataset,
                field=keyframe,
                found=text,
                expected=f"within {per_cent(UNEVEN)}",
            )


def _dominant(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    clips = part.drop_duplicates(["subject", "clip"])
    counts = clips["subject"].value_counts()
    if len(counts) > 4 and counts.iloc[0] >= DOMINANT * len(clips):
        yield tables.issue(
            "warning",
            f"subject {counts.index[0]} has {counts.iloc[0]} of {len(clips)} clips: means over "
            f"clips are largely that subject's; read the weighting subject, and the influence "
            f"table.",
            dataset=dataset,
            field="subject",
            found=int(counts.iloc[0]),
            expected=f"below {per_cent(DOMINANT)}",
        )


def described(part: pd.DataFrame, dataset: str, min_subjects: int) -> Iterator[Row]:
    """The shape of the design, and what is identifiable in it, as notes."""
    clips = part.drop_duplicates(["subject", "clip"])
    per_subject = clips["subject"].value_counts()
    subjects = clips.drop_duplicates("subject")["ethnicity"].value_counts()
    sizes = ", ".join(f"{group} {n}" for group, n in sorted(subjects.items()))
    note: Row = {"severity": "note", "dataset": dataset}
    yield note | {
        "field": "subject",
        "message": f"{counted(len(per_subject), 'subject')} ({sizes}) with "
        f"{counted(len(clips), 'clip')}, "
        f"{per_subject.min()} to {per_subject.max()} each (median {per_subject.median():g}).",
    }
    rows = _of_primary(part)
    windowed = rows[rows["freedom"].notna() & usable(rows)]
    if len(windowed):
        free = (windowed["freedom"] > 0).groupby(windowed["keyframe"]).mean()
        text = ", ".join(
            f"{per_cent(free[k])} of the {PLURAL[k]}" for k in tables.KEYFRAMES if k in free
        )
        source = rows["source"].iloc[0]
        yield note | {"field": "freedom", "message": f"{source} could move {text}."}
    yield note | {"field": "ethnicity", "message": _identifiable(part, min_subjects)}


def _identifiable(part: pd.DataFrame, min_subjects: int) -> str:
    stated = part[~part["ethnicity"].isin([tables.UNKNOWN, tables.ALL])]
    groups = largest_first(stated.drop_duplicates(["subject", "clip"]))
    never = (
        "never a difference to another dataset, which differs in lab, camera, frame rate and "
        "coders too"
    )
    sizes = stated.groupby("ethnicity")["subject"].nunique()
    tested = [g for g in groups if sizes[g] >= min_subjects]
    rest = int(sizes.sum() - sizes[groups[0]]) if groups else 0
    if len(groups) < 2 or not tested or rest < min_subjects:
        return f"identifiable within this dataset: no contrast between groups; {never}."
    text = f"{groups[0]} ({counted(sizes[groups[0]], 'subject')}) against all others ({rest})"
    others = [g for g in tested if g != groups[0]]
    if len(groups) > 2 and others:
        text += f", and each of {listed(others)} against the rest"
    few = min(int(sizes[groups[0]]), rest) < FEW_SUBJECTS
    if few:
        text += (
            f" (with a side of fewer than {FEW_SUBJECTS} subjects the larger of two p-values "
            f"decides)"
        )
    return f"identifiable within this dataset: {text}; {never}."
