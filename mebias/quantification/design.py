"""What a design cannot show, said before anyone reads its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import listed, per_cent
from mebias.quantification.blind import JUDGE, of_one_distance
from mebias.quantification.checks import DRAWN_TO_LABELS, drawn_to_labels, primary_source, usable
from mebias.quantification.contrasts import PAIRED_GROUPS
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
    rows = limits(shifts, clips=clips, definitions=definitions, margin_ms=margin_ms)
    if len(shifts["dataset"].unique()) > 1:
        rows.append(_several(shifts))
    for name, part in shifts.groupby("dataset", sort=False):
        dataset = str(name)
        rows += _groups(part, dataset, min_subjects)
        rows += _unpaired(part, dataset, min_subjects)
        rows += _primary(part, dataset, tests, primary)
        rows += _judged_by_one(part, dataset)
        rows += _drawn_to_labels(part, dataset)
        rows += _windows(part, estimates, dataset)
        rows += _left_out(part, dataset)
        rows += _cluster_sizes(part, dataset)
        rows += _frame_rates(part, dataset)
        rows += described(part, dataset, min_subjects)
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
    return tables.from_rows(cut_at_labels(clips, str(clips["dataset"].iloc[0])), "issues")


def _several(shifts: pd.DataFrame) -> Row:
    return tables.issue(
        "warning",
        "several datasets stand side by side: between them lie lab, camera, frame rate, coders "
        "and definitions, so a difference between datasets is not a difference between groups; "
        "only contrasts within a dataset are tested.",
        dataset=listed(shifts["dataset"].unique()),
        field="dataset",
    )


def _groups(part: pd.DataFrame, dataset: str, min_subjects: int) -> Iterator[Row]:
    counts = part.groupby("ethnicity")["subject"].nunique()
    stated = counts.drop([tables.UNKNOWN, tables.ALL], errors="ignore")
    unknown = int(counts.get(tables.UNKNOWN, 0))
    if len(stated) == 0:
        yield tables.issue(
            "warning",
            "no subject's ethnicity is stated, so nothing can be said about groups; give a "
            "table with the columns subject and ethnicity.",
            dataset=dataset,
            field="ethnicity",
        )
    elif len(stated) == 1:
        yield tables.issue(
            "warning",
            f"all subjects with a stated ethnicity are of one group ({stated.index[0]}): no "
            f"contrast between groups is possible within this dataset, and none to another "
            f"dataset is valid.",
            dataset=dataset,
            field="ethnicity",
        )
    if unknown and len(stated):
        yield tables.issue(
            "warning",
            f"the ethnicity of {unknown} of {int(counts.sum())} subjects is unknown; they stand "
            f"in the rows for the whole dataset and in no contrast.",
            dataset=dataset,
            field="ethnicity",
            found=unknown,
            expected=0,
        )
    small = stated[stated < min_subjects]
    if len(stated) > 1 and len(small):
        sizes = ", ".join(f"{group} ({n})" for group, n in small.items())
        yield tables.issue(
            "warning",
            f"groups with fewer than {min_subjects} subjects are described, not tested by "
            f"themselves: {sizes}.",
            dataset=dataset,
            field="ethnicity",
            found=int(small.min()),
            expected=min_subjects,
        )


def _unpaired(part: pd.DataFrame, dataset: str, min_subjects: int) -> Iterator[Row]:
    """So many groups that their pairs are not tested."""
    owners = part[["subject", "ethnicity"]].drop_duplicates()["ethnicity"].value_counts()
    owners = owners.drop([tables.UNKNOWN, tables.ALL], errors="ignore")
    enough = int((owners >= min_subjects).sum())
    if enough > PAIRED_GROUPS:
        n_pairs = enough * (enough - 1) // 2
        yield tables.issue(
            "note",
            f"{enough} groups have enough subjects: their {n_pairs} pairs are not tested, each "
            f"group is tested against all others; take groups together to have them in pairs.",
            dataset=dataset,
            field="ethnicity",
            found=enough,
            expected=f"at most {PAIRED_GROUPS}",
        )


def _primary(
    part: pd.DataFrame, dataset: str, tests: pd.DataFrame, named: tuple[str, str] | None
) -> Iterator[Row]:
    if named is not None and not (part[["source", "distance"]] == list(named)).all(axis=1).any():
        yield tables.issue(
            "warning",
            f"no shifts are tested: tests were asked to rest on {' '.join(named).strip()}, which "
            f"this dataset does not have.",
            dataset=dataset,
            field="source",
            found=listed(part["source"].unique()),
            expected=named[0],
        )
        return
    groups = set(part["ethnicity"]) - {tables.UNKNOWN, tables.ALL}
    tested = (tests["dataset"] == dataset) & (tests["family"] == "primary")
    if len(groups) < 2 or tested.any():
        return
    if primary_source(part) is None and not part["source"].map(drawn_to_labels).astype(bool).all():
        yield tables.issue(
            "warning",
            "no shifts are tested: tests rest on the rule gamdss with the distance signed, or on "
            "the only source of a table but for motion and motion-blind, and this one has several "
            "others; name one in a plan (rule, distance) or, in Python, as primary.",
            dataset=dataset,
            field="source",
            found=listed(part["source"].unique()),
            expected="gamdss",
        )


def _judged_by_one(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    own = part[part["source"] == JUDGE]
    distances = sorted(own["distance"].unique())
    if len(distances) > 1:
        chosen = str(of_one_distance(own)["distance"].iloc[0])
        yield tables.issue(
            "warning",
            f"each label is judged once: of the distances that {JUDGE} comes with here, that is "
            f"by {chosen}.",
            dataset=dataset,
            field="distance",
            found=listed(distances),
            expected=chosen,
        )


def _drawn_to_labels(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    if part["source"].map(drawn_to_labels).astype(bool).any():
        yield tables.issue(
            "warning",
            "the frames of motion are drawn towards the human labels by its prior, so that its "
            "shifts are too small to judge the labels by: nothing is tested on them; motion-blind "
            "is the one that may judge.",
            dataset=dataset,
            field="source",
            found=DRAWN_TO_LABELS,
            expected="motion-blind",
        )


def _windows(part: pd.DataFrame, estimates: pd.DataFrame, dataset: str) -> Iterator[Row]:
    chosen = primary_source(part)
    if chosen is None or part["window_low"].isna().all():
        return
    rows = part[(part["source"] == chosen[0]) & (part["distance"] == chosen[1])]
    yield from _one_sided(rows, dataset, chosen[0])
    here = estimates[
        (estimates["dataset"] == dataset)
        & (estimates["source"] == chosen[0])
        & (estimates["distance"] == chosen[1])
        & (estimates["ethnicity"] == tables.ALL)
        & (estimates["stratum"] == tables.ALL)
    ]
    for quantity, message in (
        ("share_immovable", "{shares} labels could not move (their windows have no freedom at "
         "this frame rate and phase length): their shift of 0 says nothing about them"),
        ("share_at_edge", "{shares} frames selected in a window with freedom lie at its edge: the "
         "largest difference may lie beyond it"),
    ):  # fmt: skip
        many = here[(here["quantity"] == quantity) & (here["estimate"] >= MANY)]
        shares = [
            f"{per_cent(e)} of the {k}"
            for k, e in zip(many["keyframe"], many["estimate"], strict=True)
        ]
        if shares:
            yield tables.issue(
                "warning",
                f"{message.format(shares=', '.join(shares))} (rule {chosen[0]}).",
                dataset=dataset,
                field=quantity,
                found=listed(f"{e:.3f}" for e in many["estimate"]),
                expected=f"below {MANY}",
            )


def _one_sided(rows: pd.DataFrame, dataset: str, source: str) -> Iterator[Row]:
    free = rows[rows["freedom"] > 0]
    directions = []
    for keyframe in tables.KEYFRAMES:
        own = free[free["keyframe"] == keyframe]
        if len(own) and (own["window_low"] >= own["human"]).all():
            directions.append(f"{keyframe} only later")
        elif len(own) and (own["window_high"] <= own["human"]).all():
            directions.append(f"{keyframe} only earlier")
    if directions:
        yield tables.issue(
            "warning",
            f"the windows of {source} reach in one direction ({'; '.join(directions)}), which "
            f"fixes the sign of those shifts: a mean shift that differs from 0 is no sign of "
            f"biased labels; compare it with the mean of frames drawn at random "
            f"(uniform_null_mean) and read contrasts between groups.",
            dataset=dataset,
            field="window",
        )


def _left_out(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    """Counts of rows that no estimate uses, by status."""
    out = part[~usable(part)]
    chosen = primary_source(part)
    if chosen is not None:
        out = out[(out["source"] == chosen[0]) & (out["distance"] == chosen[1])]
    if out.empty:
        return
    of_label = out["human_status"].where(~out["human_status"].isin(["annotated", "corrected"]), "")
    reasons = ("human label " + of_label).where(
        of_label != "", "selection " + out["selected_status"]
    )
    reasons = reasons.mask((of_label == "") & out["selected"].isna(), "selection without a frame")
    reasons = reasons.mask((of_label == "") & out["human"].isna(), "human label without a frame")
    text = ", ".join(f"{count} {reason}" for reason, count in reasons.value_counts().items())
    total = part if chosen is None else part[
        (part["source"] == chosen[0]) & (part["distance"] == chosen[1])
    ]  # fmt: skip
    severity = "warning" if len(out) >= MANY * len(total) else "note"
    yield tables.issue(
        severity,
        f"{len(out)} of {len(total)} keyframes are left out of every estimate: {text}.",
        dataset=dataset,
        field="human_status",
        found=len(out),
        expected=0,
    )


def _cluster_sizes(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    chosen = primary_source(part)
    if chosen is None:
        return
    rows = part[usable(part) & (part["source"] == chosen[0]) & (part["distance"] == chosen[1])]
    for keyframe in tables.KEYFRAMES:
        own = rows[rows["keyframe"] == keyframe]
        if own["subject"].nunique() < 5:
            continue
        difference, error = weightings_differ(own["shift_ms"].to_numpy(), own["subject"].to_numpy())
        if np.isfinite(error) and error > 0 and abs(difference) > 2 * error:
            yield tables.issue(
                "warning",
                f"the mean {keyframe} shift depends on whether clips or subjects are weighted "
                f"(difference {difference:.1f} ms, standard error {error:.1f}): subjects with "
                f"many clips shift otherwise than those with few; read the weighting subject.",
                dataset=dataset,
                field=keyframe,
                found=f"{difference:.3f}",
                expected=f"within {2 * error:.3f}",
            )


def _frame_rates(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    stated = part[~part["ethnicity"].isin([tables.UNKNOWN, tables.ALL])]
    rates = stated.groupby("ethnicity")["fps"].median()
    if len(rates.unique()) > 1:
        text = ", ".join(f"{group} {fps:g}" for group, fps in rates.items())
        yield tables.issue(
            "warning",
            f"groups were recorded at different frame rates (median {text} fps), and windows "
            f"scale with it: a contrast between them mixes group and camera.",
            dataset=dataset,
            field="fps",
            found=text,
        )
