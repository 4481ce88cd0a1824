"""Nulls: against enumeration, the rule itself, images rebuilt one by one, and known truth."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import FrameError, OptionError, TableError
from mebias.manifests import get_manifest
from mebias.selection import RULES, Windows
from mebias.selection.choose import Candidates, choose
from mebias.selection.choose_many import choose_many
from mebias.selection.null_clips import UNDETECTABLE, Clip, _gram
from mebias.selection.null_rows import _summary
from mebias.selection.nulls import nulls
from mebias.selection.rebuild import Chance, Parts, draw_chance, rebuilt, true_keyframes
from mebias.selection.uniform import moments, uniform_shares

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


class Stack:
    """A frame source over arrays in memory."""

    def __init__(self, frames):
        self.frames = frames

    def numbers(self, clip):
        return np.array(sorted(self.frames.get(clip, {})), dtype=np.int64)

    def read(self, clip, number):
        return self.frames[clip][number]


def make_cohort(labels, frames, fps=100.0):
    """A cohort of clips c0, c1, ... from (onset, apex, offset) labels; NaN is missing."""
    clips = [
        {"clip": f"c{i}", "subject": "s", "fps": fps, "dataset": "d"} for i in range(len(labels))
    ]
    rows = [
        {
            "dataset": "d", "clip": f"c{i}", "source": "human", "keyframe": k, "frame": v,
            "status": "missing" if math.isnan(v) else "annotated",
        }
        for i, label in enumerate(labels)
        for k, v in zip(tables.KEYFRAMES, label, strict=True)
    ]  # fmt: skip
    return Cohort(
        manifest=get_manifest("folder"),
        clips=tables.from_rows(clips, "clips"),
        keyframes=tables.from_rows(rows, "keyframes"),
        issues=tables.empty("issues"),
        frames=Stack(frames) if frames is not None else None,
    )


def noise_clip(first, last, seed=0, shape=(9, 9)):
    rng = np.random.default_rng(seed)
    return {n: rng.integers(90, 110, shape).astype(np.uint8) for n in range(first, last + 1)}


def candidates_of(rule, human, low, high):
    whole = getattr(rule, "whole_clip", False)
    windows = Windows((low, high), (low, high), (low, high)) if whole else rule.windows(*human)
    frames = [
        list(range(max(a, low), min(b, high) + 1))
        for a, b in (windows.of(k) for k in tables.KEYFRAMES)
    ]
    allowed = getattr(rule, "is_candidate", None)
    return Candidates(
        *frames, (lambda o, a: allowed(human, o, a)) if allowed else None, ordered=whole
    )


# Uniform: every step of the rule, enumerated.


def enumerated(candidates, human):
    """Shifts and probabilities of all outcomes, one after the other."""
    outcomes = []
    pairs = [
        (o, a)
        for o, a in itertools.product(candidates.onsets, candidates.apexes)
        if (candidates.is_candidate is None or candidates.is_candidate(o, a))
        and not (candidates.ordered and not o < a < max(candidates.offsets))
    ]
    for o, a in pairs:
        after = [f for f in candidates.offsets if not candidates.ordered or f > a]
        outcomes += [((o, a, f), 1 / len(pairs) / len(after)) for f in after]
    frames = np.array([frames for frames, _ in outcomes], dtype=float)
    return frames - np.array(human), np.array([p for _, p in outcomes])


@pytest.mark.parametrize("name", [name for name in RULES if name != "jitter"])
def test_uniform_is_what_enumeration_gives(name):
    rule, human = RULES[name], (10, 42, 71)
    last = 24 if name == "gamdss-global" else 90
    human = (3, 9, 18) if name == "gamdss-global" else human
    shifts, p = enumerated(candidates_of(rule, human, 0, last), human)
    found = nulls(make_cohort([human], {"c0": noise_clip(0, last)}), rule, kinds="uniform")
    for i, row in found.iterrows():
        own = shifts[:, i]
        assert row["mean"] == pytest.approx(own @ p)
        assert row["sd"] == pytest.approx(np.sqrt((own - own @ p) ** 2 @ p))
        for column, level in QUANTILES.items():
            reached = [x for x in sorted(set(own)) if p[own <= x].sum() >= level - 1e-9]
            assert row[column] == reached[0]
    assert found["n_draws"].isna().all()


def test_a_rule_that_leaves_pairs_out_is_not_uniform_in_its_windows():
    rule, human = RULES["gamdss-wide"], (0, 10, 30)
    onset, apex, _ = uniform_shares(candidates_of(rule, human, 0, 40), human)
    assert onset[0] < onset[1]
    assert apex[10] > apex[11]


def test_every_null_of_jitter_is_uniform_in_the_windows():
    cohort = make_cohort([(10, 42, 71)], {"c0": noise_clip(0, 90)})
    found = nulls(cohort, "jitter").set_index(["null", "keyframe"])[["mean", "sd"]]
    for null in ("accurate", "unbiased"):
        pd.testing.assert_frame_equal(found.loc[null], found.loc["uniform"])
    assert found.loc[("uniform", "onset"), "mean"] == 1.5


def test_moments_do_not_depend_on_the_order():
    values, shares = np.array([3.0, -1.0, 0.0]), np.array([0.2, 0.5, 0.3])
    assert moments(values, shares) == moments(values[::-1], shares[::-1])


# The choice, many times at once.


class Given:
    """Distances as an array has them."""

    def __init__(self, squared):
        self.squared = squared

    def block(self, apexes, others, where=None, nearest=None):
        return self.squared[np.ix_(apexes, others)]


@pytest.mark.parametrize("name", [name for name in RULES if name != "jitter"])
@pytest.mark.parametrize("levels", [3, 10**6])
def test_choosing_many_times_is_choosing_each_time(name, levels):
    """With 3 levels of distance nearly every choice is a tie."""
    rng = np.random.default_rng(levels)
    rule, human = RULES[name], (4, 12, 23)
    candidates = candidates_of(rule, human, 0, 26)
    frames = list(range(0, 27))
    squared = rng.integers(1, levels + 1, (60, 27, 27)).astype(float)
    found = choose_many(squared, frames, human, candidates, pick=rule.pick)
    for one, chosen in zip(squared, found, strict=True):
        slow = choose(Given(one), human, candidates, pick=rule.pick)
        assert chosen.tolist() == [choice.frame for choice in slow]


def test_without_a_pair_there_is_no_choice():
    none = Candidates([5], [3], [8], lambda onset, apex: onset < apex)
    assert choose_many(np.zeros((2, 9, 9)), range(9), (5, 3, 8), none) is None
    assert uniform_shares(none, (5, 3, 8)) is None


# Rebuilding: without images what it is with images.


@pytest.fixture(scope="module")
def simulated():
    return mebias.simulate(
        "4dme", seed=3, n_subjects=5, n_clips=6, fps=100, size=(48, 48), amplitude=2.5
    )


def taken_apart(cohort, clip):
    labels = cohort.keyframes[cohort.keyframes["clip"] == clip].set_index("keyframe")["frame"]
    human = tuple(int(labels[k]) for k in tables.KEYFRAMES)
    found = Clip(cohort.frames.numbers(clip), lambda n: cohort.frames.read(clip, n), human, 100.0)
    rng = np.random.default_rng(0)
    assert found.locate(rng, mebias.selection.motion.Phases())
    return found, human, rng


def test_distances_are_those_of_images_put_together(simulated):
    """The same parts, but as images: fit, resample, add up, subtract pixel by pixel."""
    clip = simulated.clips["clip"].iloc[0]
    own, human, rng = taken_apart(simulated, clip)
    frames = [human[0], human[0] + 1, human[1], human[2]]
    parts = own.parts(frames)
    chance = draw_chance(parts, 3, rng)
    truth, _ = true_keyframes(human, chance, np.array([1.0, 1.0, 2.0]), rng)
    found = rebuilt(parts, chance, truth, frames)

    from mebias.selection.rebuild import _design, stretched, template

    images = np.stack([simulated.frames.read(clip, int(n)) for n in parts.numbers])
    images = images.reshape(len(images), -1).astype(float)
    images -= images.mean(axis=0)
    times, at = parts.ms(parts.numbers), np.searchsorted(parts.numbers, frames)
    n = len(times)
    for m in range(3):
        theta = parts.theta[chance.theta[[m]]]
        design = _design(template(theta, times).astype(float), times, times)[0]
        patterns = np.linalg.lstsq(design, images, rcond=None)[0]
        rest = images - design @ patterns
        noise = (rest**2).sum() / (n - 4)
        asked = _design(stretched(theta, parts.ms(truth[[m]]), times[at]), times[at], times)[0]
        order = [(chance.start[m] + chance.step[m] * i) % n for i in at]
        again = asked @ patterns + chance.sign[m] * np.sqrt(n / (n - 4)) * rest[order]
        plain = ((again[:, None] - again[None, :]) ** 2).sum(axis=2)
        # What least squares adds to the patterns by noise is taken off.
        away = asked[:, None] - asked[None, :]
        taken = noise * np.einsum("ijp,pq,ijq->ij", away, np.linalg.inv(design.T @ design), away)
        assert np.allclose(found[m], plain - taken, rtol=2e-3)


def test_the_gram_matrix_is_that_of_all_pixels_and_channels():
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (130, 101, 3)).astype(np.uint8) for _ in range(5)]
    flat = np.stack([f.ravel() for f in frames]).astype(float)
    flat -= flat.mean(axis=0)
    np.testing.assert_allclose(_gram(frames), flat @ flat.T, rtol=1e-5)
    assert _gram(frames[:1]).tolist() == [[0.0]]
    with pytest.raises(FrameError, match="differ in shape"):
        _gram([frames[0], frames[1][:50]])


def test_the_truth_of_labels_lies_around_them_in_order():
    parts = Parts(np.arange(100), np.eye(100), np.zeros((50, 11)), 0, 100.0)
    rng = np.random.default_rng(0)
    chance = draw_chance(parts, 4000, rng)
    sure, _ = true_keyframes((20, 40, 60), chance, np.zeros(3), rng)
    assert (np.abs(sure - [20, 40, 60]) <= 0.5).all()
    truth, errors = true_keyframes((20, 40, 60), chance, np.array([1.2, 1.2, 2.2]), rng)
    np.testing.assert_allclose(truth.std(axis=0), np.sqrt([1.2**2, 1.2**2, 2.2**2]), rtol=0.06)
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=0.06)
    close, _ = true_keyframes((20, 20, 21), chance, np.array([3.0, 3.0, 3.0]), rng)
    assert (np.diff(close, axis=1) >= 0.5).all()


def test_templates_are_drawn_as_evenly_as_can_be():
    parts = Parts(np.arange(30), np.eye(30), np.zeros((80, 11)), 0, 100.0)
    chance = draw_chance(parts, 200, np.random.default_rng(0))
    assert isinstance(chance, Chance)
    assert set(np.bincount(chance.theta)) == {2, 3}


def test_residuals_begin_anywhere_and_go_either_way():
    parts = Parts(np.arange(30), np.eye(30), np.zeros((80, 11)), 0, 100.0)
    chance = draw_chance(parts, 4000, np.random.default_rng(0))
    assert set(chance.start) == set(range(30))
    for way in (chance.step, chance.sign):
        assert set(way) == {-1, 1}
        assert abs(way.mean()) < 0.06
    assert np.abs(chance.rounding).max() <= 0.5
    np.testing.assert_allclose(chance.rounding.std(axis=0), 12**-0.5, rtol=0.05)
    np.testing.assert_allclose(chance.error.std(axis=0), 1, rtol=0.05)


@pytest.mark.parametrize("human", [(20, 40, 60), (20, 22, 25)])
def test_the_truth_is_the_label_less_its_error_and_its_rounding(human):
    parts = Parts(np.arange(100), np.eye(100), np.zeros((50, 11)), 0, 100.0)
    rng, sd = np.random.default_rng(0), np.array([1.2, 1.2, 2.2])
    truth, errors = true_keyframes(human, draw_chance(parts, 2000, rng), sd, rng)
    assert (np.diff(truth, axis=1) >= 0.5).all()
    assert np.abs(truth + errors * sd - human).max() <= 0.5


def test_frames_250_ms_around_the_labels_and_those_asked_for_are_taken_apart(monkeypatch):
    frames = noise_clip(0, 200)
    clip = Clip(np.arange(201), frames.__getitem__, (80, 100, 120), 100.0)
    assert clip.parts([75, 130]).numbers.tolist() == list(range(55, 146))
    assert clip.parts([50, 145]).numbers.tolist() == list(range(50, 146))
    assert clip.parts([55, 146]).numbers.tolist() == list(range(55, 147))
    monkeypatch.setattr("mebias.selection.null_clips.MOST_FRAMES", 95)
    assert len(clip.parts([51]).numbers) == 95
    with pytest.raises(FrameError, match="97 frames are too many to be rebuilt; 95 at most"):
        clip.parts([49])
    slow = Clip(np.arange(201), frames.__getitem__, (80, 80, 80), 1.0)
    assert slow.parts([80]).numbers.tolist() == [80]


# The table.


@pytest.fixture(scope="module")
def table(simulated):
    return nulls(simulated)


def test_a_table_has_a_row_per_clip_null_and_keyframe(simulated, table):
    assert len(table) == len(simulated) * 9
    assert set(table["null"]) == {"uniform", "accurate", "unbiased"}
    made = table[table["reason"] == ""]
    inside = made["mean"].between(made["q05"] - made["sd"] * 5, made["q95"] + made["sd"] * 5)
    assert inside.all()
    onset, offset = (made[made["keyframe"] == k] for k in ("onset", "offset"))
    assert (onset["q05"] >= 0).all() and (offset["q95"] <= 0).all()
    rebuilt_rows = made["null"] != "uniform"
    assert (made.loc[rebuilt_rows, "n_draws"] == 200).all()
    assert made.loc[made["null"] == "unbiased", "coder_sd"].isin([12.0, 22.0]).all()


def test_the_same_seed_gives_the_same_table_in_any_order(simulated, table):
    pd.testing.assert_frame_equal(table, nulls(simulated))
    turned = simulated.keyframes.iloc[::-1]
    other = Cohort(
        simulated.manifest, simulated.clips.iloc[::-1], turned, simulated.issues, simulated.frames
    )
    by = ["clip", "null", "keyframe"]
    again = nulls(other).sort_values(by, ignore_index=True)
    pd.testing.assert_frame_equal(table.sort_values(by, ignore_index=True), again)
    changed = nulls(simulated, kinds="accurate", seed=1)
    assert not np.allclose(changed["mean"], table.loc[table["null"] == "accurate", "mean"])


def test_other_rules_and_workers_make_no_difference(simulated, table):
    several = nulls(simulated, ["gamdss-global", "gamdss", "motion"], jobs=2)
    own = several[several["source"] == "gamdss"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, table)
    motion = several[several["source"] == "motion"]
    assert set(motion["reason"]) == {"motion has no windows that a null could draw from"}
    whole = several[(several["source"] == "gamdss-global") & (several["null"] == "accurate")]
    assert whole["mean"].notna().all()


def test_a_slope_is_how_shifts_go_with_the_size_of_errors():
    errors = np.random.default_rng(0).standard_normal((500, 3))
    shifts = errors[:, 0] ** 2 + errors[:, 1]
    row = _summary(shifts, errors, np.array([4.0, 2.0, 0.0]))
    for i, (keyframe, sd) in enumerate((("onset", 4), ("apex", 2))):
        expected = np.cov(shifts, errors[:, i] ** 2, bias=True)[0, 1] / sd
        assert row[f"slope_{keyframe}"] == pytest.approx(expected)
    assert "slope_offset" not in row


def test_slopes_are_what_a_larger_spread_does():
    cohort = mebias.simulate(
        "4dme", seed=8, n_subjects=5, n_clips=6, fps=200, size=(32, 32), amplitude=3.0
    )
    found = {
        sd: nulls(cohort, coder_sd_ms=(sd, 0, 0), n_draws=1000, kinds="unbiased")
        for sd in (8, 12, 16)
    }
    onsets = {sd: t[t["keyframe"] == "onset"] for sd, t in found.items()}
    difference = (onsets[16]["mean"].mean() - onsets[8]["mean"].mean()) / 8
    slope = onsets[12]["slope_onset"].mean()
    assert slope == pytest.approx(difference, abs=0.01)
    assert slope > 0.004
    assert onsets[12]["slope_apex"].isna().all()


def test_coders_who_do_not_err_are_accurate(simulated):
    found = nulls(simulated, coder_sd_ms=(0, 0, 0), kinds=["accurate", "unbiased"])
    moments = ["clip", "keyframe", "mean", "sd", *QUANTILES]
    one, other = (found.loc[found["null"] == k, moments] for k in ("accurate", "unbiased"))
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))
    assert found.filter(like="slope").isna().all(axis=None)


def test_shifts_inside_a_coded_interval_are_none(simulated):
    coded = simulated.keyframes.copy()
    apex = coded["keyframe"] == "apex"
    coded.loc[apex, "frame_low"] = coded.loc[apex, "frame"] - 50
    coded.loc[apex, "frame_high"] = coded.loc[apex, "frame"] + 50
    cohort = Cohort(simulated.manifest, simulated.clips, coded, simulated.issues, simulated.frames)
    found = nulls(cohort)
    assert (found.loc[found["keyframe"] == "apex", ["mean", "sd"]] == 0).all(axis=None)


@pytest.mark.parametrize("count", [1, 2])
def test_clips_of_few_frames_have_a_reason(count):
    cohort = make_cohort([(5, 5, 5)], {"c0": noise_clip(5, 4 + count)})
    found = nulls(cohort).set_index(["null", "keyframe"])
    assert found.loc["uniform", "mean"].tolist() == [0.0, 0.0, 0.0]
    for null in ("accurate", "unbiased"):
        assert found.loc[null, "mean"].isna().all()
        assert all("too few" in reason for reason in found.loc[null, "reason"])


def test_missing_labels_and_frames_have_a_reason():
    nan = math.nan
    labels = [(5, nan, 30), (5, 15, 30), (5, 15, 30), (30, 15, 5)]
    frames = {"c0": noise_clip(0, 40), "c1": {}, "c2": noise_clip(50, 90), "c3": noise_clip(0, 40)}
    found = nulls(make_cohort(labels, frames), kinds=["uniform", "accurate"])
    assert found["mean"].isna().all()
    reasons = found.groupby("clip")["reason"].agg(set)
    assert reasons["c0"] == {"no usable human apex"}
    assert all("is on disk" in reason for reason in reasons["c1"] | reasons["c2"])
    assert all("before the" in reason for reason in reasons["c3"])


def test_without_frames_there_is_the_uniform_null_alone():
    found = nulls(make_cohort([(10, 42, 71)], None), ["gamdss", "gamdss-global"])
    gamdss = found[found["source"] == "gamdss"].set_index(["null", "keyframe"])
    assert gamdss.loc["uniform", "mean"].tolist() == [1.5, 0.0, -1.0]
    assert set(gamdss.loc["accurate", "reason"]) == {"no frames on disk"}
    whole = found[found["source"] == "gamdss-global"]
    assert set(whole["reason"]) == {"no frames on disk"}


def test_an_unreadable_image_is_a_reason(simulated):
    class Damaged:
        numbers = simulated.frames.numbers

        def read(self, clip, number):
            raise FrameError("7.png is truncated.")

    cohort = Cohort(
        simulated.manifest, simulated.clips, simulated.keyframes, simulated.issues, Damaged()
    )
    found = nulls(cohort, kinds="accurate")
    assert set(found["reason"]) == {"7.png is truncated."}


def test_nothing_is_rebuilt_where_nothing_moves_or_differences_wrap():
    still = {n: np.full((32, 32), 90, np.uint8) for n in range(80)}
    cohort = make_cohort([(20, 40, 60)], {"c0": still})
    found = nulls(cohort, distance=["signed", "uint8"]).set_index(["distance", "null"])
    assert set(found.loc[("signed", "accurate"), "reason"]) == {UNDETECTABLE}
    assert all("cannot be rebuilt" in r for r in found.loc[("uint8", "unbiased"), "reason"])
    assert found.loc[("uint8", "uniform"), "mean"].notna().all()


def spreads(errors=(2.0, 2.0, 4.0), estimates=(12.0, 11.0, 22.0)):
    return pd.DataFrame({
        "source": "motion-blind", "quantity": "coder_sd", "unit": "ms",
        "keyframe": tables.KEYFRAMES, "estimate": estimates, "std_error": errors,
    })  # fmt: skip


def test_an_estimated_spread_keeps_its_error(simulated):
    found = nulls(simulated, coder_sd_ms=spreads(), kinds="unbiased")
    apex = found[found["keyframe"] == "apex"]
    assert set(apex["coder_sd"]) == {11.0} and set(apex["coder_sd_error"]) == {2.0}
    other = spreads(estimates=(1.0, 2.0, 3.0)).assign(source="motion-blind:offset=0.2")
    both = nulls(simulated, coder_sd_ms=pd.concat([other, spreads()]), kinds="unbiased")
    pd.testing.assert_frame_equal(both, found)
    unknown = nulls(simulated, coder_sd_ms=spreads(estimates=(12.0, math.nan, 22.0)))
    reasons = unknown.groupby("null")["reason"].agg(set)
    assert reasons["unbiased"] == {"the SD of the coders' apex is not known"}
    assert reasons["accurate"] == {""}
    unsure = nulls(simulated, coder_sd_ms=spreads(errors=(2.0, 2.0, math.nan)), kinds="unbiased")
    assert set(unsure["reason"]) == {"the error of the SD of the coders' offset is not known"}


def test_what_has_no_meaning_is_refused(simulated):
    with pytest.raises(OptionError, match=r"unknown null 'acurate'.*accurate"):
        nulls(simulated, kinds="acurate")
    with pytest.raises(OptionError, match="n_draws is 10; expected 100 or more"):
        nulls(simulated, n_draws=10)
    with pytest.raises(OptionError, match="expected three numbers"):
        nulls(simulated, coder_sd_ms=(12, -1, 3))
    with pytest.raises(OptionError, match="expected one or more, each once"):
        nulls(simulated, distance=["signed", "signed"])
    with pytest.raises(OptionError, match="jobs is 0"):
        nulls(simulated, jobs=0)
    with pytest.raises(TableError, match="0 rows for the offset"):
        nulls(simulated, coder_sd_ms=spreads().iloc[:2])


# Calibration: truth known.


@pytest.mark.parametrize("null", ["accurate", "unbiased"])
def test_in_cohorts_of_the_null_shifts_are_those_of_the_null(null):
    sd = (0, 0, 0) if null == "accurate" else (12, 12, 22)
    cohort = mebias.simulate(
        "4dme", seed=77, n_subjects=20, n_clips=50, fps=100, size=(48, 48), noise_sd=1.0,
        coder_sd_ms=sd,
    )  # fmt: skip
    shifts = mebias.compare(cohort, mebias.reselect(cohort)).set_index(["clip", "keyframe"])
    made = nulls(cohort, kinds=[null]).set_index(["clip", "keyframe"])
    excess = (shifts["shift_frames"] - made["mean"]).dropna().groupby("keyframe")
    assert (excess.mean().abs() < 3 * excess.sem() + 0.02).all()
    # The null explains what one-sided windows do: without it offsets look early by far.
    offsets = shifts.xs("offset", level="keyframe")["shift_frames"]
    assert offsets.mean() < -2 * offsets.sem()
