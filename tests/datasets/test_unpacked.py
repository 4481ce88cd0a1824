"""Unpacked a folder deeper than expected, and as large as datasets get."""

import random
import time

import pytest
from authors import VARIANTS, build

import mebias

CASES = [(name, variants[0]) for name, variants in VARIANTS.items() if name != "casme3-c"]


@pytest.mark.parametrize(("name", "variant"), CASES, ids=[name for name, _ in CASES])
def test_tables_and_frames_are_found_a_folder_deeper(name, variant, tmp_path):
    built = build(name, tmp_path / "un{packed}" / name.upper(), variant=variant)
    root = tmp_path / "un{packed}" if name != "folder" else built.root
    cohort = mebias.load(name, root, **built.load_options)
    found = dict(zip(cohort.clips["clip"], cohort.clips["n_frames"], strict=True))
    assert found == {clip: len(row["numbers"]) for clip, row in built.expected.items()}


def test_ten_thousand_clips_load_and_are_audited_within_ten_seconds(tmp_path):
    draw = random.Random(0)
    rows = ["clip,subject,onset,apex,offset,emotion,fps,ethnicity"]
    for number in range(10_000):
        onset = draw.randrange(1, 500)
        apex = onset + draw.randrange(3, 60)
        offset = apex + draw.randrange(3, 60)
        group = "AB"[number % 2]
        rows.append(f"c{number},s{number % 300},{onset},{apex},{offset},joy,200,{group}")
    (tmp_path / "annotations.csv").write_text("\n".join(rows) + "\n")
    start = time.perf_counter()
    issues = mebias.audit(mebias.load("folder", tmp_path), images=False)
    assert time.perf_counter() - start < 10
    assert set(issues["severity"]) == {"note"}
