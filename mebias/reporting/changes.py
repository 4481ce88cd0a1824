"""What changed since an earlier report: its `findings.json` against the findings of now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mebias import tables
from mebias.errors import MixedDataError, OptionError, listed
from mebias.quantification.findings import as_records
from mebias.reporting.formats import is_missing
from mebias.reporting.text import ALPHA

if TYPE_CHECKING:
    from mebias.quantification import Findings

SAME, MOVED, BEYOND = "same", "moved", "moved beyond its earlier interval"
NEW, GONE, GRADE, CROSSED = "new", "gone", "other grade", "crossed 5 %"
OUTCOME = "other outcome"
ORDER = (SAME, MOVED, BEYOND, CROSSED, GRADE, OUTCOME, NEW, GONE)
"""What may be said of a row, in the order of sentences."""
_KEYS = {
    "estimate": ("dataset", "ethnicity", "stratum", "source", "distance", "keyframe", "arm",
                 "quantity", "unit", "weighting"),
    "test": ("dataset", "ethnicity", "stratum", "source", "distance", "keyframe", "family",
             "hypothesis", "unit"),
    "claim": ("dataset", "topic", "claim"),
    "outcome": ("dataset", "ethnicity", "source", "distance", "keyframe", "hypothesis"),
}  # fmt: skip
_TABLES = {"estimate": "estimates", "test": "tests", "claim": "claims"}
_WHAT = {
    "estimate": "quantity", "test": "hypothesis", "claim": "claim", "outcome": "hypothesis",
}  # fmt: skip
_CLOSE = 1e-9


@dataclass(frozen=True)
class Earlier:
    """An earlier report's findings.

    Attributes
    ----------
    name : str
        The file, as the report calls it.
    found : mapping
        What ``findings.json`` holds.
    """

    name: str
    found: Mapping[str, Any]

    def refuse_other_kind(self, *, simulated: bool) -> None:
        """Real findings are not compared with simulated ones.

        Raises
        ------
        MixedDataError
            One of the two is simulated, the other is not.
        """
        own = bool(self.found.get("simulated"))
        if own != simulated:
            kinds = {True: "simulated", False: "real"}
            raise MixedDataError(
                f"{self.name} is of {kinds[own]} data and this report of {kinds[simulated]} ones, "
                f"which do not mix; compare a report with one of its own kind."
            )

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that its numbers are of."""
        rows = (row for table in _TABLES.values() for row in self.found[table])
        return tuple(dict.fromkeys(str(row["dataset"]) for row in rows if row.get("dataset")))

    def refuse_other_datasets(self, names: Iterable[str]) -> None:
        """Two reports have to have a dataset in common.

        Raises
        ------
        OptionError
            They have none.
        """
        own, names = self.datasets, list(names)
        if own and not set(own) & set(names):
            raise OptionError(
                f"{self.name} is of {listed(own)} and this report of {listed(names)}, so that "
                f"nothing can be compared; give the findings.json of a report on the same dataset."
            )

    @property
    def setup(self) -> Mapping[str, Any]:
        """How it was made: options, what the cohorts came from, versions; empty if not told."""
        told = self.found.get("setup")
        return told if isinstance(told, dict) else {}


def read_earlier(path: str | Path) -> Earlier:
    """Read the ``findings.json`` of an earlier report.

    Parameters
    ----------
    path : path
        The file, or the folder of the report.

    Returns
    -------
    Earlier
        Checked: it has estimates, tests and claims.

    Raises
    ------
    OptionError
        There is no such file, or it is not the findings of a report.
    """
    file = Path(path)
    file = file / "findings.json" if file.is_dir() else file
    wanted = "give the findings.json of an earlier report, or its folder"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{file} cannot be read ({error.strerror}); {wanted}.") from error
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{file} is not JSON ({error}); {wanted}.") from error
    lacking = [
        name
        for name in _TABLES.values()
        if not isinstance(found, dict)
        or not isinstance(found.get(name), list)
        or not all(isinstance(row, dict) for row in found[name])
    ]
    if lacking:
        raise OptionError(f"{file} has no table {listed(lacking)}; {wanted}.")
    return Earlier(f"{file.parent.name}/{file.name}" if file.parent.name else file.name, found)


def changes(
    earlier: Earlier,
    findings: Findings,
    now: Mapping[str, Any] | None = None,
    *,
    hide_gone: bool = False,
) -> pd.DataFrame:
    """Each number, test and claim, then and now.

    Parameters
    ----------
    earlier : Earlier
        As read.
    findings : Findings
        Of now.
    now : mapping, optional
        Their tables as records, with those of recognition; by default those of the findings
        and the tests of all specifications.
    hide_gone : bool
        Without rows that only the earlier report has: they may be of small groups, which a
        shareable report merges.

    Returns
    -------
    DataFrame
        A ``changes`` table; rows that are the same are in it too.

    Raises
    ------
    MixedDataError
        One of the two is simulated, the other is not.
    """
    earlier.refuse_other_kind(simulated=findings.simulated)
    if now is None:
        own: Mapping[str, Any] = findings.to_dict()
        now = {**own, "tests": [*own["tests"], *as_records(findings.specification_tests)]}
    rows = [row for kind in _KEYS for row in _paired(kind, earlier.found, now)]
    if hide_gone:
        rows = [row for row in rows if row["change"] != GONE]
    return tables.from_rows(rows, "changes")


def setup(record: Mapping[str, object]) -> dict[str, object]:
    """What of a run's record tells it from another run: options, cohorts, versions."""
    return {name: record[name] for name in ("arguments", "cohorts", "versions") if name in record}


def _paired(
    kind: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[dict[str, object]]:
    old, new = (_by_key(kind, _rows(kind, found)) for found in (before, now))
    for key in dict.fromkeys([*new, *old]):
        then, at_last = old.get(key, {}), new.get(key, {})
        row = dict(zip(_KEYS[kind], key, strict=True))
        row["what"] = row.pop(_WHAT[kind])
        row = {name: value for name, value in row.items() if name != "topic"}
        row = {"source": "", "keyframe": "", **row}
        yield row | {
            "kind": kind,
            "unit": str((at_last or then).get("unit") or ""),
            "change": _change(kind, then, at_last),
            **_side("before", then),
            **_side("after", at_last),
        }


def _rows(kind: str, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a kind; outcomes of what was planted are given the names of the other tables."""
    if kind != "outcome":
        rows: list[dict[str, Any]] = found[_TABLES[kind]]
        return rows
    planted = found.get("planted")
    named = {"ethnicity": "contrast", "estimate": "found_shift_ms", "grade": "outcome"}
    return [
        row
        | {own: row.get(theirs) for own, theirs in named.items()}
        | {"hypothesis": "what was planted", "unit": "ms"}
        for row in (planted if isinstance(planted, list) else [])
        if isinstance(row, dict)
    ]


def _side(when: str, row: Mapping[str, Any]) -> dict[str, object]:
    return {
        when: _number(row.get("estimate")),
        f"{when}_low": _number(row.get("conf_low")),
        f"{when}_high": _number(row.get("conf_high")),
        f"p_{when}": _number(row.get("p_adjusted")),
        f"grade_{when}": str(row.get("grade") or ""),
    }


def _by_key(kind: str, rows: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(str(row.get(name) or "") for name in _KEYS[kind]): row for row in rows}


def _change(kind: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if not then:
        return NEW
    if not now:
        return GONE
    if kind == "claim" and then.get("grade") != now.get("grade"):
        return GRADE
    if kind == "outcome" and then.get("grade") != now.get("grade"):
        return OUTCOME
    p, q = (_number(row.get("p_adjusted")) for row in (then, now))
    if kind == "test" and not is_missing(p) and not is_missing(q) and (p < ALPHA) != (q < ALPHA):
        return CROSSED
    a, b = (_number(row.get("estimate")) for row in (then, now))
    if is_missing(a) or is_missing(b):
        return SAME if is_missing(a) and is_missing(b) else MOVED
    if abs(a - b) <= _CLOSE * max(1.0, abs(a)):
        return SAME
    low, high = _number(then.get("conf_low")), _number(then.get("conf_high"))
    inside = is_missing(low) or is_missing(high) or low <= b <= high
    return MOVED if inside else BEYOND


def _number(value: object) -> float:
    """A number of a JSON file; anything else is missing."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    return float(value)
