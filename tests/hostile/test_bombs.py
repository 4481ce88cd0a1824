"""Small files that would take much memory or time: one sentence, within 1 GiB and 5 seconds."""

import io
import struct
import zipfile
import zlib

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest
import xlwt
from contained import contained

from mebias import tables
from mebias.datasets import load
from mebias.datasets.frames import FolderFrames
from mebias.datasets.video import VideoFrames
from mebias.datasets.workbook import read_sheets
from mebias.manifests import read_manifest
from mebias.recognition.checkpoints import Kept
from mebias.recognition.maps_file import read_maps
from mebias.selection.cache import Cache

HEAD = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TAIL = "</sheetData></worksheet>"


def workbook(path, sheet=None, **parts):
    """A workbook whose first sheet, or other parts, are replaced."""
    made = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.save(made)
    parts = {"xl/worksheets/sheet1.xml": sheet, **parts}
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.pop(name, None) or old.read(name))
        for name, data in parts.items():
            new.writestr(name, data)
    return path


def test_a_workbook_that_unpacks_to_a_gigabyte(tmp_path):
    path = workbook(tmp_path / "a.xlsx", HEAD + "<row><c><v>1</v></c></row>" * 4_000_000 + TAIL)
    assert path.stat().st_size < 2**20
    assert "of cells, expected at most 16" in contained(read_sheets, path)


def test_texts_that_unpack_to_a_gigabyte(tmp_path):
    texts = "<sst>" + "<si><t>aaaaaaaaaaaaaaaaaaaaaa</t></si>" * 3_000_000 + "</sst>"
    path = workbook(tmp_path / "a.xlsx", **{"xl/sharedStrings.xml": texts})
    assert "of cells, expected at most 16" in contained(read_sheets, path)


def test_the_most_that_is_read_takes_no_more_than_the_limits(tmp_path):
    rows = "<row><c><v>1</v></c><c><v>2</v></c></row>"
    path = workbook(tmp_path / "a.xlsx", HEAD + rows * (16_700_000 // len(rows)) + TAIL)
    assert contained(read_sheets, path, seconds=20) == "done"


@pytest.mark.parametrize(
    "sheet",
    [
        '<row r="99999999999999"><c r="A99999999999999"><v>1</v></c></row>',
        "".join(f'<row r="{i}"><c r="ZZZ{i}"><v>1</v></c></row>' for i in range(1, 9000)),
        '<row r="1"><c r="AAAAAAA1"><v>1</v></c></row>',
        '<row r="-5"><c><v>1</v></c></row>',
    ],
    ids=["a row far down", "columns far right", "a column that is none", "a negative row"],
)
def test_a_sheet_that_names_more_cells_than_it_has(tmp_path, sheet):
    said = contained(read_sheets, workbook(tmp_path / "a.xlsx", HEAD + sheet + TAIL))
    assert said == "done" or "blank ones included" in said or "not a readable workbook" in said


def test_one_cell_at_the_end_of_an_old_sheet(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("s")
    sheet.write(65535, 255, 1)
    book.save(str(tmp_path / "a.xls"))
    assert contained(read_sheets, tmp_path / "a.xls") == "done"
    (only,) = read_sheets(tmp_path / "a.xls")[0].rows
    assert only[0] == 65536


@pytest.mark.parametrize(
    "entity",
    [
        '<!ENTITY a "{}">'.format("x" * 90)
        + "".join(
            f'<!ENTITY {b} "{"&" + a + ";" * 1}{("&" + a + ";") * 9}">'
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        '<!ENTITY i SYSTEM "file:///etc/passwd">',
    ],
    ids=["a billion laughs", "another file"],
)
def test_entities_in_a_workbook(tmp_path, entity):
    row = '<row><c t="inlineStr"><is><t>&i;</t></is></c></row>'
    sheet = f"<!DOCTYPE w [{entity}]>{HEAD[21:]}{row}{TAIL}"
    said = contained(read_sheets, workbook(tmp_path / "a.xlsx", sheet))
    assert said == "done" or "not a readable workbook" in said
    assert "root:" not in said


def png(height, width, data=b""):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def bmp(height, width):
    return b"BM" + struct.pack(
        "<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 1, 0, 0, 0, 0, 0
    )


def jpeg(height, width):
    data = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


IMAGES = {
    "png of 100,000 x 100,000": ("1.png", png(100_000, 100_000)),
    "png whose pixels are there": ("1.png", png(30_000, 30_000, zlib.compress(bytes(2**24)))),
    "png of 4 billion squared": ("1.png", png(2**32 - 1, 2**32 - 1)),
    "png of 0 x 0": ("1.png", png(0, 0)),
    "jpeg of 65,500 x 65,500": ("1.jpg", jpeg(65_500, 65_500)),
    "jpeg of 8,000 x 8,000 without pixels": ("1.jpg", jpeg(8_000, 8_000)),
    "bmp of 100,000 x 100,000": ("1.bmp", bmp(100_000, 100_000)),
    "bmp upside down": ("1.bmp", bmp(-(2**31), 2**31 - 1)),
    "a tiff by the name of a png": ("1.png", b"II*\0" + bytes(64)),
    "a playlist": ("1.png", b"#EXTM3U\n/etc/passwd\n"),
    "jpeg of a thousand scans": (
        "1.jpg",
        jpeg(64, 64)[:-2] + b"\xff\xda\0\x08" * 600 + b"\xff\xd9",
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_that_states_more_than_it_has(tmp_path, name):
    file, data = IMAGES[name]
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / file).write_bytes(data)
    said = contained(FolderFrames(tmp_path, {"c": "c"}).read, "c", 1)
    assert said == "done" or file in said
    if "100,000" in name:
        assert "pixels, expected at most" in said or "truncated" in said


def test_the_largest_image_that_is_read(tmp_path):
    (tmp_path / "c").mkdir()
    done, data = cv2.imencode(".png", np.zeros((4096, 8192), np.uint8))
    assert done
    (tmp_path / "c" / "1.png").write_bytes(data.tobytes())
    assert contained(FolderFrames(tmp_path, {"c": "c"}).read, "c", 1) == "done"


@pytest.mark.parametrize("size", [2**29, 2**40])
def test_files_full_of_nothing(tmp_path, size):
    """Sparse files: they take no disk and would take all memory."""
    (tmp_path / "c").mkdir()
    for name in ("c/1.png", "annotations.csv", "a.toml", "t.csv"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    assert (
        "GiB, expected at most" in contained(FolderFrames(tmp_path, {"c": "c"}).read, "c", 1)
        or size < 2**30
    )
    for call in (
        lambda: load("folder", tmp_path),
        lambda: read_manifest(tmp_path / "a.toml"),
        lambda: tables.read_csv(tmp_path / "t.csv", "shifts"),
    ):
        assert "expected at most" in contained(call)


def npy(shape, dtype="<f4", body=b""):
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + body


def archive(path, compression=zipfile.ZIP_DEFLATED, **entries):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in entries.items():
            file.writestr(f"{name}.npy", data)
    return path


CLIPS = npy((2,), "<U1", "ab".encode("utf-32-le"))
ARCHIVES = {
    "a huge array that is not there": {"rising": npy((10**6, 3, 999, 999))},
    "more than there are numbers": {"rising": npy((2**62, 2**62))},
    "a negative shape": {"rising": npy((-1, 3, 2, 2))},
    "a huge text": {"clip": npy((2,), "<U999999999")},
    "nested without end": {"rising": npy("(" * 4000)},
    "objects": {"rising": npy((2,), "|O", b"cos\nsystem\n(S'true'\ntR.")},
    "a dtype that is none": {"rising": npy((2, 1, 2, 2), "<q99")},
    "nothing": {"rising": b""},
    "zeros by the gigabyte": {"rising": npy((2, 3, 2**13, 2**13), body=bytes(2**28) * 2)},
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_of_maps_that_is_all_promise(tmp_path, name):
    entries = {"clip": CLIPS, "rising": npy((2, 1, 1, 1), body=bytes(8)), **ARCHIVES[name]}
    path = archive(tmp_path / "maps.npz", **entries)
    assert path.stat().st_size < 2**20
    (tmp_path / "clips.csv").write_text("clip,subject,label\na,s,1\nb,t,2\n")
    assert "maps.npz" in contained(read_maps, path, tmp_path / "clips.csv")


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_in_another_way_and_cut_off(tmp_path, packed):
    (tmp_path / "clips.csv").write_text("clip,subject,label\na,s,1\nb,t,2\n")
    whole = archive(tmp_path / "maps.npz", packed, clip=CLIPS,
                    rising=npy((2, 1, 8, 8), body=bytes(512))).read_bytes()  # fmt: skip
    for place in range(40, len(whole), 17):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "maps.npz").write_bytes(damaged)
        contained(read_maps, tmp_path / "maps.npz", tmp_path / "clips.csv")


def test_a_kept_fold_that_is_a_bomb(tmp_path, recwarn):
    kept = Kept.__new__(Kept)
    kept.folder, kept.mark = tmp_path, "m"
    kept.job = type("Job", (), {"recipe": None, "record_epochs": False, "folds": [((), (0, 1))],
                                "classes": 2, "keep_weights": False})()  # fmt: skip
    mark = npy((), "<U1", "m".encode("utf-32-le"))
    for probabilities in (npy((10**9, 2, 2), "<f8"), npy((1, 2, 2), "|O", b"x"), b""):
        archive(tmp_path / "fold-000.npz", fingerprint=mark, probabilities=probabilities)
        assert contained(kept.get, 0) == "done"
        assert kept.get(0) is None


def test_a_cache_entry_that_somebody_made_up(tmp_path):
    cache = Cache(tmp_path)
    key = cache.key("a")
    cache.put(key, [{"frame": 1}])
    path = next(tmp_path.rglob("*.json"))
    from mebias.selection.cache import _checksum

    for text in ("[" * 100_000, '{"a": 1}', "[1]", '[{"a": {}}]', "NaN", '[{"a": [1]}]'):
        path.write_text(f"{_checksum(text)}\n{text}")
        assert contained(cache.get, key) == "done"
        assert cache.get(key) is None


def video(path, size=(16, 16), frames=3):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30, size)
    for _ in range(frames):
        writer.write(np.zeros((*size[::-1], 3), np.uint8))
    writer.release()
    return path.read_bytes()


def test_videos_that_are_none_or_state_too_much(tmp_path):
    whole = video(tmp_path / "a.avi")
    large = whole.replace(struct.pack("<II", 16, 16), struct.pack("<II", 90_000, 90_000))
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n"
    for data in (large, playlist, b"ffconcat version 1.0\nfile /etc/passwd\n", b"", whole[:200]):
        (tmp_path / "a.avi").write_bytes(data)
        said = contained(VideoFrames(tmp_path, {"c": "a.avi"}).numbers, "c")
        assert said == "done" or "a.avi" in said
    (tmp_path / "a.avi").write_bytes(playlist)
    assert "not a readable video (AVI or MP4)" in contained(
        VideoFrames(tmp_path, {"c": "a.avi"}).numbers, "c"
    )


def test_few_large_frames_of_a_video_are_kept(tmp_path, monkeypatch):
    video(tmp_path / "a.avi", (64, 64), frames=30)
    monkeypatch.setattr("mebias.datasets.video._MOST_KEPT", 5 * 64 * 64 * 3)
    frames = VideoFrames(tmp_path, {"c": "a.avi"})
    for number in (30, 29, 1, 30):
        assert frames.read("c", number).shape == (64, 64, 3)
    assert len(frames._kept) == 5


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 60_000,
        "a = " + "{b=" * 10_000,
        ".".join("a" * 20_000) + " = 1",
        "[" + ".".join("a" * 20_000) + "]",
        "a = " + "9" * 100_000,
        'id = "' + "x" * 200_000 + '"',
        "\0",
    ],
    ids=["lists", "tables", "a key", "a header", "a number", "a text", "nothing"],
)
def test_a_manifest_that_keeps_its_reader_busy(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    assert "a.toml" in contained(read_manifest, tmp_path / "a.toml")


def test_a_table_of_small_rows_and_of_one_huge_cell(tmp_path):
    (tmp_path / "t.csv").write_text("clip,subject\n" + ",\n" * 2_000_000)
    assert "no column" in contained(tables.read_csv, tmp_path / "t.csv", "shifts")
    (tmp_path / "t.csv").write_text("clip\n" + "x" * 10_000_000)
    assert "field larger than field limit" in contained(
        tables.read_csv, tmp_path / "t.csv", "shifts"
    )
    pd.DataFrame({"clip": ["a"]}).to_csv(tmp_path / "t.csv")
