"""The cells that estimates are made for: strata, groups within them, keyframes.

Cutting a pandas table into hundreds of small ones takes longer than all the statistics of
what was cut. A `Part` therefore holds the columns as plain arrays, names as numbers, and
cuts a column only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from mebias import tables

Row = dict[str, object]
PLACE = ("dataset", "source", "distance")
_TEXTS = (*PLACE, "expression_type", "ethnicity", "keyframe", "selected_status")


@dataclass(frozen=True)
class Part:
    """Some rows of a table, column by column.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (N,)
        Of the whole table. Texts are numbers, the places in ``names``; ``subject`` numbers
        the subjects in the order of their names, ``clip`` the clips of all subjects.
    names : mapping of str to list of str
        Of the columns of text.
    rows : ndarray of int, shape (n,), optional
        Rows of the whole table that belong to the part; by default all.

    Examples
    --------
    >>> import mebias
    >>> whole = part_of(mebias.example(), ["human"])
    >>> onset = whole.cut(whole.holds("keyframe", "onset"))
    >>> 3 * len(onset) == len(whole), onset["human"].shape == (len(onset),)
    (True, True)
    """

    columns: Mapping[str, np.ndarray]
    names: Mapping[str, list[str]]
    rows: np.ndarray | None = None
    _held: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["subject"]) if self.rows is None else len(self.rows)

    def __getitem__(self, column: str) -> np.ndarray:
        if self.rows is None:
            return self.columns[column]
        if column not in self._held:
            self._held[column] = self.columns[column][self.rows]
        return self._held[column]

    def cut(self, where: np.ndarray) -> Part:
        """The rows for which a mask is true."""
        chosen = np.flatnonzero(where)
        rows = chosen if self.rows is None else self.rows[chosen]
        return Part(self.columns, self.names, rows)

    def holds(self, column: str, *texts: str) -> np.ndarray:
        """Which rows hold one of these texts."""
        found = np.zeros(len(self), dtype=bool)
        for text in texts:
            if text in self.names[column]:
                found |= self[column] == self.names[column].index(text)
        return found

    def found(self, column: str) -> list[str]:
        """The texts that are there, sorted."""
        there = np.bincount(self[column], minlength=len(self.names[column])) > 0
        return sorted(n for n, t in zip(self.names[column], there, strict=True) if t)

    def first(self, column: str) -> str:
        """The text of the first row."""
        return self.names[column][int(self[column][0])]

    @cached_property
    def n_clips(self) -> int:
        """Different clips."""
        return n_different(self["clip"])

    @cached_property
    def n_subjects(self) -> int:
        """Different subjects."""
        return n_different(self["subject"])


def n_different(numbers: np.ndarray) -> int:
    """How many different numbers from 0 on there are.

    >>> n_different(np.array([3, 1, 3]))
    2
    """
    if len(numbers) == 0:
        return 0
    if int(numbers.max()) > 8 * len(numbers) + 1000:
        return len(np.unique(numbers))
    return int(np.count_nonzero(np.bincount(numbers)))


def part_of(rows: pd.DataFrame, numbers: Sequence[str]) -> Part:
    """A table as a `Part`.

    Parameters
    ----------
    rows : DataFrame
        With dataset, source, distance, subject, clip and ethnicity.
    numbers : sequence of str
        Columns of numbers, or of yes and no, that will be asked for.
    """
    columns = {name: rows[name].to_numpy() for name in numbers}
    names: dict[str, list[str]] = {}
    for name in _TEXTS:
        if name in rows:
            codes, found = pd.factorize(rows[name].to_numpy())
            columns[name], names[name] = codes, [str(text) for text in found]
    columns["subject"], names["subject"] = ranked(rows["subject"])
    clip, clips = pd.factorize(rows["clip"].to_numpy())
    columns["clip"] = pd.factorize(columns["subject"] * (len(clips) + 1) + clip)[0]
    return Part(columns, names)


def ranked(texts: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The place of each row's text among the sorted ones, and these.

    >>> ranked(pd.Series(["b", "a", "b"]))
    (array([1, 0, 1]), ['a', 'b'])
    """
    codes, found = pd.factorize(texts.to_numpy())
    texts_found = [str(text) for text in found]
    order = sorted(range(len(texts_found)), key=texts_found.__getitem__)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[codes], [texts_found[k] for k in order]


def places(whole: Part) -> Iterator[tuple[Row, Part]]:
    """Each dataset, source and distance, in the order of their first rows."""
    sizes = [len(whole.names[column]) for column in PLACE]
    code = (whole[PLACE[0]] * sizes[1] + whole[PLACE[1]]) * sizes[2] + whole[PLACE[2]]
    for value in pd.unique(code):
        part = whole.cut(code == value)
        yield {column: part.first(column) for column in PLACE}, part


def strata(part: Part, wanted: bool) -> list[tuple[str, Part]]:
    """The whole, then micro- and macro-expressions where a table holds both.

    Parameters
    ----------
    part : Part
        Shifts of one dataset and source.
    wanted : bool
        Without it the whole only.
    """
    kinds = [kind for kind in ("micro", "macro") if part.holds("expression_type", kind).any()]
    if not wanted or len(kinds) < 2:
        return [(tables.ALL, part)]
    return [(tables.ALL, part), *((k, part.cut(part.holds("expression_type", k))) for k in kinds)]


def groups(part: Part) -> list[tuple[str, Part]]:
    """The whole, then each group; a table without stated groups has the whole only.

    Examples
    --------
    >>> import mebias
    >>> part = part_of(mebias.example(), [])
    >>> [name for name, _ in groups(part)]
    ['all', 'A', 'B', 'C']
    """
    names = part.found("ethnicity")
    if set(names) <= {tables.ALL, tables.UNKNOWN}:
        return [(tables.ALL, part)]
    return [(tables.ALL, part), *((n, part.cut(part.holds("ethnicity", n))) for n in names)]


def cells(whole: Part, wanted_strata: bool) -> Iterator[tuple[Row, Part]]:
    """Each dataset, source and distance; in it each stratum; in it the whole and each group.

    Yields
    ------
    place : dict
        dataset, source, distance, stratum and ethnicity of the part.
    part : Part
        Its rows; one or more.
    """
    for place, part in places(whole):
        for stratum, in_stratum in strata(part, wanted_strata):
            for group, in_group in groups(in_stratum):
                yield {**place, "stratum": stratum, "ethnicity": group}, in_group


def by_keyframe(part: Part) -> Iterator[tuple[str, Part]]:
    """The keyframes that are there, with their rows."""
    for keyframe in tables.KEYFRAMES:
        own = part.cut(part.holds("keyframe", keyframe))
        if len(own):
            yield keyframe, own
