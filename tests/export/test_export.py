"""Exports in the authors' layouts: what is written, what is not, and how it reads back."""

import csv
import math
import os

import numpy as np
import openpyxl
import pandas as pd
import pytest
from authors import VARIANTS, build

import mebias
from mebias import errors, tables
from mebias.export import export

USABLE = ("annotated", "censored")


def loaded(root, name="folder", variant="", frames=False):
    built = build(name, root / "data", frames=frames, variant=variant)
    if name == "casme3-c":
        built.load_options["fps"] = 30  # no source states it
    return built, mebias.load(name, built.root, **built.load_options)


def selected(cohort, by=1, failed=(), only=tables.KEYFRAMES):
    """Each human keyframe moved by some frames; the clips in `failed` without a frame."""
    human = cohort.keyframes
    human = human[human["status"].isin(USABLE) & human["keyframe"].isin(only)]
    lost = human["clip"].isin(failed)
    return human.assign(
        source="gamdss",
        distance="signed",
        frame=(human["frame"] + by).where(~lost),
        frame_low=math.nan,
        frame_high=math.nan,
        status=np.where(lost, "failed", "selected"),
    )


ROUND = [
    (name, variant)
    for name, variants in VARIANTS.items()
    for variant in variants
    if not variant.startswith("raw")
]


@pytest.mark.parametrize(("name", "variant"), ROUND)
def test_reading_the_export_gives_what_was_written(tmp_path, name, variant):
    built, cohort = loaded(tmp_path, name, variant)
    keyframes = selected(cohort)
    done = export(cohort, keyframes, tmp_path / "out")
    train = mebias.load(name, done.folder / "train", **built.load_options)
    test = mebias.load(name, done.folder / "test", **built.load_options)

    written = done.table[done.table["mebias"].notna()]
    assert len(written[written["keyframe"] != "apex_high"]) == len(keyframes)
    place = ["file", "sheet", "row", "column"]
    back = train.cells.merge(written, on=place, suffixes=("", "_done"))
    assert len(back) == len(written)
    assert (back["written"].astype(float) == back["mebias"]).all()
    frames = back.merge(train.keyframes, on=["clip", "coder", "pass", "keyframe"], validate="1:1")
    assert len(frames) == len(keyframes)
    assert (frames["frame"] == frames["mebias"]).all()

    original = cohort.keyframes.drop(columns="dataset")
    pd.testing.assert_frame_equal(test.keyframes.drop(columns="dataset"), original)


def test_other_cells_types_and_sheets_stay(tmp_path):
    _, cohort = loaded(tmp_path, "casme3", "micro-v2")
    done = export(cohort, selected(cohort), tmp_path / "out")
    old = openpyxl.load_workbook(tmp_path / "data" / done.table["file"].iloc[0])
    new = openpyxl.load_workbook(done.train[0])
    assert new.sheetnames == old.sheetnames
    assert [c.value for c in new["label"][1]][8:11] == [
        "Onset_human",
        "Onset_mebias",
        "Onset_status",
    ]
    assert new["label"]["C2"].value == "356"  # text, as the authors store whole numbers
    assert new["label"]["I2"].value == "355"
    assert new["label"]["J2"].value == "356"
    for row in range(1, old["label"].max_row + 1):
        for column in (1, 2, 6, 7, 8):
            a, b = old["label"].cell(row, column), new["label"].cell(row, column)
            assert (a.value, a.data_type) == (b.value, b.data_type)
    assert done.test[0].read_bytes() == (tmp_path / "data" / done.test[0].name).read_bytes()


def test_existing_code_reads_numbers_below_the_prose(tmp_path):
    _, cohort = loaded(tmp_path, "samm", "micro-v2")
    done = export(cohort, selected(cohort, by=2), tmp_path / "out")
    read = pd.read_excel(done.train[0], sheet_name="MICRO_ONLY", header=13)
    unchanged = pd.read_excel(done.test[0], sheet_name="MICRO_ONLY", header=13)
    assert list(read.columns[:12]) == list(unchanged.columns)
    assert read["Onset Frame"].dtype.kind == "i"
    assert (read["Onset Frame"] == unchanged["Onset Frame"] + 2).all()
    assert (read["Onset Frame_human"] == unchanged["Onset Frame"]).all()
    bad = read["Filename"] == "028_4_1"  # its apex is invalid, so nothing was selected
    assert read.loc[bad, "Apex Frame"].item() == 1143
    assert read.loc[bad, "Apex Frame_status"].item() == "absent"
    assert read["Duration"].equals(unchanged["Duration"])


def test_formulas_keep_their_results_and_styles_stay(tmp_path):
    built, _ = loaded(tmp_path, "samm", "micro-v2")
    path = built.tables[0]
    book = openpyxl.load_workbook(path)
    book["MICRO_ONLY"]["D15"].font = openpyxl.styles.Font(bold=True)
    book["MICRO_ONLY"]["E15"].number_format = "0.00"
    book.save(path)
    cohort = mebias.load("samm", built.root)
    done = export(cohort, selected(cohort), tmp_path / "out")
    sheet = openpyxl.load_workbook(done.train[0])["MICRO_ONLY"]
    assert sheet["D15"].font.bold
    assert sheet["E15"].number_format == "0.00"
    assert sheet["D15"].value == 5563


def test_failed_and_absent_keep_the_human_frame(tmp_path):
    _, cohort = loaded(tmp_path)
    first, second = cohort.clips["clip"][:2]
    keyframes = selected(cohort, failed=[first], only=("onset", "offset"))
    done = export(cohort, keyframes, tmp_path / "out")
    rows = list(csv.DictReader(done.train[0].read_text().splitlines()))
    assert (rows[0]["onset"], rows[0]["onset_mebias"], rows[0]["onset_status"]) == (
        "5",
        "",
        "failed",
    )
    assert (rows[1]["onset"], rows[1]["onset_human"], rows[1]["onset_mebias"]) == ("4", "3", "4")
    assert (rows[1]["apex"], rows[1]["apex_status"]) == ("10", "absent")
    table = pd.read_csv(done.folder / "keyframes_export.csv")
    own = table[(table["clip"] == second) & (table["keyframe"] == "onset")].iloc[0]
    where = ["file", "row", "column", "human", "mebias", "status", "source", "distance"]
    assert own[where].tolist() == [
        "annotations.csv", 3, "C", 3, 4, "selected", "gamdss", "signed",
    ]  # fmt: skip


def test_beside_leaves_the_cells_of_the_authors(tmp_path):
    _, cohort = loaded(tmp_path)
    done = export(cohort, selected(cohort), tmp_path / "out", columns="beside")
    new = list(csv.reader(done.train[0].read_text().splitlines()))
    old = list(csv.reader((tmp_path / "data/annotations.csv").read_text().splitlines()))
    width = len(old[0])
    assert [row[:width] for row in new] == old
    assert new[0][width:] == [f"{k}_{s}" for k in tables.KEYFRAMES for s in ("mebias", "status")]


def test_an_interval_gets_the_frame_at_both_ends(tmp_path):
    _, cohort = loaded(tmp_path, "casme", "2013")
    done = export(cohort, selected(cohort), tmp_path / "out")
    ends = done.table[done.table["keyframe"] == "apex_high"].dropna(subset=["mebias"])
    assert len(ends)
    apexes = done.table[done.table["keyframe"] == "apex"].set_index("clip")["mebias"]
    assert (ends["mebias"].to_numpy() == apexes[ends["clip"]].to_numpy()).all()


def test_a_sheet_without_header_gets_no_columns(tmp_path):
    built, cohort = loaded(tmp_path, "casmesq")
    done = export(cohort, selected(cohort), tmp_path / "out")
    old = openpyxl.load_workbook(built.tables[0]).worksheets[0]
    new = openpyxl.load_workbook(done.train[0]).worksheets[0]
    assert new.max_column == old.max_column
    with pytest.raises(errors.OptionError, match="no header row"):
        export(cohort, selected(cohort), tmp_path / "out2", columns="beside")
    assert not (tmp_path / "out2").exists()


@pytest.mark.parametrize("variant", ["micro-v2", "part-a-v2"])
def test_same_bytes_again_in_place_of_an_earlier_export(tmp_path, variant):
    _, cohort = loaded(tmp_path, "casme3", variant)
    first = export(cohort, selected(cohort), tmp_path / "out")
    before = {p: p.read_bytes() for p in sorted(first.folder.rglob("*")) if p.is_file()}
    export(cohort, selected(cohort), tmp_path / "out")
    after = {p: p.read_bytes() for p in sorted(first.folder.rglob("*")) if p.is_file()}
    assert after == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "out"]


def test_a_frame_that_is_not_on_disk_is_refused_by_name(tmp_path):
    _, cohort = loaded(tmp_path, frames=True)
    keyframes = selected(cohort)
    where = (keyframes["keyframe"] == "offset") & (keyframes["clip"] == cohort.clips["clip"][1])
    keyframes.loc[where, "frame"] = 999
    with pytest.raises(errors.FrameError, match=r"k2: the selected offset is frame 999.* 1 to 23"):
        export(cohort, keyframes, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            lambda k: pd.concat([k, k.assign(source="gamdss-released")]),
            "OptionError",
            "gamdss-released",
        ),
        (lambda k: pd.concat([k, k.assign(distance="uint8")]), "OptionError", "with uint8"),
        (lambda k: k.assign(clip="x/" + k["clip"]), "OptionError", "x/k1"),
        (lambda k: k.assign(frame=k["frame"] + 0.5), "TableError", "k1.*whole"),
        (lambda k: pd.concat([k, k]), "TableError", "more than once: the onset of k1"),
        (lambda k: k.assign(keyframe="peak"), "TableError", "peak"),
        (lambda k: k.assign(dataset="SIMULATED folder"), "MixedDataError", "SIMULATED folder"),
        (lambda k: k.assign(dataset="samm"), "OptionError", "samm"),
        (lambda k: k.assign(coder="someone"), "OptionError", "no cell .* the onset of k1"),
    ],
)
def test_refusals_name_what_is_wrong(tmp_path, change, error, words):
    _, cohort = loaded(tmp_path)
    with pytest.raises(getattr(errors, error), match=words):
        export(cohort, change(selected(cohort)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_on_disk_is_needed(tmp_path):
    cohort = mebias.simulate("4dme", n_subjects=5, n_clips=5, size=(16, 16))
    with pytest.raises(errors.OptionError, match="simulate --frames"):
        export(cohort, selected(cohort), tmp_path / "out")
    _, bare = loaded(tmp_path, "smic", "raw-hs", frames=True)
    with pytest.raises(errors.OptionError, match=r"no table to write back to.*keyframes\.csv"):
        export(bare, selected(bare), tmp_path / "out")


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    built, cohort = loaded(tmp_path)
    out = tmp_path / "out"
    export(cohort, selected(cohort), out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(errors.OutputError, match=r"notes\.txt"):
        export(cohort, selected(cohort), out)
    assert (out / "notes.txt").read_text() == "mine"
    for where in (built.root, built.root / "export", tmp_path):
        with pytest.raises(errors.OutputError, match="lie in one another"):
            export(cohort, selected(cohort), where)
    with pytest.raises(errors.OptionError, match="columns"):
        export(cohort, selected(cohort), tmp_path / "new", columns="both")


def test_an_export_is_not_exported_again(tmp_path):
    _, cohort = loaded(tmp_path)
    done = export(cohort, selected(cohort), tmp_path / "out")
    again = mebias.load("folder", done.folder / "train")
    with pytest.raises(errors.OptionError, match=r"onset_human.*already"):
        export(again, selected(again), tmp_path / "out2")


def test_a_keyframes_file_does_as_well(tmp_path):
    _, cohort = loaded(tmp_path)
    tables.write_csv(selected(cohort), tmp_path / "keyframes.csv")
    from_file = export(cohort, tmp_path / "keyframes.csv", tmp_path / "a")
    from_table = export(cohort, selected(cohort), tmp_path / "b")
    assert from_file.train[0].read_bytes() == from_table.train[0].read_bytes()


def test_a_simulation_stays_known_as_one(tmp_path):
    from mebias.simulation.write import write_folder

    made = mebias.simulate("4dme", n_subjects=5, n_clips=5, size=(16, 16))
    cohort = mebias.load("folder", write_folder(made, tmp_path / "data"))
    keyframes = mebias.reselect(cohort, rule="gamdss")
    done = export(cohort, keyframes, tmp_path / "out")
    for part in ("train", "test"):
        assert mebias.load("folder", done.folder / part).simulated
    assert tables.is_simulated(done.table["dataset"].iloc[0])


@pytest.mark.parametrize("variant", ["micro-v2", "part-a-v2"])
def test_expressions_told_apart_by_their_onset_keep_their_ids(tmp_path, variant):
    built, cohort = loaded(tmp_path, "casme3", variant)
    keyframes = selected(cohort)
    onset = keyframes["keyframe"] == "onset"
    keyframes.loc[onset & (keyframes["clip"] == "spNO.40/e#1860"), "frame"] = 1876
    done = export(cohort, keyframes, tmp_path / "out")
    again = mebias.load("casme3", done.folder / "train", **built.load_options)
    assert again.clips["clip"].tolist() == cohort.clips["clip"].tolist()
    row = again.keyframes.query("clip == 'spNO.40/e#1860' and keyframe == 'onset'")
    assert row["frame"].item() == 1876


def test_each_coder_has_a_row(tmp_path):
    rows = ["clip,subject,coder,onset,apex,offset,fps"]
    rows += [f"c1,s1,{coder},{3 + i},8,15,100" for i, coder in enumerate("xy")]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/annotations.csv").write_text("\n".join(rows) + "\n")
    cohort = mebias.load("folder", tmp_path / "data")
    keyframes = selected(cohort, only=("onset",))
    done = export(cohort, keyframes, tmp_path / "out")
    read = pd.read_csv(done.train[0])
    assert read[["onset", "onset_human"]].to_numpy().tolist() == [[4, 3], [5, 4]]
    with pytest.raises(errors.OptionError, match="several coders"):
        export(cohort, keyframes[:1].assign(coder=""), tmp_path / "out")
    assert pd.read_csv(done.train[0]).equals(read)


def test_the_room_is_callable(tmp_path):
    _, cohort = loaded(tmp_path)
    import mebias.export as room

    assert room(cohort, selected(cohort), tmp_path / "out").train[0].is_file()


def test_what_has_no_cell_stands_in_the_table_alone(tmp_path):
    _, cohort = loaded(tmp_path, "casme3-c", "micro")
    keyframes = pd.concat([selected(cohort), apexes(cohort, "failed", math.nan)])
    done = export(cohort, keyframes, tmp_path / "out")
    none = done.table[done.table["keyframe"] == "apex"]
    assert len(none) == len(cohort)
    assert set(none["status"]) == {"failed"}
    assert set(none["file"]) == {""}
    with pytest.raises(errors.OptionError, match=r"no cell .* the apex of"):
        export(cohort, apexes(cohort, "selected", 3.0), tmp_path / "out2")


def apexes(cohort, status, frame):
    return cohort.keyframes[cohort.keyframes["keyframe"] == "apex"].assign(
        source="gamdss", distance="signed", status=status, frame=frame
    )


REAL = os.environ.get("MEBIAS_CASME3_TABLES", "")


@pytest.mark.skipif(not REAL, reason="MEBIAS_CASME3_TABLES names no folder with the real tables")
@pytest.mark.parametrize(("version", "n"), [("micro-v2", 860), ("micro-v1", 921)])
def test_the_real_tables_of_casme3_read_back(tmp_path, version, n):
    cohort = mebias.load("casme3", REAL, version=version)
    assert len(cohort) == n
    done = export(cohort, selected(cohort), tmp_path / "out")
    train = mebias.load("casme3", done.folder / "train", version=version)
    place = ["file", "sheet", "row", "column"]
    back = train.cells.merge(done.table.dropna(subset=["mebias"]), on=place)
    assert len(back) == len(selected(cohort))
    assert (back["written"].astype(float) == back["mebias"]).all()
