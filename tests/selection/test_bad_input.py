"""Bad input: what each kind of it does to its own clip, that it says so, and that it ends there."""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import FrameError, OptionError, TableError, UnusableClipError
from mebias.manifests import get_manifest
from mebias.selection import RULES, Windows, reselect

NAN = float("nan")
LABEL = (12, 30, 48)
EVERY = [*RULES, "motion", "motion-blind"]
WINDOWED = list(RULES)


class Stack:
    """Frames in memory; those that are errors are raised."""

    def __init__(self, clips):
        self.clips = clips

    def numbers(self, clip):
        return np.array(sorted(self.clips[clip]), dtype=np.int64)

    def read(self, clip, number):
        frame = self.clips[clip][number]
        if isinstance(frame, Exception):
            raise frame
        return frame


def moving(count=60, shape=(24, 24), seed=0):
    """A bright spot that comes and goes, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    spot = 60 * np.exp(-((x - shape[1] * 0.6) ** 2 + (y - shape[0] * 0.4) ** 2) / 18)
    course = np.exp(-0.5 * ((np.arange(count) - count / 2) / (count / 8)) ** 2)
    texture = 90 + 20 * np.sin(x) * np.cos(y / 2)
    frames = texture + course[:, None, None] * spot + 2 * rng.standard_normal((count, *shape))
    return dict(enumerate(np.clip(frames, 0, 255).astype(np.uint8)))


def cohort_of(labels, frames, fps=100.0):
    """A cohort of clips c0, c1, ... with labels (onset, apex, offset); NaN is missing."""
    clips = [
        {"dataset": "d", "clip": f"c{i}", "subject": f"s{i}", "fps": fps}
        for i in range(len(labels))
    ]
    rows = [
        {"dataset": "d", "clip": f"c{i}", "source": "human", "keyframe": k, "frame": v,
         "status": "missing" if math.isnan(v) else "annotated"}
        for i, label in enumerate(labels)
        for k, v in zip(tables.KEYFRAMES, label, strict=True)
    ]  # fmt: skip
    return Cohort(
        manifest=get_manifest("folder"),
        clips=tables.from_rows(clips, "clips"),
        keyframes=tables.from_rows(rows, "keyframes"),
        issues=tables.empty("issues"),
        frames=Stack({f"c{i}": own for i, own in enumerate(frames)}),
    )


def beside_a_good_clip(label, frames, rule="gamdss", **options):
    """A clip's rows, after a check that the good clip before and after it never noticed."""
    good = moving()
    cohort = cohort_of([LABEL, label, LABEL], [good, frames, good])
    table = reselect(cohort, rule, **options)
    alone = reselect(cohort_of([LABEL], [good]), rule, **options)
    first = table[table["clip"] == "c0"].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, alone)
    assert "failed" not in set(table.loc[table["clip"] != "c1", "status"])
    return table[table["clip"] == "c1"].set_index("keyframe")


def reason(rows):
    """The one reason of a clip that failed, checked to be a sentence's worth of words."""
    assert (rows["status"] == "failed").all()
    assert rows["frame"].isna().all()
    (text,) = rows["reason"].unique()
    assert text
    assert "\n" not in text
    return text


# Short clips and clips in which nothing happens


def test_a_clip_of_one_frame():
    one = {0: moving()[0]}
    rows = beside_a_good_clip((0, 0, 0), one)
    assert rows["frame"].tolist() == [0, 0, 0]
    assert rows["score"].tolist() == [0, 0, 0]
    assert not rows["at_edge"].any()
    assert "it has 0 to 0" in reason(beside_a_good_clip((0, 5, 9), one))
    assert "no pair of onset and apex" in reason(
        beside_a_good_clip((0, 0, 0), one, "gamdss-global")
    )
    for rule in ("motion", "motion-blind"):
        assert "1 frames are too few" in reason(beside_a_good_clip((0, 0, 0), one, rule))


def test_a_clip_of_two_frames():
    two = {n: frame for n, frame in moving().items() if n < 2}
    for label in ((0, 1, 1), (0, 0, 1)):
        assert beside_a_good_clip(label, two)["frame"].tolist() == list(label)
    for rule in ("motion", "motion-blind"):
        assert "2 frames are too few" in reason(beside_a_good_clip((0, 1, 1), two, rule))


def test_a_clip_without_frames():
    assert reason(beside_a_good_clip(LABEL, {})) == (
        "none of the frames 12-13 for the onset is on disk: it has none"
    )
    assert reason(beside_a_good_clip(LABEL, {}, "motion")) == (
        "none of the frames 12-48 is on disk: it has none"
    )
    assert "it has none" in reason(beside_a_good_clip(LABEL, {}, "gamdss-global"))


@pytest.mark.parametrize("rule", [r for r in WINDOWED if r != "jitter"])
@pytest.mark.parametrize("distance", ["signed", "uint8"])
def test_among_identical_frames_the_human_ones_win(rule, distance):
    same = dict.fromkeys(range(60), moving()[0])
    rows = beside_a_good_clip(LABEL, same, rule, distance=distance)
    assert rows["frame"].tolist() == list(LABEL)
    assert (rows["score"] == 0).all()
    assert set(rows["runner_up_margin"].dropna()) <= {0}


@pytest.mark.parametrize("rule", ["motion", "motion-blind"])
def test_identical_frames_hold_no_detectable_motion(rule):
    same = dict.fromkeys(range(60), moving()[0])
    rows = beside_a_good_clip(LABEL, same, rule)
    assert set(rows["status"]) == {"undetectable"}
    assert np.isfinite(rows[["frame", "sd", "low", "high"]].to_numpy()).all()


# Labels


@pytest.mark.parametrize("rule", EVERY)
def test_all_keyframes_on_one_frame(rule):
    rows = beside_a_good_clip((30, 30, 30), moving(), rule)
    if rule == "gamdss-global" or rule.startswith("motion"):
        assert np.isfinite(rows["frame"]).all()
    else:
        assert rows["frame"].tolist() == [30, 30, 30]
        assert (rows["freedom"] == 0).all()


@pytest.mark.parametrize("rule", EVERY)
@pytest.mark.parametrize(
    ("label", "words"),
    [
        ((30, 12, 48), "the human apex is frame 12, before the onset at 30"),
        ((12, 48, 30), "the human offset is frame 30, before the apex at 48"),
        ((30, NAN, 12), "the human offset is frame 12, before the onset at 30"),
    ],
)
def test_keyframes_out_of_order(rule, label, words):
    rows = beside_a_good_clip(label, moving(), rule)
    if math.isnan(label[1]) and not rule.startswith("motion"):
        assert reason(rows) == "no usable human apex"
    else:
        assert reason(rows) == f"{words}; expected onset <= apex <= offset"
    assert rows[["window_low", "window_high", "freedom"]].isna().all(axis=None)


def test_a_missing_apex_is_said_where_it_is_needed():
    label = (12, NAN, 48)
    for rule in WINDOWED:
        assert reason(beside_a_good_clip(label, moving(), rule)) == "no usable human apex"
    assert reason(beside_a_good_clip(label, moving(), "motion")) == (
        "no usable human apex, around which the prior of motion is laid"
    )
    blind = beside_a_good_clip(label, moving(), "motion-blind")
    complete = beside_a_good_clip(LABEL, moving(), "motion-blind")
    pd.testing.assert_frame_equal(blind, complete)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ((NAN, 30, 48), "onset"), ((12, 30, NAN), "offset"),
        ((NAN, NAN, NAN), "onset and apex and offset"),
    ],
)  # fmt: skip
def test_missing_ends_fail_every_rule(label, words, tmp_path):
    for cache in (None, tmp_path):
        rows = beside_a_good_clip(label, moving(), cache=cache)
        assert reason(rows) == f"no usable human {words}"
        for rule in ("motion", "motion-blind"):
            rows = beside_a_good_clip(label, moving(), rule, cache=cache)
            assert "onset or offset" in reason(rows)


@pytest.mark.parametrize("value", [NAN, 30.5, np.inf, -np.inf])
def test_an_annotated_frame_that_is_no_frame_number_is_not_used(value):
    cohort = cohort_of([LABEL, LABEL], [moving(), moving()])
    bad = (cohort.keyframes["clip"] == "c1") & (cohort.keyframes["keyframe"] == "apex")
    frames = cohort.keyframes["frame"].mask(bad, value)
    table = reselect(replace(cohort, keyframes=cohort.keyframes.assign(frame=frames)))
    assert set(table.loc[table["clip"] == "c0", "status"]) == {"selected"}
    assert reason(table[table["clip"] == "c1"]) == "no usable human apex"


@pytest.mark.parametrize("label", [(200, 230, 260), (-40, -30, -20)])
def test_labels_outside_the_frames_on_disk(label):
    for rule in ("gamdss", "jitter", "motion", "motion-blind"):
        words = reason(beside_a_good_clip(label, moving(), rule))
        assert "none of the frames" in words
        assert words.endswith("is on disk: it has 0 to 59")


def test_windows_beyond_the_clip_are_cut():
    rows = beside_a_good_clip((2, 40, 61), moving(), "gamdss-symmetric")
    assert rows["status"].to_dict() == {
        "onset": "truncated", "apex": "selected", "offset": "truncated"
    }  # fmt: skip
    assert (rows["frame"] >= 0).all()
    assert (rows["frame"] <= 59).all()
    assert rows["window_low"].to_dict() == {"onset": -1, "apex": 37, "offset": 59}


def test_a_window_of_millions_of_frames_takes_no_time():
    def whole(onset, apex, offset):
        return Windows((onset, onset), (apex, 10**12), (offset, offset))

    rows = beside_a_good_clip(LABEL, moving(), whole)
    assert rows["status"]["apex"] == "truncated"


@pytest.mark.parametrize("fps", [NAN, 0.0, -25.0])
def test_a_frame_rate_without_meaning_matters_to_motion_only(fps):
    cohort = cohort_of([LABEL], [moving()], fps=fps)
    table = reselect(cohort, ["gamdss", "motion", "motion-blind"])
    by_rule = dict(list(table.groupby("source")))
    assert set(by_rule["gamdss"]["status"]) == {"selected"}
    for rule in ("motion", "motion-blind"):
        words = f"fps is {fps:g}; expected frames per second above 0"
        assert reason(by_rule[rule]) == words
    shifts = mebias.compare(cohort, table)
    assert shifts["shift_ms"].isna().all()
    assert shifts.loc[shifts["source"] == "gamdss", "shift_frames"].notna().all()
    with pytest.raises(TableError, match=r"column fps.*expected frames per second above 0"):
        mebias.quantify(shifts)


def two_coders():
    cohort = cohort_of([LABEL, LABEL, LABEL], [moving()] * 3)
    coders = cohort.keyframes["clip"].map({"c0": "B", "c1": "A", "c2": "B"})
    return replace(cohort, keyframes=cohort.keyframes.assign(coder=coders))


def test_no_codings_are_made_up_of_clips_that_a_coder_never_saw():
    table = reselect(two_coders(), ["gamdss", "motion"])
    found = table[["clip", "coder"]].drop_duplicates().to_numpy().tolist()
    assert found == [["c0", "B"], ["c1", "A"], ["c2", "B"]]
    assert "failed" not in set(table["status"])


def test_a_keyframe_that_stands_twice_is_refused():
    cohort = two_coders()
    twice = pd.concat([cohort.keyframes, cohort.keyframes.iloc[[4]]])
    with pytest.raises(TableError, match="hold the apex of clip c1 twice; keep one"):
        reselect(replace(cohort, keyframes=twice))


def test_a_cohort_without_labels_gives_an_empty_table():
    cohort = cohort_of([LABEL], [moving()])
    table = reselect(replace(cohort, keyframes=tables.empty("keyframes")), EVERY)
    assert table.empty
    assert list(table.columns)[:3] == ["dataset", "clip", "source"]


# Images


def frames_with(bad):
    return moving() | {30: bad}


@pytest.mark.parametrize("rule", ["gamdss", "gamdss-global", "jitter", "motion", "motion-blind"])
@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((24, 25), np.uint8), "shape"),
        (np.zeros((24, 24, 3), np.uint8), "shape"),
        (np.zeros((24, 24), np.uint16), "uint16, expected 8-bit"),
        (np.zeros((24, 24), np.float64), "float64, expected 8-bit"),
        (UnusableClipError("c1/30.png holds uint16 values"), "c1/30.png holds uint16 values"),
    ],
)
def test_frames_that_do_not_go_together_fail_their_clip_alone(rule, bad, words):
    rows = beside_a_good_clip((12, 30, 48), frames_with(bad), rule)
    if rule == "jitter" and (rows["status"] == "selected").all():
        assert rows["frame"]["apex"] != 30  # another frame was drawn
    else:
        assert re.search(words, reason(rows))


@pytest.mark.parametrize("shape", [(24, 24, 4), (24, 24, 1), (0, 24)])
def test_motion_says_which_images_it_cannot_use(shape):
    odd = dict.fromkeys(range(60), np.zeros(shape, np.uint8))
    words = reason(beside_a_good_clip(LABEL, odd, "motion"))
    assert words == f"a frame has shape {shape}; expected grey or three colors."


@pytest.mark.parametrize("rule", ["gamdss", "motion", "motion-blind"])
def test_an_image_that_cannot_be_read_stops_unless_asked(rule):
    bad = frames_with(FrameError("c1/30.png is empty; fetch it anew."))
    with pytest.raises(FrameError, match=r"c1/30\.png is empty; fetch it anew; or leave such"):
        beside_a_good_clip(LABEL, bad, rule)
    rows = beside_a_good_clip(LABEL, bad, rule, skip_bad_frames=True)
    assert reason(rows) == "c1/30.png is empty; fetch it anew."


@pytest.mark.parametrize("rule", ["gamdss", "motion"])
def test_a_source_that_cannot_count_its_frames_is_as_an_unreadable_image(rule):
    class Damaged(Stack):
        def numbers(self, clip):
            if clip == "c1":
                raise FrameError("c1.avi is not a readable video.")
            return super().numbers(clip)

    cohort = cohort_of([LABEL, LABEL], [moving(), moving()])
    cohort = replace(cohort, frames=Damaged(cohort.frames.clips))
    with pytest.raises(FrameError, match=r"c1\.avi is not a readable video; or leave"):
        reselect(cohort, rule)
    table = reselect(cohort, rule, skip_bad_frames=True)
    assert reason(table[table["clip"] == "c1"]) == "c1.avi is not a readable video."
    assert "failed" not in set(table.loc[table["clip"] == "c0", "status"])


def test_workers_fail_the_same_clips_with_the_same_reasons():
    bad = [moving(), frames_with(np.zeros((2, 2), np.uint8)), {}, moving()]
    cohort = cohort_of([LABEL, LABEL, LABEL, (30, 12, 48)], bad)
    rules = ["gamdss", "motion"]
    one, two = reselect(cohort, rules), reselect(cohort, rules, jobs=2)
    pd.testing.assert_frame_equal(one, two)
    assert one.groupby("clip")["status"].unique().map(list).to_dict() == {
        "c0": ["selected"], "c1": ["failed"], "c2": ["failed"], "c3": ["failed"]
    }  # fmt: skip


# Rules


class Unread(Stack):
    """Frames that nobody may ask for."""

    def read(self, clip, number):
        raise AssertionError("a frame was read before the rules were checked")


def refused(rule, *words):
    """The error of a rule that is refused before any frame is read, checked to name the clip."""
    cohort = cohort_of([LABEL, (12, 13, 14)], [moving(), moving()])
    with pytest.raises(OptionError) as caught:
        reselect(replace(cohort, frames=Unread(cohort.frames.clips)), ["gamdss", rule])
    text = str(caught.value)
    for word in words:
        assert word in text, text
    assert "\n" not in text
    assert text.endswith("mend the rule.")
    return caught.value


def test_a_rule_that_raises_for_some_clip_is_named_with_the_clip():
    def share(onset, apex, offset):
        width = 10 // (apex - onset - 1)
        return Windows((onset, onset + width), (apex, apex), (offset, offset))

    error = refused(share, "rule share raised ZeroDivisionError",
                    "clip c1 (onset 12, apex 13, offset 14)")  # fmt: skip
    assert isinstance(error.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("bounds", "shown"),
    [
        ((31, 30), "(31, 30)"), ((30, 30.5), "(30, 30.5)"), ((30.0, 31.0), "(30.0, 31.0)"),
        ((NAN, NAN), "(nan, nan)"), ((30,), "(30,)"), ((28, 30, 32), "(28, 30, 32)"),
        (30, "30"), (("28", "32"), "('28', '32')"), (range(28, 33), "range(28, 33)"),
    ],
)  # fmt: skip
def test_windows_that_are_none_are_refused(bounds, shown):
    def odd(onset, apex, offset):
        return Windows((onset, onset), bounds, (offset, offset))

    refused(odd, f"rule odd returned {shown} as the window of the apex of clip c0",
            "whole numbers, the first not above the last")  # fmt: skip


@pytest.mark.parametrize("answer", [None, (1, 2, 3), {"onset": (1, 2)}])
def test_a_rule_that_returns_no_windows_is_refused(answer):
    refused(lambda *_: answer, "rule <lambda> returned", "the window of the onset of clip c0")


def test_windows_of_numpy_integers_are_windows():
    def rounded(onset, apex, offset):
        near = tuple(np.array([apex - 2, apex + 2]))
        return Windows((onset, onset), near, (offset, offset))

    assert beside_a_good_clip(LABEL, moving(), rounded)["freedom"]["apex"] == 4


def test_rules_are_not_asked_about_clips_that_have_no_order():
    def strict(onset, apex, offset):
        assert onset <= apex <= offset
        return Windows((onset, onset), (apex, apex), (offset, offset))

    assert "before the onset" in reason(beside_a_good_clip((30, 12, 48), moving(), strict))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rule": ["gamdss", "gamdss"]}, "two rules have the name 'gamdss'"),
        ({"rule": [lambda *_: 1, lambda *_: 2]}, "two rules have the name '<lambda>'"),
        ({"rule": ["motion", "motion"]}, "two rules have the name 'motion'"),
        ({"rule": []}, "no rule was given"),
        ({"distance": ["signed", "signed"]}, "expected one or more, each once"),
        ({"distance": []}, "expected one or more, each once"),
    ],
)
def test_names_given_twice_or_never_are_refused(options, words):
    with pytest.raises(OptionError, match=re.escape(words)):
        reselect(cohort_of([LABEL], [moving()]), **options)
