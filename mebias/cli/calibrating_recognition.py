"""The command calibrate recognition."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from mebias.cli.calibrating import PARTS, output_folder
from mebias.cli.shared import progress, say, write

if TYPE_CHECKING:
    import pandas as pd


def calibrate_recognition(options: argparse.Namespace) -> None:
    """``mebias calibrate recognition``."""
    from mebias.reporting import figures
    from mebias.validation.recognition import MOST, calibrate_recognition

    out = output_folder(options)
    dose, cells = calibrate_recognition(
        options.cell or (),
        n_cohorts=MOST if options.full else options.cohorts,
        seeds=options.seeds,
        seed=options.seed,
        jobs=options.jobs,
        parts=out / PARTS,
        progress=progress(options),
    )
    found = {"recognition": cells} | ({"dose_response": dose} if len(dose) else {})
    write(out, found)
    if len(dose):
        with figures.style():
            drawn = figures.dose_response_plot(dose).get_figure(root=True)
            assert drawn is not None
            figures.save(drawn, out, "dose_response", simulated=True)
    lines = [*_dose_lines(dose), *_cell_lines(cells)]
    say(options, "\n".join(["SIMULATED cohorts", *lines, f"tables and figure in {out}"]))


def _dose_lines(dose: pd.DataFrame) -> list[str]:
    return [
        f"{row['arm']}, labels err by {row['label_sd_ms']:g} ms: UF1 {row['uf1']:.3f} "
        f"{_over(row['uf1_mc_error'], row['n_cohorts'])}"
        for row in dose.to_dict("records")
    ]


def _cell_lines(cells: pd.DataFrame) -> list[str]:
    """What was promised in advance, and what retraining adds."""
    shown = cells[(cells["met"] != "") | (cells["measure"] == "variance ratio")]
    return [
        f"{row['cell']}: {row['arm']} against {row['against']}: {row['measure']} "
        f"{row['value']:.3g} {_over(row['mc_error'], row['n_cohorts'])}"
        + (f", promise met: {row['met']}" if row["met"] else "")
        for row in shown.to_dict("records")
    ]


def _over(error: float, n_cohorts: int) -> str:
    """Monte Carlo error and number of cohorts."""
    if math.isnan(error):
        return f"({n_cohorts} cohort{'s' * (n_cohorts != 1)}, no Monte Carlo error)"
    return f"+- {error:.2g} ({n_cohorts} cohorts)"
