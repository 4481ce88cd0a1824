"""How faces lie in the images."""

from __future__ import annotations

from mebias.audit.labels import Labels, Row


def image_issues(labels: Labels) -> list[Row]:
    """Frames that look uncropped or change size, as the frames' own check finds them."""
    if labels.cohort.frames is None or labels.cohort.clips.empty:
        return []
    from mebias.datasets.crops import framing_issues

    return list(framing_issues(labels.cohort.frames, labels.cohort.clips))
