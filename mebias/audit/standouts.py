"""Subjects and coders whose labels stand out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mebias import tables
from mebias.audit.labels import Labels, Row
from mebias.audit.robust import TO_SD, mad

_FEWEST_CLIPS = 3
_FEWEST_UNITS = 5
_FAR = 4.0
_ALPHA = 0.01


def standout_issues(labels: Labels) -> list[Row]:
    """Subjects and coders far from the others in rise, duration or share of invalid labels."""
    rows = []
    for name, check in (("subject", "subjects"), ("coder", "coders")):
        units = labels.table[name]
        if units[units != ""].nunique() < 2:
            continue
        for column in ("duration", "rise"):
            rows += _lengths(labels, name, check, column)
        rows += _invalid(labels, name, check)
    return [*rows, *_coders_apart(labels)]


def robust_z(values: np.ndarray, units: np.ndarray) -> pd.DataFrame:
    """How far the median of each unit lies from the medians of the others.

    The spread of the medians is taken apart into that between units and that which a median
    of n values has of itself, so that units with few values are not called far for it.

    Parameters
    ----------
    values, units : ndarray, shape (n,)
        Numbers without NaN, and the subject or coder of each.

    Returns
    -------
    DataFrame
        Indexed by unit, those with 3 values or more: ``median``, ``n``, ``z``; empty for
        fewer than 5 such units.
    """
    data = pd.DataFrame({"unit": units, "value": values})
    by = data.groupby("unit", sort=False)["value"]
    found = pd.DataFrame({"median": by.median(), "n": by.size()})
    within = TO_SD * mad((data["value"] - by.transform("median")).to_numpy())
    found = found[found["n"] >= _FEWEST_CLIPS]
    if len(found) < _FEWEST_UNITS:
        return found.assign(z=np.nan).iloc[:0]
    medians = found["median"].to_numpy()
    own = (1.2533 * within) ** 2 / found["n"].to_numpy()
    between = max(0.0, (TO_SD * mad(medians)) ** 2 - float(np.median(own)))
    # Never below the spread seen: medians of whole frames vary in steps.
    spread = np.maximum(np.sqrt(between + own), TO_SD * mad(medians))
    away = medians - np.median(medians)
    return found.assign(z=np.divide(away, spread, out=np.zeros(len(away)), where=spread > 0))


def _lengths(labels: Labels, name: str, check: str, column: str) -> list[Row]:
    """Units whose typical duration or rise is far from the others', by type of expression."""
    milliseconds = labels.column(column) * labels.column("period")
    types, units = labels.texts("expression_type"), labels.texts(name)
    rows = []
    for kind in dict.fromkeys(types):
        part = (types == kind) & np.isfinite(milliseconds) & (units != "")
        if not part.any():
            continue
        # Lengths are skewed; one frame keeps a length of 0 on the scale.
        logs = np.log(milliseconds[part] + labels.column("period")[part])
        found = robust_z(logs, units[part])
        typical = float(np.median(milliseconds[part]))
        own = pd.Series(milliseconds[part]).groupby(units[part]).median()
        for unit, z, n in zip(found.index, found["z"], found["n"], strict=True):
            if abs(z) > _FAR:
                of_kind = f" of {kind}-expressions" if kind in ("micro", "macro") else ""
                rows.append(
                    labels.row(
                        "warning",
                        check,
                        f"{name} {unit}: the median {column}{of_kind} is {own[unit]:.0f} ms "
                        f"({n} labels), {abs(z):.1f} robust standard deviations "
                        f"{'above' if z > 0 else 'below'} the other {name}s (all together "
                        f"{typical:.0f} ms).",
                        field=column,
                        found=f"{unit}: {own[unit]:.0f} ms",
                        expected=f"about {typical:.0f} ms",
                    )
                )
    return rows


def _invalid(labels: Labels, name: str, check: str) -> list[Row]:
    """Units with more invalid labels than the rest, by a binomial tail."""
    from scipy import stats

    bad = np.zeros(len(labels.table), dtype=bool)
    for keyframe in tables.KEYFRAMES:
        bad |= labels.texts(f"{keyframe}_status") == "invalid"
    counts = pd.Series(bad).groupby(labels.texts(name)).agg(["sum", "size"])
    counts = counts[counts.index != ""]
    total, size = int(counts["sum"].sum()), int(counts["size"].sum())
    rows = []
    for unit, k, n in zip(counts.index, counts["sum"], counts["size"], strict=True):
        # One more invalid label among the rest keeps its share above 0.
        rest = (total - k + 1) / (size - n + 1) if size > n else 1.0
        if k >= 2 and stats.binom.sf(k - 1, n, min(rest, 1.0)) * len(counts) < _ALPHA:
            rows.append(
                labels.row(
                    "warning",
                    check,
                    f"{name} {unit}: {k} of {n} expressions have labels out of order, "
                    f"{total - k} of {size - n} of the others.",
                    field="status",
                    found=f"{k} of {n}",
                    expected=f"{total - k} of {size - n}",
                )
            )
    return rows


def _coders_apart(labels: Labels) -> list[Row]:
    """Coders whose frames differ from those of the others in the same clips, on average."""
    table = labels.table[labels.table["coder"] != ""]
    coders = sorted(table["coder"].unique())
    if len(coders) < 2:
        return []
    rows = []
    tests = len(coders) * len(tables.KEYFRAMES)
    for keyframe in tables.KEYFRAMES:
        for coder in coders:
            away = _differences(table, keyframe, coder)
            row = _apart(labels, coder, keyframe, away, tests)
            rows += [row] if row else []
    return rows


def _differences(table: pd.DataFrame, keyframe: str, coder: str) -> pd.Series:
    """Per subject, how many frames later (ms) a coder is than the others in the same clips."""
    sound = table[table["ordered"] & table[keyframe].notna()]
    mine = sound[sound["coder"] == coder].groupby("clip")[keyframe].mean()
    others = sound[sound["coder"] != coder].groupby("clip")[keyframe].median()
    first = sound.groupby("clip")[["subject", "period"]].first()
    away = ((mine - others) * first["period"]).dropna()
    return away.groupby(first["subject"].reindex(away.index)).mean()


def _apart(labels: Labels, coder: str, keyframe: str, away: pd.Series, tests: int) -> Row | None:
    from scipy import stats

    if len(away) < _FEWEST_UNITS:
        return None
    mean, error = float(away.mean()), float(away.std(ddof=1)) / np.sqrt(len(away))
    period = float(labels.table["period"].median())
    p = float(2 * stats.t.sf(abs(mean) / error, len(away) - 1)) if error else float(mean == 0)
    if p * tests >= _ALPHA or abs(mean) < period:
        return None
    reach = float(stats.t.ppf(0.975, len(away) - 1)) * error
    return labels.row(
        "warning",
        "coders",
        f"coder {coder}: the {keyframe} is {abs(mean):.0f} ms {'later' if mean > 0 else 'earlier'} "
        f"than that of the other coders in the same clips (95 % CI {mean - reach:.0f} to "
        f"{mean + reach:.0f} ms, {len(away)} subjects as the unit; p times {tests} tests below "
        f"{_ALPHA}).",
        field=keyframe,
        found=f"{coder}: {mean:.0f} ms",
        expected="about 0 ms",
    )
