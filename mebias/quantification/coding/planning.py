"""A study of coders before it is done (D-study): what it would reach, and what it would cost."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, OutputError, per_cent
from mebias.quantification.coding.pilot import (
    ASSUMED_CULTURE,
    ASSUMED_GROUP,
    ASSUMED_SELECTOR,
    ASSUMED_SUBJECT,
    Basis,
    Pilot,
    checked_errors,
    component_rows,
    pilot_basis,
    simulated_basis,
)
from mebias.quantification.coding.plan_power import (
    Plan,
    culture_power,
    culture_scores,
    group_design,
    smallest,
)
from mebias.quantification.coding.tolerance import (
    Error,
    label_error,
    label_variance,
    quantization,
    tolerance,
)
from mebias.quantification.designs import power_at, smallest_shift

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, object]
MOST = 5_000
CONTRASTS = ("ethnicity", "culture")
_CURVE = np.r_[0.0, np.geomspace(0.5, 60.0, 40)]
"""Contrasts over their standard error, between which the smallest one found is looked for."""


@dataclass(frozen=True)
class Goals:
    """What a study is planned for.

    Attributes
    ----------
    tolerance_ms : float
        Within which 95 % of published labels of every keyframe are to lie.
    shift_ms : float
        Contrast that is to be found.
    power : float
        Probability to find it.
    alpha : float
        Level of the three keyframes together; each is tested at a third (Holm's first step).
    contrasts : tuple of str
        Which contrasts need that power: ethnicity, culture.
    minutes, training_hours : float
        Per coding, and per coder.
    """

    tolerance_ms: float
    shift_ms: float
    power: float
    alpha: float
    contrasts: tuple[str, ...]
    minutes: float
    training_hours: float

    @property
    def level(self) -> float:
        """Of one test."""
        return self.alpha / len(tables.KEYFRAMES)

    def hours(self, plan: Plan) -> float:
        """Hours of coders."""
        return plan.codings * self.minutes / 60 + self.training_hours * plan.coders


@dataclass(frozen=True)
class StudyPlan:
    """What designs of a study reach and cost, and the one that is recommended.

    Attributes
    ----------
    table : DataFrame
        The table ``study``: one row per design and keyframe.
    components : DataFrame
        The table ``study_components``: what it rests on.
    goals : Goals
    basis : str
        In words: which pilot, or that components are SIMULATED.
    notes : tuple of str
        What has to be known with it.
    """

    table: pd.DataFrame
    components: pd.DataFrame
    goals: Goals
    basis: str
    notes: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether it rests on simulated components or codings."""
        return tables.is_simulated(str(self.table["dataset"].iloc[0]))

    @property
    def recommended(self) -> pd.DataFrame:
        """The rows of the recommended design, one per keyframe."""
        return self.table[self.table["recommended"]].reset_index(drop=True)

    @property
    def reached(self) -> bool:
        """Whether the recommended design meets all goals."""
        return bool((self.recommended["meets"] == "yes").all())

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write study.csv and study_components.csv.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        folder = Path(folder)
        found = {"study": self.table, "study_components": self.components}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tables.together():
                for name, table in found.items():
                    tables.write_csv(table, folder / f"{name}.csv")
        except OSError as error:
            raise OutputError(f"{folder} cannot be written ({error.strerror}).") from None
        return [folder / f"{name}.csv" for name in found]

    def plot(self, **options: Any) -> Figure:
        """Draw it: `mebias.figures.study_plot`."""
        figures = import_module("mebias.reporting.figures")  # drawing stands above numbers
        with figures.style():
            return cast("Figure", figures.study_plot(self.table, **options))

    def protocol(self) -> str:
        """A protocol of the recommended design to fix before coding begins, in Markdown."""
        return cast("str", import_module("mebias.reporting.protocol").protocol(self))

    def summary(self) -> str:
        """The recommended design in a few lines."""
        return import_module("mebias.quantification.coding.plan_words").summary(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        n = len(self.table) // len(tables.KEYFRAMES)
        return f"StudyPlan({n} designs; {self.basis})"

    def _repr_html_(self) -> str:
        mark = f"<p><b>{tables.SIMULATED}</b></p>" if self.simulated else ""
        return f"{mark}<pre>{html.escape(self.summary())}</pre>"


def plan_study(
    pilot: str | Path | pd.DataFrame | None = None,
    *,
    coders: Sequence[int] = (2, 3, 4),
    double_coded: Sequence[float] = (0.1, 0.4, 0.7, 1.0),
    fps: Sequence[float] = (30, 60, 100, 200),
    subjects: Sequence[int] = (20, 40, 60, 80),
    clips: Sequence[float] = (8,),
    group: float = 0.5,
    tolerance_ms: float = 100 / 3,
    shift_ms: float = 20.0,
    power: float = 0.8,
    alpha: float = 0.05,
    contrasts: Sequence[str] = ("ethnicity",),
    minutes: float = 15.0,
    training_hours: float = 10.0,
    coder_group: Sequence[float] = ASSUMED_GROUP,
    selector_sd: Sequence[float] = ASSUMED_SELECTOR,
    subject_sd: Sequence[float] = ASSUMED_SUBJECT,
    pilot_fps: float | None = None,
) -> StudyPlan:
    """Plan a study of coders: tolerance of its labels, power of its contrasts, cost (D-study).

    Parameters
    ----------
    pilot : path or DataFrame, optional
        Codings as `mebias.coders` reads them, of two coders or more; their variance
        components are estimated (REML) and their bounds carried on. Without a pilot the
        components of `mebias.simulate_coders` are used, and everything says SIMULATED.
    coders : sequence of int
        Sizes of the team, 2 or more; of two cultures as evenly as can be.
    double_coded : sequence of float
        Shares (above 0, up to 1) of the clips that *all* coders code independently; their
        mean is published. Every other clip is coded by one coder, in turn.
    fps : sequence of float
        Frame rates.
    subjects, clips : sequence of number
        Subjects, and mean number of clips per subject (skewed, as in spontaneous data).
    group : float
        Share of subjects in the group that is contrasted with the others.
    tolerance_ms : float
        Goal: 95 % of published labels lie within it.
    shift_ms, power, alpha : float
        Goal: a contrast so large is found with this power at alpha / 3 for each keyframe.
    contrasts : sequence of {"ethnicity", "culture"}
        Contrasts that need the power; both are always computed.
    minutes, training_hours : float
        Cost: per coding, and per coder. Assumed, not measured: state your own.
    coder_group : one or three floats
        Assumed SD (ms) of what a coder does to one group and not to others, by keyframe. As
        long as it is above 0 the contrast of cultures needs coders, not clips.
    selector_sd, subject_sd : one or three floats
        Assumed SDs (ms) of the re-selected frame's error, and of subjects' mean shifts, for
        the contrast of groups.
    pilot_fps : float, optional
        Frame rate of rows of the pilot that state none.

    Returns
    -------
    StudyPlan

    Raises
    ------
    OptionError
        A design that cannot be, or a number outside its range.
    TableError, AnnotationError
        The pilot cannot be used.

    Notes
    -----
    A tolerance says how far a label lies from what endlessly many such coders would publish;
    what all coders have in common is not in it. Tolerance: variance components over the
    number of coders, and rounding to frames with what coders round alike (`tolerance`).
    Bounds of tolerances recover variances (MOVER); those of power set all components to
    their bounds at once and are wide. Sources: Cronbach et al. 1972 and Brennan 2001
    (generalizability theory), Cameron, Gelbach and Miller 2011 (two-way clustering).

    Examples
    --------
    >>> import mebias
    >>> plan = mebias.plan_study(coders=[2, 4], double_coded=[1.0], fps=[200], subjects=[40])
    >>> plan.table["dataset"].iloc[0]
    'SIMULATED components'
    >>> two, four = (plan.table.query("keyframe == 'apex' and coders == @k") for k in (2, 4))
    >>> bool(two["tolerance_ms"].iloc[0] > four["tolerance_ms"].iloc[0])
    True
    """
    goals = Goals(
        tolerance_ms, shift_ms, power, alpha, tuple(contrasts), minutes, training_hours
    )  # fmt: skip
    _check_goals(goals)
    plans = designs(coders, double_coded, fps, subjects, clips, group)
    assumed = {
        "coder_group": checked_errors("coder_group", coder_group),
        "culture_subject": ASSUMED_CULTURE,
        "selector": checked_errors("selector_sd", selector_sd),
        "subject": checked_errors("subject_sd", subject_sd),
    }
    if pilot is None:
        found = simulated_basis(assumed)
        basis = f"{tables.SIMULATED} components: no pilot was given"
    else:
        found = pilot_basis(pilot, assumed, fps=pilot_fps)
        basis = f"pilot {found.name}: {found.size}"
    rows = [row for plan in plans for row in _rows(plan, found, goals)]
    table = tables.from_rows(_recommended(rows, goals), "study")
    return StudyPlan(
        table, tables.from_rows(component_rows(found), "study_components"), goals, basis,
        tuple(found.notes),
    )  # fmt: skip


def _check_goals(goals: Goals) -> None:
    for name in ("tolerance_ms", "shift_ms", "minutes"):
        value = getattr(goals, name)
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"{name} is {value:g}; expected a number above 0.")
    if not (math.isfinite(goals.training_hours) and goals.training_hours >= 0):
        raise OptionError(f"training_hours is {goals.training_hours:g}; expected 0 or more.")
    if not 0 < goals.alpha < goals.power < 1:
        raise OptionError(
            f"power is {goals.power:g} and alpha {goals.alpha:g}; expected 0 < alpha < power < 1."
        )
    for name in goals.contrasts:
        if name not in CONTRASTS:
            raise OptionError(f"there is no contrast {name!r}; expected ethnicity or culture.")


def designs(
    coders: Sequence[int],
    double_coded: Sequence[float],
    fps: Sequence[float],
    subjects: Sequence[int],
    clips: Sequence[float],
    group: float,
) -> list[Plan]:
    """All combinations.

    Raises
    ------
    OptionError
        One of them cannot be done, or there are too many.
    """
    given = {"coders": coders, "double_coded": double_coded, "fps": fps, "subjects": subjects,
             "clips": clips}  # fmt: skip
    for name, values in given.items():
        if not len(values) or not all(math.isfinite(v) for v in values):
            raise OptionError(f"{name} holds no number, or one that is not finite.")
    if min(coders) < 2:
        raise OptionError(
            f"coders is {min(coders):g}: one coder's error shows nowhere; expected 2 or more."
        )
    if not (min(double_coded) > 0 and max(double_coded) <= 1):
        bad = min(double_coded) if min(double_coded) <= 0 else max(double_coded)
        raise OptionError(
            f"double_coded is {per_cent(bad)}; expected a share of clips above 0 % and up to 100 %."
        )
    if min(fps) <= 0:
        raise OptionError(f"fps is {min(fps):g}; expected a number above 0.")
    if min(clips) < 1:
        raise OptionError(f"clips per subject is {min(clips):g}; expected 1 or more.")
    if not 0 < group < 1:
        raise OptionError(
            f"group is {per_cent(group)}; expected a share of subjects from 0 to 100 %."
        )
    few = min(subjects)
    if min(round(few * group), few - round(few * group)) < 3:
        raise OptionError(
            f"subjects is {few:g} with {per_cent(group)} in the group: a side has fewer than 3; a "
            f"contrast needs 3 subjects or more on each side."
        )
    n = math.prod(len(set(values)) for values in given.values())
    if n > MOST:
        raise OptionError(
            f"{n} designs, more than {MOST}; ask for fewer values, such as 30..200:85 in steps."
        )
    ordered = [sorted(set(v)) for v in (subjects, clips, coders, double_coded, fps)]
    return [
        Plan(int(s), float(c), int(k), float(d), float(f), group)
        for s, c, k, d, f in product(*ordered)
    ]


def _rows(plan: Plan, pilot: Pilot, goals: Goals) -> Iterator[Row]:
    for keyframe, basis in pilot.bases.items():
        yield {
            "dataset": pilot.name, "subjects": plan.subjects, "group_sizes": _sizes(plan),
            "clips_per_subject": plan.clips, "n_clips": round(plan.subjects * plan.clips),
            "coders": plan.coders, "double_coded": plan.double, "fps": plan.fps,
            "codings": round(plan.codings), "hours": goals.hours(plan), "keyframe": keyframe,
            "shift_ms": goals.shift_ms, "alpha": goals.level, "target_ms": goals.tolerance_ms,
            "target_power": goals.power,
            **_tolerances(plan, basis), **_groups(plan, basis, goals),
            **_cultures(plan, basis, goals),
        }  # fmt: skip


def _sizes(plan: Plan) -> str:
    return f"{plan.sides[0]}, {plan.sides[1]}"


def _tolerances(plan: Plan, basis: Basis) -> Row:
    """SDs and tolerances of labels, coded by all, by one, and of all published labels."""
    spread, k = basis.spread, plan.coders
    several, single = (label_error(spread, n, plan.fps) for n in (k, 1))
    row: Row = {
        "several_sd_ms": math.sqrt(several.variance),
        "single_sd_ms": math.sqrt(single.variance),
        "rounding_sd_ms": math.sqrt(quantization(spread, k, plan.fps)),
        "several_tolerance_ms": tolerance(several, several, 1.0),
        "single_tolerance_ms": tolerance(single, single, 1.0),
        "tolerance_ms": tolerance(single, several, plan.double),
    }
    if not basis.known:
        return row
    for name, bound in (("tolerance_low", 0), ("tolerance_high", 1)):
        ends = [_recovered(basis, n, plan.fps, bound) for n in (1, k)]
        row[name] = tolerance(ends[0], ends[1], plan.double)
    return row


def _recovered(basis: Basis, coders: int, fps: float, bound: int) -> Error:
    """A label's error at a bound of its variance.

    MOVER over the coder's component and those within subjects.
    """
    here = label_variance(basis.spread, coders, fps)
    moved = [
        label_variance(basis.spread.scaled(*f), coders, fps) - here
        for f in ((basis.coder[bound], 1.0), (1.0, basis.inside[bound]))
    ]
    found = max(here + (1 if bound else -1) * math.hypot(*moved), 0.0)
    return label_error(basis.spread, coders, fps).of_variance(found)


def pilot_bounds(basis: Basis, coders: int, fps: float) -> tuple[float, float]:
    """Bounds of the tolerance (ms) of labels that all coders code."""
    low, high = (_recovered(basis, coders, fps, k) for k in (0, 1))
    return tolerance(low, low, 1.0), tolerance(high, high, 1.0)


def _groups(plan: Plan, basis: Basis, goals: Goals) -> Row:
    design = group_design(basis.spread, plan)
    row: Row = {
        "ethnicity_power": float(power_at(design, goals.shift_ms, goals.level)),
        "ethnicity_smallest_ms": smallest_shift(design, goals.power, goals.level),
        "ethnicity_std_error_ms": design.error_and_df()[0],
        "coders_own_ms": math.sqrt(2 / plan.coders) * basis.spread.coder_group,
    }
    if basis.known:
        found = [
            float(power_at(group_design(basis.bound(k), plan), goals.shift_ms, goals.level))
            for k in (0, 1)
        ]
        row |= _ends("ethnicity_power", row, found)
    return row


def _cultures(plan: Plan, basis: Basis, goals: Goals) -> Row:
    try:
        scores = culture_scores(basis.spread, plan)
    except ValueError as error:
        return {"culture_reason": str(error)}
    sd = math.sqrt(scores.variance)
    curve = culture_power(basis.spread, plan, _CURVE * sd, goals.level)
    row: Row = {
        "culture_power": float(culture_power(basis.spread, plan, goals.shift_ms, goals.level)),
        "culture_smallest_ms": smallest(curve, _CURVE * sd, goals.power),
        "culture_std_error_ms": sd,
    }
    if basis.known:
        found = [
            float(culture_power(basis.bound(k), plan, goals.shift_ms, goals.level)) for k in (0, 1)
        ]
        row |= _ends("culture_power", row, found)
    return row


def _ends(name: str, row: Row, found: list[float]) -> Row:
    """The least and the largest of three.

    Where degrees of freedom are few, more noise within events can raise the power by raising them.
    """
    every = [float(str(row[name])), *found]
    return {f"{name}_low": min(every), f"{name}_high": max(every)}


def _recommended(rows: list[Row], goals: Goals) -> list[Row]:
    """Whether each row meets the goals, and which design is recommended.

    The cheapest that meets all; where none does, the one that falls short least in its worst
    keyframe. Of equals the cheaper one is taken, then the one with the smaller tolerance.
    """
    n = len(tables.KEYFRAMES)
    ranked: list[tuple[float, float, float, int]] = []
    for start in range(0, len(rows), n):
        own = rows[start : start + n]
        short = [_shortfall(row, goals) for row in own]
        for row, value in zip(own, short, strict=True):
            row["meets"] = "yes" if value == 0 else "no"
        hours, widest = float(str(own[0]["hours"])), max(float(str(r["tolerance_ms"])) for r in own)
        ranked.append((max(short), hours, widest, start))
    best = min(ranked)[-1]
    return [row | {"recommended": best <= k < best + n} for k, row in enumerate(rows)]


def _shortfall(row: Row, goals: Goals) -> float:
    """How far a keyframe is from the goals, 0 where it meets them (shares of the goals)."""
    short = [float(str(row["tolerance_ms"])) / goals.tolerance_ms - 1]
    for name in goals.contrasts:
        found = float(str(row.get(f"{name}_power", 0.0)))
        short.append(1 - found / goals.power)
    return round(max(0.0, *short), 6)
