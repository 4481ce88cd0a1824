"""What a recognizer measured on one dataset: gains, how they were made, or why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mebias import tables
from mebias.quantification.claim_recognition import RECOGNITION
from mebias.quantification.claims import graded_claims
from mebias.quantification.findings import Findings
from mebias.quantification.gain import Gains
from mebias.recognition.record import Record

Row = dict[str, object]
COUNTED = "counted, not estimated"


@dataclass(frozen=True)
class Measured:
    """Recognition of one dataset in a report.

    Attributes
    ----------
    dataset : str
    form : str
        What was asked for: short, full or none.
    gains : Gains or None
        None where nothing could be measured.
    record : Record or None
        How the predictions were made.
    origin : str
        Where predictions that were already there stood; empty where they were made anew.
    missing : str
        Why nothing was measured, or what could not be used, in a sentence.
    issues : DataFrame
        Clips left out, classes that a fold lacks, predictions that were refused.
    """

    dataset: str
    form: str
    gains: Gains | None = None
    record: Record | None = None
    origin: str = ""
    missing: str = ""
    issues: pd.DataFrame | None = None

    @property
    def estimates(self) -> pd.DataFrame:
        """Scores and gains, and what the run was made of."""
        if self.gains is None or self.record is None:
            return tables.empty("estimates")
        made = tables.from_rows(run_rows(self.record), "estimates")
        return tables.conform(pd.concat([self.gains.estimates, made]), "estimates")

    @property
    def tests(self) -> pd.DataFrame:
        """Tests of gains, each in its family."""
        return tables.empty("tests") if self.gains is None else self.gains.tests

    @property
    def conclusions(self) -> pd.DataFrame:
        """What each gain lets one conclude."""
        return tables.empty("conclusions") if self.gains is None else self.gains.conclusions

    @property
    def noticed(self) -> pd.DataFrame:
        """Issues of the run and of its gains."""
        own = [] if self.issues is None else [self.issues]
        own += [] if self.gains is None else [self.gains.issues]
        return tables.conform(pd.concat(own), "issues") if own else tables.empty("issues")

    def to_dict(self) -> dict[str, object]:
        """For programs: JSON types, NaN as None."""
        made = {} if self.gains is None else self.gains.to_dict()
        record: dict[str, object] = {}
        if self.record is not None:
            record = {"form": self.record.form, "protocol": self.record.protocol,
                      "classes": self.record.labels, "maps": self.record.maps}  # fmt: skip
        return {"dataset": self.dataset, "missing": self.missing, **record, **made}


def run_rows(record: Record) -> Iterator[Row]:
    """What a run was made of, as rows of an estimates table: counts, without intervals."""
    place: Row = {
        "dataset": record.dataset, "source": record.model, "keyframe": tables.ALL,
        "reason": COUNTED,
    }  # fmt: skip
    for quantity, unit, value in (
        ("training_seeds", "seeds", record.seeds),
        ("folds_by_subject", "folds", record.folds or float("nan")),
        ("model_parameters", "parameters", record.parameters),
        ("added_parameters", "parameters", record.added),
        ("compute_ratio", "ratio", record.gflops_both / record.gflops),
    ):
        yield place | {"quantity": quantity, "unit": unit, "estimate": float(value)}


def with_recognition(findings: Findings, measured: Sequence[Measured]) -> Findings:
    """Findings whose claims about recognition rest on what was measured.

    Parameters
    ----------
    findings : Findings
        Their other claims stay as they are.
    measured : sequence of Measured
        One per dataset.

    Returns
    -------
    Findings
        The same where nothing is claimed, as about simulated data.
    """
    old = findings.claims
    known = [m.estimates for m in measured if m.gains is not None]
    if old.empty or not known:
        return findings
    graded = graded_claims(
        findings.shifts,
        findings.estimates,
        findings.tests,
        findings.options.conf_level,
        gains=tables.conform(pd.concat(known), "estimates"),
        margin_ms=findings.options.margin_ms,
        primary=findings.options.primary,
    )
    rows = []
    for dataset in old["dataset"].unique():
        own = old[old["dataset"] == dataset]
        new = graded[(graded["dataset"] == dataset) & (graded["topic"] == RECOGNITION)]
        places = (own["topic"] == RECOGNITION).to_numpy().nonzero()[0]
        if not len(places) or new.empty:
            rows.append(own)
            continue
        kept = own[own["topic"] != RECOGNITION]
        rows += [kept.iloc[: places[0]], new, kept.iloc[places[0] :]]
    claims = tables.conform(pd.concat(rows, ignore_index=True), "claims")
    return replace(findings, claims=claims)
