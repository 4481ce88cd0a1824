"""Coverage notes: the nearest cell, the worse correlation, no level that is not reached."""

import time
import tomllib

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.quantification import coverage
from mebias.quantification.coverage import (
    NOT_SIMULATED,
    calibrated,
    interval_label,
    table_path,
    with_coverage_notes,
)
from mebias.tables import conform, read_csv

SUBJECT = "random-intercept weights (REML), CR2, Satterthwaite df"


def row(method=SUBJECT, quantity="mean_shift", weighting="subject", **changed):
    return {
        "dataset": "d", "source": "motion", "distance": "signed", "keyframe": "apex",
        "quantity": quantity, "weighting": weighting, "method": method, "estimate": 1.0,
        "conf_low": 0.0, "conf_high": 2.0, "n_subjects": 29, "n_clips": 159,
    } | changed  # fmt: skip


def noted(*rows):
    return with_coverage_notes(conform(pd.DataFrame(list(rows)), "estimates"))["coverage_note"]


def measured(quantity, **wanted):
    table = read_csv(table_path(), "calibration")
    table = table[(table["quantity"] == quantity) & ~table["control"]]
    table = table[table["measure"] == "coverage"]
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


REACH = row(quantity="window_reach_low", source="gamdss")


@pytest.mark.parametrize(
    ("n_subjects", "n_clips", "nearest"),
    [(29, 159, 29), (25, 140, 29), (60, 900, 42), (14, 70, 12), (6, 25, 5)],
)
def test_the_nearest_size_and_the_worse_correlation(n_subjects, n_clips, nearest):
    own = measured("mean", weighting="subject", distribution="bounded", subjects=nearest)
    worst = own.loc[own["value"].idxmin()]
    made = row(source="gamdss", n_subjects=n_subjects, n_clips=n_clips)
    assert noted(made, REACH)[0] == (
        f"95 % intervals covered {100 * worst['value']:.1f} % in simulation ({nearest} subjects, "
        f"{worst['clips']:.0f} clips, bounded values, ICC {worst['icc']:g})"
    )


def test_kinds_of_values():
    notes = noted(
        row(source="gamdss"), REACH, row(),
        row(quantity="mean_rise_human", source="gamdss"), row(source="v1 to v2"),
    )  # fmt: skip
    assert "bounded values" in notes[0]
    assert "normal values" in notes[2]
    assert "skewed values" in notes[3]
    own = measured("mean", weighting="subject", subjects=29)
    assert f"covered {100 * own['value'].min():.1f} %" in notes[4]  # nothing known: the worst


def test_shares_are_set_beside_the_nearest_share():
    method = "Korn-Graubard: Clopper-Pearson with the effective number of clips"
    share = dict(method=method, weighting="clip", conf_low=0.0, conf_high=1.0)
    notes = noted(*(row(estimate=e, **share) for e in (0.0, 0.47, 0.66, 0.98)))
    assert [n.split("clips, ")[1].split(",")[0] for n in notes] == [
        "a share of 2.02 %", "a share of 45 %", "a share of 65 %", "a share of 2.02 %",
    ]  # fmt: skip


def test_differences_are_set_beside_groups():
    method = "difference of two weighted means, CR2, Satterthwaite df"
    note = noted(row(method=method, quantity="mean_shift_difference", n_subjects=20, n_clips=99))[0]
    worst = measured("difference", weighting="subject", subjects=20)["value"].min()
    assert note.startswith(f"95 % intervals covered {100 * worst:.1f} %")
    assert "(4 of 20 subjects, 100 clips, " in note


def test_rows_without_an_interval_and_methods_not_simulated():
    nan = np.nan
    notes = noted(
        row(conf_low=nan, conf_high=nan, reason="a single subject"),
        row(method="random intercept, normal errors, REML; profile of the restricted likelihood"),
        row(method=f"{SUBJECT}; standard errors of the coders' SDs carried by the delta method"),
        row(method="prediction interval", coverage_note="nominal 95 % covered 87 % to 99 %"),
    )
    assert notes.tolist() == ["", NOT_SIMULATED, NOT_SIMULATED, "nominal 95 % covered 87 % to 99 %"]


def test_below_90_per_cent_the_nominal_level_is_never_the_label(monkeypatch):
    rows = coverage.shipped_rows()
    for changed in rows:
        if changed["quantity"] == "mean" and changed["subjects"] == "12":
            changed["value"] = "0.8621"
    found = coverage.cells_of(rows), coverage.calibrated_shares(rows)
    monkeypatch.setattr(coverage, "calibrated", lambda: found)
    estimates = conform(pd.DataFrame([row(n_subjects=12, n_clips=60), row()]), "estimates")
    made = with_coverage_notes(estimates)
    assert made["coverage_note"][0].startswith("nominal 95 %; measured 86.2 % in simulation (12 ")
    labels = map(interval_label, made["conf_level"], made["coverage_note"])
    assert list(labels) == [
        "interval (nominal 95 %, measured 86 %)", "95 % interval",
    ]  # fmt: skip


def test_labels():
    low = "nominal 95 %; measured 86.2 % in simulation"
    assert (
        interval_label(0.9, low) == "interval (nominal 90 %, measured 86 % where nominal is 95 %)"
    )
    assert interval_label(0.9, "") == "90 % interval"
    assert interval_label(float("nan")) == "interval"
    pooled = "in normal simulations of 4 to 10 datasets nominal 95 % covered 87 % to 99 %"
    assert interval_label(0.95, pooled) == "interval (nominal 95 %, measured 87 %)"


def test_other_levels_say_what_was_simulated():
    note = noted(row(conf_level=0.9))[0]
    assert note.startswith("at a level of 95 % such intervals covered ")


def test_no_committed_cell_below_90_per_cent_is_called_95():
    cells, _ = calibrated()
    for of_sizes in cells.values():
        for value, note in zip(of_sizes.coverages, of_sizes.notes, strict=True):
            assert note.startswith("95 % intervals covered") == (value >= 0.90)
            assert interval_label(0.95, note).startswith("95 %") == (value >= 0.90)


def test_the_table_is_found_in_a_wheel_and_in_a_checkout(tmp_path, monkeypatch):
    checkout = table_path()
    assert checkout.parts[-3:] == ("reports", "validation", "statistics.csv")
    project = tomllib.loads((checkout.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    place = included[checkout.relative_to(checkout.parents[2]).as_posix()]
    shipped = tmp_path / place
    shipped.parent.mkdir(parents=True)
    shipped.write_bytes(b"")
    module = tmp_path / "mebias" / "quantification" / "coverage.py"
    monkeypatch.setattr(coverage, "__file__", str(module))
    assert table_path() == shipped
    shipped.unlink()
    assert table_path() == tmp_path / "reports" / "validation" / "statistics.csv"


def test_all_of_a_real_table_is_noted_in_little_time():
    estimates = mebias.quantify(mebias.example(), n_permutations=99).estimates
    made = with_coverage_notes(estimates)
    bounds = estimates["conf_low"].notna() & estimates["conf_high"].notna()
    assert ((made["coverage_note"] != "") == bounds).all()
    unknown = made[made["coverage_note"] == NOT_SIMULATED]["quantity"]
    assert unknown.str.match(
        "ccc|icc|between_subject_sd|within_subject_sd|adjusted_difference"
    ).all()
    pd.testing.assert_frame_equal(with_coverage_notes(made), made)
    many = estimates[bounds].head(500)
    assert len(many) == 500 or len(estimates) < 500
    assert min(_seconds(many) for _ in range(7)) < 0.005 * 3  # 3: a busy machine


def _seconds(estimates):
    start = time.perf_counter()
    with_coverage_notes(estimates)
    return time.perf_counter() - start
