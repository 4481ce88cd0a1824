"""The parts of the motion posterior, each against what another way of computing it gives."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime

from mebias.selection.motion import Courses, Definition, Phases, Prior, locate
from mebias.selection.motion.posterior import (
    _bounded,
    _drawn_from_prior,
    _log_jacobian,
    _Sampler,
    _unbounded,
)
from mebias.selection.motion.templates import keyframes_of, template

PHASES = Phases(rise=(120.0, 0.5), fall=(220.0, 0.6))
PRIOR = Prior(mean=(100.0, 250.0, 500.0), sd=(10.0, 12.0, 20.0))
USUAL = np.array([[100.0, 150, 20, 230, 0.5, 1, 0.3, 0.4, 1.2, 0.2, 0.1]])
LIMITS = {  # column: the first value beyond and the last one within
    0: [(-200.1, -199.9), (600.1, 599.9)],
    1: [(14.9, 15.1)],
    3: [(14.9, 15.1)],
    4: [(2.51, 2.49), (-2.51, -2.49)],
    5: [(9.1, 8.9), (-9.1, -8.9)],
    6: [(-0.01, 0.01), (1.61, 1.59)],
    7: [(2.51, 2.49), (-2.51, -2.49)],
    8: [(9.1, 8.9), (-9.1, -8.9)],
    9: [(-0.01, 0.01), (1.61, 1.59)],
    10: [(0.81, 0.79)],
}


def orthonormal(columns):
    return np.linalg.qr(columns)[0].astype(np.float32)


def clip(count=51, noise=0.05, along=0.0, seed=0):
    """A clip of 700 ms along USUAL; noise whose neighbors are alike, in two patterns."""
    rng = np.random.default_rng(seed)
    times = np.linspace(0, 700, count)
    drift = orthonormal(np.polynomial.polynomial.polyvander(np.linspace(-1, 1, count), 2))
    rows = rng.standard_normal((2, count))
    for i in range(1, count):
        rows[:, i] = along * rows[:, i - 1] + np.sqrt(1 - along**2) * rows[:, i]
    found = np.stack([template(USUAL, times)[0], np.zeros(count)]) + noise * rows
    found = found.T - drift @ (drift.T @ found.T)
    return Courses(times, drift, orthonormal(found), np.array([9.0, 1.0]), 0.01, True)


def sampler(courses=None, prior=None, seed=0, definition=None):
    rng = np.random.default_rng(seed)
    definition = definition or Definition()
    return _Sampler(courses or clip(), rng, prior, PHASES, definition)


def near(count, seed=0, spread=0.1):
    """Parameters around USUAL, all of them allowed."""
    rng = np.random.default_rng(seed)
    return USUAL * np.exp(spread * rng.standard_normal((count, 11)))


def density(theta):
    """Log density of the prior that knows no labels, up to a constant."""
    onset, rise, plateau, fall, a1, k1, b1, a2, k2, b2, rest = theta.T
    found = stats.lognorm(s=0.5, scale=120).logpdf(rise)
    found += stats.lognorm(s=0.6, scale=220).logpdf(fall)
    found += stats.expon(scale=14).logpdf(plateau) + stats.expon(scale=0.08).logpdf(rest)
    for value, mean, sd in ((a1, 0.5, 0.65), (a2, 0.5, 0.65), (k1, 1, 2), (k2, 1, 2),
                            (b1, 0, 0.45), (b2, 0, 0.45)):  # fmt: skip
        found += stats.norm(mean, sd).logpdf(value)
    return found + 0 * onset


def test_the_prior_is_what_it_is_said_to_be():
    theta = near(50)
    away = sampler()._log_prior(theta) - density(theta)
    np.testing.assert_allclose(away, away[0], atol=1e-8)


def test_labels_pull_as_normal_errors_do():
    theta = near(50)
    pulled = sampler(prior=PRIOR)._log_prior(theta) - sampler()._log_prior(theta)
    found = keyframes_of(theta, Definition())
    expected = stats.norm(PRIOR.mean, PRIOR.sd).logpdf(found).sum(axis=1)
    np.testing.assert_allclose(np.diff(pulled), np.diff(expected), atol=1e-8)


@pytest.mark.parametrize("column", LIMITS)
def test_the_prior_ends_at_its_limits(column):
    for beyond, within in LIMITS[column]:
        rows = np.repeat(USUAL, 3, axis=0)
        rows[0, column], rows[1, column] = beyond, within
        found = np.isfinite(sampler()._log_prior(rows))
        assert found.tolist() == [False, True, True]


def test_first_draws_are_from_the_prior():
    theta = sampler().first()
    shares = {
        0: stats.uniform(-100, 700), 1: stats.lognorm(s=0.5, scale=120),
        2: stats.expon(scale=14), 3: stats.lognorm(s=0.6, scale=220),
        4: stats.norm(0.5, 0.65), 5: stats.norm(1, 2), 6: stats.halfnorm(scale=0.45),
        7: stats.norm(0.5, 0.65), 8: stats.norm(1, 2), 9: stats.halfnorm(scale=0.45),
    }  # fmt: skip
    assert len(theta) == 12_000
    for column, expected in shares.items():
        assert stats.kstest(theta[:, column], expected.cdf).statistic < 0.018
    rest = theta[:, 10]
    assert stats.kstest(rest[rest < 0.79], stats.expon(scale=0.08).cdf).statistic < 0.018
    assert 0 < rest.min() < rest.max() <= 0.79
    assert theta[:, 2].min() > 0


def test_half_of_the_first_draws_are_around_the_labels():
    theta = sampler(prior=PRIOR).first()
    found = keyframes_of(theta, Definition())
    half = len(theta) // 2
    for i in range(3):
        expected = stats.norm(PRIOR.mean[i], PRIOR.sd[i])
        assert stats.kstest(found[:half, i], expected.cdf).statistic < 0.025
    assert stats.kstest(theta[half:, 0], stats.uniform(-100, 700).cdf).statistic < 0.025


def test_labels_on_one_frame_give_first_draws_that_are_possible():
    close = Prior(mean=(100.0, 100.0, 100.0), sd=(10.0, 10.0, 10.0))
    assert (sampler(prior=close).first()[:6000, [1, 3]] == 16).mean() > 0.5
    assert (sampler(prior=close).first()[:6000, [1, 3]] >= 16).all()


def test_a_clip_shorter_than_the_margin_has_first_draws_all_the_same():
    courses = clip()
    theta = sampler(replace(courses, times=courses.times / 10)).first()
    assert stats.kstest(theta[:, 0], stats.uniform(-100, 101).cdf).statistic < 0.018


def test_parameters_and_their_unbounded_form_are_the_same():
    free = _unbounded(near(20))
    np.testing.assert_allclose(_bounded(free), near(20), rtol=1e-12)
    np.testing.assert_allclose(free[:, [1, 3]], np.log(near(20)[:, [1, 3]]))
    for row, found in zip(free[:5], _log_jacobian(free[:5]), strict=True):
        changes = [
            approx_fprime(row, lambda x, i=i: _bounded(x[None])[0, i], 1e-7)[i] for i in range(11)
        ]
        assert found == pytest.approx(np.log(np.abs(changes)).sum(), abs=1e-4)


def left_over(row, columns):
    return float(np.sum((row - columns @ np.linalg.lstsq(columns, row, rcond=None)[0]) ** 2))


@pytest.mark.parametrize("thin", [False, True])
def test_the_score_is_what_the_courses_leave_of_a_template(thin):
    courses = clip(count=151)
    every = slice(None, None, 3 if thin else 1)
    times, drift, moving = courses.times[every], courses.drift[every], courses.courses[every]
    theta = near(7, spread=0.2)
    rows = template(theta, times).astype(float)
    both = np.hstack([drift, moving]).astype(float)
    shares = [left_over(row, both) / left_over(row, drift.astype(float)) for row in rows]
    found = sampler(courses)._score(theta, thin=thin)
    np.testing.assert_allclose(found, -0.5 * np.log(shares), rtol=2e-3)


def test_the_score_does_not_depend_on_how_many_are_scored():
    theta = near(2003)
    np.testing.assert_allclose(
        sampler()._score(theta)[1990:], sampler()._score(theta[1990:]), rtol=1e-4
    )


def test_the_next_temperature_leaves_half_of_the_particles():
    one, score = sampler(), -5 * np.random.default_rng(1).random(500)
    log_weights = np.random.default_rng(2).normal(0, 0.3, 500)
    found = one._next(0.1, score, log_weights)
    assert 0.1 < found < 1
    weights = np.exp(log_weights + (found - 0.1) * one.weight * score)
    assert weights.sum() ** 2 / (weights**2).sum() == pytest.approx(250, rel=1e-3)
    assert one._next(0.1, score / 1000, log_weights) == 1
    steep = np.where(np.arange(500) == 0, 0.0, -1e12)
    assert one._next(0.1, steep, np.zeros(500)) == pytest.approx(0.1 + 1e-6, abs=1e-9)


def test_particles_are_taken_as_often_as_their_weight_says():
    log_weights = np.random.default_rng(3).normal(50, 1, 700)
    counts = np.bincount(sampler()._resampled(log_weights), minlength=700)
    expected = 500 * np.exp(log_weights) / np.exp(log_weights).sum()
    assert counts.sum() == 500
    assert np.abs(counts - expected).max() <= 1 + 1e-9


@pytest.mark.parametrize("along", [0.0, 0.5])
def test_frames_count_by_what_is_independent_in_the_noise(along):
    found, reached = [], []
    for seed in range(12):
        one = sampler(clip(count=301, noise=0.3, along=along, seed=seed), seed=seed)
        free = _unbounded(near(500, spread=0.02))
        target, score = one._target(free)
        reached.append(one._tune(free, target, score, beta=0.2))
        found.append(one.weight)
    independent = 0.3 * (301 - 4) * (1 - along) / (1 + along)
    assert np.median(found) == pytest.approx(independent, rel=0.15)
    np.testing.assert_allclose(reached, np.minimum(1, 0.2 * 301 / np.array(found)))


def test_a_few_frames_count_at_least():
    one = sampler(clip(count=12, noise=0.3))
    free = _unbounded(near(500, spread=0.02))
    one._tune(free, *one._target(free), 0.2)
    assert one.weight == 4


class Watched(_Sampler):
    """Remembers the best value of all that were tried."""

    most = -np.inf

    def _target(self, free):
        target, score = super()._target(free)
        self.most = max(self.most, float((target + self.weight * score).max()))
        return target, score


@pytest.mark.parametrize("seed", range(4))
def test_the_best_template_is_the_best_of_all_that_were_tried(seed):
    one = Watched(clip(), np.random.default_rng(seed), None, PHASES, Definition())
    free = _unbounded(near(500, seed=seed))
    target, score = one._target(free)
    begun = one.most
    best = one._best(free, target + one.weight * score)
    assert best.shape == (1, 11)
    assert one.most > begun + 0.5
    target, score = one._target(best)
    assert target[0] + one.weight * score[0] == pytest.approx(one.most, abs=1e-3)
    around = best + 0.05 * np.random.default_rng(4).standard_normal((500, 11))
    target, score = one._target(around)
    assert (target + one.weight * score < one.most + 2).all()


class Normal(_Sampler):
    """With a target that is known: half a normal distribution in the prior, half in the score."""

    def _target(self, free):
        half = -0.25 * (free**2).sum(axis=1)
        return half, half / self.weight


def test_the_best_of_the_first_is_kept_if_none_is_better():
    free = np.random.default_rng(6).standard_normal((500, 11))
    one = Normal(clip(), np.random.default_rng(0), None, PHASES, Definition())
    value = -0.5 * (free**2).sum(axis=1)
    value[7] = 10.0
    assert (one._best(free, value) == free[7]).all()


def test_moves_keep_the_distribution_and_forget_where_they_began():
    rng = np.random.default_rng(5)
    one = Normal(clip(), rng, None, PHASES, Definition())
    kept, before, after = [], [], []
    for _ in range(20):
        free = rng.standard_normal((500, 11))
        new, score = one._moved(free, *one._target(free), 1.0)
        np.testing.assert_allclose(score, one._target(new)[1])
        kept.append((new == free).all(axis=1).mean())
        before.append(free)
        after.append(new)
    before, after = np.concatenate(before), np.concatenate(after)
    np.testing.assert_allclose(after.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(after.std(axis=0), 1, atol=0.04)
    alike = np.mean([np.corrcoef(before[:, i], after[:, i])[0, 1] for i in range(11)])
    assert alike < 0.74
    assert np.mean(kept) < 0.06


def test_a_run_counts_frames_as_their_noise_leaves_them_independent():
    one = sampler(clip(count=201, noise=0.05))
    assert one.weight == 201
    one.run()
    assert one.weight == pytest.approx(0.3 * 197, rel=0.3)


def test_draws_are_as_unsure_as_templates_leave_them():
    one, theta = sampler(), np.repeat(USUAL, 20_000, axis=0)
    found = one._blurred(theta) - keyframes_of(theta, Definition())
    np.testing.assert_allclose(found.std(axis=0), [0.03 * 150, 0.045 * 150, 0.02 * 230], rtol=0.02)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.1)


def test_where_nothing_moves_draws_are_the_labels_errors_in_order():
    still = replace(clip(), detected=False)
    found = locate(still, np.random.default_rng(0), PRIOR)
    assert not found.detected
    assert found.theta.shape == (0, 11)
    np.testing.assert_allclose(found.mean, PRIOR.mean, atol=1)
    np.testing.assert_allclose(found.sd, PRIOR.sd, rtol=0.03)
    close = Prior(mean=(100.0, 101.0, 102.0), sd=(30.0, 30.0, 30.0))
    drawn = _drawn_from_prior(sampler(still, close), np.random.default_rng(0), close)
    assert (np.diff(drawn, axis=1) >= 0).all()


@pytest.mark.parametrize("prior", [None, PRIOR])
def test_the_posterior_finds_the_template_that_the_clip_was_made_of(prior):
    found = locate(clip(count=201, noise=0.02), np.random.default_rng(0), prior, phases=PHASES)
    assert found.detected
    assert found.theta.shape == (500, 11)
    truth = keyframes_of(USUAL, Definition())[0]
    assert (np.abs(found.mean - truth) < 2 * found.sd).all()
    assert (found.sd > [4, 6, 8]).all()
    assert (found.sd < [15, 15, 40]).all()
    low, high = found.interval()
    np.testing.assert_allclose((high - low) / found.sd, 3.92, rtol=0.2)
