"""Old labels, suggestions and a second look side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import TableError
from mebias.relabel.back import read_back
from mebias.relabel.corrections import corrections
from mebias.relabel.found import estimates_of, tests_of
from mebias.relabel.notes import notes
from mebias.relabel.shown import numbers_of

MIN_SUBJECTS, MIN_LABELS = 5, 10
"""A group with fewer takes the constant difference of the whole."""


@dataclass(frozen=True)
class SecondLook:
    """What a second look found.

    Attributes
    ----------
    labels : DataFrame
        A table ``relabeled``: one row per label, old, suggested and new.
    estimates, tests, issues : DataFrame
        As declared in `mebias.tables`.
    errata : DataFrame
        Corrections of the labels that the second look puts beyond the tolerance, in the form
        that ``--errata`` reads.
    """

    labels: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    issues: pd.DataFrame
    errata: pd.DataFrame

    def to_csv(self, out: str | Path) -> None:
        """Write each table under its name into a folder that is there, all of them or none."""
        folder = Path(out)
        with tables.together():
            for name in ("estimates", "tests", "issues", "errata"):
                tables.write_csv(getattr(self, name), folder / f"{name}.csv")
            tables.write_csv(self.labels, folder / "relabeled.csv")

    def of(self, quantity: str, keyframe: str = tables.ALL, arm: str = "") -> pd.Series:
        """One row of the estimates."""
        own = self.estimates
        own = own[(own["quantity"] == quantity) & (own["keyframe"] == keyframe)]
        return own[own["arm"] == arm].iloc[0]


def second_look(
    cohort: Cohort,
    key: pd.DataFrame,
    files: str | Path | Sequence[str | Path],
    *,
    partial: bool = False,
    conf_level: float = 0.95,
) -> SecondLook:
    """Compare what coders saved with the labels and the suggestions.

    Parameters
    ----------
    cohort : Cohort
        The one that the packet was made from, with the same labels; frames are not needed.
    key : DataFrame
        The packet's key (`read_key`).
    files : path or sequence of paths
        CSVs saved by the page, or ELAN files, of one coder or several.
    partial : bool
        Whether clips may be missing.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    SecondLook

    Raises
    ------
    TableError
        The key is of another dataset or of other labels, or a file does not fit it.
    """
    key = tables.conform(key, "relabel_key")
    _refuse_other_labels(cohort, key)
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(f) for f in files]
    looked, noticed = read_back(paths, key, partial=partial)
    labels = judged_labels(_beside(key, looked))
    estimates = estimates_of(labels, conf_level)
    errata, problems = corrections(labels, looked, str(cohort.settings.get("version", "")))
    issues = notes(labels, cohort.name, [*noticed, *problems])
    return SecondLook(labels, estimates, tests_of(labels, conf_level), issues, errata)


def judged_labels(labels: pd.DataFrame) -> pd.DataFrame:
    """Rows of `relabeled` with their moves, and whether these lie beyond the tolerance.

    What the second look differs by from all labels of a keyframe is a matter of definition,
    not of single labels, and is taken off first: the weighted mean of the moves, drawn in to the
    tolerance around their median, of each group with 5 subjects and 10 labels.

    Parameters
    ----------
    labels : DataFrame
        Columns of ``relabeled`` but those that follow from others; ``old_low`` and ``old_high``
        where labels are intervals.
    """
    frame_ms = 1000.0 / labels["fps"]
    low = labels["old_low"].fillna(labels["old"]) if "old_low" in labels else labels["old"]
    high = labels["old_high"].fillna(labels["old"]) if "old_high" in labels else labels["old"]
    nearest = labels["new"].clip(low, high)
    labels = labels.assign(
        move_ms=(labels["new"] - nearest) * frame_ms,
        to_suggested_ms=(labels["new"] - labels["suggested"]) * frame_ms,
    )
    labels = labels.assign(center_ms=_centers(labels))
    away = (labels["move_ms"] - labels["center_ms"]).abs() > labels["tolerance_ms"] + 1e-9
    outside = np.where(labels["move_ms"].isna(), "", np.where(away, "yes", "no"))
    found = labels.assign(outside=outside)
    return tables.conform(found[list(tables.SCHEMAS["relabeled"])], "relabeled")


def _centers(labels: pd.DataFrame) -> pd.Series:
    center = pd.Series(math.nan, index=labels.index)
    for _, own in labels.groupby("keyframe"):
        seen = own[own["move_ms"].notna()]
        if seen.empty:
            continue
        center[own.index] = _center(seen)
        for _, group in seen.groupby("ethnicity"):
            if group["subject"].nunique() >= MIN_SUBJECTS and len(group) >= MIN_LABELS:
                name = group["ethnicity"].iloc[0]
                center[own.index[own["ethnicity"] == name]] = _center(group)
    return center


def _center(seen: pd.DataFrame) -> float:
    move, weight = seen["move_ms"].to_numpy(float), seen["weight"].to_numpy(float)
    order = np.argsort(move, kind="stable")
    below = np.cumsum(weight[order])
    middle = move[order][np.searchsorted(below, below[-1] / 2)]
    reach = seen["tolerance_ms"].to_numpy(float)
    return float(np.average(np.clip(move, middle - reach, middle + reach), weights=weight))


def _beside(key: pd.DataFrame, looked: pd.DataFrame) -> pd.DataFrame:
    """The key with the frame of the second look, the mean over its coders."""
    numbers = {str(i): numbers_of(f) for i, f in
               key.drop_duplicates("item")[["item", "frames"]].itertuples(index=False)}  # fmt: skip
    long = looked.melt(["item", "coder"], list(tables.KEYFRAMES), "keyframe", "place").dropna()
    long = long.assign(
        frame=[
            float(numbers[item][int(place) - 1])
            for item, place in long[["item", "place"]].itertuples(index=False)
        ]
    )
    by = long.groupby(["item", "keyframe"])["frame"]
    frames = by.agg(new="mean", n_coders="size", coders_sd="std").reset_index()
    told = looked.groupby("item").agg(
        no_expression=("no_expression", "sum"),
        comment=("comment", lambda texts: "; ".join(t for t in texts if t)),
    )
    found = key.merge(frames, on=["item", "keyframe"], how="left").merge(
        told.reset_index(), on="item", how="left"
    )
    found["n_coders"] = found["n_coders"].fillna(0.0)
    found["comment"] = found["comment"].fillna("")
    return found.assign(coders_sd_ms=found["coders_sd"] * 1000.0 / found["fps"])


def _refuse_other_labels(cohort: Cohort, key: pd.DataFrame) -> None:
    dataset = str(key["dataset"].iloc[0])
    if dataset != cohort.name:
        raise TableError(
            f"the key is of a packet of {dataset}, but {cohort.name} was read; name the dataset "
            f"that the packet was made from."
        )
    human = cohort.keyframes[cohort.keyframes["source"] == "human"]
    by = ["clip", "coder", "pass", "keyframe"]
    found = key.merge(human[[*by, "frame"]], on=by, how="left")
    other = found[found["frame"] != found["old"]]
    if len(other):
        row = other.iloc[0]
        now = "missing" if pd.isna(row["frame"]) else f"{row['frame']:g}"
        raise TableError(
            f"the labels are not those that the packet was made from: the {row['keyframe']} of "
            f"clip {row['clip']} was {row['old']:g} and is {now}, {len(other)} in all; "
            f"read the version it was made from (--labels, --errata)."
        )
