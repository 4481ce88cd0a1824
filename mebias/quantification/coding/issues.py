"""What a study of coders cannot show, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mebias import tables
from mebias.errors import counted, listed
from mebias.quantification.coding.coverage import levels
from mebias.quantification.coding.culture import Design
from mebias.quantification.coding.detection import left_out_videos
from mebias.quantification.coding.study import Study

Row = dict[str, object]


def coding_issues(study: Study, design: Design, extra: Mapping[str, list[str]]) -> list[Row]:
    """Rows of an issues table.

    Parameters
    ----------
    study : Study
        Matched codings.
    design : Design
        What can be said about coder culture x ethnicity.
    extra : mapping
        Names of coders and subjects that the annotations do not have.
    """
    return [
        tables.issue(severity, message, dataset=study.dataset, check="coders", field=field)
        for severity, field, message in _issues(study, design, extra)
    ]


def _issues(
    study: Study, design: Design, extra: Mapping[str, list[str]]
) -> Iterator[tuple[str, str, str]]:
    codings = study.codings
    if not study.named:
        yield ("note", "onset",
               f"codings mean one event where they overlap by {study.min_overlap:g} or more of "
               f"their union; labels further apart count as events not found, so that timing "
               f"looks the better the fewer events are shared: read detection first.")  # fmt: skip
    alone = left_out_videos(study)
    if alone:
        yield ("note", "video",
               f"{counted(alone, 'video was', 'videos were')} looked at by one coder: they say "
               f"nothing about agreement; a coder who looked and found nothing needs a row with "
               f"blank times.")  # fmt: skip
    if codings["apex_ms"].isna().all():
        yield "note", "apex", "no apex was coded; onset and offset are compared alone."
    if codings["fps"].isna().any():
        yield ("note", "fps", "no frame rate is stated: differences are in ms alone; give --fps "
               "for frames.")  # fmt: skip
    if (codings.groupby(["coder", "event"])["pass"].nunique() > 1).sum() == 0:
        yield ("warning", "pass",
               "no coder coded an event twice: what a coder does otherwise on another day cannot "
               "be told from what is between coders; code some again as pass 2.")  # fmt: skip
    if codings["order"].isna().any():
        yield (
            "note",
            "order",
            "no working order is stated: drift cannot be told; add a column order.",
        )
    if len(study.coders) == 2:
        yield ("warning", "coder",
               "two coders: one degree of freedom tells how coders differ, so that the error of "
               "coders in general is all but unknown; its interval says so.")  # fmt: skip
    if design.confounded:
        yield "warning", "culture", f"{design.confounded}; the contrast is of these coders alone."
    elif design.reason:
        yield "note", "culture", f"coder culture x ethnicity is not tested: {design.reason}."
    else:
        yield from _level(design)
    for what, names in extra.items():
        if names:
            yield ("note", what, f"the {what}s {listed(names)} are listed and have no coding; "
                   f"check their spelling.")  # fmt: skip


def _level(design: Design) -> Iterator[tuple[str, str, str]]:
    """How well the test of coder culture x ethnicity holds its level with so few coders."""
    found = levels(design.n_own, design.n_others)
    if found is None:
        return
    low, high = 100 * found.low, 100 * found.high
    share = f"{low:.1f} %" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f} to {high:.1f} %"
    why = "" if found.high <= _FIVE[1] else (
        "; with so few coders a variance between coders that is small by chance cannot be told "
        "from one that is small"
    )  # fmt: skip
    if found.low < _FIVE[0]:
        why += (
            "; too rarely where single coders and single subjects respond to all groups alike, as "
            "no variance can be estimated below 0"
        )
    yield ("note", "culture",
           f"coder culture x ethnicity: in SIMULATED studies of {found.coders[0]} and "
           f"{found.coders[1]} coders without any such effect it was found at p < 0.05 in {share} "
           f"of them{why}.")  # fmt: skip


_FIVE = (0.04, 0.06)
"""Shares between which a test at 5 % is to find what is not there."""
