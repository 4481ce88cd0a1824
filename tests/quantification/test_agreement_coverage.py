"""Do intervals of limits, coefficients and spreads cover? Small runs with wide bands."""

import math

import numpy as np
import pytest

from mebias.quantification.coefficients import COEFFICIENTS, coefficients
from mebias.quantification.limits import Z, limits_of_agreement
from mebias.quantification.spread import mad_interval

COHORTS = 600
BAND = 3 * math.sqrt(0.05 * 0.95 / COHORTS)


def whose(rng, n_subjects=29, n_clips=159):
    weight = rng.lognormal(0, 0.8, n_subjects)
    sizes = 1 + rng.multinomial(n_clips - n_subjects, weight / weight.sum())
    return np.repeat(np.arange(n_subjects), sizes)


def normal(rng, subjects, icc):
    between = rng.standard_normal(subjects.max() + 1)[subjects]
    return math.sqrt(icc) * between + math.sqrt(1 - icc) * rng.standard_normal(len(subjects))


def covered(draw, truths, seed=1):
    rng = np.random.default_rng(seed)
    hits = []
    for _ in range(COHORTS):
        found = draw(rng)
        pairs = zip(found, truths, strict=True)
        hits.append([f.conf_low <= t <= f.conf_high for f, t in pairs])
    return np.mean(hits, axis=0)


@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_limits_cover(icc):
    def draw(rng):
        subjects = whose(rng)
        return limits_of_agreement(normal(rng, subjects, icc), subjects)

    share = covered(draw, (-Z, Z))
    assert (share > 0.92 - BAND).all() and (share < 0.97 + BAND).all()


def test_limits_of_rows_as_if_independent_are_caught():
    def draw(rng):
        subjects = whose(rng)
        return limits_of_agreement(normal(rng, subjects, 0.5), np.arange(len(subjects)))

    assert (covered(draw, (-Z, Z)) < 0.85).all()


def test_limits_of_long_tails_cover_too():
    """Laplace: chi-squared bounds of the SD would cover about 85 %."""

    def draw(rng):
        subjects = whose(rng)
        return limits_of_agreement(rng.laplace(0, math.sqrt(0.5), len(subjects)), subjects)

    assert (covered(draw, (-Z, Z)) > 0.92 - BAND).all()


@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_coefficients_cover(icc):
    """Reliability 0.8, arms half an SD apart; true values from the moments."""

    def draw(rng):
        subjects = whose(rng)
        true = math.sqrt(0.8) * normal(rng, subjects, icc)
        x, y = (true + math.sqrt(0.2) * normal(rng, subjects, icc) for _ in range(2))
        found = coefficients(x, y + 0.5, subjects, of="rise")
        return [found[name] for name in COEFFICIENTS]

    share = covered(draw, (1.6 / 2.25, 1.6 / 2.25, 0.8))
    assert (share > 0.92 - BAND).all() and (share < 0.97 + BAND).all()


@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_mean_absolute_differences_cover(icc):
    def draw(rng):
        subjects = whose(rng)
        return [mad_interval(normal(rng, subjects, icc), subjects)]

    share = covered(draw, (2 / math.sqrt(math.pi),))
    assert 0.92 - BAND < share[0] < 0.97 + BAND
