"""Shifts, estimates and tests from which claims are graded, made by hand or drawn."""

import math

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.checks import checked_shifts
from mebias.quantification.claims import graded_claims

RULE = {"source": "gamdss", "distance": "signed"}
FINE = pd.DataFrame(
    [{"fps": 200, "amplitude": 1.6, "rule": "gamdss", "distance": "signed", "claim": claim,
      "share_false": 0.01, "n_cohorts": 500} for claim in ("correction", "one group more")]
)  # fmt: skip
"""A calibration at which "re-selection corrects" may be graded."""


def shifts(dataset="samm", status="selected", groups=("A", "B"), blind=True, **columns):
    """One row per group of a windowed rule and, if asked, of the blind posterior."""
    rows = [
        {"dataset": dataset, "clip": f"c{g}", "subject": f"s{g}", "ethnicity": g,
         "keyframe": "onset", "fps": 200.0, "human": 1, "selected": 2, "selected_status": status,
         "freedom": 3.0, **source, **columns}
        for g in groups
        for source in ((RULE, {"source": "motion-blind"}) if blind else (RULE,))
    ]  # fmt: skip
    return tables.from_rows(rows, "shifts")


def test_row(estimate=20.0, half=4.0, p=0.001, dataset="samm", **columns):
    """A row of a tests table; by default of the primary family."""
    row = {"family": "primary", "family_size": 3, "hypothesis": "equal", "dataset": dataset,
           "ethnicity": "A vs others", "keyframe": "offset", "estimate": estimate, "unit": "ms",
           "df": 20.0, "conf_low": estimate - half, "conf_high": estimate + half, "margin": 10.0,
           "p_value": p, "p_adjusted": p, "n_clips": 90, "n_subjects": 30, **RULE}  # fmt: skip
    return tables.from_rows([{**row, **columns}], "tests")


test_row.__test__ = False


def error_row(*args, **columns):
    """A row of the primary family of annotation errors."""
    judged = {"family": "annotation-error primary", "source": "motion-blind", "distance": ""}
    return test_row(*args, **{**judged, **columns})


def ratio_row(other, *args, **columns):
    """A row of the keyframe family."""
    about = {"family": "keyframe", "family_size": 2, "ethnicity": "all", "unit": "log",
             "hypothesis": f"coders place the offset as exactly as the {other}",
             "margin": math.nan, "source": "motion-blind", "distance": ""}  # fmt: skip
    return test_row(*args, **{**about, **columns})


def estimate_row(quantity, estimate, half=1.0, dataset="samm", **columns):
    """A row of an estimates table in ms, weighting subject."""
    row = {"dataset": dataset, "quantity": quantity, "estimate": estimate, "std_error": half / 2.09,
           "df": 20.0, "conf_low": estimate - half, "conf_high": estimate + half, "unit": "ms",
           "weighting": "subject", "keyframe": "onset", "n_clips": 90, "n_subjects": 30,
           **RULE}  # fmt: skip
    return tables.from_rows([{**row, **columns}], "estimates")


def share_row(quantity, estimate, low, high, keyframe="", **columns):
    """A row of an estimates table with the share of clips."""
    about = {"unit": "share", "weighting": "clip", "keyframe": keyframe, "conf_low": low,
             "conf_high": high, "std_error": math.nan, "df": math.nan}  # fmt: skip
    return estimate_row(quantity, estimate, **{**about, **columns})


def reach(low=-40.0, high=40.0, keyframes=("onset", "apex", "offset")):
    """How far the windows reach at each keyframe."""
    return stacked(
        *(estimate_row(f"window_reach_{side}", value, keyframe=k)
          for k in keyframes for side, value in (("low", low), ("high", high)))
    )  # fmt: skip


def stacked(*parts):
    """Rows of several tables of one kind below each other."""
    return pd.concat(parts, ignore_index=True)


def claims(rows=None, estimates=None, tests=None, **options):
    """Claims from hand-made tables; those not given are empty."""
    return graded_claims(
        shifts() if rows is None else rows,
        tables.empty("estimates") if estimates is None else estimates,
        tables.empty("tests") if tests is None else tests,
        0.95,
        **options,
    )


def the(found, text):
    """The only claim whose sentence holds a text."""
    rows = found[found["claim"].str.contains(text, regex=False)]
    assert len(rows) == 1, f"{len(rows)} claims with {text!r}: {found['claim'].tolist()}"
    return rows.iloc[0]


def with_rule(blind, chosen):
    """The blind posterior's rows, and those of gamdss with the frames ``chosen``."""
    rule = blind.drop(columns=["shift_frames", "shift_ms", "shift_window"]).assign(
        selected=np.asarray(chosen, dtype=float), selected_mean=math.nan, selected_sd=math.nan,
        **RULE,
    )  # fmt: skip
    return checked_shifts(pd.concat([blind, rule]))
