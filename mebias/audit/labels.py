"""The labels of a cohort, one row per coded expression, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from mebias import tables
from mebias.audit.consequences import consequence_of
from mebias.cohort import Cohort
from mebias.manifests import AnnotationFile, Manifest

Row = dict[str, object]
CODING = ["clip", "coder", "pass"]
_Place = tuple[str, str, float, str, str]


@dataclass
class Labels:
    """The human labels of a cohort in a wide table.

    ``table`` has one row per clip, coder and pass, in the order of the clips: the columns of
    the clips, ``onset``, ``apex``, ``offset`` (frame numbers, NaN where missing), their
    ``onset_status`` and so on, ``apex_high``, ``recording`` (the clip itself where it has no
    recording), ``ordered`` (nothing conflicts), ``period`` (ms per frame), ``duration`` and
    ``rise`` (frames, NaN where their ends are out of order).
    """

    cohort: Cohort
    table: pd.DataFrame
    _numbers: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    _texts: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def manifest(self) -> Manifest:
        """The dataset's card."""
        return self.cohort.manifest

    @property
    def dataset(self) -> str:
        """The name that stands in every row."""
        return self.cohort.name

    @cached_property
    def annotation(self) -> AnnotationFile | None:
        """The version of the labels that was read; None where it isn't known."""
        version = self.cohort.settings.get("version")
        return next((a for a in self.manifest.annotations if a.version == version), None)

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str, str], _Place]:
        cells = self.cohort.cells
        if cells is None:
            return {}
        keys = zip(*(cells[name] for name in (*CODING, "keyframe")), strict=True)
        places = zip(
            *(cells[name] for name in ("file", "sheet", "row", "column", "header")), strict=True
        )
        return dict(zip(keys, places, strict=True))

    def cell(self, place: int, *keyframes: str) -> str:
        """File, sheet, row and columns of a row of the table, in words; blank if unknown.

        Without keyframes the row alone is named.
        """
        key = self.keys[place]
        wanted = keyframes or tables.KEYFRAMES
        found = [self._cells[*key, k] for k in wanted if (*key, k) in self._cells]
        if not found:
            return ""
        file, sheet, row, _, _ = found[0]
        parts = [file] + ([f"sheet {sheet!r}"] if sheet else []) + [f"row {row:.0f}"]
        if keyframes:
            columns = [f"{header!r} ({letters})" for *_, letters, header in found]
            parts.append(f"column{'s' * (len(columns) > 1)} {', '.join(columns)}")
        return ", ".join(parts)

    @cached_property
    def keys(self) -> list[tuple[str, str, str]]:
        """Clip, coder and pass of each row."""
        return list(zip(*(self.table[name] for name in CODING), strict=True))

    def name(self, place: int) -> str:
        """The clip of a row, with coder and pass where there are any."""
        clip, coder, round_ = self.keys[place]
        of = [f"coder {coder}"] * bool(coder) + [f"pass {round_}"] * bool(round_)
        return f"{clip} ({', '.join(of)})" if of else clip

    def frames(self, place: int) -> str:
        """The keyframes of a row in words.

        The loader writes them in the same way, so that one finding is known as one.
        """
        values = ((k, self.column(k)[place]) for k in tables.KEYFRAMES)
        return ", ".join(f"{k} {frame:.0f}" for k, frame in values if not np.isnan(frame))

    def column(self, name: str) -> np.ndarray:
        """A numeric column of the table."""
        if name not in self._numbers:
            self._numbers[name] = self.table[name].to_numpy(dtype=np.float64)
        return self._numbers[name]

    def texts(self, name: str) -> np.ndarray:
        """A text column of the table, blank where there is none."""
        if name not in self._texts:
            self._texts[name] = texts(self.table[name]).to_numpy(dtype=object)
        return self._texts[name]

    def row(self, severity: str, check: str, message: str, place: int = -1, **more: object) -> Row:
        """A row of the issues, about one row of the table or, without ``place``, about all."""
        clip = self.keys[place][0] if place >= 0 else ""
        consequence = str(more.pop("consequence", "")) or consequence_of(check)
        return tables.issue(
            severity,
            message,
            dataset=self.dataset,
            check=check,
            consequence=consequence,
            **{"clip": clip, **{name: str(value) for name, value in more.items()}},
        )


def read_labels(cohort: Cohort) -> Labels:
    """Bring the human keyframes of a cohort into one row per coded expression."""
    keyframes = cohort.keyframes
    human = keyframes[keyframes["source"] == "human"]
    wide = human[CODING].drop_duplicates()
    for keyframe in tables.KEYFRAMES:
        part = human.loc[human["keyframe"] == keyframe, [*CODING, "frame", "frame_high", "status"]]
        names = {
            "frame": keyframe,
            "frame_high": f"{keyframe}_high",
            "status": f"{keyframe}_status",
        }
        wide = wide.merge(part.rename(columns=names), on=CODING, how="left")
    clips = cohort.clips.drop(columns=[c for c in ("coder", "pass") if c in cohort.clips])
    table = clips.merge(wide, on="clip", how="inner").reset_index(drop=True)
    onset, apex, offset = (table[k].to_numpy(dtype=np.float64) for k in tables.KEYFRAMES)
    ordered = ~((offset < onset) | (apex < onset) | (apex > offset))
    extra = 1 if cohort.manifest.inclusive_offset else 0
    table = table.assign(
        recording=table["video"].where(table["video"] != "", table["clip"]),
        ordered=ordered,
        period=1000.0 / table["fps"],
        duration=np.where(offset >= onset, offset - onset + extra, np.nan),
        rise=np.where(ordered, apex - onset, np.nan),
    )
    return Labels(cohort, table)


def texts(values: pd.Series) -> pd.Series:
    """A column as texts, blank where there is none: free columns may hold anything."""
    return values.astype(object).where(values.notna(), "").astype(str)


def places(mask: np.ndarray | pd.Series) -> Iterable[int]:
    """Rows where a mask holds."""
    return (int(place) for place in np.flatnonzero(np.asarray(mask)))
