"""SMIC: extended clips with a table (HS, VIS, NIR), and the first release without any."""

from __future__ import annotations

from authors.built import NONE, Built

_ROWS = [
    # file, first, onset, offset, second onset and offset, last, emotion
    ("s1_ne_01", 563854, 563860, 563874, None, None, 563880, "negative"),
    ("s1_po_02", 563901, 563905, 563925, None, None, 563931, "positive"),
    ("s3_ne_20", 426680, 426684, 426699, None, None, None, "negative"),
    ("s11_sur_04", 17581030, 17581039, 17581051, 17581058, 17581066, 17581072, "surprise"),
    ("s18_sur_03", 118900, 118940, 118955, 118910, 118921, 118962, "negative"),
]
_FOLDER = {"ne": "negative", "po": "positive", "sur": "surprise"}
_NO_APEX = {"apex": "missing"}


def build(built: Built) -> None:
    """No apex anywhere; a second expression may stand in the same row."""
    built.load_options["version"] = built.version
    built.quirk("no apex was coded")
    if built.version.startswith("raw"):
        _build_raw(built)
        return
    kind = built.version.upper()
    frames = {"HS": "SMIC-E_raw image/HS_long/SMIC-HS-E", "VIS": "VIS_long/SMIC-VIS-E"}.get(
        kind, "NIR_long/SMIC-NIR-E"
    )
    head = _head(built, kind)
    rows: list[list[object]] = [head]
    for row in _ROWS:
        rows.append(_cells(built, head, row))
        _expect(built, row, kind, frames)
    built.quirk("a second expression in the row, once before the first")
    built.quirk(
        "class of s18_sur_03 differs from its name", "18/s18_sur_03", "surprise", audit=True
    )
    sheets = {kind: rows, "Sheet2": [], "Sheet3": []}
    if kind == "HS" and not built.has("b"):
        built.quirk("junk where a third expression would stand")
        other = [_head(built, "VIS"), ["1", "s1_ne_09", None, 5, 9, None, None, None, 1, 5, None, 9,
                                       "negative"]]  # fmt: skip
        sheets = {"HS": rows, "VIS": other, "Sheet2": [], "Sheet3": []}
    built.table(f"{kind}_long/SMIC-{kind}-E_annotation.xlsx", sheets)


def _head(built: Built, kind: str) -> list[object]:
    onset = "OnsetF NIR" if kind == "NIR" else "OnsetF"
    offset = "OffsetF NIR" if kind == "NIR" else "OffsetF"
    head: list[object] = ["Subject", "Filename", None, onset, offset, "Onset2F", "Offset2F"]
    if kind != "HS":
        return [*head, None, "FirstF", "TotalMF1", "TotalMF2", "TotalVL", "Emotion"]
    if built.has("b"):
        return [*head, None, "FirstF", "LastF", "TotalMF1", "TotalMF2", "TotalVL", "Emotion"]
    return [*head, "Onset3F", "Offset3F", None, "FirstF", "LastF", "TotalMF1", "TotalMF2",
            "TotalMF3", "TotalVL", "Emotion", None, None]  # fmt: skip


def _cells(built: Built, head: list[object], row: tuple) -> list[object]:
    file, first, onset, offset, onset2, offset2, last, emotion = row
    subject = int(file.partition("_")[0][1:])
    length2 = offset2 - onset2 + 1 if onset2 else None
    values: dict[object, object] = {
        "Subject": subject, "Filename": file, "OnsetF": onset, "OffsetF": offset,
        "OnsetF NIR": onset, "OffsetF NIR": offset, "Onset2F": onset2, "Offset2F": offset2,
        "FirstF": first, "LastF": last, "TotalMF1": offset - onset + 1, "TotalMF2": length2,
        "TotalVL": last - first + 1 if last else None, "Emotion": emotion,
    }  # fmt: skip
    if onset2:
        values |= {"Onset3F": length2, "Offset3F": None, "TotalMF3": -118996}
        if file == "s18_sur_03":
            values |= {"Onset3F": 118997, "Offset3F": 0}
    if file == "s3_ne_20" and built.has("b"):
        values["FirstF"] = "MISSING <-426679"
        built.quirk("text in the column of the first frame")
    return [values.get(name) if name is not None else None for name in head]


def _expect(built: Built, row: tuple, kind: str, frames: str) -> None:
    file, first, onset, offset, onset2, offset2, last, emotion = row
    person = file.partition("_")[0][1:]
    clip = f"{int(person)}/{file}"
    where = f"{frames}/s{int(person):02d}/{file}"
    numbers = range(first, (last or offset + 4) + 1)
    pairs = [(clip, onset, offset)] + ([(f"{clip}#2", onset2, offset2)] if onset2 else [])
    for name, start, end in pairs:
        built.expect(name, (start, NONE, end), status=_NO_APEX, emotion=emotion)
        built.film(name, where, numbers, "image{:06d}.jpg", color=kind != "NIR")


def _build_raw(built: Built) -> None:
    kind = built.version.rpartition("-")[2].upper()
    top, lead = ("SMIC_all_cropped", "reg_") if built.has("cropped") else ("SMIC_all_raw", "")
    for file, _, onset, offset, *_ in _ROWS:
        person, class_, _ = file.split("_")
        emotion = _FOLDER[class_]
        clip = f"{person[1:]}/{file}"
        built.expect(clip, (onset, NONE, offset), status=_NO_APEX, emotion=emotion)
        where = f"{top}/{kind}/{person}/micro/{emotion}/{file}"
        built.film(clip, where, range(onset, offset + 1), f"{lead}image{{:06d}}.bmp")
    (built.root / top / kind / "s1" / "non_micro" / "s1_non_01").mkdir(parents=True)
    built.quirk("no table: class and clip are folders, onset and offset the first and last image")
