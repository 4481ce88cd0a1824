"""A contrast within events whose sampling units are both subjects and coders.

The score of a coding is its share in the least-squares estimate. Summed over the rows of a
subject, of a coder, and of both at once, the squared sums estimate the variance for new
subjects (V_s), for new coders (V_c) and what is in both (V_cs), each scaled so that it is
unbiased where errors are independent (in balanced data the mean squares of the analysis of
variance). The variance for new subjects and new coders is V_s + V_c - V_cs (Cameron, Gelbach
and Miller 2011, J Bus Econ Stat 29:238; in balanced data Clark's 1973 quasi-F), not below
either of the first two; its degrees of freedom are Satterthwaite's.

No test of this kind holds its level everywhere when coders are few. Where V_c lies below V_cs,
coders seem to add nothing, and with two of each culture that happens by chance in a fifth of the
studies in which they add three times the noise: there V_c goes on costing degrees of freedom
(`FEW_CODERS`). Where neither coders nor subjects add anything, V_s + V_c - V_cs is too large on
average, as neither difference may be negative. Permuting whole coders is no way out: 2 and 2 can
be dealt out to cultures in 3 ways, 3 and 3 in 10, so that no p-value falls below 0.33 and 0.1;
nor is permuting subjects, which takes these coders for all that there are. The levels that were
measured stand in ``reports/validation/coders.csv``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mebias.quantification.coding.effects import within_events
from mebias.quantification.interval import t_half_width, t_p_value

FEW_CODERS = 3.0
"""Degrees of freedom of coders below which a small V_c is no evidence that coders agree."""


@dataclass(frozen=True)
class Crossed:
    """A contrast with its variances.

    Attributes
    ----------
    estimate : float
    of_subjects, of_coders, of_both : float
        V_s, V_c, V_cs.
    df_subjects, df_coders, df_both : float
        Their degrees of freedom.
    """

    estimate: float
    of_subjects: float
    of_coders: float
    of_both: float
    df_subjects: float
    df_coders: float
    df_both: float

    @property
    def variance(self) -> float:
        """For new subjects and new coders."""
        return max(self.of_subjects + max(self.of_coders - self.of_both, 0.0), self.of_coders)

    @property
    def df(self) -> float:
        """Satterthwaite's, of `variance`."""
        parts = [(self.of_subjects, self.df_subjects), (self.of_coders, self.df_coders)]
        if self.of_coders <= self.of_both:
            parts = parts[:1]
            if self.df_coders < FEW_CODERS and self.of_both > 0:
                parts.append((self.of_coders**2 / self.of_both, self.df_coders))
        elif self.of_coders >= self.variance:
            parts = parts[1:]
        else:
            parts.append((self.of_both, self.df_both))
        return float(self.variance**2 / sum(v**2 / df for v, df in parts))

    def bounds(self, conf_level: float = 0.95) -> tuple[float, float]:
        """Interval for new subjects and new coders."""
        half = t_half_width(math.sqrt(self.variance), self.df, conf_level)
        return self.estimate - half, self.estimate + half

    def bounds_these_coders(self, conf_level: float = 0.95) -> tuple[float, float]:
        """Interval for new subjects, coded by these coders."""
        half = t_half_width(math.sqrt(self.of_subjects), self.df_subjects, conf_level)
        return self.estimate - half, self.estimate + half

    @property
    def statistic(self) -> float:
        """Estimate over standard error."""
        return self.estimate / math.sqrt(self.variance)

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return t_p_value(self.statistic, self.df)


def crossed_contrast(
    y: np.ndarray,
    x: np.ndarray,
    nuisance: np.ndarray,
    *,
    event: np.ndarray,
    subject: np.ndarray,
    coder: np.ndarray,
    n_coder_parameters: int = 2,
) -> Crossed:
    """The coefficient of x, given events and further columns.

    Parameters
    ----------
    y, x : ndarray, shape (N,)
        Values, and what is contrasted.
    nuisance : ndarray, shape (N, p)
        Other columns, of full rank within events.
    event, subject, coder : ndarray of int, shape (N,)
        Numbered from 0; events lie in one subject each.
    n_coder_parameters : int
        What the coders' own contrasts use up: 2 where two cultures have a mean each.

    Raises
    ------
    ValueError
        x is a combination of the others, or there is no spread.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> event, coder = np.divmod(np.arange(480), 4)
    >>> subject = event // 5
    >>> x = 1.0 * ((coder < 2) & (subject < 12))
    >>> y = rng.normal(0, 50, 120)[event] + 20 * x + rng.normal(0, 8, 480)
    >>> own = np.eye(4)[coder][:, :3]
    >>> found = crossed_contrast(y, x, own, event=event, subject=subject, coder=coder)
    >>> low, high = found.bounds()
    >>> low < 20 < high
    True
    """
    return crossed_contrasts(
        np.asarray(y, dtype=float)[:, None], x, nuisance, event=event, subject=subject,
        coder=coder, n_coder_parameters=n_coder_parameters,
    )[0]  # fmt: skip


def crossed_contrasts(
    y: np.ndarray,
    x: np.ndarray,
    nuisance: np.ndarray,
    *,
    event: np.ndarray,
    subject: np.ndarray,
    coder: np.ndarray,
    n_coder_parameters: int = 2,
) -> list[Crossed]:
    """`crossed_contrast` of many outcomes of one design at once, shape (N, B)."""
    columns = within_events(np.column_stack([nuisance, x]), event)
    own = within_events(y, event)
    basis, triangle = np.linalg.qr(columns)
    if abs(triangle[-1, -1]) < 1e-9 * max(1.0, float(np.abs(x).max())) * math.sqrt(len(x)):
        raise ValueError("the contrast cannot be told from events and coders")
    direction = basis[:, -1] / triangle[-1, -1]
    coefficients = direction @ own
    residual = own - basis @ (basis.T @ own)
    if (np.abs(residual).max(axis=0) <= 1e-9 * np.maximum(1.0, np.abs(own).max(axis=0))).any():
        raise ValueError("nothing is left over: no spread")
    cell = subject * (int(coder.max()) + 1) + coder
    _, cell = np.unique(cell, return_inverse=True)
    (v_s, df_s), (v_c, df_c), (v_b, _) = (
        _variances(direction, residual, basis, cluster, event) for cluster in (subject, coder, cell)
    )
    n_coders, n_subjects = len(np.unique(coder)), len(np.unique(subject))
    df_c = min(df_c, max(n_coders - n_coder_parameters, 1))
    df_b = max(df_c * (n_subjects - 2), 1.0)
    return [
        Crossed(*values, df_s, df_c, df_b)
        for values in zip(
            coefficients.tolist(), v_s.tolist(), v_c.tolist(), v_b.tolist(), strict=True
        )
    ]


def _variances(
    direction: np.ndarray,
    residual: np.ndarray,
    basis: np.ndarray,
    cluster: np.ndarray,
    event: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Sums of squared scores of clusters, unbiased for independent errors, and their df."""
    n = int(cluster.max()) + 1
    order = np.argsort(cluster, kind="stable")
    start = np.flatnonzero(np.r_[True, np.diff(cluster[order]) != 0])
    scores = np.add.reduceat((direction[:, None] * residual)[order], start, axis=0)
    # Expected cross products of the scores under independent errors of variance 1.
    sizes = np.bincount(event).astype(float)
    width = int(event.max()) + 1
    by_event = np.bincount(cluster * width + event, direction, minlength=n * width)
    by_event = by_event.reshape(n, width) / np.sqrt(sizes)
    by_basis = np.stack([np.bincount(cluster, direction * b, minlength=n) for b in basis.T], axis=1)
    expected = np.diag(np.bincount(cluster, direction**2, minlength=n))
    expected = expected - by_event @ by_event.T - by_basis @ by_basis.T
    trace = float(np.trace(expected))
    df = trace**2 / float((expected**2).sum())
    factor = float(direction @ direction) / trace
    return np.asarray((scores**2).sum(axis=0) * factor), df
