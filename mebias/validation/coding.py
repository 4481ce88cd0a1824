"""Whether planted biases of coders are covered, and a planted culture x ethnicity effect found.

SIMULATED labels of the keyframe ``offset`` (the least certain one), drawn as `simulate_coders`
draws them: `_BATCH` studies share who coded what and have biases, errors and effects of their
own. Biases are compared with what was drawn; the effect is 0, or planted. In the cells that say
so whole studies are drawn, written down in frames and matched by overlap. Two controls are to
fail: rows taken for independent, and coders taken for fixed where the question is about cultures.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
from scipy import special
from threadpoolctl import threadpool_limits

from mebias import tables
from mebias.errors import OptionError, listed, suggest
from mebias.provenance import version
from mebias.quantification import coding as coding_room
from mebias.quantification.coding.crossed import Crossed
from mebias.quantification.coding.culture import (
    Design,
    contrast_of,
    contrasts_of,
    culture_design,
    culture_differences,
    own_group_spread,
)
from mebias.quantification.coding.detection import first_passes, pair_rows
from mebias.quantification.coding.effects import coder_effects, effect_columns, within_events
from mebias.quantification.coding.gstudy import gstudy_rows
from mebias.quantification.coding.study import Study, Values, matched
from mebias.quantification.coding.timing import (
    WITHIN_MS,
    drift_rows,
    first_codings,
    several,
    timing_rows,
)
from mebias.quantification.limits import Z
from mebias.simulation import coding as simulation
from mebias.simulation.coding import simulate_coders
from mebias.validation import coding_cells
from mebias.validation.coding_cells import (
    ALARMS,
    CELLS,
    FPS,
    KEYFRAME,
    LENGTHS,
    MISSED,
    PLACE,
    CodingCell,
    draw_labels,
)
from mebias.validation.tally import ALPHA, COVERAGE, LEVEL, REJECTED, ROWS
from mebias.workers import Jobs, as_done, check_jobs

DEFAULT = 2_000
POWER = "power"
_BATCH = 50
"""Studies of a batch: what is kept, and what a worker takes at a time."""
_EVERY = 4
"""Spreads and variance components, which take longest, are looked at in every fourth study."""
_ERRORS = 3
_FIXED = "coders as if fixed"
_BANDS = {COVERAGE: (0.93, 0.97), REJECTED: (0.04, 0.06)}


def validate_coders(
    cells: Sequence[str] = (),
    *,
    n_studies: int = DEFAULT,
    seed: int = 0,
    jobs: Jobs = 1,
    parts: Path | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Coverage and levels of what `mebias.coders` says, in simulated studies.

    Parameters
    ----------
    cells : sequence of str
        Some of `CELLS`; all by default.
    n_studies : int
        Studies of a cell.
    seed : int
        Each study has a seed of its own, made of this one, its cell and its number.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.
    parts : Path, optional
        A folder in which finished batches are kept, under a name that holds the state of the
        code; a later run, also of more studies, takes them from there.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame
        A calibration table.

    Raises
    ------
    OptionError
        An unknown cell, fewer than 2 studies, no job.

    Examples
    --------
    >>> table = validate_coders(["2 coders, 12 subjects, 60 events, all coded"], n_studies=5)
    >>> "coder_bias" in set(table["quantity"])
    True
    """
    for name in cells:
        if name not in CELLS:
            raise OptionError(
                f"unknown cell {name!r}; known are {listed(CELLS, 3)}{suggest(name, CELLS)}"
            )
    if n_studies < 2:
        raise OptionError(f"{n_studies} studies; expected 2 or more.")
    check_jobs(jobs)
    chosen = [CELLS[name] for name in cells] or list(CELLS.values())
    folder = None
    if parts is not None:
        folder = parts / f"coders-seed-{seed}-{_fingerprint()}"
        folder.mkdir(parents=True, exist_ok=True)
    tasks = [
        (cell, start, min(_BATCH, cell.studies(n_studies) - start))
        for cell in chosen
        for start in range(0, cell.studies(n_studies), _BATCH)
    ]
    done: dict[tuple[str, int], pd.DataFrame] = {}
    for key, table in _bar(_run(tasks, seed, jobs, folder), len(tasks), progress):
        done[key] = table
    found = [
        _rows(cell, pd.concat([done[t[0].name, t[1]] for t in tasks if t[0] is cell]), seed)
        for cell in chosen
    ]
    return tables.conform(pd.concat(found), "calibration")


Task = tuple[CodingCell, int, int]
Done = tuple[tuple[str, int], pd.DataFrame]


def _run(tasks: Sequence[Task], seed: int, jobs: Jobs, folder: Path | None) -> Iterator[Done]:
    """Each batch, as soon as it is there."""
    waiting = []
    for task in tasks:
        kept = _part(folder, task)
        if kept and kept.is_file():
            yield (task[0].name, task[1]), pd.read_csv(kept)
        else:
            waiting.append(task)
    for task, table in as_done(_work, waiting, jobs, seed):
        yield _kept(task, table, folder)


def _work(seed: int, task: Task) -> pd.DataFrame:
    return measure(*task, seed)


def _kept(task: Task, table: pd.DataFrame, folder: Path | None) -> Done:
    kept = _part(folder, task)
    if kept:
        tables.write_csv(table, kept)
    return (task[0].name, task[1]), table


def _part(folder: Path | None, task: Task) -> Path | None:
    if folder is None:
        return None
    cell, start, n = task
    words = "".join(c if c.isalnum() or c == "." else "-" for c in cell.name)
    return folder / f"{words}-{start}-{n}.csv"


def _file(module: ModuleType) -> Path:
    return Path(str(module.__file__))


@cache
def _fingerprint() -> str:
    """Of the code that the numbers rest on."""
    digest = hashlib.sha256()
    room = _file(coding_room).parent
    files = [*sorted(room.glob("*.py")), *map(_file, (simulation, coding_cells)), Path(__file__)]
    files += [room.parent / f"{n}.py" for n in ("cr2", "shares", "spread", "means", "limits")]
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _bar(done: Iterable[Done], total: int, progress: bool) -> Iterable[Done]:
    if not progress:
        return done
    from tqdm.auto import tqdm

    bar: Iterable[Done] = tqdm(done, total=total, desc="coders", unit="batch")
    return bar


def measure(cell: CodingCell, start: int, n: int, seed: int) -> pd.DataFrame:
    """Some studies of a cell: for each thing counted how often it held, and out of how many."""
    counts: dict[tuple[str, str, str], list[float]] = {}
    key = (zlib.crc32(cell.name.encode()), start)
    with threadpool_limits(1):
        for what, hit in _found(cell, n, np.random.SeedSequence(seed, spawn_key=key)):
            if not math.isnan(hit):
                held = counts.setdefault(what, [0.0, 0.0])
                held[0] += hit
                held[1] += 1
    rows = [{"quantity": q, "method": m, "measure": w, "hits": h, "n": t}
            for (q, m, w), (h, t) in counts.items()]  # fmt: skip
    return pd.DataFrame(rows)


Found = Iterator[tuple[tuple[str, str, str], float]]


def _found(cell: CodingCell, n: int, seed: np.random.SeedSequence) -> Found:
    if cell.whole:
        for own in seed.spawn(n):
            yield from _of_whole_study(cell, own)
        return
    labels = draw_labels(cell, n, seed)
    if cell.of_culture:
        design = Design("A", "A", *cell.coders, *cell.subjects)
        for k, found in enumerate(contrasts_of(cell.names, labels.values, design, labels.y)):
            yield from _culture(cell, found)
            if k % _EVERY == 0:
                yield from _groups(cell, labels.study(k), labels.bias[k], design)
        return
    for k in range(n):
        if cell.components_alone:
            if k % _EVERY == 0:
                yield from _components(cell, labels.study(k))
            continue
        values, bias = labels.study(k), labels.bias[k] - labels.bias[k].mean()
        yield from _bias(cell, values, dict(zip(values.coders, bias.tolist(), strict=True)))
        if k % _EVERY == 0:
            yield from _spread(cell, values, labels.bias[k])
            yield from _components(cell, values)


def _of_whole_study(cell: CodingCell, seed: np.random.SeedSequence) -> Found:
    """Everything from drawing a study to its estimates, as `mebias.coders` does it."""
    drawn = simulate_coders(
        cell.names, subjects=cell.groups, n_events=cell.events, spreads=cell.spreads,
        effect=cell.planted, missed=MISSED, false_alarms=ALARMS, fps=FPS,
        double_coded=cell.double_coded, share_coded=cell.share_coded, seed=seed,
    )  # fmt: skip
    groups = dict(zip(drawn.subjects["subject"], drawn.subjects["ethnicity"], strict=True))
    study = matched(drawn.annotations, groups=groups, cultures=cell.names)
    values = study.values(KEYFRAME)
    if cell.of_culture:
        yield from _culture(cell, contrast_of(study, values, culture_design(study)))
        return
    of = drawn.bias[drawn.bias["keyframe"] == KEYFRAME].set_index("coder")["bias_ms"]
    yield from _bias(cell, values, {str(c): float(v) for c, v in (of - of.mean()).items()})
    yield from _detected(study)


def _culture(cell: CodingCell, found: Crossed) -> Found:
    quantity = "culture_by_ethnicity"
    rejected = REJECTED if cell.effect == 0 else POWER
    for method, bounds in (
        ("two-way clustered by subject and coder, Satterthwaite df", found.bounds(LEVEL)),
        (f"{_FIXED}: clustered by subject alone", found.bounds_these_coders(LEVEL)),
    ):
        yield (quantity, method, COVERAGE), _inside(cell.effect, *bounds)
        yield (quantity, method, rejected), 1.0 - _inside(0.0, *bounds)
    if cell.spreads.coder_group[PLACE] == 0:  # else what these coders do is no part of the effect
        hit = _inside(cell.effect, *found.bounds_these_coders(LEVEL))
        yield (f"{quantity}_these_coders", "clustered by subject", COVERAGE), hit


def _bias(cell: CodingCell, values: Values, bias: Mapping[str, float]) -> Found:
    method = "within events, CR2 by subject"
    effects = coder_effects(values, LEVEL)
    for name, found in zip(effects.coders, effects.bias, strict=True):
        yield ("coder_bias", method, COVERAGE), _inside(bias[name], found.conf_low, found.conf_high)
    yield from _rows_as_independent(values, bias)
    if cell.spreads.coder[PLACE] == 0 and effects.alike is not None:
        hit = float(effects.alike.p_value <= ALPHA)
        yield ("coders alike", "HTZ, CR2 by subject", REJECTED), hit


def _groups(cell: CodingCell, values: Values, bias: np.ndarray, design: Design) -> Found:
    """What is said of each group: spread of the own group, and cultures of these coders."""
    study = SimpleNamespace(cultures=cell.names)
    row = own_group_spread(study, values, KEYFRAME, LEVEL)  # type: ignore[arg-type]
    if row is not None:
        quantity = "own_group_log_sd_ratio"
        yield (quantity, "jackknife over subjects", COVERAGE), _row_inside(0.0, row)
    if cell.spreads.coder_group[PLACE] > 0:
        return  # what these coders do to a group is drawn inside of the errors
    own = np.array([cell.names[c] == "A" for c in values.coders])
    apart = float(bias[own].mean() - bias[~own].mean())
    for row in culture_differences(cell.names, values, KEYFRAME, design, LEVEL):
        truth = apart + cell.effect * (row["ethnicity"] == "A")
        method = "within events, CR2 by subject"
        yield (str(row["quantity"]), method, COVERAGE), _row_inside(truth, row)


def _spread(cell: CodingCell, values: Values, bias: np.ndarray) -> Found:
    sds = _sds(cell)
    one = {"coder_sd": sds["single"], "inter_coder_sd": sds["single"],
           "intra_coder_sd": sds["residual"], "pass_difference": 0.0,
           "inter_coder_sd_with_bias": _with_bias(values, bias, sds["single"])}  # fmt: skip
    for row in timing_rows(values, KEYFRAME, LEVEL):
        quantity, method = str(row["quantity"]), _METHODS.get(str(row["quantity"]), "")
        if not method or row["unit"] == "frames":
            continue
        if quantity in one:
            truth = one[quantity]
        else:
            truth = _of_pair(str(row["source"]), quantity, values, bias, sds["single"])
        if not cell.drift or quantity not in _DRIFTS:
            yield (quantity, method, COVERAGE), _row_inside(truth, row)
    if cell.drift:
        first = next(iter(drift_rows(values, LEVEL)))
        yield ("drift", "CR2 by subject", COVERAGE), _row_inside(cell.drift, first)


_JACKKNIFE, _MEAN = "jackknife over subjects", "random-intercept weights, CR2"
_METHODS = {
    "coder_sd": _JACKKNIFE, "inter_coder_sd": _JACKKNIFE, "inter_coder_sd_with_bias": _JACKKNIFE,
    "intra_coder_sd": _JACKKNIFE, "pass_difference": _MEAN, "coder_difference": _MEAN,
    "limit_low": "MOVER", "limit_high": "MOVER", "share_within_33_ms": "Korn-Graubard, by subject",
}  # fmt: skip
_DRIFTS = ("pass_difference",)
"""What a drifting coder changes by itself: second passes come last."""


def _with_bias(values: Values, bias: np.ndarray, single: float) -> float:
    """SD of single labels about the event's mean, biases of the coders who coded it left in."""
    codes = several(first_codings(values)).codes
    squares = within_events(bias[codes.coder], codes.event) ** 2
    free = len(codes.event) - len(np.unique(codes.event))
    return math.sqrt(single**2 + float(squares.sum()) / free)


def _of_pair(pair: str, quantity: str, values: Values, bias: np.ndarray, single: float) -> float:
    """What is true of the differences of two coders, whose labels are whole frames."""
    a, b = (values.coders.index(name) for name in pair.split(" vs "))
    mean, sd = float(bias[a] - bias[b]), math.sqrt(2) * single
    if quantity.startswith("limit_"):
        return mean + (1 if quantity == "limit_high" else -1) * Z * sd
    if quantity == "share_within_33_ms":
        frame = float(values.frame_ms[0])
        reach = (math.floor(WITHIN_MS / frame) + 0.5) * frame
        return float(special.ndtr((reach - mean) / sd) - special.ndtr((-reach - mean) / sd))
    return mean


def _sds(cell: CodingCell) -> dict[str, float]:
    parts = {n: cell.spreads.of(n)[PLACE] for n in ("coder_subject", "coder_event", "residual")}
    rounding = 1000 / 200 / math.sqrt(12)  # a frame at 200 fps, rounded
    residual = math.hypot(parts["residual"], rounding)
    inside = math.hypot(parts["coder_event"], residual)
    return parts | {"residual": residual, "inside": inside,
                    "single": math.hypot(parts["coder_subject"], inside)}  # fmt: skip


def _rows_as_independent(values: Values, bias: Mapping[str, float]) -> Found:
    """The control: least squares on rows without any clustering, events taken for known."""
    columns, present = effect_columns(values.codes.coder)
    x, y = (within_events(v, values.codes.event) for v in (columns, values.y))
    bread = np.linalg.inv(x.T @ x)
    coefficients = bread @ x.T @ y
    residual = y - x @ coefficients
    error = float(residual @ residual) / (len(y) - x.shape[1])
    z = float(special.ndtri((1 + LEVEL) / 2))
    for k, c in enumerate(present[:-1].tolist()):
        half = z * math.sqrt(error * bread[k, k])
        found = float(coefficients[k])
        hit = _inside(bias[values.coders[c]], found - half, found + half)
        yield ("coder_bias", f"{ROWS}: least squares within events", COVERAGE), hit


def _detected(study: Study) -> Found:
    """Agreement of the first pair: F1, shares found by both and by one, and by one of the other."""
    both, each = (1 - MISSED) ** 2, 1 - MISSED + ALARMS
    either = 2 * each - both
    truth = {"detection_f1": both / each, "share_found_by_both": both / either,
             "found_of_second": both / each, "found_of_first": both / each}  # fmt: skip
    truth |= dict.fromkeys(("share_only_first", "share_only_second"), (each - both) / either)
    first, looked = first_passes(study.codings), first_passes(study.looked)
    for row in pair_rows(study, first, looked, (study.coders[0], study.coders[1]), LEVEL):
        quantity = str(row["quantity"])
        if quantity in truth:
            hit = _row_inside(truth[quantity], row)
            yield (quantity, "Korn-Graubard, by subject", COVERAGE), hit


def _components(cell: CodingCell, values: Values) -> Found:
    sds = _sds(cell)
    rows, fit = gstudy_rows(values, "duration" if cell.lengths else KEYFRAME, LEVEL)
    if fit is None:
        return
    passes = cell.spreads.coder_pass[PLACE]
    error = math.hypot(cell.spreads.coder[PLACE], passes, sds["single"])
    own = math.hypot(*LENGTHS)
    truth = {
        "component_subject": LENGTHS[0],
        "component_event": LENGTHS[1],
        "dependability": own**2 / (own**2 + error**2),
        "component_coder": cell.spreads.coder[PLACE],
        "component_coder_x_pass": passes,
        "component_coder_x_subject": sds["coder_subject"],
        "component_residual": sds["residual"],
        "component_coder_x_event": sds["coder_event"],
        "single_coder_error_sd": error,
    }
    if "coder x event" not in fit.names:
        truth["component_residual"] = sds["inside"]
    method = "REML"
    for row in rows:
        quantity = str(row["quantity"])
        if quantity in truth and not row.get("reason"):
            yield (quantity, method, COVERAGE), _row_inside(truth[quantity], row)


def _inside(truth: float, low: float, high: float) -> float:
    return math.nan if math.isnan(low) else float(low <= truth <= high)


def _row_inside(truth: float, row: Mapping[str, object]) -> float:
    low, high = (float(str(row.get(c, math.nan))) for c in ("conf_low", "conf_high"))
    return _inside(truth, low, high)


def _rows(cell: CodingCell, hits: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Counts of a cell as rows of a calibration table."""
    key = ["quantity", "method", "measure"]
    totals = hits.groupby(key, sort=False)[["hits", "n"]].sum().reset_index()
    rows = []
    for total in totals.to_dict("records"):
        quantity, method, measure_ = (str(total[k]) for k in key)
        n = float(total["n"])
        value, studies = float(total["hits"]) / n, n / _rows_of_a_study(cell, quantity)
        error = math.sqrt(value * (1 - value) / studies)
        control = method.startswith((ROWS, _FIXED))
        low, high = _band(quantity, measure_)
        met = low - _ERRORS * error <= value <= high + _ERRORS * error
        rows.append(
            {
                "cell": cell.name, "subjects": sum(cell.subjects), "clips": cell.events,
                "groups": f"{cell.subjects[0]}, {cell.subjects[1]}", "distribution": "normal",
                "icc": math.nan, "quantity": quantity, "method": method, "control": control,
                "measure": measure_, "n_cohorts": round(studies), "value": round(value, 5),
                "truth": cell.effect if cell.of_culture else math.nan,
                "mc_error": round(error, 5), "band_low": low, "band_high": high,
                "met": "" if math.isnan(low) else "yes" if met else "no", "version": version(),
                "date": date.today().isoformat(), "seed": seed,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


_BY_CODER = ("coder_bias", "coder_sd", "intra_coder_sd", "pass_difference")
_BY_PAIR = ("coder_difference", "limit_low", "limit_high", "share_within_33_ms")


def _rows_of_a_study(cell: CodingCell, quantity: str) -> int:
    """How many rows of one study there are of a quantity: they resemble each other."""
    n = sum(cell.coders)
    if quantity in _BY_CODER:
        return n
    if quantity in _BY_PAIR:
        return n * (n - 1) // 2
    return 2 if quantity == "culture_difference" else 1


def _band(quantity: str, measure_: str) -> tuple[float, float]:
    """What was stated in advance: planted biases and effects; the rest is reported."""
    if quantity in ("coder_bias", "culture_by_ethnicity", "coders alike"):
        return _BANDS.get(measure_, (math.nan, math.nan))
    return math.nan, math.nan
