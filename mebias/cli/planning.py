"""What the command `plan-study` does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mebias.cli.shared import say, writable, write, write_text, writing
from mebias.errors import OptionError, per_cent


def plan_study(options: argparse.Namespace) -> None:
    """``mebias plan-study``."""
    from mebias.quantification.coding.planning import plan_study as planned
    from mebias.reporting.figures import save

    if len(options.group) != 1:
        raise OptionError("--group takes one percentage, such as 30.")
    if options.pilot is None and options.pilot_fps is not None:
        raise OptionError("--pilot-fps is of a pilot; give PILOT.csv too, or leave it out.")
    assumed = {"coder_group": options.coder_group, "selector_sd": options.selector_sd,
               "subject_sd": options.subject_sd}  # fmt: skip
    plan = planned(
        options.pilot, coders=options.coders, double_coded=options.double_coded, fps=options.fps,
        subjects=options.subjects, clips=options.clips, group=options.group[0],
        tolerance_ms=options.tolerance, shift_ms=options.shift, power=options.power,
        alpha=options.alpha, contrasts=options.contrast or ("ethnicity",),
        minutes=options.minutes, training_hours=options.training_hours,
        pilot_fps=options.pilot_fps, **{k: v for k, v in assumed.items() if v is not None},
    )  # fmt: skip
    out = options.out or Path("reports") / "study"
    writable(out)
    text = plan.protocol()
    figure = plan.plot()
    with writing(out):
        plan.to_csv(out)
        write_text(out / "protocol.md", text)
        folder = out / "figures"
        folder.mkdir(exist_ok=True)
        save(figure, folder, "study", simulated=plan.simulated)
    if plan.simulated:
        print("mebias: SIMULATED: these numbers are not those of real coders.", file=sys.stderr)
    say(options, f"{plan.summary()}\ntables, figure and protocol.md in {out}")


def calibrate_plan_study(options: argparse.Namespace) -> None:
    """``mebias calibrate plan-study``."""
    from mebias.validation.plan_study import validate_plan_study

    out = options.out or Path("reports") / "validation"
    writable(out, options.run.__name__)
    table = validate_plan_study(
        options.cell or (), n_studies=options.studies, seed=options.seed, jobs=options.jobs
    )
    write(out, {"plan_study": table})
    met = table["met"] == "yes"
    lines = ["SIMULATED studies", f"{met.sum()} of {len(table)} predictions meet their band"]
    power = table[table["quantity"].str.endswith("_power")]
    off = per_cent(power["difference"].abs().max(), 1)
    lines.append(f"power: predicted within {off} of simulated power in {len(power)} contrasts")
    for row in table[~met].to_dict("records"):
        lines.append(
            f"  missed in {row['cell']}: {row['quantity']}: predicted {row['predicted']:.3g}, "
            f"simulated {row['simulated']:.3g} +- {row['mc_error']:.2g}"
        )
    say(options, "\n".join([*lines, f"table in {out}"]))
