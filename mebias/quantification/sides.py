"""The primary contrast of a dataset: its largest group of subjects against all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from mebias import tables
from mebias.errors import OptionError, listed
from mebias.quantification.checks import complete, different_pairs, primary_source

MIN_MARGIN_MS = 10.0


@dataclass(frozen=True)
class Primary:
    """Usable rows of one dataset and source, and who stands on which side.

    Attributes
    ----------
    dataset, source, distance : str
        Whose rows.
    rows : DataFrame
        Usable rows, subjects of unknown group among them.
    groups : tuple of str
        Stated groups, the largest first; the first one is contrasted with the rest.
    margin_ms : float
        Margin of practical relevance.
    """

    dataset: str
    source: str
    distance: str
    rows: pd.DataFrame
    groups: tuple[str, ...]
    margin_ms: float

    @property
    def name(self) -> str:
        """The contrast as the tests table names it; empty with fewer than two groups."""
        return f"{self.groups[0]} vs others" if len(self.groups) > 1 else ""

    @property
    def stated(self) -> pd.DataFrame:
        """Rows of subjects whose group is stated."""
        return self.rows[self.rows["ethnicity"].isin(self.groups)]

    @property
    def place(self) -> dict[str, object]:
        """The columns that say whose rows these are."""
        return {"dataset": self.dataset, "source": self.source, "distance": self.distance}


def primaries(shifts: pd.DataFrame, margin_ms: float | None = None) -> Iterator[Primary]:
    """The primary source and contrast of each dataset that has a primary source.

    Their rows are those of complete clips, as in the tests.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    margin_ms : float, optional
        Margin of practical relevance; by default the larger of one frame and 10 ms.
    """
    for rows, margin in primary_rows(shifts, margin_ms):
        dataset, source, distance = (
            str(rows[column].iloc[0]) for column in ("dataset", "source", "distance")
        )
        stated = rows[~rows["ethnicity"].isin([tables.UNKNOWN, tables.ALL])]
        groups = largest_first(stated)
        yield Primary(dataset, source, distance, rows[complete(rows)], groups, margin)


def primary_rows(
    shifts: pd.DataFrame, margin_ms: float | None = None
) -> Iterator[tuple[pd.DataFrame, float]]:
    """All rows of the primary source, with the margin, of each dataset that has such a source.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    margin_ms : float, optional
        By default that of `default_margin`.

    Yields
    ------
    rows : DataFrame
    margin : float
        Margin of practical relevance (ms).
    """
    for _, part in shifts.groupby("dataset", sort=False):
        chosen = primary_source(part)
        if chosen is not None:
            own = (part["source"] == chosen[0]) & (part["distance"] == chosen[1])
            yield part[own], margin_ms or default_margin(part)


def of_source(shifts: pd.DataFrame, source: str, distance: str) -> pd.DataFrame:
    """Rows of the source and distance that tests are asked to rest on.

    Raises
    ------
    OptionError
        There are none.
    """
    rows = shifts[(shifts["source"] == source) & (shifts["distance"] == distance)]
    if rows.empty:
        raise OptionError(
            f"tests are to rest on {f'{source} {distance}'.strip()}, which the shifts table does "
            f"not have (found: {listed(shifts['source'].unique())})."
        )
    return rows.reset_index(drop=True)


def default_margin(part: pd.DataFrame) -> float:
    """The larger of one frame and 10 ms, in ms, for the rows of one dataset.

    >>> default_margin(pd.DataFrame({"fps": [200.0, 60.0]})).__round__(2)
    16.67
    """
    return max(MIN_MARGIN_MS, 1000.0 / float(part["fps"].min()))


def largest_first(rows: pd.DataFrame) -> tuple[str, ...]:
    """Groups by their number of subjects, then of clips, then by name.

    >>> rows = pd.DataFrame({"ethnicity": list("ABB"), "subject": list("xyz"), "clip": list("123")})
    >>> largest_first(rows)
    ('B', 'A')
    """
    if rows.empty:
        return ()
    subjects = group_subjects(rows)
    clips = Counter(rows["ethnicity"].to_numpy().tolist())
    return tuple(sorted(subjects, key=lambda g: (-subjects[g], -clips[g], g)))


def group_subjects(rows: pd.DataFrame) -> dict[str, int]:
    """Subjects of each group.

    >>> rows = pd.DataFrame({"ethnicity": list("ABBB"), "subject": list("xyzz")})
    >>> group_subjects(rows)["B"]
    2
    """
    return dict(Counter(group for _, group in different_pairs(rows, "subject", "ethnicity")))


def check_margin(margin_ms: float | None) -> None:
    """Refuse a margin that is not a length above 0."""
    if margin_ms is not None and not 0 < margin_ms < float("inf"):
        raise OptionError(f"margin_ms is {margin_ms}; expected a length in ms above 0.")
