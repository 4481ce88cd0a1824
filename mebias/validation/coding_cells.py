"""The SIMULATED studies in which statements about coders are checked, and their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mebias.quantification.coding.components import Codes
from mebias.quantification.coding.study import Values
from mebias.simulation.coding import Setting, Spreads, looked_at, true_times

KEYFRAME, PLACE = "offset", 2
PLANTED_MS = 20.0
FPS = 200.0
MISSED, ALARMS = 0.1, 0.03
LENGTHS = (20.0, 40.0)
"""SD (ms) of subjects, and of events within them, of lengths."""
_DRIFT = 6.0
_WHOLE = 10
"""Cells of whole studies have a tenth of the studies."""


@dataclass(frozen=True)
class CodingCell:
    """One kind of studies.

    Attributes
    ----------
    coders : tuple of two ints
        Coders of the cultures A and B.
    subjects : tuple of two ints
        Subjects of the groups A and B.
    events : int
    spreads : Spreads
        SDs of what varies.
    label : str
        What is special about it.
    double_coded, share_coded : float
        As in `simulate_coders`.
    effect : float
        Planted error (ms) of culture A in group A; NaN where biases are looked at instead.
    drift : float
        Change per 100 codings of the first coder (ms).
    whole : bool
        Whether whole studies are drawn, written down and matched.
    lengths : bool
        Whether lengths, which subjects and events have in common with coders, are looked at.
    """

    coders: tuple[int, int]
    subjects: tuple[int, int]
    events: int
    spreads: Spreads
    label: str
    double_coded: float = 0.0
    share_coded: float = 1.0
    effect: float = math.nan
    drift: float = 0.0
    whole: bool = False
    lengths: bool = False

    @property
    def components_alone(self) -> bool:
        """Whether variance components alone are looked at."""
        return self.lengths or self.spreads.coder_pass[PLACE] > 0

    @property
    def of_culture(self) -> bool:
        """Whether it is about culture x ethnicity."""
        return not math.isnan(self.effect)

    @property
    def name(self) -> str:
        """In words."""
        who = f"{self.coders[0]} and {self.coders[1]} coders" if self.of_culture else (
            f"{sum(self.coders)} coders")  # fmt: skip
        what = f", effect {self.effect:g} ms" if self.of_culture else ""
        return f"{who}, {sum(self.subjects)} subjects, {self.events} events, {self.label}{what}"

    @property
    def names(self) -> dict[str, str]:
        """Culture by coder."""
        return {f"{k}{i}": k for k, n in zip("AB", self.coders, strict=True) for i in range(n)}

    @property
    def groups(self) -> dict[str, int]:
        """Subjects by group."""
        return dict(zip("AB", self.subjects, strict=True))

    @property
    def planted(self) -> dict[tuple[str, str], tuple[float, float, float]]:
        """The effect by culture and group."""
        return {("A", "A"): (0.0, 0.0, self.effect)} if self.of_culture else {}

    def studies(self, n: int) -> int:
        """How many studies are drawn where n are asked for."""
        return max(2, n // _WHOLE) if self.whole else n


@dataclass(frozen=True)
class Labels:
    """Some studies that share who coded what.

    Attributes
    ----------
    values : Values
        Of the first study; the others differ in their values.
    y : ndarray, shape (N, B)
        Labels (ms) of each.
    bias : ndarray, shape (B, C)
        Biases drawn for each.
    """

    values: Values
    y: np.ndarray
    bias: np.ndarray

    def study(self, k: int) -> Values:
        """The values of one study."""
        return replace(self.values, y=self.y[:, k])


def draw_labels(cell: CodingCell, n: int, seed: np.random.SeedSequence) -> Labels:
    """Labels of n studies of one cell.

    Examples
    --------
    >>> cell = CodingCell((2, 2), (6, 6), 40, Spreads(), "all coded")
    >>> labels = draw_labels(cell, 3, np.random.SeedSequence(0))
    >>> labels.y.shape[1], labels.bias.shape
    (3, (3, 4))
    """
    rng = np.random.default_rng(seed)
    names = list(cell.names)
    setting = Setting(cell.names, cell.groups, cell.events, FPS, cell.spreads)
    group, of_event = setting.cast(rng)
    video, true = true_times(of_event, rng)
    looked = looked_at(
        rng, len(names), video, of_event, len(group), cell.share_coded, cell.double_coded
    )
    coded = looked & (rng.random(looked.shape) >= MISSED)
    coded &= (coded.any(axis=2).sum(axis=1) >= 2)[:, None, None]
    event, coder, passes = np.nonzero(coded)
    order = np.zeros(len(event))
    for c in range(len(names)):
        own = np.flatnonzero(coder == c)
        turn = rng.random(video.max() + 1)[video[event[own]]] + passes[own]
        order[own[np.argsort(turn, kind="stable")]] = np.arange(1, len(own) + 1)
    middle = np.array([order[coder == c].mean() for c in range(len(names))])
    slow = cell.drift * np.where(coder == 0, order - middle[coder], 0.0) / 100
    y, biases = [], []
    for _ in range(n):
        bias = cell.spreads.of("coder") * rng.standard_normal((len(names), 3))
        errors = setting.errors(rng, group, of_event, bias, np.ones(len(names)), cell.planted)
        if cell.lengths:
            by_subject, by_event = (
                sd * rng.standard_normal(n)
                for sd, n in zip(LENGTHS, (len(group), len(of_event)), strict=True)
            )
            true[:, PLACE] = 1000 + by_subject[of_event] + by_event
        time = true[event, PLACE] + errors[event, coder, passes, PLACE] + slow
        y.append(np.floor(time * FPS / 1000 + 0.5) * 1000 / FPS)
        biases.append(bias[:, PLACE])
    _, event = np.unique(event, return_inverse=True)
    subject = np.unique(of_event[np.nonzero(coded)[0]], return_inverse=True)[1]
    text = np.array(setting.subject_names(), dtype=object)[of_event[np.nonzero(coded)[0]]]
    values = Values(
        y[0], Codes(subject, event, coder, passes), text,
        group.astype(object)[of_event[np.nonzero(coded)[0]]], np.full(len(event), 1000 / FPS),
        order, tuple(names),
    )  # fmt: skip
    return Labels(values, np.stack(y, axis=1), np.array(biases))


def _spreads(
    coder_group: float = 0.0, culture_subject: float = 0.0, coder: float = 8.0, passes: float = 0.0
) -> Spreads:
    return Spreads(coder=(5.0, 5.0, coder), coder_group=(0.0, 0.0, coder_group),
                   culture_subject=(0.0, 0.0, culture_subject),
                   coder_pass=(0.0, 0.0, passes))  # fmt: skip


_BIAS = (
    CodingCell((1, 1), (6, 6), 60, _spreads(), "all coded"),
    CodingCell((2, 1), (15, 14), 159, _spreads(), "70 % coded, 30 % twice", 0.3, 0.7, drift=_DRIFT),
    CodingCell((2, 2), (12, 12), 120, _spreads(), "30 % twice", 0.3, drift=_DRIFT),
    CodingCell((3, 2), (21, 21), 267, _spreads(), "60 % coded", 0.0, 0.6),
    CodingCell((2, 2), (12, 12), 120, _spreads(coder=0.0), "no bias"),
    CodingCell((2, 2), (12, 12), 120, _spreads(passes=5.0), "60 % twice, passes differ", 0.6),
    CodingCell((2, 1), (15, 14), 159, _spreads(), "lengths, 30 % twice", 0.3, lengths=True),
    CodingCell((2, 2), (12, 12), 120, _spreads(), "lengths", lengths=True),
)
_CULTURE = tuple(
    CodingCell(coders, subjects, events, _spreads(own, shared), label, share_coded=share,
               effect=effect)
    for effect in (0.0, PLANTED_MS)
    for coders, subjects, events, own, shared, share, label in (
        ((2, 2), (12, 12), 120, 4.0, 4.0, 1.0, "all coded"),
        ((2, 2), (21, 21), 267, 8.0, 0.0, 1.0, "coders differ much by group"),
        ((2, 2), (12, 12), 120, 0.0, 0.0, 1.0, "nothing else differs by group"),
        ((3, 3), (12, 12), 120, 4.0, 4.0, 1.0, "all coded"),
        ((4, 4), (20, 9), 159, 4.0, 4.0, 0.6, "60 % coded"),
        ((4, 4), (21, 21), 267, 6.0, 0.0, 1.0, "coders differ much by group"),
        ((3, 3), (12, 12), 120, 0.0, 0.0, 1.0, "nothing else differs by group"),
    )
)  # fmt: skip
_CHAIN = (
    CodingCell((2, 2), (12, 12), 120, _spreads(), "whole, matched by overlap", 0.3, 0.8,
               whole=True),
    CodingCell((3, 3), (12, 12), 120, _spreads(4.0, 4.0), "whole, matched by overlap",
               effect=PLANTED_MS, whole=True),
)  # fmt: skip
CELLS = {cell.name: cell for cell in (*_BIAS, *_CULTURE, *_CHAIN)}
