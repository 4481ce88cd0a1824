"""Claims between datasets: observational, and never supported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from mebias import tables
from mebias.quantification.claim_rows import (
    NOT_SUPPORTED,
    OPEN,
    SUPPORTED,
    Evidence,
    Row,
    graded,
    of_estimate,
)
from mebias.quantification.claim_words import basis, claim, lacking
from mebias.quantification.keyframe_contrast import CONTRASTS, SIDES

DATASETS = "between datasets"
_WHY = "observational: lab, camera, coders and definitions differ too"
_DESIGN = "groups recorded in one lab and coded under one protocol"


def between(estimates: pd.DataFrame, datasets: Sequence[str]) -> Iterator[Row]:
    """Whether multi-ethnic datasets differ from those of one group, which no data here settle.

    Parameters
    ----------
    estimates : DataFrame
        An estimates table with contrasts between datasets.
    datasets : sequence of str
        Names of the datasets; with fewer than two there is nothing to claim.
    """
    if len(datasets) < 2:
        return
    own = estimates[estimates["ethnicity"] == SIDES]
    for first, other in CONTRASTS:
        for row in own[own["quantity"] == f"log_sd_{first}_{other}_difference"].to_dict("records"):
            yield _observed(
                of_estimate(row, 0.0, family=DATASETS, family_size=len(CONTRASTS)),
                str(row["dataset"]),
                f"Offset labels, beside {other} labels, are less exact in multi-ethnic datasets",
                f"difference of log ratios of SDs, offset over {other}",
            )
    reduced = own[own["quantity"] == "error_reduction_difference"]
    for row in reduced.to_dict("records"):
        rule = f"{row['source']} {row['distance']}".strip()
        yield _observed(
            of_estimate(row, 0.0, family=DATASETS, family_size=len(tables.KEYFRAMES)),
            str(row["dataset"]),
            f"Re-selection by {rule} corrects {row['keyframe']} labels more in multi-ethnic "
            f"datasets",
            "difference of mean reductions of the error",
        )


def _observed(evidence: Evidence, dataset: str, sentence: str, lead: str) -> Row:
    grade = graded(evidence)
    if grade == SUPPORTED:
        grade, settle = OPEN, f"{_DESIGN}: no number of such datasets tells ethnicity from the lab"
    elif grade == NOT_SUPPORTED:
        settle = "nothing more in these datasets"
    elif evidence.reason:
        settle = f"{lacking(evidence.reason, '')}; then {_DESIGN}"
    else:
        settle = _DESIGN
    return claim(dataset, DATASETS, sentence, grade, basis(evidence, lead, _WHY), settle, evidence)
