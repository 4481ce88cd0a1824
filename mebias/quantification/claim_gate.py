"""How often "re-selection reduces the error" is graded supported where nothing is corrected.

Rule and judge look at the same pixels, whose noise may draw both to the same frame. How often
that alone makes the claim is measured in simulated cohorts (``python -m mebias calibrate
statistics --recovery``), at the default margin: frames that come nearer by less are no correction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import pandas as pd
from scipy import special

from mebias.errors import TableError, listed
from mebias.quantification.checks import is_posterior
from mebias.quantification.claim_words import two_digits
from mebias.quantification.coverage import table_path

COLUMNS = ("fps", "amplitude", "rule", "distance", "claim", "share_false", "n_cohorts")
CORRECTION, ONE_GROUP = "correction", "one group more"
"""What is claimed: that errors shrink, or that they shrink by more in one group than in others."""
MAX_FALSE = 0.05
"""Share of false "supported" from which on the claim is not graded."""
CONFIDENCE = 0.95
"""Of the bound on that share, which a calibration of few cohorts does not reach."""
SAME_RATE = 2.0
"""Ratio of frame rates up to which a calibration holds."""
_TABLE = "corrects.csv"


@cache
def shipped_corrections() -> pd.DataFrame:
    """The shipped calibration of corrections: inside the package, else that of the checkout."""
    return pd.read_csv(table_path().with_name(_TABLE))


@dataclass(frozen=True)
class Gate:
    """Whether the claim may be graded, what says so, and what would settle it if not."""

    passed: bool
    rests_on: str
    would_settle: str = ""


def gate(
    false_supported: pd.DataFrame,
    rule: tuple[str, str],
    fps: tuple[float, ...],
    claim: str = CORRECTION,
) -> Gate:
    """Whether re-selection by a rule may be claimed to reduce the error.

    Parameters
    ----------
    false_supported : DataFrame
        One row per calibrated cell: ``fps``, ``amplitude`` (largest displacement, pixels of a
        frame 128 wide), ``rule``, ``distance``, ``claim``, ``share_false`` (share of cohorts
        without a correction in which the claim was graded supported) and ``n_cohorts``.
    rule : (str, str)
        The rule and its distance.
    fps : tuple of float
        Frame rates of the dataset; each needs a cell at half to twice its rate.
    claim : str
        `CORRECTION` or `ONE_GROUP`.

    Returns
    -------
    Gate
        Passed where the upper 95 % bound (Clopper-Pearson) of the share is below 5 % in every
        cell of the nearest rates: the next one below and above, as far as they are near enough.
        The amplitude of a real dataset is not known, so that all calibrated ones count. Never
        passed by posteriors drawn to the labels, which share their model with the judge.

    Raises
    ------
    TableError
        A column is missing.

    Examples
    --------
    >>> cell = {"fps": 200, "amplitude": 1.6, "rule": "gamdss", "distance": "signed"}
    >>> cell |= {"claim": "correction", "share_false": 0.01, "n_cohorts": 500}
    >>> seldom = pd.DataFrame([cell])
    >>> gate(seldom, ("gamdss", "signed"), (200.0,)).passed
    True
    >>> gate(seldom.assign(n_cohorts=50), ("gamdss", "signed"), (200.0,)).passed
    False
    """
    name = " ".join(rule).strip()
    if is_posterior(rule[0]):
        return Gate(
            False,
            f"{name} rests on the same model as the judge",
            "another rule: agreement of a model with itself is no correction",
        )
    missing = [column for column in COLUMNS if column not in false_supported.columns]
    if missing and len(false_supported):
        raise TableError(
            f"the table of false claims has no column {listed(missing)} (found: "
            f"{listed(false_supported.columns) or 'none'}); expected {listed(COLUMNS)}."
        )
    own = false_supported.reindex(columns=list(COLUMNS))
    own = own[(own["rule"] == rule[0]) & (own["distance"] == rule[1]) & (own["claim"] == claim)]
    gates = [_at_rate(own, name, rate) for rate in fps]
    failed = [one for one in gates if not one.passed]
    return failed[0] if failed else gates[0]


def upper_bound(share: float, n: float) -> float:
    """Upper bound of a share seen in n cohorts (Clopper-Pearson, one-sided 95 %).

    >>> round(upper_bound(0.0, 100), 4), upper_bound(1.0, 10)
    (0.0295, 1.0)
    """
    hits = round(share * n)
    return 1.0 if hits >= n else float(special.betaincinv(hits + 1, n - hits, CONFIDENCE))


def _nearest(own: pd.DataFrame, fps: float) -> pd.DataFrame:
    """Cells of the rate itself, else of the next ones below and above that are near enough."""
    ratios = own["fps"].astype(float) / fps
    near = own[(ratios >= 1 / SAME_RATE) & (ratios <= SAME_RATE)]
    rates = near["fps"].astype(float)
    below, above = rates[rates <= fps].max(), rates[rates >= fps].min()
    return near[rates.isin([rate for rate in (below, above) if math.isfinite(rate)])]


def _at_rate(own: pd.DataFrame, rule: str, fps: float) -> Gate:
    """The gate at one frame rate, by its worst calibrated amplitude."""
    near = _nearest(own, fps)
    if near.empty:
        rates = listed(sorted({f"{rate:g}" for rate in own["fps"]}))
        return Gate(
            False,
            f"not calibrated at {fps:g} fps: rule and judge share the pixels",
            f"a calibration of {rule} at {fps:g} fps: in how many simulated cohorts in which it "
            f"corrects nothing it is graded supported, below {two_digits(MAX_FALSE)} is needed "
            f"({f'there is one at {rates} fps' if rates else 'there is none'})",
        )
    bounds = [
        upper_bound(float(share), float(n))
        for share, n in zip(near["share_false"], near["n_cohorts"], strict=True)
    ]
    worst = near.iloc[max(range(len(bounds)), key=bounds.__getitem__)]
    share, n, bound = float(worst["share_false"]), float(worst["n_cohorts"]), max(bounds)
    told = (
        f"falsely supported in {two_digits(share)} of {n:.0f} simulated cohorts at "
        f"{worst['fps']:g} fps and {worst['amplitude']:g} pixels (at most {two_digits(bound)})"
    )
    needed = f"below {two_digits(MAX_FALSE)} is needed"
    if bound < MAX_FALSE:
        return Gate(True, told)
    if share < MAX_FALSE:
        return Gate(
            False, told,
            f"more simulated cohorts than {n:.0f}: the share of false claims may be "
            f"{two_digits(bound)}, {needed}",
        )  # fmt: skip
    return Gate(
        False, told,
        f"a rule and a judge that do not share pixels: {two_digits(share)} of simulated cohorts "
        f"without a correction are graded supported, {needed}",
    )  # fmt: skip
