"""What a report is made of, prepared once for all its sections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.quantification.checks import primary_source
from mebias.quantification.findings import as_records
from mebias.recognition.metrics import confusion_table
from mebias.reporting.lookup import Estimates, Part, main_part
from mebias.reporting.methods import Run
from mebias.reporting.text import group_sizes

if TYPE_CHECKING:
    from mebias.quantification import Findings
    from mebias.quantification.measured import Measured
    from mebias.reporting.changes import Earlier

ROBUSTNESS_ROWS = 100_000
"""Tables of shifts with more rows get no influence, power and specifications in a report."""


@dataclass(frozen=True)
class Content:
    """Everything that sections read.

    Attributes
    ----------
    title : str
        Heading of the report.
    cohorts : sequence of Cohort
        Empty where two versions of labels are compared.
    findings : Findings
        Estimates, tests, claims, issues, planted, shifts.
    keyframes : DataFrame or None
        What the rules selected.
    extra_tables : mapping
        Tables written beside the findings: clips; transitions, subjects.
    provenance : mapping
        The record of the run.
    measured : sequence of Measured
        What a recognizer gains, per dataset.
    earlier : Earlier, optional
        Findings of an earlier report to compare with.
    shareable : bool
        Whether names are pseudonyms and rows of single clips are not written.
    """

    title: str
    cohorts: Sequence[Cohort]
    findings: Findings
    keyframes: pd.DataFrame | None
    extra_tables: Mapping[str, pd.DataFrame]
    provenance: Mapping[str, object]
    measured: Sequence[Measured] = ()
    earlier: Earlier | None = None
    shareable: bool = False

    @cached_property
    def run(self) -> Run:
        """What the methods rest on."""
        return Run(
            self.cohorts, self.findings.shifts, self.findings.estimates, self.findings.tests,
            self.provenance, self.of_versions, self.measured,
            self.extra_tables.get("nulls", tables.empty("nulls")),
            *(self._robust(name) for name in ("specifications", "influence", "power")),
        )  # fmt: skip

    @cached_property
    def estimates(self) -> Estimates:
        """The estimates, indexed."""
        return Estimates(self.findings.estimates)

    @cached_property
    def datasets(self) -> list[str]:
        """Names of the datasets in the order of the shifts, else of the cohorts."""
        names = dict.fromkeys(str(d) for d in self.findings.shifts["dataset"])
        return list(names) or [c.name for c in self.cohorts]

    @property
    def simulated(self) -> bool:
        """Whether the data were made."""
        return any(tables.is_simulated(name) for name in self.datasets)

    @property
    def of_versions(self) -> bool:
        """Whether two human versions of the labels are compared."""
        return "transitions" in self.extra_tables

    @property
    def min_subjects(self) -> int:
        """Groups with fewer subjects are described only."""
        return self.run.min_subjects

    def shifts(self, dataset: str) -> pd.DataFrame:
        """Shifts of one dataset."""
        shifts = self.findings.shifts
        return shifts[shifts["dataset"] == dataset]

    def part_shifts(self, part: Part) -> pd.DataFrame:
        """Shifts of one part; a stratum is an expression type."""
        shifts = part.select(self.findings.shifts)
        if part.stratum == tables.ALL:
            return shifts
        return shifts[shifts["expression_type"] == part.stratum]

    def tests(self, dataset: str) -> pd.DataFrame:
        """Tests of one dataset."""
        tests = self.findings.tests
        return tests[tests["dataset"] == dataset]

    def part(self, dataset: str) -> Part | None:
        """The rule the report leads with."""
        return main_part(self.estimates.parts(dataset))

    def recognition(self, dataset: str) -> Measured | None:
        """What a recognizer gains on one dataset; None where nobody asked."""
        return next((m for m in self.measured if m.dataset == dataset), None)

    @property
    def _told(self) -> dict[str, object]:
        """Estimates, tests, claims and what was planted as findings.json has them."""
        estimates = [self.findings.estimates, *(m.estimates for m in self.measured)]
        tests = [
            self.findings.tests, self.specification_tests, *(m.tests for m in self.measured),
        ]  # fmt: skip
        return {
            "estimates": [row for table in estimates for row in as_records(table)],
            "tests": [row for table in tests for row in as_records(table)],
            "claims": as_records(self.findings.claims),
            "planted": as_records(self.findings.planted),
        }

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Each number, test and claim of the earlier report beside those of now."""
        from mebias.reporting.changes import changes

        return (
            tables.empty("changes")
            if self.earlier is None
            else changes(self.earlier, self.findings, self._told, hide_gone=self.shareable)
        )

    @cached_property
    def _confusion(self) -> dict[str, pd.DataFrame]:
        return {
            m.dataset: confusion_table(m.gains.predictions)
            for m in self.measured
            if m.gains is not None
        }

    def confusion(self, dataset: str) -> pd.DataFrame:
        """Confusion matrices of one dataset, as `confusion_table` makes them."""
        return self._confusion[dataset]

    @property
    def confusions(self) -> pd.DataFrame | None:
        """Confusion matrices of all datasets."""
        found = [table.assign(dataset=name) for name, table in self._confusion.items()]
        return tables.conform(pd.concat(found), "confusion") if found else None

    @cached_property
    def robust(self) -> bool:
        """Whether influence, power and other choices are computed: not for huge tables."""
        return not self.of_versions and len(self.findings.shifts) <= ROBUSTNESS_ROWS

    @cached_property
    def tested(self) -> Findings:
        """Findings whose robustness is that of the rule which the tests rest on.

        A plan may name a rule that is not the one taken by default; its shifts alone are looked
        at then.
        """
        primary = self.findings.tests[self.findings.tests["family"] == "primary"]
        rules = set(primary[["source", "distance"]].itertuples(index=False, name=None))
        shifts = self.findings.shifts
        if len(rules) != 1 or rules == {primary_source(shifts)}:
            return self.findings
        ((source, distance),) = rules
        own = shifts[(shifts["source"] == source) & (shifts["distance"] == distance)]
        return replace(self.findings, shifts=own.reset_index(drop=True))

    def _robust(self, name: str) -> pd.DataFrame:
        """Influence, power or specifications, where they are computed."""
        table: pd.DataFrame = getattr(self.tested, name) if self.robust else tables.empty(name)
        return table

    def robustness(self, name: str, dataset: str) -> pd.DataFrame:
        """Rows of influence, power or specifications of one dataset."""
        table = self._robust(name)
        return table[table["dataset"] == dataset]

    @property
    def specification_tests(self) -> pd.DataFrame:
        """Tests of all specifications together."""
        return self.tested.specification_tests if self.robust else tables.empty("tests")

    @cached_property
    def issues(self) -> pd.DataFrame:
        """What audit, design check and recognizer noticed, and names that no font has."""
        from mebias.reporting.lettering import lettering_issues  # draws, so not before

        noticed = [m.noticed for m in self.measured]
        noticed.append(lettering_issues(self.findings.shifts, self.findings.estimates))
        noticed = [table for table in noticed if len(table)]
        if not noticed:
            return self.findings.issues
        return tables.conform(pd.concat([self.findings.issues, *noticed]), "issues")

    def sizes(self, dataset: str) -> dict[str, int]:
        """Subjects per group, of all clips where they are known, else of the shifts."""
        clips = self.clips(dataset)
        return group_sizes(clips if clips is not None else self.shifts(dataset))

    def clips(self, dataset: str) -> pd.DataFrame | None:
        """Clips of one dataset, if they are known."""
        clips = self.extra_tables.get("clips")
        return None if clips is None else clips[clips["dataset"] == dataset]

    def n_clips(self, dataset: str) -> int:
        """Clips of one dataset."""
        clips = self.clips(dataset)
        known = clips if clips is not None else self.shifts(dataset)
        return len(known.drop_duplicates(["subject", "clip"]))

    def slug(self, stem: str, dataset: str) -> str:
        """A name for a file or an anchor; the dataset is in it where there are several.

        The position keeps apart names that differ in signs only.
        """
        if len(self.datasets) == 1:
            return stem
        names = {d: re.sub(r"[^a-z0-9]+", "-", d.casefold()).strip("-") for d in self.datasets}
        safe = names[dataset] or "data"
        if not names[dataset] or list(names.values()).count(safe) > 1:
            safe += f"-{self.datasets.index(dataset) + 1}"
        return f"{stem}-{safe}"
