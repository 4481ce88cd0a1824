"""How often 95 % intervals hold the truth, in one cell of simulated cohorts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mebias.quantification.clustered import MEAN, MEDIAN, TRIMMED_MEAN, clustered, quantile
from mebias.quantification.interval import Interval
from mebias.quantification.limits import Z, limits_of_agreement
from mebias.quantification.means import WEIGHTINGS
from mebias.quantification.resampling import (
    MIN_SUBJECTS,
    bootstrap_intervals,
    percentile_interval,
    replicates,
)
from mebias.quantification.spread import mad_interval
from mebias.validation import batched
from mebias.validation.agreements import agreements
from mebias.validation.batched import Bounds
from mebias.validation.generators import DISTRIBUTIONS, Cell, Cohorts, Distribution
from mebias.validation.tally import ROWS, Count, Counted, Found, tally

TAILS = (0.05, 0.95)
QUANTILE_DRAWS = 999
"""Resamples behind the quantiles of windowed shifts, as shipped."""
_SHARING = 50
"""Cohorts that share the weights of a bootstrap."""
_ROBUST = {"median": MEDIAN, "trimmed_mean": TRIMMED_MEAN}
_QUANTILES = {f"quantile_{100 * p:02.0f}": quantile(p) for p in TAILS}
_METHODS = {
    "subject": "random-intercept weights (REML), CR2, Satterthwaite df",
    "clip": "mean of clips, CR2, Satterthwaite df",
    "subject-mean": "mean of subjects' means, t(G - 1)",
}
_JACKKNIFE = "jackknife over subjects on the log scale, t(G - 1)"
_BCA = "mid-rank BCa, widened, resamples of whole subjects"
_MOVER = "REML variance components, MOVER"
Pairs = list[tuple[np.ndarray, np.ndarray]]
"""Values and subjects of each cohort."""


def covered(
    cell: Cell, n_cohorts: int, n_bootstrap: int, seed: np.random.SeedSequence
) -> list[Count]:
    """Coverage of every interval in one cell, that of the row-level analysis among them.

    Parameters
    ----------
    cell : Cell
        A cell of one group.
    n_cohorts : int
        Cohorts for means, SDs and shares.
    n_bootstrap : int
        Cohorts for what takes a call of the shipped function each: medians, trimmed means,
        quantiles, limits, mean absolute differences.
    seed : SeedSequence
        Of this cell alone.
    """
    closed, resampled, paired = (np.random.default_rng(s) for s in seed.spawn(3))
    counts = tally(cell, n_cohorts, closed, closed_forms)
    counts += tally(cell, n_cohorts, paired, agreements)
    if cell.n_subjects >= MIN_SUBJECTS:
        counts += tally(cell, n_bootstrap, resampled, one_by_one)
    return counts


def closed_forms(cell: Cell, cohorts: Cohorts, _: np.random.Generator) -> Iterator[Found]:
    """Means, SDs and shares, and whether their intervals hold the truth."""
    values, distribution = cohorts.values, DISTRIBUTIONS[cell.distribution]
    batch, truth = batched.by_subject(cohorts, values), distribution.mean
    for weighting in WEIGHTINGS:
        mean = Counted("mean", truth, weighting, _METHODS[weighting])
        yield mean, batched.means(batch, weighting).covered(truth)
    of_rows = Counted("mean", truth, "clip", f"{ROWS}: OLS, t(N - 1)")
    yield of_rows, batched.row_means(values).covered(truth)
    yield from _sds(cohorts, distribution.sd)
    for threshold in distribution.thresholds:
        yield from _shares(cohorts, threshold, distribution.share(threshold))


def _sds(cohorts: Cohorts, truth: float) -> Iterator[Found]:
    yield Counted("sd", truth, "clip", _JACKKNIFE), batched.sds(cohorts).covered(truth)
    of_rows = Counted("sd", truth, "clip", f"{ROWS}: chi-squared")
    yield of_rows, batched.row_sds(cohorts.values).covered(truth)


def _shares(cohorts: Cohorts, threshold: float, truth: float) -> Iterator[Found]:
    hits = (cohorts.values <= threshold).astype(float)
    bounds = batched.shares(batched.by_subject(cohorts, hits))
    yield Counted("share", truth, "clip", "Korn-Graubard"), bounds.covered(truth)
    of_rows = Counted("share", truth, "clip", f"{ROWS}: Clopper-Pearson")
    yield of_rows, batched.row_shares(hits).covered(truth)


def one_by_one(cell: Cell, cohorts: Cohorts, rng: np.random.Generator) -> Iterator[Found]:
    """What the shipped functions give for one cohort at a time."""
    distribution = DISTRIBUTIONS[cell.distribution]
    truths = {
        "mean": distribution.mean,
        "median": distribution.quantile(0.5),
        "trimmed_mean": distribution.trimmed_mean,
        **{name: distribution.quantile(p) for name, p in zip(_QUANTILES, TAILS, strict=True)},
    }
    for start in range(0, len(cohorts), _SHARING):
        some = slice(start, start + _SHARING)
        pairs = list(zip(cohorts.values[some], cohorts.subjects[some], strict=True))
        seed = int(rng.integers(2**32))
        of_subjects, of_rows = _bootstrapped(pairs, seed), _row_bootstrap(pairs, seed)
        for method, found in ((_BCA, of_subjects), (f"{ROWS}: percentile bootstrap", of_rows)):
            for quantity, bounds in found.items():
                truth = truths[quantity]
                yield Counted(quantity, truth, "clip", method), bounds.covered(truth)
        yield from _of_agreement(pairs, distribution)


def _bootstrapped(pairs: Pairs, seed: int) -> dict[str, Bounds]:
    """Intervals of medians, trimmed means and quantiles, cohort by cohort."""
    data = [clustered(*pair) for pair in pairs]
    found: dict[str, Bounds] = {}
    for statistics, options in ((_ROBUST, {}), (_QUANTILES, {"n_draws": QUANTILE_DRAWS})):
        intervals = bootstrap_intervals(data, list(statistics.values()), seed=seed, **options)
        for j, name in enumerate(statistics):
            found[name] = _bounds([of_cohort[j] for of_cohort in intervals])
    return found


def _row_bootstrap(pairs: Pairs, seed: int) -> dict[str, Bounds]:
    """Percentile intervals from resamples of rows."""
    statistics = {"mean": MEAN, **_ROBUST, **_QUANTILES}
    data = [clustered(values, np.arange(len(values))) for values, _ in pairs]
    draws = replicates(data, list(statistics.values()), seed=seed)
    return {
        name: Bounds(*np.array([percentile_interval(own) for own in draws[:, j]]).T)
        for j, name in enumerate(statistics)
    }


def _of_agreement(pairs: Pairs, distribution: Distribution) -> Iterator[Found]:
    """Mean absolute differences; limits, but of bounded values, for which none are shipped."""
    truth = distribution.mean_difference
    difference = Counted("mean_absolute_difference", truth, "clip", _JACKKNIFE)
    yield difference, _bounds([mad_interval(*pair) for pair in pairs]).covered(truth)
    if distribution.name == "bounded":
        return
    limits = [limits_of_agreement(*pair) for pair in pairs]
    for j, (quantity, z) in enumerate((("limit_low", -Z), ("limit_high", Z))):
        truth = distribution.mean + z * distribution.sd
        bounds = _bounds([of_cohort[j] for of_cohort in limits])
        yield Counted(quantity, truth, "subject", _MOVER), bounds.covered(truth)


def _bounds(intervals: list[Interval]) -> Bounds:
    return Bounds(*np.array([[i.conf_low, i.conf_high] for i in intervals]).T)
