"""A fixed run, from labels and frames on disk to estimates: its numbers, one a row.

    python tests/supply/reference_run.py

writes them to ``tests/supply/reference.csv``, where the tests expect them. The data are SIMULATED
from a fixed seed. Whoever changes a number says why in the CHANGELOG.

Another processor or another numpy rounds otherwise in the 16th digit, and a Monte Carlo sampler
then draws otherwise: `machine` says on what the numbers were made, and they can be told to the
last digit on the like of it only.
"""

import locale
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from threadpoolctl import threadpool_info

import mebias
from mebias.cli import main as command

TABLE = Path(__file__).with_name("reference.csv")
KEYS = {
    "keyframes": ["clip", "source", "distance", "keyframe"],
    "nulls": ["clip", "source", "distance", "keyframe", "null"],
    "estimates": ["ethnicity", "stratum", "source", "keyframe", "arm", "quantity", "unit",
                  "weighting"],
    "tests": ["family", "hypothesis", "ethnicity", "stratum", "source", "keyframe"],
}  # fmt: skip
"""What tells the rows of a table apart."""
VALUES = {
    "keyframes": ["frame", "score", "mean", "sd"],
    "nulls": ["mean", "sd"],
    "estimates": ["estimate", "conf_low"],
    "tests": ["estimate", "conf_low", "conf_high", "statistic", "df", "p_value", "p_adjusted"],
}
SMALL = ("--subjects", "12", "--clips", "16", "--size", "32x32", "--plant", "B:0,0,40")


def write_data(root):
    """Labels and frames of the run."""
    assert command(["simulate", "4dme", *SMALL, "--frames", "--out", str(root), "--quiet"]) == 0


def run(root, jobs=1):
    """Every number of the run: columns table, row, column, value."""
    cohort = mebias.load("folder", root)
    chosen = mebias.reselect(cohort, ["gamdss", "jitter", "motion-blind"], seed=1, jobs=jobs)
    drawn = mebias.nulls(cohort, "gamdss", seed=1, jobs=jobs)
    findings = mebias.quantify(
        mebias.compare(cohort, chosen), seed=1, n_permutations=999, strata=False
    )
    gains = mebias.gain(predictions(cohort.clips), seed=1)
    study = mebias.simulate_coders(seed=1, n_events=24)
    coded = mebias.coders(study.annotations, study.coders, study.subjects)
    return pd.concat([
        _long(chosen, "keyframes"),
        _long(drawn, "nulls"),
        _long(findings.estimates, "estimates"),
        _long(findings.tests, "tests"),
        _long(gains.estimates, "gains"),
        _long(coded.estimates, "coders"),
    ], ignore_index=True)  # fmt: skip


def predictions(clips):
    """Made predictions: right in two of three clips, in four of five with re-selected ones."""
    rows = []
    for place, row in enumerate(clips.sort_values("clip").itertuples()):
        for arm, step in (("human", 3), ("gamdss", 5)):
            for seed in (0, 1):
                label = place % 3
                wrong = (place + seed) % step == 0
                rows.append((row.clip, row.subject, row.ethnicity, arm, seed, label,
                             (label + wrong) % 3))  # fmt: skip
    names = ["clip", "subject", "ethnicity", "arm", "seed", "label", "predicted"]
    return pd.DataFrame(rows, columns=names)


def machine():
    """What the last digits depend on: versions, linear algebra, instructions of the processor."""
    blas = [library for library in threadpool_info() if library["internal_api"] == "openblas"]
    kernels = {library["architecture"] for library in blas}
    wide = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    return f"numpy {np.__version__} scipy {scipy.__version__} {sorted(kernels)} {sorted(wide)}"


def _long(table, name):
    kind = name if name in KEYS else "estimates"
    keys = [key for key in KEYS[kind] if key in table]
    values = [value for value in VALUES[kind] if value in table]
    row = table[keys].astype(str).agg("/".join, axis=1)
    found = table[values].assign(table=name, row=row).melt(
        ["table", "row"], var_name="column", value_name="value"
    )  # fmt: skip
    found = found[np.isfinite(found["value"].astype(float))]
    return found.sort_values(["table", "row", "column"], ignore_index=True)


def main():
    """Run on ``ROOT`` with ``JOBS``, and write to ``FILE``: the arguments, in this order."""
    locale.setlocale(locale.LC_ALL, "")
    root, jobs, path = sys.argv[1:] if len(sys.argv) > 1 else (None, "1", TABLE)
    if root is None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as made:
            write_data(Path(made) / "data")
            found = run(Path(made) / "data")
        found = found.assign(value=found["value"].map("{:.9g}".format))
        made_on = {"table": "machine", "row": machine(), "column": "made_on", "value": "1"}
        found = pd.concat([found, pd.DataFrame([made_on])], ignore_index=True)
    else:
        found = run(Path(root), int(jobs))
    found.to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
