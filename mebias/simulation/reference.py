"""The cells in which selectors are validated, fixed before any of them was tuned.

The reference cell: coders' errors of sd 12, 12 and 22 ms, 100 and 200 frames per second,
amplitudes of 1, 1.6 and 2.5 pixels, noise of sd 2, six motion profiles of which three
(`HELD_BACK`) were never drawn from in tuning, untrimmed clips. Every other cell differs from
it in one thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from mebias.cohort import Cohort
from mebias.errors import OptionError, listed, suggest
from mebias.simulation.motion import HELD_BACK
from mebias.simulation.simulate import simulate

SEEN = ("linear", "exponential", "delayed")
REFERENCE = "reference"
CELLS: dict[str, dict[str, object]] = {
    REFERENCE: {},
    "30 fps": {"fps": 30.0},
    "60 fps": {"fps": 60.0},
    "0.5 px": {"amplitude": 0.5},
    "blinks": {"disturbances": "blinks"},
    "talking": {"disturbances": "talking"},
    "head drift": {"disturbances": "drift"},
    "trimmed": {"trimmed": True},
    "no motion": {"amplitude": 0.0},
    "cosine": {"profiles": "cosine"},
}
"""What differs from the reference cell, by name."""
_FPS, _AMPLITUDES = (100.0, 200.0), (1.0, 1.6, 2.5)


def cell_cohorts(
    cell: str,
    n_clips: int = 300,
    *,
    seed: int = 0,
    dataset: str = "samm",
    **options: object,
) -> Iterator[Cohort]:
    """The cohorts that make up one cell of the validation.

    Parameters
    ----------
    cell : str
        One of `CELLS`.
    n_clips : int
        Clips in all, three to a subject.
    seed : int
        Of the first cohort; the others count on from it.
    dataset : str
        Whose lengths of phases are taken.
    **options
        Further options of `mebias.simulate`.

    Yields
    ------
    Cohort
        One per frame rate and amplitude of the cell.

    Raises
    ------
    OptionError
        No such cell.

    Examples
    --------
    >>> [len(cohort) for cohort in cell_cohorts("60 fps", 9)]
    [3, 3, 3]
    """
    if cell not in CELLS:
        raise OptionError(f"unknown cell {cell!r}: known are {listed(CELLS)}{suggest(cell, CELLS)}")
    asked: dict[str, object] = {"profiles": (*SEEN, *HELD_BACK)} | CELLS[cell] | options
    rates = [asked.pop("fps")] if "fps" in asked else list(_FPS)
    amplitudes = [asked.pop("amplitude")] if "amplitude" in asked else list(_AMPLITUDES)
    places = list(product(rates, amplitudes))
    for index, (fps, amplitude) in enumerate(places):
        count = n_clips // len(places) + (index < n_clips % len(places))
        if count:
            yield simulate(
                dataset,
                seed=seed + index,
                n_subjects=max(1, count // 3),
                n_clips=count,
                fps=fps,  # type: ignore[arg-type]
                amplitude=amplitude,  # type: ignore[arg-type]
                **asked,  # type: ignore[arg-type]
            )
