"""Small tables made by hand, and reports written from them."""

import math
from functools import cache
from types import SimpleNamespace

import pytest

from mebias import tables
from mebias.quantification import Findings, quantify, revisions, unevenness
from mebias.reporting import write_report

RECORD = {
    "command": "report",
    "arguments": {"rule": ["gamdss"], "seed": 0, "min_subjects": 2},
    "cohorts": {"d": {"files": {"annotations.csv": "ab" * 32}, "rate": 50.0}},
    "versions": {"mebias": "0.1.0", "numpy": "2.4"},
}


def shift_rows(dataset, groups=("A", "B"), subjects=4, rule="gamdss"):
    """Two clips of each subject; later and earlier by turns, one offset missing."""
    rows = []
    for g, group in enumerate(groups):
        for s in range(subjects):
            for c in range(2):
                start = 100 * c
                for k, keyframe in enumerate(tables.KEYFRAMES):
                    human = start + 20 * (k + 1)
                    move = (s + c + g) % 3 - 1 + (keyframe == "apex")
                    missing = keyframe == "offset" and (s, c, g) == (0, 0, 0)
                    rows.append({
                        "dataset": dataset, "clip": f"{group}{s}/c{c}", "subject": f"{group}{s}",
                        "ethnicity": group, "fps": 50.0, "source": rule, "distance": "signed",
                        "keyframe": keyframe, "human": human,
                        "selected": math.nan if missing else human + move,
                        "selected_status": "undetectable" if missing else "selected",
                        "window_low": human - 2, "window_high": human + 2,
                        "rise_frames": 20, "fall_frames": 20,
                    })  # fmt: skip
    return rows


@cache
def findings_of(dataset, groups):
    """Made once for all tests, as are the parts that are computed when first asked for."""
    return quantify(tables.from_rows(shift_rows(dataset, groups), "shifts"), min_subjects=2)


def cohort_input(dataset="d", groups=("A", "B"), title="A title"):
    """What `write_report` takes for re-selected keyframes."""
    return {
        "title": title, "cohorts": [], "findings": findings_of(dataset, tuple(groups)),
        "keyframes": None,
        "extra_tables": {}, "provenance": RECORD,
    }  # fmt: skip


def version_input(dataset="d", first="s0"):
    """What `write_report` takes for two versions of labels: micro and macro, some revised."""
    old, new, clips_old, clips_new = [], [], [], []
    for i in range(40):
        subject = first if i < 4 else f"s{i // 4}"
        kind = "micro" if i % 2 else "macro"
        clip = {"dataset": dataset, "clip": f"c{i}", "subject": subject, "ethnicity": "unknown",
                "expression_type": kind, "fps": 50.0}  # fmt: skip
        clips_old.append(clip)
        clips_new.append(clip | {"expression_type": "macro" if i % 8 == 1 else kind})
        for k, keyframe in enumerate(tables.KEYFRAMES):
            frame = 100 * i + 10 * (k + 1)
            row = {"dataset": dataset, "clip": f"c{i}", "source": "human", "keyframe": keyframe,
                   "frame": frame, "status": "annotated"}  # fmt: skip
            old.append(row)
            move = (k + 1) * (1 if i % 4 else -1) if i // 4 in (0, 1, 5) else 0
            new.append(row | {"frame": frame + move})
    shifts, transitions, subjects = revisions(
        tables.from_rows(clips_old, "clips"), tables.from_rows(old, "keyframes"),
        tables.from_rows(clips_new, "clips"), tables.from_rows(new, "keyframes"),
        old_name="v1", new_name="v2",
    )  # fmt: skip
    found = quantify(shifts)
    every = tables.pd.concat([found.estimates, unevenness(shifts)])
    estimates = tables.conform(every, "estimates")
    findings = Findings(
        shifts=found.shifts, estimates=estimates, tests=found.tests, claims=found.claims,
        issues=found.issues,
    )  # fmt: skip
    return {
        "title": "Two versions", "cohorts": [], "findings": findings, "keyframes": None,
        "extra_tables": {"transitions": transitions, "subjects": subjects}, "provenance": RECORD,
    }  # fmt: skip


@pytest.fixture(scope="session")
def inputs():
    return SimpleNamespace(cohort=cohort_input, versions=version_input)


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Reports of real-looking and simulated data and of two versions, written once."""
    folder = tmp_path_factory.mktemp("reports")
    made = {
        "real": cohort_input(),
        "simulated": cohort_input("SIMULATED d"),
        "versions": version_input(),
    }
    return {name: write_report(folder / name, **given) for name, given in made.items()}
