"""CAS(ME)^2: three sheets without a header, macro- and micro-expressions."""

from __future__ import annotations

from authors.built import NONE, Built

_ROWS = [
    # subject, video, onset, apex, offset, AU, emotion, type, self-report
    (1, "anger1_1", 557, 572, 608, "4+10+14+15", "negative", "macro", "anger"),
    (1, "anger1_2", 620, 626, 633, 4, "negative", "micro", "anger"),
    (1, "happy4_5", 995, 1001, 1008, "12", "positive", "micro", "happyiness"),
    (2, "disgust2_1", 41, 47, 53, "9", "negative", "micro", "disgust"),
    (2, "happy1_1", 70, 80, 0, "6+12", "positive", "macro", "happiness"),
    (3, "anger1_1", 63, 0, 87, None, "others", "macro", "others"),
    (3, "disgust1_5", 121, 130, 124, "4", "negative", "macro", "disgust"),
    (3, "disgust1_6", 140, 149, 158, "1+2", "surprise", "micro", "surprise"),
]
_FOLDERS = {1: (15, "s15"), 2: (16, "s16"), 3: (19, "s19")}
_STIMULI = {
    "anger1": ("0401", "girlcrashing"),
    "happy4": ("0507", "climbingthewall"),
    "happy1": ("0502", "funnyerrors"),
    "disgust1": ("0101", "disgustingteeth"),
    "disgust2": ("0102", "eatingworms"),
}


def build(built: Built) -> None:
    """Subjects and stimuli have other names in the folders: two sheets translate them."""
    rows: list[list[object]] = []
    for subject, video, onset, apex, offset, aus, emotion, kind, report in _ROWS:
        rows.append([subject, video, onset, apex, offset, aus, emotion, f"{kind}-expression",
                     report, None, None])  # fmt: skip
        clip = f"{subject}/{video}"
        bad = {"apex": "invalid"} if video == "disgust1_5" else {}
        frames = (onset, apex or NONE, offset or NONE)
        built.expect(
            clip, frames, status=bad, emotion=emotion, expression_type=kind, aus=str(aus or "")
        )
        number, folder = _FOLDERS[subject]
        code, scene = _STIMULI[video.partition("_")[0]]
        where = f"rawpic/{folder}/{number}_{code}{scene}"
        last = max(onset, apex, offset) + 6
        built.film(clip, where, range(onset - 8, last + 1), "img{:03d}.jpg")
    rows[0][9] = " "
    built.quirk("no header in any sheet; two stray columns")
    built.quirk("offset 0: not coded", "2/happy1_1", "missing")
    built.quirk("apex 0: not coded", "3/anger1_1", "missing")
    built.quirk("apex after the offset", "3/disgust1_5", "order")
    built.quirk("self-report misspelled `happyiness`; action units blank")
    built.quirk("subject 1 lies in folder s15, stimulus anger1 in a folder with 0401 amid its name")
    rule1 = [[*_FOLDERS[row[0]], row[0]] for row in _ROWS]
    rule2 = [["0101", "disgust1"], ["0102", "disgust2"], ["0401", "anger1"], ["0402", "anger2"],
             ["0502", "happy1"], ["0503", "happy2"], ["0505", "happy3"], ["0507", "happy4"],
             ["0508", "happy5"]]  # fmt: skip
    sheets = {
        "CASFEcode_final": rows,
        "naming rule1": [list(row) for row in rule1],
        "naming rule2": [list(row) for row in rule2],
    }
    built.table("CAS(ME)^2code_final.xlsx", sheets, header=None)
