"""Equivalence: whether a mean lies within a stated margin of 0 (two one-sided tests).

Only what was free to move can be shown to be where it should be. Tested are therefore
annotation errors against a reference that does not look at the label, and differences of
two versions of labels; shifts of a windowed rule are refused in words, unless their windows
reach well beyond the margin and frames drawn at random from them would fail the same test.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import special

from mebias import tables
from mebias.errors import OptionError, counted, per_cent
from mebias.quantification.batch import Batch, contrasts
from mebias.quantification.blind import JUDGE, judged, one_sided
from mebias.quantification.checks import different_pairs, drawn_to_labels, usable
from mebias.quantification.contrasts import holm_adjusted
from mebias.quantification.interval import Interval, coded, in_order_of_content
from mebias.quantification.means import mean_interval
from mebias.quantification.sides import default_margin

Row = dict[str, object]
N_DRAWS = 199
_COLUMNS = ["source", "subject", "clip", "keyframe", "shift_ms", "human", "human_low",
            "human_high", "window_low", "window_high", "fps"]  # fmt: skip
_AT_ONCE = 1 << 16
"""Frames that are drawn at a time."""
_METHOD = "random-intercept weights (REML), CR2, Satterthwaite df"


def equivalence_tests(
    shifts: pd.DataFrame,
    *,
    margin_ms: float | None = None,
    conf_level: float = 0.95,
    min_subjects: int = 5,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test whether mean errors or revisions lie within a margin of 0.

    Two one-sided tests (Schuirmann 1987) of the mean over subjects, at the level
    1 - ``conf_level`` each, per dataset and source; a family is the three keyframes. The
    sign is that of the annotation error, human - model, for ``motion-blind``, and of the
    change, new - old, for two versions of labels.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    margin_ms : float, optional
        Margin (ms); by default the larger of one frame and 10 ms.
    conf_level : float
        Level of the intervals, and 1 - the level of each one-sided test.
    min_subjects : int
        With fewer subjects nothing is tested.
    seed : int
        Seed of the frames drawn at random from windows.

    Returns
    -------
    tests : DataFrame
        A tests table, family ``equivalence``. A small p-value speaks *for* equivalence; a
        large one says nothing. Refused ones have a NaN p-value and the reason.
    estimates : DataFrame
        ``smallest_equivalence_margin`` (ms), the smallest margin at which the test would
        pass, not adjusted for the family: |estimate| + t(1 - level) standard errors.

    Raises
    ------
    OptionError
        A margin that is not above 0, or a level that is none.

    Examples
    --------
    >>> import mebias
    >>> from mebias.quantification.checks import checked_shifts
    >>> tests, margins = equivalence_tests(checked_shifts(mebias.example()))
    >>> bool(tests["p_value"].isna().all()), margins.empty, tests.loc[0, "reason"][:27]
    (True, True, 'the windows of gamdss reach')
    """
    if margin_ms is not None and not (math.isfinite(margin_ms) and margin_ms > 0):
        raise OptionError(f"margin_ms is {margin_ms}; expected a length in ms above 0.")
    if not 0.5 < conf_level < 1:
        raise OptionError(f"conf_level is {conf_level}; expected a level between 0.5 and 1.")
    tests: list[Row] = []
    estimates: list[Row] = []
    for key, part in shifts.groupby(["dataset", "source", "distance"], sort=False):
        margin = margin_ms or default_margin(shifts[shifts["dataset"] == key[0]])
        kind = _kind(part)
        rows = _errors(part) if kind == "error" else part[_COLUMNS][usable(part)]
        keyframes = rows["keyframe"].to_numpy()
        made = []
        for keyframe in tables.KEYFRAMES:
            own = rows[keyframes == keyframe]
            place = dict(zip(("dataset", "source", "distance"), key, strict=True))
            place |= {"keyframe": keyframe, "ethnicity": tables.ALL, "unit": "ms"}
            test, margins = _tested(own, kind, margin, conf_level, min_subjects, seed)
            made.append(place | {"hypothesis": _hypothesis(kind, keyframe, margin)} | test)
            estimates += [place | row for row in margins]
        tests += holm_adjusted(made)
    return tables.from_rows(tests, "tests"), tables.from_rows(estimates, "estimates")


def tost(estimate: float, std_error: float, df: float, margin: float) -> tuple[float, float]:
    """Two one-sided t tests of |mean| >= margin.

    Parameters
    ----------
    estimate, std_error, df : float
        A mean, its standard error and degrees of freedom.
    margin : float
        Above 0.

    Returns
    -------
    statistic, p_value : float
        Of the side that decides, the one with the larger p-value.

    Examples
    --------
    >>> statistic, p = tost(1.0, 2.0, 20.0, 5.0)
    >>> statistic, round(p, 4)
    (-2.0, 0.0296)
    """
    above, below = (estimate + margin) / std_error, (estimate - margin) / std_error
    p_above, p_below = (float(special.stdtr(df, t)) for t in (-above, below))
    return (above, p_above) if p_above > p_below else (below, p_below)


def smallest_margin(estimate: float, std_error: float, df: float, level: float) -> float:
    """The smallest margin at which `tost` would pass at this level.

    >>> found = smallest_margin(1.0, 2.0, 20.0, 0.05)
    >>> round(found, 3), round(tost(1.0, 2.0, 20.0, found)[1], 6)
    (4.449, 0.05)
    """
    return abs(estimate) + float(special.stdtrit(df, 1 - level)) * std_error


def _tested(
    own: pd.DataFrame,
    kind: str,
    margin: float,
    conf_level: float,
    min_subjects: int,
    seed: int,
) -> tuple[Row, list[Row]]:
    """Row of one keyframe, and its smallest margin."""
    level, unseen = 1 - conf_level, ""
    if kind == "error":
        unseen, own = one_sided(own), own[own["verdict"] == ""]
    n_subjects = own["subject"].nunique()
    test: Row = {
        "family": "equivalence",
        "family_size": len(tables.KEYFRAMES),
        "margin": margin,
        "p_value": math.nan,
        "n_clips": len(different_pairs(own, "subject", "clip")),
        "n_subjects": n_subjects,
        "method": _METHOD,
    }
    if unseen or own.empty:
        return test | {"reason": unseen or "no usable keyframe"}, []
    found = mean_interval(
        own["shift_ms"].to_numpy(dtype=float),
        own["subject"].to_numpy(dtype=object),
        "subject",
        conf_level,
    )
    told = {"estimate": found.estimate, "conf_low": found.conf_low, "conf_high": found.conf_high}
    reason = _refusal(own, kind, margin, level, seed) or found.reason
    if not reason and n_subjects < min_subjects:
        reason = f"{counted(n_subjects, 'subject')} with a usable keyframe, {min_subjects} needed"
    if reason:
        return test | told | {"reason": reason}, []
    return _passed_or_not(test | told, found, margin, level)


def _errors(part: pd.DataFrame) -> pd.DataFrame:
    """Labels beside the blind posterior; ``shift_ms`` is the annotation error."""
    rows = judged(part)
    return rows.assign(shift_ms=rows["error_ms"])


def _passed_or_not(
    test: Row, found: Interval, margin: float, level: float
) -> tuple[Row, list[Row]]:
    statistic, p = tost(found.estimate, found.std_error, found.df, margin)
    least = smallest_margin(found.estimate, found.std_error, found.df, level)
    half = float(special.stdtrit(found.df, 1 - level)) * found.std_error
    method = (
        f"two one-sided t tests; {_METHOD}; the {per_cent(1 - 2 * level)} interval is "
        f"{found.estimate - half:.2f} to {found.estimate + half:.2f} ms, and the smallest margin "
        f"that would pass {least:.2f} ms"
    )
    test = test | {"statistic": statistic, "df": found.df, "p_value": p, "method": method}
    smallest: Row = {
        "quantity": "smallest_equivalence_margin",
        "weighting": "subject",
        "estimate": least,
        "conf_level": 1 - level,
        "n_clips": test["n_clips"],
        "n_subjects": test["n_subjects"],
        "method": f"|mean| + t({1 - level:g}) standard errors; {_METHOD}; one keyframe at a time",
        "reason": "itself the bound of an interval, so it has none of its own",
    }
    return test, [smallest]


def _hypothesis(kind: str, keyframe: str, margin: float) -> str:
    if kind == "error":
        what = f"annotation error of the {keyframe}, relative to the model's definition,"
    elif kind == "revision":
        what = f"revision of the {keyframe}"
    else:
        what = f"{keyframe} shift"
    return f"the mean {what} is {margin:.1f} ms or more away from 0"


def _kind(part: pd.DataFrame) -> str:
    """What the rows of one source are: error (of labels), revision (of labels) or shift."""
    if part["source"].iloc[0] == JUDGE:
        return "error"
    labels = part["freedom"].isna().all() and part["selected_status"].isin(tables.HUMAN_STATUS)
    return "revision" if np.all(labels) else "shift"


def _refusal(own: pd.DataFrame, kind: str, margin: float, level: float, seed: int) -> str:
    """Why equivalence cannot be shown with these shifts; empty if it can."""
    source = own["source"].iloc[0]
    if drawn_to_labels(str(source)):
        return (
            f"frames of {source} are drawn towards the labels by its prior, so that closeness "
            f"to them is built in; use {JUDGE}"
        )
    if kind != "shift":
        return ""
    windowed = own[~np.isnan(own[["window_low", "window_high"]].to_numpy()).any(axis=1)]
    if len(windowed) < len(own):
        return (
            f"how far {source} was free to move is not known for {len(own) - len(windowed)} of "
            f"{len(own)} clips; give window_low and window_high or, where these are labels of "
            f"another version, the selected_status annotated"
        )
    low, high = window_reach(windowed)
    reach = float(np.maximum(-low, high).mean())
    if reach < 2 * margin:
        return (
            f"the windows of {source} reach {reach:.1f} ms on average, twice the margin "
            f"({2 * margin:.1f} ms) is needed: labels that cannot move would pass"
        )
    passed = _null_passes(windowed, margin, level, seed)
    if passed > level:
        return (
            f"frames drawn at random from the windows of {source} pass the same test in "
            f"{per_cent(passed)} of {N_DRAWS} draws: passing it would show nothing"
        )
    return ""


def window_reach(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest shift that the windows allow (ms), each (N,).

    Parameters
    ----------
    rows : DataFrame
        Checked shifts; NaN where a window or the human frame is not known. Of a keyframe
        coded as an interval the nearer end counts.
    """
    low, high, first, last, fps = _offsets(rows).T
    scale = 1000.0 / fps
    return (low - np.clip(low, first, last)) * scale, (high - np.clip(high, first, last)) * scale


def _offsets(rows: pd.DataFrame) -> np.ndarray:
    """Window and coded interval, in frames after the human frame, and the frame rate (N, 5)."""
    names = ("window_low", "window_high", "human_low", "human_high", "fps")
    columns = np.column_stack([rows[name].to_numpy(dtype=float) for name in names])
    columns[:, :4] -= rows["human"].to_numpy(dtype=float)[:, None]
    ends = columns[:, 2:4]
    ends[np.isnan(ends)] = 0.0
    return columns


def _null_passes(rows: pd.DataFrame, margin: float, level: float, seed: int) -> float:
    """Share of draws of uniform random frames that pass."""
    owners = coded(rows["subject"].to_numpy(dtype=object))[1]
    offsets = _offsets(rows)
    order, _ = in_order_of_content(_row_codes(offsets), owners)
    owners = owners[order]
    by_subject = np.cumsum(np.r_[False, owners[1:] != owners[:-1]])
    sizes = np.bincount(by_subject).astype(float)
    rng, step = np.random.default_rng(seed), max(1, _AT_ONCE // len(rows))
    means, within = np.empty((N_DRAWS, len(sizes))), np.empty(N_DRAWS)
    for start in range(0, N_DRAWS, step):
        some = slice(start, min(start + step, N_DRAWS))
        draws = _drawn(rng, some.stop - start, offsets[order].T)
        cells = by_subject + len(sizes) * np.arange(len(draws))[:, None]
        sums = np.bincount(cells.ravel(), draws.ravel(), minlength=len(draws) * len(sizes))
        means[some] = sums.reshape(len(draws), -1) / sizes
        squares = np.einsum("bn,bn->b", draws, draws) - means[some] ** 2 @ sizes
        within[some] = np.maximum(0.0, squares)
    return _share_passed(Batch(sizes[None, :], means, within), margin, level)


def _drawn(rng: np.random.Generator, n_draws: int, offsets: np.ndarray) -> np.ndarray:
    """Shifts (ms) of uniform random frames, (n_draws, N)."""
    low, high, first, last, fps = offsets
    draws = rng.random((n_draws, offsets.shape[1]))
    draws *= high - low + 1
    np.floor(draws, out=draws)
    draws += low
    if np.any(first) or np.any(last):  # coded as intervals
        draws -= np.clip(draws, first, last)
    draws *= 1000.0 / fps
    return draws


def _share_passed(draws: Batch, margin: float, level: float) -> float:
    """Share of data sets whose mean passes; without spread the mean itself decides."""
    found = contrasts(draws, [np.ones(draws.sizes.shape[1])], "subject")
    with np.errstate(divide="ignore", invalid="ignore"):
        nearer = (margin - np.abs(found.estimate)) / found.std_error
    passed = special.stdtr(found.df, -nearer) <= level
    alone = np.nan_to_num(found.std_error) == 0
    estimate = np.where(np.isfinite(found.estimate), found.estimate, draws.means[:, 0])
    return float(np.mean(np.where(alone, np.abs(estimate) < margin, passed)))


def _row_codes(offsets: np.ndarray) -> np.ndarray:
    """A number for each row that compares as its columns do, the first one first."""
    order = np.lexsort(offsets.T[::-1])
    new = np.r_[False, (offsets[order][1:] != offsets[order][:-1]).any(axis=1)]
    found = np.empty(len(order), dtype=np.intp)
    found[order] = np.cumsum(new)
    return found
