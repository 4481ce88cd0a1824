"""How coders time the same event: bias, spread between and within coders, differences, drift."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from mebias.quantification import cr2
from mebias.quantification.coding.detection import EVERYONE
from mebias.quantification.coding.effects import Effects, coder_effects, within_events
from mebias.quantification.coding.study import Values
from mebias.quantification.interval import Interval, t_half_width, undefined
from mebias.quantification.limits import limits_of_agreement
from mebias.quantification.means import mean_interval
from mebias.quantification.shares import share_interval
from mebias.quantification.spread import MIN_SUBJECTS, sd_interval

Row = dict[str, object]
WITHIN_MS = 100 / 3
_SD = "jackknife over subjects on the log scale, t(G - 1)"
_GRUBBS = f"Grubbs' estimator from events with three coders or more, own bias taken out; {_SD}"
_INTER = f"deviations from the event's mean, first passes; {_SD}"
_DRIFT = (
    "own label less the mean of the other coders', regressed on the place in the coder's working "
    "order; CR2 by subject; relative to the others' drift"
)


def timing_rows(values: Values, keyframe: str, conf_level: float = 0.95) -> list[Row]:
    """Everything about the timing of one keyframe or phase.

    Parameters
    ----------
    values : Values
        Times or lengths of events with two codings or more.
    keyframe : str
        onset, apex, offset, rise, fall or duration; goes into the rows.
    conf_level : float
        Level of every interval.

    Returns
    -------
    list of dict
        Rows of an estimates table (ms, and frames where a rate is stated); ``source`` names
        the coder or the pair:

        - ``coder_bias``: against the coders' mean (`coder_effects`);
        - ``coder_sd``: spread of a coder's labels about the own bias, from events with three
          coders or more; ``intra_coder_sd``: between the two first passes of a coder, per
          label; ``pass_difference``: mean of second less first pass;
        - ``inter_coder_sd``: spread of a single label between these coders, their biases taken
          out; ``inter_coder_sd_with_bias``: left in;
        - ``coder_difference`` (first less second), ``limit_low``, ``limit_high``,
          ``share_within_33_ms``, of each pair;
        - ``drift``: change per 100 codings.
    """
    place: Row = {"keyframe": keyframe}
    found = [place | row for row in _ms_rows(values, conf_level)]
    rates = np.unique(values.frame_ms)
    if len(rates) == 1 and np.isfinite(rates[0]):
        return found + [_in_frames(row, float(rates[0])) for row in found if row["unit"] == "ms"]
    return found


_SCALED = ("estimate", "std_error", "conf_low", "conf_high")


def _in_frames(row: Row, frame_ms: float) -> Row:
    return row | {c: float(str(row[c])) / frame_ms for c in _SCALED} | {"unit": "frames"}


def _ms_rows(values: Values, conf_level: float) -> Iterator[Row]:
    effects = coder_effects(values, conf_level)
    for name, bias in zip(effects.coders, effects.bias, strict=True):
        yield _row(name, "coder_bias", bias)
    once = first_codings(values)
    yield from _spreads(once, conf_level)
    yield from _intra(values, conf_level)
    for a, b in combinations(range(len(values.coders)), 2):
        yield from _pair(once, (a, b), conf_level)
    yield from drift_rows(values, conf_level)


def _row(source: str, quantity: str, found: Interval, unit: str = "ms") -> Row:
    return found.row() | {"source": source, "quantity": quantity, "unit": unit,
                          "weighting": "clip"}  # fmt: skip


def first_codings(values: Values) -> Values:
    """The first pass of each coder over each event."""
    codes = values.codes
    order = np.lexsort((codes.passes, codes.coder, codes.event))
    event, coder = codes.event[order], codes.coder[order]
    first = np.r_[True, (np.diff(event) != 0) | (np.diff(coder) != 0)] if len(order) else order
    return values.rows(np.sort(order[first]))


def several(values: Values, least: int = 2) -> Values:
    """Events with so many codings or more."""
    sizes = np.bincount(values.codes.event)[values.codes.event] if len(values) else np.zeros(0)
    return values.rows(np.flatnonzero(sizes >= least))


def _spreads(once: Values, conf_level: float) -> Iterator[Row]:
    once = several(once)
    effects = coder_effects(once, conf_level)
    if effects.reason and not effects.coders:
        return
    yield _row(EVERYONE, "inter_coder_sd", inter_sd(once, effects, conf_level, bias=False))
    yield _row(EVERYONE, "inter_coder_sd_with_bias", inter_sd(once, effects, conf_level, bias=True))
    for k, name in enumerate(once.coders):
        if (once.codes.coder == k).any():
            yield _row(name, "coder_sd", grubbs_sd(once, effects, k, conf_level))


def inter_sd(once: Values, effects: Effects, conf_level: float, *, bias: bool) -> Interval:
    """Spread of single labels about the event's mean, with or without the coders' biases."""
    codes = once.codes
    r = within_events(once.y, codes.event) if bias else effects.residual
    subject = codes.subject
    n_events = np.bincount(subject[np.unique(codes.event, return_index=True)[1]])
    used = 0 if bias else len(effects.coders) - 1
    free = np.bincount(subject) - n_events
    lost = used * free / max(free.sum(), 1)
    return root_of_ratio(np.bincount(subject, r**2), free - lost, conf_level, _INTER,
                         len(np.unique(codes.event)))  # fmt: skip


def grubbs_squares(once: Values, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased squared error of each coding, from events with three codings or more.

    With n independent errors and deviations r from the event's mean,
    ``n / (n - 2) (r^2 - sum(r^2) / (n (n - 1)))`` has the error's variance as its mean
    (Grubbs 1948, J Am Stat Assoc 43:243).

    Returns
    -------
    squares : ndarray, shape (N,)
        NaN where the event has fewer than three.
    known : ndarray of bool, shape (N,)
    """
    event = once.codes.event
    n = np.bincount(event)[event].astype(float)
    known = n >= 3
    total = np.bincount(event, residual**2)[event]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = n / (n - 2) * (residual**2 - total / (n * (n - 1)))
    return np.where(known, squares, np.nan), known


def grubbs_sd(once: Values, effects: Effects, coder: int, conf_level: float) -> Interval:
    """SD of one coder's errors about the own bias."""
    codes = once.codes
    squares, known = grubbs_squares(once, effects.residual)
    own = (codes.coder == coder) & known
    if not own.any():
        return undefined(
            math.nan, "needs events coded by three coders or more: of two only the sum of both "
            "spreads is known (see inter_coder_sd)", conf_level=conf_level, n_clips=0,
            n_subjects=0, method=_GRUBBS,
        )  # fmt: skip
    n = int(codes.subject.max()) + 1
    sums = np.bincount(codes.subject[own], squares[own], minlength=n)
    counts = np.bincount(codes.subject[own], minlength=n).astype(float)
    return root_of_ratio(sums[counts > 0], counts[counts > 0], conf_level, _GRUBBS, int(own.sum()))


def root_of_ratio(
    sums: np.ndarray, counts: np.ndarray, conf_level: float, method: str, n_events: int
) -> Interval:
    """Root of a ratio of sums over subjects, jackknifed over subjects on the log scale.

    Parameters
    ----------
    sums, counts : ndarray, shape (G,)
        Of each subject; the mean square is ``sums.sum() / counts.sum()``.
    conf_level : float
    method : str
    n_events : int
        Events behind it.
    """
    g = len(sums)
    mean = float(sums.sum() / counts.sum()) if counts.sum() > 1e-9 else math.nan
    estimate = math.sqrt(mean) if mean >= 0 else math.nan
    bare = undefined(estimate, "", conf_level=conf_level, n_clips=n_events, n_subjects=g,
                     method=method)  # fmt: skip
    if math.isnan(mean):
        return replace(bare, reason="too few events with two codings for any spread to be left")
    if mean < 0:
        return replace(bare, reason="the other coders' spread leaves nothing for this one")
    if mean <= 1e-12:
        return replace(bare, estimate=0.0, reason="the labels never differ")
    if g < MIN_SUBJECTS:
        return replace(bare, reason=f"fewer than {MIN_SUBJECTS} subjects")
    left = (sums.sum() - sums) / (counts.sum() - counts)
    if not (left > 0).all():
        return replace(bare, reason="the spread rests on one subject")
    logs = np.log(left) / 2
    error = math.sqrt((g - 1) / g * float(((logs - logs.mean()) ** 2).sum()))
    factor = math.exp(t_half_width(error, g - 1, conf_level))
    return replace(bare, std_error=estimate * error, df=g - 1.0, conf_low=estimate / factor,
                   conf_high=estimate * factor)  # fmt: skip


def pass_differences(values: Values) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Second less first pass of each coder and event: differences, coders, subjects."""
    codes = values.codes
    order = np.lexsort((codes.passes, codes.coder, codes.event))
    key = codes.event[order] * (len(values.coders) + 1) + codes.coder[order]
    start = np.r_[True, np.diff(key) != 0] if len(key) else np.zeros(0, dtype=bool)
    first = np.flatnonzero(start)
    pairs = first[(first + 1 < len(key))]
    pairs = pairs[~start[pairs + 1]]
    one, two = order[pairs], order[pairs + 1]
    return values.y[two] - values.y[one], codes.coder[one], codes.subject[one]


def _intra(values: Values, conf_level: float) -> Iterator[Row]:
    difference, coder, subject = pass_differences(values)
    if not len(difference):
        return
    centered = difference.astype(float)
    for k, name in enumerate(values.coders):
        own = coder == k
        if not own.any():
            continue
        sd = sd_interval(difference[own], subject[own].astype(str), conf_level)
        yield _row(name, "intra_coder_sd", _halved(sd))
        mean = mean_interval(difference[own], subject[own].astype(str), "subject", conf_level)
        yield _row(name, "pass_difference", mean) | {"weighting": "subject"}
        centered[own] -= difference[own].mean()
    sd = sd_interval(centered, subject.astype(str), conf_level)
    yield _row(EVERYONE, "intra_coder_sd", _halved(sd))


def _halved(sd: Interval) -> Interval:
    """The SD of one label from that of a difference of two."""
    root = math.sqrt(2)
    return replace(
        sd, estimate=sd.estimate / root, std_error=sd.std_error / root, conf_low=sd.conf_low / root,
        conf_high=sd.conf_high / root, method=f"SD of second less first pass over sqrt(2); {_SD}",
    )  # fmt: skip


def _pair(once: Values, pair: tuple[int, int], conf_level: float) -> Iterator[Row]:
    codes = once.codes
    name = f"{once.coders[pair[0]]} vs {once.coders[pair[1]]}"
    found = [
        {e: k for k, e in zip(np.flatnonzero(codes.coder == c), codes.event[codes.coder == c],
                              strict=True)} for c in pair
    ]  # fmt: skip
    shared = sorted(found[0].keys() & found[1].keys())
    if not shared:
        bare = undefined(math.nan, "no event in common", conf_level=conf_level, n_clips=0,
                         n_subjects=0, method="difference of two coders")  # fmt: skip
        yield _row(name, "coder_difference", bare)
        return
    a, b = (np.array([of[e] for e in shared]) for of in found)
    difference = once.y[a] - once.y[b]
    subjects = codes.subject[a].astype(str)
    mean = mean_interval(difference, subjects, "subject", conf_level)
    yield _row(name, "coder_difference", mean) | {"weighting": "subject"}
    low, high = limits_of_agreement(difference, subjects, conf_level)
    yield _row(name, "limit_low", low) | {"weighting": "subject"}
    yield _row(name, "limit_high", high) | {"weighting": "subject"}
    near = np.abs(difference) <= WITHIN_MS + 1e-9
    yield _row(name, "share_within_33_ms", share_interval(near, subjects, conf_level), "share")


def drift_rows(values: Values, conf_level: float = 0.95) -> Iterator[Row]:
    """Change of each coder's labels per 100 codings, relative to the other coders'."""
    codes = values.codes
    for k, name in enumerate(values.coders):
        own = np.flatnonzero(codes.coder == k)
        if not len(own):
            continue
        yield _row(name, "drift", _drift(values, own, conf_level), "ms")


def _drift(values: Values, own: np.ndarray, conf_level: float) -> Interval:
    codes = values.codes
    coder = codes.coder[own[0]]
    others = _mean_of_others(values, int(coder))
    y, order = values.y[own] - others[codes.event[own]], values.order[own]
    keep = np.isfinite(y)
    subjects = codes.subject[own][keep]
    bare = undefined(
        math.nan, "", conf_level=conf_level, n_clips=len(np.unique(codes.event[own][keep])),
        n_subjects=len(np.unique(subjects)), method=_DRIFT,
    )  # fmt: skip
    if not np.isfinite(order).all():
        return replace(bare, reason="no column order: the working order is not known")
    y, order = y[keep], order[keep] / 100
    if len(np.unique(subjects)) < 3 or len(y) < 4 or np.ptp(order) == 0:
        return replace(bare, reason="fewer than three subjects, or a single place in the order")
    x = np.column_stack([np.ones(len(y)), order - order.mean()])
    fitted = cr2.fit(x, y, subjects)
    if np.ptp(y - x @ fitted.coefficients) <= 1e-9 * max(1.0, float(np.abs(y).max())):
        return replace(bare, estimate=float(fitted.coefficients[1]), reason="no spread")
    found = cr2.contrast(fitted, np.array([0.0, 1.0]))
    half = t_half_width(found.std_error, found.df, conf_level)
    return replace(bare, estimate=found.estimate, std_error=found.std_error, df=found.df,
                   conf_low=found.estimate - half, conf_high=found.estimate + half)  # fmt: skip


def _mean_of_others(values: Values, coder: int) -> np.ndarray:
    """Mean over the other coders' own means of each event; NaN where there is none, (E,)."""
    codes = values.codes
    other = codes.coder != coder
    n, width = int(codes.event.max()) + 1, len(values.coders)
    cell = codes.event[other] * width + codes.coder[other]
    counts = np.bincount(cell, minlength=n * width)
    sums = np.bincount(cell, values.y[other], minlength=n * width)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(counts > 0, sums / counts, 0.0).reshape(n, width)
        return np.asarray(means.sum(axis=1) / (counts.reshape(n, width) > 0).sum(axis=1))
