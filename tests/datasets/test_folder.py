"""Anyone's own folder: several coders, groups, frames, simulations, and a round trip."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mebias import tables
from mebias.datasets import load
from mebias.errors import AnnotationError, DataRootError, MebiasError
from mebias.simulation import simulate, write_folder
from mebias.tables import MARKER

HEADER = ["clip", "subject", "onset", "apex", "offset", "fps"]
ROW = ["c1", "s1", 3, 5, 8, 100]


def own(make, root, *rows, header=HEADER):
    make.csv(root / "annotations.csv", [header, *rows])
    return root


def test_a_folder_with_frames(make, tmp_path):
    own(make, tmp_path, ROW, ["c2", "s2", 13, "", 18, 100])
    make.frames(tmp_path / "frames" / "c1", range(1, 11))
    make.frames(tmp_path / "frames" / "c2", range(13, 19), "img{:05d}.bmp")
    cohort = load("folder", tmp_path)
    assert cohort.clips[["first_frame", "n_frames", "lead_frames", "tail_frames"]].to_numpy(
    ).tolist() == [[1, 10, 2, 2], [13, 6, 0, 0]]  # fmt: skip
    assert cohort.keyframes["status"].tolist() == ["annotated"] * 4 + ["missing", "annotated"]
    assert cohort.frames.read("c1", 4)[0, 0] == 4
    assert cohort.issues.empty
    assert cohort.clips["ethnicity"].tolist() == ["unknown", "unknown"]


def test_a_column_of_folders_says_where_the_frames_are(make, tmp_path):
    own(make, tmp_path, [*ROW, "elsewhere/x"], header=[*HEADER, "frames"])
    make.frames(tmp_path / "elsewhere" / "x", range(1, 11))
    assert load("folder", tmp_path).clips["n_frames"].tolist() == [10]


def test_without_frames_the_annotations_still_load_and_say_so(make, tmp_path):
    cohort = load("folder", own(make, tmp_path, ROW))
    assert cohort.frames is None
    assert cohort.clips["n_frames"].isna().all()
    assert "no frames were found under the root (looked for frames/{clip})" in (
        cohort.issues["message"].item()
    )


def test_several_coders_and_passes_of_one_clip(make, tmp_path):
    header = [*HEADER, "coder", "pass"]
    rows = [[*ROW, "ann", 1], [*ROW, "ann", 2], ["c1", "s1", 4, 5, 8, 100, "bob", 1]]
    cohort = load("folder", own(make, tmp_path, *rows, header=header))
    assert len(cohort) == 1
    onsets = cohort.keyframes.query("keyframe == 'onset'")
    assert onsets[["coder", "pass", "frame"]].to_numpy().tolist() == [
        ["ann", "1", 3], ["ann", "2", 3], ["bob", "1", 4],
    ]  # fmt: skip


def test_lead_and_tail_frames_are_those_outside_of_every_coder(make, tmp_path):
    rows = [[*ROW, "ann"], ["c1", "s1", 2, 5, 9, 100, "bob"]]
    own(make, tmp_path, *rows, header=[*HEADER, "coder"])
    make.frames(tmp_path / "frames" / "c1", range(1, 13))
    clip = load("folder", tmp_path).clips.iloc[0]
    assert (clip["lead_frames"], clip["tail_frames"]) == (1, 3)


def test_several_rows_of_one_clip_need_a_coder_column(make, tmp_path):
    own(make, tmp_path, ROW, ["c2", "s1", 1, 2, 3, 100], ["c1", "s1", 4, 5, 8, 100])
    with pytest.raises(AnnotationError) as error:
        load("folder", tmp_path)
    assert "rows 2 and 4: clip 'c1' stands in both" in str(error.value)
    assert "need a column coder" in str(error.value)


def test_one_coder_twice_on_one_clip_is_refused(make, tmp_path):
    own(make, tmp_path, [*ROW, "ann"], [*ROW, "ann"], header=[*HEADER, "coder"])
    with pytest.raises(AnnotationError, match="clip 'c1' of coder 'ann', pass '', stands in both"):
        load("folder", tmp_path)


@pytest.mark.parametrize("name", ["emotion", "ethnicity", "video"])
def test_rows_of_one_clip_must_agree(make, tmp_path, name):
    rows = [[*ROW, "ann", "x"], [*ROW, "bob", "y"]]
    own(make, tmp_path, *rows, header=[*HEADER, "coder", name])
    with pytest.raises(AnnotationError, match=f"column {name}: clip 'c1' has 'x' and 'y'"):
        load("folder", tmp_path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_a_byte_order_mark(tmp_path, delimiter):
    lines = [delimiter.join(map(str, row)) for row in (HEADER, ROW)]
    (tmp_path / "annotations.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    assert load("folder", tmp_path).keyframes["frame"].tolist() == [3, 5, 8]


def marked(make, root, stated):
    own(make, root, ROW)
    text = stated if isinstance(stated, str) else json.dumps(stated)
    (root / MARKER).write_text(text, encoding="utf-8")
    return root


def test_an_exported_simulation_stays_one(make, tmp_path):
    stated = {"dataset": "SIMULATED 4dme", "settings": {"seed": 3, "trimmed": True}}
    cohort = load("folder", marked(make, tmp_path, stated))
    assert cohort.simulated
    assert cohort.name == "SIMULATED 4dme"
    assert set(cohort.keyframes["dataset"]) == set(cohort.issues["dataset"]) == {cohort.name}
    assert cohort.settings["simulated"] is True
    assert cohort.settings["simulation"] == {"seed": 3, "trimmed": True}


def test_a_simulation_is_read_back_whole_with_its_truth(tmp_path):
    made = simulate("4dme", n_subjects=6, n_clips=8, size=(24, 24), plant={"B": (0, 0, 40)})
    cohort = load("folder", write_folder(made, tmp_path / "s"))
    assert cohort.name == made.name
    by = ["clip", "keyframe"]
    for table in ("keyframes", "truth"):
        found, wanted = (getattr(c, table).sort_values(by) for c in (cohort, made))
        assert found[by].to_numpy().tolist() == wanted[by].to_numpy().tolist()
        assert np.allclose(found["frame"], wanted["frame"], rtol=1e-11, equal_nan=True)
    assert cohort.truth["source"].unique().tolist() == ["truth"]
    shared = ["clip", "subject", "ethnicity", "emotion", "fps", "first_frame", "n_frames",
              "lead_frames", "tail_frames"]  # fmt: skip
    pd.testing.assert_frame_equal(
        *(c.clips.sort_values("clip", ignore_index=True)[shared] for c in (cohort, made))
    )
    wanted = ["ethnicity", "keyframe", "error_ms"]
    pd.testing.assert_frame_equal(cohort.planted[wanted], made.planted[wanted])
    assert cohort.settings["simulation"] == json.loads(json.dumps(dict(made.settings)))
    clip = made.clips["clip"].iloc[0]
    for number in made.frames.numbers(clip)[::9]:
        assert (cohort.frames.read(clip, number) == made.frames.read(clip, number)).all()


@pytest.mark.parametrize(
    "text", ["ethnicity,keyframe\nA,apex\n", "ethnicity,keyframe,error_ms\nA,apex,x\n"]
)
def test_a_damaged_table_of_planted_errors_is_refused(make, tmp_path, text):
    marked(make, tmp_path, {"dataset": "samm"})
    (tmp_path / "planted_errors.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataRootError, match="error_ms"):
        load("folder", tmp_path)


def test_a_marker_without_the_mark_still_marks(make, tmp_path):
    assert load("folder", marked(make, tmp_path, {"dataset": "samm"})).name == "SIMULATED samm"


@pytest.mark.parametrize("stated", ["", "{", "[]", "{}", "3"])
def test_a_marker_that_says_nothing_is_refused(make, tmp_path, stated):
    with pytest.raises(DataRootError, match="does not say of which dataset"):
        load("folder", marked(make, tmp_path, stated))


def test_a_manifest_of_ones_own_reads_a_table_of_ones_own(make, tmp_path):
    card = tmp_path / "mine.toml"
    card.write_text(
        """
id = "mine"
name = "Mine"
citation = "-"
license = "-"
request = "ask me"
modality = "gray"
fps = 120
index_base = 0
inclusive_offset = true
[[annotations]]
version = "one"
files = ["labels.csv"]
key = ["subject", "clip"]
[annotations.columns]
subject = ["person"]
clip = ["film"]
onset = ["start"]
offset = ["end"]
[frames]
patterns = ["{subject}/{clip}"]
""",
        encoding="utf-8",
    )
    make.csv(tmp_path / "data" / "labels.csv", [["film", "person", "start", "end"], ["a", 7, 0, 9]])
    cohort = load(str(card), tmp_path / "data")
    assert cohort.clips[["clip", "subject", "fps"]].to_numpy().tolist() == [["7/a", "7", 120]]
    assert cohort.keyframes["status"].tolist() == ["annotated", "missing", "annotated"]


names = st.text("abcXYZ019_-. é", min_size=1, max_size=8).map(str.strip).filter(
    lambda name: name not in {"", ".", "..", "-1"}
)  # fmt: skip
numbers = st.one_of(st.none(), st.integers(0, 10**8))


@st.composite
def labels(draw):
    clips = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    rows = []
    for clip in clips:
        onset, apex, offset = sorted(draw(st.tuples(*[st.integers(0, 10**8)] * 3)))
        triple = [draw(st.sampled_from([n, None])) for n in (onset, apex, offset)]
        rate = draw(st.floats(1, 1000).map(lambda x: round(x, 3)))
        rows.append([clip, draw(names), *triple, rate])
    return rows


@settings(max_examples=60, deadline=None, derandomize=True)
@given(labels(), st.randoms(use_true_random=False))
def test_what_is_written_is_read_whatever_the_order_of_columns(rows, random):
    order = random.sample(range(len(HEADER)), len(HEADER))
    table = [[row[i] for i in order] for row in [HEADER, *rows]]
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(",".join("" if c is None else str(c) for c in row) for row in table)
        (Path(folder) / "annotations.csv").write_text(text, encoding="utf-8")
        cohort = load("folder", folder)
    clips = cohort.clips[["clip", "subject", "fps"]].to_numpy().tolist()
    assert clips == [[row[0], row[1], row[5]] for row in rows]
    found = cohort.keyframes["frame"].tolist()
    for value, wanted in zip(found, [n for row in rows for n in row[2:5]], strict=True):
        assert value == wanted or (wanted is None and math.isnan(value))
    assert cohort.keyframes["keyframe"].tolist() == list(tables.KEYFRAMES) * len(rows)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_sentence(data):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "annotations.csv").write_bytes(data)
        with pytest.raises(MebiasError) as error:
            load("folder", folder)
    assert "annotations.csv" in str(error.value)
