"""What a design cannot show, said before anyone reads its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import listed, per_cent
from mebias.quantification.blind import JUDGE, of_one_distance
from mebias.quantification.checks import DRAWN_TO_LABELS, different_pairs, drawn_to_labels
from mebias.quantification.contrasts import PAIRED_GROUPS
from mebias.quantification.design_rows import DesignRows, by_dataset
from mebias.quantification.identification import MANY, cut_at_labels, described, limits
from mebias.quantification.means import weightings_differ

Row = dict[str, object]


def design_issues(
    shifts: pd.DataFrame,
    estimates: pd.DataFrame,
    tests: pd.DataFrame,
    min_subjects: int,
    *,
    clips: pd.DataFrame | None = None,
    definitions: Mapping[str, str] | None = None,
    margin_ms: float | None = None,
    primary: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Everything the design check has to say about a shifts table.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    estimates, tests : DataFrame
        What was made of them.
    min_subjects : int
        Groups with fewer subjects are described, not tested.
    clips, definitions, margin_ms
        As in `identification.design_check`, whose warnings come first.
    primary : tuple of str, optional
        Source and distance that tests were asked to rest on.

    Returns
    -------
    DataFrame
        An issues table: warnings before notes, datasets in their order.
    """
    datasets = list(by_dataset(shifts))
    rows = limits(datasets, clips=clips, definitions=definitions, margin_ms=margin_ms)
    if len(datasets) > 1:
        rows.append(_several(datasets))
    for own in datasets:
        rows += _groups(own, min_subjects)
        rows += _unpaired(own, min_subjects)
        rows += _primary(own, tests, primary)
        rows += _judged_by_one(own)
        rows += _drawn_to_labels(own)
        rows += _windows(own, estimates)
        rows += _left_out(own)
        rows += _cluster_sizes(own)
        rows += _frame_rates(own)
        rows += described(own, min_subjects)
    rank = {"error": 0, "warning": 1, "note": 2}
    return tables.from_rows(sorted(rows, key=lambda row: rank[str(row["severity"])]), "issues")


def recording_issues(clips: pd.DataFrame) -> pd.DataFrame:
    """Whether the clips hold frames before the onset and after the offset.

    Parameters
    ----------
    clips : DataFrame
        The clips of one cohort; ``lead_frames`` and ``tail_frames`` NaN where unknown.

    Returns
    -------
    DataFrame
        An issues table.
    """
    if clips.empty:
        return tables.empty("issues")
    columns = {column: clips[column].to_numpy() for column in ("lead_frames", "tail_frames")}
    return tables.from_rows(cut_at_labels(columns, str(clips["dataset"].iloc[0])), "issues")


def _several(datasets: Sequence[DesignRows]) -> Row:
    return tables.issue(
        "warning",
        "several datasets stand side by side: between them lie lab, camera, frame rate, coders "
        "and definitions, so a difference between datasets is not a difference between groups; "
        "only contrasts within a dataset are tested.",
        dataset=listed(own.dataset for own in datasets),
        field="dataset",
    )


def _groups(rows: DesignRows, min_subjects: int) -> Iterator[Row]:
    stated, unknown = rows.groups, rows.subjects.get(tables.UNKNOWN, 0)
    if len(stated) == 0:
        yield tables.issue(
            "warning",
            "no subject's ethnicity is stated, so nothing can be said about groups; give a "
            "table with the columns subject and ethnicity.",
            dataset=rows.dataset,
            field="ethnicity",
        )
    elif len(stated) == 1:
        yield tables.issue(
            "warning",
            f"all subjects with a stated ethnicity are of one group ({next(iter(stated))}): no "
            f"contrast between groups is possible within this dataset, and none to another "
            f"dataset is valid.",
            dataset=rows.dataset,
            field="ethnicity",
        )
    if unknown and len(stated):
        yield tables.issue(
            "warning",
            f"the ethnicity of {unknown} of {sum(rows.subjects.values())} subjects is unknown; "
            f"they stand in the rows for the whole dataset and in no contrast.",
            dataset=rows.dataset,
            field="ethnicity",
            found=unknown,
            expected=0,
        )
    small = {group: n for group, n in stated.items() if n < min_subjects}
    if len(stated) > 1 and small:
        sizes = ", ".join(f"{group} ({n})" for group, n in small.items())
        yield tables.issue(
            "warning",
            f"groups with fewer than {min_subjects} subjects are described, not tested by "
            f"themselves: {sizes}.",
            dataset=rows.dataset,
            field="ethnicity",
            found=min(small.values()),
            expected=min_subjects,
        )


def _unpaired(rows: DesignRows, min_subjects: int) -> Iterator[Row]:
    """So many groups that their pairs are not tested."""
    enough = sum(n >= min_subjects for n in rows.groups.values())
    if enough > PAIRED_GROUPS:
        n_pairs = enough * (enough - 1) // 2
        yield tables.issue(
            "note",
            f"{enough} groups have enough subjects: their {n_pairs} pairs are not tested, each "
            f"group is tested against all others; take groups together to have them in pairs.",
            dataset=rows.dataset,
            field="ethnicity",
            found=enough,
            expected=f"at most {PAIRED_GROUPS}",
        )


def _primary(rows: DesignRows, tests: pd.DataFrame, named: tuple[str, str] | None) -> Iterator[Row]:
    sources = rows.texts("source")
    if named is not None and named not in different_pairs(rows.part, "source", "distance"):
        yield tables.issue(
            "warning",
            f"no shifts are tested: tests were asked to rest on {' '.join(named).strip()}, which "
            f"this dataset does not have.",
            dataset=rows.dataset,
            field="source",
            found=listed(sources),
            expected=named[0],
        )
        return
    if len(rows.groups) < 2 or _holding(tests, dataset=rows.dataset, family="primary").any():
        return
    if rows.primary is None and not all(map(drawn_to_labels, sources)):
        yield tables.issue(
            "warning",
            "no shifts are tested: tests rest on the rule gamdss with the distance signed, or on "
            "the only source of a table but for motion and motion-blind, and this one has several "
            "others; name one in a plan (rule, distance) or, in Python, as primary.",
            dataset=rows.dataset,
            field="source",
            found=listed(sources),
            expected="gamdss",
        )


def _judged_by_one(rows: DesignRows) -> Iterator[Row]:
    if JUDGE not in rows.texts("source"):
        return
    own = rows.part[rows.holds("source", JUDGE)]
    distances = sorted(own["distance"].unique())
    if len(distances) > 1:
        chosen = str(of_one_distance(own)["distance"].iloc[0])
        yield tables.issue(
            "warning",
            f"each label is judged once: of the distances that {JUDGE} comes with here, that is "
            f"by {chosen}.",
            dataset=rows.dataset,
            field="distance",
            found=listed(distances),
            expected=chosen,
        )


def _drawn_to_labels(rows: DesignRows) -> Iterator[Row]:
    if any(map(drawn_to_labels, rows.texts("source"))):
        yield tables.issue(
            "warning",
            "the frames of motion are drawn towards the human labels by its prior, so that its "
            "shifts are too small to judge the labels by: nothing is tested on them; motion-blind "
            "is the one that may judge.",
            dataset=rows.dataset,
            field="source",
            found=DRAWN_TO_LABELS,
            expected="motion-blind",
        )


def _windows(rows: DesignRows, estimates: pd.DataFrame) -> Iterator[Row]:
    chosen = rows.primary
    if chosen is None or np.isnan(rows.numbers("window_low")).all():
        return
    yield from _one_sided(rows)
    here = {"dataset": rows.dataset, "source": chosen[0], "distance": chosen[1],
            "ethnicity": tables.ALL, "stratum": tables.ALL}  # fmt: skip
    for quantity, message in (
        ("share_immovable", "{shares} labels could not move (their windows have no freedom at "
         "this frame rate and phase length): their shift of 0 says nothing about them"),
        ("share_at_edge", "{shares} frames selected in a window with freedom lie at its edge: the "
         "largest difference may lie beyond it"),
    ):  # fmt: skip
        many = estimates[
            _holding(estimates, quantity=quantity, **here)
            & (estimates["estimate"].to_numpy() >= MANY)
        ]
        shares = [
            f"{per_cent(e)} of the {k}"
            for k, e in zip(many["keyframe"], many["estimate"], strict=True)
        ]
        if shares:
            yield tables.issue(
                "warning",
                f"{message.format(shares=', '.join(shares))} (rule {chosen[0]}).",
                dataset=rows.dataset,
                field=quantity,
                found=listed(f"{e:.3f}" for e in many["estimate"]),
                expected=f"below {MANY}",
            )


def _holding(table: pd.DataFrame, **texts: str) -> np.ndarray:
    """Which rows hold these texts in these columns."""
    found = np.ones(len(table), dtype=bool)
    for column, text in texts.items():
        found &= table[column].to_numpy() == text
    return found


def _one_sided(rows: DesignRows) -> Iterator[Row]:
    low, high, human = (rows.numbers(c) for c in ("window_low", "window_high", "human"))
    free = rows.of_source & (rows.numbers("freedom") > 0)
    directions = []
    for keyframe in tables.KEYFRAMES:
        own = free & rows.holds("keyframe", keyframe)
        if own.any() and (low[own] >= human[own]).all():
            directions.append(f"{keyframe} only later")
        elif own.any() and (high[own] <= human[own]).all():
            directions.append(f"{keyframe} only earlier")
    if directions:
        yield tables.issue(
            "warning",
            f"the windows of {rows.source[0]} reach in one direction ({'; '.join(directions)}), "
            f"which fixes the sign of those shifts: a mean shift that differs from 0 is no sign of "
            f"biased labels; compare it with the mean of frames drawn at random "
            f"(uniform_null_mean) and read contrasts between groups.",
            dataset=rows.dataset,
            field="window",
        )


def _left_out(rows: DesignRows) -> Iterator[Row]:
    """Counts of rows that no estimate uses, by status."""
    counted = np.ones(len(rows.part), dtype=bool) if rows.primary is None else rows.of_source
    left = counted & ~rows.usable
    if not left.any():
        return
    out, n = rows.part[left], int(np.count_nonzero(counted))
    of_label = out["human_status"].where(~out["human_status"].isin(["annotated", "corrected"]), "")
    reasons = ("human label " + of_label).where(
        of_label != "", "selection " + out["selected_status"]
    )
    reasons = reasons.mask((of_label == "") & out["selected"].isna(), "selection without a frame")
    reasons = reasons.mask((of_label == "") & out["human"].isna(), "human label without a frame")
    text = ", ".join(f"{count} {reason}" for reason, count in reasons.value_counts().items())
    severity = "warning" if len(out) >= MANY * n else "note"
    yield tables.issue(
        severity,
        f"{len(out)} of {n} keyframes are left out of every estimate: {text}.",
        dataset=rows.dataset,
        field="human_status",
        found=len(out),
        expected=0,
    )


def _cluster_sizes(rows: DesignRows) -> Iterator[Row]:
    if rows.primary is None:
        return
    shift, subjects = rows.numbers("shift_ms"), rows.ranked_subjects
    for keyframe in tables.KEYFRAMES:
        own = rows.of_source & rows.usable & rows.holds("keyframe", keyframe)
        if len(np.unique(subjects[own])) < 5:
            continue
        difference, error = weightings_differ(shift[own], subjects[own])
        if np.isfinite(error) and error > 0 and abs(difference) > 2 * error:
            yield tables.issue(
                "warning",
                f"the mean {keyframe} shift depends on whether clips or subjects are weighted "
                f"(difference {difference:.1f} ms, standard error {error:.1f}): subjects with "
                f"many clips shift otherwise than those with few; read the weighting subject.",
                dataset=rows.dataset,
                field=keyframe,
                found=f"{difference:.3f}",
                expected=f"within {2 * error:.3f}",
            )


def _frame_rates(rows: DesignRows) -> Iterator[Row]:
    fps = rows.numbers("fps")
    rates = {group: float(np.median(fps[rows.holds("ethnicity", group)])) for group in rows.groups}
    if len(set(rates.values())) > 1:
        text = ", ".join(f"{group} {fps:g}" for group, fps in rates.items())
        yield tables.issue(
            "warning",
            f"groups were recorded at different frame rates (median {text} fps), and windows "
            f"scale with it: a contrast between them mixes group and camera.",
            dataset=rows.dataset,
            field="fps",
            found=text,
        )
