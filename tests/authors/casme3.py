"""CAS(ME)^3: part A in four tables, part C in two."""

from __future__ import annotations

from authors.built import NONE, Built

_ROWS = [
    # subject, letter, onset, apex, offset, AU, class, emotion, type in v2
    ("spNO.1", "a", 355, 359, 368, "5", "II", "others", "micro"),
    ("spNO.1", "J", 20, 25, 41, "4+15+R10", "IV", "disgust", "micro"),
    ("spNO.1", "j", 30, 36, 48, "12", "I", "happy", "micro"),
    ("spNO.10", "b", 4, 4, 19, "1+2", "II", "surprise", "micro"),
    ("spNO.149", "d", 112, 83, 358, "T28", "VII", "Others", "micro"),
    ("spNO.216", "d", 3647, 2668, 2694, "B23", "VII", "fear", "micro"),
    ("spNO.40", "e", 1812, 1824, 0, "17", "VI", "sad", "micro"),
    ("spNO.40", "e", 1860, 1868, 1880, "L14", "V", "anger", "micro"),
    ("spNO.40", "e", 1876, 1882, 1896, "14", "V", "anger", "micro"),
    ("spNO.216", "e", 0, 0, 25, "1", "II", "surprise", "micro"),
    ("spNO.3", "f", 60, 90, 140, "6+12", "I", "", "macro"),
]
_MENDED = {("spNO.149", 112): {"apex": 160}, ("spNO.216", 3647): {"onset": 2647},
           ("spNO.40", 1812): {"offset": 1845}}  # fmt: skip
_REVISED = {("spNO.3", 60): (75, "micro"), ("spNO.1", 355): (357, "micro")}  # v1: apex, type
_DROPPED = {("spNO.1", "a"): {357, 363}, ("spNO.40", "e"): {1816, 1869, 1870, 1871}}


def build_part_a(built: Built) -> None:
    """Tables of the micro-expressions, or of all expressions with a sheet of eye blinks."""
    micro_only = built.version.startswith("micro")
    first = built.version.endswith("v1")
    rows: list[list[object]] = [
        ["Subject", "Filename", "Onset", "Apex", "Offset", "AU"]
        + (["Objective class", "emotion"] if micro_only else ["Expression type", "Objective class"])
    ]
    for place, printed in enumerate(_ROWS):
        row = _version(printed, micro_only, first)
        if row[-1] == "macro" and micro_only:
            continue
        rows.append(_cells(row, first and place % 2 == 1, micro_only))
        if first and micro_only:
            rows[-1] += [row[4] - row[2], row[3] - row[2]]
        _expect_part_a(built, row, micro_only)
    _quirks_part_a(built, micro_only)
    built.load_options["version"] = built.version
    if built.version == "micro-v2":
        name = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
        built.table(name, {"label": rows, "Sheet1": [], "Sheet3": []})
    elif built.version == "micro-v1":
        built.table("cas(me)3_part_A_ME_label_JpgIndex_v1.xls", {"Sheet1": rows})
    else:
        blinks: list[list[object]] = [["Subject", "Filename", "Onset", "Offset"],
                                      ["spNO.1", "a", "360", "366"],
                                      ["spNO.3", "f", 10, 16]]  # fmt: skip
        built.blinks += [("spNO.1/a", 360, 366), ("spNO.3/f", 10, 16)]
        sheets = {"AU+Emotion": rows, "eye blink": blinks}
        if first:
            junk = [[*row[:6], None, None, None, None, "negative"] for row in rows[1:3]]
            sheets = {"AU+Emotion": rows, "Sheet1": junk, "eye blink": blinks}
        built.table(f"CAS(ME)3_part_A_{built.version[-2:]}.xls", sheets)


def _version(row: tuple, micro_only: bool, first: bool) -> tuple:
    """A row as this table has it: whole tables have no errors, v1 has other apexes."""
    subject, letter, onset, apex, offset, *rest, kind = row
    if first:
        apex, kind = _REVISED.get((subject, onset), (apex, kind))
    if not micro_only:
        mended = _MENDED.get((subject, onset), {})
        onset, apex = mended.get("onset", onset), mended.get("apex", apex)
        offset = mended.get("offset", offset)
    return (subject, letter, onset, apex, offset, *rest, kind)


def _cells(row: tuple, as_number: bool, micro_only: bool) -> list[object]:
    subject, letter, onset, apex, offset, aus, kind, emotion, type_ = row
    frames: list[object] = [onset, apex, offset]
    if not as_number:
        frames = [str(f) for f in frames]
    end = [kind, emotion] if micro_only else [f"{type_.capitalize()}-expression", kind]
    return [subject, letter, *frames, aus, *end]


def _expect_part_a(built: Built, row: tuple, micro_only: bool) -> None:
    subject, letter, onset, apex, offset, aus, _, emotion, kind = row
    clip = f"{subject}/{letter}#{onset}"
    status: dict[str, str] = {}
    if onset == apex and onset <= 10:
        status = {"onset": "censored"}
    elif offset and offset < onset:
        status = {"onset": "invalid", "offset": "invalid"}
    elif apex < onset:
        status = {"apex": "invalid"}
    more = {"emotion": emotion.lower()} if micro_only else {"expression_type": kind}
    built.expect(clip, (onset, apex, offset or NONE), status=status, aus=aus, **more)
    here = [f for f in (onset, apex, offset) if f and abs(f - apex) < 400]
    low, high = max(1, min(here, default=1) - 12), max(here, default=25) + 10
    numbers = set(range(low, high + 1)) - _DROPPED.get((subject, letter), set())
    top = "part_A_split/part_A" if not built.has("flat") else "part_A"
    built.film(clip, f"{top}/{subject}/{letter}/color", numbers, "{}.jpg")


def _quirks_part_a(built: Built, micro_only: bool) -> None:
    built.quirk("whole numbers stored as text")
    built.quirk("one recording named with a capital J beside a small j")
    built.quirk("onset = apex up to frame 10: the recording began later", "", "censored")
    built.quirk("onset 0, though frames count from 1", "spNO.216/e#0", "from 1")
    built.quirk("two expressions of one recording overlap", "spNO.40/e", "overlap", audit=True)
    built.quirk("frames lost amid a recording, some of them labeled", "", "not on disk")
    built.quirk("frames lost amid an expression", "spNO.1/a", "not on disk", audit=True)
    if not micro_only:
        built.quirk("a blink amid an expression", "spNO.1/a", "blink", audit=True)
        return
    built.quirk("apex before the onset", "spNO.149/d#112", "order")
    built.quirk("onset after the offset", "spNO.216/d#3647", "order")
    built.quirk("offset 0: not coded", "spNO.40/e#1812", "missing")
    built.quirk("`Others` beside `others`", "", "Others")


_PART_C = [
    # sub, count, onset, offset, au, emotion
    (1, 1, 30, 41, "4,7", "negative"),
    (1, 2, 66, 79, "4，11", "negative"),
    (2, 1, 15, 27, 12, "positive"),
    (31, 3, 101, 112, "1,2", "surprise"),
]
_EVENTS = [
    # Subject, Onset, Offset, Exp_type (0 macro, 1 micro), risk
    (1, 30, 41, 1, 0),
    (1, 50, 95, 0, 1),
    (2, 15, 27, 1, 0),
]


def build_part_c(built: Built) -> None:
    """Onsets and offsets, no apex at all."""
    built.load_options["version"] = built.version
    built.quirk("no apex was coded")
    none = {"apex": "missing"}
    if built.version == "events":
        events: list[list[object]] = [["Subject", "Onset", "Offset", "diff", "Exp_type", "risk"]]
        for subject, onset, offset, kind, risk in _EVENTS:
            events.append([subject, onset, offset, offset - onset, kind, risk])
            clip = f"{subject}#{onset}"
            own = {"subject": str(subject), "expression_type": "micro" if kind else "macro"}
            built.expect(clip, (onset, NONE, offset), status=none, **own)
        built.table("CAS(ME)3_part_C.xls", {"organize": events})
        return
    rows: list[list[object]] = [["sub", "count", "onset", "offset", "au", "emotion"]]
    for subject, count, onset, offset, aus, emotion in _PART_C:
        rows.append([subject, count, onset, offset, aus, emotion])
        clip = f"{subject}/{count}"
        built.expect(clip, (onset, NONE, offset), status=none, emotion=emotion)
    built.quirk("action units separated by a full-width comma")
    built.table("CAS(ME)3_part_C_ME.xlsx", {"mockCrimeME": rows})
