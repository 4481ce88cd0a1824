"""The same packet for ELAN: one video of all clips, and an annotation file with empty tiers.

Each frame of the video lasts 40 ms, whatever the clips were recorded at, so that one step in
ELAN is one frame; between clips lie gray frames. A mark is the beginning of an annotation.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mebias import tables
from mebias.errors import OutputError, TableError, listed
from mebias.relabel.page import Item

STEP_MS = 40
GAP = 5
"""Gray frames before each clip."""
NONE, COMMENT, CLIP = "no expression", "comment", "clip"
PROPERTY = "mebias-packet"
_GRAY = 96
_TYPE = "default-lt"


def write_elan(folder: Path, packet: str, items: Sequence[Item]) -> None:
    """Write ``relabel.avi`` and ``relabel.eaf`` into a folder."""
    _write_video(folder / "relabel.avi", items)
    spans = starts({item.name: len(item.files) for item in items})
    counts = {item.name: len(item.files) for item in items}
    text = eaf(packet, {name: (first, counts[name]) for name, first in spans.items()})
    (folder / "relabel.eaf").write_text(text, encoding="utf-8", newline="\n")


def starts(counts: Mapping[str, int]) -> dict[str, int]:
    """First frame of each item in the video, from 0.

    >>> starts({"c01": 10, "c02": 3})
    {'c01': 5, 'c02': 20}
    """
    found, at = {}, 0
    for name, count in counts.items():
        found[name] = at + GAP
        at += GAP + count
    return found


def eaf(packet: str, spans: Mapping[str, tuple[int, int]]) -> str:
    """The annotation file: a tier that names the clips, and empty ones for the marks.

    Parameters
    ----------
    packet : str
    spans : mapping of str to (int, int)
        Item to its first frame in the video and its number of frames.
    """
    document = ET.Element(
        "ANNOTATION_DOCUMENT",
        {"AUTHOR": "", "DATE": "2000-01-01T00:00:00+00:00", "FORMAT": "3.0", "VERSION": "3.0"},
    )
    header = ET.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    ET.SubElement(
        header,
        "MEDIA_DESCRIPTOR",
        {"MEDIA_URL": "relabel.avi", "MIME_TYPE": "video/x-msvideo",
         "RELATIVE_MEDIA_URL": "./relabel.avi"},
    )  # fmt: skip
    ET.SubElement(header, "PROPERTY", {"NAME": PROPERTY}).text = packet
    order = ET.SubElement(document, "TIME_ORDER")
    tier = ET.SubElement(document, "TIER", {"LINGUISTIC_TYPE_REF": _TYPE, "TIER_ID": CLIP})
    for number, (name, (first, count)) in enumerate(spans.items()):
        slots = [f"ts{2 * number + 1}", f"ts{2 * number + 2}"]
        for slot, frame in zip(slots, (first, first + count), strict=True):
            value = str(frame * STEP_MS)
            ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": value})
        one = ET.SubElement(
            ET.SubElement(tier, "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            {"ANNOTATION_ID": f"a{number + 1}", "TIME_SLOT_REF1": slots[0],
             "TIME_SLOT_REF2": slots[1]},
        )  # fmt: skip
        ET.SubElement(one, "ANNOTATION_VALUE").text = name
    for name in (*tables.KEYFRAMES, NONE, COMMENT):
        about = {"LINGUISTIC_TYPE_REF": _TYPE, "PARTICIPANT": "", "TIER_ID": name}
        ET.SubElement(document, "TIER", about)
    ET.SubElement(
        document,
        "LINGUISTIC_TYPE",
        {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true"},
    )
    ET.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(document, "unicode") + "\n"


def read_elan(path: Path, counts: Mapping[str, int]) -> list[dict[str, str]]:
    """Rows as the page would have saved them, from an annotation file that came back.

    Parameters
    ----------
    path : Path
    counts : mapping of str to int
        Frames of each item, in the order of the packet.

    Raises
    ------
    TableError
        It is no such file, a mark lies outside of every clip, or a clip has two of a kind.
    """
    root = _root(path)
    packet = next((p.text or "" for p in root.iter("PROPERTY") if p.get("NAME") == PROPERTY), "")
    times = {str(s.get("TIME_SLOT_ID")): s.get("TIME_VALUE") for s in root.iter("TIME_SLOT")}
    first = starts(counts)
    rows: dict[str, dict[str, str]] = {
        item: {"packet": packet, "item": item, "coder": "", "no_expression": "false"}
        | dict.fromkeys((*tables.KEYFRAMES, COMMENT), "")
        for item in counts
    }
    coder = path.stem
    for tier in root.iter("TIER"):
        name = str(tier.get("TIER_ID"))
        coder = tier.get("PARTICIPANT") or coder
        if name not in (*tables.KEYFRAMES, NONE, COMMENT):
            continue
        for one in tier.iter("ALIGNABLE_ANNOTATION"):
            time = times.get(str(one.get("TIME_SLOT_REF1")))
            frame = int(time) // STEP_MS if time is not None else -1
            item = next((i for i, n in counts.items() if first[i] <= frame < first[i] + n), None)
            if item is None:
                raise TableError(
                    f"{path.name}, tier {name}: an annotation begins at {time} ms, which is in no "
                    f"clip; move it into one, or remove it."
                )
            text = one.findtext("ANNOTATION_VALUE") or ""
            _put(rows[item], name, str(frame - first[item] + 1), text, path)
    return [row | {"coder": coder} for row in rows.values()]


def _put(row: dict[str, str], name: str, place: str, text: str, path: Path) -> None:
    if name == NONE:
        row["no_expression"] = "true"
        return
    if row[name]:
        raise TableError(
            f"{path.name}, tier {name}: clip {row['item']} has two annotations; keep one."
        )
    row[name] = text if name == COMMENT else place


def _root(path: Path) -> ET.Element:
    try:
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise TableError(f"{path.name} declares entities, which no ELAN file does.")
        root = ET.fromstring(text.encode())
    except (ET.ParseError, UnicodeDecodeError, OSError) as error:
        raise TableError(f"{path.name} is not a readable ELAN file ({error}).") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise TableError(
            f"{path.name} is no ELAN file: it begins with {listed([root.tag])}, expected "
            f"ANNOTATION_DOCUMENT."
        )
    return root


def _write_video(path: Path, items: Sequence[Item]) -> None:
    height = max(item.shape[0] for item in items)
    width = max(item.shape[1] for item in items)
    code = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), code, 1000 / STEP_MS, (width, height))
    if not video.isOpened():
        raise OutputError(f"{path.name} cannot be written as a video; leave --elan out.")
    blank = np.full((height, width, 3), _GRAY, dtype=np.uint8)
    try:
        for item in items:
            for _ in range(GAP):
                video.write(blank)
            for file in item.files:
                image = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
                assert image is not None
                padded = blank.copy()
                padded[: image.shape[0], : image.shape[1]] = image
                video.write(padded)
    finally:
        video.release()
