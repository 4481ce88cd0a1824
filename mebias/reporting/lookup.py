"""Finding a number in the estimates table; what is not there is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mebias import tables

UNITS = ("ms", "share", "frames", "window", "")
WEIGHTINGS = ("subject", "clip", "subject-mean", "")


@dataclass(frozen=True)
class Part:
    """A part of the estimates: who was compared, where, how."""

    dataset: str
    source: str
    distance: str
    stratum: str = tables.ALL

    @property
    def label(self) -> str:
        """The rule as it stands in a heading."""
        rule = f"{self.source} ({self.distance})" if self.distance else self.source
        return rule if self.stratum == tables.ALL else f"{rule}, {self.stratum}"

    def select(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that belong to this part."""
        wanted = pd.Series(True, index=table.index)
        for column in ("dataset", "source", "distance", "stratum"):
            if column in table.columns:
                wanted &= table[column] == getattr(self, column)
        return table[wanted]


@dataclass(frozen=True)
class Value:
    """One estimate as the report prints it."""

    estimate: float
    low: float
    high: float
    unit: str
    level: float
    n_clips: float
    n_subjects: float
    method: str
    coverage_note: str
    reason: str


Key = tuple[str, str, str, str, str, str, str]


class Estimates:
    """The estimates table, indexed once; `get` gives None for what it lacks."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self._rows: dict[Key, dict[tuple[str, str], Value]] = {}
        for row in table.to_dict("records"):
            key = tuple(str(row[c]) for c in _KEY)
            value = Value(
                row["estimate"], row["conf_low"], row["conf_high"], str(row["unit"]),
                row["conf_level"], row["n_clips"], row["n_subjects"], str(row["method"]),
                str(row["coverage_note"]), str(row["reason"]),
            )  # fmt: skip
            found = self._rows.setdefault(key, {})  # type: ignore[arg-type]
            found.setdefault((str(row["unit"]), str(row["weighting"])), value)

    def get(
        self,
        part: Part,
        keyframe: str,
        quantity: str,
        group: str = tables.ALL,
        *,
        unit: str | None = None,
        weighting: str | None = None,
    ) -> Value | None:
        """One estimate; without a unit or weighting the first of the usual order."""
        key = (part.dataset, part.source, part.distance, part.stratum, group, keyframe, quantity)
        found = self._rows.get(key, {})
        for u in UNITS if unit is None else (unit,):
            for w in WEIGHTINGS if weighting is None else (weighting,):
                if (u, w) in found:
                    return found[u, w]
        return None

    def parts(self, dataset: str) -> list[Part]:
        """Parts of a dataset in the order of the table, whole-dataset strata first."""
        own = self.table[self.table["dataset"] == dataset]
        columns = ["source", "distance", "stratum"]
        found = [Part(dataset, *map(str, key)) for key in own[columns].drop_duplicates().to_numpy()]
        found = [p for p in found if p.source]
        return [p for p in found if p.stratum == tables.ALL] + [
            p for p in found if p.stratum != tables.ALL
        ]

    def groups(self, part: Part) -> list[str]:
        """Groups of a part, the whole first, then by subjects, largest first."""
        own = part.select(self.table)
        own = own[~own["quantity"].str.contains("difference")]
        sizes = own[own["ethnicity"] != tables.ALL].groupby("ethnicity")["n_subjects"].max()
        ordered = sorted(sizes.fillna(0).items(), key=lambda item: (-item[1], str(item[0])))
        return [tables.ALL, *(str(name) for name, _ in ordered)]

    def keyframes(self, part: Part) -> list[str]:
        """Keyframes of a part in their order in time."""
        found = set(part.select(self.table)["keyframe"])
        return [k for k in tables.KEYFRAMES if k in found]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dicts with text keys."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def main_part(parts: Sequence[Part]) -> Part | None:
    """The part that the report leads with: ``gamdss`` with ``signed``, else the first."""
    for part in parts:
        if (part.source, part.distance, part.stratum) == ("gamdss", "signed", tables.ALL):
            return part
    return parts[0] if parts else None


def whole(part: Part) -> Part:
    """The same part without a stratum."""
    return replace(part, stratum=tables.ALL)


_KEY = ("dataset", "source", "distance", "stratum", "ethnicity", "keyframe", "quantity")
