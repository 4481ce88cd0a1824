"""Annotation error: human labels against the blind motion posterior, per group and keyframe.

The error is relative to the model's definition of a keyframe. Of its mean, the part that
model and coders define differently is not identified; contrasts between groups are, where
one protocol coded all of them and their motion is alike, which the phases show first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import TableError, listed
from mebias.quantification.blind import JUDGE, RELATIVE, groups_of, judged, one_sided
from mebias.quantification.checks import CODING, is_posterior, usable
from mebias.quantification.coder_coverage import sd_note
from mebias.quantification.flags import MISSED
from mebias.quantification.interval import Interval, undefined
from mebias.quantification.likely_sd import likely_sd_interval
from mebias.quantification.means import WEIGHTINGS, mean_interval
from mebias.quantification.shares import share_interval

Row = dict[str, object]
_PHASES = {"rise": ("onset", "apex"), "fall": ("apex", "offset")}
_KEY = [c for c in CODING if c not in ("source", "distance")]
CODED_KEYFRAME = [*_KEY, "keyframe"]
"""What a label of the judge and a frame of a rule have in common."""


def error_estimates(
    shifts: pd.DataFrame, *, source: str = JUDGE, conf_level: float = 0.95
) -> pd.DataFrame:
    """Estimate the annotation error per dataset, group and keyframe.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts with rows of ``motion-blind``.
    source : str
        The source that judges the labels; only ``motion-blind`` may.
    conf_level : float
        Level of every interval.

    Returns
    -------
    DataFrame
        An estimates table in ms: ``annotation_error`` (mean of human - blind posterior mean,
        positive = the label is late; three weightings), ``coder_sd`` (SD of the coders' error,
        by likelihood, the posteriors' own allowed for), ``blind_sd`` (root mean variance of the
        posterior), ``share_usable`` (share of labels that can be judged), and per group
        ``mean_phase_rise`` and ``mean_phase_fall`` of the blind posterior (keyframe ``all``),
        by which to see whether groups moved alike. NaN with a reason where clips are cut at
        the label or the posterior is too wide. Nothing is added for the posterior's error: it
        is in the scatter already.

    Raises
    ------
    OptionError
        Another source.
    TableError
        No rows of ``motion-blind``.

    Examples
    --------
    >>> shifts = pd.DataFrame({"clip": [f"c{i}" for i in range(12)], "subject": list("abcd") * 3,
    ...     "keyframe": "apex", "human": range(50, 62), "selected": [48, 50] * 6, "fps": 100.0,
    ...     "source": "motion-blind", "selected_sd": 1.0})
    >>> found = error_estimates(tables.conform(shifts, "shifts"))
    >>> found.loc[0, "quantity"], float(found.loc[0, "estimate"])
    ('annotation_error', 65.0)
    """
    rows: list[Row] = []
    for dataset, part in judged(shifts, source).groupby("dataset", sort=False):
        for group, in_group in groups_of(part):
            place = {"dataset": dataset, "source": source, "ethnicity": group}
            for keyframe in tables.KEYFRAMES:
                own = in_group[in_group["keyframe"] == keyframe]
                if len(own):
                    here = place | {"keyframe": keyframe}
                    rows += [here | row for row in _of_keyframe(own, conf_level)]
            rows += [place | row for row in _phases(in_group, conf_level)]
    return tables.from_rows(rows, "estimates")


def reduces_error(
    shifts: pd.DataFrame, *, source: str = JUDGE, conf_level: float = 0.95
) -> pd.DataFrame:
    """Whether a rule's frames lie nearer to the blind posterior mean than the labels do.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts with rows of ``motion-blind`` and of at least one other rule.
    source : str
        The source that judges the labels; only ``motion-blind`` may.
    conf_level : float
        Level of every interval.

    Returns
    -------
    DataFrame
        An estimates table: ``error_reduction`` (ms), the mean of |human - blind mean| -
        |selected - blind mean| over clips judged and selected, per rule, group and keyframe;
        positive = the rule comes nearer. Undefined for ``motion``, which shares its model with
        the judge, by any definition. Rule and judge share the pixels, whose noise may draw both
        to one frame.

    Raises
    ------
    OptionError
        Another source.
    TableError
        No rows of ``motion-blind``, or of no other rule.
    """
    rows = judged(shifts, source)
    frames = rule_frames(shifts, source)
    joined = rows.merge(frames, on=CODED_KEYFRAME)
    gain = gain_ms(joined)
    found: list[Row] = []
    by = ["dataset", "rule", "rule_distance"]
    for (dataset, rule, distance), part in joined.assign(gain=gain).groupby(by, sort=False):
        for group, in_group in groups_of(part):
            for keyframe in tables.KEYFRAMES:
                own = in_group[in_group["keyframe"] == keyframe]
                if own.empty:
                    continue
                place = {"dataset": dataset, "source": rule, "distance": distance,
                         "ethnicity": group, "keyframe": keyframe}  # fmt: skip
                found += [place | row for row in _reduction(own, str(rule), conf_level)]
    return tables.from_rows(found, "estimates")


def rule_frames(shifts: pd.DataFrame, source: str = JUDGE) -> pd.DataFrame:
    """Frames that rules chose, beside which the judge's rows can be put.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    source : str
        The judge, which is left out.

    Returns
    -------
    DataFrame
        Usable rows: `CODED_KEYFRAME`, ``rule``, ``rule_distance`` and ``chosen``.

    Raises
    ------
    TableError
        There is no rule beside the judge.
    """
    rules = shifts[_of_rules(shifts, source)]
    if rules.empty:
        raise TableError(
            f"the shifts table has no rule beside {source} (found: "
            f"{listed(shifts['source'].unique())}); re-select with one more rule."
        )
    wanted = [*CODED_KEYFRAME, "source", "distance", "selected"]
    return rules.loc[usable(rules), wanted].rename(
        columns={"source": "rule", "distance": "rule_distance", "selected": "chosen"}
    )


def has_rules(shifts: pd.DataFrame, source: str = JUDGE) -> bool:
    """Whether there is a rule beside the judge; another version of the labels is none."""
    return bool(_of_rules(shifts, source).any())


def _of_rules(shifts: pd.DataFrame, source: str) -> pd.Series:
    return (shifts["source"] != source) & ~shifts["selected_status"].isin(tables.HUMAN_STATUS)


def gain_ms(joined: pd.DataFrame) -> pd.Series:
    """|human - blind mean| - |selected - blind mean| (ms); positive = the rule comes nearer.

    Parameters
    ----------
    joined : DataFrame
        Rows of `mebias.quantification.blind.judged` with ``chosen``, the selected frame.
    """
    away = (joined["chosen"] - joined["blind_frames"]).abs()
    return (joined["error_frames"].abs() - away) * 1000.0 / joined["fps"]


def _of_keyframe(own: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    """All quantities of one group and keyframe."""
    reason = one_sided(own)
    can = own[own["verdict"] == ""]
    yield from _means("annotation_error", can, "error_ms", WEIGHTINGS, reason, conf_level)
    spread = likely_sd_interval(
        _numbers(can, "error_ms"),
        _numbers(can, "blind_variance"),
        _subjects(can),
        MISSED[str(own["keyframe"].iloc[0])],
        conf_level,
    )
    if not reason and can["is_interval"].any():
        reason = "can't be told: labels are coded as intervals, inside of which the error is 0"
    note = sd_note(str(own["keyframe"].iloc[0]), float(own["fps"].median()))
    yield _row("coder_sd", "ms", "clip", _without(spread, reason) if reason else spread, can) | {
        "coverage_note": note if math.isfinite(spread.conf_low) and not reason else ""
    }
    yield _row("blind_sd", "ms", "clip", _root_mean(can, conf_level), can)
    hits = (own["verdict"] == "").to_numpy()
    share = share_interval(hits, _subjects(own), conf_level)
    yield _row("share_usable", "share", "clip", share, own)


def _phases(part: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    """Phases of the blind posterior, of clips both ends of which can be judged."""
    for phase, ends in _PHASES.items():
        first, last = (part[part["keyframe"] == end] for end in ends)
        reason = next(filter(None, map(one_sided, (first, last))), "")
        both = first[first["verdict"] == ""].merge(
            last.loc[last["verdict"] == "", [*_KEY, "blind_frames"]],
            on=_KEY,
            suffixes=("", "_last"),
        )
        frames = both["blind_frames_last"] - both["blind_frames"]
        lengths = both.assign(length=frames * 1000.0 / both["fps"])
        name = f"mean_phase_{phase}"
        for row in _means(name, lengths, "length", ("subject",), reason, conf_level):
            yield row | {"keyframe": tables.ALL}


def _reduction(own: pd.DataFrame, rule: str, conf_level: float) -> Iterator[Row]:
    reason = one_sided(own)
    if is_posterior(rule):
        reason = f"can't be told: {rule} rests on the same model as the judge"
    can = own[own["verdict"] == ""]
    yield from _means("error_reduction", can, "gain", WEIGHTINGS, reason, conf_level)


def _means(
    quantity: str,
    can: pd.DataFrame,
    column: str,
    weightings: tuple[str, ...],
    reason: str,
    conf_level: float,
) -> Iterator[Row]:
    """Weighted means, or as many rows with the reason why there is none."""
    for weighting in weightings:
        if can.empty:
            found = undefined(
                math.nan, reason or "no clip", conf_level=conf_level, n_clips=0, n_subjects=0,
                method="",
            )  # fmt: skip
        else:
            values = _numbers(can, column)
            found = mean_interval(values, _subjects(can), weighting, conf_level)
        row = _row(quantity, "ms", weighting, _without(found, reason) if reason else found, can)
        yield row | {"method": "; ".join(filter(None, [RELATIVE, found.method]))}


def _root_mean(can: pd.DataFrame, conf_level: float) -> Interval:
    """Root of the mean variance of the posterior."""
    values = _numbers(can, "blind_variance")
    method = "root of the mean posterior variance, CR2, Satterthwaite df"
    if not len(values) or not np.isfinite(values).all():
        reason = "the SD of the posterior is missing" if len(values) else "no clip"
        return undefined(
            math.nan, reason, conf_level=conf_level, n_clips=len(values), n_subjects=0,
            method=method,
        )  # fmt: skip
    found = mean_interval(values, _subjects(can), "clip", conf_level)
    root = math.sqrt(found.estimate)
    return replace(
        found,
        estimate=root,
        std_error=found.std_error / (2 * root) if root else math.nan,
        conf_low=math.sqrt(max(0.0, found.conf_low)) if found.df > 0 else math.nan,
        conf_high=math.sqrt(found.conf_high) if found.df > 0 else math.nan,
        method=method,
    )


def _row(quantity: str, unit: str, weighting: str, found: Interval, can: pd.DataFrame) -> Row:
    n_clips = len(can.drop_duplicates(["subject", "clip"]))
    return found.row() | {
        "quantity": quantity, "unit": unit, "weighting": weighting, "n_clips": n_clips,
        "n_subjects": can["subject"].nunique(),
    }  # fmt: skip


def _without(found: Interval, reason: str) -> Interval:
    """No estimate, but its reason."""
    nan = math.nan
    return replace(
        found, estimate=nan, std_error=nan, df=nan, conf_low=nan, conf_high=nan, reason=reason
    )


def _numbers(own: pd.DataFrame, column: str) -> np.ndarray:
    return own[column].to_numpy(dtype=float)


def _subjects(own: pd.DataFrame) -> np.ndarray:
    return own["subject"].to_numpy(dtype=object)
