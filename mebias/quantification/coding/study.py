"""Codings put side by side: which of them mean the same event, and who looked where.

Two codings of a video mean the same event if they overlap by half or more of their union; a
third one joins where it overlaps with one of them, and no coder has two codings of one event
in one pass. Pairs are joined by overlap, largest first. Where coders were given the events by
name, nothing is matched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import TableError
from mebias.quantification.coding.components import Codes

HALF = 0.5
"""Least overlap of two codings of one event (Li et al. 2021, MEGC)."""
PHASES = {"rise": ("onset", "apex"), "fall": ("apex", "offset"), "duration": ("onset", "offset")}
_MS = [f"{keyframe}_ms" for keyframe in tables.KEYFRAMES]


@dataclass(frozen=True)
class Study:
    """Codings of one study, matched.

    Attributes
    ----------
    dataset : str
        Its name.
    codings : DataFrame
        One row per coding of an event: subject, ethnicity, video, event, coder, culture,
        pass, onset_ms, apex_ms, offset_ms, fps, order, row.
    looked : DataFrame
        subject, ethnicity, video, coder, pass: which coder looked at which video.
    coders : tuple of str
        All coders, sorted.
    cultures : mapping
        Culture by coder; empty where none are stated.
    named : bool
        Whether coders were given the events by name.
    min_overlap : float
        Least overlap of codings of one event.
    """

    dataset: str
    codings: pd.DataFrame
    looked: pd.DataFrame
    coders: tuple[str, ...]
    cultures: Mapping[str, str]
    named: bool
    min_overlap: float

    @property
    def fps(self) -> float:
        """The one frame rate; NaN where there are several or none is stated."""
        rates = self.codings["fps"].unique()
        return float(rates[0]) if len(rates) == 1 else math.nan

    def values(self, what: str) -> Values:
        """Times of a keyframe, or lengths of a phase, of all events with two codings or more.

        Parameters
        ----------
        what : str
            onset, apex, offset, rise, fall, duration.
        """
        if what in PHASES:
            first, last = PHASES[what]
            y = (self.codings[f"{last}_ms"] - self.codings[f"{first}_ms"]).to_numpy(dtype=float)
        else:
            y = self.codings[f"{what}_ms"].to_numpy(dtype=float)
        keep = np.isfinite(y)
        event, _ = pd.factorize(self.codings["event"])
        keep &= np.bincount(event[keep], minlength=int(event.max()) + 1)[event] >= 2
        own = self.codings[keep]
        return Values(
            y=y[keep],
            codes=Codes(
                _numbered(own["subject"]), _numbered(own["event"]),
                np.searchsorted(np.array(self.coders), own["coder"].to_numpy(dtype=str)),
                pd.factorize(own["pass"], sort=True)[0],
            ),
            subject=own["subject"].to_numpy(dtype=object),
            ethnicity=own["ethnicity"].to_numpy(dtype=object),
            frame_ms=1000.0 / own["fps"].to_numpy(dtype=float),
            order=own["order"].to_numpy(dtype=float),
            coders=self.coders,
        )  # fmt: skip


@dataclass(frozen=True)
class Values:
    """One number (ms) per coding, with where it comes from; each array is (N,).

    ``codes.coder`` counts in ``coders``; ``frame_ms`` is the length of a frame.
    """

    y: np.ndarray
    codes: Codes
    subject: np.ndarray
    ethnicity: np.ndarray
    frame_ms: np.ndarray
    order: np.ndarray
    coders: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.y)

    def counts(self) -> dict[str, object]:
        """Events and subjects behind it, as an estimates table names them."""
        return {
            "n_clips": len(np.unique(self.codes.event)),
            "n_subjects": len(np.unique(self.codes.subject)),
        }

    def rows(self, keep: np.ndarray) -> Values:
        """Some of the rows; coders keep their numbers."""
        found = self.codes.rows(keep)
        return Values(
            self.y[keep], Codes(found.subject, found.event, self.codes.coder[keep], found.passes),
            self.subject[keep], self.ethnicity[keep], self.frame_ms[keep], self.order[keep],
            self.coders,
        )  # fmt: skip


def _numbered(names: pd.Series) -> np.ndarray:
    return np.asarray(pd.factorize(names, sort=True)[0])


def matched(
    codings: pd.DataFrame,
    *,
    groups: Mapping[str, str] | None = None,
    cultures: Mapping[str, str] | None = None,
    min_overlap: float = HALF,
) -> Study:
    """Find which codings mean the same event.

    Parameters
    ----------
    codings : DataFrame
        A checked codings table (`mebias.datasets.codings.checked_codings`).
    groups, cultures : mapping, optional
        Group by subject, culture by coder.
    min_overlap : float
        Intersection over union from which on two codings mean one event, from 0.5.

    Returns
    -------
    Study

    Raises
    ------
    TableError
        Several datasets in one table, or no event that two coders found.

    Examples
    --------
    >>> import pandas as pd
    >>> from mebias.datasets.codings import checked_codings
    >>> rows = [("s", "ann", 0, 50, 100), ("s", "bo", 10, 50, 110), ("s", "bo", 300, 350, 400)]
    >>> table = pd.DataFrame(rows, columns=["subject", "coder", "onset_ms", "apex_ms", "offset_ms"])
    >>> matched(checked_codings(table)).codings["event"].nunique()
    2
    """
    names = codings["dataset"].unique()
    if len(names) > 1:
        raise TableError(
            f"the annotations hold several datasets ({', '.join(sorted(map(str, names))[:3])}); "
            f"look at one at a time."
        )
    seen = codings[_MS].notna().any(axis=1).to_numpy()
    if not seen.any():
        raise TableError(
            "no coder has found an event: the times of all rows are blank; fill in onset, apex and "
            "offset where an event was seen."
        )
    named = bool((codings.loc[seen, "event"] != "").any())
    rows = codings.assign(
        ethnicity=[(groups or {}).get(s, tables.ALL) for s in codings["subject"]],
        culture=[(cultures or {}).get(c, "") for c in codings["coder"]],
    )
    found = rows[seen].sort_values(["subject", "video", "onset_ms", "coder", "pass"], kind="stable")
    found = found.reset_index(drop=True)
    if not named:
        found["event"] = _events(found, min_overlap)
    else:
        found["event"] = found["video"] + "/" + found["event"]
    who = found.groupby("event")["coder"].nunique()
    if not (who > 1).any():
        what = "bears a name that another's has" if named else (
            f"overlaps with one of another coder by {min_overlap:g} or more")  # fmt: skip
        raise TableError(
            f"the coders have no event in common: no coding {what}; check the names of subjects "
            f"and videos, and whether all count frames from the same one."
        )
    columns = ["subject", "ethnicity", "video", "event", "coder", "culture", "pass", *_MS,
               "fps", "order", "row"]  # fmt: skip
    looked = rows[["subject", "ethnicity", "video", "coder", "pass"]].drop_duplicates()
    return Study(
        dataset=str(names[0]),
        codings=found[columns],
        looked=looked.reset_index(drop=True),
        coders=tuple(sorted(rows["coder"].unique())),
        cultures=dict(cultures or {}),
        named=named,
        min_overlap=min_overlap,
    )


def _events(found: pd.DataFrame, min_overlap: float) -> list[str]:
    """A name of its event for each coding."""
    onset, offset = (found[c].to_numpy(dtype=float) for c in ("onset_ms", "offset_ms"))
    frame = 1000.0 / found["fps"].to_numpy(dtype=float)
    ends = offset + np.where(np.isfinite(frame), frame, 0.0)
    rater = pd.factorize(found["coder"] + "\0" + found["pass"])[0]
    video = pd.factorize(found["subject"] + "\0" + found["video"])[0]
    start = np.flatnonzero(np.r_[True, np.diff(video) != 0])
    names = [""] * len(found)
    labels = (found["subject"] + "/" + found["video"]).str.rstrip("/").to_numpy(dtype=object)
    for first, last in zip(start, np.r_[start[1:], len(found)], strict=True):
        of = joined(onset[first:last], ends[first:last], rater[first:last], min_overlap)
        for k, event in enumerate(of):
            names[first + k] = f"{labels[first]}#{event + 1}"
    return names


def joined(onset: np.ndarray, end: np.ndarray, rater: np.ndarray, min_overlap: float) -> list[int]:
    """Events of one video: a number for each coding, in the order of first onsets.

    Parameters
    ----------
    onset, end : ndarray, shape (N,)
        Sorted by onset; the end is that of the last frame.
    rater : ndarray of int, shape (N,)
        Coder and pass.
    min_overlap : float
        Least intersection over union.

    Examples
    --------
    >>> joined(np.array([0.0, 10, 300]), np.array([100.0, 110, 400]), np.array([0, 1, 1]), 0.5)
    [0, 0, 1]
    """
    both = np.minimum(end[:, None], end) - np.maximum(onset[:, None], onset)
    either = np.maximum(end[:, None], end) - np.minimum(onset[:, None], onset)
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = np.where(either > 0, both / either, 1.0)  # two instants at one time
    pairs = np.argwhere(np.triu(overlap >= min_overlap, 1) & (rater[:, None] != rater))
    pairs = pairs[np.argsort(-overlap[pairs[:, 0], pairs[:, 1]], kind="stable")]
    members = [[k] for k in range(len(onset))]
    raters = [{int(r)} for r in rater]
    of = list(range(len(onset)))
    for a, b in pairs.tolist():
        i, j = of[a], of[b]
        if i != j and not raters[i] & raters[j]:
            low, high = min(i, j), max(i, j)
            for k in members[high]:
                of[k] = low
            members[low] += members[high]
            raters[low] |= raters[high]
    number = {event: k for k, event in enumerate(sorted(set(of)))}
    return [number[event] for event in of]
