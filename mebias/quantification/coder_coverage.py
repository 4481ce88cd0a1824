"""What intervals of the coders' SD and of its ratios cover: measured in simulated cohorts.

The table is that of ``python -m mebias calibrate statistics --recovery``. Of its cohorts those
count whose frame rate is nearest, filmed or without images, whichever are covered worst: whether
posteriors miss as they do on film is not known of a dataset.
"""

from __future__ import annotations

import csv
import math
from functools import cache

from mebias.quantification.coverage import LEAST, NOT_SIMULATED, table_path

SD, RATIO = "coders' SD covered", "log ratio of coders' SDs covered"
"""What recovery calls the coverage of either interval."""
FEWEST = 100
"""Cohorts in which there was an interval; with fewer nothing is known of its coverage."""
_TABLE = "recovery.csv"


def sd_note(keyframe: str, fps: float) -> str:
    """What intervals of the coders' SD at a keyframe cover, as a coverage note.

    Parameters
    ----------
    keyframe : str
        Whose labels.
    fps : float
        Frames per second of the dataset.

    Examples
    --------
    >>> sd_note("apex", 200.0).endswith("fps)")
    True
    """
    return _note(SD, keyframe, fps)


def ratio_note(pair: tuple[str, str], fps: float) -> str:
    """The same of the log ratio of two keyframes' SDs, such as ``("offset", "onset")``."""
    return _note(RATIO, "/".join(pair), fps)


def _note(proof: str, keyframe: str, fps: float) -> str:
    rows = [row for row in _rows() if (row["proof"], row["keyframe"]) == (proof, keyframe)]
    if not rows or not fps > 0:
        return NOT_SIMULATED
    nearest = min(rows, key=lambda row: abs(math.log(float(row["fps"]) / fps)))["fps"]
    own = [row for row in rows if row["fps"] == nearest]
    worst = min(own, key=lambda row: float(row["value"]))
    coverage = float(worst["value"])
    told = f"95 % intervals covered {100 * coverage:.1f} % in simulation"
    if coverage < LEAST:
        told = f"nominal 95 %; measured {100 * coverage:.1f} % in simulation"
    what = "filmed clips" if worst["level"] == "images" else "cohorts without images"
    return f"{told} ({what}, {float(worst['n_told']):.0f} cohorts, {float(nearest):g} fps)"


@cache
def _rows() -> list[dict[str, str]]:
    """Coverages that were measured in uncut clips with unbiased labels; read once."""
    with table_path().with_name(_TABLE).open(newline="", encoding="utf-8") as handle:
        return [
            row
            for row in csv.DictReader(handle)
            if row["proof"] in (SD, RATIO)
            and (row["frames"], row["labels"]) == ("uncut", "unbiased")
            and float(row["n_told"]) >= FEWEST
        ]
