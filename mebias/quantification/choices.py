"""The choices that an analysis of shifts leaves open, and the values that each makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from mebias.quantification.checks import drawn_to_labels
from mebias.quantification.joint import Data

Row = dict[str, object]
TAIL = 0.05
"""Share of values at each end that winsorizing draws in."""


@dataclass(frozen=True)
class Made:
    """One set of values: the choices behind it, the values by subject, their clips."""

    choices: Row
    data: Data
    n_clips: int

    def ordered(self, order: np.ndarray) -> Made:
        """The same with its subjects in another order."""
        data = replace(self.data, sizes=self.data.sizes[order], means=self.data.means[order])
        return replace(self, data=data)


def nameless_order(made: Sequence[Made], first: np.ndarray) -> np.ndarray:
    """An order of subjects that follows from side and values, so that no name has a part in it.

    Subjects that are alike in all sets of values may stand in any order.
    """
    keys = [array.round(9) for one in made for array in (one.data.means, one.data.sizes)]
    return np.lexsort([first, *keys])


def distinct(rows: pd.DataFrame, names: np.ndarray, primary: tuple[str, str]) -> Iterator[Made]:
    """Every set of values that the choices make of each rule, each once.

    Parameters
    ----------
    rows : DataFrame
        Usable rows of one dataset and keyframe, all sources.
    names : ndarray of str, shape (G,)
        The subjects, sorted.
    primary : tuple of str
        Source and distance that tests rest on; they come first. All others need windows.
    """
    windowed = rows[rows["window_low"].notna() & ~rows["source"].map(drawn_to_labels).astype(bool)]
    pairs = set(zip(windowed["source"], windowed["distance"], strict=True))
    pairs |= {primary}
    ordered = sorted(pairs, key=lambda pair: (pair != primary, pair))
    for source, distance in ordered:
        own = rows[(rows["source"] == source) & (rows["distance"] == distance)]
        seen = set()
        for choices, keep in _filters(own):
            for unit, values, there in _units(own, keep):
                for tails in ("all", "winsorized"):
                    used = _winsorized(values[there]) if tails != "all" else values[there]
                    scale = float(np.abs(used).max(initial=0.0)) or 1.0
                    key = (there.tobytes(), np.round(used / scale, 9).tobytes())
                    if key in seen or not there.any():
                        continue
                    seen.add(key)
                    place = {"source": source, "distance": distance, "unit": unit, "tails": tails}
                    if unit == "window":  # immovable clips have no share of a window
                        place["clips"] = "movable"
                    n_clips = len(own[there].drop_duplicates(["subject", "clip"]))
                    subjects = own["subject"].to_numpy(dtype=str)[there]
                    yield Made(choices | place, _by_subject(used, subjects, names), n_clips)


def _filters(own: pd.DataFrame) -> Iterator[tuple[Row, np.ndarray]]:
    """Which rows are kept, under each combination of choices."""
    every = np.ones(len(own), dtype=bool)
    options = {
        "clips": {"all": every, "movable": (own["freedom"] > 0).to_numpy()},
        "truncation": {
            "all": every, "untruncated": (own["selected_status"] != "truncated").to_numpy()
        },
        "stratum": {"all": every, "micro": (own["expression_type"] == "micro").to_numpy()},
        "labels": {"all": every, "annotated": (own["human_status"] != "corrected").to_numpy()},
    }  # fmt: skip
    for names in product(*options.values()):
        chosen: Row = dict(zip(options, names, strict=True))
        masks = [options[choice][name] for choice, name in zip(options, names, strict=True)]
        yield chosen, np.logical_and.reduce(masks)


def _units(own: pd.DataFrame, keep: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for unit in ("ms", "frames", "window"):
        values = own[f"shift_{unit}"].to_numpy(dtype=float)
        yield unit, values, keep & np.isfinite(values)


def _winsorized(values: np.ndarray) -> np.ndarray:
    if not values.size:
        return values
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return np.asarray(np.clip(values, low, high))


def _by_subject(values: np.ndarray, subjects: np.ndarray, names: np.ndarray) -> Data:
    codes = np.searchsorted(names, subjects)
    order = np.lexsort((values, codes))
    codes, values = codes[order], values[order]
    sizes = np.bincount(codes, minlength=len(names)).astype(float)
    means = np.bincount(codes, values, minlength=len(names)) / np.maximum(sizes, 1)
    return Data(sizes, means, float(((values - means[codes]) ** 2).sum()))
