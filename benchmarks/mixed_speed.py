"""Random-intercept refits, all at once, against statsmodels MixedLM one at a time.

    python benchmarks/mixed_speed.py

Draws replicates of one unbalanced SIMULATED design, fits all of them here and the first few
with statsmodels, checks that no likelihood is below that of statsmodels, and prints the
ratio. The time of statsmodels is scaled from the few to all, since a full run takes minutes.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from statsmodels.regression.mixed_linear_model import MixedLM

from mebias.quantification.refits import refit, replicates


def design(n_subjects: int, n_clips: int, n: int, icc: float) -> tuple[np.ndarray, np.ndarray]:
    """Replicates (n, clips) of normal values, and the subject of each clip."""
    rng = np.random.default_rng(0)
    weight = rng.lognormal(0, 0.8, n_subjects)
    sizes = 1 + rng.multinomial(n_clips - n_subjects, weight / weight.sum())
    subjects = np.repeat(np.arange(n_subjects), sizes)
    own = rng.standard_normal((n, n_subjects))[:, subjects]
    within = rng.standard_normal((n, n_clips))
    return np.sqrt(icc) * own + np.sqrt(1 - icc) * within, subjects


def main() -> None:
    """Print the ratio per intraclass correlation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--baseline", type=int, default=20, help="refits of statsmodels timed")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    for icc in (0.0, 0.3):
        values, subjects = design(29, 159, options.refits, icc)
        ours = []
        for _ in range(options.runs):
            start = time.perf_counter()
            fits = refit(replicates(values, subjects))
            ours.append(time.perf_counter() - start)
        few = min(options.baseline, options.refits)
        constant = np.ones((len(subjects), 1))
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = [MixedLM(y, constant, subjects).fit(reml=True).llf for y in values[:few]]
        baseline = (time.perf_counter() - start) / few * options.refits
        ahead = fits.log_likelihood[:few] - np.array(theirs)
        assert (ahead > -1e-6).all(), "a likelihood below that of statsmodels"
        print(
            f"icc {icc}: {options.refits} refits in {1000 * min(ours):.1f} ms, statsmodels "
            f"{baseline:.1f} s (scaled from {few}): ratio {baseline / min(ours):.0f}; converged "
            f"{fits.converged.mean():.1%}, boundary {fits.boundary.mean():.1%}; log-likelihood "
            f"never below, at most {ahead.max():.2f} above"
        )


if __name__ == "__main__":
    main()
