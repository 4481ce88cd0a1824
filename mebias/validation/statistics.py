"""Calibration of the statistics: coverage and levels in simulated cohorts, one table.

All cells stand in the table, those that miss their band too, and the row-level analysis
beside each, which is to miss it wherever clips of a subject resemble each other.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from mebias import quantification, tables
from mebias.errors import OptionError, listed, suggest
from mebias.provenance import version
from mebias.validation.coverage import covered
from mebias.validation.generators import CELLS, SIZES, Cell
from mebias.validation.levels import rejected
from mebias.validation.tally import REJECTED, Count, Counted
from mebias.workers import Jobs, as_done, check_jobs

FULL = 10_000
"""Cohorts of a cell in the full size."""
DEFAULT = 2_000
ERRORS = 3
"""A band is met within this many Monte Carlo standard errors."""
_SHARE = 5
"""Bootstrap quantities have a fifth of the cohorts."""


@dataclass(frozen=True)
class Size:
    """Cohorts of each cell, and the seed of all."""

    cohorts: int
    seed: int

    @property
    def bootstrap(self) -> int:
        """Cohorts of a cell for bootstrap quantities."""
        return max(1, self.cohorts // _SHARE)


def calibrate_statistics(
    cells: Sequence[str] = (),
    *,
    n_cohorts: int = DEFAULT,
    seed: int = 0,
    jobs: Jobs = 1,
    parts: Path | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Measure coverage of the intervals and level of the tests.

    Parameters
    ----------
    cells : sequence of str
        Some of `mebias.validation.generators.CELLS`; all by default.
    n_cohorts : int
        Cohorts of a cell for means, SDs, shares and tests; a fifth of them for bootstrap
        quantities, limits and mean absolute differences. 10,000 is the full size.
    seed : int
        Each cell has a seed of its own, made of this one and the cell's name, so that results
        depend neither on ``jobs`` nor on which cells are run.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.
    parts : Path, optional
        A folder in which each finished cell is kept, under a name that holds size, seed and
        the state of the code; a later run takes it from there.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame
        A calibration table (`mebias.schemas`), in the order of the cells.

    Raises
    ------
    OptionError
        An unknown cell, fewer than 5 cohorts, no job.

    Examples
    --------
    >>> table = calibrate_statistics(["12 subjects, 60 clips, normal, ICC 0.3"], n_cohorts=50)
    >>> table[table["quantity"] == "mean"]["weighting"].tolist()
    ['subject', 'clip', 'subject-mean', 'clip', 'clip']
    """
    _check(cells, n_cohorts, jobs)
    chosen, size = [CELLS[name] for name in cells] or list(CELLS.values()), Size(n_cohorts, seed)
    folder = None
    if parts is not None:
        folder = parts / f"{n_cohorts}-cohorts-seed-{seed}-{_fingerprint()}"
        folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, pd.DataFrame] = {}
    for cell in chosen:
        kept = folder and _part(folder, cell)
        if kept and kept.is_file():
            found[cell.name] = tables.read_csv(kept, "calibration")
    missing = [cell for cell in chosen if cell.name not in found]
    for cell, table in _bar(as_done(_work, missing, jobs, size), len(missing), progress):
        found[cell.name] = table
        if folder:
            tables.write_csv(table, _part(folder, cell))
    return tables.conform(pd.concat([found[cell.name] for cell in chosen]), "calibration")


def _check(cells: Sequence[str], n_cohorts: int, jobs: Jobs) -> None:
    for name in cells:
        if name not in CELLS:
            raise OptionError(
                f"unknown cell {name!r}; known are {listed(CELLS, 3)}{suggest(name, CELLS)}"
            )
    if n_cohorts < _SHARE:
        raise OptionError(f"{n_cohorts} cohorts of each cell; expected {_SHARE} or more.")
    check_jobs(jobs)


def _work(size: Size, cell: Cell) -> pd.DataFrame:
    return measure(cell, size)


def measure(cell: Cell, size: Size) -> pd.DataFrame:
    """All rows of one cell.

    Parameters
    ----------
    cell : Cell
        Of one group: coverage; of several: levels of tests.
    size : Size
        Cohorts and seed.
    """
    seed = np.random.SeedSequence(size.seed, spawn_key=(zlib.crc32(cell.name.encode()),))
    with threadpool_limits(1):
        if len(cell.groups) == 1:
            counts = covered(cell, size.cohorts, size.bootstrap, seed)
        else:
            counts = rejected(cell, size.cohorts, seed)
    place = {
        "cell": cell.name, "subjects": cell.n_subjects, "clips": cell.n_clips,
        "groups": cell.subjects if len(cell.groups) > 1 else "",
        "distribution": cell.distribution, "icc": cell.icc,
    }  # fmt: skip
    made = {"version": version(), "date": date.today().isoformat(), "seed": size.seed}
    return tables.from_rows([place | _row(cell, c) | made for c in counts], "calibration")


def _row(cell: Cell, count: Count) -> dict[str, object]:
    """A count with its Monte Carlo error, its band, and whether that is met."""
    counted, share = count.of, count.share
    error = math.sqrt(share * (1 - share) / count.n_cohorts)
    low, high = band(cell, counted)
    met = low - ERRORS * error <= share <= high + ERRORS * error
    return {
        "quantity": counted.quantity, "truth": round(counted.truth, 6),
        "weighting": counted.weighting, "method": counted.method, "control": counted.control,
        "measure": counted.measure, "n_cohorts": count.n_cohorts, "value": round(share, 5),
        "mc_error": round(error, 5), "band_low": low, "band_high": high,
        "met": "" if math.isnan(low) else "yes" if met else "no",
    }  # fmt: skip


def band(cell: Cell, counted: Counted) -> tuple[float, float]:
    """The band stated for a quantity of a cell; NaN where it is only reported.

    Examples
    --------
    >>> mean = Counted("mean", 1.5, "clip", "mean of clips")
    >>> band(Cell((29,), 159, "skewed", 0.3), mean), band(Cell((5,), 20, "skewed", 0.3), mean)
    ((0.92, 0.97), (nan, nan))
    """
    none, quantity = (math.nan, math.nan), counted.quantity
    if counted.measure == REJECTED:
        return none if cell.doubled else (0.04, 0.06)
    size = (cell.n_subjects, cell.n_clips)
    if len(cell.groups) > 1 or size not in SIZES:
        return none
    if quantity == "mean":
        return (0.92 if cell.distribution == "skewed" else 0.93, 0.97)
    if quantity == "sd" and cell.distribution == "bounded" and size != SIZES[0]:
        return (0.92, 0.97)
    return (0.94, 1.0) if quantity in ("median", "share") else none


def _part(folder: Path, cell: Cell) -> Path:
    words = "".join(c if c.isalnum() or c == "." else "-" for c in cell.name)
    return folder / f"{words}.csv"


@cache
def _fingerprint() -> str:
    """Of all code that the numbers may rest on: a kept cell of other code is not taken."""
    digest = hashlib.sha256()
    for folder in (Path(str(quantification.__file__)).parent, Path(__file__).parent):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _bar(
    measured: Iterable[tuple[Cell, pd.DataFrame]], total: int, progress: bool
) -> Iterable[tuple[Cell, pd.DataFrame]]:
    if not progress:
        return measured
    from tqdm.auto import tqdm

    bar: Iterable[tuple[Cell, pd.DataFrame]] = tqdm(
        measured, total=total, desc="calibrating", unit="cell"
    )
    return bar
