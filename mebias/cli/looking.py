"""Commands that look before anything is done: power, doctor."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.shared import cache, data_options, dry_run, progress, say, writable, write

if TYPE_CHECKING:
    import pandas as pd


def power(options: argparse.Namespace) -> None:
    """``mebias power``."""
    from mebias.pipeline import get_cohorts
    from mebias.quantification import compare
    from mebias.quantification.power import power_table
    from mebias.selection import reselect

    (cohort,) = get_cohorts(options.dataset, **data_options(options, [options.dataset]))
    rule = options.rule or "gamdss"
    if options.dry_run:
        dry_run([cohort], [([rule], [options.distance or "signed"])], options.jobs)
        return
    out = options.out or Path("reports") / cohort.manifest.id
    writable(out)
    selected = reselect(
        cohort,
        rule,
        distance=options.distance or "signed",
        skip_bad_frames=options.skip_bad_frames,
        seed=options.seed,
        jobs=options.jobs,
        cache=cache(options),
        progress=progress(options),
    )
    found = power_table(
        compare(cohort, selected),
        power=options.power,
        min_subjects=options.min_subjects,
        margin_ms=options.margin,
    )
    write(out, {"power": found})
    say(options, "\n".join([cohort.name, *power_lines(found, options.power), f"table in {out}"]))


def power_lines(found: pd.DataFrame, power: float) -> list[str]:
    """What a design could find, a sentence per keyframe."""
    lines = []
    for (contrast, keyframe), part in found.groupby(["contrast", "keyframe"], sort=False):
        rows = part.set_index("quantity")
        least = rows.loc["smallest_shift"]
        if least["shift_ms"] != least["shift_ms"]:
            lines.append(f"{keyframe}: {least['reason']}")
            continue
        text = (
            f"{keyframe}, {contrast}: a difference of {least['shift_ms']:.1f} ms "
            f"[{least['conf_low']:.1f}, {least['conf_high']:.1f}] is found with "
            f"{100 * power:.0f} % power ({least['n_subjects']:.0f} subjects)"
        )
        if "subjects_needed" in rows.index:
            needed = rows.loc["subjects_needed"]
            subjects, margin = needed["n_subjects"], needed["shift_ms"]
            if subjects == subjects:
                text += f"; one of {margin:.1f} ms takes {subjects:.0f} subjects"
        lines.append(text)
    return lines


def doctor(options: argparse.Namespace) -> None:
    """``mebias doctor``."""
    from mebias.checkup import checkup

    found = checkup()
    width = max(len(row.what) for row in found)
    for row in found:
        print(f"{row.verdict:<7} {row.what:<{width}}  {row.told}")
    missing = [row.what.strip() for row in found if row.verdict == "missing"]
    noted = sum(row.verdict == "note" for row in found)
    if missing:
        told = f"missing: {', '.join(missing)}; what does without works."
    else:
        told = "nothing missing; every command works" + (", within the notes." if noted else ".")
    say(options, told)
