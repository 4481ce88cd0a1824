"""Arms: whose keyframes train and test, and what is drawn by seed."""

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import errors, tables
from mebias.recognition.arms import (
    PROTOCOL,
    arm_sources,
    drawn,
    get_arm,
    get_arms,
    given_arms,
    needed_rules,
)


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate("4dme", seed=3, n_subjects=4, n_clips=8, size=(48, 48))


@pytest.fixture(scope="module")
def keyframes(cohort):
    rules = needed_rules(get_arms(PROTOCOL))
    tables_ = [mebias.reselect(cohort, r, distance=d) for d, r in rules.items()]
    return pd.concat(tables_, ignore_index=True)


def wide(table, column="frame"):
    return table.pivot_table(index="clip", columns="keyframe", values=column)[
        list(tables.KEYFRAMES)
    ]


def test_names_say_which_clips_are_re_selected():
    for name, train, test in (
        ("human", "human", "human"),
        ("gamdss", "gamdss", "human"),
        ("gamdss@train", "gamdss", "human"),
        ("gamdss@test", "human", "gamdss"),
        ("gamdss@both", "gamdss", "gamdss"),
        ("posterior-draws@both", "posterior-draws#2", "posterior-draws#2"),
    ):
        arm = get_arm(name)
        assert (arm.name, arm.training(2), arm.testing(2)) == (name, train, test)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["gamdss@tests", "human"], "did you mean test"),
        (["@test", "human"], "arm '@test' is not known"),
        (["gamdss", "gamdss@train", "human"], "given twice"),
        (["gamdss"], "no arm 'human'"),
        (["human@test", "human"], "no place to be swapped"),
    ],
)
def test_bad_names_are_refused(names, message):
    with pytest.raises(errors.OptionError, match=message):
        get_arms(names)


def test_the_protocol_says_what_to_re_select():
    assert needed_rules(get_arms(PROTOCOL)) == {
        "signed": ["gamdss", "motion", "jitter", "least"],
        "uint8": ["gamdss-released"],
    }
    assert needed_rules(get_arms(["human", "gamdss:0.2@both"])) == {"signed": ["gamdss:0.2"]}


def test_sources_hold_the_rows_of_their_rule(cohort, keyframes):
    arms = get_arms([*PROTOCOL, "gamdss@both", "jitter@test"])
    sources = arm_sources(cohort, keyframes, arms, seeds=[0, 4])
    drawn_ones = ["jitter#0", "jitter#4", "least", "posterior-draws#0", "posterior-draws#4"]
    assert list(sources) == ["human", "gamdss", "gamdss-released", "motion", *drawn_ones]
    assert sources["human"] is None
    assert set(sources["gamdss-released"]["distance"]) == {"uint8"}
    used = {
        name for arm in arms for seed in (0, 4) for name in (arm.training(seed), arm.testing(seed))
    }
    assert used == set(sources)


def test_a_rule_that_was_not_run_is_named(cohort, keyframes):
    some = keyframes[keyframes["source"] != "least"]
    with pytest.raises(errors.OptionError, match=r"no rows of least signed.*gamdss signed"):
        arm_sources(cohort, some, get_arms(["human", "least"]))


def test_jitter_stays_in_its_windows_and_every_frame_is_as_likely(cohort, keyframes):
    own = keyframes[keyframes["source"] == "jitter"]
    draws = np.stack([wide(drawn(own, "jitter", cohort, s)).to_numpy() for s in range(400)])
    low, high = (wide(own, c).to_numpy() for c in ("window_low", "window_high"))
    assert (draws >= low).all()
    assert (draws <= high).all()
    # uniform: mean and variance of each within five standard errors
    n = high - low + 1
    np.testing.assert_array_less(
        np.abs(draws.mean(axis=0) - (low + high) / 2), 5 * np.sqrt((n**2 - 1) / 12 / 400) + 1e-9
    )
    assert {len(np.unique(draws[:, i, 1])) for i in range(len(low))} == set(n[:, 1].astype(int))


def test_posterior_draws_follow_mean_and_interval_and_stay_in_order(cohort, keyframes):
    own = keyframes[(keyframes["source"] == "motion")].copy()
    own["status"] = "selected"
    own.loc[own["keyframe"] == "onset", ["mean", "low", "high"]] = [20.0, 10.0, 40.0]
    own.loc[own["keyframe"] == "apex", ["mean", "low", "high"]] = [60.0, 55.0, 65.0]
    own.loc[own["keyframe"] == "offset", ["mean", "low", "high"]] = [80.0, 79.0, 81.0]

    class Long:
        def numbers(self, clip):
            return np.arange(1, 200)

    frames = type("Cohort", (), {"frames": Long(), "clips": cohort.clips, "name": "x"})()
    draws = np.stack(
        [wide(drawn(own, "posterior-draws", frames, s)).to_numpy() for s in range(500)]
    )
    flat = draws.reshape(-1, 3)
    assert (np.diff(flat, axis=1) > 0).all()
    np.testing.assert_allclose(np.median(flat, axis=0), [20, 60, 80], atol=0.6)
    np.testing.assert_allclose(np.quantile(flat[:, 0], [0.025, 0.975]), [10, 40], atol=1.1)
    np.testing.assert_allclose(np.quantile(flat[:, 1], [0.025, 0.975]), [55, 65], atol=1.1)
    assert len(np.unique(flat[:, 0])) > 20


def test_draws_depend_on_seed_and_clip_alone(cohort, keyframes):
    for rule, source in (("jitter", "jitter"), ("motion", "posterior-draws")):
        own = keyframes[keyframes["source"] == rule]
        first = drawn(own, source, cohort, 1)
        shuffled = own.sort_values("clip", ascending=False, kind="stable")
        pd.testing.assert_frame_equal(wide(first), wide(drawn(shuffled, source, cohort, 1)))
        assert not wide(first).equals(wide(drawn(own, source, cohort, 2)))
        assert set(first["source"]) == {source}


def test_draws_outside_the_clip_end_at_its_frames_and_hopeless_ones_fail(cohort, keyframes):
    own = keyframes[keyframes["source"] == "motion"].copy()
    own["status"] = "selected"
    own["mean"] = own["low"] = own["high"] = 1e6
    found = drawn(own, "posterior-draws", cohort, 0)
    assert set(found["status"]) == {"failed"}
    assert found["frame"].isna().all()
    own.loc[own["keyframe"] == "onset", ["mean", "low", "high"]] = -50.0
    own.loc[own["keyframe"] == "apex", ["mean", "low", "high"]] = 5.0
    found = wide(drawn(own, "posterior-draws", cohort, 0))
    ends = [cohort.frames.numbers(clip)[[0, -1]] for clip in found.index]
    assert found["onset"].tolist() == [e[0] for e in ends]
    assert found["offset"].tolist() == [e[1] for e in ends]


def test_what_was_not_selected_is_not_drawn(cohort, keyframes):
    own = keyframes[keyframes["source"] == "motion"].copy()
    own["status"] = "undetectable"
    found = drawn(own, "posterior-draws", cohort, 0)
    assert set(found["status"]) == {"undetectable"}
    assert found["frame"].isna().all()


def test_a_posterior_without_interval_is_refused(cohort, keyframes):
    own = keyframes[keyframes["source"] == "gamdss"]
    with pytest.raises(errors.TableError, match="lacks mean or low or high"):
        drawn(own, "posterior-draws", cohort, 0)


def test_tables_of_the_users_own_are_taken_as_they_are(keyframes):
    own = keyframes[keyframes["source"] == "jitter"]
    arms, sources = given_arms({"human": None, "jitter": own, "jitter@both": own})
    assert [arm.training(7) for arm in arms] == ["human", "jitter", "jitter"]
    assert sources["jitter"] is own
    with pytest.raises(errors.OptionError, match="two different keyframes tables"):
        given_arms({"human": None, "a": own, "a@both": own.head(3)})
    with pytest.raises(errors.OptionError, match="'a' has no keyframes table"):
        given_arms({"human": None, "a": None})


def test_nothing_is_drawn_of_clips_without_frames(cohort, keyframes):
    own = keyframes[keyframes["source"] == "motion"]

    class Gone:
        def numbers(self, clip):
            return np.array([], dtype=int)

    gone = type("Cohort", (), {"frames": Gone(), "clips": cohort.clips, "name": "x"})()
    found = drawn(own.assign(status="selected"), "posterior-draws", gone, 0)
    assert set(found["status"]) == {"failed"}
