"""Codings of several coders: read from tables and from ELAN, and refused in one sentence."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mebias.datasets.codings import (
    checked_codings,
    groups_of_subjects,
    read_coders,
    read_codings,
    read_ethnicity,
)
from mebias.errors import AnnotationError

HEADER = "subject,video,coder,onset,apex,offset"
ROWS = ["s1,v1,ann,10,20,30", "s1,v1,bo,11,21,32", "s2,v2,ann,5,9,14", "s2,v2,bo,6,9,15"]


def write(folder, rows, header=HEADER, name="codings.csv"):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def refused(folder, rows, header=HEADER, **options):
    with pytest.raises(AnnotationError) as caught:
        read_codings(write(folder, rows, header), **options)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".") and "codings.csv" in message
    return message


def test_frames_and_ms_give_the_same_times(tmp_path):
    frames = read_codings(write(tmp_path, ROWS), fps=50)
    ms = [
        ",".join([*r.split(",")[:3], *(str(20 * int(v)) for v in r.split(",")[3:])]) for r in ROWS
    ]
    times = read_codings(
        write(tmp_path, ms, "subject,video,coder,onset_ms,apex_ms,offset_ms", "ms.csv")
    )
    for column in ("onset_ms", "apex_ms", "offset_ms"):
        assert np.allclose(frames[column], times[column])
    assert times["onset"].isna().all() and times["pass"].eq("1").all()


def test_headers_in_other_spellings_and_a_blank_apex(tmp_path):
    rows = ["s1,ann,10,,30,100", "s1,bo,11,/,32,100"]
    table = read_codings(write(tmp_path, rows, "Subject,Annotator,Onset Frame,ApexF,OffsetF,fps"))
    assert table["apex_ms"].isna().all() and table["onset_ms"].tolist() == [100.0, 110.0]


def test_a_row_without_times_says_that_nothing_was_found(tmp_path):
    table = read_codings(write(tmp_path, [*ROWS, "s3,v3,ann,,,"]), fps=50)
    assert table.iloc[-1][["onset_ms", "offset_ms"]].isna().all()


@pytest.mark.parametrize(
    ("rows", "header", "options", "words"),
    [
        (ROWS[:1], HEADER, {"fps": 50}, ["one coder (ann)"]),
        (ROWS, HEADER, {}, ["row 2", "no frame rate", "--fps"]),
        ([*ROWS, "s3,v3,ann,20,10,30"], HEADER, {"fps": 50},
         ["row 6", "apex 10 lies before onset 20", "coder ann"]),
        ([*ROWS, "s3,v3,ann,20,40,30"], HEADER, {"fps": 50}, ["row 6", "offset 30", "apex 40"]),
        ([*ROWS, "s3,v3,ann,20,,10"], HEADER, {"fps": 50}, ["row 6", "offset 10", "onset 20"]),
        ([*ROWS, ROWS[0]], HEADER, {"fps": 50}, ["rows 2 and 6", "twice", "pass"]),
        ([*ROWS, "s3,v3,,1,2,3"], HEADER, {"fps": 50}, ["row 6", "column coder", "blank"]),
        ([*ROWS, ",v3,ann,1,2,3"], HEADER, {"fps": 50}, ["row 6", "column subject", "blank"]),
        ([*ROWS, "s3,v3,ann,1,,"], HEADER, {"fps": 50}, ["row 6", "only onset", "column event"]),
        ([*ROWS, "s3,v3,ann,x,2,3"], HEADER, {"fps": 50}, ["row 6", "'x'", "number"]),
        ([*ROWS, "s3,v3,ann,1.5,2,3"], HEADER, {"fps": 50}, ["row 6", "whole number"]),
        (["s1,ann,10,30,,", "s1,bo,,,200,600"], "subject,coder,onset,offset,onset_ms,offset_ms",
         {"fps": 50}, ["mixes frames (row 2) and ms (row 3)"]),
        (["s1,ann,10,30,25", "s1,bo,10,30,-1"], "subject,coder,onset,offset,fps", {},
         ["row 3", "column fps", "-1"]),
        (["s1,v,ann,1,3,25", "s1,v,bo,1,3,50"], "subject,video,coder,onset,offset,fps", {},
         ["video v of subject s1", "two frame rates"]),
        (["s1,ann,10,30,e1", "s1,bo,10,30,"], "subject,coder,onset,offset,event", {"fps": 50},
         ["row 3", "no name"]),
        (["s1,ann,10,30,e1", "s2,bo,10,30,e1"], "subject,coder,onset,offset,event", {"fps": 50},
         ["e1 is of two subjects"]),
        ([], HEADER, {"fps": 50}, ["no row"]),
        (ROWS, "subject,video,who,onset,apex,offset", {"fps": 50}, ["coder"]),
    ],
)  # fmt: skip
def test_bad_codings_are_refused_in_one_sentence(tmp_path, rows, header, options, words):
    message = refused(tmp_path, rows, header, **options)
    for word in words:
        assert word in message


def test_a_frame_rate_is_above_0(tmp_path):
    with pytest.raises(AnnotationError, match="fps is 0; expected frames per second"):
        read_codings(write(tmp_path, ROWS), fps=0)


def test_tables_in_memory_are_checked_too():
    table = pd.DataFrame({"subject": ["s"] * 2, "coder": ["a", "b"], "onset_ms": [0.0, 5.0],
                          "offset_ms": [90.0, 80.0]})  # fmt: skip
    assert checked_codings(table)["row"].tolist() == [2.0, 3.0]
    with pytest.raises(AnnotationError, match="the annotations has one coder"):
        checked_codings(table.assign(coder="a"))


def test_coders_and_groups(tmp_path):
    coders = write(tmp_path, ["ann,A,FACS,", "bo,,,new"], "coder,culture,training,note", "c.csv")
    assert read_coders(coders)["culture"].tolist() == ["A", "unknown"]
    with pytest.raises(AnnotationError, match="has the coder ann twice"):
        read_coders(write(tmp_path, ["ann,A", "ann,B"], "coder,culture", "c.csv"))
    groups = write(tmp_path, ["s1,A", "s2,?"], "subject,ethnicity", "g.csv")
    assert read_ethnicity(groups) == {"s1": "A", "s2": "unknown"}
    for rows, words in ((["s1,A", "s1,B"], "has the groups A and B"), (["s1,all"], "called 'all'")):
        with pytest.raises(AnnotationError, match=words):
            read_ethnicity(write(tmp_path, rows, "subject,ethnicity", "g.csv"))
    with pytest.raises(AnnotationError, match="no column ethnicity"):
        groups_of_subjects(pd.DataFrame({"subject": ["s1"]}))


PLAIN = [
    ("event@ann", "s1", 200, 600, "x"),
    ("apex@ann", "s1", 400, 420, ""),
    ("event@bo", "s1", 220, 640, "x"),
    ("event@bo#2", "s1", 210, 620, "x"),
    ("apex@bo#2", "s1", 390, 391, ""),
]


def _clock(ms):
    return f"00:00:{ms / 1000:06.3f}"


FORMATS = {
    "ms": lambda a, b: [a, b],
    "ms and duration": lambda a, b: [a, b, b - a],
    "seconds": lambda a, b: [f"{a / 1000:.3f}", f"{b / 1000:.3f}", f"{(b - a) / 1000:.3f}"],
    "clock": lambda a, b: [_clock(a), _clock(b)],
    "clock and ms": lambda a, b: [_clock(a), a, _clock(b), b],
    "all with duration": lambda a, b: [
        _clock(a), f"{a / 1000:.3f}", a, _clock(b), f"{b / 1000:.3f}", b, _clock(b - a),
        f"{(b - a) / 1000:.3f}", b - a,
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("header", [True, False])
def test_elan_in_each_of_its_formats(tmp_path, form, header):
    lines = []
    for tier, subject, begin, end, text in PLAIN:
        cells = [tier, subject, *FORMATS[form](begin, end), text, "/films/v1.eaf"]
        lines.append("\t".join(map(str, cells)))
    if header:
        n = len(FORMATS[form](0, 1))
        kinds = n // 3 if n % 3 == 0 else n // 2
        names = [f"{what} Time - f{k}" for what in ("Begin", "End") for k in range(kinds)]
        names += [f"Duration - f{k}" for k in range(n - 2 * kinds)]
        lines.insert(0, "\t".join(["Tier", "Participant", *names, "Annotation", "File name"]))
    path = tmp_path / "elan.txt"
    path.write_text("\n".join(lines) + "\n")
    table = read_codings(path)
    assert table["coder"].tolist() == ["ann", "bo", "bo"]
    assert table["pass"].tolist() == ["1", "1", "2"]
    assert table["onset_ms"].tolist() == [200, 220, 210]
    assert table["offset_ms"].tolist() == [600, 640, 620]
    assert table["apex_ms"].tolist()[::2] == [400, 390] and np.isnan(table["apex_ms"][1])
    assert set(table["video"]) == {"v1"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*PLAIN, ("apex@ann", "s1", 900, 910, "")], "row 6: the apex at 900 ms of coder ann lies"),
        ([*PLAIN, ("apex@ann", "s1", 500, 510, "")], "is the second one in its event"),
        ([*PLAIN, ("event@ann", "", 700, 910, "")], "row 6: the tier 'event@ann' has no partic"),
        ([("apex@ann", "s1", 500, 510, "")], "no tier event@CODER"),
    ],
)
def test_bad_elan_is_refused(tmp_path, rows, words):
    path = tmp_path / "elan.txt"
    path.write_text("".join("\t".join(map(str, r)) + "\n" for r in rows))
    with pytest.raises(AnnotationError, match=words):
        read_codings(path)


@pytest.mark.parametrize(
    ("codings", "coders", "subjects", "words"),
    [
        (ROWS[:1], None, None, "one coder"),
        (["s1,v1,ann,10,20,30", "s1,v1,bo,110,120,130"], None, None, "no event in common"),
        (["s1,v1,ann,10,20,30", "s2,v1,bo,10,20,30"], None, None, "no event in common"),
        (ROWS, ["ann,A"], None, "coders.csv has no row for the coder bo of codings.csv"),
        (ROWS, ["ann,A", "boo,B"], None, "did you mean boo"),
        (ROWS, None, ["s1,A"], "subjects.csv has no row for the subject s2 of codings.csv"),
    ],
)
def test_the_command_refuses_in_one_sentence_and_writes_nothing(
    tmp_path, codings, coders, subjects, words
):
    command = [sys.executable, "-m", "mebias", "coders", str(write(tmp_path, codings)),
               "--fps", "50", "--out", str(tmp_path / "out")]  # fmt: skip
    if coders:
        table = write(tmp_path, coders, "coder,culture", "coders.csv")
        command += ["--coders", str(table)]
    if subjects:
        table = write(tmp_path, subjects, "subject,ethnicity", "subjects.csv")
        command += ["--ethnicity", str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "out").exists()
