"""Predicted against simulated studies: small here, at size in the committed table."""

from pathlib import Path

import pandas as pd
import pytest

from mebias.errors import OptionError
from mebias.validation import plan_study
from mebias.validation.plan_study import CELLS, validate_plan_study

COMMITTED = Path(__file__).parents[2] / "reports" / "validation" / "plan_study.csv"


def test_a_cell_is_met_and_a_wrong_prediction_is_not(monkeypatch):
    name = "4 coders, 24 subjects, all coded by all, 100 fps"
    table = validate_plan_study([name], n_studies=120, pilots=False)
    assert set(table["met"]) == {"yes"} and len(table) == 7
    power = plan_study.group_power
    monkeypatch.setattr(plan_study, "group_power", lambda *a: 0.4 * power(*a))
    wrong = validate_plan_study([name], n_studies=120, pilots=False).set_index("quantity")["met"]
    assert wrong["ethnicity_power"] == "no" and wrong["culture_power"] == "yes"


def test_the_committed_table_is_within_five_points():
    table = pd.read_csv(COMMITTED)
    assert set(table["cell"]) >= set(CELLS) and set(table["met"]) == {"yes"}
    power = table[table["quantity"].str.endswith("_power")]
    assert len(power) == 11 and power["difference"].abs().max() <= 0.05
    assert power["n_studies"].min() >= 400


def test_unknown_cells_and_too_few_studies():
    with pytest.raises(OptionError, match="unknown cell"):
        validate_plan_study(["none"])
    with pytest.raises(OptionError, match="19 studies"):
        validate_plan_study(n_studies=19)
