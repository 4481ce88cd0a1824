"""Re-selected keyframes in training code: the torch dataset and the swapped table."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

import mebias
from mebias import errors, tables
from mebias.recognition import KeyframeDataset, swap


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate("4dme", seed=3, n_subjects=5, n_clips=10, size=(24, 20))


@pytest.fixture(scope="module")
def selected(cohort):
    return mebias.reselect(cohort, rule="gamdss")


def human_of(cohort, clip):
    own = cohort.keyframes[cohort.keyframes["clip"] == clip].set_index("keyframe")["frame"]
    return tuple(own[list(tables.KEYFRAMES)].astype(int))


def counts(data):
    names = ("selected", "human", "fell back", "nearest", "no class", "missing", "no frames")
    return dict(zip(names, data.report["n_clips"], strict=True))


def frames_without(frames, dropped):
    class Gaps:
        def numbers(self, clip):
            return np.array([n for n in frames.numbers(clip) if (clip, n) not in dropped])

        def read(self, clip, number):
            assert (clip, number) not in dropped
            return frames.read(clip, number)

    return Gaps()


def test_items_hold_the_frames_of_whoever_chose_them(cohort, selected):
    human, other = KeyframeDataset(cohort), KeyframeDataset(cohort, selected)
    assert len(human) == len(other) == 10
    for i, clip in enumerate(cohort.clips["clip"]):
        assert human.frames_of(i) == human_of(cohort, clip)
        own = selected[selected["clip"] == clip].set_index("keyframe")["frame"]
        assert other.frames_of(i) == tuple(own[list(tables.KEYFRAMES)].astype(int))
        item = other[i]
        assert item["apex"].dtype == torch.uint8
        assert item["apex"].shape == (1, 24, 20)
        expected = cohort.frames.read(clip, other.frames_of(i)[1])
        assert np.array_equal(item["apex"][0].numpy(), expected)
        assert (item["clip"], item["source"]) == (clip, "gamdss")
    assert human.frames_of(0) != other.frames_of(0)
    assert human[0]["source"] == "human"
    assert other.classes[other[0]["label"]] == cohort.clips["emotion"][0]


def test_a_failed_selection_falls_back_whole_and_is_counted(cohort, selected):
    first = cohort.clips["clip"][0]
    failed = (selected["clip"] == first) & (selected["keyframe"] == "offset")
    partly = selected.assign(
        status=selected["status"].mask(failed, "failed"), frame=selected["frame"].mask(failed)
    )
    partly = partly[partly["clip"] != cohort.clips["clip"][1]]
    data = KeyframeDataset(cohort, partly)
    assert data.frames_of(0) == human_of(cohort, first)
    assert data.items.loc[0, ["source", "status"]].tolist() == ["human", "failed"]
    assert data.items.loc[1, ["source", "status"]].tolist() == ["human", "absent"]
    found = counts(data)
    assert (found["selected"], found["fell back"], found["human"]) == (8, 2, 0)
    assert first in data.report.loc[2, "clips"]


def test_keyframes_that_are_not_mentioned_stay_human(cohort, selected):
    data = KeyframeDataset(cohort, selected[selected["keyframe"] == "apex"])
    onset, _, offset = human_of(cohort, cohort.clips["clip"][0])
    assert data.frames_of(0)[::2] == (onset, offset)
    assert data.frames_of(0)[1] == selected.query("keyframe == 'apex'")["frame"].iloc[0]


def test_a_dropped_frame_gives_the_nearest_one_and_is_reported(cohort):
    clip = cohort.clips["clip"][0]
    onset, apex, _ = human_of(cohort, clip)
    gaps = frames_without(cohort.frames, {(clip, apex), (clip, apex - 1)})
    data = KeyframeDataset(dataclasses.replace(cohort, frames=gaps))
    assert data.frames_of(0)[:2] == (onset, apex + 1)
    assert data.items["moved"].tolist()[:2] == [1, 0]
    assert counts(data)["nearest"] == 1
    assert data[0]["apex"].shape == (1, 24, 20)


def test_classes_leave_out_what_they_do_not_name(cohort, selected):
    emotions = sorted(set(cohort.clips["emotion"]))
    mapping = {emotions[0].upper(): "a", emotions[1]: "b"}
    data = KeyframeDataset(cohort, selected, labels=mapping)
    assert data.classes == ("a", "b")
    kept = cohort.clips["emotion"].isin(emotions[:2])
    assert len(data) == kept.sum()
    assert counts(data)["no class"] == (~kept).sum()
    manifest = dataclasses.replace(cohort.manifest, labels={"two": mapping})
    by_name = KeyframeDataset(dataclasses.replace(cohort, manifest=manifest), labels="two")
    assert by_name.items["label"].tolist() == data.items["label"].tolist()
    with pytest.raises(errors.OptionError, match=r"no class scheme 'twoo' \(known: two\).*two\?"):
        KeyframeDataset(dataclasses.replace(cohort, manifest=manifest), labels="twoo")


def test_missing_keyframes_and_frames_are_left_out_and_counted(cohort):
    first, second = cohort.clips["clip"][:2]
    keyframes = cohort.keyframes.copy()
    gone = (keyframes["clip"] == first) & (keyframes["keyframe"] == "apex")
    keyframes.loc[gone, ["frame", "status"]] = [np.nan, "missing"]
    dropped = {(second, n) for n in cohort.frames.numbers(second)}
    bare = dataclasses.replace(
        cohort, keyframes=keyframes, frames=frames_without(cohort.frames, dropped)
    )
    data = KeyframeDataset(bare)
    assert len(data) == 8
    assert (counts(data)["missing"], counts(data)["no frames"]) == (1, 1)


def test_split_leaves_one_subject_out_with_human_keyframes(cohort, selected):
    data = KeyframeDataset(cohort, selected)
    seen = []
    for subject in data.subjects:
        train, test = data.split(subject)
        assert set(test.items["subject"]) == {subject}
        assert subject not in set(train.items["subject"])
        assert set(train.items["source"]) == {"gamdss"}
        assert set(test.items["source"]) == {"human"}
        assert train.classes == test.classes == data.classes
        assert len(train) + len(test) == len(data)
        seen += test.items["clip"].tolist()
    assert sorted(seen) == sorted(cohort.clips["clip"])
    with pytest.raises(errors.OptionError, match="'nobody' has no clip"):
        data.split("nobody")


def test_transform_sees_three_frames_at_once_and_batches_form(cohort, selected):
    def flip(three):
        assert three.shape == (3, 1, 24, 20)
        return three.flip(-1).float() / 255

    plain, flipped = KeyframeDataset(cohort), KeyframeDataset(cohort, transform=flip)
    assert torch.equal(flipped[0]["offset"], plain[0]["offset"].flip(-1).float() / 255)
    loader = torch.utils.data.DataLoader(flipped, batch_size=4)
    batch = next(iter(loader))
    assert batch["onset"].shape == (4, 1, 24, 20)
    assert batch["clip"] == cohort.clips["clip"].tolist()[:4]
    again = pickle.loads(pickle.dumps(plain))
    assert torch.equal(again[1]["apex"], plain[1]["apex"])


def test_colors_come_as_red_green_blue(cohort):
    class Blue:
        def numbers(self, clip):
            return cohort.frames.numbers(clip)

        def read(self, clip, number):
            return np.dstack([np.full((4, 5), v, dtype=np.uint8) for v in (200, 100, 50)])

    item = KeyframeDataset(dataclasses.replace(cohort, frames=Blue()))[0]
    assert item["onset"].shape == (3, 4, 5)
    assert item["onset"][:, 0, 0].tolist() == [50, 100, 200]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda k: pd.concat([k, k.assign(source="other")]), "OptionError", "gamdss.*other"),
        (lambda k: pd.concat([k, k]), "TableError", "more than once"),
        (lambda k: k.assign(frame=k["frame"] + 0.5), "TableError", "whole"),
        (lambda k: k.assign(dataset="4dme"), "MixedDataError", "do not mix"),
        (lambda k: k.assign(clip="x" + k["clip"]), "OptionError", "not of SIMULATED 4dme"),
    ],
)
def test_keyframes_that_do_not_fit_are_refused(cohort, selected, change, error, words):
    with pytest.raises(getattr(errors, error), match=words):
        KeyframeDataset(cohort, change(selected))


def test_frames_and_one_coding_are_needed(cohort):
    with pytest.raises(errors.OptionError, match="without frames"):
        KeyframeDataset(dataclasses.replace(cohort, frames=None))
    unnamed = dataclasses.replace(cohort, clips=cohort.clips.assign(emotion=""))
    with pytest.raises(errors.OptionError, match="no clip to read: 10 left out: emotion"):
        KeyframeDataset(unnamed)
    keyframes = pd.concat([cohort.keyframes.assign(coder=c, frame=cohort.keyframes["frame"] + i)
                           for i, c in enumerate("xy")])  # fmt: skip
    twice = dataclasses.replace(cohort, keyframes=keyframes)
    with pytest.raises(errors.OptionError, match=r"coded more than once.*x, y"):
        KeyframeDataset(twice)
    later = tuple(f + 1 for f in human_of(cohort, cohort.clips["clip"][0]))
    assert KeyframeDataset(twice, coder="y").frames_of(0) == later
    with pytest.raises(errors.OptionError, match="no coder 'z'"):
        KeyframeDataset(twice, coder="z")


def rows(**frames):
    return pd.DataFrame(
        [
            {"clip": clip, "keyframe": "apex", "frame": frame, "source": "gamdss",
             "status": "failed" if np.isnan(frame) else "selected"}
            for clip, frame in frames.items()
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("apexes", "expected"),
    [
        ([10, 20, 30], [11, 20, 30]),
        (["10", "20", "/"], ["11", "20", "/"]),
        ([10.0, float("nan"), 30.0], [11.0, float("nan"), 30.0]),
        ([10, "20", None], [11, "20", None]),
    ],
)
def test_swap_keeps_kind_index_and_what_was_not_selected(apexes, expected):
    table = pd.DataFrame({"name": list("abc"), "Apex": apexes}, index=[7, 5, 6])
    done = swap(table, rows(a=11.0, b=float("nan")), {"apex": "Apex"}, "{name}")
    wanted = table.assign(Apex=pd.Series(expected, index=table.index, dtype=table["Apex"].dtype))
    pd.testing.assert_frame_equal(done[["name", "Apex"]], wanted)
    assert done["Apex_status"].tolist() == ["selected", "failed", "absent"]
    pd.testing.assert_series_equal(done["Apex_human"], table["Apex"], check_names=False)


def test_swap_agrees_with_the_dataset(cohort, selected):
    table = pd.DataFrame(
        [(clip, *human_of(cohort, clip)) for clip in cohort.clips["clip"]],
        columns=["clip", *tables.KEYFRAMES],
    )
    done = swap(table, selected, {k: k for k in tables.KEYFRAMES}, "{clip}").set_index("clip")
    data = KeyframeDataset(cohort, selected)
    for i, clip in enumerate(data.items["clip"]):
        assert tuple(done.loc[clip, list(tables.KEYFRAMES)]) == data.frames_of(i)


@pytest.mark.parametrize(
    ("columns", "key", "error", "words"),
    [
        ({"apex": "Apx"}, "{name}", "OptionError", "no column 'Apx'.*did you mean Apex"),
        ({"peak": "Apex"}, "{name}", "OptionError", "peak"),
        ({"apex": "Apex"}, "{nam}", "OptionError", "cannot be filled in"),
        ({"apex": "Apex"}, "x/{name}", "OptionError", "x/a, x/b"),
        ({"apex": "Apex"}, "a", "TableError", "more than one row"),
    ],
)
def test_swap_refuses_what_does_not_fit(columns, key, error, words):
    table = pd.DataFrame({"name": list("ab"), "Apex": [1, 2]})
    with pytest.raises(getattr(errors, error), match=words):
        swap(table, rows(a=11.0), columns, key)


def test_swap_refuses_an_empty_cell_of_the_key_and_a_table_that_was_swapped():
    table = pd.DataFrame({"name": ["a", None], "Apex": [1, 2]}, dtype=object)
    with pytest.raises(errors.OptionError, match="cannot be filled in"):
        swap(table, rows(a=11.0), {"apex": "Apex"}, "{name:0>3}")
    once = swap(table.head(1), rows(a=11.0), {"apex": "Apex"}, "{name}")
    with pytest.raises(errors.OptionError, match="'Apex_human' already"):
        swap(once, rows(a=12.0), {"apex": "Apex"}, "{name}")
