"""Blind posteriors of clips, kept while a report is made: selected by first, then taken apart."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mebias.selection.codings import Coding
from mebias.selection.motion.rules import Traced


@dataclass(frozen=True)
class Known:
    """A blind posterior: frame at time 0, whether anything moves, templates drawn."""

    first: int
    detected: bool
    theta: np.ndarray


@dataclass(frozen=True)
class Traces:
    """A folder of blind posteriors, one file per coding; what is not there is located anew.

    Parameters
    ----------
    folder : Path
        Of one run, of one seed; where workers on other machines do not see it, they do without.
    """

    folder: Path

    def keep(self, coding: Coding, traced: Traced) -> None:
        """Write a posterior; on a full disk it is not kept."""
        path = self._path(coding)
        partial = path.with_suffix(".partial")
        about = np.array([traced.numbers[0], traced.posterior.detected], dtype=np.float64)
        theta = np.asarray(traced.posterior.theta, dtype=np.float64)
        try:
            with partial.open("wb") as file:
                np.save(file, np.concatenate([about, theta.ravel()]), allow_pickle=False)
            os.replace(partial, path)
        except OSError:
            partial.unlink(missing_ok=True)

    def get(self, coding: Coding) -> Known | None:
        """The posterior of a coding, if it was kept."""
        try:
            values = np.load(self._path(coding), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return Known(int(values[0]), bool(values[1]), values[2:].reshape(-1, 11))

    def _path(self, coding: Coding) -> Path:
        names = (coding.dataset, coding.clip, coding.coder, coding.coding_pass)
        return self.folder / hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
