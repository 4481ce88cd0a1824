"""Selection against brute force in plain integers, and what it says when it cannot select."""

import itertools
import math
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import FrameError, OptionError
from mebias.manifests import get_manifest
from mebias.selection import RULES, Gamdss, Windows, reselect
from mebias.selection.choose import Candidates, choose
from mebias.selection.distances import DISTANCES, signed_squared
from mebias.selection.nulls import nulls
from mebias.selection.pairs import PairDistances


class Stack:
    """A frame source over arrays in memory."""

    def __init__(self, frames, gaps=()):
        self.frames = frames
        self.gaps = set(gaps)

    def numbers(self, clip):
        return np.array([n for n in sorted(self.frames[clip]) if n not in self.gaps])

    def read(self, clip, number):
        return self.frames[clip][number]


def make_cohort(labels, frames, gaps=()):
    """A cohort of clips c0, c1, ... from (onset, apex, offset) labels; NaN is missing."""
    clips = [
        {"clip": f"c{i}", "subject": "s", "fps": 100.0, "dataset": "d"} for i in range(len(labels))
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
        frames=Stack(frames, gaps) if frames is not None else None,
    )


def windows_in_words(rule, onset, apex, offset, first, last):
    """Each rule's candidate frames, written out from the table of rules."""
    r, q = apex - onset, offset - apex
    w, v = int(0.1 * r), int(0.1 * q)
    around = (range(onset, onset + w + 1), range(apex - w, apex + w + 1),
              range(offset - v, offset + 1))  # fmt: skip
    n = int(0.15 / 4 * r)
    whole = range(first, last + 1)
    return {
        "gamdss": around, "gamdss-return": around, "least": around, "jitter": around,
        "gamdss-released": (around[0], range(apex - w, apex + 1), around[2]),
        "gamdss-later-apex": ([onset], range(apex, apex + int(0.52 * q) + 1), [offset]),
        "gamdss-wide": (range(onset, onset + int(0.32 * r) + 1),
                        range(apex, apex + int(0.48 * q) + 1), [offset]),
        "gamdss-narrow": (range(onset, onset + n + 1), range(apex - n, apex + 1), [offset]),
        "gamdss-symmetric": (range(onset - w, onset + w + 1), around[1],
                             range(offset - v, offset + v + 1)),
        "gamdss-global": (whole, whole, whole),
    }[rule]  # fmt: skip


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"gamdss-global"}))
def test_windows_are_those_of_the_table_of_rules(rule):
    found = RULES[rule].windows(7, 110, 311)
    for keyframe, window in zip(tables.KEYFRAMES, windows_in_words(rule, 7, 110, 311, 0, 400),
                                strict=True):  # fmt: skip
        low, high = found.of(keyframe)
        assert list(range(low, high + 1)) == list(window)


def test_keyframes_may_fall_on_one_frame_unless_order_is_asked_for():
    assert Candidates([3], [3], [3]).pairs((3, 3, 3)) == [(3, 3)]
    assert Candidates([3], [3], [3], ordered=True).pairs((3, 3, 3)) == []


def brute_force(frames, human, rule, distance):
    """The rule's text, done the slow way: every pair, Python integers, explicit tie order."""
    onset, apex, offset = human
    on_disk = sorted(frames)
    onsets, apexes, offsets = (
        [n for n in window if n in frames]
        for window in windows_in_words(rule, *human, on_disk[0], on_disk[-1])
    )
    whole = rule == "gamdss-global"
    sign = 1 if rule == "least" else -1

    def squared(a, other):
        x, y = frames[a].astype(int), frames[other].astype(int)
        difference = (x - y) % 256 if distance == "uint8" else x - y
        return int((difference**2).sum())

    pairs = [
        (o, a)
        for o, a in itertools.product(onsets, apexes)
        if not (rule == "gamdss-wide" and o == onset and a > apex)
        and not (whole and not o < a < on_disk[-1])
    ]
    if not pairs:
        return None
    best = min(
        pairs,
        key=lambda p: (
            sign * squared(p[1], p[0]),
            p != (onset, apex),
            abs(p[0] - onset),
            p[0],
            abs(p[1] - apex),
            p[1],
        ),
    )
    origin, sign = (best[0], 1) if rule == "gamdss-return" else (best[1], sign)
    last = min(
        [f for f in offsets if not whole or f > best[1]],
        key=lambda f: (sign * squared(origin, f), f != offset, -f),
    )
    return (*best, last)


EXACT = sorted(set(RULES) - {"jitter"})


@st.composite
def clips(draw):
    onset = draw(st.integers(4, 9))
    apex = onset + draw(st.integers(0, 35))
    offset = apex + draw(st.integers(0, 35))
    levels = draw(st.sampled_from([2, 3, 256]))  # few levels: many ties
    channels = draw(st.sampled_from([(), (3,)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (2, 3, *channels)
    frames = {n: rng.integers(0, levels, shape).astype(np.uint8) for n in range(offset + 40)}
    return (onset, apex, offset), frames


@settings(max_examples=150, deadline=None)
@given(clips(), st.sampled_from(EXACT), st.sampled_from(["signed", "uint8"]))
def test_choice_equals_brute_force(clip, rule, distance):
    human, frames = clip
    table = reselect(make_cohort([human], {"c0": frames}), rule, distance=distance)
    expected = brute_force(frames, human, rule, distance)
    if expected is None:
        assert set(table["status"]) == {"failed"}
    else:
        assert tuple(table["frame"]) == expected


@pytest.mark.parametrize("rule", [r for r in EXACT if r != "gamdss-global"])
@pytest.mark.parametrize("distance", ["signed", "uint8"])
def test_every_clip_of_a_simulated_cohort_equals_brute_force(rule, distance):
    from mebias.simulation import simulate

    cohort = simulate("casme3", seed=3, n_subjects=5, n_clips=20, fps=120, size=(40, 40))
    table = reselect(cohort, rule, distance=distance)
    human = cohort.keyframes.pivot_table(index="clip", columns="keyframe", values="frame")
    chosen = table.pivot_table(index="clip", columns="keyframe", values="frame")
    moved = 0
    for clip in human.index:
        label = tuple(int(human.loc[clip, k]) for k in tables.KEYFRAMES)
        near = [int(n) for n in cohort.frames.numbers(clip) if -40 <= n - label[0] <= 400]
        frames = {n: cohort.frames.read(clip, n) for n in near}
        expected = brute_force(frames, label, rule, distance)
        assert tuple(chosen.loc[clip, list(tables.KEYFRAMES)]) == expected
        moved += expected != label
    assert moved > 5  # a test in which nothing moves would show nothing


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_distances_are_exact_integers(seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 256, (97, 113, 3)).astype(np.uint8) for _ in range(2))
    signed = a.astype(np.int64) - b
    assert DISTANCES["signed"](a, b) == (signed**2).sum()
    assert DISTANCES["uint8"](a, b) == ((signed % 256) ** 2).sum()


def test_large_saturated_frames_do_not_overflow():
    a, b = np.full((2000, 2000, 3), 255, np.uint8), np.zeros((2000, 2000, 3), np.uint8)
    assert DISTANCES["signed"](a, b) == 2000 * 2000 * 3 * 255**2


def test_uint8_takes_the_apex_as_minuend():
    frames = {n: np.full((1, 1), v, np.uint8) for n, v in enumerate([10, 10, 9])}
    table = reselect(make_cohort([(0, 2, 2)], {"c0": frames}), distance="uint8")
    assert table.loc[table["keyframe"] == "onset", "score"].item() == 255  # 9 - 10 wraps


def test_freedom_edge_score_and_margin():
    values = {n: 0 for n in range(60)}
    values |= {10: 0, 12: 5, 30: 60, 31: 90, 49: 70, 50: 70, 48: 0}
    frames = {n: np.full((1, 1), v, np.uint8) for n, v in values.items()}
    table = reselect(make_cohort([(10, 30, 50)], {"c0": frames})).set_index("keyframe")
    assert table["frame"].to_dict() == {"onset": 10, "apex": 31, "offset": 48}
    assert table["freedom"].to_dict() == {"onset": 2, "apex": 4, "offset": 2}
    assert table["at_edge"].to_dict() == {"onset": True, "apex": False, "offset": True}
    assert table["score"].to_dict() == {"onset": 90, "apex": 90, "offset": 90}
    # at onset 11 the distance is 90 too; at apex 30 it is 60; at offsets 49 and 50 it is 20
    assert table["runner_up_margin"].to_dict() == {"onset": 0, "apex": 30, "offset": 70}


@pytest.mark.parametrize(
    ("pick", "frames", "scores", "margins"),
    [("largest", [0, 11, 20], [10, 10, 20], [2, 7, 11]),
     ("least", [1, 10, 21], [1, 1, 2], [2, 7, 25]),
     ("return", [0, 11, 21], [10, 10, 1], [2, 7, 29])],
)  # fmt: skip
def test_scores_and_margins_of_every_pick(pick, frames, scores, margins):
    levels = {0: 10, 1: 12, 10: 13, 11: 20, 20: 40, 21: 11}
    images = {n: np.full((1, 1), level, np.uint8) for n, level in levels.items()}
    squared = PairDistances(images.__getitem__, signed_squared)
    found = choose(squared, (0, 10, 20), Candidates([0, 1], [10, 11], [20, 21]), pick=pick)
    assert [choice.frame for choice in found] == frames
    assert [choice.score for choice in found] == scores
    assert [choice.margin for choice in found] == margins


def test_no_freedom_keeps_the_human_frames():
    frames = {n: np.full((1, 1), n, np.uint8) for n in range(20)}
    table = reselect(make_cohort([(3, 8, 12)], {"c0": frames}))
    assert list(table["frame"]) == [3, 8, 12]
    assert (table["freedom"] == 0).all()
    assert not table["at_edge"].any()
    assert table["runner_up_margin"].isna().all()


def test_missing_frames_truncate_the_window():
    frames = {n: np.full((1, 1), n, np.uint8) for n in range(60)}
    cohort = make_cohort([(10, 30, 50)], {"c0": frames}, gaps=[32])
    table = reselect(cohort, skip_bad_frames=True).set_index("keyframe")
    assert table.loc["apex", ["frame", "status"]].tolist() == [31, "truncated"]
    assert table.loc["onset", "status"] == "selected"


def test_a_frame_missing_amid_its_clip_stops_by_default():
    frames = {n: np.full((1, 1), n, np.uint8) for n in range(60)}
    words = (
        "frames 0 to 59 on disk, but frame 31 \\(and 1 more\\) is missing.*apex.*skip_bad_frames"
    )
    with pytest.raises(FrameError, match=words):
        reselect(make_cohort([(10, 30, 50)], {"c0": frames}, gaps=[31, 32]))
    outside = reselect(make_cohort([(10, 30, 50)], {"c0": frames}, gaps=[20, 40]))
    assert (outside["status"] == "selected").all()


def test_a_clip_that_ends_inside_a_window_is_truncated_and_no_error():
    frames = {n: np.full((1, 1), n, np.uint8) for n in range(49)}
    table = reselect(make_cohort([(10, 30, 50)], {"c0": frames})).set_index("keyframe")
    assert table["status"].to_dict() == {
        "onset": "selected", "apex": "selected", "offset": "truncated",
    }  # fmt: skip


def test_a_bad_clip_fails_alone_with_a_reason():
    good = {n: np.full((1, 1), n, np.uint8) for n in range(60)}
    deep = {n: np.full((1, 1), n, np.uint16) for n in range(60)}
    odd = good | {30: np.zeros((2, 2), np.uint8)}
    labels = [(10, 30, 50), (10, 30, 50), (10, 30, 50), (10, float("nan"), 50)]
    frames = {"c0": good, "c1": deep, "c2": odd, "c3": good}
    table = reselect(make_cohort(labels, frames), skip_bad_frames=True)
    status = table.groupby("clip")["status"].first().to_dict()
    assert status == {"c0": "selected", "c1": "failed", "c2": "failed", "c3": "failed"}
    reason = table.groupby("clip")["reason"].first()
    assert "uint16, expected 8-bit" in reason["c1"]
    assert "shape" in reason["c2"]
    assert reason["c3"] == "no usable human apex"


def test_without_frames_windows_are_still_given():
    table = reselect(make_cohort([(10, 30, 50)], None)).set_index("keyframe")
    assert table["freedom"].to_dict() == {"onset": 2, "apex": 4, "offset": 2}
    assert (table["status"] == "failed").all()
    assert (table["reason"] == "no frames on disk").all()


def test_workers_give_the_same_table():
    from mebias.simulation import simulate

    cohort = simulate("samm", seed=1, n_subjects=3, n_clips=6, size=(32, 32))
    assert pickle.loads(pickle.dumps(cohort.frames)) is not None
    pd.testing.assert_frame_equal(reselect(cohort, jobs=2), reselect(cohort, jobs=1))


@pytest.mark.parametrize(("make", "title"), [(reselect, "re-selecting"), (nulls, "nulls")])
def test_progress_is_shown_where_it_is_asked_for(capfd, make, title):
    cohort = make_cohort([(10, 30, 50)], None)
    plain = make(cohort)
    assert capfd.readouterr() == ("", "")
    pd.testing.assert_frame_equal(make(cohort, progress=True), plain)
    assert title in capfd.readouterr().err


@pytest.mark.parametrize(("jobs", "asked"), [(1, []), (2, [2])])
def test_workers_are_asked_where_more_than_one_is_wanted(monkeypatch, jobs, asked):
    def in_order(function, items, jobs, shared):
        seen.append(jobs)
        return [function(shared, item) for item in items]

    seen = []
    monkeypatch.setattr(sys.modules["mebias.selection.reselect"], "in_order", in_order)
    frames = {n: np.full((1, 1), n, np.uint8) for n in range(80)}
    for own in ({"c0": frames}, None):
        assert len(reselect(make_cohort([(10, 30, 50)], own), jobs=jobs)) == 3
    assert seen == asked, "without frames there is nothing to share out"


def test_a_rule_of_ones_own_and_several_at_once():
    frames = {n: np.full((1, 1), n, np.uint8) for n in range(80)}
    cohort = make_cohort([(10, 30, 50)], {"c0": frames})
    table = reselect(cohort, ["gamdss", Gamdss("wide", lam=0.5)], distance=["signed", "uint8"])
    assert table.groupby(["source", "distance"], sort=False).ngroups == 4
    assert table[table["source"] == "wide"]["freedom"].max() == 20


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"rule": "gamds"}, "did you mean gamdss"),
        ({"distance": "uint9"}, "did you mean uint8"),
        ({"jobs": 0}, "expected 1 or more"),
    ],
)
def test_bad_options_are_named(call, words):
    with pytest.raises(OptionError, match=words):
        reselect(make_cohort([(1, 2, 3)], {"c0": {}}), **call)


def test_lam_outside_its_range_is_refused():
    with pytest.raises(OptionError, match="0 to 1"):
        Gamdss("x", lam=1.5)


def test_an_unreadable_frame_fails_its_clip_only():
    class Broken(Stack):
        def read(self, clip, number):
            raise FrameError(f"{clip}/{number}.jpg is truncated; copy it again.")

    cohort = make_cohort([(10, 30, 50)], {"c0": {n: None for n in range(60)}})
    object.__setattr__(cohort, "frames", Broken(cohort.frames.frames))
    with pytest.raises(FrameError, match=r"c0/30\.jpg is truncated; copy it again; or leave"):
        reselect(cohort)
    table = reselect(cohort, skip_bad_frames=True)
    assert (table["status"] == "failed").all()
    assert "truncated" in table["reason"][0]


def test_jitter_draws_from_the_windows_and_keeps_its_seed():
    rng = np.random.default_rng(0)
    frames = {n: rng.integers(0, 256, (2, 2)).astype(np.uint8) for n in range(200)}
    labels = [(10, 90, 190)] * 60
    cohort = make_cohort(labels, {f"c{i}": frames for i in range(60)})
    first = reselect(cohort, "jitter", seed=1)
    pd.testing.assert_frame_equal(first, reselect(cohort, "jitter", seed=1))
    assert not first["frame"].equals(reselect(cohort, "jitter", seed=2)["frame"])
    assert (
        (first["frame"] >= first["window_low"]) & (first["frame"] <= first["window_high"])
    ).all()
    spread = first.groupby("keyframe")["frame"].agg(["min", "max"])
    assert spread.loc["apex"].tolist() == [82, 98], "every frame of a window can be drawn"
    one = reselect(make_cohort(labels[:1], {"c0": frames}), "jitter", seed=1)
    assert one["frame"].tolist() == first["frame"].tolist()[:3], "other clips do not matter"


def test_a_function_of_ones_own_is_a_rule():
    def later_offset(onset, apex, offset):
        return Windows((onset, onset), (apex, apex), (offset, offset + 3))

    frames = {n: np.full((1, 1), 3 * n, np.uint8) for n in range(30)}
    table = reselect(make_cohort([(2, 8, 12)], {"c0": frames}), later_offset)
    assert table["source"].tolist() == ["later_offset"] * 3
    assert table["frame"].tolist() == [2, 8, 15]


@pytest.mark.parametrize("rule", ["gamdss:2", "gamdss:x", "gamdss-global:0.2", "gamds"])
def test_rules_that_are_none(rule):
    with pytest.raises(OptionError):
        reselect(make_cohort([(2, 8, 12)], None), rule)


@pytest.mark.parametrize(
    "rule",
    ["motion:coder=0", "motion:coder=0.9", "motion:coder=1001", "motion:coder=x",
     "motion-blind:coder=40", "motion:coder=40,coder=50", "motion:coder=40-50",
     "motion:coder=40-50-0", "motion:coder=40-50-60-70", "motion:coder=-40"],
)  # fmt: skip
def test_spreads_of_labels_that_are_none(rule):
    with pytest.raises(OptionError, match=r"SD in ms.*motion:coder=40"):
        reselect(make_cohort([(2, 8, 12)], None), rule)


def test_another_share_stands_in_the_source():
    table = reselect(make_cohort([(0, 50, 100)], None), ["gamdss:0.2", "gamdss"])
    freedom = table.set_index(["source", "keyframe"])["freedom"]
    assert freedom["gamdss:0.2", "apex"] == 20
    assert freedom["gamdss", "apex"] == 10
