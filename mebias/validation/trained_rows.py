"""What trained cohorts show together: mean gains, what was found, what retraining adds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mebias.quantification.gain_conclusions import EQUIVALENT, HARMS, HELPS

HUMAN = "human"
BANDS: Mapping[tuple[str, str, str], tuple[float, float]] = {
    ("no label error", "motion", "helps"): (0.0, 0.05),
    ("no label error", "gamdss", "helps"): (0.0, 0.05),
    ("no label error", "jitter", "helps"): (0.0, 0.05),
    ("no label error, large", "motion", "equivalent"): (0.8, 1.0),
    ("labels err by 80 ms, as motion is told", "motion:coder=80@both", "helps"): (0.8, 1.0),
    ("labels err by 80 ms, as motion is told", "motion:coder=estimated@both", "helps"): (0.8, 1.0),
    ("labels grossly off", "motion-blind@both", "helps"): (0.8, 1.0),
}
"""What was promised in advance, by cell, arm and measure."""
ERRORS = 3.0
"""Monte Carlo errors by which a value may lie outside of its band."""
Row = dict[str, object]


def dose_rows(place: Mapping[str, object], cohorts: Sequence[pd.DataFrame]) -> Iterator[Row]:
    """UF1 of each arm and its gain over human keyframes, means over cohorts.

    Parameters
    ----------
    place : mapping
        What the cohorts are.
    cohorts : sequence of DataFrame
        From `mebias.validation.recognition.train_cohort`.
    """
    table = _together(cohorts)
    for arm, own in table[table["against"] == ""].groupby("arm", sort=False):
        gains = table[(table["arm"] == arm) & (table["against"] == HUMAN)]
        uf1, error = _mean(own["estimate"])
        gained, gained_error = _mean(gains["estimate"]) if len(gains) else (math.nan, math.nan)
        yield {
            **place,
            "arm": arm,
            "n_cohorts": len(own),
            "uf1": uf1,
            "uf1_mc_error": error,
            "gain": gained,
            "gain_mc_error": gained_error,
            "helps": float((gains["conclusion"] == HELPS).mean()) if len(gains) else math.nan,
        }


def cell_rows(place: Mapping[str, object], cohorts: Sequence[pd.DataFrame]) -> Iterator[Row]:
    """All measures of each pair of arms.

    Parameters
    ----------
    place, cohorts
        As in `dose_rows`.
    """
    table = _together(cohorts)
    pairs = table[table["against"] != ""].groupby(["arm", "against"], sort=False)
    for (arm, against), own in pairs:
        about = {**place, "arm": arm, "against": against, "n_clips": own["n_clips"].mean()}
        for measure, (value, error, n) in _measures(own).items():
            key = (str(place["cell"]), str(arm), measure)
            low, high = BANDS.get(key, (math.nan, math.nan)) if against == HUMAN else (
                math.nan, math.nan)  # fmt: skip
            met = low - ERRORS * error <= value <= high + ERRORS * error
            yield {
                **about,
                "measure": measure,
                "n_cohorts": n,
                "value": value,
                "mc_error": error,
                "band_low": low,
                "band_high": high,
                "met": "" if math.isnan(low) else "yes" if met else "no",
            }


def _measures(own: pd.DataFrame) -> dict[str, tuple[float, float, int]]:
    """Value, Monte Carlo error and number of cohorts of each measure."""
    gains, n = own["estimate"].to_numpy(dtype=float), len(own)
    found: dict[str, tuple[float, float, int]] = {"gain": (*_mean(own["estimate"]), n)}
    for word, name in ((HELPS, "helps"), (HARMS, "harms"), (EQUIVALENT, "equivalent")):
        found[name] = (*_share(own["conclusion"].to_numpy() == word), n)
    needed = own["subjects_needed"].dropna()
    if len(needed):
        found["subjects needed"] = (*_mean(needed), len(needed))
    told = own[own["std_error"] > 0]
    if len(told) < 2:
        return found
    errors = told["std_error"].to_numpy(dtype=float)
    sd, k = float(np.std(gains, ddof=1)), len(told)
    squared = float((errors**2).mean())
    spread = float((errors**2).std(ddof=1)) / math.sqrt(k)
    found["sd between cohorts"] = (sd, sd / math.sqrt(2 * (n - 1)), n)
    found["std_error"] = (math.sqrt(squared), spread / (2 * math.sqrt(squared)), k)
    ratio = sd**2 / squared
    relative = math.sqrt(2 / (n - 1) + (spread / squared) ** 2)
    found["variance ratio"] = (ratio, ratio * relative, k)
    covered = _covered(told, gains)
    found["coverage"] = (*_share(covered), k)
    return found


def _covered(told: pd.DataFrame, gains: np.ndarray) -> np.ndarray:
    """Whether each interval holds the mean gain of the other cohorts."""
    own = told["estimate"].to_numpy(dtype=float)
    others = (gains.sum() - own) / (len(gains) - 1)
    low, high = told["conf_low"].to_numpy(dtype=float), told["conf_high"].to_numpy(dtype=float)
    return np.asarray((low <= others) & (others <= high))


def _mean(values: pd.Series) -> tuple[float, float]:
    """Mean and Monte Carlo error; NaN for the error of a single cohort."""
    n = len(values)
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return float(values.mean()), error


def _share(hits: np.ndarray) -> tuple[float, float]:
    """A share and its Monte Carlo error; where all are alike, that of one more of the others."""
    n, share = len(hits), float(hits.mean())
    away = min(max(share, 1 / (n + 2)), 1 - 1 / (n + 2))
    return share, math.sqrt(away * (1 - away) / n)


def _together(cohorts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(list(cohorts), ignore_index=True)
