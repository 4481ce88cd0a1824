"""How often the blind posterior misses a keyframe by more than it says, and by how much.

`mebias.quantification.flags.MISSED` comes from here. Its clips are others than those on which
flags are judged (`mebias.validation.recovery`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize

from mebias import tables
from mebias.simulation.labels import Coder
from mebias.simulation.reference import cell_cohorts
from mebias.validation.recordings import labeled, record, shifts_of
from mebias.workers import Jobs

SEED = 9000
CELLS = {"reference": 360, "60 fps": 180}
"""Cells of `mebias.simulation.reference` -> clips."""
SIZES = (64, 128)


def missed_posteriors(
    cells: dict[str, int] | None = None,
    *,
    sizes: tuple[int, ...] = SIZES,
    seed: int = SEED,
    jobs: Jobs = 1,
) -> pd.DataFrame:
    """The likeliest share of posteriors that missed, and the SD of their further error.

    Parameters
    ----------
    cells : mapping of str to int, optional
        Clips of each cell; `CELLS` by default.
    sizes : tuple of int
        Sides of the frames (pixels); each cell is filmed at each size.
    seed : int
        Of the first cohort of each cell.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.

    Returns
    -------
    DataFrame
        ``share`` and ``sd_ms`` per keyframe, and ``n_clips`` in which something moves.
    """
    found = []
    for size in sizes:
        for cell, n_clips in (CELLS if cells is None else cells).items():
            for cohort in cell_cohorts(cell, n_clips, seed=seed, size=(size, size)):
                exact = labeled(record(cohort, jobs=jobs), Coder("accurate", (0.0, 0.0, 0.0)))
                found.append(shifts_of(exact))
    shifts = pd.concat(found, ignore_index=True)
    shifts = shifts[shifts["selected_status"] == "selected"]
    frame_ms = 1000.0 / shifts["fps"]
    away = (shifts["selected_mean"] - shifts["human"]) * frame_ms + shifts["true_error_ms"]
    rows = []
    for keyframe in tables.KEYFRAMES:
        own = shifts["keyframe"] == keyframe
        variance = ((shifts["selected_sd"] * frame_ms) ** 2)[own].to_numpy(dtype=float)
        share, sd = likeliest(away[own].to_numpy(dtype=float), variance)
        rows.append({"keyframe": keyframe, "share": share, "sd_ms": sd, "n_clips": int(own.sum())})
    return pd.DataFrame(rows)


def likeliest(errors: np.ndarray, variances: np.ndarray) -> tuple[float, float]:
    """Maximum-likelihood share of errors that are wider than their variance, and by what SD.

    Parameters
    ----------
    errors, variances : ndarray, shape (N,)
        Posterior mean - truth, and variance of the posterior.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> wide = rng.random(4000) < 0.1
    >>> errors = rng.normal(0, 10, 4000) + wide * rng.normal(0, 60, 4000)
    >>> share, sd = likeliest(errors, np.full(4000, 100.0))
    >>> round(share, 1), round(sd, -1)
    (0.1, 60.0)
    """

    def minus_log_likelihood(free: np.ndarray) -> float:
        share, wide = 1 / (1 + np.exp(-free[0])), variances + np.exp(2 * free[1])
        well = (1 - share) * np.exp(-0.5 * errors**2 / variances) / np.sqrt(variances)
        missed = share * np.exp(-0.5 * errors**2 / wide) / np.sqrt(wide)
        return -float(np.log(well + missed).sum())

    starts = [np.array([a, b]) for a in (-4.0, -2.0, 0.0) for b in (3.0, 4.0, 5.0)]
    tried = [optimize.minimize(minus_log_likelihood, s, method="Nelder-Mead") for s in starts]
    best = min(tried, key=lambda one: float(one.fun)).x
    return float(1 / (1 + np.exp(-best[0]))), float(np.exp(best[1]))
