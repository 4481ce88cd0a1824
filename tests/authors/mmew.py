"""MMEW: clips that count from 1, with the class in the path."""

from __future__ import annotations

from authors.built import Built

_ROWS = [
    # subject, file, onset, apex, offset, AU, emotion
    (3, "S03-01-002", 1, 14, 31, "6+12", "happiness"),
    (3, "S03-02-001", 1, 9, 20, "1+2", "surprise"),
    (12, "S12-04-001", 1, 17, 26, "L14", "others"),
    (12, "S12-03-007", 1, 40, 30, "9", "disgust"),
    (21, "S21-05-001", 1, 8, 22, 4, "fear"),
]
_FOLDERS = {"others": "repression"}


def build(built: Built) -> None:
    """300 micro-expressions; the class `others` lies in a folder `repression`."""
    rows: list[list[object]] = [["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame",
                                 "Action Units", "Estimated Emotion", "remarks"]]  # fmt: skip
    for subject, file, onset, apex, offset, aus, emotion in _ROWS:
        rows.append([subject, file, onset, apex, offset, aus, emotion, None])
        clip = f"{subject:02d}/{file}"
        status = {"apex": "invalid"} if apex > offset else {}
        built.expect(clip, (onset, apex, offset), status=status, emotion=emotion, aus=str(aus))
        folder = _FOLDERS.get(emotion, emotion)
        where = f"S{subject:02d}/{folder}/{file}"
        if built.has("by-emotion"):
            where = f"Micro_Expression/{folder}/{file}"
        built.film(clip, where, range(1, offset + 1), "{}.jpg")
    rows[1][-1] = "clear"
    built.quirk("frames count from 1 in each clip")
    built.quirk("apex after the offset", "12/S12-03-007", "order")
    built.quirk("`others` of the table is the folder `repression`")
    built.table("MMEW_Micro_Exp.xlsx", {"Sheet1": rows})
