"""A planned study in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from mebias.errors import per_cent

if TYPE_CHECKING:
    from mebias.quantification.coding.planning import StudyPlan


def summary(plan: StudyPlan) -> str:
    """What is recommended, what it reaches in each keyframe, and what that rests on."""
    rows = plan.recommended
    goals = plan.goals
    lines = [f"{len(plan.table) // len(rows)} designs; {plan.basis}"]
    wanted = (
        f"95 % of labels within {goals.tolerance_ms:.0f} ms, and {goals.shift_ms:g} ms found with "
        f"{per_cent(goals.power)} power ({' and '.join(goals.contrasts) or 'no contrast'})"
    )
    if plan.reached:
        lines.append(f"recommended, the cheapest that reaches {wanted}:")
    else:
        lines.append(f"NO design reaches {wanted}; nearest:")
    lines.append(f"  {design(rows.iloc[0])}")
    for row in rows.to_dict("records"):
        lines.append(
            f"  {row['keyframe']}: 95 % of labels within {row['tolerance_ms']:.0f} ms"
            f"{bounds(row, 'tolerance', ' ms')}; power for groups "
            f"{per_cent(row['ethnicity_power'])}{bounds(row, 'ethnicity_power')}, for coder "
            f"cultures {culture(row)}"
        )
    if plan.reached and (rows["tolerance_high"] > goals.tolerance_ms).any():
        lines.append(
            "note: at the upper bounds that the pilot leaves, the tolerance is missed; a larger "
            "pilot would tell, more coders would make sure"
        )
    lines += [f"note: {note}" for note in plan.notes]
    return "\n".join(lines)


def design(row: pd.Series) -> str:
    """One design."""
    return (
        f"{row['subjects']:.0f} subjects ({row['group_sizes']}), {row['n_clips']:.0f} clips, "
        f"{row['coders']:.0f} coders, {per_cent(row['double_coded'])} of the clips coded by all of "
        f"them, {row['fps']:g} fps: {row['codings']:.0f} codings, {row['hours']:.0f} hours"
    )


def bounds(row: dict[object, float], name: str, unit: str = "") -> str:
    """``(low to high)``, or nothing."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if not math.isfinite(low + high):
        return ""
    if unit:
        return f" ({low:.0f} to {high:.0f}{unit})"
    return f" ({per_cent(low)} to {per_cent(high)})"


def culture(row: dict[object, float]) -> str:
    """Power of the contrast of cultures, or why there is none."""
    if not math.isfinite(row["culture_power"]):
        few = "confounded" in str(row["culture_reason"])
        return (
            "none (needs two coders of each culture)" if few else f"none ({row['culture_reason']})"
        )
    return f"{per_cent(row['culture_power'])}{bounds(row, 'culture_power')}"
