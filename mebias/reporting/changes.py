"""What changed since an earlier report: its `findings.json` against the findings of now."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mebias import tables
from mebias.errors import MixedDataError, OptionError, listed
from mebias.quantification.findings import as_records
from mebias.reporting.blocks import Block, Cell, Fold, Grid, Section, Text
from mebias.reporting.formats import count, is_missing, joined, p_cell, with_interval

if TYPE_CHECKING:
    from mebias.quantification import Findings

SAME, MOVED, BEYOND = "same", "moved", "moved beyond its earlier interval"
NEW, GONE, GRADE, CROSSED = "new", "gone", "other grade", "crossed 5 %"
_KEYS = {
    "estimate": ("dataset", "ethnicity", "stratum", "source", "distance", "keyframe", "arm",
                 "quantity", "unit", "weighting"),
    "test": ("dataset", "ethnicity", "stratum", "source", "distance", "keyframe", "family",
             "hypothesis", "unit"),
    "claim": ("dataset", "topic", "claim"),
}  # fmt: skip
_TABLES = {"estimate": "estimates", "test": "tests", "claim": "claims"}
_WHAT = {"estimate": "quantity", "test": "hypothesis", "claim": "claim"}
_CLOSE = 1e-9
_SHOWN = 25


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
    earlier: Earlier, findings: Findings, now: Mapping[str, Any] | None = None
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
    return tables.from_rows(rows, "changes")


def section(earlier: Earlier, changed: pd.DataFrame) -> Section:
    """What changed, in words and tables."""
    return Section("changes", "What changed", tuple(_blocks(earlier, changed)))


def _blocks(earlier: Earlier, changed: pd.DataFrame) -> Iterator[Block]:
    yield Text(_sentence(earlier, changed))
    for kind, caption, wanted in (
        ("claim", "Claims whose grade is another, new or gone", (GRADE, NEW, GONE)),
        ("test", "Tests whose adjusted p-value crossed 5 %", (CROSSED,)),
    ):
        rows = changed[changed["kind"].eq(kind) & changed["change"].isin(wanted)]
        if len(rows):
            yield _grid(rows.head(_SHOWN), caption, len(rows))
    moved = changed[changed["kind"].eq("estimate") & changed["change"].eq(BEYOND)]
    if len(moved):
        order = (moved["after"] - moved["before"]).abs() / (
            (moved["before_high"] - moved["before_low"]).abs() + _CLOSE
        )
        shown = moved.loc[order.sort_values(ascending=False, kind="stable").index].head(_SHOWN)
        caption = "Estimates now outside their earlier interval"
        yield Fold(caption, (_grid(shown, caption, len(moved)),))


def _sentence(earlier: Earlier, changed: pd.DataFrame) -> str:
    told = []
    for kind, noun in (("estimate", "number"), ("test", "test"), ("claim", "claim")):
        counts = changed.loc[changed["kind"] == kind, "change"].value_counts()
        parts = [f"{n} {name}" for name, n in counts.items() if n]
        total = int(counts.sum())
        if total:
            told.append(f"{count(total, noun)}: {joined(parts)}")
    same = bool(changed["change"].eq(SAME).all())
    head = f"Compared with {earlier.name}"
    if same:
        return f"{head}, nothing changed: {joined(told)}."
    return (
        f"{head}. {'; '.join(told)}. Both reports may rest on the same clips, so that the two "
        f"intervals are not independent: a number is called moved where it differs at all. "
        f"tables/changes.csv has every row."
    )


def _grid(rows: pd.DataFrame, caption: str, total: int) -> Grid:
    cells = []
    for row in rows.to_dict("records"):
        where = [row[k] for k in ("ethnicity", "source", "distance", "keyframe", "arm")]
        cells.append((
            Cell(str(row["what"]), head=True),
            Cell(", ".join(str(w) for w in (row["dataset"], *where) if w)),
            Cell(_then(row, "before"), numeric=row["kind"] != "claim"),
            Cell(_then(row, "after"), numeric=row["kind"] != "claim"),
            Cell(str(row["change"])),
        ))  # fmt: skip
    head = (("What", False), ("Of", False), ("Before", True), ("Now", True), ("Change", False))
    notes = (f"{len(rows)} of {total} are shown.",) if total > len(rows) else ()
    return Grid(caption, head, tuple(cells), notes, source="changes")


def _then(row: Mapping[Hashable, Any], when: str) -> str:
    if row["kind"] == "claim":
        return str(row[f"grade_{when}"]) or "–"
    text = with_interval(row[when], row[f"{when}_low"], row[f"{when}_high"], row["unit"])
    unit = "" if row["unit"] == "share" else f" {row['unit']}"
    p = f", p {p_cell(row[f'p_{when}'])}" if row["kind"] == "test" else ""
    return f"{text}{unit}{p}"


def _paired(
    kind: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[dict[str, object]]:
    old, new = (_by_key(kind, found[_TABLES[kind]]) for found in (before, now))
    for key in dict.fromkeys([*new, *old]):
        then, at_last = old.get(key, {}), new.get(key, {})
        row = dict(zip(_KEYS[kind], key, strict=True))
        row["what"] = row.pop(_WHAT[kind])
        row = {name: value for name, value in row.items() if name not in ("topic", "family")}
        row = {"source": "", "keyframe": "", **row}
        yield row | {
            "kind": kind,
            "unit": str((at_last or then).get("unit") or ""),
            "change": _change(kind, then, at_last),
            **_side("before", then),
            **_side("after", at_last),
        }


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
    p, q = (_number(row.get("p_adjusted")) for row in (then, now))
    if kind == "test" and not is_missing(p) and not is_missing(q) and (p < 0.05) != (q < 0.05):
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
