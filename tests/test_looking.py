"""power and doctor: what a dataset could find, and what works on this machine."""

import pandas as pd
import pytest

from mebias.checkup import checkup
from mebias.cli import main
from mebias.cli.looking import power_lines


def test_power_writes_its_table_and_says_what_is_found(tmp_path, capsys):
    assert main(["power", "4dme", "--trimmed", "--out", str(tmp_path), "--power", "0.9"]) == 0
    told = capsys.readouterr().out
    assert "SIMULATED 4dme" in told
    assert "with 90 % power (42 subjects)" in told
    table = pd.read_csv(tmp_path / "power.csv")
    least = table[table["quantity"] == "smallest_shift"]
    assert set(least["keyframe"]) == {"onset", "apex", "offset"}
    assert (least["conf_low"] < least["shift_ms"]).all()


def test_a_design_that_cannot_be_tested_says_why():
    rows = {
        "contrast": ["A vs others"], "keyframe": ["onset"], "quantity": ["smallest_shift"],
        "shift_ms": [float("nan")], "reason": ["A has 2 subjects"],
    }  # fmt: skip
    assert power_lines(pd.DataFrame(rows), 0.8) == ["onset: A has 2 subjects"]


@pytest.mark.parametrize("given", ["1", "0", "80", "x"])
def test_a_power_that_is_none_is_refused(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["power", "4dme", "--power", given])
    assert stopped.value.code == 2
    assert "is not a power between" in capsys.readouterr().err


def test_doctor_names_packages_data_and_programs(capsys, monkeypatch, tmp_path):
    (tmp_path / "samm").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "annotations.csv").write_text("clip", encoding="utf-8")
    monkeypatch.setenv("MEBIAS_DATA", str(tmp_path))
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "numpy" in told
    assert "missing   samm" in told
    assert "ok        folder" in told
    monkeypatch.setenv("MEBIAS_DATA", str(tmp_path / "nowhere"))
    verdicts = {row.what: row.verdict for row in checkup()}
    assert verdicts["$MEBIAS_DATA"] == "missing"
    monkeypatch.delenv("MEBIAS_DATA")
    assert {row.what: row.verdict for row in checkup()}["$MEBIAS_DATA"] == "note"


def test_doctor_says_what_a_package_that_is_missing_or_too_old_costs(monkeypatch, capsys):
    import mebias.checkup as module

    real = module.version

    def version(name):
        if name == "torch":
            raise module.PackageNotFoundError(name)
        return "1.26.4" if name == "numpy" else real(name)

    monkeypatch.setattr(module, "version", version)
    rows = {row.what: row for row in checkup()}
    assert rows["torch"].verdict == "missing"
    assert "does not work: recognize" in rows["torch"].told
    assert rows["numpy"].verdict == "note"
    assert rows["numpy"].told.startswith("1.26.4, and only >=2")
    assert main(["doctor"]) == 0
    assert "missing: torch; what does without works." in capsys.readouterr().out


def test_doctor_without_typst_says_what_is_lost(monkeypatch):
    import mebias.checkup as module

    real = module.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "typst" else real(name))
    row = next(r for r in checkup() if r.what == "typst")
    assert row.verdict == "note"
    assert "report.pdf" in row.told
