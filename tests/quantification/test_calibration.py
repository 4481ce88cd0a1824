"""Do the intervals cover, do the tests hold their level? Small runs with wide bands.

The failing control is the row-level analysis: it must be caught by the same bands.
"""

import math

import numpy as np
import pytest
from scipy import special

from mebias.quantification import permutation, wald
from mebias.quantification.interval import clusters
from mebias.quantification.means import mean_interval, weightings_differ
from mebias.quantification.shares import share_interval
from mebias.quantification.spread import sd_interval

COHORTS = 500
BAND = 3 * math.sqrt(0.05 * 0.95 / COHORTS)
STEPS = np.array([0.45, 0.20, 0.15, 0.20])


def cohort(rng, n_subjects=29, n_clips=159, icc=0.3, kind="normal"):
    """Values and subjects: sizes log-normal(0.8), a copula with intraclass correlation."""
    weight = rng.lognormal(0, 0.8, n_subjects)
    sizes = 1 + rng.multinomial(n_clips - n_subjects, weight / weight.sum())
    subjects = np.repeat(np.arange(n_subjects), sizes)
    latent = math.sqrt(icc) * rng.standard_normal(n_subjects)[subjects]
    latent = latent + math.sqrt(1 - icc) * rng.standard_normal(n_clips)
    if kind == "normal":
        return latent, subjects
    return np.searchsorted(special.ndtri(np.cumsum(STEPS)[:-1]), latent).astype(float), subjects


def share_covered(interval, truth, seed=1, **options):
    rng = np.random.default_rng(seed)
    found = [interval(*cohort(rng, **options)) for _ in range(COHORTS)]
    return np.mean([f.conf_low <= truth <= f.conf_high for f in found])


@pytest.mark.parametrize("weighting", ["clip", "subject", "subject-mean"])
@pytest.mark.parametrize("kind", ["normal", "bounded"])
def test_means_cover(kind, weighting):
    truth = 0.0 if kind == "normal" else float(STEPS @ np.arange(4))
    covered = share_covered(lambda y, s: mean_interval(y, s, weighting), truth, kind=kind)
    assert 0.93 - BAND < covered < 0.97 + BAND


def test_the_row_level_interval_is_caught():
    def rows(y, _):
        return mean_interval(y, np.arange(len(y)), "clip")

    assert share_covered(rows, 0.0) < 0.85


@pytest.mark.parametrize("threshold", [0.0, 1.28])
def test_shares_cover_and_rare_ones_more(threshold):
    truth = float(special.ndtr(-threshold))
    covered = share_covered(lambda y, s: share_interval(y > threshold, s), truth)
    assert covered > 0.94 - BAND


def test_spreads_cover():
    assert 0.92 - BAND < share_covered(sd_interval, 1.0, n_subjects=42, n_clips=267) < 0.97 + BAND


def test_the_weightings_are_said_to_differ_rarely_where_they_do_not():
    rng = np.random.default_rng(3)
    said = []
    for _ in range(COHORTS):
        difference, error = weightings_differ(*cohort(rng))
        said.append(abs(difference) > 2 * error)
    assert np.mean(said) < 0.05 + BAND


def test_the_weightings_are_said_to_differ_where_large_clusters_shift_more():
    rng = np.random.default_rng(4)
    said = []
    for _ in range(50):
        y, s = cohort(rng)
        sizes = np.bincount(s)[s]
        difference, error = weightings_differ(y + 0.8 * np.log(sizes), s)
        said.append(abs(difference) > 2 * error)
    assert np.mean(said) > 0.5


def p_values(n_subjects, n_small, n_cohorts, *, effect=0.0, seed=2):
    """Permutation, CR2 and row-level p-values of a contrast of subjects."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_cohorts):
        y, s = cohort(rng, n_subjects, 5 * n_subjects)
        side = np.zeros(n_subjects, dtype=int)
        side[rng.permutation(n_subjects)[:n_small]] = 1
        y = y + effect * side[s]
        data = clusters(y, s)
        labels = side[data.subjects.astype(int)]
        members = [labels == 0, labels == 1]
        cr2 = wald.difference(*wald.group_means(data, members, "subject")).p_value
        dealt, _ = permutation.assignments(labels, 199, rng)
        shuffled = permutation.p_value(wald.statistics(data, dealt))
        rows = clusters(y, np.arange(len(y)))
        of_row = side[s[rows.subjects.astype(int)]]
        naive = wald.difference(*wald.group_means(rows, [of_row == 0, of_row == 1], "clip"))
        found.append((shuffled, cr2, naive.p_value))
    return np.array(found)


def test_contrasts_hold_their_level_and_rows_do_not():
    rejected = (p_values(24, 10, 400) <= 0.05).mean(axis=0)
    band = 3 * math.sqrt(0.05 * 0.95 / 400)
    assert rejected[0] < 0.05 + band
    assert rejected[1] < 0.05 + band
    assert rejected[2] > 0.1


def test_contrasts_find_what_is_there():
    rejected = (p_values(24, 10, 60, effect=1.2) <= 0.05).mean(axis=0)
    assert rejected[0] > 0.8
    assert rejected[1] > 0.8
