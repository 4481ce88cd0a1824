"""SAMM, cut clips below prose, and SAMM Long Videos, the recordings that they come from."""

from __future__ import annotations

from authors.built import NONE, Built

_PROSE = [
    ["SAMM: Spontaneous Micro-Facial Movement Dataset"],
    ["If you use this dataset, please cite:"],
    ["Authors, Title, Journal, Year"],
    [],
    ["9/9/17 - New updates with Emotional and Objective Classes"],
    [],
    ["Symbol key"],
    [None, '"/"', "or"],
    [None, '"?"', "some AU's continue for a while and have unclear offset"],
    ["Action Unit help", None, "L: left", "R: right", "A: asymmetrical"],
    [],
    ["Onset Frame, Apex Frame and Offset Frame count from the first frame of a recording"],
    [],
]
_HEAD = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame",
         "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes",
         "Notes"]  # fmt: skip
_ROWS = [
    # file, onset, apex, offset, AU, emotion, class, padding on disk, recording's shift
    ("006_1_2", 5562, 5588, 5632, "4+7", "Anger", 3, 5, 2000),
    ("006_1_3", 5702, 5720, 5741, "(R6 or R12)+R15", "Happiness", 1, 5, 2000),
    ("007_6_1", 871, 890, 912, 12, "Happiness", 1, 4, 0),
    ("013_1_9", 1503, 1504, 1540, "L12 or L14", "Contempt", 5, 4, 499),
    ("028_4_1", 1071, 1143, 1134, "R14A or 17A or 24A", "Other", 7, 5, 0),
    ("032_3_1", 4896, 1930, 4970, "14A", "Other", 7, 4, 0),
    ("037_4_1", 211, 230, 251, "A12", "Surprise", 2, 4, 100),
]
_IMPOSSIBLE = ("028_4_1", "032_3_1")


def build_samm(built: Built) -> None:
    """159 micro-expressions, images cut at onset and offset, two apexes impossible."""
    resaved = built.has("resaved")
    rows: list[list[object]] = [] if resaved else [list(row) for row in _PROSE]
    rows.append(list(_HEAD))
    for file, onset, apex, offset, aus, emotion, kind, padding, _ in _ROWS:
        subject = file[:3]
        written = int(subject) if resaved else subject
        notes = "see key" if kind == 5 else None
        rows.append([written, file, int(file[4]), onset, apex, offset, offset - onset + 1,
                     "Micro - 1/2", aus, emotion, kind, notes])  # fmt: skip
        clip = f"{subject}/{file}"
        status = {"apex": "invalid"} if file in _IMPOSSIBLE else {}
        built.expect(
            clip, (onset, apex, offset), status=status, emotion=emotion, aus=str(aus),
            expression_type="micro",
        )  # fmt: skip
        where = f"{subject}/{file}" if built.has("flat") else f"SAMM/{subject}/{file}"
        name = f"{subject}_{{:0{padding}d}}.jpg"
        shift = onset - 1 if built.has("relative") else 0
        built.film(clip, where, range(onset, offset + 1), name, color=False, shift=shift)
    built.quirk("apex after the offset", "028/028_4_1", "order")
    built.quirk("apex before the onset", "032/032_3_1", "order")
    built.quirk("padding of image names differs from clip to clip")
    built.quirk("action units with `or`, letters and brackets; notes mostly blank")
    built.load_options["version"] = built.version
    if resaved:
        built.quirk("a copy saved anew: header in the first row, subjects turned into numbers")
        built.table("SAMM_20181215_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": rows})
        return
    built.quirk("13 rows of prose, one of which names all three keyframes, above the header")
    built.table("SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": rows}, header=len(_PROSE))


_LONG_PROSE = [
    ["SAMM Long Videos"],
    ["Please cite the paper when using this dataset"],
    [],
    ["Macro: longer than 0.5 s"],
    ["Micro - 1/2: up to 0.5 s"],
    [],
    [None, None, None, None, None,
     "NOTE: Subjects with Apex Frame not annotated were labelled as -1"],
    [],
    ["Type, Onset and Offset as below"],
]  # fmt: skip
_LONG_HEAD = ["Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration",
              "Type", "Action Units", "Notes"]  # fmt: skip
_MACRO = [
    # file, onset, apex, offset
    ("006_1_7", 3566.4000000000001, 3600.5, 3690.2),
    ("010_1_3", 20, -1, 140),
    ("013_1_4", 0, 60, 95),
    ("037_4_1", 160, 190, 301),
]


def build_long(built: Built) -> None:
    """343 macro- and 159 micro-expressions in whole recordings; several values rescaled."""
    rows: list[list[object]] = [list(row) for row in _LONG_PROSE]
    rows.append(list(_LONG_HEAD))
    for file, onset, apex, offset, aus, _, _, _, shift in _ROWS:
        top = -1 if file in _IMPOSSIBLE else apex - shift
        _long_row(built, rows, (file, onset - shift, top, offset - shift), "Micro - 1/2", aus)
    for macro in _MACRO:
        _long_row(built, rows, macro, "Macro", "6+12")
    for clip in ("028/028_4_1#micro", "032/032_3_1#micro", "010/010_1_3#macro"):
        built.quirk("apex -1: not coded", clip, "not coded", audit=True)
    built.quirk("onset 0: not known", "013/013_1_4#macro", "missing")
    built.quirk("fractions of frames, from annotations scaled anew", "", "fractions of frames")
    built.quirk("one file name stands for a micro- and a macro-expression")
    built.quirk("frames of some recordings are SAMM's less a constant")
    built.quirk("prose above the header, a note in its middle")
    built.table(
        "SAMM_LongVideos_V2_Release.xlsx", {"FACS_Movement_Only": rows}, header=len(_LONG_PROSE),
        merged="F7:I7",
    )  # fmt: skip


def _long_row(built: Built, rows: list[list[object]], row: tuple, kind: str, aus: object) -> None:
    file, onset, apex, offset = row
    subject, video = file[:3], file[:5]
    rows.append([subject, file, int(file[4]), onset, apex, offset, offset - onset + 1, kind, aus,
                 None])  # fmt: skip
    type_ = kind.partition(" ")[0].lower()
    clip = f"{subject}/{file}#{type_}"
    rounded = tuple(int(f + 0.5) for f in (max(onset, 0), max(apex, 0), offset))
    frames = (rounded[0] or NONE, rounded[1] or NONE, rounded[2])
    built.expect(clip, frames, expression_type=type_, aus=str(aus))
    first = max(1, rounded[0] - 9)
    numbers = range(first, rounded[2] + 8)
    where = f"SAMM_longvideos/{video}"
    built.film(clip, where, numbers, f"{video}_{{:04d}}.jpg", color=False)
