"""Whether planned studies reach what was predicted: tolerance and power in SIMULATED studies.

Labels are drawn by the simulator of `simulate_coders` (its errors, rounded to frames at true
times that lie anywhere in a frame), with clips dealt out to subjects at random; clips that all
coders code are averaged, the others are coded in turn. Selected frames err independently. What
is tested is tested as an analysis does it: the contrast of groups by CR2 with fitted weights,
that of cultures by two-way clustering. Sizes, turns and drawn clips are new in each batch.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from mebias import tables
from mebias.errors import OptionError, listed, suggest
from mebias.provenance import version
from mebias.quantification.batch import Batch, contrasts
from mebias.quantification.coding.components import Codes
from mebias.quantification.coding.culture import Design, contrasts_of
from mebias.quantification.coding.pilot import pilot_basis
from mebias.quantification.coding.plan_power import Plan, culture_power, group_power
from mebias.quantification.coding.planning import pilot_bounds
from mebias.quantification.coding.study import Values
from mebias.quantification.coding.tolerance import (
    Spread,
    label_error,
    label_variance,
    tolerance,
)
from mebias.simulation.coding import Setting, Spreads, simulate_coders
from mebias.workers import Jobs, check_jobs, in_order

DEFAULT = 1_000
POINTS = 0.05
"""How far predicted power may be from that of simulated studies."""
_ERRORS = 3
_BATCH = 20
_ALPHA = 0.05 / len(tables.KEYFRAMES)
_PILOTS = 5
"""Pilots are fitted in one of so many studies."""


@dataclass(frozen=True)
class PlanCell:
    """A design, its components at one keyframe, and the contrasts planted in it (ms)."""

    name: str
    plan: Plan
    spread: Spread
    group_ms: float
    culture_ms: float = 0.0


def _spread(coder_group: float = 4.0, culture_subject: float = 4.0, **others: float) -> Spread:
    given = {"coder": 8.0, "coder_subject": 6.0, "coder_event": 11.0, "residual": 15.0,
             "selector": 25.0, "subject": 5.0}  # fmt: skip
    return Spread(coder_group=coder_group, culture_subject=culture_subject, **(given | others))


CELLS = {
    cell.name: cell
    for cell in (
        PlanCell("2 coders, 40 subjects, 10 % coded by all, 200 fps",
                 Plan(40, 8, 2, 0.1, 200), _spread(0.0), 15.0),
        PlanCell("3 coders, 20 subjects, 40 % coded by all, 30 fps",
                 Plan(20, 6, 3, 0.4, 30), _spread(0.0), 20.0),
        PlanCell("2 coders who agree within a frame, 30 subjects, 30 fps",
                 Plan(30, 6, 2, 1.0, 30), _spread(0.0, 1.0, coder=2.0, coder_subject=1.0,
                                                  coder_event=2.0, residual=3.0), 15.0),
        PlanCell("4 coders, 24 subjects, all coded by all, 100 fps",
                 Plan(24, 5, 4, 1.0, 100), _spread(), 20.0, 40.0),
        PlanCell("4 coders, 40 subjects, 40 % coded by all, 60 fps, a third in the group",
                 Plan(40, 8, 4, 0.4, 60, 1 / 3), _spread(), 12.0, 25.0),
        PlanCell("6 coders, 60 subjects, 70 % coded by all, 200 fps",
                 Plan(60, 8, 6, 0.7, 200), _spread(), 10.0, 22.0),
        PlanCell("8 coders, 30 subjects, all coded by all, 200 fps",
                 Plan(30, 5, 8, 1.0, 200), _spread(6.0, 2.0), 16.0, 25.0),
    )
}  # fmt: skip


def validate_plan_study(
    cells: Sequence[str] = (),
    *,
    n_studies: int = DEFAULT,
    seed: int = 0,
    pilots: bool = True,
    jobs: Jobs = 1,
) -> pd.DataFrame:
    """Predicted against simulated: SD and tolerance of labels, power of both contrasts.

    Parameters
    ----------
    cells : sequence of str
        Some of `CELLS`; all by default.
    n_studies : int
        Studies of a cell, 20 or more.
    seed : int
        Of everything.
    pilots : bool
        Whether tolerances that are planned from a pilot are checked too, in a fifth of the
        studies: how often its bounds hold that of the components behind the pilot.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.

    Returns
    -------
    DataFrame
        The table ``plan_check``.

    Raises
    ------
    OptionError
        An unknown cell, or fewer than 20 studies.

    Examples
    --------
    >>> table = validate_plan_study(list(CELLS)[:1], n_studies=20, pilots=False)
    >>> sorted(table["quantity"].unique())[:2]
    ['ethnicity_level', 'ethnicity_power']
    """
    for name in cells:
        if name not in CELLS:
            raise OptionError(
                f"unknown cell {name!r}; known are {listed(CELLS, 3)}{suggest(name, CELLS)}"
            )
    if n_studies < _BATCH:
        raise OptionError(f"{n_studies} studies; expected {_BATCH} or more.")
    chosen: list[PlanCell | None] = [CELLS[name] for name in cells] or list(CELLS.values())
    work = [*chosen, None] if pilots else chosen
    found = in_order(_work, work, check_jobs(jobs), (n_studies, seed))
    rows = [row for of_cell in found for row in of_cell]
    made = {"version": version(), "date": date.today().isoformat(), "seed": seed}
    return tables.from_rows([r | made for r in rows], "plan_check")


def _work(size: tuple[int, int], cell: PlanCell | None) -> list[dict[str, object]]:
    """Rows of a cell, or of pilots."""
    n_studies, seed = size
    with threadpool_limits(1):
        if cell is None:
            return list(_of_pilots(max(n_studies // _PILOTS, 2), seed))
        return _of_cell(cell, n_studies, seed)


def _of_cell(cell: PlanCell, n: int, seed: int) -> list[dict[str, object]]:
    source = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(cell.name.encode()),))
    found: dict[str, list[np.ndarray]] = {}
    for own in source.spawn(math.ceil(n / _BATCH)):
        for name, values in _studies(cell, _BATCH, np.random.default_rng(own)):
            found.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values) for name, values in found.items()}
    return list(_compared(cell, joined))


def _studies(cell: PlanCell, n: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """What n studies of the same people, clips and turns show; their labels differ."""
    plan, spread = cell.plan, cell.spread
    setting = Setting(
        {f"c{i:02d}": "AB"[i % 2] for i in range(plan.coders)},
        {"A": plan.sides[0], "B": plan.sides[1]},
        round(plan.subjects * plan.clips), plan.fps, _spreads(replace(spread, coder_group=0.0)),
    )  # fmt: skip
    group, subject = setting.cast(rng)
    several = rng.random(len(subject)) < plan.double
    errors = np.stack([_drawn(setting, rng, group, subject) for _ in range(n)], axis=2)
    coded = _in_turn(subject, several, plan.coders, rng)
    habits = spread.coder_group * rng.standard_normal((2, plan.coders, n))
    errors += habits[(group[subject] != "A").astype(int)]
    frame = 1000 / plan.fps
    true = rng.uniform(0, 1000, (len(subject), 1, n))
    times = np.floor((true + errors) / frame + 0.5) * frame
    error = times - true  # clip x coder x study
    label = (coded[:, :, None] * error).sum(axis=1) / coded.sum(axis=1)[:, None]
    for name, part in (("several", several), ("single", ~several)):
        if part.any():
            yield f"{name}_squares", (label[part] ** 2).mean(axis=0)
    yield "squares", (label**2).mean(axis=0)
    once, by_all = (label_error(spread, k, plan.fps) for k in (1, plan.coders))
    width = tolerance(once, by_all, plan.double)
    yield "inside", (np.abs(label) <= width).mean(axis=0)
    # The contrast is that of these coders: what they do to a group on average is part of it.
    habit = habits.mean(axis=1)[(group[subject] != "A").astype(int)]
    between = spread.subject * rng.standard_normal((plan.subjects, n))
    shift = label - habit + between[subject] + spread.selector * rng.standard_normal(label.shape)
    for name, planted in (("ethnicity_level", 0.0), ("ethnicity_power", cell.group_ms)):
        yield name, _group_test(shift + planted * (group == "A")[subject][:, None], group, subject)
    if cell.culture_ms and several.any():
        yield from _culture_tests(cell, times, group, subject, several)


def _spreads(spread: Spread) -> Spreads:
    names = ("coder", "coder_group", "culture_subject", "coder_subject", "coder_event", "residual")
    return Spreads(**{name: (getattr(spread, name),) * 3 for name in names})


def _drawn(
    setting: Setting, rng: np.random.Generator, group: np.ndarray, subject: np.ndarray
) -> np.ndarray:
    """Errors (ms) of all clips and coders of a study, (clips, coders)."""
    n = len(setting.coders)
    bias = setting.spreads.of("coder") * rng.standard_normal((n, 3))
    return setting.errors(rng, group, subject, bias, np.ones(n), {})[:, :, 0, 0]


def _in_turn(
    subject: np.ndarray, several: np.ndarray, n_coders: int, rng: np.random.Generator
) -> np.ndarray:
    """Who codes which clip: all, or one of a subject's turns, which begin anywhere."""
    first = rng.integers(0, n_coders, int(subject.max()) + 1)
    place = pd.Series(np.zeros(len(subject))).groupby([subject, several]).cumcount().to_numpy()
    turn = (first[subject] + place) % n_coders
    return np.asarray(several[:, None] | (np.arange(n_coders) == turn[:, None]))


def _group_test(shift: np.ndarray, group: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Whether the contrast of groups is found in each study."""
    sizes = np.bincount(subject).astype(float)
    sums = np.zeros((len(sizes), shift.shape[1]))
    np.add.at(sums, subject, shift)
    means = sums / sizes[:, None]
    within = ((shift - means[subject]) ** 2).sum(axis=0)
    batch = Batch(np.tile(sizes, (shift.shape[1], 1)), means.T, within)
    sides = [group == "A", group == "B"]
    return np.asarray(contrasts(batch, sides, "subject").p_value < _ALPHA, dtype=float)


def _culture_tests(
    cell: PlanCell, times: np.ndarray, group: np.ndarray, subject: np.ndarray, several: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Whether the contrast of cultures is found, absent and planted, in each study."""
    clip, coder = np.nonzero(np.tile(several[:, None], (1, cell.plan.coders)))
    names = tuple(f"c{i:02d}" for i in range(cell.plan.coders))
    cultures = {c: "AB"[i % 2] for i, c in enumerate(names)}
    own = subject[clip]
    codes = Codes(np.unique(own, return_inverse=True)[1], np.unique(clip, return_inverse=True)[1],
                  coder, np.zeros(len(clip), dtype=int))  # fmt: skip
    y = times[clip, coder]
    rows = np.full(len(clip), 1000 / cell.plan.fps)
    values = Values(y[:, 0], codes, own.astype(str).astype(object), group[own].astype(object),
                    rows, np.arange(len(clip), dtype=float), names)  # fmt: skip
    design = Design("A", "A", (cell.plan.coders + 1) // 2, cell.plan.coders // 2, *cell.plan.sides)
    planted = cell.culture_ms * ((group[own] == "A") & (coder % 2 == 0))
    for name, effect in (("culture_level", 0.0), ("culture_power", 1.0)):
        found = contrasts_of(cultures, values, design, y + effect * planted[:, None])
        yield name, np.array([f.p_value < _ALPHA for f in found], dtype=float)


def _compared(cell: PlanCell, found: dict[str, np.ndarray]) -> Iterator[dict[str, object]]:
    """Predicted beside simulated, with the error of the simulation and the band."""
    plan, spread = cell.plan, cell.spread
    single, several = (label_variance(spread, k, plan.fps) for k in (1, plan.coders))
    mean = plan.double * several + (1 - plan.double) * single
    for name, square in (("several", several), ("single", single), ("", mean)):
        key = f"{name}_squares" if name else "squares"
        if key in found:
            root = math.sqrt(found[key].mean())
            error = _error(found[key]) / (2 * root)
            quantity = f"{name}_sd_ms" if name else "label_sd_ms"
            yield _row(cell, quantity, math.sqrt(square), root, error, 0.02 * root, len(found[key]))
    inside = found["inside"]
    yield _row(cell, "inside_tolerance", 0.95, inside.mean(), _error(inside), 0.01, len(inside))
    predicted = {
        "ethnicity_level": _ALPHA,
        "ethnicity_power": float(group_power(spread, plan, cell.group_ms, _ALPHA)),
    }
    if "culture_power" in found:
        level, power = culture_power(spread, plan, np.array([0.0, cell.culture_ms]), _ALPHA)
        predicted |= {"culture_level": float(level), "culture_power": float(power)}
    for name, value in predicted.items():
        hits = found[name]
        shift = {"ethnicity_power": cell.group_ms, "culture_power": cell.culture_ms}.get(name, 0.0)
        row = _row(cell, name, value, hits.mean(), _error(hits), POINTS, len(hits))
        yield row | {"shift_ms": shift}


def _error(values: np.ndarray) -> float:
    """Standard error of the mean, batches (which share people and turns) as units."""
    batches = values.reshape(-1, _BATCH).mean(axis=1)
    if len(batches) < 2:
        return float(values.std(ddof=1) / math.sqrt(len(values)))
    own = float(values.std(ddof=1) / math.sqrt(len(values)))
    return max(own, float(batches.std(ddof=1) / math.sqrt(len(batches))))


def _row(
    cell: PlanCell, quantity: str, predicted: float, simulated: float, error: float, band: float,
    n: int,
) -> dict[str, object]:  # fmt: skip
    met = abs(predicted - simulated) <= band + _ERRORS * error
    return {
        "cell": cell.name, "quantity": quantity, "predicted": round(predicted, 4),
        "simulated": round(float(simulated), 4), "mc_error": round(error, 4),
        "difference": round(predicted - float(simulated), 4), "band": round(band, 4),
        "met": "yes" if met else "no", "n_studies": n,
    }  # fmt: skip


def _of_pilots(n: int, seed: int) -> Iterator[dict[str, object]]:
    """How often the bounds of a pilot hold the tolerance of the components behind it."""
    spreads = Spreads()
    truth = [
        Spread(spreads.coder[k], 0.0, 0.0, spreads.coder_subject[k], spreads.coder_event[k],
               spreads.residual[k], 0.0, 0.0) for k in range(3)
    ]  # fmt: skip
    true = [tolerance(*(label_error(s, 3, 100.0),) * 2, 1.0) for s in truth]
    none = {name: (0.0, 0.0, 0.0) for name in ("coder_group", "culture_subject", "selector",
                                               "subject")}  # fmt: skip
    names = {f"c{i}": "A" for i in range(4)}
    hits = []
    source = np.random.SeedSequence(seed, spawn_key=(1,))
    for own in source.spawn(n):
        drawn = simulate_coders(names, subjects={"A": 12}, n_events=60, seed=own, missed=0.0,
                                false_alarms=0.0)  # fmt: skip
        pilot = pilot_basis(drawn.annotations, none)
        for value, basis in zip(true, pilot.bases.values(), strict=True):
            low, high = pilot_bounds(basis, 3, 100.0)
            hits.append(float(low <= value <= high))
    share = float(np.mean(hits))
    error = math.sqrt(share * (1 - share) / n)
    yield {
        "cell": "a pilot of 4 coders, 12 subjects, 60 events", "quantity": "bounds_hold_tolerance",
        "predicted": 0.95, "simulated": round(share, 4), "mc_error": round(error, 4),
        "difference": round(0.95 - share, 4), "band": 0.02,
        "met": "yes" if abs(0.95 - share) <= 0.02 + _ERRORS * error else "no", "n_studies": n,
    }  # fmt: skip
