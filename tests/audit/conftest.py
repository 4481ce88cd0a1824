"""Small cohorts made by hand, with a clean one to plant errors into."""

from dataclasses import replace

import numpy as np
import pytest

from mebias import tables
from mebias.audit import audit
from mebias.cohort import Cohort
from mebias.manifests import Inclusion, get_manifest

STATUS = "annotated"


def make(rows, *, fps=100.0, manifest=None, blinks=None, settings=None, with_cells=True):
    """A cohort from dicts of clip, subject, onset, apex, offset and further columns."""
    manifest = manifest or get_manifest("folder")
    clips, keyframes, cells = {}, [], []
    for number, row in enumerate(rows, start=2):
        own = {k: v for k, v in row.items() if k not in (*tables.KEYFRAMES, "status", "coder")}
        clips.setdefault(
            row["clip"], {"dataset": manifest.id, "fps": fps, "ethnicity": "unknown", **own}
        )
        for place, keyframe in enumerate(tables.KEYFRAMES):
            frame = row[keyframe]
            status = row.get("status", {}).get(keyframe, STATUS)
            where = {"dataset": manifest.id, "clip": row["clip"], "coder": row.get("coder", "")}
            keyframes.append(
                {
                    **where, "source": "human", "keyframe": keyframe, "frame": frame,
                    "status": "missing" if frame is None or np.isnan(frame) else status,
                }
            )  # fmt: skip
            cells.append(
                {
                    **where, "keyframe": keyframe, "file": "labels.xlsx", "sheet": "label",
                    "row": number, "column": "CDE"[place], "header": keyframe.capitalize(),
                }
            )  # fmt: skip
    return Cohort(
        manifest,
        tables.from_rows(clips.values(), "clips"),
        tables.from_rows(keyframes, "keyframes"),
        tables.empty("issues"),
        cells=tables.from_rows(cells, "cells") if with_cells else None,
        blinks=None if blinks is None else tables.from_rows(blinks, "blinks"),
        settings=settings or {},
    )


def clean(seed=0, subjects=12, each=5):
    """Rows with nothing wrong: lengths alike, frames spread over thousands, no overlap."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(1, subjects + 1):
        starts = np.sort(rng.choice(900, each, replace=False)) * 100
        for number, start in enumerate(starts):
            onset = int(start + rng.integers(1, 40))
            apex = onset + int(rng.integers(12, 24))
            rows.append(
                {
                    "clip": f"p{subject:02d}/v#{onset}", "subject": f"p{subject:02d}",
                    "video": f"p{subject:02d}/v", "onset": onset, "apex": apex,
                    "offset": apex + int(rng.integers(14, 30)),
                    "emotion": ("happiness", "disgust", "surprise")[number % 3],
                    "aus": ("6+12", "4+9", "1+2")[number % 3],
                }
            )  # fmt: skip
    return rows


def planted(change, place=7, **more):
    """The clean cohort with one row changed."""
    rows = clean()
    rows[place].update(change)
    return make(rows, **more)


def limited(**limits):
    """A manifest with an inclusion rule."""
    return replace(get_manifest("folder"), inclusion=Inclusion(**limits))


def found(cohort, check, severity=None, **options):
    """Rows of one check."""
    issues = audit(cohort, images=False, **options)
    part = issues[issues["check"] == check]
    return part if severity is None else part[part["severity"] == severity]


@pytest.fixture(scope="session")
def room():
    """The makers above, by name."""
    from types import SimpleNamespace

    return SimpleNamespace(make=make, clean=clean, planted=planted, limited=limited, found=found)
