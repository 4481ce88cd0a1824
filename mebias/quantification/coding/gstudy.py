"""Where the disagreement comes from: a G-study of coders, and what a consensus hides.

The error of a single coder is everything that another coder, or another day, would have done
otherwise: coder, coder x pass, coder x subject, coder x event and residual. A published
consensus of k coders shows none of it; its own error is that of a mean of k, if coders err
independently.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

from mebias.quantification.coding.components import (
    RESIDUAL,
    Components,
    factors,
    variance_components,
)
from mebias.quantification.coding.detection import EVERYONE
from mebias.quantification.coding.study import PHASES, Values
from mebias.quantification.coding.timing import WITHIN_MS

Row = dict[str, object]
ERROR = ("coder", "coder x pass", "coder x subject", "coder x event", RESIDUAL)
SIGNAL = ("subject", "event")
_METHOD = "REML, crossed random effects"
_ARBITRARY = (
    "where an event lies in its video is arbitrary, so that spread between events would make any "
    "two coders look alike; see rise, fall and duration"
)


def gstudy_rows(
    values: Values, keyframe: str, conf_level: float = 0.95
) -> tuple[list[Row], Components | None]:
    """Components of one keyframe (within events) or phase, and what follows from them.

    Parameters
    ----------
    values : Values
        Times or lengths of events with two codings or more.
    keyframe : str
        onset, apex, offset, rise, fall or duration.
    conf_level : float
        Level of every interval.

    Returns
    -------
    rows : list of dict
        Rows of an estimates table: ``component_...`` (SD in ms), ``single_coder_error_sd``,
        ``single_coder_share_beyond_33_ms``, ``consensus_error_sd`` and, of phases,
        ``dependability`` of a single coder's length.
    components : Components or None
        The fit; None where there is none.

    Examples
    --------
    >>> from mebias.simulation import simulate_coders
    >>> from mebias.quantification.coding.study import matched
    >>> study = matched(simulate_coders(double_coded=0.3).annotations)
    >>> rows, components = gstudy_rows(study.values("apex"), "apex")
    >>> 7 < components.of("residual") ** 0.5 < 11
    True
    """
    length = keyframe in PHASES
    place: Row = {
        "keyframe": keyframe, "source": EVERYONE, "unit": "ms", "weighting": "clip",
        "conf_level": conf_level, "method": _METHOD, **values.counts(),
    }  # fmt: skip
    reason, fit, why = "", None, dict[str, str]()
    if len(np.unique(values.codes.coder)) < 2 or len(np.unique(values.codes.subject)) < 2:
        reason = "fewer than two coders or subjects"
    else:
        why = factors(values.codes, within_events=not length)[1]
        try:
            fit = variance_components(values.y, values.codes, within_events=not length)
        except (ValueError, np.linalg.LinAlgError) as error:
            reason = str(error)
    if fit is None:
        return [place | {"quantity": "single_coder_error_sd", "estimate": math.nan,
                         "reason": reason}], None  # fmt: skip
    rows = list(_components(fit, why, length, conf_level))
    rows += list(_errors(fit, values, conf_level))
    rows.append(_dependability(fit, length, conf_level))
    said = "" if fit.converged else "; NOT CONVERGED"
    return [place | row | {"method": f"{row.get('method', _METHOD)}{said}"} for row in rows], fit


def _components(
    fit: Components, why: dict[str, str], length: bool, conf_level: float
) -> Iterator[Row]:
    for name in (*SIGNAL, *ERROR):
        row: Row = {"quantity": f"component_{name.replace(' ', '_')}"}
        if name in fit.names:
            low, high = fit.interval(name, conf_level)
            k = fit.names.index(name)
            variance = float(fit.variance[k])
            error = float(fit.std_error[k])
            yield row | {
                "estimate": math.sqrt(variance), "conf_low": math.sqrt(low),
                "conf_high": math.sqrt(high), "df": float(fit.levels[k]),
                "std_error": error / (2 * math.sqrt(variance)) if variance > 0 else math.nan,
                "method": f"{_METHOD}; SD; chi-squared bounds of its mean square less the noise",
            }  # fmt: skip
        elif name in SIGNAL and not length:
            yield row | {"estimate": math.nan, "reason": _ARBITRARY}
        else:
            yield row | {"estimate": math.nan, "reason": why.get(name, "not in the model")}


def _errors(fit: Components, values: Values, conf_level: float) -> Iterator[Row]:
    variance, error = fit.total(ERROR)
    low, high = (math.sqrt(b) for b in fit.total_interval(ERROR, conf_level))
    sd = math.sqrt(variance)
    base: Row = {"std_error": error / (2 * sd) if sd > 0 else math.nan,
                 "df": 2 * (variance / error) ** 2 if error > 0 else math.nan,
                 "method": f"{_METHOD}; sum of the coders' components, MOVER"}  # fmt: skip
    yield base | {"quantity": "single_coder_error_sd", "estimate": sd, "conf_low": low,
                  "conf_high": high}  # fmt: skip
    beyond = [2 * float(special.ndtr(-WITHIN_MS / s)) if s > 0 else 0.0 for s in (sd, low, high)]
    yield base | {
        "quantity": "single_coder_share_beyond_33_ms", "unit": "share", "std_error": math.nan,
        "estimate": beyond[0], "conf_low": beyond[1], "conf_high": beyond[2],
        "method": "normal errors with the single coder's SD",
    }  # fmt: skip
    k = coders_per_event(values)
    root = math.sqrt(k)
    yield base | {
        "quantity": "consensus_error_sd", "estimate": sd / root, "conf_low": low / root,
        "conf_high": high / root, "std_error": float(str(base["std_error"])) / root,
        "method": f"the single coder's SD over the root of {k}, the median number of coders",
    }  # fmt: skip


def coders_per_event(values: Values) -> int:
    """Median number of coders of an event, rounded down."""
    cells = np.unique(np.stack([values.codes.event, values.codes.coder]), axis=1)
    return int(np.median(np.bincount(cells[0])))


def _dependability(fit: Components, length: bool, conf_level: float) -> Row:
    """Share of a single coder's variance that is the events' own (phi; ICC(A,1))."""
    row: Row = {"quantity": "dependability", "unit": "coefficient", "estimate": math.nan}
    if not length:
        return row | {"reason": _ARBITRARY}
    signal, noise = fit.total(SIGNAL)[0], fit.total(ERROR)[0]
    if signal <= 0 or noise <= 0:
        return row | {"reason": "events differ by nothing beyond the coders' error"}
    logit = math.log(signal / noise)
    own, other = (fit.total_interval(part, conf_level) for part in (SIGNAL, ERROR))
    below = math.hypot(_log(signal / own[0] if own[0] > 0 else math.inf), _log(other[1] / noise))
    above = math.hypot(_log(own[1] / signal), _log(noise / other[0] if other[0] > 0 else math.inf))
    low, high = (float(special.expit(x)) for x in (logit - below, logit + above))
    return row | {
        "estimate": signal / (signal + noise), "conf_low": low, "conf_high": high,
        "method": f"{_METHOD}; subjects and events over all; variances recovered on the log scale",
    }  # fmt: skip


def _log(ratio: float) -> float:
    return math.log(ratio) if 0 < ratio < math.inf else math.inf
