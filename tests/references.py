"""Data sets on which R computed reference values: committed ones and real label revisions.

The committed ones are made in R with a fixed seed. The real ones are revisions of the label
tables of CAS(ME)^3, read where MEBIAS_CASME3_TABLES names the folder with its tables; of them
only R's summary numbers are committed, never a row. To make those numbers anew:

    export CASME3_REVISIONS=$(mktemp -d)
    MEBIAS_CASME3_TABLES=FOLDER python tests/references.py "$CASME3_REVISIONS"
    cd tests/quantification/r && for script in *.R; do Rscript "$script"; done
"""

import os
import sys
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mebias import label_versions
from mebias.quantification.intervals_overlap import lengths, paired_keyframes

FOLDER = Path(__file__).parent / "quantification" / "r"
REAL = os.environ.get("MEBIAS_CASME3_TABLES", "")
PREFIX = "casme3"


@lru_cache(maxsize=1)
def _revisions():
    folder = Path(REAL)
    return label_versions.compare_versions(
        folder / "CAS(ME)3_part_A_v1.xls", folder / "CAS(ME)3_part_A_v2.xls", dataset="casme3"
    ).shifts


def _nameless(subjects):
    """Subjects as s001, s002 ..., in the order of their names."""
    return [f"s{place + 1:03d}" for place in np.unique(subjects, return_inverse=True)[1]]


def _clips():
    """One row per clip: apex and offset revision (frames), type, phase of the old version.

    The tables tell no ethnicity; every third subject stands in for a group, which is all that
    the arithmetic of a contrast needs.
    """
    shifts = _revisions()
    of_clip = ["clip", "subject", "expression_type", "rise_frames", "fall_frames"]
    wide = shifts.pivot_table(index="clip", columns="keyframe", values="shift_frames")
    clips = shifts[of_clip].drop_duplicates("clip").set_index("clip").join(wide).sort_index()
    subject = np.array(_nameless(clips["subject"]))
    group = np.array(["A", "B", "A", "C"])[[int(s[1:]) % 4 for s in subject]]
    return clips.assign(subject=subject, group=group).reset_index()


def _plain():
    """Apex revisions, of all clips and of those that were micro-expressions."""
    clips = _clips()
    own = clips.assign(y=clips["apex"], hit=(clips["apex"] != 0).astype(int))
    of = {f"{PREFIX}_apex": own, f"{PREFIX}_micro": own[own["expression_type"] == "micro"]}
    rows = [part.assign(cohort=name) for name, part in of.items()]
    return pd.concat(rows)[["cohort", "subject", "group", "y", "hit"]]


def _falls():
    """Falls of micro-expressions in both versions (frames)."""
    pairs = paired_keyframes(_revisions())
    old, new, _ = lengths(pairs, "fall")
    keep = np.isfinite(old) & (pairs["expression_type"] == "micro").to_numpy()
    table = pd.DataFrame({"subject": _nameless(pairs["subject"]), "x": old, "y": new})[keep]
    return table.assign(cohort=f"{PREFIX}_micro")[["cohort", "subject", "x", "y"]]


def _covariates():
    """Apex revisions with the type of the expression and the log of the old fall."""
    clips = _clips()
    phase = np.round(np.log(clips["fall_frames"] + 1), 3)
    rows = clips.assign(emotion=clips["expression_type"], phase=phase, y=clips["apex"])
    rows = rows.assign(cohort=PREFIX)
    return rows[["cohort", "subject", "group", "emotion", "phase", "y"]]


def _resampled():
    """Apex revisions of micro-expressions."""
    rows = _plain()
    return rows[rows["cohort"] == f"{PREFIX}_micro"][["cohort", "subject", "y"]]


def _two_keyframes():
    """Rises and falls that micro-expressions gained, as errors of two keyframes.

    A revision is compared with no posterior, so that its variance is 0.
    """
    clips = _clips()
    rows = clips[clips["expression_type"] == "micro"]
    rows = rows.assign(onset=rows["apex"], offset=rows["apex"] - rows["offset"], cohort=PREFIX)
    rows = rows.assign(onset_variance=0.0, offset_variance=0.0)
    names = ["onset", "onset_variance", "offset", "offset_variance"]
    return rows[["cohort", "subject", *names]]


_MADE = {
    "data.csv": _plain,
    "agreement_data.csv": _falls,
    "cr2_data.csv": _covariates,
    "boot_data.csv": _resampled,
    "coder_sd_data.csv": _two_keyframes,
}
"""Tables of real revisions, by the name of the committed table that they are added to."""


@cache
def _table(file, real):
    return _MADE[file]() if real else pd.read_csv(FOLDER / file)


def rows_of(file, name):
    """Rows of one data set of a table; skips the test where a real one is not there."""
    real = name.startswith(PREFIX)
    if real and not REAL:
        pytest.skip("MEBIAS_CASME3_TABLES names no folder with the label tables of CAS(ME)^3")
    table = _table(file, real)
    rows = table[table["cohort"] == name]
    assert len(rows), f"{file} has no data set {name}"
    return rows.reset_index(drop=True)


def values_of(file, keys):
    """Reference values by data set and what they are."""
    return pd.read_csv(FOLDER / file).set_index(keys)["value"].sort_index()


if __name__ == "__main__":
    for file, make in _MADE.items():
        make().to_csv(Path(sys.argv[1]) / file, index=False)
