"""Columns of a table as numbers, so that whether rows are alike is asked of whole numbers.

Sorting and grouping a small table in pandas takes far longer than its rows would need.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd


class Keys:
    """The columns of a table as numbers, each made when first asked for.

    Parameters
    ----------
    rows : DataFrame
        Without missing values in the columns that are asked for.

    Examples
    --------
    >>> keys = Keys(pd.DataFrame({"a": list("xyxy"), "b": list("zzzw")}))
    >>> keys.of("a", "b").tolist(), keys.among("a", ["y"]).tolist()
    ([0, 1, 0, 2], [False, True, False, True])
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self._columns: dict[str, tuple[np.ndarray, list[object]]] = {}

    def column(self, name: str) -> tuple[np.ndarray, list[object]]:
        """Numbers from 0 on in the order of first rows, and the values they stand for."""
        if name not in self._columns:
            codes, found = pd.factorize(self.rows[name].to_numpy())
            self._columns[name] = codes, found.tolist()
        return self._columns[name]

    def of(self, *names: str) -> np.ndarray:
        """One number for each row, the same where all these columns are; from 0 on likewise."""
        return combined(*(self.column(name) for name in names))

    def among(self, name: str, wanted: Sequence[object]) -> np.ndarray:
        """Which rows hold one of these values."""
        codes, found = self.column(name)
        return np.asarray(np.array([value in wanted for value in found], dtype=bool)[codes])


def combined(*columns: tuple[np.ndarray, Sequence[object]]) -> np.ndarray:
    """One number for each row from the numbers of several columns, in the order of first rows."""
    several = [codes for codes, found in columns if len(found) > 1]
    key, *rest = several or [columns[0][0]]
    for codes in rest:
        key = pd.factorize(key * (int(codes.max(initial=0)) + 1) + codes)[0]
    return np.asarray(key)


def count(numbers: np.ndarray) -> int:
    """How many different numbers there are of those that go from 0 on without a gap."""
    return int(numbers.max(initial=-1)) + 1


def first_rows(numbers: np.ndarray) -> np.ndarray:
    """The first row of each number, of those that go from 0 on in the order of their first rows."""
    place = np.maximum.accumulate(numbers) if len(numbers) else numbers
    return np.flatnonzero(np.diff(place, prepend=-1) > 0)


def split(rows: pd.DataFrame, *columns: str) -> Iterator[pd.DataFrame]:
    """The rows of each value of some columns, in the order of first rows.

    >>> [len(part) for part in split(pd.DataFrame({"a": list("xyx")}), "a")]
    [2, 1]
    """
    numbers = Keys(rows).of(*columns)
    n = count(numbers)
    for number in range(n):
        yield rows if n == 1 else rows[numbers == number]


def records(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Each row as a dict: what `DataFrame.to_dict` gives, without a look at every cell.

    >>> records(pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]}))[1]
    {'a': 'y', 'b': 2.0}
    """
    columns = (rows[column].to_numpy().tolist() for column in rows)
    return [dict(zip(rows, row, strict=True)) for row in zip(*columns, strict=True)]
