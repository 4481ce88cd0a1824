"""The worked example of CONTRIBUTING reads as it says."""

import re
from pathlib import Path

import openpyxl

import mebias

TEXT = Path(__file__).parents[1].joinpath("CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_example_manifest_reads_the_example_table(tmp_path):
    rows = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("| ")]
    rows = [[int(c) if c.strip().isdecimal() else c.strip() for c in row] for row in rows]
    (tmp_path / "faces.toml").write_text(re.search(r"```toml\n(.*?)```", TEXT, re.S)[1])
    book = openpyxl.Workbook()
    for row in [["FACES, all labels"], [], *rows]:
        book.active.append(row)
    book.save(tmp_path / "FACES-labels.xlsx")
    frames = tmp_path / "FACES" / "P01" / "v3"
    frames.mkdir(parents=True)
    frames.joinpath("frame_0012.png").write_bytes(b"")
    cohort = mebias.load(tmp_path / "faces.toml", root=tmp_path)
    assert cohort.clips["clip"].tolist() == ["P01/v3#12", "P01/v3#60", "P02/v1#5"]
    assert cohort.clips["subject"].tolist() == ["P01", "P01", "P02"]
    assert cohort.clips["emotion"].tolist() == ["joy", "joy", "fear"]
    assert cohort.clips["n_frames"].tolist() == [1, 1, 0]
    apex = cohort.keyframes.query("keyframe == 'apex'")
    assert apex["status"].tolist() == ["annotated", "missing", "annotated"]
    assert mebias.load(tmp_path / "faces.toml", root=tmp_path).manifest.labels == {
        "2-class": {"joy": "positive", "fear": "negative"}
    }
