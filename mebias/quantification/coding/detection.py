"""Do coders see the same events? Agreement on detection, before anything about timing.

Only videos that both looked at count. F1 is the share of both coders' codings whose event the
other found too, so that it has the subject-clustered interval of a share.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from mebias.quantification.coding.study import Study
from mebias.quantification.interval import Interval
from mebias.quantification.means import mean_interval
from mebias.quantification.shares import share_interval

Row = dict[str, object]
EVERYONE = "all coders"


def detection_rows(study: Study, conf_level: float = 0.95) -> list[Row]:
    """Agreement on which events there are, of each pair of coders, of passes, and of all.

    Parameters
    ----------
    study : Study
        Matched codings.
    conf_level : float
        Level of every interval.

    Returns
    -------
    list of dict
        Rows of an estimates table; ``source`` names the pair. ``detection_f1``;
        ``share_found_by_both``, ``share_only_first``, ``share_only_second`` of the events
        that either found; ``found_of_second``, ``found_of_first``: share of the other's
        events that were found too; ``mean_iou`` of shared events. Of each coder's two first
        passes ``detection_f1`` alone; of all coders ``share_found_by_one`` of the events
        that at least two coders looked for.

    Examples
    --------
    >>> from mebias.simulation import simulate_coders
    >>> from mebias.quantification.coding.study import matched
    >>> study = matched(simulate_coders(missed=0.0, false_alarms=0.0).annotations)
    >>> row = detection_rows(study)[0]
    >>> row["source"], row["quantity"], row["estimate"] > 0.9
    ('a1 vs a2', 'detection_f1', True)
    """
    first, looked = first_passes(study.codings), first_passes(study.looked)
    rows: list[Row] = []
    for a, b in combinations(study.coders, 2):
        rows += pair_rows(study, first, looked, (a, b), conf_level)
    for coder in study.coders:
        rows += _passes(study, coder, conf_level)
    rows += _everyone(study, first, looked, conf_level)
    return rows


def first_passes(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each coder's first pass over each video."""
    passes, names = pd.factorize(rows["pass"], sort=True)
    if len(names) < 2:
        return rows
    video, _ = pd.factorize(rows["subject"] + "\0" + rows["video"])
    coder, _ = pd.factorize(rows["coder"])
    cell = video * (int(coder.max()) + 1) + coder
    least = np.full(int(cell.max()) + 1, len(names))
    np.minimum.at(least, cell, passes)
    first: pd.DataFrame = rows[passes == least[cell]]
    return first


def pair_rows(
    study: Study,
    first: pd.DataFrame,
    looked: pd.DataFrame,
    pair: tuple[str, str],
    conf_level: float,
) -> Iterator[Row]:
    """Rows of one pair, from first passes (`first_passes`); see `detection_rows`."""
    place: Row = {"source": f"{pair[0]} vs {pair[1]}", "keyframe": ""}
    a, b = _common(first, looked, pair)
    nothing = share_interval(np.zeros(0, dtype=bool), np.zeros(0), conf_level)
    if a.empty and b.empty:
        reason = f"{pair[0]} and {pair[1]} looked at no video in common"
        yield place | nothing.row() | {"quantity": "detection_f1", "unit": "share",
                                       "reason": reason}  # fmt: skip
        return
    in_b, in_a = a["event"].isin(b["event"]), b["event"].isin(a["event"])
    hits = np.r_[in_b, in_a].astype(bool)
    subjects = np.r_[a["subject"], b["subject"]]
    f1 = share_interval(hits, subjects, conf_level)
    events = pd.concat([a.assign(kind=np.where(in_b, "both", "first")),
                        b[~in_a].assign(kind="second")])  # fmt: skip
    n = len(events)
    yield _share(place, "detection_f1", f1, n)
    for kind, name in (("both", "share_found_by_both"), ("first", "share_only_first"),
                       ("second", "share_only_second")):  # fmt: skip
        hit = (events["kind"] == kind).to_numpy()
        yield _share(place, name, share_interval(hit, events["subject"].to_numpy(), conf_level), n)
    for own, found, name in ((b, in_a, "found_of_second"), (a, in_b, "found_of_first")):
        share = share_interval(found.to_numpy(), own["subject"].to_numpy(), conf_level)
        yield _share(place, name, share, len(own))
    if not study.named and in_b.any():
        iou, of = _overlaps(a[in_b], b[in_a])
        found_iou = mean_interval(iou, of, "subject", conf_level)
        yield place | found_iou.row() | {"quantity": "mean_iou", "unit": "share",
                                         "weighting": "subject"}  # fmt: skip


def _share(place: Row, quantity: str, found: Interval, n_events: int) -> Row:
    return place | found.row() | {"quantity": quantity, "unit": "share", "weighting": "clip",
                                  "n_clips": n_events}  # fmt: skip


def _common(
    codings: pd.DataFrame, looked: pd.DataFrame, pair: tuple[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both coders' codings in the videos that both looked at."""
    videos = [
        set(zip(own["subject"], own["video"], strict=True))
        for own in (looked[looked["coder"] == name] for name in pair)
    ]
    shared = videos[0] & videos[1]
    inside = np.array(
        [key in shared for key in zip(codings["subject"], codings["video"], strict=True)],
        dtype=bool,
    )
    own = codings[inside]
    return own[own["coder"] == pair[0]], own[own["coder"] == pair[1]]


def _overlaps(a: pd.DataFrame, b: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Intersection over union of shared events, and their subjects."""
    both = a.merge(b, on=["event", "subject"], suffixes=("_a", "_b"))
    frame = np.nan_to_num(1000.0 / both["fps_a"].to_numpy(dtype=float))
    ends = {s: both[f"offset_ms_{s}"].to_numpy(dtype=float) + frame for s in "ab"}
    starts = {s: both[f"onset_ms_{s}"].to_numpy(dtype=float) for s in "ab"}
    union = np.maximum(ends["a"], ends["b"]) - np.minimum(starts["a"], starts["b"])
    cut = np.minimum(ends["a"], ends["b"]) - np.maximum(starts["a"], starts["b"])
    iou = np.where(union > 0, np.maximum(cut, 0) / np.where(union > 0, union, 1), 1.0)
    return np.asarray(iou), both["subject"].to_numpy(dtype=object)


def _passes(study: Study, coder: str, conf_level: float) -> Iterator[Row]:
    """Agreement of a coder's first two passes over the same videos."""
    own = study.codings[study.codings["coder"] == coder]
    looked = study.looked[study.looked["coder"] == coder]
    names = sorted(looked["pass"].unique())[:2]
    if len(names) < 2:
        return
    videos = [set(zip(p["subject"], p["video"], strict=True))
              for p in (looked[looked["pass"] == n] for n in names)]  # fmt: skip
    shared = videos[0] & videos[1]
    keep = [key in shared for key in zip(own["subject"], own["video"], strict=True)]
    one, two = (own[np.array(keep, dtype=bool) & (own["pass"] == n)] for n in names)
    hits = np.r_[one["event"].isin(two["event"]), two["event"].isin(one["event"])].astype(bool)
    subjects = np.r_[one["subject"], two["subject"]]
    place: Row = {"source": f"{coder}, pass {names[0]} vs {names[1]}", "keyframe": ""}
    n = len(set(one["event"]) | set(two["event"]))
    yield _share(place, "detection_f1", share_interval(hits, subjects, conf_level), n)


def _everyone(
    study: Study, first: pd.DataFrame, looked: pd.DataFrame, conf_level: float
) -> Iterator[Row]:
    """Share of events that a single coder found, of those that two or more looked for."""
    n_looked = looked.groupby(["subject", "video"])["coder"].nunique()
    events = first.groupby("event").agg(
        subject=("subject", "first"), video=("video", "first"), found=("coder", "nunique")
    )
    keys = pd.MultiIndex.from_frame(events[["subject", "video"]])
    events = events[n_looked.reindex(keys).to_numpy() >= 2]
    alone = (events["found"] == 1).to_numpy()
    found = share_interval(alone, events["subject"].to_numpy(), conf_level)
    yield _share({"source": EVERYONE, "keyframe": ""}, "share_found_by_one", found, len(events))


def left_out_videos(study: Study) -> int:
    """Videos that a single coder looked at, about which agreement says nothing."""
    n_coders = study.looked.groupby(["subject", "video"])["coder"].nunique()
    return int((n_coders < 2).sum())
