"""How far a published label may lie from what many such coders would publish.

The label of a clip that k coders code independently is their mean. Its error is a k-th of what
is each coder's own (coder, pass, coder x group, coder x subject, coder x event, residual), what
coders of one culture share for a subject, and the rounding of each label to a frame. Rounding
errors have the standard deviation 1 / fps / sqrt(12) and are independent only where coders differ
by much more than a frame: of coders who agree within a frame all round alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

LEVEL = 0.95
_TERMS = 300
_SHARED = 0.01
"""From this correlation of rounding errors on, they are looked at one by one."""
_TIMES, _NODES = 128, 5


@dataclass(frozen=True)
class Spread:
    """SDs (ms) of one keyframe's labels, and of what they are compared with.

    Attributes
    ----------
    coder : float
        Bias of a coder; with single passes that of the pass too.
    coder_group, coder_subject, coder_event, residual : float
        What a coder does to one group of subjects, to one subject, to one event, and what
        does not come again.
    culture_subject : float
        What all coders of a culture do to one subject.
    selector, subject : float
        Error of the re-selected frame of a clip, and spread of subjects' mean shifts that no
        coder brings in; for the contrast of groups alone.
    """

    coder: float
    coder_group: float
    culture_subject: float
    coder_subject: float
    coder_event: float
    residual: float
    selector: float
    subject: float

    @property
    def own(self) -> float:
        """Variance of a single label that is the coder's own, rounding left out."""
        return self.coder**2 + self.coder_group**2 + self.coder_subject**2 + self.per_event

    @property
    def per_event(self) -> float:
        """Variance of a label around its coder's bias for the subject, rounding left out."""
        return self.coder_event**2 + self.residual**2

    def scaled(self, coder: float, inside: float) -> Spread:
        """The coder's SD, and those within subjects that coders bring in, times a factor."""
        return replace(
            self,
            coder=self.coder * coder,
            coder_subject=self.coder_subject * inside,
            coder_event=self.coder_event * inside,
            residual=self.residual * inside,
        )


def culture_sizes(coders: int) -> tuple[int, int]:
    """Coders of two cultures, as even as can be.

    >>> culture_sizes(5)
    (3, 2)
    """
    return coders - coders // 2, coders // 2


def shared_rounding(sd: float, frame_ms: float) -> float:
    """Correlation of the rounding errors of two coders of one event.

    Parameters
    ----------
    sd : float
        SD of a label's independent error (ms).
    frame_ms : float
        Length of a frame.

    Notes
    -----
    The rounding error is a sawtooth of the time within the frame, which is uniform; the
    covariance of two of them is that of its Fourier terms.

    Examples
    --------
    >>> shared_rounding(0.0, 33.0), shared_rounding(33.0, 33.0) < 1e-6
    (1.0, True)
    """
    n = np.arange(1, _TERMS + 1)
    terms = np.exp(-((2 * np.pi * n * sd / frame_ms) ** 2)) / n**2
    return float(terms.sum() / (1 / n**2).sum())


def quantization(spread: Spread, coders: int, fps: float) -> float:
    """Variance (ms^2) that rounding to frames adds to the mean of coders.

    Exact where the true time lies anywhere in its frame with equal chance.

    >>> same = Spread(0, 0, 0, 0, 0, 0, 0, 0)
    >>> round(quantization(same, 4, 30.0) ** 0.5, 2), round(1000 / 30 / 12**0.5, 2)
    (9.62, 9.62)
    """
    frame = 1000.0 / fps
    rho = shared_rounding(math.sqrt(spread.own), frame) if coders > 1 else 0.0
    return frame**2 / 12 * (rho + (1 - rho) / coders)


def label_variance(spread: Spread, coders: int, fps: float) -> float:
    """Variance (ms^2) of the error of a clip's published label.

    Parameters
    ----------
    spread : Spread
        Of the keyframe.
    coders : int
        Who code this clip; their labels are averaged.
    fps : float
        Frames per second.

    Examples
    --------
    >>> one = Spread(5, 0, 0, 3, 6, 9, 0, 0)
    >>> round(label_variance(one, 1, 1e6) ** 0.5, 2), round(label_variance(one, 4, 1e6) ** 0.5, 2)
    (12.29, 6.14)
    """
    share = _same_culture(coders)
    return (
        spread.own / coders + spread.culture_subject**2 * share
        + quantization(spread, coders, fps)
    )  # fmt: skip


def _same_culture(coders: int) -> float:
    """Sum of squared shares of the two cultures."""
    return sum((n / coders) ** 2 for n in culture_sizes(coders)) if coders > 1 else 1.0


@dataclass(frozen=True)
class Error:
    """Distribution of the error of a label.

    Attributes
    ----------
    variance : float
        In ms^2.
    reach : float
        Half the width of a uniform part (ms), beside which it is normal.
    cells : tuple of two ndarray, optional
        Instead: absolute errors in rising order, and how much lies beyond each.
    """

    variance: float
    reach: float = 0.0
    cells: tuple[np.ndarray, np.ndarray] | None = None

    def beyond(self, width: float) -> float:
        """Probability that it is further off than this."""
        if self.cells is not None:
            return float(np.interp(width, *self.cells, left=1.0, right=0.0))
        a, s = self.reach, math.sqrt(max(self.variance - self.reach**2 / 3, 0.0))
        if s < 1e-6 * max(a, 1e-12):
            return max(1 - width / a, 0.0) if a > 0 else float(width < 0)
        if a < 1e-6 * s:
            return 2 * float(special.ndtr(-width / s))
        return (_tail((width + a) / s) - _tail((width - a) / s)) * s / a

    def of_variance(self, variance: float) -> Error:
        """The same shape with another variance."""
        factor = math.sqrt(variance / self.variance) if self.variance > 0 else 0.0
        cells = None if self.cells is None else (factor * self.cells[0], self.cells[1])
        return Error(variance, factor * self.reach, cells)


def _tail(x: float) -> float:
    """An antiderivative of the normal upper tail."""
    density = math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return float(x * special.ndtr(-x)) - density


def label_error(spread: Spread, coders: int, fps: float) -> Error:
    """Distribution of the error of a label that so many coders coded.

    That of one coder is normal and uniform. Of several who differ by less than a frame all
    combinations of frames are weighed; where they differ by more, the mean is normal.

    >>> near = Spread(0, 0, 0, 0, 0, 1.0, 0, 0)
    >>> label_error(near, 2, 1000).cells is None, label_error(near, 2, 30).cells is None
    (True, False)
    """
    variance = label_variance(spread, coders, fps)
    frame = 1000.0 / fps
    if coders == 1:
        return Error(variance, frame / 2)
    own = math.sqrt(spread.own)
    if shared_rounding(own, frame) < _SHARED:
        return Error(variance)
    shared = spread.culture_subject * math.sqrt(_same_culture(coders))
    return Error(variance, cells=_combinations(own / frame, coders, shared / frame, frame))


def _combinations(
    own: float, coders: int, shared: float, frame: float
) -> tuple[np.ndarray, np.ndarray]:
    """Absolute errors (ms) of the mean of rounded times, and what lies beyond each.

    ``own`` and ``shared`` are SDs in frames; true times are spread evenly over a frame.
    """
    true = (np.arange(_TIMES) + 0.5) / _TIMES - 0.5
    reach = math.ceil(6 * own) + 1
    steps = np.arange(-reach, reach + 1)
    edges = np.r_[steps - 0.5, reach + 0.5]
    with np.errstate(divide="ignore", invalid="ignore"):
        below = special.ndtr((edges - true[:, None]) / max(own, 1e-9))
    single = np.diff(below, axis=1)
    found = single
    for _ in range(coders - 1):
        found = np.stack([np.convolve(a, b) for a, b in zip(found, single, strict=True)])
    mean = np.arange(-reach * coders, reach * coders + 1) / coders
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES) if shared > 0 else (
        np.zeros(1), np.ones(1))  # fmt: skip
    errors = np.abs((mean - true[:, None])[..., None] + shared * nodes).ravel()
    share = (found[..., None] * weights / weights.sum()).ravel()
    order = np.argsort(errors)
    errors, share = errors[order], share[order] / share.sum()
    return frame * errors, np.maximum(1 - np.cumsum(share), 0.0)


def tolerance(single: Error, several: Error, share: float, level: float = LEVEL) -> float:
    """Within how many ms that share of all published labels lies.

    Parameters
    ----------
    single, several : Error
        Of the labels of clips coded once, and by all coders.
    share : float
        Share of clips that all coders code, 0 to 1.
    level : float
        Share of labels.

    Examples
    --------
    >>> round(tolerance(Error(1.0), Error(1.0), 0.3), 2)
    1.96
    >>> round(tolerance(Error(3.0, 3.0), Error(3.0, 3.0), 1.0), 2)
    2.85
    """
    top = math.sqrt(max(single.variance, several.variance))
    if top == 0:
        return 0.0

    def beyond(width: float) -> float:
        both = (1 - share) * single.beyond(width) + share * several.beyond(width)
        return both - (1 - level)

    return float(optimize.brentq(beyond, 0.0, 40 * top))
