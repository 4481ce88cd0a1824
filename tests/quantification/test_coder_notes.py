"""Coverage notes of coders' estimates: from the shipped table, and only where it tells."""

import csv

import numpy as np

import mebias
from mebias import tables
from mebias.quantification.coding.coverage import with_coder_notes
from mebias.quantification.coverage import LEAST, falls_short, table_path


def shipped():
    with table_path().with_name("coders.csv").open(newline="", encoding="utf-8") as handle:
        return [r for r in csv.DictReader(handle)
                if r["measure"] == "coverage" and r["control"] == "False"]  # fmt: skip


def row(quantity, n_subjects, n_events, level=0.95, low=0.0):
    return {"dataset": "d", "source": "a", "keyframe": "apex", "estimate": 0.5,
            "quantity": quantity, "conf_level": level, "conf_low": low, "conf_high": 1.0,
            "n_subjects": n_subjects, "n_clips": n_events}  # fmt: skip


def table(rows):
    return tables.from_rows(rows, "estimates")


def test_each_quantity_gets_the_worst_of_its_nearest_studies():
    for quantity in {r["quantity"] for r in shipped()}:
        own = [r for r in shipped() if r["quantity"] == quantity]
        for subjects, clips in {(float(r["subjects"]), float(r["clips"])) for r in own}:
            there = [float(r["value"]) for r in own
                     if (float(r["subjects"]), float(r["clips"])) == (subjects, clips)]  # fmt: skip
            note = with_coder_notes(table([row(quantity, subjects, clips)]))
            (found,) = note["coverage_note"]
            assert f"{100 * min(there):.1f} % in simulation" in found
            assert f"({subjects:.0f} subjects, {clips:.0f} events)" in found
            assert falls_short(found) == (min(there) < LEAST)


def test_no_note_is_made_up():
    rows = [row("ccc", 24, 120), row("coder_bias", 24, 120, low=np.nan),
            row("coder_bias", 24, 120, level=0.9)]  # fmt: skip
    notes = with_coder_notes(table(rows))["coverage_note"].tolist()
    assert notes == ["coverage not simulated", "", "coverage not simulated"]


def test_findings_carry_them():
    study = mebias.simulate_coders(seed=0, n_events=60)
    found = mebias.coders(study.annotations).estimates
    told = found["conf_low"].notna() & found["conf_high"].notna()
    assert found.loc[told, "coverage_note"].ne("").all()
    assert found.loc[~told, "coverage_note"].eq("").all()
    assert found.loc[found["quantity"] == "coder_bias", "coverage_note"].str.contains("%").any()
