"""Claims about real data, graded: supported, not supported, can't be told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.checks import different_pairs, is_posterior, primary_of
from mebias.quantification.claim_datasets import between
from mebias.quantification.claim_gate import shipped_corrections
from mebias.quantification.claim_labels import absolute, contrasts, exactness
from mebias.quantification.claim_recognition import recognition
from mebias.quantification.claim_rows import Row, Scope, by_quantity, family_interval
from mebias.quantification.claim_selection import corrections, curve, durations
from mebias.quantification.keys import records
from mebias.quantification.sides import default_margin, group_subjects

__all__ = ["family_interval", "graded_claims"]


def graded_claims(
    shifts: pd.DataFrame,
    estimates: pd.DataFrame,
    tests: pd.DataFrame,
    conf_level: float,
    *,
    gains: pd.DataFrame | None = None,
    false_supported: pd.DataFrame | None = None,
    margin_ms: float | None = None,
    primary: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Grade what the estimates and tests allow to be said about each dataset.

    A claim is *supported* if its interval, widened for its family, lies beyond the margin in
    the claimed direction and the adjusted p-value, where it rests on a test, is below 1 -
    conf_level; *not supported* if the interval lies inside the margin or beyond it in the
    other direction; else it *can't be told*, with what would settle it. Never supported are
    absolute bias (the coders' definition is not the model's) and claims between datasets;
    shifts of a windowed rule never support "no difference": their windows bound them.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts: which datasets, groups, sources and frame rates there are.
    estimates, tests : DataFrame
        Where every number of a claim stands.
    conf_level : float
        Level of the family-wise intervals.
    gains : DataFrame, optional
        Gains in recognition, an estimates table; see
        `mebias.quantification.claim_recognition.recognition`.
    false_supported : DataFrame, optional
        How often "re-selection corrects" is graded supported where nothing is corrected; see
        `mebias.quantification.claim_gate.gate`. By default the shipped one
        (`reports/validation/corrects.csv`); an empty table knows of no rule.
    margin_ms : float, optional
        Margin of claims in ms that rest on estimates; by default the larger of one frame and
        10 ms. Tests bring their own. Claims of corrections never have a smaller one than by
        default, which is that of the simulation.
    primary : tuple of str, optional
        Source and distance that claims about re-selection rest on; by default those of the
        primary tests, else ``gamdss`` with ``signed`` or the only rule there is.

    Returns
    -------
    DataFrame
        A claims table; empty for simulated data, about which nothing is claimed.

    Raises
    ------
    TableError
        ``false_supported`` lacks a column.

    Examples
    --------
    >>> import mebias
    >>> mebias.quantify(mebias.example(), n_permutations=99).claims["grade"].unique().tolist()
    []
    """
    known = shipped_corrections() if false_supported is None else false_supported
    rows: list[Row] = []
    names = [str(name) for name in shifts["dataset"].unique()]
    for name in names:
        if tables.is_simulated(name):
            continue
        own = [_of(name, table) for table in (shifts, estimates, tests)]
        scope = _scope(name, own[0], own[1], own[2], conf_level, margin_ms, primary)
        rows += _of_dataset(scope, gains, known)
    if not any(map(tables.is_simulated, names)):
        rows += between(estimates, names)
    return tables.from_rows(rows, "claims")


def _of(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of one dataset."""
    own = table["dataset"].to_numpy() == name
    return table if own.all() else table[own]


def _of_dataset(
    scope: Scope, gains: pd.DataFrame | None, false_supported: pd.DataFrame
) -> Iterator[Row]:
    yield from contrasts(scope)
    yield from exactness(scope)
    yield from corrections(scope, false_supported)
    yield from durations(scope)
    yield from curve(scope)
    yield from recognition(scope, gains)
    yield from absolute(scope)


def _scope(
    name: str,
    part: pd.DataFrame,
    estimates: pd.DataFrame,
    tests: pd.DataFrame,
    conf_level: float,
    margin_ms: float | None,
    primary: tuple[str, str] | None,
) -> Scope:
    """What the claims about one dataset have in common."""
    rule = _rule(part, tests, primary)
    chosen = np.zeros(len(part), dtype=bool)
    if rule is not None:
        chosen = part["source"].to_numpy() == rule[0]
        chosen &= part["distance"].to_numpy() == rule[1]
    versions = part["selected_status"].to_numpy()[chosen].tolist()
    sizes = sorted(group_subjects(part).items())
    return Scope(
        dataset=name,
        groups={g: n for g, n in sizes if g not in (tables.UNKNOWN, tables.ALL)},
        sources=tuple(str(s) for s in part["source"].unique()),
        fps=tuple(sorted(float(rate) for rate in part["fps"].unique())),
        rule=rule,
        versions=not {"annotated", "corrected"}.isdisjoint(versions),
        windowed=bool((~np.isnan(part["freedom"].to_numpy()[chosen])).any()),
        margin_ms=margin_ms or default_margin(part),
        least_margin_ms=default_margin(part),
        conf_level=conf_level,
        estimates=by_quantity(estimates),
        tests=records(tests),
    )


def _rule(
    part: pd.DataFrame, tests: pd.DataFrame, primary: tuple[str, str] | None
) -> tuple[str, str] | None:
    """Source and distance that claims about re-selection rest on; never a posterior's."""
    there = [
        pair for pair in different_pairs(part, "source", "distance") if not is_posterior(pair[0])
    ]
    if primary in there:
        return primary
    tested = tests[tests["family"].to_numpy() == "primary"]
    for pair in different_pairs(tested, "source", "distance"):
        if pair in there:
            return pair
    return primary_of(there)
