"""4DME: sessions of one person, several classes to a clip, a row of totals."""

from __future__ import annotations

from authors.built import Built

_ROWS = [
    # sub_ID, fold_name, emotion, onset, apex, offset, AUs, blink
    ("S08", "S08_ME_1", "Positive", 12.0, 20.0, 31.0, "AU6+AU12", 0),
    ("S13_1st", "S13_ME_1", "Negative", "15", "22", "35", "AU4(k)+L7", 0),
    ("S13_2nd", "S13_ME_2", "Surprise+Positive", 8, 16, 27, "AU1+2", 1),
    ("S49_2", "S49_ME_1", "Others", "21.0", "29.0", "44.0", "AUR2+12(k)+45", 1),
    ("S58_1", "S58_ME_4", "Repression", 10, 2490, 33, "AU14", 0),
    ("S60", "S60_ME_2", "Negative+Repression", 30.0, 37.0, 49.0, "AU9", 0),
]
_PERSONS = {"S13_1st": "S13", "S13_2nd": "S13", "S49_2": "S49", "S58_1": "S58"}
_CLASSES = ("Positive", "Negative", "Surprise", "Repression", "Others")
_UNITS = ("AU1", "AU2", "AU4", "AU6", "AU7", "AU9", "AU12", "AU14", "AU45")


def build(built: Built) -> None:
    """267 micro-expressions of the gray camera; columns known by name only."""
    head = ["sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "Length", "AUs", *_UNITS,
            "eye blink", *_CLASSES, "Total", "fold"]  # fmt: skip
    rows: list[list[object]] = [[f"{h}'" if built.has("apostrophes") else h for h in head]]
    for session, fold, emotion, onset, apex, offset, aus, blink in _ROWS:
        units = [int(name[2:] in aus.replace("AU", "+").split("+")) for name in _UNITS]
        classes = [int(name in emotion) for name in _CLASSES]
        length = float(offset) - float(onset) + 1
        rows.append([session, fold, emotion, onset, apex, offset, length, aus, *units, blink,
                     *classes, sum(classes), 1])  # fmt: skip
        clip = f"{session}/{fold}"
        frames = tuple(float(f) for f in (onset, apex, offset))
        status = {"apex": "invalid"} if apex == 2490 else {}
        person = _PERSONS.get(session, session)
        built.expect(clip, frames, status=status, emotion=emotion, subject=person, aus=aus)  # type: ignore[arg-type]
        first, last = int(frames[0]) - 5, int(frames[2]) + 5
        if built.has("long"):
            where = f"long_gray_video/long gray video/{session}/{fold}"
            numbers = range(1, last + 20)
            built.film(clip, where, numbers, "Frame_{:09d}.jpg", color=False)
            continue
        top = "gray_micro_crop" if built.has("cropped") else "gray_micro"
        built.film(clip, f"{top}/{session}/{fold}", range(first, last), "{:03d}.jpg", color=False)
    counted = [None] * 9 + [3] * (len(_UNITS) - 1)
    rows.append([*counted[: len(head) - 7], 2, 2, 2, 1, 2, 1, 9, None])
    built.quirk("a last row of totals, without a subject", "", "total")
    built.quirk("several sessions of one person")
    built.quirk("several classes in one cell, and one column for each class")
    built.quirk("frames as floats and as text")
    built.quirk("apex far out of the clip", "S58_1/S58_ME_4", "order")
    built.quirk("a blink amid an expression", "S49_2/S49_ME_1", "blink", audit=True)
    built.quirk("action units with (k), for those held all along")
    name = "4DME_Labelling_Micro_release v1.xlsx"
    built.table(name, {"Sheet1": rows})
