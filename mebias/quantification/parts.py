"""Every part of the quantification that a shifts table allows, in tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from mebias.quantification.agreement import agreement_estimates
from mebias.quantification.annotation_error import error_estimates, has_rules, reduces_error
from mebias.quantification.blind import BY_DEFINITION, JUDGE, of_one_distance
from mebias.quantification.checks import primary_source
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.covariates import adjusted_contrasts
from mebias.quantification.coverage import with_coverage_notes
from mebias.quantification.disagreement import disagreement_of_checked
from mebias.quantification.equivalence import equivalence_tests
from mebias.quantification.error_contrasts import error_contrasts, reduction_contrasts
from mebias.quantification.estimates import estimates_table
from mebias.quantification.flags import flag_clips, withheld_flags
from mebias.quantification.keyframe_contrast import between_datasets, keyframe_contrasts
from mebias.quantification.missing import missing_bounds, missingness
from mebias.quantification.mixed import variance_components
from mebias.quantification.pooling import named_pairs, pool
from mebias.quantification.robust import robust_estimates
from mebias.tables import ALL, UNKNOWN, empty, joined


@dataclass(frozen=True)
class Options:
    """What all parts of one run have in common; see `mebias.quantify`."""

    strata: bool = True
    min_subjects: int = 5
    conf_level: float = 0.95
    seed: int = 0
    n_permutations: int = 9999
    margin_ms: float | None = None
    primary: tuple[str, str] | None = None


@dataclass(frozen=True)
class Parts:
    """Tables of all parts."""

    estimates: pd.DataFrame
    tests: pd.DataFrame
    flags: pd.DataFrame
    issues: pd.DataFrame


def all_parts(shifts: pd.DataFrame, tested: pd.DataFrame, options: Options) -> Parts:
    """Estimate and test all that the columns and rows of a table allow.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    tested : DataFrame
        The part of them that the contrasts of shifts rest on.
    options : Options
        What the parts have in common.

    Returns
    -------
    Parts
        Parts about annotation error are there where the table holds the blind posterior's
        keyframes (source ``motion-blind``), pooling where it holds several datasets.
    """
    level, seed = options.conf_level, options.seed
    contrasts = {
        "min_subjects": options.min_subjects,
        "conf_level": level,
        "seed": seed,
        "n_permutations": options.n_permutations,
    }
    tests, differences = contrast_tables(tested, margin_ms=options.margin_ms, **contrasts)  # type: ignore[arg-type]
    agreement, issues = agreement_estimates(
        shifts, strata=options.strata, conf_level=level, seed=seed
    )
    equivalent, margins = equivalence_tests(
        _judging_or_tested(shifts, tested),
        margin_ms=options.margin_ms,
        conf_level=level,
        min_subjects=options.min_subjects,
        seed=seed,
    )
    lacking_tests, lacking = missingness(tested, **contrasts)  # type: ignore[arg-type]
    estimates = [
        estimates_table(shifts, strata=options.strata, conf_level=level),
        differences,
        robust_estimates(shifts, strata=options.strata, conf_level=level, seed=seed),
        agreement,
        disagreement_of_checked(shifts, conf_level=level),
        variance_components(shifts, conf_level=level),
        margins,
        lacking,
        missing_bounds(tested, conf_level=level),
    ]
    found = [tests, equivalent, lacking_tests]
    if _has_covariates(tested):
        adjusted, alike = adjusted_contrasts(
            tested,
            min_subjects=options.min_subjects,
            conf_level=level,
            margin_ms=options.margin_ms,
        )
        found.append(adjusted)
        estimates.append(alike)
    flags = empty("flags")
    if (shifts["source"] == JUDGE).any():
        for one, other in _of_labels(shifts, options, contrasts):
            estimates.append(one)
            found.append(other)
        flags = flag_clips(shifts)
        issues = joined([issues, withheld_flags(shifts)], "issues")
    if len(shifts["dataset"].unique()) > 1 and len(differences):
        estimates.append(_pooled(differences, tested, level))
    return Parts(
        estimates=with_coverage_notes(joined(estimates, "estimates")),
        tests=joined(found, "tests"),
        flags=flags,
        issues=issues,
    )


def _pooled(differences: pd.DataFrame, tested: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """What pooling adds: the datasets' own rows, which it repeats, are in the table already."""
    stated = tested[~tested["ethnicity"].isin([UNKNOWN, ALL])]
    groups = {str(d): list(g.unique()) for d, g in stated.groupby("dataset")["ethnicity"]}
    named = named_pairs(differences, groups)
    found = pool(named, conf_level=conf_level)
    return found[~found["dataset"].isin(differences["dataset"].unique())]


def _has_covariates(shifts: pd.DataFrame) -> bool:
    """Whether clips are told apart by what was shown: emotions or action units."""
    told = ["emotion", "aus"] if "aus" in shifts else ["emotion"]
    return any(len(set(shifts[column])) > 1 for column in told)


def _judging_or_tested(shifts: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    """Rows of the blind posterior, and of the source and distance that tests rest on."""
    judging = of_one_distance(shifts[shifts["source"] == JUDGE])
    wanted = pd.Series(shifts.index.isin(judging.index), index=shifts.index)
    for dataset, part in tested.groupby("dataset", sort=False):
        chosen = primary_source(part)
        if chosen is not None:
            own = (shifts["source"] == chosen[0]) & (shifts["distance"] == chosen[1])
            wanted |= own & (shifts["dataset"] == dataset)
    return shifts[wanted].reset_index(drop=True)


def _of_labels(
    shifts: pd.DataFrame, options: Options, contrasts: Mapping[str, object]
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """What the blind posterior says about human labels: pairs of estimates and tests."""
    level = options.conf_level
    nothing = empty("tests")
    yield error_estimates(shifts, conf_level=level), nothing
    if has_rules(shifts):
        yield reduces_error(shifts, conf_level=level), nothing
        tests, estimates = reduction_contrasts(
            shifts,
            margin_ms=options.margin_ms,
            primary=options.primary,
            **contrasts,  # type: ignore[arg-type]
        )
        yield estimates, tests
    tests, estimates = error_contrasts(shifts, margin_ms=options.margin_ms, **contrasts)  # type: ignore[arg-type]
    yield estimates, tests
    tests, estimates = keyframe_contrasts(shifts, conf_level=level)
    yield estimates, tests
    for other in shifts["source"].unique():
        if other.startswith(BY_DEFINITION):
            yield from _by_definition(shifts, str(other), options, contrasts)
    if len(shifts["dataset"].unique()) > 1:
        yield between_datasets(shifts, conf_level=level), nothing


def _by_definition(
    shifts: pd.DataFrame, source: str, options: Options, contrasts: Mapping[str, object]
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The same by another definition of the keyframes: estimates alone, no p-value."""
    nothing, few = empty("tests"), {**contrasts, "n_permutations": 19}
    yield error_estimates(shifts, source=source, conf_level=options.conf_level), nothing
    yield error_contrasts(shifts, source=source, margin_ms=options.margin_ms, **few)[1], nothing  # type: ignore[arg-type]
    yield keyframe_contrasts(shifts, source=source, conf_level=options.conf_level)[1], nothing
