"""What changed since an earlier report, in words and tables."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from mebias import tables
from mebias.errors import listed
from mebias.reporting.blocks import Block, Cell, Fold, Grid, Section, Text
from mebias.reporting.changes import (
    BEYOND,
    CROSSED,
    GONE,
    GRADE,
    MOVED,
    NEW,
    ORDER,
    OUTCOME,
    SAME,
    Earlier,
    setup,
)
from mebias.reporting.formats import count, is_missing, joined, p_cell, with_interval
from mebias.reporting.staging import RECORD
from mebias.reporting.text import OUTCOME as OUTCOMES

if TYPE_CHECKING:
    from mebias.reporting.content import Content

_SHOWN = 25
_LONG = 60
_TINY = 1e-9
_KINDS = {"estimate": "number", "test": "test", "claim": "claim", "outcome": "planted contrast"}
_BARE = "moved, without an interval or a number to compare with"
"""Of what moved where before or now there is no number, or no interval before."""
_ORDER = (SAME, MOVED, _BARE, *(change for change in ORDER if change not in (SAME, MOVED)))
_SEVERAL = {
    MOVED: "moved within their earlier intervals",
    BEYOND: "moved beyond their earlier intervals",
    GRADE: "of another grade",
    OUTCOME: "of another outcome",
}
_ONE = {
    MOVED: "moved within its earlier interval",
    GRADE: "of another grade",
    OUTCOME: "of another outcome",
}
_WORDS = {
    "sd": "SD", "mad": "MAD", "icc": "ICC", "ccc": "CCC", "iou": "IoU", "uf1": "UF1", "uar": "UAR",
    "05": "5 %", "95": "95 %",
}  # fmt: skip
_IN_BOTH = ("arguments", "versions")


def section(content: Content) -> Section:
    """How the two runs differ, the main numbers of both, and what else changed."""
    blocks = () if content.earlier is None else tuple(_blocks(content, content.earlier))
    return Section("changes", "What changed", blocks)


def _blocks(content: Content, earlier: Earlier) -> Iterator[Block]:
    changed, own = content.changes, setup(content.provenance)
    yield Text(_sentence(earlier, changed))
    if changed["change"].eq(SAME).all():
        return
    yield Text(" ".join(_cautions(content, earlier)))
    rows = tuple((Cell(a, head=True), Cell(b), Cell(c)) for a, b, c in _runs(earlier.setup, own))
    if rows:
        head = (("What", False), ("Before", False), ("Now", False))
        yield Grid("How the two runs differ", head, rows, source=RECORD)
    signed = _signed(changed)
    main = _main(changed)
    if len(main):
        yield _grid(main, "The main numbers, then and now", len(main), signed)
    for kind, caption, wanted in (
        ("claim", "Claims whose grade is another, new or gone", (GRADE, NEW, GONE)),
        ("outcome", "Planted contrasts with another outcome", (OUTCOME,)),
        ("test", "Tests whose adjusted p-value crossed 5 %", (CROSSED,)),
    ):
        found = changed[changed["kind"].eq(kind) & changed["change"].isin(wanted)]
        if len(found):
            yield _grid(found.head(_SHOWN), caption, len(found), signed)
    moved = _once(changed[changed["kind"].eq("estimate") & changed["change"].eq(BEYOND)])
    if len(moved):
        order = (moved["after"] - moved["before"]).abs() / (
            (moved["before_high"] - moved["before_low"]).abs() + _TINY
        )
        shown = moved.loc[order.sort_values(ascending=False, kind="stable").index].head(_SHOWN)
        caption = "Estimates now outside their earlier intervals, each in one unit"
        yield Fold(caption, (_grid(shown, caption, len(moved), signed),))


def _sentence(earlier: Earlier, changed: pd.DataFrame) -> str:
    told = []
    for kind, noun in _KINDS.items():
        counts = _told(changed[changed["kind"] == kind]).value_counts()
        parts = [f"{counts[n]} {_named(n, counts[n])}" for n in _ORDER if n in counts]
        if parts:
            told.append(f"{count(int(counts.sum()), noun)}: {joined(parts)}")
    head = f"Compared with {earlier.name}"
    if changed["change"].eq(SAME).all():
        return f"{head}, nothing changed: {joined(told)}."
    return (
        f"{head}. {'; '.join(told)}. A number is called moved where it differs at all; "
        f"tables/changes.csv has every row."
    )


def _told(rows: pd.DataFrame) -> pd.Series:
    """The change of each row; what moved within no interval is told apart."""
    lacking = rows[["before", "after", "before_low", "before_high"]].isna().any(axis=1)
    return rows["change"].mask(lacking & rows["change"].eq(MOVED), _BARE)


def _named(change: str, n: int) -> str:
    return (_ONE if n == 1 else _SEVERAL).get(change, change)


def _cautions(content: Content, earlier: Earlier) -> Iterator[str]:
    """What only one of the reports has, and whether they rest on the same clips."""
    changed = content.changes
    if content.shareable:
        yield "What only the earlier report has is not told in a shareable report."
    for change, whose in ((GONE, "Only the earlier report"), (NEW, "Only this report")):
        rows = changed["change"] == change
        has = []
        for column, noun in (("dataset", ""), ("source", "rule or arm "), ("ethnicity", "group ")):
            both = set(changed.loc[~rows, column])
            own = [n for n in dict.fromkeys(changed.loc[rows, column]) if n and n not in both]
            has += [noun + listed(own)] if own else []
        if has:
            yield f"{whose} has {joined(has)}."
    then, now = (_mapping(m.get("cohorts")) for m in (earlier.setup, content.provenance))
    shared = [name for name in now if name in then]
    if shared and all(then[name] == now[name] for name in shared):
        yield "Both rest on the same clips, so that the two intervals are not independent."
    elif content.simulated and shared:
        yield (
            "Both rest on clips that were drawn anew, so that numbers differ by chance, too: a "
            "number outside its earlier interval is no sign of an error."
        )
    else:
        yield (
            "Both reports may rest on the same clips, so that the two intervals are not "
            "independent."
        )


def _runs(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Options, versions and inputs that differ; of real inputs their names alone."""
    if not then:
        return
    for part in _IN_BOTH:
        old, new = (_mapping(made.get(part)) for made in (then, now))
        for name in dict.fromkeys([*old, *new]):
            before, after = _short(old.get(name)), _short(new.get(name))
            if before != after and name not in ("since", "shareable"):
                yield name.replace("_", " "), before, after
    cohorts = [_mapping(made.get("cohorts")) for made in (then, now)]
    for name in cohorts[1]:
        old, new = (_mapping(made.get(name)) for made in cohorts)
        for key in dict.fromkeys([*old, *new]) if old else ():
            if old.get(key) != new.get(key) and key not in _mapping(now.get("arguments")):
                made_up = tables.is_simulated(name)
                pair = [_short(made.get(key)) if made_up else "" for made in (old, new)]
                yield f"{key.replace('_', ' ')} of {name}", pair[0], pair[1] or "changed"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _short(value: object) -> str:
    if value is None or value in ({}, [], ""):
        return "none"
    if isinstance(value, Mapping):
        return _short([f"{name}: {_short(part)}" for name, part in value.items()])
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = {"True": "yes", "False": "no"}.get(text, text)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _main(changed: pd.DataFrame) -> pd.DataFrame:
    """Primary tests, and the mean shifts of all subjects by the rule that they rest on."""
    primary = changed["kind"].eq("test") & changed["family"].eq("primary")
    shifts = changed[
        changed["what"].eq("mean_shift")
        & changed["unit"].eq("ms")
        & changed["weighting"].isin(("subject", ""))
        & changed["ethnicity"].eq(tables.ALL)
        & changed["stratum"].eq(tables.ALL)
    ]
    rules = ["dataset", "source", "distance"]
    tested = changed.loc[primary, rules].drop_duplicates()
    tested = tested if len(tested) else shifts[rules].drop_duplicates().head(1)
    return pd.concat([shifts.merge(tested, on=rules), changed[primary]], ignore_index=True)


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for a number that stands in several units and weightings."""
    key = ["dataset", "ethnicity", "stratum", "source", "distance", "keyframe", "arm", "what"]
    rank = 3 * rows["unit"].map({"frames": 1, "window": 2}).fillna(0)
    rank += rows["weighting"].map({"clip": 1, "subject-mean": 2}).fillna(0)
    return rows.iloc[rank.argsort(kind="stable")].drop_duplicates(key).sort_index()


def _signed(changed: pd.DataFrame) -> set[str]:
    """Quantities and tests that fall below 0 somewhere, so that a plus sign says something."""
    columns = ["before", "before_low", "after", "after_low"]
    return set(changed.loc[(changed[columns] < 0).any(axis=1), "what"])


def _grid(rows: pd.DataFrame, caption: str, total: int, signed: set[str]) -> Grid:
    cells = []
    for row in rows.assign(change=_told(rows)).to_dict("records"):
        everyone = row["ethnicity"] in ("", tables.ALL)
        of = [row["dataset"], "all subjects" if everyone else row["ethnicity"]]
        of += [n for n in (row["stratum"], row["keyframe"]) if n != tables.ALL]
        rule = f"{row['source']} ({row['distance']})" if row["distance"] else row["source"]
        of += [rule, row["arm"]]
        if row["weighting"] not in ("", "subject"):
            of.append(f"weighting {row['weighting']}")
        if row["kind"] == "claim":
            of = [row["dataset"]]
        cells.append((
            Cell(_what(row), head=True),
            Cell(", ".join(str(name) for name in of if name)),
            Cell(_then(row, "before", signed), numeric=row["kind"] != "claim"),
            Cell(_then(row, "after", signed), numeric=row["kind"] != "claim"),
            Cell({MOVED: _ONE[MOVED], _BARE: MOVED}.get(row["change"], row["change"])),
        ))  # fmt: skip
    head = (("What", False), ("Of", False), ("Before", True), ("Now", True), ("Change", False))
    notes = (f"{len(rows)} of {total} are shown.",) if total > len(rows) else ()
    return Grid(caption, head, tuple(cells), notes, source="changes")


def _what(row: Mapping[Hashable, Any]) -> str:
    """A quantity in words; hypotheses and claims are in words already."""
    if row["kind"] != "estimate":
        return str(row["what"])
    return " ".join(_WORDS.get(word, word) for word in str(row["what"]).split("_"))


def _then(row: Mapping[Hashable, Any], when: str, signed: set[str]) -> str:
    grade = str(row[f"grade_{when}"])
    if row["kind"] == "claim":
        return grade or "–"
    if is_missing(row[when]) and not grade:
        return "–"
    sign = row["what"] in signed or row["kind"] != "estimate"
    numbers = (row[when], row[f"{when}_low"], row[f"{when}_high"])
    text = with_interval(*numbers, row["unit"], sign=sign)
    unit = "" if row["unit"] in ("share", "score", "coefficient", "") else f" {row['unit']}"
    p = f", p {p_cell(row[f'p_{when}'])}" if row["kind"] == "test" else ""
    told = f"{OUTCOMES.get(grade, grade)}, " if row["kind"] == "outcome" else ""
    return f"{told}{text}{unit}{p}"
