"""From shifts to findings."""

from __future__ import annotations

import pandas as pd
from threadpoolctl import threadpool_limits

from mebias.errors import OptionError
from mebias.quantification.checks import checked_shifts
from mebias.quantification.claims import graded_claims
from mebias.quantification.design import design_issues
from mebias.quantification.findings import Findings
from mebias.quantification.merging import merge_small_groups
from mebias.quantification.parts import Options, all_parts
from mebias.quantification.sides import of_source
from mebias.tables import empty, joined


def quantify(
    shifts: pd.DataFrame,
    *,
    strata: bool = True,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
    n_permutations: int = 9999,
    margin_ms: float | None = None,
    primary: tuple[str, str] | None = None,
    merge_small: bool = False,
) -> Findings:
    """Estimate and test shifts, with the subject as the sampling unit.

    Parameters
    ----------
    shifts : DataFrame
        A shifts table of one or more datasets; at least clip, subject, keyframe, human,
        selected (frames) and fps (frames per second).
    strata : bool
        Macro- and micro-expressions apart too, where the table tells them apart.
    min_subjects : int
        Groups with fewer subjects are described, not tested.
    conf_level : float
        Level of every interval.
    seed : int
        Seed of the permutations.
    n_permutations : int
        Random permutations of subjects, where there are too many to run all.
    margin_ms : float, optional
        Smallest contrast of practical relevance (ms); by default the larger of one frame
        and 10 ms.
    primary : tuple of str, optional
        Source and distance that the tests rest on; by default ``gamdss`` with ``signed``, or
        the only one there is.
    merge_small : bool
        Take all groups with fewer than ``min_subjects`` together, as ``other groups``.

    Returns
    -------
    Findings
        ``.estimates``, ``.tests``, ``.claims``, ``.flags``, ``.issues`` and, computed when
        first asked for, ``.influence``, ``.power``, ``.specifications``; see `mebias.tables`
        for the columns.

    Raises
    ------
    TableError
        A column is missing, a key is repeated, a value cannot be.
    MixedDataError
        Real and simulated rows in one table.
    OptionError
        An option outside its range.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), n_permutations=99)
    >>> findings.tests.loc[0, "ethnicity"]
    'A vs others'
    """
    _check_options(min_subjects, conf_level, n_permutations, margin_ms, seed)
    checked, merged = checked_shifts(shifts), empty("issues")
    if merge_small:
        checked, merged = merge_small_groups(checked, min_subjects)
    options = Options(
        strata=strata,
        min_subjects=min_subjects,
        conf_level=conf_level,
        seed=seed,
        n_permutations=n_permutations,
        margin_ms=margin_ms,
        primary=primary,
    )
    tested = checked if primary is None else of_source(checked, *primary)
    with threadpool_limits(1, "blas"):  # many small products: threads would only wait
        parts = all_parts(checked, tested, options)
    issues = design_issues(checked, parts.estimates, parts.tests, min_subjects, primary=primary)
    return Findings(
        shifts=checked,
        estimates=parts.estimates,
        tests=parts.tests,
        claims=graded_claims(
            checked, parts.estimates, parts.tests, conf_level, margin_ms=margin_ms, primary=primary
        ),
        flags=parts.flags,
        issues=joined([merged, issues, parts.issues], "issues"),
        options=options,
    )


def _check_options(
    min_subjects: int, conf_level: float, n_permutations: int, margin_ms: float | None, seed: int
) -> None:
    if min_subjects < 2:
        raise OptionError(
            f"min_subjects is {min_subjects}; expected 2 or more: a group of one subject has no "
            f"spread to test with."
        )
    if not 0.5 <= conf_level < 1:
        raise OptionError(f"conf_level is {conf_level}; expected a level from 0.5 to below 1.")
    if n_permutations < 19:
        raise OptionError(f"n_permutations is {n_permutations}; expected 19 or more.")
    if margin_ms is not None and not margin_ms > 0:
        raise OptionError(f"margin_ms is {margin_ms}; expected a length in ms above 0.")
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected 0 or more.")
