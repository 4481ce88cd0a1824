"""Cohorts drawn from a bank of subjects whose clips were labeled several times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Pair = tuple[str, float]
"""A subject and one draw of the coder's labels."""


class Draws:
    """Rows of a bank by subject and draw.

    Parameters
    ----------
    table : DataFrame
        With ``subject`` and ``draw``.

    Examples
    --------
    >>> bank = pd.DataFrame({"subject": list("aabb"), "draw": [0.0, 1.0, 0.0, 1.0]})
    >>> drawn = Draws(bank)
    >>> len(drawn.rows(drawn.pairs(np.random.default_rng(0), 2)))
    2
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self._places: dict[Any, Any] = dict(table.groupby(["subject", "draw"], sort=True).indices)
        self._draws: dict[str, list[float]] = {}
        for subject, draw in self._places:
            self._draws.setdefault(str(subject), []).append(float(draw))

    @property
    def subjects(self) -> list[str]:
        """Names of the subjects."""
        return list(self._draws)

    def pairs(self, rng: np.random.Generator, n_subjects: int) -> list[Pair]:
        """Different subjects, as many as asked or there are, each with one draw."""
        n = min(n_subjects, len(self.subjects))
        chosen = rng.choice(self.subjects, n, replace=False)
        return [(str(s), float(rng.choice(self._draws[str(s)]))) for s in chosen]

    def rows(self, pairs: list[Pair]) -> pd.DataFrame:
        """The rows of these subjects and draws."""
        places = [self._places[pair] for pair in pairs if pair in self._places]
        return self.table.iloc[np.concatenate(places)]
