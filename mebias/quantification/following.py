"""An analysis that follows its plan, and says where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mebias import provenance, tables
from mebias.errors import counted, listed
from mebias.quantification.checks import checked_shifts
from mebias.quantification.findings import Findings
from mebias.quantification.merging import merge_small_groups
from mebias.quantification.plan import Plan
from mebias.quantification.plan_file import read_plan
from mebias.quantification.quantify import quantify

Row = dict[str, object]
CHECK = "plan"
"""Name, in the issues table, of the check that finds deviations from a plan."""


@dataclass(frozen=True)
class Followed:
    """A plan as it is followed.

    Attributes
    ----------
    plan : Plan
        What is used: the plan, but for options that contradict it.
    issues : list of dict
        The deviations, rows of an issues table.
    sha256 : str
        Hash of the plan's file.
    """

    plan: Plan
    issues: list[Row] = field(default_factory=list)
    sha256: str = ""

    def record(self, findings: Findings) -> dict[str, object]:
        """What provenance tells of the plan, and how often the findings deviate from it."""
        found = int((findings.issues["check"] == CHECK).sum())
        return {"plan_sha256": self.sha256, "plan_deviations": found}


def follow(path: str | Path, used: Mapping[str, object]) -> Followed:
    """Read a plan, to be followed but for the options that were given beside it.

    Parameters
    ----------
    path : path
        A plan, as `read_plan` reads it.
    used : mapping
        Options given, by the names of `Plan`; None where an option was not given.

    Raises
    ------
    OptionError
        The plan cannot be read.
    """
    path = Path(path)
    plan = read_plan(path)
    given: dict[str, Any] = {name: value for name, value in used.items() if value is not None}
    return Followed(replace(plan, **given), deviations(plan, given), provenance.file_hash(path))


def with_planned(given: Any, default: Sequence[str], planned: str) -> Any:
    """Rules or distances as given, else the default ones and, if they lack it, the planned one.

    >>> with_planned(None, ("gamdss", "gamdss-released"), "gamdss-wide")
    ['gamdss-wide', 'gamdss', 'gamdss-released']
    """
    if given is not None:
        return given
    return list(dict.fromkeys([*default] if planned in ("", *default) else [planned, *default]))


def deviations(plan: Plan, used: Mapping[str, object]) -> list[Row]:
    """Where options that are used contradict a plan.

    Parameters
    ----------
    plan : Plan
        What was fixed in advance.
    used : mapping
        Options used, by the names of `Plan`.

    Returns
    -------
    list of dict
        Rows of an issues table, one for each contradiction.

    Raises
    ------
    ValueError
        A plan has no such option.

    Examples
    --------
    >>> [row["message"] for row in deviations(Plan("samm"), {"seed": 0, "min_subjects": 3})]
    ['deviation from the plan: min_subjects is 3, planned was 5.']
    """
    known = {f.name for f in fields(Plan)}
    rows = []
    for name, value in used.items():
        if name not in known:
            raise ValueError(f"a plan has no option {name!r}")
        planned = getattr(plan, name)
        if value != planned:
            rows.append(_deviation(plan.dataset, name, value, planned))
    return rows


def _deviation(dataset: str, name: str, found: object, planned: object) -> Row:
    shown = [f"{v!r}" if isinstance(v, str) else f"{v}" for v in (found, planned)]
    return tables.issue(
        "warning",
        f"deviation from the plan: {name} is {shown[0]}, planned was {shown[1]}.",
        dataset=dataset,
        field=name,
        found=found,
        expected=planned,
        check=CHECK,
    )


def quantify_planned(shifts: pd.DataFrame, followed: Followed) -> Findings:
    """Quantify shifts as planned.

    Parameters
    ----------
    shifts : DataFrame
        A shifts table of one dataset.
    followed : Followed
        From `follow`.

    Returns
    -------
    Findings
        As `quantify` makes them; issues begin with the deviations from the plan, then what
        it leaves out.

    Raises
    ------
    TableError, MixedDataError, OptionError
        As in `quantify`; exclusions that leave nothing.
    """
    plan = followed.plan
    checked = checked_shifts(shifts)
    rows = [*followed.issues, *_of_data(checked, plan)]
    kept, left_out = excluded(checked, plan)
    issues = [tables.from_rows([*rows, *left_out], "issues")]
    if plan.merge_small:
        kept, merged = merge_small_groups(kept, plan.min_subjects)
        issues.append(merged)
    findings = quantify(
        kept,
        min_subjects=plan.min_subjects,
        conf_level=plan.conf_level,
        seed=plan.seed,
        n_permutations=plan.n_permutations,
        margin_ms=plan.margin_ms,
        primary=(plan.rule, plan.distance) if _has_rule(kept, plan) else None,
    )
    tests = findings.tests[findings.tests["family"].isin(plan.families)].reset_index(drop=True)
    issues.append(tables.from_rows(_of_tests(tests, kept, plan), "issues"))
    told = tables.conform(pd.concat([*issues, findings.issues]), "issues")
    return replace(findings, tests=tests, issues=told)


def _has_rule(shifts: pd.DataFrame, plan: Plan) -> bool:
    return bool(((shifts["source"] == plan.rule) & (shifts["distance"] == plan.distance)).any())


def _of_data(shifts: pd.DataFrame, plan: Plan) -> list[Row]:
    """Deviations that the table itself shows."""
    rows = []
    names = [str(name) for name in shifts["dataset"].unique()]
    if names != [plan.dataset]:
        rows.append(_deviation(listed(names), "dataset", listed(names), plan.dataset))
    if not _has_rule(shifts, plan):
        pairs = shifts[["source", "distance"]].drop_duplicates()
        found = listed(f"{s} {d}".strip() for s, d in pairs.itertuples(index=False))
        wanted = f"{plan.rule} {plan.distance}".strip()
        rows.append(_deviation(names[0], "rule", found, wanted))
    return rows


def _of_tests(tests: pd.DataFrame, shifts: pd.DataFrame, plan: Plan) -> list[Row]:
    """Whether the primary contrast is the one that was planned."""
    tested = tests[tests["family"] == "primary"]["ethnicity"].unique()
    found = str(tested[0]) if len(tested) else ""
    if found == plan.primary:
        return []
    return [_deviation(str(shifts["dataset"].iloc[0]), "primary", found, plan.primary)]


def excluded(shifts: pd.DataFrame, plan: Plan) -> tuple[pd.DataFrame, list[Row]]:
    """Shifts without what a plan leaves out, and what that was.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    plan : Plan
        Its ``exclude`` is looked at.

    Returns
    -------
    kept : DataFrame
    issues : list of dict
        Counts of what was left out, and names that the table does not have.
    """
    exclude, dataset = plan.exclude, str(shifts["dataset"].iloc[0])
    out = pd.Series(False, index=shifts.index)
    rows = []
    for column, names in (
        ("subject", exclude.subjects),
        ("clip", exclude.clips),
        ("expression_type", exclude.expression_types),
    ):
        mask = shifts[column].isin(names)
        absent = [name for name in names if name not in set(shifts[column])]
        if mask.any():
            rows.append(_left_out(shifts[mask], dataset, f"{column} {listed(names)}"))
        if absent:
            rows.append(
                tables.issue(
                    "warning",
                    f"the plan leaves out {column} {listed(absent)}, which the table does not "
                    f"have; check the spelling.",
                    dataset=dataset,
                    field=column,
                    found=listed(absent),
                    check=CHECK,
                )
            )
        out |= mask
    if exclude.truncated:
        mask = shifts["selected_status"] == "truncated"
        if mask.any():
            rows.append(_left_out(shifts[mask], dataset, "truncated selections"))
        out |= mask
    return shifts[~out].reset_index(drop=True), rows


def _left_out(rows: pd.DataFrame, dataset: str, what: str) -> Row:
    clips = len(rows.drop_duplicates(["subject", "clip"]))
    return tables.issue(
        "note",
        f"left out as planned ({what}): {counted(len(rows), 'row')} of {counted(clips, 'clip')}.",
        dataset=dataset,
        field="exclude",
        found=len(rows),
    )
