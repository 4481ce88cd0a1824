"""How labels and frames on disk go together: clips cut at their labels, and gaps."""

from __future__ import annotations

import numpy as np

from mebias import tables
from mebias.audit.labels import Labels, Row, places
from mebias.errors import listed


def frame_issues(labels: Labels) -> list[Row]:
    """Labels without a frame, clips cut at their labels, and gaps.

    A cohort that was read from a folder has been checked for missing frames by the loader.
    """
    cohort = labels.cohort
    if cohort.frames is None:
        return []
    rows: list[Row] = []
    if cohort.root is None:
        from mebias.datasets.on_disk import counted

        rows += counted(cohort.frames, cohort.clips, cohort.keyframes, labels.dataset)[1]
    return [*rows, *_cut(labels), *_gaps(labels)]


def _cut(labels: Labels) -> list[Row]:
    clips = labels.cohort.clips
    looked = clips[clips["n_frames"] > 0]
    no_lead, no_tail = looked["lead_frames"] == 0, looked["tail_frames"] == 0
    both, one = int((no_lead & no_tail).sum()), int((no_lead ^ no_tail).sum())
    if not both and not one:
        return []
    known = (labels.annotation.cut_at_labels if labels.annotation else "") or (
        labels.manifest.cut_at_labels
    )
    said = {"yes": ", as is known of this dataset", "no": ", though its clips are said not to be"}
    ends = "no frame before the onset, none after the offset"
    lead = int((no_lead & ~no_tail).sum())
    return [
        labels.row(
            "warning" if known == "no" and both else "note",
            "cut",
            f"{both} of {len(looked)} clips are cut at their labels ({ends})"
            f"{said.get(known, '') if both else ''}; {lead} begin at the onset only, {one - lead} "
            f"end at the offset only: {listed(looked.loc[no_lead | no_tail, 'clip'])}.",
            field="lead_frames",
            found=f"{both} of {len(looked)} at both ends, {one} at one end",
            expected="frames before the onset and after the offset",
        )
    ]


def _gaps(labels: Labels) -> list[Row]:
    """Frames that are not on disk although they lie between onset and offset."""
    table = labels.table
    usable = table["onset_status"].isin(tables.PLACED) & table["offset_status"].isin(tables.PLACED)
    span = (
        table[usable].groupby("clip", sort=False).agg(low=("onset", "min"), high=("offset", "max"))
    )
    clips = labels.cohort.clips
    span = span.reindex(clips["clip"])
    expected = (span["high"] - span["low"]).to_numpy() + 1
    n_frames, lead, tail = (
        clips[name].to_numpy(dtype=np.float64)
        for name in ("n_frames", "lead_frames", "tail_frames")
    )
    absent = expected - (n_frames - lead - tail)
    first = dict(zip(labels.texts("clip")[::-1], range(len(table) - 1, -1, -1), strict=True))
    rows = []
    for number in places((n_frames > 0) & (absent > 0)):
        place = first[clips["clip"].iloc[number]]
        rows.append(
            labels.row(
                "note" if labels.manifest.gaps else "warning",
                "gaps",
                f"{clips['clip'].iloc[number]}: {absent[number]:.0f} of {expected[number]:.0f} "
                f"frames from onset to offset are not on disk.",
                place,
                field="frames",
                found=f"{expected[number] - absent[number]:.0f} frames",
                expected=f"{expected[number]:.0f} frames",
                cell=labels.cell(place, "onset", "offset"),
            )
        )
    return rows
