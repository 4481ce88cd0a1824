"""CASME (2013 and 2019 tables) and CASME II (2014, 2019 and the circulating "updated")."""

from __future__ import annotations

from authors.built import NONE, Built

_CASME = [
    # subject, file, onset, first and last frame of the apex, offset, AU, emotion
    (1, "EP01_12", 73, 81, 84, 90, "4", "tense"),
    (1, "EP01_12", 163, 169, None, 178, "4+7", "tense"),
    (1, "EP01_5", 113, 121, 123, 131, "12", "happiness"),
    (6, "EP02_5", 7, 12, None, 19, "14", "repression"),
    (6, "EP02_5", 57, 62, None, 70, "14", "repression"),
    (6, "EP02_5", 81, 86, 89, 95, "R14", "repression"),
    (6, "EP02_5", 153, 158, None, 166, "17", "disgust"),
    (7, "EP11_4f", 40, 47, None, 60, "1+2", "surprise"),
    (11, "EP03_9", 21, 29, 30, 44, "9", "disgust"),
]


def build_casme(built: Built) -> None:
    """189 expressions in the 2013 table; the 2019 one adds lengths in ms under `Onset`, `Total`."""
    later = built.version == "2019"
    none = "\\" if later else None
    blank: list[object] = []
    rows: list[list[object]] = [
        ["Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU",
         "Emotion"]
    ]  # fmt: skip
    if later:
        rows[0] += ["Onset", "Total"]
    for place, (subject, file, onset, low, high, offset, aus, emotion) in enumerate(_CASME):
        apex: object = low
        if later and file == "EP03_9":
            apex, high = none, None
            built.quirk(r"apex `\`: not coded")
        lengths = [round((low - onset) * 1000 / 60), round((offset - onset + 1) * 1000 / 60)]
        rows.append(
            [subject, file, None, onset, apex, none if high is None else high, offset, None, aus,
             emotion, *(lengths if later else blank)]
        )  # fmt: skip
        clip = f"{subject:02d}/{file}#{onset}"
        frames = (onset, NONE if apex == none else low, offset)
        built.expect(clip, frames, apex_high=high, emotion=emotion, aus=aus)
        last = offset
        if file == "EP11_4f":
            last = offset - 4
            built.quirk("offset after the last frame on disk", clip, "not on disk")
        width = "03" if place >= 4 else ""  # padded from some row on
        prefix, top = ("reg_", "Cropped") if not built.has("raw") else ("", "CASME_raw_selected")
        name = f"{prefix}{file}-{{:{width}}}.jpg"
        built.film(clip, f"{top}/sub{subject:02d}/{file}", range(onset, last + 1), name)
    built.quirk("several expressions in one recording: subject and file name are no key")
    built.quirk("two columns without a header; apex as an interval in some rows")
    built.quirk("numbers of images padded in some clips, after a file name full of digits")
    if later:
        built.quirk("`Onset` and `Total` are lengths in ms, not frames")
    built.load_options["version"] = built.version
    built.table("CASME-coded-20190721.xls" if later else "casme.xlsx", {"Sheet1": rows})


_CASME2 = [
    # subject, file, onset, apex, offset, AU (2014), emotion (2014), emotion (2019), class
    ("01", "EP02_01f", 46, 59, 86, 12, "happiness", "happiness", 1),
    ("01", "EP03_02", 131, 139, 161, 18, "others", "others", 7),
    ("04", "EP12_01f", 261, "/", 301, "4+9", "disgust", "disgust", 4),
    ("05", "EP09_05f", 69, 69, 103, "?", "disgust", "disgust", 4),
    ("12", "EP09_06", 20, 50, 50, "L14", "repression", "repression", 7),
    ("19", "EP06_02_01", 31, 52, 71, "1+2", "surprise", "surprise", 2),
    ("20", "EP01_2", 12, 30, 44, "15", "sadness", "sadness", 6),
    ("24", "EP07_01", 5, 21, 40, "R1", "sadness", "surprise", 2),
    ("26", "EP09f", 22, 41, 58, 4, "others", "others", 7),
]
_UPDATED = {"EP03_02": 194, "EP01_2": 60}  # apexes of the circulating table: after the offset


def build_casme2(built: Built) -> None:
    """255 expressions; the "updated" table has one more and impossible orders."""
    head: list[object] = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame",
                          None, "Action Units", "Estimated Emotion"]  # fmt: skip
    with_class = built.version == "2019"
    rows = [head + (["Objective Classes"] if with_class else [])]
    listed = list(_CASME2)
    if built.version == "updated":
        listed.append(("24", "EP02_07", 61, 91, 106, 4, "disgust", "disgust", 4))
        built.quirk("a row that the authors' tables lack: 24/EP02_07")
    for subject, file, onset, apex, offset, aus, emotion, recoded, kind in listed:
        status = {}
        if built.version == "updated" and file in _UPDATED:
            apex, status = _UPDATED[file], {"apex": "invalid"}
            built.quirk("apex outside of onset and offset", f"{subject}/{file}", "order")
        said = recoded if with_class else emotion
        rows.append([subject, file, None, onset, apex, offset, None, aus, said]
                    + ([kind] if with_class else []))  # fmt: skip
        clip = f"{subject}/{file}"
        frames = (onset, NONE if apex == "/" else apex, offset)
        built.expect(clip, frames, status=status, emotion=said, aus=str(aus))
        _film_casme2(built, clip, subject, file, onset, offset)
    built.quirk("apex `/`: not coded", "04/EP12_01f", "not coded", audit=True)
    built.quirk("apex at onset", "05/EP09_05f", "one frame", audit=True)
    built.quirk("apex at offset", "12/EP09_06", "one frame", audit=True)
    built.quirk("action units as numbers, texts and `?`")
    built.quirk("subjects are texts with a leading zero; two columns without a header")
    file = {"2014": "CASME2-coding-20140508.xlsx", "2019": "CASME2-coding-20190701.xlsx"}
    built.load_options["version"] = built.version
    name = file.get(built.version, "CASME2-coding-updated.xlsx")
    built.table(name, {"Sheet1": rows, "Sheet2": [], "Sheet3": []})


def _film_casme2(built: Built, clip: str, subject: str, file: str, onset: int, offset: int) -> None:
    inside = f"sub{subject}/{file}"
    if built.has("raw"):
        whole = range(1, offset + 16)
        built.film(clip, f"CASME2-RAW/{inside}", whole, "img{}.jpg")
    elif built.has("cropped"):
        built.film(clip, f"Cropped/{inside}", range(onset, offset + 1), "reg_img{}.jpg")
    else:
        cut = range(onset, offset + 1)
        shift = onset - 1 if built.has("relative") else 0
        built.film(clip, f"CASME2_RAW_selected/{inside}", cut, "img{}.jpg", shift=shift)
