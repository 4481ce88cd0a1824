"""What is fuzzed: each target takes bytes, and only mebias errors may come out.

``python tests/fuzz/targets.py [TARGET ...] [-runs=N] [-seed=N] [-max_total_time=S]`` fuzzes with
atheris, guided by coverage; without atheris, bytes of the seeds are changed at random. An input
that ends in anything else is kept in the folder that ``FUZZ_FOUND`` names, or the current one.
"""

import io
import json
import math
import os
import random
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

sys.path.insert(0, str(Path(__file__).parents[2]))
FOUND = Path(__file__).parent / "found"
"""Inputs that once ended in something else, by target."""


def _imported():
    import mebias.recognition.maps_file
    import mebias.selection.cache
    from mebias.datasets import codings, frames, load, workbook
    from mebias.manifests import card, read_manifest

    return {
        "cache": mebias.selection.cache, "maps": mebias.recognition.maps_file, "load": load,
        "codings": codings, "frames": frames, "workbook": workbook, "card": card,
        "read_manifest": read_manifest, "tables": mebias.tables, "quantify": mebias.quantify,
    }  # fmt: skip


def _loaded():
    if atheris is None or __name__ != "__main__":
        return _imported()
    with atheris.instrument_imports(include=["mebias", "tomllib", "xlrd", "openpyxl"]):
        return _imported()


M = _loaded()
from mebias.errors import MebiasError  # noqa: E402 (after what is instrumented)

PLACE = Path(tempfile.mkdtemp(prefix="mebias-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm")
                              else None))  # fmt: skip
HEADER = "clip,subject,onset,apex,offset,fps,emotion,aus,ethnicity,coder,pass\n"


def _root(name, data, file="annotations.csv"):
    folder = PLACE / name
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes(data)
    return folder


def annotations(data):
    """A table in the layout of ``folder``, loaded."""
    cohort = M["load"]("folder", _root("annotations", data))
    assert len(cohort.keyframes) >= 3 * len(cohort.clips) > 0
    frames = cohort.keyframes["frame"].dropna()
    assert ((frames >= 0) & (frames % 1 == 0)).all()


def workbook(data):
    """A workbook of SAMM: its sheet, its texts, its styles or all of it are the bytes."""
    kind, rest = data[:1], data[1:]
    parts = {b"s": "xl/worksheets/sheet1.xml", b"t": "xl/sharedStrings.xml",
             b"y": "xl/styles.xml", b"w": "xl/workbook.xml"}  # fmt: skip
    if kind in parts:
        rest = _zipped(SAMM_PARTS | {parts[kind]: rest})
    M["load"]("samm", _root("workbook", rest, SAMM), fps=200)


def old_workbook(data):
    """An xls."""
    M["workbook"].read_sheets(_root("old", data, "a.xls") / "a.xls")


def manifest(data):
    """A manifest, its card, and a folder read by it."""
    folder = _root("manifest", data, "faces.toml")
    (folder / "labels.csv").write_text(HEADER + "c1,s1,3,5,8,100,joy,4,,,\nc_2,S2,4,,9,50,x,,,,\n")
    made = M["read_manifest"](folder / "faces.toml")
    assert M["card"](made)
    assert not set(made.id) & set("/\\\0\n")
    M["load"](folder / "faces.toml", folder)


def shifts(data):
    """A table for ``quantify``, and what comes of it where it is small."""
    table = M["tables"].read_csv(_root("shifts", data, "t.csv") / "t.csv", "shifts")
    if DEEP and len(table) < 30:
        found = M["quantify"](table, seed=0)
        for bound in found.estimates[["conf_low", "conf_high"]].to_numpy(float).ravel():
            assert math.isnan(bound) or math.isfinite(bound)


def codings(data):
    """Codings of several coders, or an export of ELAN."""
    table = M["codings"].read_codings(_root("codings", data, "c.csv") / "c.csv", fps=100)
    assert len(table)


def image(data):
    """An image; the sums of a PNG's chunks are mended, so that what is in them counts."""
    kind = {b"p": ".png", b"j": ".jpg", b"b": ".bmp"}.get(data[:1], ".png")
    folder = PLACE / "image"
    (folder / "c").mkdir(parents=True, exist_ok=True)
    for old in (folder / "c").iterdir():
        old.unlink()
    (folder / "c" / f"1{kind}").write_bytes(_summed(data[1:]))
    read = M["frames"].FolderFrames(folder, {"c": "c"}).read("c", 1)
    assert read.dtype == "uint8"
    assert read.ndim in (2, 3)
    assert read.size


def maps(data):
    """An archive of maps: an array of it, or all of it, are the bytes."""
    kind, rest = data[:1], data[1:]
    parts = {b"c": "clip.npy", b"r": "rising.npy", b"f": "falling.npy"}
    if kind in parts:
        rest = _zipped(MAP_PARTS | {parts[kind]: rest})
    folder = _root("maps", rest, "maps.npz")
    (folder / "clips.csv").write_text("clip,subject,label\na,s,1\nb,t,2\n")
    made = M["maps"].read_maps(folder / "maps.npz", folder / "clips.csv")
    assert len(made) > 0


def cache(data):
    """An entry of the cache whose checksum is right."""
    made = M["cache"].Cache(PLACE / "cache")
    key = made.key("a")
    path = made._path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    assert made.get(key) is None or data[64:65] == b"\n"
    text = data.decode("utf-8", "replace")
    path.write_text(f"{M['cache']._checksum(text)}\n{text}", encoding="utf-8", newline="")
    rows = made.get(key)
    assert rows is None or all(isinstance(row, dict) for row in rows)


TARGETS = {f.__name__: f for f in (annotations, workbook, old_workbook, manifest, shifts, codings,
                                   image, maps, cache)}  # fmt: skip
SECONDS = 5.0
DEEP = False
"""Whether tables are quantified, too, which takes long."""


def run(name, data):
    """One input: True where it is taken, False where it is refused in one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        start = time.process_time()
        try:
            TARGETS[name](data)
        except MebiasError as error:
            text = str(error)
            assert text.strip(), repr(error)
            assert "\n" not in text, text
            return False
        finally:
            # The processor's time: others may be using it, so the clock says nothing.
            assert time.process_time() - start < SECONDS, "it takes too long"
    return True


def _zipped(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


def _summed(data):
    """A PNG with the right sums, as far as its chunks go."""
    if data[:4] != b"\x89PNG":
        return data
    pieces, place = [data[:8]], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        if place + 12 + length > len(data):
            break
        body = data[place + 4 : place + 8 + length]
        pieces.append(data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + length
    return b"".join([*pieces, data[place:]])


SAMM = "SAMM_Micro_FACS_Codes_v2.xlsx"


def _samm():
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "MICRO_ONLY"
    book.active.append(["Subject", "Filename", "Onset Frame", "Apex Frame", "Offset Frame",
                        "Estimated Emotion", "Action Units", "Micro"])  # fmt: skip
    book.active.append(["006", "006_1_2", 10, 20, 30, "Anger", "4", "Micro - 1/2"])
    book.active.append(["007", "007_1_2", 10, "/", 30.0, None, "4+7", "Micro - 1/2"])
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as file:
        return {name: file.read(name) for name in file.namelist()}


def _arrays():
    import numpy as np

    found = {}
    for name, values in (("clip", np.array(["a", "b"])),
                         ("rising", np.ones((2, 1, 2, 2), np.float32)),
                         ("falling", np.zeros((2, 1, 2, 2), np.float32))):  # fmt: skip
        out = io.BytesIO()
        np.save(out, values)
        found[f"{name}.npy"] = out.getvalue()
    return found


SAMM_PARTS, MAP_PARTS = _samm(), _arrays()


def seeds(name):
    """Small inputs that are well formed, and those of `FOUND`."""
    folder = FOUND / name
    kept = [path.read_bytes() for path in sorted(folder.glob("*"))] if folder.is_dir() else []
    return [*_seeds(name), *kept]


def _seeds(name):
    import cv2
    import numpy as np
    import xlwt

    if name == "annotations":
        rows = "c1,s1,3,5,8,100,joy,4+7,A,ann,1\nc2,s2,0,,9,,sad,,,bo,2\n"
        semicolons = HEADER.replace(",", ";") + "a;b;1;2;3;4;;;;;\n"
        marked = b"\xef\xbb\xbfClip,SUBJECT,Onset frame,apex,offset,fps\n'=a,s,1.0,/,3,60\n"
        return [(HEADER + rows).encode(), semicolons.encode(), marked]
    if name == "workbook":
        kinds = {"s": "xl/worksheets/sheet1.xml", "t": "xl/sharedStrings.xml",
                 "y": "xl/styles.xml", "w": "xl/workbook.xml"}  # fmt: skip
        return [*(kind.encode() + SAMM_PARTS[part] for kind, part in kinds.items()
                  if part in SAMM_PARTS), b"-" + _zipped(SAMM_PARTS)]  # fmt: skip
    if name == "old_workbook":
        book = xlwt.Workbook()
        sheet = book.add_sheet("s")
        for row, cells in enumerate((["a", 1, 2.5], ["", True, "é"])):
            for column, cell in enumerate(cells):
                sheet.write(row, column, cell)
        out = io.BytesIO()
        book.save(out)
        return [out.getvalue()]
    if name == "manifest":
        shipped = Path(__file__).parents[2] / "data_manifests"
        own = (Path(__file__).parent / "faces.toml").read_bytes()
        return [own, *((shipped / f"{n}.toml").read_bytes() for n in ("folder", "casmesq", "smic"))]
    if name == "shifts":
        head = "clip,subject,keyframe,human,selected,fps,ethnicity,source\n"
        rows = [
            f"c{i},s{i % 4},{k},{h},{h + i % 3},100,{'AB'[i % 2]},r\n"
            for i in range(6)
            for k, h in (("onset", 3), ("apex", 5), ("offset", 9))
        ]
        return [(head + "".join(rows)).encode(), (head + rows[0]).encode()]
    if name == "codings":
        return [b"subject,coder,onset,apex,offset,event\ns1,a,1,2,3,e\ns1,b,1,,4,e\n",
                b"event@ann\tp1\t00:00:01.000\t00:00:02.000\t00:00:01.000\n"
                b"apex@ann\tp1\t00:00:01.200\t00:00:01.300\t00:00:00.100\n",
                b"Tier\tParticipant\tBegin Time - msec\tEnd Time - msec\n"
                b"event@a\tp\t1\t9\n"]  # fmt: skip
    if name == "image":
        gray = np.arange(48, dtype=np.uint8).reshape(6, 8)
        color = np.dstack([gray, gray, gray])
        return [mark.encode() + cv2.imencode(suffix, picture)[1].tobytes()
                for mark, suffix in (("p", ".png"), ("j", ".jpg"), ("b", ".bmp"))
                for picture in (gray, color)]  # fmt: skip
    if name == "maps":
        kinds = {"c": "clip.npy", "r": "rising.npy", "f": "falling.npy"}
        return [*(kind.encode() + MAP_PARTS[part] for kind, part in kinds.items()),
                b"-" + _zipped(MAP_PARTS)]  # fmt: skip
    rows = [{"clip": "c", "frame": 7, "score": 0.5, "reason": None, "at_edge": True}]
    return [json.dumps(rows).encode(), b"[]", b"{}"]


_PIECES = [b"=", b",", b"\n", b'"', b"\0", b"-1", b"nan", b"1e999", b"\xff", b"'", b"9" * 12,
           b"[", b"{", b"\r", b"\xe2\x80\xae"]  # fmt: skip


def changed(data, rng):
    """Bytes with a few changes at random places."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(made) + 1)
        what = rng.randrange(4)
        if what == 0:
            made[place : place + rng.randint(1, 8)] = b""
        elif what == 1:
            made[place:place] = rng.choice([*_PIECES, rng.randbytes(3)])
        elif what == 2 and place < len(made):
            made[place] = rng.randrange(256)
        else:
            start = rng.randrange(len(made) + 1)
            made[place:place] = made[start : start + rng.randint(1, 30)]
    return bytes(made)


def at_random(names, runs, seed):
    """Without guidance: seeds changed at random. Returns what ended in something else."""
    rng, found = random.Random(seed), []
    corpus = {name: seeds(name) for name in names}
    for number in range(runs):
        name = names[number % len(names)]
        data = changed(rng.choice(corpus[name]), rng)
        try:
            run(name, data)
        except Exception:
            found.append((name, data, traceback.format_exc()))
    return found


def _main():
    global DEEP
    names = [a for a in sys.argv[1:] if not a.startswith("-")] or list(TARGETS)
    flags = [a for a in sys.argv[1:] if a.startswith("-") and a != "-deep"]
    DEEP = "-deep" in sys.argv
    if atheris is None:
        options = dict(f.lstrip("-").split("=") for f in flags)
        runs, seed = int(options.get("runs", 1000)), int(options.get("seed", 1))
        for name, data, trace in at_random(names, runs, seed):
            print(f"{name}: {data!r}\n{trace}")
            sys.exit(1)
        print(f"{runs} runs without guidance")
        return
    corpus = Path(tempfile.mkdtemp(prefix="mebias-corpus-"))
    for place, name in enumerate(names):
        for number, data in enumerate(seeds(name)):
            (corpus / f"{name}-{number}").write_bytes(bytes([place]) + data)

    def one(data):
        run(names[data[0] % len(names)] if data else names[0], data[1:])

    found = os.environ.get("FUZZ_FOUND", ".")
    limits = ["-timeout=60", "-rss_limit_mb=1250", "-max_len=20000", f"-artifact_prefix={found}/"]
    atheris.Setup([sys.argv[0], *limits, *flags, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    _main()
