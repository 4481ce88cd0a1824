"""Which keyframes coders place less exactly: ratios of the coders' SDs within a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification import holm
from mebias.quantification.blind import JUDGE, groups_of, judged, one_sided, stated
from mebias.quantification.checks import CODING
from mebias.quantification.coder_coverage import ratio_note
from mebias.quantification.flags import MISSED
from mebias.quantification.interval import Interval, t_half_width, t_p_value, undefined
from mebias.quantification.likely_sd import likely_log_ratio_interval

Row = dict[str, object]
FAMILY = "keyframe"
CONTRASTS = (("offset", "onset"), ("offset", "apex"))
SIDES = "multi-ethnic vs one group"
"""The contrast between datasets, as the column ``ethnicity`` names it."""
OBSERVATIONAL = (
    "observational: between datasets lie lab, camera, coders and definitions, so this is no "
    "effect of ethnicity; no p-value"
)


def keyframe_contrasts(
    shifts: pd.DataFrame, *, source: str = JUDGE, conf_level: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test whether coders place the offset less exactly than onset and apex, per dataset.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts with rows of ``motion-blind``.
    source : str
        The source that judges the labels; only ``motion-blind`` may.
    conf_level : float
        Level of the intervals; they are not adjusted for the family.

    Returns
    -------
    tests : DataFrame
        A tests table, unit ``log``: log(s of the offset / s of the onset, and of the apex), s
        being the coders' SD, in clips with all three keyframes judged. Family ``keyframe`` of
        2 per dataset, Holm.
    estimates : DataFrame
        ``log_sd_offset_onset`` and ``log_sd_offset_apex`` (keyframe ``offset``) per dataset
        and, described but not tested, per group.

    Raises
    ------
    OptionError
        Another source.
    TableError
        No rows of ``motion-blind``.

    Notes
    -----
    The ratios are as right as the posterior's SDs and what `mebias.quantification.flags.MISSED`
    allows for. How often intervals hold what was planted stands in
    `reports/validation/recovery.csv`.
    """
    tests: list[Row] = []
    estimates: list[Row] = []
    for dataset, part in judged(shifts, source).groupby("dataset", sort=False):
        place = {"dataset": dataset, "source": source, "keyframe": "offset", "unit": "log"}
        for group, in_group in groups_of(part):
            found = list(_ratios(in_group, conf_level))
            fps = float(in_group["fps"].median())
            estimates += [
                place | row.row() | {"ethnicity": group, "quantity": f"log_sd_{a}_{b}",
                                     "weighting": "clip", "coverage_note": _note(row, (a, b), fps)}
                for (a, b), row in zip(CONTRASTS, found, strict=True)
            ]  # fmt: skip
            if group == tables.ALL:
                tests += [place | row for row in _family(found)]
    return tables.from_rows(tests, "tests"), tables.from_rows(estimates, "estimates")


def between_datasets(
    shifts: pd.DataFrame, *, source: str = JUDGE, conf_level: float = 0.95
) -> pd.DataFrame:
    """Keyframe contrasts of multi-ethnic datasets beside those of datasets of one group.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts of several datasets with rows of ``motion-blind``. A dataset is
        multi-ethnic with two or more stated groups, of one group where all subjects are stated
        to be of it; others are left out.
    source : str
        The source that judges the labels; only ``motion-blind`` may.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        An estimates table: ``log_sd_offset_onset_difference`` and
        ``log_sd_offset_apex_difference``, the mean of multi-ethnic datasets minus the mean of
        datasets of one group; jackknife variances of independent datasets added up,
        Welch-Satterthwaite degrees of freedom. Observational; no p-value.

    Raises
    ------
    OptionError
        Another source.
    TableError
        No rows of ``motion-blind``.
    """
    _, estimates = keyframe_contrasts(shifts, source=source, conf_level=conf_level)
    # A dataset none of whose labels a human set has no estimate, and is on no side.
    told = set(estimates["dataset"])
    named = dataset_sides(shifts[shifts["source"] == source])
    sides = tuple([d for d in side if d in told] for side in named)
    name = sides_name(sides)
    rows = []
    for a, b in CONTRASTS:
        quantity = f"log_sd_{a}_{b}"
        whole = estimates[
            (estimates["quantity"] == quantity) & (estimates["ethnicity"] == tables.ALL)
        ].set_index("dataset")
        found = mean_difference([whole.loc[side] for side in sides], conf_level)
        clips = whole.loc[[d for side in sides for d in side]]
        rows.append(
            found.row()
            | {"dataset": name, "ethnicity": SIDES, "source": source,
               "keyframe": a, "quantity": f"{quantity}_difference", "unit": "log",
               "weighting": "clip", "n_clips": clips["n_clips"].sum(),
               "n_subjects": clips["n_subjects"].sum()}
        )  # fmt: skip
    return tables.from_rows(rows, "estimates")


def mean_difference(sides: Sequence[pd.DataFrame], conf_level: float = 0.95) -> Interval:
    """Mean over the first side's datasets minus that over the second's.

    Parameters
    ----------
    sides : two DataFrames
        One row per dataset, whose name is the index: estimate, std_error, df, reason.
    conf_level : float
        Level of the interval.

    Returns
    -------
    Interval
        Variances of independent datasets added up, Welch-Satterthwaite degrees of freedom;
        NaN with a reason where a side is empty or one of its datasets has no estimate.

    Examples
    --------
    >>> side = pd.DataFrame({"estimate": [0.5], "std_error": [0.1], "df": [20.0], "reason": ""})
    >>> found = mean_difference([side, side])
    >>> round(found.std_error, 4), found.df
    (0.1414, 40.0)
    """
    method = f"difference of means over datasets, Welch-Satterthwaite df; {OBSERVATIONAL}"
    rows = pd.concat(sides)
    bare = undefined(math.nan, "", conf_level=conf_level, n_clips=0, n_subjects=0, method=method)
    for side, name in zip(sides, ("multi-ethnic dataset", "dataset of one group"), strict=True):
        if side.empty:
            return replace(bare, reason=f"no {name} among those given")
    means = [s["estimate"].to_numpy(dtype=float).mean() for s in sides]  # NaN where one is
    estimate = float(means[0] - means[1])
    if rows["std_error"].isna().any():
        first = rows[rows["std_error"].isna()].iloc[0]
        return replace(bare, estimate=estimate, reason=f"{first.name}: {first['reason']}")
    parts = np.concatenate([(s["std_error"] / len(s)).to_numpy(dtype=float) ** 2 for s in sides])
    df = float(parts.sum() ** 2 / (parts**2 / rows["df"].to_numpy(dtype=float)).sum())
    error = math.sqrt(parts.sum())
    half = t_half_width(error, df, conf_level)
    return replace(
        bare, estimate=estimate, std_error=error, df=df,
        conf_low=estimate - half, conf_high=estimate + half,
    )  # fmt: skip


def _note(found: Interval, pair: tuple[str, str], fps: float) -> str:
    return ratio_note(pair, fps) if math.isfinite(found.conf_low) else ""


def _ratios(part: pd.DataFrame, conf_level: float) -> Iterator[Interval]:
    """Both log ratios in complete clips."""
    key = [c for c in CODING if c not in ("source", "distance")]
    can = part[part["verdict"] == ""]
    complete = _Complete.of(can, key)
    for pair in CONTRASTS:
        at = {k: part[part["keyframe"] == k] for k in pair}
        reason = next(filter(None, map(one_sided, at.values())), "")
        if not reason and any(can["is_interval"] & can["keyframe"].isin(pair)):
            reason = "can't be told: labels are coded as intervals, inside of which the error is 0"
        errors, blind = complete.of_pair(pair)
        missed = (MISSED[pair[0]], MISSED[pair[1]])
        found = likely_log_ratio_interval(
            errors, blind, complete.subjects, pair, missed, conf_level
        )
        if reason:
            found = undefined(
                math.nan, reason, conf_level=conf_level, n_clips=found.n_clips,
                n_subjects=found.n_subjects, method=found.method,
            )  # fmt: skip
        yield replace(found, n_clips=complete.n_clips)


@dataclass(frozen=True)
class _Complete:
    """Errors and posterior variances, (N, 3), of clips with all keyframes judged."""

    errors: np.ndarray
    blind: np.ndarray
    subjects: np.ndarray
    n_clips: int

    @classmethod
    def of(cls, can: pd.DataFrame, key: list[str]) -> _Complete:
        columns = ["error_ms", "blind_variance"]
        wide = can.pivot_table(index=key, columns="keyframe", values=columns, sort=False)
        pairs = [(c, k) for c in columns for k in tables.KEYFRAMES]
        wide = wide.reindex(columns=pd.MultiIndex.from_tuples(pairs))
        values = wide.to_numpy(dtype=float)
        complete = np.isfinite(values[:, :3]).all(axis=1)
        values, frame = values[complete], wide.index.to_frame(index=False)[complete]
        n_clips = len(frame.drop_duplicates(["subject", "clip"]))
        return cls(values[:, :3], values[:, 3:], frame["subject"].to_numpy(dtype=object), n_clips)

    def of_pair(self, pair: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
        at = [tables.KEYFRAMES.index(k) for k in pair]
        return self.errors[:, at], self.blind[:, at]


def _family(found: list[Interval]) -> Iterator[Row]:
    statistics = [f.estimate / f.std_error for f in found]
    p = np.array([t_p_value(t, f.df) for t, f in zip(statistics, found, strict=True)])
    adjusted = holm.adjust(p, len(CONTRASTS))
    for (a, b), f, t, one, all_p in zip(CONTRASTS, found, statistics, p, adjusted, strict=True):
        yield {
            "family": FAMILY,
            "family_size": len(CONTRASTS),
            "hypothesis": f"coders place the {a} as exactly as the {b}",
            "ethnicity": tables.ALL,
            "estimate": f.estimate,
            "conf_low": f.conf_low,
            "conf_high": f.conf_high,
            "statistic": t,
            "df": f.df,
            "p_value": one,
            "p_adjusted": all_p,
            "n_clips": f.n_clips,
            "n_subjects": f.n_subjects,
            "method": f.method,
            "reason": f.reason,
        }


def sides_name(sides: Sequence[Sequence[str]]) -> str:
    """Both sides of a contrast between datasets, as the column ``dataset`` names them.

    >>> sides_name((["samm"], ["casme2", "smic"]))
    'samm vs casme2, smic'
    """
    return " vs ".join(", ".join(side) or "none" for side in sides)


def dataset_sides(own: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Names of multi-ethnic datasets, and of those of one group."""
    several, one = [], []
    for dataset, part in own.groupby("dataset", sort=True):
        groups = stated(part)["ethnicity"].nunique()
        if groups > 1:
            several.append(str(dataset))
        elif groups == 1 and len(stated(part)) == len(part):
            one.append(str(dataset))
    return several, one
