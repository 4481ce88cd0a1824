"""The nulls of a report: what its rule would do to labels without error, and without bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import MebiasError
from mebias.quantification import Findings
from mebias.quantification.blind import JUDGE
from mebias.quantification.checks import primary_source
from mebias.quantification.coverage import with_coverage_notes
from mebias.quantification.excess import excess_estimates
from mebias.selection.nulls import CODER_SD_MS, nulls
from mebias.selection.rules import get_rules
from mebias.selection.traces import Traces
from mebias.workers import Jobs

CHECK = "nulls"


def with_nulls(
    findings: Findings,
    cohorts: Sequence[Cohort],
    *,
    seed: int = 0,
    jobs: Jobs = 1,
    traces: Traces | None = None,
    progress: bool = False,
) -> tuple[Findings, pd.DataFrame]:
    """Findings with what is left of the tested rule's shifts beyond its nulls.

    The null of noisy labels takes the coders' spread that the blind posterior estimated, with
    its error; where that is not known, 12, 12 and 22 ms (onset, apex, offset), which a note
    says.

    Parameters
    ----------
    findings : Findings
        Of the cohorts' shifts; where no label was judged, they are given back as they are.
    cohorts : sequence of Cohort
        Those with frames have nulls.
    seed, jobs, traces, progress
        As in `mebias.nulls`.

    Returns
    -------
    findings : Findings
        With ``accurate_null_mean``, ``mean_excess_accurate`` and so on among its estimates.
    drawn : DataFrame
        The nulls table, empty where there is none.
    """
    made, found, rows = [], [], []
    for cohort in cohorts:
        shifts = findings.shifts[findings.shifts["dataset"] == cohort.name]
        rule = primary_source(shifts[shifts["source"] != JUDGE])
        judged = bool((shifts["source"] == JUDGE).any())
        if cohort.frames is None or not judged or rule is None or not _windowed(rule[0]):
            continue
        spread, told = _spread(findings.estimates, cohort.name)
        rows += [told] if told else []
        try:
            drawn = nulls(
                cohort, rule[0], distance=rule[1], coder_sd_ms=spread,
                kinds=("accurate", "unbiased"), seed=seed, jobs=jobs, traces=traces,
                progress=progress,
            )  # fmt: skip
            own = excess_estimates(shifts, drawn, conf_level=findings.options.conf_level)
        except MebiasError as error:
            rows.append(_issue(f"no nulls could be drawn: {error}", cohort.name))
            continue
        made.append(drawn)
        found.append(own)
    issues = tables.conform(
        pd.concat([findings.issues, tables.from_rows(rows, "issues")]), "issues"
    )
    if not made:
        return replace(findings, issues=issues), tables.empty("nulls")
    excess = with_coverage_notes(tables.conform(pd.concat(found), "estimates"))
    estimates = tables.conform(pd.concat([findings.estimates, excess]), "estimates")
    drawn = tables.conform(pd.concat(made, ignore_index=True), "nulls")
    return replace(findings, estimates=estimates, issues=issues), drawn


def _windowed(rule: str) -> bool:
    """Whether a rule chooses in windows, so that a null can be drawn."""
    (found,) = get_rules(rule)
    return not hasattr(found, "locate")


def _spread(
    estimates: pd.DataFrame, dataset: str
) -> tuple[pd.DataFrame | tuple[float, ...], dict[str, object] | None]:
    """The coders' spread as estimated, else the one that is taken, and what to say of it."""
    own = estimates[
        estimates["dataset"].eq(dataset)
        & estimates["source"].eq(JUDGE)
        & estimates["quantity"].eq("coder_sd")
        & estimates["ethnicity"].eq(tables.ALL)
        & estimates["stratum"].eq(tables.ALL)
        & estimates["unit"].eq("ms")
    ]
    known = np.isfinite(own[["estimate", "std_error"]].to_numpy(dtype=float)).all()
    if set(own["keyframe"]) == set(tables.KEYFRAMES) and len(own) == 3 and known:
        return own, None
    taken = " and ".join([", ".join(f"{sd:g}" for sd in CODER_SD_MS[:2]), f"{CODER_SD_MS[2]:g}"])
    text = (
        f"the coders' spread is not known for all keyframes: the null of noisy labels takes "
        f"{taken} ms (onset, apex, offset)."
    )
    return CODER_SD_MS, _issue(text, dataset)


def _issue(text: str, dataset: str) -> dict[str, object]:
    return tables.issue("note", text, dataset=dataset, field="nulls", check=CHECK)
