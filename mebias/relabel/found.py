"""Estimates and tests of a second look: are flags right, how far do labels move, towards what."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.holm import adjust
from mebias.quantification.interval import Interval, t_p_value
from mebias.quantification.means import mean_interval
from mebias.quantification.shares import share_interval
from mebias.relabel.choose import CONTROL, FLAGGED
from mebias.relabel.rates import difference, recall, weighted_share

Row = dict[str, object]
SOURCE = "second look"
FAMILY = "second look: nearer to suggestion or old label"
_UNSEEN = "cut at the human label: what lies beyond cannot be seen"
_KEYFRAMES = (tables.ALL, *tables.KEYFRAMES)


def estimates_of(labels: pd.DataFrame, conf_level: float = 0.95) -> pd.DataFrame:
    """All that a second look tells, per keyframe and for all of them together.

    Parameters
    ----------
    labels : DataFrame
        A table ``relabeled``.
    conf_level : float

    Returns
    -------
    DataFrame
        An estimates table; ``arm`` says which labels: flagged ones, or those of the controls.
        ``flag_precision``: share of flagged labels that the second look puts beyond the
        tolerance (constant differences taken off); ``control_outside``: the same of controls;
        ``flag_excess``: the first minus the second; ``flag_recall``: share of the labels beyond
        the tolerance, in all clips, that is flagged; ``share_outside``: with nothing taken off;
        ``mean_move``, ``mean_absolute_move`` (ms, second look - old label);
        ``nearer_to_suggestion`` (ms): mean distance of the second look from the old label minus
        that from the suggestion, positive where it lies nearer to the suggestion;
        ``coders_apart`` (ms): mean SD between coders of the second look; ``no_expression``.
    """
    name = str(labels["dataset"].iloc[0])
    rows: list[Row] = []
    for keyframe in _KEYFRAMES:
        own = labels if keyframe == tables.ALL else labels[labels["keyframe"] == keyframe]
        if own.empty:
            continue
        place = {"dataset": name, "source": SOURCE, "keyframe": keyframe}
        rows += [place | row for row in _of_flags(own, conf_level)]
        rows += [place | row for row in _of_moves(own, conf_level)]
    place = {"dataset": name, "source": SOURCE, "keyframe": tables.ALL}
    rows += [place | row for row in _unseen_expressions(labels, conf_level)]
    return tables.from_rows(rows, "estimates")


def tests_of(labels: pd.DataFrame, conf_level: float = 0.95) -> pd.DataFrame:
    """Whether the second look lies nearer to the suggestions or to the old labels, flagged ones.

    Parameters
    ----------
    labels : DataFrame
        A table ``relabeled``.
    conf_level : float
    """
    name = str(labels["dataset"].iloc[0])
    rows: list[Row] = []
    for keyframe in tables.KEYFRAMES:
        own = _seen(labels[(labels["keyframe"] == keyframe) & labels["flagged"]])
        values, subjects, reason = _nearer(own)
        found = _mean(values, subjects, conf_level, reason)
        told = math.isfinite(found.std_error) and found.std_error > 0
        statistic = found.estimate / found.std_error if told else math.nan
        rows.append({
            "family": FAMILY,
            "family_size": len(tables.KEYFRAMES),
            "hypothesis": "the second look of flagged labels is as far from old as from suggested",
            "dataset": name,
            "source": SOURCE,
            "keyframe": keyframe,
            "estimate": found.estimate,
            "unit": "ms",
            "conf_low": found.conf_low,
            "conf_high": found.conf_high,
            "statistic": statistic,
            "df": found.df,
            "p_value": t_p_value(statistic, found.df) if told else math.nan,
            "n_clips": found.n_clips,
            "n_subjects": found.n_subjects,
            "method": found.method,
            "reason": found.reason,
        })  # fmt: skip
    p = adjust(np.array([row["p_value"] for row in rows], dtype=float), len(rows))
    return tables.from_rows(
        [row | {"p_adjusted": value} for row, value in zip(rows, p, strict=True)], "tests"
    )


def flag_rates(own: pd.DataFrame, conf_level: float = 0.95) -> dict[str, Interval]:
    """Precision, the controls' share, their difference, and recall of some labels.

    Parameters
    ----------
    own : DataFrame
        Rows of ``relabeled``.
    """
    there = own[own["outside"] != ""]
    flagged, others = there[there["flagged"]], there[~there["flagged"]]
    controls = others[others["role"] == CONTROL]
    precision, control = _share(flagged, conf_level), _share(controls, conf_level)
    excess = difference(precision, control)
    seen, unseen = _seen(flagged), _seen(others)
    caught = recall(
        _share(seen, conf_level), float(seen["weight"].sum()),
        _share(unseen, conf_level), float(unseen["weight"].sum()),
    )  # fmt: skip
    if len(there) and seen.empty and unseen.empty:
        caught = replace(caught, reason=_UNSEEN)
    elif len(controls) == 0 and math.isfinite(caught.estimate):
        nan = math.nan
        caught = replace(caught, estimate=nan, conf_low=nan, conf_high=nan, reason="no control")
    return {
        "flag_precision": precision,
        "control_outside": control,
        "flag_excess": excess,
        "flag_recall": caught,
    }


def _of_flags(own: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    arms = {"flag_precision": FLAGGED, "control_outside": CONTROL}
    for quantity, found in flag_rates(own, conf_level).items():
        yield found.row() | {"quantity": quantity, "unit": "share", "arm": arms.get(quantity, "")}
    for arm, part in _arms(own):
        hits = part["move_ms"].abs() > part["tolerance_ms"] + 1e-9
        found = weighted_share(
            hits.to_numpy(), part["subject"].to_numpy(object), part["weight"].to_numpy(float),
            conf_level,
        )  # fmt: skip
        yield found.row() | {"quantity": "share_outside", "unit": "share", "arm": arm}


def _of_moves(own: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    for arm, part in _arms(own):
        seen = _seen(part)
        subjects = seen["subject"].to_numpy(object)
        move = seen["move_ms"].to_numpy(float)
        reason = _UNSEEN if len(part) and seen.empty else ""
        for quantity, values in (("mean_move", move), ("mean_absolute_move", np.abs(move))):
            found = _mean(values, subjects, conf_level, reason)
            yield _ms(quantity, arm, found)
        values, of_values, why = _nearer(seen)
        yield _ms("nearer_to_suggestion", arm, _mean(values, of_values, conf_level, reason or why))
        several = part[part["n_coders"] > 1]
        if len(several):
            sd, whose = several["coders_sd_ms"].to_numpy(float), several["subject"].to_numpy(object)
            yield _ms("coders_apart", arm, _mean(sd, whose, conf_level, ""))


def _unseen_expressions(labels: pd.DataFrame, conf_level: float) -> Iterator[Row]:
    clips = labels[labels["no_expression"].notna()].drop_duplicates("item")
    for role in (FLAGGED, CONTROL):
        own = clips[clips["role"] == role]
        hits = (own["no_expression"] > 0).to_numpy()
        found = share_interval(hits, own["subject"].to_numpy(object), conf_level)
        yield found.row() | {"quantity": "no_expression", "unit": "share", "arm": role}


def _arms(own: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    there = own[own["outside"] != ""]
    yield FLAGGED, there[there["flagged"]]
    yield CONTROL, there[~there["flagged"] & (there["role"] == CONTROL)]


def _seen(own: pd.DataFrame) -> pd.DataFrame:
    """Labels beyond which there are frames."""
    return own[~own["cut"] & (own["outside"] != "")]


def _share(own: pd.DataFrame, conf_level: float) -> Interval:
    return weighted_share(
        (own["outside"] == "yes").to_numpy(),
        own["subject"].to_numpy(object),
        own["weight"].to_numpy(float),
        conf_level,
    )


def _nearer(own: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str]:
    """Distance from the old label minus that from the suggestion, where there is one."""
    there = own[own["to_suggested_ms"].notna()]
    values = (there["move_ms"].abs() - there["to_suggested_ms"].abs()).to_numpy(float)
    return values, there["subject"].to_numpy(object), "" if len(there) else "no suggestion"


def _mean(values: np.ndarray, subjects: np.ndarray, conf_level: float, reason: str) -> Interval:
    if len(values) == 0:
        nan = math.nan
        why = reason or "no label"
        return Interval(nan, nan, nan, nan, nan, conf_level, 0, 0, "", why)
    return mean_interval(values, subjects, "subject", conf_level)


def _ms(quantity: str, arm: str, found: Interval) -> Row:
    return found.row() | {"quantity": quantity, "unit": "ms", "arm": arm, "weighting": "subject"}
