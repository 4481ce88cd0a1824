"""One matrix of distances per clip: exact, each frame decoded once, kept in a cache."""

import hashlib
import json
import subprocess
import sys
import tracemalloc
from types import MappingProxyType

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mebias
from mebias.errors import CacheWarning
from mebias.selection import RULES, Windows, gram
from mebias.selection.cache import Cache
from mebias.selection.distances import (
    flow_squared,
    signed_squared,
    stabilized_squared,
    uint8_squared,
)
from mebias.selection.gram import from_products, in_float32, in_int8, squared_distances
from mebias.selection.pairs import PairDistances
from mebias.simulation.frames import SimulatedFrames


def in_integers(frames):
    stack = np.stack([f.reshape(-1).astype(np.int64) for f in frames])
    return ((stack[:, None] - stack[None]) ** 2).sum(axis=2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0, 2, 90, 255]), st.booleans())
def test_the_matrix_is_exact_in_integers(seed, spread, color):
    rng = np.random.default_rng(seed)
    shape = (7, 9, 41, 37, 3)[: 5 if color else 4]
    base = rng.integers(0, 256, shape[2:])
    noise = rng.integers(-spread, spread + 1, (shape[0], *shape[2:]))
    frames = list(np.clip(base + noise, 0, 255).astype(np.uint8))
    assert np.array_equal(squared_distances(frames), in_integers(frames))


def test_the_matrix_is_exact_where_one_block_would_not_be():
    black, white = np.zeros((300, 400), np.uint8), np.full((300, 400), 255, np.uint8)
    odd = white.copy()
    odd[0, 0] = 254
    frames = [black, white, odd, black, odd]
    assert np.array_equal(squared_distances(frames), in_integers(frames))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0, 2, 90, 255]),
    st.integers(1, 30),
    st.sampled_from([(1, 1), (7, 11), (3, 300), (5, 331, 3)]),
)
def test_both_ways_of_multiplying_are_exact(seed, spread, count, shape):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, shape)
    noise = rng.integers(-spread, spread + 1, (count, *shape))
    flat = [f.ravel() for f in np.clip(base + noise, 0, 255).astype(np.uint8)]
    for way in (in_float32, in_int8):
        assert np.array_equal(from_products(way(flat, 0, flat[0].size)), in_integers(flat))


def test_long_sums_of_extreme_values_do_not_overflow():
    black, white = np.zeros(400_000, np.uint8), np.full(400_000, 255, np.uint8)
    expected = [[0, 400_000 * 255**2], [400_000 * 255**2, 0]]
    for way in (in_float32, in_int8):
        assert from_products(way([black, white], 0, 400_000)).tolist() == expected


def test_whichever_way_is_taken_the_choice_is_the_same(cohort, monkeypatch):
    asked = {"rule": ["gamdss-global", "gamdss-wide", "least"], "distance": "signed"}
    plain = mebias.reselect(cohort, **asked)
    assert len(cohort.frames.numbers(cohort.clips["clip"].iloc[0])) > 2 * 6
    for way in (in_float32, in_int8):
        monkeypatch.setattr(gram._choice, "products", way)
        monkeypatch.setattr(gram, "pairs_worth", lambda frames: 0)
        monkeypatch.setattr("mebias.selection.pairs.pairs_worth", lambda frames: 0)
        pd.testing.assert_frame_equal(mebias.reselect(cohort, **asked), plain)


def test_torch_is_tried_once_distances_took_long_and_never_before(monkeypatch):
    code = (
        "import sys, mebias.selection.reselect as _, mebias.selection.gram as gram\n"
        "assert 'torch' not in sys.modules\n"
        "gram.could_gain(pairs=10, frames=10, seconds=1e9)\n"
        "gram.could_gain(pairs=1000, frames=10, seconds=1)\n"
        "assert 'torch' not in sys.modules\n"
        "gram.could_gain(pairs=1000, frames=10, seconds=1)\n"
        "assert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_machine_without_torch_does_with_floats(monkeypatch):
    def broken(*_):
        raise ImportError

    choice = gram._Choice()
    monkeypatch.setattr(gram, "in_int8", broken)
    choice.look()
    assert choice.decided
    assert choice.products is in_float32


def test_single_norms_are_worth_less_beside_products_of_bytes(monkeypatch):
    monkeypatch.setattr(gram._choice, "products", in_float32)
    worth = gram.pairs_worth(10)
    monkeypatch.setattr(gram, "in_int8", in_float32)
    assert 0 < gram.pairs_worth(10) < worth


def test_a_product_that_is_right_is_used_again(monkeypatch):
    monkeypatch.setattr(gram._choice, "products", in_int8)
    frames = list(np.random.default_rng(0).integers(0, 256, (5, 9, 9), dtype=np.uint8))
    assert np.array_equal(squared_distances(frames), in_integers(frames))
    assert gram._choice.products is in_int8


def test_large_and_small_blocks_agree():
    rng = np.random.default_rng(0)
    frames = list(rng.integers(0, 256, (40, 11, 13)).astype(np.uint8))
    at_once = PairDistances(frames.__getitem__, signed_squared).block(range(40), range(40))
    by_pair = PairDistances(frames.__getitem__, signed_squared)
    assert np.array_equal(at_once, [[by_pair(a, o) for o in range(40)] for a in range(40)])


def test_a_long_clip_stays_near_the_size_of_its_frames():
    rng = np.random.default_rng(0)
    frames = list(rng.integers(0, 256, (600, 60, 100)).astype(np.uint8))
    stack = sum(frame.nbytes for frame in frames)
    tracemalloc.start()
    squared_distances(frames)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 600 * 600 * 8 + 2**23 + stack  # matrices and one block, no float copy
    assert peak < 4 * 8 * stack


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate(
        "samm", n_subjects=3, n_clips=4, size=(96, 80), amplitude=2.0, noise_sd=1.0, fps=100,
        disturbances="drift",
    )  # fmt: skip


def test_every_frame_is_decoded_once_for_all_rules_and_distances(cohort):
    class Counting(SimulatedFrames):
        def read(self, clip, number):
            seen.append((clip, number))
            return super().read(clip, number)

    seen = []
    given_ = cohort.frames
    frames = Counting(given_.seed, given_.size, given_.noise_sd, given_.color, given_.plans)
    counted = mebias.Cohort(cohort.manifest, cohort.clips, cohort.keyframes, cohort.issues, frames)
    mebias.reselect(counted, list(RULES), distance=["signed", "uint8"])
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("distance", ["stabilized", "flow"])
def test_optional_distances_choose_within_the_windows(cohort, distance):
    table = mebias.reselect(cohort, "gamdss", distance=distance)
    assert set(table["status"]) <= {"selected", "truncated"}
    assert table["frame"].between(table["window_low"], table["window_high"]).all()
    assert (table["score"] >= 0).all()


def shifted(image, x):
    move = np.float32([[1, 0, x], [0, 1, 0]])
    return cv2.warpAffine(image, move, image.shape[::-1], borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="module")
def face(cohort):
    clip = cohort.clips["clip"].iloc[0]
    course = cohort.frames.plans[clip].course
    rest = cohort.frames.noiseless(clip, course.onset)
    apex = cohort.frames.noiseless(clip, course.apex)
    return np.rint(rest).astype(np.uint8), np.rint(apex).astype(np.uint8)


def test_stabilized_sees_the_face_and_not_the_head_or_the_light(face):
    rest, apex = face
    nuisance = np.clip(shifted(rest, 0.5) * 1.04, 0, 255).astype(np.uint8)
    by_pixels = signed_squared(apex, rest) / signed_squared(nuisance, rest)
    stabilized = stabilized_squared(apex, rest) / stabilized_squared(nuisance, rest)
    assert stabilized > 5 * by_pixels
    assert stabilized_squared(rest, rest) == 0


def test_flow_measures_displacement(face):
    rest, _ = face
    assert flow_squared(rest, rest) == 0
    for pixels in (1.0, 2.0):
        root_mean = np.sqrt(flow_squared(shifted(rest, pixels), rest) / rest.size)
        assert root_mean == pytest.approx(pixels, rel=0.35)


@pytest.fixture
def on_disk(cohort, tmp_path):
    rows = ["clip,subject,onset,apex,offset,fps"]
    wide = cohort.keyframes.pivot(index="clip", columns="keyframe", values="frame")  # noqa: PD010
    for clip, row in wide.iterrows():
        folder = tmp_path / "data" / "frames" / clip
        folder.mkdir(parents=True)
        for number in cohort.frames.numbers(clip):
            path = folder / f"{number}.png"
            cv2.imwrite(str(path), cohort.frames.read(clip, int(number)))
        labels = ",".join(str(int(row[k])) for k in ("onset", "apex", "offset"))
        rows.append(f"{clip},{clip.split('/')[0]},{labels},100")
    (tmp_path / "data" / "annotations.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "data"


ASKED = MappingProxyType({"rule": ["gamdss", "jitter", "motion"], "distance": ["signed", "uint8"]})


def test_cached_results_are_the_same_and_read_no_frame(on_disk, tmp_path, monkeypatch):
    plain = mebias.reselect(mebias.load("folder", on_disk), **ASKED)
    first = mebias.reselect(mebias.load("folder", on_disk), **ASKED, cache=tmp_path / "kept")
    monkeypatch.setattr(
        "mebias.datasets.frames.FolderFrames.read", lambda *_: pytest.fail("a frame was read")
    )
    again = mebias.reselect(mebias.load("folder", on_disk), **ASKED, cache=tmp_path / "kept")
    pd.testing.assert_frame_equal(first, plain)
    pd.testing.assert_frame_equal(again, plain)


def test_a_changed_frame_and_a_changed_label_are_noticed(on_disk, tmp_path):
    kept = tmp_path / "kept"
    before = mebias.reselect(mebias.load("folder", on_disk), "gamdss", cache=kept)
    row = before[(before["keyframe"] == "apex") & (before["freedom"] > 0)].iloc[0]
    path = on_disk / "frames" / row["clip"] / f"{int(row['frame'])}.png"
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    other = int(row["window_high"] if row["frame"] < row["window_high"] else row["window_low"])
    far = path.with_name(f"{other}.png")
    cv2.imwrite(str(far), 255 - image)
    after = mebias.reselect(mebias.load("folder", on_disk), "gamdss", cache=kept)
    fresh = mebias.reselect(mebias.load("folder", on_disk), "gamdss")
    pd.testing.assert_frame_equal(after, fresh)
    assert not after.equals(before)
    table = on_disk / "annotations.csv"
    text = table.read_text().splitlines()
    fields = text[1].split(",")
    fields[2] = str(int(fields[2]) - 3)
    table.write_text("\n".join([text[0], ",".join(fields), *text[2:]]) + "\n")
    moved = mebias.reselect(mebias.load("folder", on_disk), "gamdss", cache=kept)
    assert not moved.equals(after)


def test_damaged_entries_are_computed_anew(on_disk, tmp_path):
    kept = tmp_path / "kept"
    before = mebias.reselect(mebias.load("folder", on_disk), "gamdss", cache=kept)
    for index, entry in enumerate(sorted(kept.rglob("*.json"))):
        data = entry.read_bytes()
        entry.write_bytes((data[:-9], b"", b"\xff\xfe" * 50, data.replace(b"1", b"2"))[index % 4])
    again = mebias.reselect(mebias.load("folder", on_disk), "gamdss", cache=kept)
    pd.testing.assert_frame_equal(again, before)


@pytest.mark.parametrize("found", [[{"a": [1]}], [{"a": 1}, {"b": {}}], {"a": 1}, [1], 7])
def test_entries_that_nobody_put_are_none(tmp_path, found):
    cache = Cache(tmp_path)
    key = cache.key("frames")
    cache.put(key, [{"a": 1, "b": None}])
    assert cache.get(key) == [{"a": 1, "b": None}]
    text = json.dumps(found)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    assert cache.get(key) is None


def test_a_cache_that_cannot_be_written_costs_a_warning(on_disk, tmp_path):
    (tmp_path / "kept").write_text("a file, not a folder")
    plain = mebias.reselect(mebias.load("folder", on_disk), "gamdss")
    with pytest.warns(CacheWarning, match="cannot be kept in"):
        found = mebias.reselect(mebias.load("folder", on_disk), "gamdss", cache=tmp_path / "kept")
    pd.testing.assert_frame_equal(found, plain)


def test_a_rule_of_ones_own_is_never_taken_for_another(on_disk, tmp_path):
    # The second function often gets the first one's place in memory, and so its text.
    cohort = mebias.load("folder", on_disk)
    found = []
    for later in (0, 3, 6):

        def mine(onset, apex, offset, later=later):
            return Windows((onset, onset), (apex, apex), (offset + later, offset + later))

        found.append(mebias.reselect(cohort, mine, cache=tmp_path / "kept"))
        del mine
    moved = [table[table["keyframe"] == "offset"]["frame"].to_numpy() for table in found]
    assert (moved[1] - moved[0] == 3).all()
    assert (moved[2] - moved[0] == 6).all()


def test_frames_far_from_the_labels_count_where_a_rule_looks_at_them(
    on_disk, tmp_path, monkeypatch
):
    table = pd.read_csv(on_disk / "annotations.csv", dtype={"subject": str})
    table["fps"] = 1000  # 600 ms around the labels are now far less than the clip
    near = table.assign(offset=table["apex"] + 1)
    near.to_csv(on_disk / "annotations.csv", index=False)
    clip = near["clip"].iloc[0]
    cohort = mebias.load("folder", on_disk)
    numbers = cohort.frames.numbers(clip)
    for number in numbers[::3]:  # so many that the clip is longer than motion looks
        far = int(numbers[-1]) + 700 + int(number)
        path = cohort.frames.path(clip, int(number))
        path.with_name(f"{far}.png").write_bytes(path.read_bytes())
    cohort = mebias.load("folder", on_disk)
    asked = {"cache": tmp_path / "kept", "skip_bad_frames": True}
    before = mebias.reselect(cohort, "gamdss-global", **asked)
    nearby = mebias.reselect(cohort, "motion-blind", clips=[clip], **asked)
    path = cohort.frames.path(clip, int(cohort.frames.numbers(clip)[-1]))
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), 255 - image)
    after = mebias.reselect(cohort, "gamdss-global", **asked)
    assert not after.equals(before)
    monkeypatch.setattr(
        "mebias.datasets.frames.FolderFrames.read", lambda *_: pytest.fail("a frame was read")
    )
    again = mebias.reselect(cohort, "motion-blind", clips=[clip], **asked)
    pd.testing.assert_frame_equal(again, nearby)


def test_torch_is_tried_once_and_after_long_distances_between_many_pairs_alone(monkeypatch):
    choice, looked = gram._Choice(), []
    monkeypatch.setattr(choice, "look", lambda: looked.append(choice.spent))
    monkeypatch.setattr(gram, "_choice", choice)
    gram.could_gain(pairs=160, frames=10, seconds=1e9)
    gram.could_gain(pairs=161, frames=10, seconds=1.5)
    assert not looked
    gram.could_gain(pairs=161, frames=10, seconds=0.5)
    assert looked == [2.0]
    choice.decided = True
    gram.could_gain(pairs=161, frames=10, seconds=1.0)
    assert looked == [2.0]


@pytest.mark.parametrize(("distance", "noted"), [(signed_squared, [(6, 5)]), (uint8_squared, [])])
def test_what_distances_took_is_noted_where_torch_could_gain(monkeypatch, distance, noted):
    def could_gain(pairs, frames, seconds):
        found.append((pairs, frames))
        assert 0 < seconds < 1

    found = []
    monkeypatch.setattr("mebias.selection.pairs.could_gain", could_gain)
    frames = list(np.random.default_rng(0).integers(0, 256, (5, 9, 9), dtype=np.uint8))
    PairDistances(frames.__getitem__, distance).block([3, 4], [0, 1, 2])
    assert found == noted


@pytest.mark.parametrize("at", [2, 3, 32, None])
def test_a_product_that_errs_at_some_size_is_never_used_however_fast(monkeypatch, at):
    def way(flat, start, stop):
        return in_float32(flat, start, stop) + (len(flat) == at) * np.eye(len(flat))

    monkeypatch.setattr(gram, "in_int8", way)
    monkeypatch.setattr(gram, "_seconds", lambda which, _: 0.1 if which is way else 0.2)
    choice = gram._Choice()
    choice.look()
    assert choice.products is (way if at is None else in_float32)


def test_a_product_that_errs_is_not_used_again(monkeypatch):
    def wrong(flat, start, stop):
        return in_float32(flat, start, stop) + np.eye(len(flat))

    monkeypatch.setattr(gram, "in_int8", wrong)
    monkeypatch.setattr(gram._choice, "products", wrong)
    frames = list(np.random.default_rng(0).integers(0, 256, (5, 9, 9), dtype=np.uint8))
    assert np.array_equal(squared_distances(frames), in_integers(frames))
    assert gram._choice.products is in_float32


def test_many_pairs_of_a_distance_that_is_not_symmetric_are_its_own():
    frames = np.random.default_rng(3).integers(0, 256, (100, 4, 4), dtype=np.uint8)
    numbers = range(len(frames))
    found = PairDistances(frames.__getitem__, uint8_squared).block(numbers, numbers)
    assert found[70, 3] == uint8_squared(frames[70], frames[3])
    assert (found == [[uint8_squared(a, b) for b in frames] for a in frames]).all()
    assert (found != found.T).any()
