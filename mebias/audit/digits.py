"""Round numbers: labels that end in 0 or 5 more often than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mebias import tables
from mebias.audit.labels import Labels, Row
from mebias.errors import per_cent

CHANCE = 0.2
_ALPHA = 0.05
_FEWEST = 30
_SUBJECTS = 5
_SPAN = 30
_HEAP_FIRST = 0.05
_HEAP = 0.2


@dataclass(frozen=True)
class RoundShare:
    """Share of numbers that end in 0 or 5, its 95 % interval, and two p-values against 0.2.

    ``p_exact`` is binomial and takes every number as drawn apart; ``low``, ``high`` and
    ``p_subject`` take subjects as the unit (linearized ratio, t with one less than the
    number of subjects).
    """

    share: float
    low: float
    high: float
    p_exact: float
    p_subject: float
    n: int
    n_subjects: int

    @property
    def p_value(self) -> float:
        """The larger of the two, which decides."""
        return max(self.p_exact, self.p_subject)


def round_share(values: np.ndarray, subjects: np.ndarray) -> RoundShare:
    """How often whole numbers end in 0 or 5.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Whole numbers without NaN.
    subjects : ndarray, shape (n,)
        Who each is from; two or more subjects.

    Examples
    --------
    >>> found = round_share(np.arange(100.0), np.repeat(np.arange(10), 10))
    >>> found.share, found.n_subjects
    (0.2, 10)
    """
    from scipy import stats

    ends = (np.mod(values, 5) == 0).astype(float)
    _, codes = np.unique(subjects.astype(str), return_inverse=True)
    count, hits = np.bincount(codes), np.bincount(codes, weights=ends)
    n, k, found = len(ends), int(ends.sum()), len(count)
    share = k / n
    deviations = hits - share * count
    error = float(np.sqrt(found / (found - 1) * np.sum(deviations**2))) / n
    reach = float(stats.t.ppf(0.975, found - 1)) * error
    if error > 0:
        p_subject = float(2 * stats.t.sf(abs(share - CHANCE) / error, found - 1))
    else:
        p_subject = 1.0 if k * 5 == n else 0.0
    p_exact = float(stats.binomtest(k, n, CHANCE).pvalue)
    return RoundShare(
        share, max(0.0, share - reach), min(1.0, share + reach), p_exact, p_subject, n, found
    )


def digit_issues(labels: Labels) -> list[Row]:
    """Preference for round frame numbers or durations; one row per preference, one for the rest."""
    subjects = labels.texts("subject")
    quantities = {f"{k} frame numbers": _labeled(labels, k) for k in tables.KEYFRAMES}
    quantities["durations in frames"] = labels.column("duration")
    told: dict[str, RoundShare] = {}
    untold: dict[str, list[str]] = {}
    for name, values in quantities.items():
        there = np.isfinite(values)
        if not there.any():
            continue
        reason = why_untold(values[there], subjects[there])
        if reason:
            untold.setdefault(reason, []).append(name)
        else:
            told[name] = round_share(values[there], subjects[there])
    loud = {name: found for name, found in told.items() if _prefers(found, len(told))}
    quiet = {name: found for name, found in told.items() if name not in loud}
    rows = [_preferred(labels, name, found, len(told)) for name, found in loud.items()]
    return rows + _rest(labels, quiet, untold)


def _prefers(found: RoundShare, tests: int) -> bool:
    return found.share > CHANCE and found.p_value * tests < _ALPHA


def _labeled(labels: Labels, keyframe: str) -> np.ndarray:
    written = np.isin(labels.texts(f"{keyframe}_status").astype(str), ["annotated", "invalid"])
    return np.where(written, labels.column(keyframe), np.nan)


def why_untold(values: np.ndarray, subjects: np.ndarray) -> str:
    """Why last digits say nothing here; blank where they do.

    Digits are even by chance only if the numbers spread over several tens and none of them
    is there again and again (clips that all begin at frame 1).

    >>> why_untold(np.ones(50), np.arange(50))
    '90 % of them lie within 0 frames'
    """
    if len(values) < _FEWEST or len(np.unique(subjects.astype(str))) < _SUBJECTS:
        return f"fewer than {_FEWEST} values or {_SUBJECTS} subjects"
    low, high = np.quantile(values, [0.05, 0.95])
    if high - low < _SPAN:
        return f"90 % of them lie within {high - low:.0f} frames"
    numbers, counts = np.unique(values, return_counts=True)
    if counts[0] > _HEAP_FIRST * len(values):
        return f"{counts[0]} of {len(values)} are {numbers[0]:.0f}, the first frame"
    most = int(np.argmax(counts))
    if counts[most] > _HEAP * len(values):
        return f"{counts[most]} of {len(values)} are {numbers[most]:.0f}"
    return ""


def _words(found: RoundShare) -> str:
    low, high = per_cent(found.low, 1), per_cent(found.high, 1)
    return f"{per_cent(found.share, 1)} (95 % CI {low} to {high})"


def _preferred(labels: Labels, name: str, found: RoundShare, tests: int) -> Row:
    return labels.row(
        "warning",
        "digits",
        f"{_words(found)} of {found.n} {name} end in 0 or 5, where chance gives 20 %: "
        f"p = {_p(found.p_subject)} with the {found.n_subjects} subjects as the unit, "
        f"{_p(found.p_exact)} exact binomial; the larger one, times {tests} tests, is below 0.05.",
        field=name.split()[0],
        found=f"{found.share:.3f}",
        expected=f"{CHANCE}",
    )


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else "<0.0001"


def _rest(labels: Labels, quiet: dict[str, RoundShare], untold: dict[str, list[str]]) -> list[Row]:
    parts = []
    if quiet:
        shares = ", ".join(f"{name} {_words(found)}" for name, found in quiet.items())
        parts.append(f"last digits show no preference for 0 and 5 beyond chance (20 %): {shares}")
    if untold:
        names = (f"{', '.join(names)} ({reason})" for reason, names in untold.items())
        parts.append(f"nothing can be told of last digits of {'; '.join(names)}")
    if not parts:
        return []
    text = "; ".join(parts)
    return [labels.row("note", "digits", f"{text[0].upper()}{text[1:]}.", field="frame")]
