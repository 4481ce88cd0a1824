"""The audit of a cohort: all checks, in one table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.audit.blinks import blink_issues
from mebias.audit.consequences import SEVERITIES, consequence_of
from mebias.audit.counts import count_issues, name_issues
from mebias.audit.digits import digit_issues
from mebias.audit.duration import duration_issues
from mebias.audit.edits import edit_issues
from mebias.audit.images import image_issues
from mebias.audit.labels import Labels, Row, read_labels
from mebias.audit.on_disk import frame_issues
from mebias.audit.order import censored_issues, missing_issues, order_issues, phase_issues
from mebias.audit.pairs import pair_issues
from mebias.audit.spelling import spelling_issues
from mebias.audit.standouts import standout_issues
from mebias.audit.units import unit_issues
from mebias.cohort import Cohort


def audit(
    cohort: Cohort, *, against: Path | str | None = None, images: bool = True
) -> pd.DataFrame:
    """Look for everything in a cohort's labels that deserves a second look.

    Nothing is repaired. What the loader noticed comes first; then the order of keyframes,
    durations, duplicates, overlaps, blinks, frames on disk, counts, names, spelling, last
    digits, subjects and coders, units of time and, if asked for, an older version and images.

    Parameters
    ----------
    cohort : Cohort
        Loaded or simulated.
    against : path, optional
        An older table of the same labels: edits that look like slips are listed.
    images : bool
        Whether to open images, to see whether faces are cropped.

    Returns
    -------
    DataFrame
        An issues table, as declared in `mebias.tables`: errors (a label that cannot be
        right), warnings (look at it), notes (good to know); then by check, then in the order
        of the clips. ``cell`` names file, sheet, row and column where one is concerned.
        Findings about single cells have a row each, statistical ones a row per dataset.

    Raises
    ------
    OptionError
        ``against`` is given for a cohort that was not read from one table.
    AnnotationError, DataRootError
        The older table cannot be read or does not pair.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", seed=1, n_subjects=6, n_clips=12, size=(32, 32))
    >>> issues = audit(cohort, images=False)
    >>> (issues["severity"] == "error").sum()
    np.int64(0)
    """
    labels = read_labels(cohort)
    known = _noticed(cohort)
    rows = [
        *order_issues(labels, known),
        *missing_issues(labels, known),
        *phase_issues(labels),
        *censored_issues(labels, known),
        *duration_issues(labels),
        *pair_issues(labels),
        *blink_issues(labels),
        *frame_issues(labels),
        *count_issues(labels),
        *name_issues(labels),
        *spelling_issues(labels),
        *standout_issues(labels),
    ]
    # Times in ms all end alike: they are no preference of coders.
    rows += unit_issues(labels) or digit_issues(labels)
    rows += edit_issues(labels, Path(against)) if against is not None else []
    rows += image_issues(labels) if images else []
    return _arranged(labels, [*known, *rows])


def _noticed(cohort: Cohort) -> list[Row]:
    """What the loader noticed, with consequences where it left them open."""
    issues = tables.conform(cohort.issues, "issues")
    rows: list[Row] = [{str(k): v for k, v in row.items()} for row in issues.to_dict("records")]
    for row in rows:
        row["consequence"] = row["consequence"] or consequence_of(str(row["check"]))
    return rows


def _arranged(labels: Labels, rows: list[Row]) -> pd.DataFrame:
    """Errors, warnings, notes; then by check; then in the order of the clips."""
    place = {clip: number for number, clip in enumerate(labels.cohort.clips["clip"])}
    rank = {severity: number for number, severity in enumerate(SEVERITIES)}

    def key(row: Row) -> tuple[int, str, int]:
        return (
            rank.get(str(row["severity"]), len(rank)),
            str(row["check"]),
            place.get(str(row["clip"]), -1),
        )

    return tables.from_rows(sorted(rows, key=key), "issues")
