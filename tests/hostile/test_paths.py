"""Nothing outside of a data root is read, whatever its tables, names, links or manifest say."""

import csv
import os
import socket

import cv2
import numpy as np
import pytest
from contained import contained

from mebias import tables
from mebias.cli import main
from mebias.datasets import load
from mebias.datasets.frames import FolderFrames
from mebias.datasets.video import VideoFrames
from mebias.datasets.workbook import read_sheets
from mebias.errors import MebiasError
from mebias.manifests import read_manifest
from mebias.reading import LINKS

HEADER = ["clip", "subject", "onset", "apex", "offset", "fps"]
PICTURE = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with one clip, and beside it what nobody may see."""
    monkeypatch.delenv(LINKS, raising=False)
    for folder in ("data/frames/c1", "secret/c1"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(1, 10):
            (tmp_path / folder / f"{number}.png").write_bytes(PICTURE)
    write(tmp_path / "data", ["c1", "s1", 3, 5, 8, 100])
    write(tmp_path / "secret", ["c1", "s1", 3, 5, 8, 100])
    return tmp_path / "data"


def write(root, *rows, header=HEADER):
    with (root / "annotations.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def ended(call, *words):
    said = contained(call)
    for word in words:
        assert word in said, said
    return said


def test_the_folder_itself_is_read(root):
    assert load("folder", root).frames.read("c1", 3).shape == (8, 8)


@pytest.mark.parametrize(
    "clip", ["../secret/c1", "/etc", "..", "c1/../../secret/c1", "a\\b", "C:x"]
)
@pytest.mark.parametrize("column", ["clip", "subject", "frames"])
def test_names_that_leave_the_root(root, clip, column):
    row = dict(zip(HEADER, ["c1", "s1", 3, 5, 8, 100], strict=True)) | {"frames": "", column: clip}
    write(root, list(row.values()), header=list(row))
    if column == "frames" and load_columns(root) == set(HEADER):
        pytest.skip("this layout has no such column")
    ended(lambda: load("folder", root), "row 2", "inside the data root")


def load_columns(root):
    from mebias.manifests import get_manifest

    return set(get_manifest("folder").annotation().columns)


@pytest.mark.parametrize("name", ["*", "**", "c*", "[c]1", "{clip}", "{clip.__class__}", "%s", "~",
                                  "$HOME", "-", "c1\u200f", "\u0645\u0642\u0637\u0639", "😀👩‍👩‍👧",
                                  "a" * 255, "CON", "c1 ", ".", "=1+1"])  # fmt: skip
def test_odd_names_find_their_own_folder_or_none(root, name):
    if name != ".":
        (root / "frames" / name).mkdir(exist_ok=True)
        (root / "frames" / name / "4.png").write_bytes(PICTURE)
    write(root, [name, "s1", 3, 5, 8, 100])
    try:
        cohort = load("folder", root)
    except MebiasError as error:
        assert "\n" not in str(error)
        assert name in ("*", "**", "c*", "."), str(error)
        return
    folder = cohort.frames.folders[cohort.clips["clip"].iloc[0]]
    assert folder == f"frames/{name.strip()}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\nb", "a line break"),
        ("a\tb", "a tab"),
        ("a\x1b[2Jb", "U+001B"),
        ("a\x00b", "U+0000"),
        ("a\x7fb", "U+007F"),
        ("a\x85b", "U+0085"),
        ("a\u2028b", "LINE SEPARATOR"),
        ("a\u202egnp.b", "RIGHT-TO-LEFT OVERRIDE"),
        ("a\u2066b", "LEFT-TO-RIGHT ISOLATE"),
        ("a" * 256, "at most 255"),
    ],
)
@pytest.mark.parametrize("column", [0, 1])
def test_names_that_nobody_could_read_are_refused(root, name, words, column):
    row = ["c1", "s1", 3, 5, 8, 100]
    row[column] = name
    write(root, ["c0", "s1", 3, 5, 8, 100], row)
    said = ended(lambda: load("folder", root), "row 3", words)
    assert said.isprintable()


def test_free_texts_with_line_breaks_and_controls_are_read_and_shown_harmlessly(
    root, capsys, tmp_path
):
    row = ["c1", "s1", 3, 5, 8, 100, "happy\n\x1b[31mred\u202e", "=cmd|' /C calc'!A0"]
    write(root, row, header=[*HEADER, "emotion", "ethnicity"])
    assert main(["audit", "folder", "--root", str(root), "--out", str(tmp_path / "o")]) == 0
    shown = "".join(capsys.readouterr())
    assert "\x1b" not in shown
    assert "\u202e" not in shown


LINKED = {
    "the folder of all frames": ("frames", "../secret"),
    "the folder of a clip": ("frames/c1", "../../secret/c1"),
    "an absolute folder": ("frames/c1", "/etc"),
    "one image": ("frames/c1/4.png", "../../../secret/c1/4.png"),
    "a device as an image": ("frames/c1/4.png", "/dev/zero"),
    "the table": ("annotations.csv", "../secret/annotations.csv"),
    "a table that is a device": ("annotations.csv", "/dev/zero"),
    "a table of passwords": ("annotations.csv", "/etc/passwd"),
    "the mark": ("SIMULATED.json", "/etc/passwd"),
    "a folder that holds itself": ("frames/c1", "../frames"),
    "a link to itself": ("annotations.csv", "annotations.csv"),
}


@pytest.mark.parametrize("name", LINKED)
def test_links_out_of_the_root(root, name):
    path, target = root / LINKED[name][0], LINKED[name][1]
    if path.is_dir():
        path.rename(path.with_name("away"))
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    said = ended(lambda: load("folder", root))
    assert "root:" not in said
    if "itself" not in name and "device" not in name:
        assert "a link that leads out of the data root" in said
        assert f"{LINKS}=follow" in said
    assert said != "done" or name == "a folder that holds itself"


def test_links_inside_of_the_root_and_roots_that_are_links(root, tmp_path):
    (root / "frames" / "c1").rename(root / "stored")
    (root / "frames" / "c1").symlink_to("../stored")
    (root / "stored" / "9.png").unlink()
    (root / "stored" / "9.png").symlink_to("8.png")
    (tmp_path / "elsewhere").symlink_to(root)
    assert len(load("folder", tmp_path / "elsewhere").frames.numbers("c1")) == 9


def test_links_of_ones_own_are_followed_on_request(root, monkeypatch):
    (root / "frames").rename(root.parent / "large-disk")
    (root / "frames").symlink_to(root.parent / "large-disk")
    ended(lambda: load("folder", root), "a link that leads out of the data root")
    monkeypatch.setenv(LINKS, "follow")
    assert load("folder", root).frames.read("c1", 3).shape == (8, 8)


def fifo(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)  # a socket's path is short
        made.bind(path.name)


@pytest.mark.parametrize("make", [fifo, listening, os.mkdir])
def test_what_is_no_file_is_not_waited_for(root, make, monkeypatch):
    monkeypatch.chdir(root)
    image, table = root / "frames" / "c1" / "4.png", root / "annotations.csv"
    image.unlink()
    make(image)
    ended(lambda: load("folder", root).frames.read("c1", 4), "4.png cannot be read (it is a")
    table.unlink()
    make(table)
    ended(lambda: load("folder", root), "annotations.csv")
    for read in (
        lambda: read_sheets(table),
        lambda: tables.read_text_csv(table),
        lambda: main(["quantify", str(table), "--debug"]),
    ):
        ended(read, "annotations.csv cannot be read (it is a")
    make(root / "a.toml")
    ended(lambda: read_manifest(root / "a.toml"), "a.toml cannot be read")
    make(root / "a.avi")
    ended(lambda: VideoFrames(root, {"c": "a.avi"}).numbers("c"), "a.avi cannot be read")
    make(root / "SIMULATED.json")
    ended(lambda: load("folder", root), "SIMULATED.json")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/random", "/proc/self/mem",
                                    "/proc/kcore"])  # fmt: skip
def test_devices_given_as_files(device):
    for read in (read_sheets, tables.read_text_csv, read_manifest):
        from pathlib import Path

        said = ended(lambda read=read: read(Path(device)))
        assert "cannot be read" in said or "not found" in said


TOML = """
id = "faces"
name = "FACES"
citation = "Doe 2026"
license = "on request"
request = "https://example.org"
modality = "color"
index_base = 1
inclusive_offset = true
fps = 100.0
[[annotations]]
version = "first"
default = true
files = ["labels.csv"]
key = ["subject", "clip"]
[annotations.columns]
subject = ["subject"]
clip = ["clip"]
onset = ["onset"]
apex = ["apex"]
offset = ["offset"]
[frames]
patterns = ["frames/{clip}"]
"""


def manifest(root, old="", new=""):
    assert not old or old in TOML
    (root / "faces.toml").write_text(TOML.replace(old, new, 1) if old else TOML)
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, ["c1", "s1", 3, 5, 8, 100]])
    return root / "faces.toml"


def test_the_manifest_itself_is_read(root):
    assert load(manifest(root), root).frames.read("s1/c1", 3).shape == (8, 8)


@pytest.mark.parametrize("pattern", ["../secret/{clip}", "/etc/{clip}", "a/../../secret/{clip}",
                                     "a\\\\b", "{clip:>999999999}", "{clip!r}", "{clip.__class__}",
                                     "{0}", "{", "{clip[0]}", 7])  # fmt: skip
def test_frame_patterns_that_leave_the_root_or_run_code(root, pattern):
    new = f'"{pattern}"' if isinstance(pattern, str) else str(pattern)
    path = manifest(root, '"frames/{clip}"', new)
    ended(lambda: load(path, root), "faces.toml", "pattern")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..", "", "x" * 65, "a\\nb", "a b"])
def test_an_id_names_a_folder_for_results(root, name):
    ended(lambda: read_manifest(manifest(root, '"faces"', f'"{name}"')), "faces.toml: id is")


@pytest.mark.parametrize("files", ["../secret/annotations.csv", "/etc/passwd", "*/../*", "["])
def test_names_of_tables_are_names_only(root, files):
    path = manifest(root, "labels.csv", files)
    said = ended(lambda: load(path, root))
    assert "holds no annotation file" in said or "has no table" in said


@pytest.mark.parametrize("pattern", ["(a+)+$", "((a|aa)+)$", "(.*)*x", "(a?a?)+b", r"(.)\\1+",
                                     "(.*.*.*.*x)", "(" * 101 + ")" * 101, "(a{99999999})", "(",
                                     "a", "(" + "a" * 300 + ")", "((a{1,9}){1,9})"])  # fmt: skip
def test_patterns_that_never_end(root, pattern):
    text = f"[frames]\n[annotations.derive]\nx = {{of = \"clip\", pattern = '{pattern}'}}\n"
    said = ended(lambda: read_manifest(manifest(root, "[frames]", text + "[frames]")))
    assert "faces.toml" in said


def test_many_asterisks_cost_no_more_than_one(root):
    names = {"a" * 250: ["a" * 250]}
    from mebias.datasets.frames import _Tree

    tree = _Tree(root)
    tree._below[""] = names
    assert contained(lambda: tree.find("*a" * 60 + "b")) == "done"
    assert tree.find("*a" * 60) == "a" * 250


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fps = 100.0", "fps = nan"),
        ("fps = 100.0", "fps = inf"),
        ("fps = 100.0", "fps = 0"),
        ("fps = 100.0", "fps = -3"),
        ("index_base = 1", "index_base = inf"),
        ("index_base = 1", f"index_base = {10**30}"),
        ("index_base = 1", "index_base = []"),
        ('"FACES"', "3"),
        ('"FACES"', '"a\\u202eb"'),
        ('["labels.csv"]', '"labels.csv"'),
        ('["subject", "clip"]', '"subject"'),
        ('["subject"]', "[[1]]"),
        ("[frames]", "[subjects]\nwidth = 1000000000\n[frames]"),
        ("[frames]", "[annotations.positions]\nonset = -1\n[frames]"),
        ("[frames]", "[published]\nclips = inf\n[frames]"),
        ("[frames]", '[labels]\na = "b"\n[frames]'),
        ("[frames]", '[labels.a]\nb = 3\n[frames]'),
        ("[frames]", "[simulation]\nn_subjects=5\nn_clips=1000000000000\nfps=30\n"
         "rise={mean_ms=0,sd_ms=1}\nfall={mean_ms=1,sd_ms=1}\ngroups={a=1}\nemotions={a=1}\n[frames]"),
        ("[[annotations]]", "[annotations]"),
        ("inclusive_offset = true", "inclusive_offset = true\nnotes = 3"),
    ],
)  # fmt: skip
def test_values_out_of_all_reason(root, old, new):
    ended(lambda: load(manifest(root, old, new), root), "faces.toml")


def test_frames_of_another_root_cannot_be_reached_by_a_pickled_source(root):
    frames = FolderFrames(root, {"c1": "../secret/c1"})
    ended(lambda: frames.read("c1", 4), "out of the data root")
