"""The rows of one dataset as the design check asks about them: each question answered once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.checks import primary_source, usable
from mebias.quantification.keys import Keys, first_rows, split
from mebias.quantification.sides import group_subjects

UNSTATED = (tables.UNKNOWN, tables.ALL)
"""Groups that are none."""


class DesignRows:
    """The rows of one dataset.

    Parameters
    ----------
    part : DataFrame
        Checked shifts of one dataset; one row or more.

    Examples
    --------
    >>> import mebias
    >>> from mebias.quantification.checks import checked_shifts
    >>> (rows,) = by_dataset(checked_shifts(mebias.example()))
    >>> rows.primary, len(rows.clips) == 3 * len(rows.part)
    (('gamdss', 'signed'), False)
    """

    def __init__(self, part: pd.DataFrame) -> None:
        self.part = part
        self.dataset = str(part["dataset"].iloc[0])
        self.keys = Keys(part)

    def numbers(self, column: str) -> np.ndarray:
        """A column of numbers (N,)."""
        return self.part[column].to_numpy()

    def texts(self, column: str) -> list[str]:
        """The different texts of a column, in the order of their first rows."""
        return [str(text) for text in self.keys.column(column)[1]]

    def holds(self, column: str, text: str) -> np.ndarray:
        """Which rows hold this text (N,)."""
        return self.keys.among(column, [text])

    @cached_property
    def usable(self) -> np.ndarray:
        """Which rows enter estimates and tests (N,)."""
        return usable(self.part).to_numpy()

    @cached_property
    def primary(self) -> tuple[str, str] | None:
        """Source and distance that tests rest on."""
        return primary_source(self.part)

    @cached_property
    def source(self) -> tuple[str, str]:
        """The same; the first one's where tests rest on none."""
        return self.primary or (self.texts("source")[0], str(self.part["distance"].iloc[0]))

    @cached_property
    def of_source(self) -> np.ndarray:
        """Rows of that source (N,)."""
        source, distance = self.source
        return np.asarray(self.holds("source", source) & self.holds("distance", distance))

    @cached_property
    def stated(self) -> np.ndarray:
        """Rows of subjects whose group is stated (N,)."""
        return np.asarray(~self.keys.among("ethnicity", UNSTATED))

    @cached_property
    def clips(self) -> np.ndarray:
        """The first row of each clip (C,)."""
        return first_rows(self.keys.of("subject", "clip"))

    @cached_property
    def clips_of_subjects(self) -> tuple[np.ndarray, list[str]]:
        """How many clips each subject has, and their names, in the order of their first rows."""
        return np.bincount(self.keys.column("subject")[0][self.clips]), self.texts("subject")

    @cached_property
    def subjects(self) -> dict[str, int]:
        """Subjects of each group, by its name; groups that are none among them."""
        return dict(sorted(group_subjects(self.part).items()))

    @cached_property
    def groups(self) -> dict[str, int]:
        """Subjects of each stated group, by its name."""
        return {group: n for group, n in self.subjects.items() if group not in UNSTATED}

    @cached_property
    def largest_first(self) -> tuple[str, ...]:
        """Stated groups by their number of subjects, then of clips, then by name."""
        codes, names = self.keys.column("ethnicity")
        clips = Counter(str(names[code]) for code in codes[self.clips].tolist())
        return tuple(sorted(self.groups, key=lambda g: (-self.groups[g], -clips[g], g)))

    @cached_property
    def ranked_subjects(self) -> np.ndarray:
        """The place of each row's subject among all names, sorted (N,)."""
        codes, names = self.keys.column("subject")
        return np.asarray(np.argsort(np.argsort(np.array(names, dtype=object)))[codes])


def by_dataset(shifts: pd.DataFrame) -> Iterator[DesignRows]:
    """The rows of each dataset, in the order of their first rows."""
    return map(DesignRows, split(shifts, "dataset"))
