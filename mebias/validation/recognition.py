"""Does a gain measure what it claims? SIMULATED cohorts with known truth, filmed and trained on.

Cohorts whose labels err by a known amount are filmed (`mebias.validation.small_films`), their
keyframes re-selected, a recognizer trained on each arm and its gain judged, all by the code
that users run. What the cohorts show together stands in `mebias.validation.trained_rows`.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mebias.cohort import Cohort
from mebias.errors import OptionError, listed, suggest
from mebias.provenance import version
from mebias.quantification.gain import gain
from mebias.recognition.arms import get_arms
from mebias.recognition.experiment import recognize_inputs
from mebias.recognition.inputs import make_inputs
from mebias.validation.small_films import (
    CLASSES,
    ESTIMATED,
    FULL,
    MOTION,
    Bank,
    Film,
    estimated_rule,
    filmed,
    located,
    sources_of,
)
from mebias.validation.trained_rows import cell_rows, dose_rows
from mebias.workers import Jobs, as_done, check_jobs

FOLDS, SWAPS, MODEL = 5, 999, "tiny"
LEVELS_MS = (0.0, 10.0, 20.0, 40.0, 80.0)
"""SD of the coders' errors of the dose-response (ms)."""
EVERY_ARM = (
    "human", "gamdss", "motion", "jitter", "least", "truth", "motion@both", "truth@both",
)  # fmt: skip
_BANK = Film(0.0, n_subjects=48, n_clips=300)


@dataclass(frozen=True)
class Cell:
    """One kind of cohorts, and what is trained on them.

    Attributes
    ----------
    name : str
        As the table names it.
    film : Film
    arms : tuple of str
    share : float
        Cohorts of this cell, as a share of what is asked for.
    in_dose : bool
        Whether it is a part of the dose-response.
    """

    name: str
    film: Film
    arms: tuple[str, ...]
    share: float = 1.0
    in_dose: bool = False


_FEW = (20, 100)
"""Subjects and clips of small cohorts, of which many can be trained on."""
DOSE = tuple(
    Cell(f"labels err by {sd:g} ms", Film(sd), EVERY_ARM, share=0.1, in_dose=True)
    for sd in LEVELS_MS
)
NO_ERROR = Cell("no label error", Film(0.0), ("human", "gamdss", "motion", "jitter"), share=0.5)
SMALL = Cell("small cohorts, labels err by 20 ms", Film(20.0, *_FEW),
             ("human", "gamdss", "motion", "jitter"))  # fmt: skip
LARGE = Cell("no label error, large", Film(0.0, 126, 801), ("human", "motion"), share=0.025)
TOLD = "motion:coder=80"
STRONG = Cell(
    "labels err by 80 ms, as motion is told", Film(80.0),
    ("human", "motion", "motion@both", TOLD, f"{TOLD}@both", f"{ESTIMATED}@both", "truth",
     "truth@both"),
    share=0.1,
)  # fmt: skip
"""Errors that matter to recognition; without being told, ``motion`` takes coders for exact.

How far they err is told it as it was planted, and as `mebias.quantify` estimates it from the same
clips and labels, which is what a user can do.
"""
IN_FULL = Cell("labels err by 40 ms, full frames", Film(40.0, size=FULL), EVERY_ARM,
               share=0.02)  # fmt: skip
GROSS = Cell(
    "labels grossly off", Film(12.0, gross=0.4),
    ("human", "motion", "motion@both", "motion-blind", "motion-blind@both", "truth@both"),
    share=0.05,
)  # fmt: skip
"""Two in five labels are off by 60 to 200 ms: further than the prior of ``motion`` allows."""
CELLS = {cell.name: cell for cell in (*DOSE, NO_ERROR, SMALL, LARGE, STRONG, GROSS, IN_FULL)}
DEFAULT, MOST = 10, 200
"""Cohorts that cells have their share of: by default, and in full."""


@dataclass(frozen=True)
class _Task:
    cell: Cell
    number: int
    seed: int
    seeds: int
    bank: Bank | None


def calibrate_recognition(
    cells: Sequence[str] = (),
    *,
    n_cohorts: int = DEFAULT,
    seeds: int = 1,
    seed: int = 0,
    jobs: Jobs = 1,
    parts: Path | None = None,
    progress: bool = False,
    **training: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on simulated cohorts whose labels err by a known amount, and judge the gains.

    Parameters
    ----------
    cells : sequence of str
        Some of `CELLS`; all by default.
    n_cohorts : int
        Cohorts that each cell has its share of, at least one; `MOST` is the full size.
    seeds : int
        Training runs of each arm, in each cohort.
    seed : int
        Each cell and cohort has a seed of its own, made of this one.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.
    parts : Path, optional
        A folder in which each finished cohort is kept, under a name that holds settings and
        the state of the code; a later run, of more cohorts too, takes it from there.
    progress : bool
        Show a progress bar on stderr.
    **training
        Further options of `mebias.recognition.train_folds`.

    Returns
    -------
    dose_response : DataFrame
        One row per SD of the labels (ms) and arm: mean UF1 and mean gain over ``human`` with
        their Monte Carlo errors, share of cohorts in which it was found to help.
    cells : DataFrame
        One row per cell, pair of arms and measure: the mean gain; shares of cohorts found to
        help or harm, or equivalent; the SD of gains between cohorts beside the root mean
        square of their standard errors, and how often the interval holds the mean gain.

    Raises
    ------
    OptionError
        An unknown cell, or a number out of range.

    Examples
    --------
    >>> name = "small cohorts, labels err by 20 ms"
    >>> _, found = calibrate_recognition([name], n_cohorts=1, epochs=1)
    >>> sorted(found["arm"].unique())
    ['gamdss', 'jitter', 'motion']
    """
    chosen = _checked(cells, n_cohorts, seeds, jobs)
    folder = None if parts is None else parts / _settings(seeds, seed, training)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    todo = [(cell, k) for cell in chosen for k in range(max(1, round(cell.share * n_cohorts)))]
    found = {key: table for key in todo if (table := _kept(folder, *key)) is not None}
    missing = [key for key in todo if key not in found]
    banks = _banks([cell for cell, _ in missing], folder, seed)
    tasks = [
        _Task(cell, k, _seed(seed, cell, k), seeds, _bank_of(banks, cell)) for cell, k in missing
    ]
    for task, table in _bar(as_done(_work, tasks, jobs, training), len(tasks), progress):
        found[task.cell, task.number] = table
        if folder is not None:
            _keep(table, _part(folder, task.cell, task.number))
    made: dict[str, Any] = {"version": version(), "date": date.today().isoformat(), "seed": seed}
    about = made | {"model": MODEL, "folds": FOLDS, "seeds": seeds}
    by_cell = [(cell, [found[c, k] for c, k in todo if c == cell]) for cell in chosen]
    rows = [row for cell, tables in by_cell for row in cell_rows(_place(cell), tables)]
    dose = [
        row for cell, tables in by_cell if cell.in_dose for row in dose_rows(_place(cell), tables)
    ]
    return pd.DataFrame(dose).round(5).assign(**about), pd.DataFrame(rows).round(5).assign(**about)


def train_cohort(
    cell: Cell, seed: int, *, seeds: int = 1, bank: Bank | None = None, **training: Any
) -> pd.DataFrame:
    """Scores and gains of one cohort.

    Parameters
    ----------
    cell : Cell
    seed : int
        Of faces, movements, labels and noise.
    seeds : int
        Training runs of each arm.
    bank : Bank, optional
        Where the shifts of ``motion`` come from; without one it is located in each clip.
    **training
        Options of `mebias.recognition.train_folds`.

    Returns
    -------
    DataFrame
        arm, against (empty: the arm's own UF1), estimate, std_error, bounds, conclusion, and
        of the design: subjects needed for the margin, subjects, clips.
    """
    cohort = filmed(cell.film, seed)
    names = dict(zip(_with_estimates(cell.arms, cohort), cell.arms, strict=True))
    sources = sources_of(cohort, list(names), bank=bank, seeds=seeds, seed=seed)
    inputs = make_inputs(cohort, sources, labels=CLASSES)
    options = {"way": "turn", "device": "cpu", **training}
    arms = get_arms(list(names))
    predictions = recognize_inputs(inputs, arms, folds=FOLDS, seeds=seeds, **options)
    gains = gain(predictions, n_swaps=SWAPS, seed=seed % 2**31)
    own = gains.estimates[
        gains.estimates["quantity"].eq("uf1") & gains.estimates["ethnicity"].eq("all")
    ]
    concluded = gains.conclusions[gains.conclusions["quantity"] == "uf1"]
    errors = gains.estimates[
        gains.estimates["quantity"].eq("uf1_gain") & gains.estimates["ethnicity"].eq("all")
    ]
    by_arm = dict(zip(errors["arm"], errors["std_error"], strict=True))
    rows = concluded.assign(
        std_error=[by_arm[f"{a} vs {b}"] for a, b in zip(concluded["arm"], concluded["against"],
                                                         strict=True)]
    )  # fmt: skip
    columns = ["arm", "against", "estimate", "std_error", "conf_low", "conf_high", "conclusion",
               "subjects_needed", "n_subjects", "n_clips"]  # fmt: skip
    scores = own.assign(against="", conclusion="", subjects_needed=np.nan)
    found = pd.concat([scores[columns], rows[columns]], ignore_index=True)
    return found.assign(arm=found["arm"].replace(names), against=found["against"].replace(names))


def _with_estimates(arms: Sequence[str], cohort: Cohort) -> list[str]:
    """Arms whose rule is told the spread of this cohort's labels, as it is estimated."""
    if not any(arm.startswith(ESTIMATED) for arm in arms):
        return list(arms)
    rule = estimated_rule(cohort)
    return [arm.replace(ESTIMATED, rule) for arm in arms]


def _checked(cells: Sequence[str], n_cohorts: int, seeds: int, jobs: Jobs) -> list[Cell]:
    for name in cells:
        if name not in CELLS:
            raise OptionError(
                f"unknown cell {name!r}; known are {listed(CELLS, 9)}{suggest(name, CELLS)}"
            )
    for what, value in (("cohorts", n_cohorts), ("seeds", seeds)):
        if value < 1:
            raise OptionError(f"{what} is {value}; expected 1 or more.")
    check_jobs(jobs)
    return [CELLS[name] for name in dict.fromkeys(cells)] or list(CELLS.values())


def _place(cell: Cell) -> dict[str, object]:
    film = cell.film
    return {
        "dataset": "SIMULATED 4dme", "cell": cell.name, "label_sd_ms": film.label_sd_ms,
        "subjects": film.n_subjects, "clips": film.n_clips, "frame_px": film.size,
    }  # fmt: skip


def _seed(seed: int, cell: Cell, number: int) -> int:
    """A seed of its own; cells of the dose-response, at both sizes, share movements and labels."""
    name = "dose" if cell.arms == EVERY_ARM else cell.name
    words = np.random.SeedSequence([seed, zlib.crc32(name.encode()), number])
    return int(words.generate_state(1)[0])


def _banks(cells: Sequence[Cell], folder: Path | None, seed: int) -> dict[float, Bank]:
    """A bank for each spread of the labels that some cell needs."""
    needed = {c.film.label_sd_ms for c in cells if _from_bank(c) and any(
        MOTION in arm for arm in c.arms)}  # fmt: skip
    found = {}
    for sd in sorted(needed):
        kept = None if folder is None else folder / f"bank-{sd:g}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                found[sd] = Bank(arrays["about"], arrays["shifts"])
            continue
        words = np.random.SeedSequence([seed, zlib.crc32(b"bank")]).generate_state(1)
        bank = located(Film(sd, _BANK.n_subjects, _BANK.n_clips), int(words[0]))
        if kept is not None:
            partial_file = kept.with_suffix(".partial.npz")
            np.savez(partial_file, about=bank.about, shifts=bank.shifts)
            os.replace(partial_file, kept)
        found[sd] = bank
    return found


def _bank_of(banks: Mapping[float, Bank], cell: Cell) -> Bank | None:
    return banks.get(cell.film.label_sd_ms) if _from_bank(cell) else None


def _from_bank(cell: Cell) -> bool:
    """Whether ``motion`` is taken from a bank: not where errors are gross, or it is told."""
    return cell.film.size < FULL and not cell.film.gross and TOLD not in cell.arms


def _work(training: Mapping[str, Any], task: _Task) -> pd.DataFrame:
    return train_cohort(task.cell, task.seed, seeds=task.seeds, bank=task.bank, **training)


def _part(folder: Path, cell: Cell, number: int) -> Path:
    words = "".join(c if c.isalnum() else "-" for c in cell.name)
    return folder / f"{words}-{number}.csv"


def _kept(folder: Path | None, cell: Cell, number: int) -> pd.DataFrame | None:
    if folder is None or not (path := _part(folder, cell, number)).is_file():
        return None
    return pd.read_csv(path, keep_default_na=False, na_values={"std_error": [""]} | {
        c: [""] for c in ("estimate", "conf_low", "conf_high", "subjects_needed")
    })  # fmt: skip


def _keep(table: pd.DataFrame, path: Path) -> None:
    unfinished = path.with_suffix(".partial")
    table.to_csv(unfinished, index=False, lineterminator="\n")
    os.replace(unfinished, path)


def _settings(seeds: int, seed: int, training: Mapping[str, Any]) -> str:
    given = hashlib.sha256(repr(sorted(training.items())).encode()).hexdigest()[:6]
    return f"recognition-seeds-{seeds}-seed-{seed}-{given}-{_fingerprint()}"


@cache
def _fingerprint() -> str:
    """Of all code that a cohort rests on: a kept cohort of other code is not taken."""
    rooms = ("quantification", "recognition", "selection", "simulation")
    home = Path(__file__).parent.parent
    files = [path for room in rooms for path in sorted((home / room).rglob("*.py"))]
    digest = hashlib.sha256()
    for path in [*files, Path(__file__), Path(__file__).with_name("small_films.py")]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _bar(
    done: Iterable[tuple[_Task, pd.DataFrame]], total: int, progress: bool
) -> Iterable[tuple[_Task, pd.DataFrame]]:
    if not progress:
        return done
    from tqdm.auto import tqdm

    bar: Iterable[Any] = tqdm(done, total=total, desc="training", unit="cohort")
    return bar
