"""How often "re-selection reduces the error" is graded supported where nothing is corrected.

Rule and judge look at the same pixels, whose noise may draw both to the same frame. How often
that alone makes the claim is measured in simulated cohorts, at the dataset's frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from scipy import special

from mebias.errors import TableError, listed
from mebias.quantification.claim_words import per_cent

COLUMNS = ("fps", "amplitude", "rule", "share_false", "n_cohorts")
MAX_FALSE = 0.05
"""Share of false "supported" from which on the claim is not graded."""
CONFIDENCE = 0.95
"""Of the bound on that share, which a calibration of few cohorts does not reach."""
SAME_RATE = 0.1
"""Relative difference of frame rates up to which a calibration holds."""


@dataclass(frozen=True)
class Gate:
    """Whether the claim may be graded, what says so, and what would settle it if not."""

    passed: bool
    rests_on: str
    would_settle: str = ""


def gate(false_supported: pd.DataFrame | None, rule: str, fps: tuple[float, ...]) -> Gate:
    """Whether re-selection by a rule may be claimed to reduce the error.

    Parameters
    ----------
    false_supported : DataFrame or None
        One row per calibrated cell: ``fps``, ``amplitude`` (largest displacement, pixels),
        ``rule``, ``share_false`` (share of cohorts without a correction in which the claim was
        graded supported) and ``n_cohorts``.
    rule : str
        The rule, without its distance.
    fps : tuple of float
        Frame rates of the dataset; each needs a cell within 10 %.

    Returns
    -------
    Gate
        Passed where the upper 95 % bound (Clopper-Pearson) of the share is below 5 % in every
        cell of the nearest rate. The amplitude of a real dataset is not known, so that all
        calibrated ones count.

    Raises
    ------
    TableError
        A column is missing.

    Examples
    --------
    >>> cell = {"fps": 200, "amplitude": 1.6, "rule": "gamdss", "share_false": 0.01}
    >>> gate(pd.DataFrame([cell | {"n_cohorts": 500}]), "gamdss", (200.0,)).passed
    True
    >>> gate(pd.DataFrame([cell | {"n_cohorts": 50}]), "gamdss", (200.0,)).passed
    False
    """
    if false_supported is None:
        rates = " and ".join(f"{rate:g}" for rate in fps)
        return Gate(
            False,
            "not calibrated: rule and judge share the pixels",
            f"a calibration at {rates} fps: in how many simulated cohorts in which {rule} corrects "
            f"nothing it is graded supported (below {per_cent(MAX_FALSE)} is needed)",
        )
    missing = [column for column in COLUMNS if column not in false_supported.columns]
    if missing:
        raise TableError(
            f"the table of false claims has no column {listed(missing)} (found: "
            f"{listed(false_supported.columns) or 'none'}); expected {listed(COLUMNS)}."
        )
    own = false_supported[false_supported["rule"] == rule]
    gates = [_at_rate(own, rule, rate) for rate in fps]
    failed = [one for one in gates if not one.passed]
    return failed[0] if failed else gates[0]


def upper_bound(share: float, n: float) -> float:
    """Upper bound of a share seen in n cohorts (Clopper-Pearson, one-sided 95 %).

    >>> round(upper_bound(0.0, 100), 4), upper_bound(1.0, 10)
    (0.0295, 1.0)
    """
    hits = round(share * n)
    return 1.0 if hits >= n else float(special.betaincinv(hits + 1, n - hits, CONFIDENCE))


def _at_rate(own: pd.DataFrame, rule: str, fps: float) -> Gate:
    """The gate at one frame rate, by its worst calibrated amplitude."""
    away = (own["fps"].astype(float) - fps).abs()
    near = own[(away <= SAME_RATE * fps) & (away == away.min())]
    if near.empty:
        return Gate(
            False,
            f"not calibrated at {fps:g} fps: rule and judge share the pixels",
            f"a calibration of {rule} at {fps:g} fps (there is one at "
            f"{listed(sorted({f'{rate:g}' for rate in own['fps']})) or 'no rate'})",
        )
    bounds = [
        upper_bound(float(share), float(n))
        for share, n in zip(near["share_false"], near["n_cohorts"], strict=True)
    ]
    worst = near.iloc[max(range(len(bounds)), key=bounds.__getitem__)]
    share, n, bound = float(worst["share_false"]), float(worst["n_cohorts"]), max(bounds)
    told = (
        f"falsely supported in {per_cent(share)} of {n:.0f} simulated cohorts at "
        f"{worst['fps']:g} fps and {worst['amplitude']:g} pixels (at most {per_cent(bound)})"
    )
    needed = f"below {per_cent(MAX_FALSE)} is needed"
    if bound < MAX_FALSE:
        return Gate(True, told)
    if share < MAX_FALSE:
        return Gate(
            False, told,
            f"more simulated cohorts than {n:.0f}: the share of false claims may be "
            f"{per_cent(bound)}, {needed}",
        )  # fmt: skip
    return Gate(
        False, told,
        f"a rule and a judge that do not share pixels: {per_cent(share)} of simulated cohorts "
        f"without a correction are graded supported, {needed}",
    )  # fmt: skip
