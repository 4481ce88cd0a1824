"""Coverage notes of the coders' SD and its ratios: the worst of the nearest cohorts."""

import csv
from pathlib import Path

import pytest

from mebias import quantify, tables
from mebias.quantification import coder_coverage
from mebias.quantification.coder_coverage import ratio_note, sd_note
from mebias.quantification.coverage import NOT_SIMULATED, falls_short
from mebias.validation.trajectories import blind_shifts

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "reports" / "validation" / "recovery.csv"
RATIO = "log ratio of coders' SDs covered"


def worst(proof, keyframe, fps):
    with TABLE.open() as handle:
        rows = [
            float(r["value"]) for r in csv.DictReader(handle)
            if r["proof"] == proof and r["keyframe"] == keyframe and r["frames"] == "uncut"
            and r["labels"] == "unbiased" and float(r["fps"]) == fps and float(r["n_told"]) >= 100
        ]  # fmt: skip
    return min(rows)


@pytest.mark.parametrize("keyframe", tables.KEYFRAMES)
@pytest.mark.parametrize(("fps", "nearest"), [(200.0, 200.0), (120.0, 200.0), (1000.0, 200.0)])
def test_the_worst_of_the_nearest_rate_is_told(keyframe, fps, nearest):
    share = worst("coders' SD covered", keyframe, nearest)
    note = sd_note(keyframe, fps)
    assert f"{100 * share:.1f} % in simulation" in note
    assert f"{nearest:g} fps" in note
    assert falls_short(note) == (share < 0.9)


def test_nothing_is_told_where_nothing_was_simulated(monkeypatch):
    assert sd_note("blink", 200.0) == ratio_note(("onset", "apex"), 200.0) == NOT_SIMULATED
    assert sd_note("apex", float("nan")) == NOT_SIMULATED


def test_estimates_carry_the_note_and_a_claim_says_so_where_too_little_is_covered(monkeypatch):
    shifts = blind_shifts(3)
    found = quantify(shifts, n_permutations=19)
    own = found.estimates.set_index(["quantity", "ethnicity", "keyframe"])["coverage_note"]
    assert own["coder_sd", "all", "apex"] == sd_note("apex", 200.0)
    assert own["log_sd_offset_onset", "all", "offset"] == ratio_note(("offset", "onset"), 200.0)
    row = {"proof": RATIO, "keyframe": "offset/onset", "fps": "200", "value": "0.85",
           "n_told": "400", "level": "images"}  # fmt: skip
    monkeypatch.setattr(coder_coverage, "_rows", lambda: [row])
    claims = quantify(shifts, n_permutations=19).claims.set_index("claim")
    said = "interval: nominal 95 %; measured 85.0 % in simulation (filmed clips, 400 cohorts"
    name = "Offset labels are placed less exactly than {} labels"
    assert said in claims.loc[name.format("onset"), "rests_on"]
    assert "interval: nominal" not in claims.loc[name.format("apex"), "rests_on"]


def test_the_table_is_in_the_wheel():
    assert "validation_tables/recovery.csv" in (ROOT / "pyproject.toml").read_text()
