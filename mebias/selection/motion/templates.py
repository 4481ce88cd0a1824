"""Templates of a movement in time, and where their onset, apex and offset are.

A template rises from the onset to a plateau and falls to a residue at the offset. Rise and
fall have a shape each, of three parameters: how slowly they begin, how steeply they go on, how
smoothly they end; linear, cosine, exponential and power courses are among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mebias.errors import OptionError
from mebias.selection.motion.courses import Courses

_F = np.float32
# Columns of the parameters: onset (ms), lengths of rise, plateau and fall (ms), then the shapes
# of rise and fall (begin, steep, end), then the residue.
ONSET, R, P, Q, A1, K1, B1, A2, K2, B2, REST = range(11)
DETECTABLE = "detectable"
_SURE = 2.0
"""Standard deviations of noise that make a change detectable."""


@dataclass(frozen=True)
class Definition:
    """What counts as onset, apex and offset; labs differ in it.

    Parameters
    ----------
    onset : float or "detectable"
        The moment at which the rise has gone this share of its way: 0 is the first change,
        0.1 a tenth; ``detectable`` is where it first stands out of the clip's noise (2 sd).
    apex : float
        Place within the plateau of largest extent: 0 its beginning, 0.5 its middle, 1 its end.
    offset : float or "detectable"
        The moment at which this share of the fall is left: 0 is the last change, 0.2 the
        return to a fifth; ``detectable`` is where the fall is last told from noise.

    Raises
    ------
    OptionError
        A share that is none.

    Examples
    --------
    >>> Definition(onset=0.1, offset="detectable").apex
    0.5
    """

    onset: float | str = 0.0
    apex: float = 0.5
    offset: float | str = 0.0

    def __post_init__(self) -> None:
        for name in ("onset", "offset"):
            value = getattr(self, name)
            if value != DETECTABLE and not (isinstance(value, int | float) and 0 <= value < 1):
                raise OptionError(
                    f"the definition of the {name} is {value!r}; expected a share of the way from "
                    f"0 to below 1, or {DETECTABLE}."
                )
        if not (isinstance(self.apex, int | float) and 0 <= self.apex <= 1):
            raise OptionError(
                f"the definition of the apex is {self.apex!r}; expected a place in the plateau "
                f"from 0 (beginning) to 1 (end)."
            )


def parse_definition(text: str) -> Definition:
    """Read ``onset=0.1,apex=0,offset=detectable``; what is not named stays as it is.

    Raises
    ------
    OptionError
        The text has another form.

    Examples
    --------
    >>> parse_definition("onset=0.1,offset=detectable")
    Definition(onset=0.1, apex=0.5, offset='detectable')
    """
    given: dict[str, float | str] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in ("onset", "apex", "offset") or not equals:
            raise OptionError(
                f"definition {text!r}: expected keyframes with their definition, such as "
                f"onset=0.1,apex=0.5,offset=detectable."
            )
        try:
            given[name] = float(value)
        except ValueError:
            given[name] = value
    return Definition(**given)  # type: ignore[arg-type]


def keyframes_of(
    theta: np.ndarray, definition: Definition, clip: Courses | None = None
) -> np.ndarray:
    """Onset, apex and offset (ms) of parameters as they are defined, shape (m, 3).

    Parameters
    ----------
    theta : ndarray, shape (m, 11)
        Parameters, see `template`.
    definition : Definition
        What counts as a keyframe.
    clip : Courses, optional
        Needed for ``detectable`` only, which depends on the clip's noise.
    """
    onset, rise, plateau, fall = theta[:, :4].T
    top = onset + rise + plateau
    if definition.onset != 0:
        onset = onset + rise * _when_left(1 - _share(definition.onset, theta, clip), theta, 0)
    if definition.offset != 0:
        fall = fall * _when_left(_share(definition.offset, theta, clip), theta, 1)
    apex = theta[:, ONSET] + rise + plateau * definition.apex
    return np.stack([onset, apex, top + fall], axis=1)


def _share(defined: float | str, theta: np.ndarray, clip: Courses | None) -> np.ndarray:
    """Share of the way at which a keyframe lies, of each row of parameters."""
    if not isinstance(defined, str):
        return np.full(len(theta), float(defined))
    if clip is None:
        raise ValueError("detectable changes depend on a clip's noise")
    rows = template(theta, clip.times).astype(float)
    rows -= (rows @ clip.drift) @ clip.drift.T
    power = np.maximum((rows * rows).sum(axis=1), 1e-12)
    extent = np.sqrt(((rows @ clip.courses) ** 2) @ clip.strength) / power
    return np.asarray(np.clip(_SURE * np.sqrt(clip.noise) / np.maximum(extent, 1e-12), 0, 0.9))


def _when_left(left: np.ndarray, theta: np.ndarray, phase: int) -> np.ndarray:
    """Share of a phase's time after which this much of its way is left; inverts `template`."""
    begin, end = np.exp(theta[:, (A1, A2)[phase]]), np.exp(theta[:, (B1, B2)[phase]])
    steep = theta[:, (K1, K2)[phase]]
    steep = -np.where(np.abs(steep) < 1e-2, 1e-2, steep)
    straight = np.power(left, 1 / end)
    inside = np.exp(steep) + straight * (1 - np.exp(steep))
    return np.asarray(np.power(np.clip(np.log(inside) / steep, 0, 1), 1 / begin))


def template(theta: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Extent of the movement at the given times, shape (m, n), float32: 0 at rest, 1 at most."""
    theta, times = theta.astype(_F), times.astype(_F)
    onset, rise, plateau, fall = (theta[:, i : i + 1] for i in range(4))
    top = onset + rise + plateau
    falling = times > top
    share, of_fall = times - onset, times - top
    share /= rise
    of_fall /= fall
    np.copyto(share, of_fall, where=falling)
    np.clip(share, _F(1e-6), 1, out=share)
    steep = -np.where(np.abs(theta[:, [K1, K2]]) < 1e-2, _F(1e-2), theta[:, [K1, K2]])
    begin, end = np.exp(theta[:, [A1, A2]]), np.exp(theta[:, [B1, B2]])
    value: np.ndarray = np.empty_like(share)

    def of_phase(values: np.ndarray) -> np.ndarray:  # filled in place, twice as fast as a choice
        value[:] = values[:, 0:1]
        np.copyto(value, values[:, 1:2], where=falling)
        return value

    left: np.ndarray = np.log(share, out=share)  # in place: what is left of the way
    left *= of_phase(begin)
    np.exp(left, out=left)
    left *= of_phase(steep)
    np.exp(left, out=left)
    left -= of_phase(np.exp(steep))
    left *= of_phase(1 / (1 - np.exp(steep)))
    np.maximum(left, _F(1e-7), out=left)
    np.log(left, out=left)
    left *= of_phase(end)
    np.exp(left, out=left)
    rest = theta[:, REST : REST + 1]
    fallen = np.multiply(1 - rest, left, out=of_fall)
    fallen += rest
    np.subtract(1, left, out=left)
    np.copyto(left, fallen, where=falling)
    return left
