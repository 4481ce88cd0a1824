"""The command line on every dataset in its authors' layout: audit, report, export."""

import json

import pandas as pd
import pytest
from authors import VARIANTS, build

import mebias
from mebias.cli import main

CASES = [*((name, "") for name in sorted(VARIANTS)), ("casme3", "part-a-v2")]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: " ".join(case).strip())
def built(request, tmp_path_factory):
    name, variant = request.param
    return build(name, tmp_path_factory.mktemp(name), variant=variant)


def run(built, command, out, *more):
    arguments = [command, built.name, "--root", built.root, "--out", out, *more, "--quiet"]
    version = built.load_options.get("version")
    arguments += ["--labels", version] if version else []
    return main([str(a) for a in arguments])


def test_audit_lists_what_was_planted(built, tmp_path):
    assert run(built, "audit", tmp_path) == 0
    issues = pd.read_csv(tmp_path / "issues.csv", dtype=str, keep_default_na=False)
    assert (issues["message"] != "").all()
    assert issues["severity"].isin(["error", "warning", "note"]).all()
    texts = issues.agg(" ".join, axis=1)
    for clip, word in (*built.reported, *built.audited):
        name = clip.rpartition("/")[2].partition("#")[0]
        here = texts[texts.str.contains(name, regex=False)]
        assert here.str.contains(word, case=False, regex=False).any(), (clip, word)


@pytest.mark.usefixtures("svg_only")
def test_report_is_written(built, tmp_path):
    assert run(built, "report", tmp_path, "--recognizer", "none") == 0
    assert (tmp_path / "report.html").stat().st_size > 10_000
    findings = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    no_apex = (built.expected[c]["status"]["apex"] == "missing" for c in built.expected)
    shifted = any(row["quantity"] == "mean_shift" for row in findings["estimates"])
    # onsets and offsets are compared with the movement even where no apex was coded
    assert shifted or all(no_apex)


def test_export_reads_back_as_written(built, tmp_path):
    out = tmp_path / "out"
    assert run(built, "export", out) == 0
    for file in built.tables:
        name = file.relative_to(built.root)
        assert (out / "test" / name).read_bytes() == file.read_bytes()
    told = pd.read_csv(out / "keyframes_export.csv", dtype=str, keep_default_na=False)
    told = told[(told["keyframe"] != "apex_high") & (told["file"] != "")]
    again = mebias.load(built.name, out / "train", **built.load_options).cells
    written = dict(zip(_places(again), again["written"], strict=True))
    for place, frame, human in zip(_places(told), told["mebias"], told["human"], strict=True):
        assert _number(written[place]) == _number(frame or human), place


def _places(table):
    rows = table["row"].astype(float)
    return list(zip(table["file"], table["sheet"], rows, table["column"], strict=True))


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text
