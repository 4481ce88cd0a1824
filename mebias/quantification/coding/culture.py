"""Coder culture x subject ethnicity, within events.

Every event is coded by coders of two cultures. The difference of the cultures' times within the
event, in subjects of one group, less the same difference in subjects of the others, needs no
selector and no truth: whatever all coders have in common, and whatever a group's faces do,
drops out. Whether *cultures* differ takes several coders of each: with one per culture, culture
and coder are the same thing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from mebias import tables
from mebias.errors import counted
from mebias.quantification import cr2
from mebias.quantification.claim_rows import NOT_SUPPORTED, OPEN, SUPPORTED
from mebias.quantification.coding.crossed import Crossed, crossed_contrasts
from mebias.quantification.coding.detection import EVERYONE
from mebias.quantification.coding.effects import coder_effects, effect_columns, within_events
from mebias.quantification.coding.study import Study, Values
from mebias.quantification.coding.timing import first_codings, grubbs_squares
from mebias.quantification.designs import noncentral_power
from mebias.quantification.holm import adjust
from mebias.quantification.interval import Interval, t_half_width, undefined
from mebias.quantification.spread import MIN_SUBJECTS

Row = dict[str, object]
FAMILY = "coder-culture-by-ethnicity"
QUANTITY = "culture_by_ethnicity"
FEWEST_CODERS = 2
"""Coders of a culture from which on culture can be told from coder."""
_METHOD = (
    "within events, least squares with coders; subjects and coders as sampling units "
    "(two-way clustered, Satterthwaite df)"
)
_METHOD_THESE = "within events, least squares with coders; subjects as sampling units"
_POWER, _ALPHA = 0.8, 0.05
_POWER_METHOD = "noncentral t on the two-way clustered variance"


@dataclass(frozen=True)
class Design:
    """Which cultures and groups are contrasted, or why none are.

    Attributes
    ----------
    culture, group : str
        The culture against all other coders, the group against all other subjects.
    n_own, n_others : int
        Coders of the culture, and the others.
    n_group, n_rest : int
        Subjects of the group, and the others, that coders of both sides coded.
    reason : str
        Why there is no contrast at all.
    confounded : str
        Why it says nothing about cultures, although these coders can be contrasted.
    """

    culture: str = ""
    group: str = ""
    n_own: int = 0
    n_others: int = 0
    n_group: int = 0
    n_rest: int = 0
    reason: str = ""
    confounded: str = ""

    @property
    def contrast(self) -> str:
        """In words."""
        return f"{self.culture} vs other coders, {self.group} vs other subjects"


def culture_design(study: Study, min_subjects: int = 5) -> Design:
    """What the study can say about culture x ethnicity.

    Parameters
    ----------
    study : Study
        With cultures and groups.
    min_subjects : int
        Subjects of each side, below which nothing is tested.

    Examples
    --------
    >>> from mebias.simulation import simulate_coders
    >>> from mebias.quantification.coding.study import matched
    >>> drawn = simulate_coders({"ann": "A", "bo": "B"})
    >>> groups = dict(zip(drawn.subjects["subject"], drawn.subjects["ethnicity"]))
    >>> study = matched(drawn.annotations, groups=groups, cultures={"ann": "A", "bo": "B"})
    >>> print(culture_design(study).confounded)
    1 coder of culture A and 1 other: culture is confounded with the coder; two of each are needed
    """
    stated = {c: study.cultures.get(c, "") for c in study.coders}
    cultures = [c for c in stated.values() if c not in ("", tables.UNKNOWN)]
    if not cultures:
        return Design(reason="no culture of the coders is stated: give --coders coders.csv")
    subjects = study.codings.drop_duplicates("subject").set_index("subject")["ethnicity"]
    known = subjects[~subjects.isin([tables.ALL, tables.UNKNOWN])]
    if known.empty:
        return Design(reason="no group of the subjects is stated: give --ethnicity subjects.csv")
    if len(set(cultures)) < 2:
        return Design(reason=f"all coders are of one culture ({cultures[0]})")
    if known.nunique() < 2:
        return Design(reason=f"all subjects are of one group ({known.iloc[0]})")
    sizes = known.value_counts()
    by_size = sorted(sizes.index, key=lambda g: (-int(sizes[g]), str(g)))
    group = next((g for g in by_size if g in cultures), by_size[0])
    counts = {c: cultures.count(c) for c in set(cultures)}
    culture = group if group in counts else min(counts, key=lambda c: (-counts[c], c))
    own, others = counts[culture], len(cultures) - counts[culture]
    n_group, n_rest = _coded_by_both(study, culture, str(group))
    design = Design(culture, str(group), own, others, n_group, n_rest)
    few = min(n_group, n_rest)
    if few < max(min_subjects, 2):
        which = group if n_group <= n_rest else "the others"
        reason = (f"{counted(few, 'subject')} of {which} with events coded by both sides; "
                  f"{max(min_subjects, 2)} are needed")  # fmt: skip
        return Design(**(design.__dict__ | {"reason": reason}))
    if min(own, others) < FEWEST_CODERS:
        words = (
            f"{counted(own, 'coder')} of culture {culture} and {counted(others, 'other')}: culture "
            f"is confounded with the coder; two of each are needed"
        )
        return Design(**(design.__dict__ | {"confounded": words}))
    return design


def _coded_by_both(study: Study, culture: str, group: str) -> tuple[int, int]:
    """Subjects with an event that coders of both sides coded: of the group, and others."""
    own = study.codings
    stated = ~own["culture"].isin(["", tables.UNKNOWN]) & ~own["ethnicity"].isin(
        [tables.ALL, tables.UNKNOWN]
    )
    own = own[stated]
    sides = own.assign(side=own["culture"] == culture).groupby("event")["side"].nunique()
    both = own[own["event"].isin(sides.index[sides == 2])].drop_duplicates("subject")
    return int((both["ethnicity"] == group).sum()), int((both["ethnicity"] != group).sum())


def contrast_of(study: Study, values: Values, design: Design) -> Crossed:
    """The contrast in one keyframe (ms): positive, if the culture is later in its group.

    Raises
    ------
    ValueError
        It cannot be told from events and coders, or nothing varies.
    """
    return contrasts_of(study.cultures, values, design, values.y[:, None])[0]


def contrasts_of(
    cultures: Mapping[str, str], values: Values, design: Design, y: np.ndarray
) -> list[Crossed]:
    """`contrast_of` for many outcomes (N, B) of the same codings."""
    culture = np.array([cultures.get(c, "") for c in values.coders], dtype=object)
    keep = ~np.isin(culture[values.codes.coder], ["", tables.UNKNOWN])
    keep &= ~np.isin(values.ethnicity, [tables.ALL, tables.UNKNOWN])
    event = values.codes.event[keep]
    if len(event):
        keep[keep] = np.bincount(event)[event] >= 2
    if not keep.any():
        raise ValueError("no event was coded by two coders of known culture")
    codes = values.codes.rows(np.flatnonzero(keep))
    x = culture[values.codes.coder[keep]] == design.culture
    x &= values.ethnicity[keep] == design.group
    columns, _ = effect_columns(codes.coder)
    return crossed_contrasts(
        y[keep], x.astype(float), columns, event=codes.event, subject=codes.subject,
        coder=codes.coder,
    )  # fmt: skip


def culture_rows(
    study: Study,
    values: Values,
    keyframe: str,
    design: Design,
    *,
    conf_level: float = 0.95,
    margin_ms: float | None = None,
) -> tuple[list[Row], Row, Crossed | None]:
    """Estimates and the test of one keyframe.

    Parameters
    ----------
    study, values, keyframe, design
        What is contrasted, and where.
    conf_level : float
        Level of the intervals.
    margin_ms : float, optional
        What matters; the larger of a frame and 10 ms.

    Returns
    -------
    estimates : list of dict
        ``culture_by_ethnicity`` for new coders and subjects (NaN with the reason where
        culture is confounded with the coder), ``culture_by_ethnicity_these_coders`` for new
        subjects coded by these, and ``culture_difference`` in each group.
    test : dict
        One row of a tests table, without its adjusted p-value.
    crossed : Crossed or None
    """
    margin = margin_of(values, margin_ms)
    found: Crossed | None = None
    reason = design.reason
    if not reason:
        try:
            found = contrast_of(study, values, design)
        except ValueError as error:
            reason = str(error)
    n = {"n_clips": len(np.unique(values.codes.event)),
         "n_subjects": len(np.unique(values.codes.subject))}  # fmt: skip
    where = design.contrast if design.culture else tables.ALL
    place: Row = {"keyframe": keyframe, "ethnicity": where, "source": EVERYONE}
    why = reason or design.confounded
    blank: Row = {"estimate": math.nan if found is None else found.estimate}
    whole: Row = blank | {"reason": why, "method": _METHOD}
    these: Row = blank | {"reason": reason, "method": _METHOD_THESE}
    test: Row = place | n | {
        "family": FAMILY, "family_size": len(tables.KEYFRAMES), "margin": margin, "unit": "ms",
        "hypothesis": f"{keyframe}: coders of two cultures differ by as much in all groups",
        "estimate": blank["estimate"], "method": _METHOD, "reason": why, "p_value": math.nan,
    }  # fmt: skip
    if found is not None:
        low, high = found.bounds_these_coders(conf_level)
        these |= {"std_error": math.sqrt(found.of_subjects), "df": found.df_subjects,
                  "conf_low": low, "conf_high": high}  # fmt: skip
        if not why:
            low, high = found.bounds(conf_level)
            bounds: Row = {"df": found.df, "conf_low": low, "conf_high": high}
            whole |= bounds | {"std_error": math.sqrt(found.variance)}
            test |= bounds | {"statistic": found.statistic, "p_value": found.p_value}
    common = place | n | {"unit": "ms", "weighting": "clip", "conf_level": conf_level}
    rows = [common | whole | {"quantity": QUANTITY},
            common | these | {"quantity": f"{QUANTITY}_these_coders"}]  # fmt: skip
    rows += list(culture_differences(study.cultures, values, keyframe, design, conf_level))
    return rows, test, found


def margin_of(values: Values, margin_ms: float | None) -> float:
    """What matters: stated, or the larger of one frame and 10 ms."""
    if margin_ms is not None:
        return margin_ms
    frames = values.frame_ms[np.isfinite(values.frame_ms)]
    return max(10.0, float(frames.max())) if len(frames) else 10.0


def culture_differences(
    cultures: Mapping[str, str], values: Values, keyframe: str, design: Design, conf_level: float
) -> Iterator[Row]:
    """Times of the culture less those of other coders, within events, in each group."""
    if not design.culture:
        return
    groups = [g for g in dict.fromkeys(values.ethnicity.tolist())
              if g not in (tables.ALL, tables.UNKNOWN)]  # fmt: skip
    culture = np.array([cultures.get(c, "") for c in values.coders], dtype=object)
    for group in sorted(groups):
        part = values.rows(np.flatnonzero(
            (values.ethnicity == group)
            & ~np.isin(culture[values.codes.coder], ["", tables.UNKNOWN])))  # fmt: skip
        place: Row = {"keyframe": keyframe, "ethnicity": group, "unit": "ms", "weighting": "clip",
                      "source": f"{design.culture} vs other coders",
                      "quantity": "culture_difference"}  # fmt: skip
        yield place | _difference(part, culture == design.culture, conf_level).row()


def _difference(part: Values, of_culture: np.ndarray, conf_level: float) -> Interval:
    """Mean within-event difference of two sides of these coders, each coder counted once."""
    effects = coder_effects(part, conf_level)
    n = {"n_clips": len(np.unique(part.codes.event)),
         "n_subjects": len(np.unique(part.codes.subject))}  # fmt: skip
    method = "mean bias of the culture's coders less that of the others, CR2 by subject"
    sides = np.array([of_culture[part.coders.index(c)] for c in effects.coders], dtype=bool)
    reason = effects.reason
    if not reason and (sides.all() or not sides.any()):
        reason = "coders of one side only"
    if reason:
        return undefined(math.nan, reason, conf_level=conf_level, method=method, **n)
    return _combined(part, sides, conf_level, method)


def _combined(part: Values, sides: np.ndarray, conf_level: float, method: str) -> Interval:
    """A contrast of coder effects with its CR2 interval."""
    codes = part.codes.rows(np.arange(len(part)))
    columns, _ = effect_columns(codes.coder)
    fitted = cr2.fit(
        within_events(columns, codes.event), within_events(part.y, codes.event), codes.subject
    )
    weights = np.where(sides, 1 / sides.sum(), -1 / (~sides).sum())
    found = cr2.contrast(fitted, weights[:-1] - weights[-1])
    half = t_half_width(found.std_error, found.df, conf_level)
    return Interval(
        found.estimate, found.std_error, found.df, found.estimate - half, found.estimate + half,
        conf_level, len(np.unique(codes.event)), len(np.unique(codes.subject)), method,
    )  # fmt: skip


def own_group_spread(
    study: Study, values: Values, keyframe: str, conf_level: float = 0.95
) -> Row | None:
    """Are codings of the coder's own group tighter? Log ratio of SDs, own over other group.

    Squared errors of single codings (Grubbs, events with three coders or more) about each
    coder's bias in each group, averaged over own-group and other-group codings; these coders,
    jackknife over subjects. Negative: own-group codings are tighter. None where no culture
    has the name of a group.
    """
    once = first_codings(values)
    culture = np.array([study.cultures.get(c, "") for c in once.coders], dtype=object)
    of_row = culture[once.codes.coder]
    groups = [g for g in np.unique(once.ethnicity.astype(str)) if g in set(of_row)]
    if not groups or not len(once):
        return None
    known = ~np.isin(of_row, ["", tables.UNKNOWN])
    known &= ~np.isin(once.ethnicity, [tables.ALL, tables.UNKNOWN])
    squares = np.full(len(once), np.nan)
    for group in np.unique(once.ethnicity[known].astype(str)):
        rows = np.flatnonzero(known & (once.ethnicity == group))
        part = once.rows(rows)
        sizes = np.bincount(part.codes.event)[part.codes.event] if len(part) else np.zeros(0)
        rows, part = rows[sizes >= 3], part.rows(np.flatnonzero(sizes >= 3))
        if len(part):
            squares[rows] = grubbs_squares(part, coder_effects(part, conf_level).residual)[0]
    told = np.isfinite(squares)
    own = told & (of_row == once.ethnicity)
    place: Row = {"keyframe": keyframe, "source": EVERYONE, "unit": "log ratio",
                  "quantity": "own_group_log_sd_ratio", "weighting": "clip"}  # fmt: skip
    return place | _log_ratio(squares, own, told & ~own, once, conf_level).row()


def _log_ratio(
    squares: np.ndarray, own: np.ndarray, other: np.ndarray, once: Values, conf_level: float
) -> Interval:
    n = int(once.codes.subject.max()) + 1
    sums = [np.bincount(once.codes.subject[m], squares[m], minlength=n) for m in (own, other)]
    counts = [np.bincount(once.codes.subject[m], minlength=n) for m in (own, other)]
    there = (counts[0] + counts[1]) > 0
    g = int(there.sum())
    bare = undefined(
        math.nan, "", conf_level=conf_level, n_subjects=g,
        n_clips=len(np.unique(once.codes.event[own | other])),
        method="Grubbs' squared errors, own over other group, these coders; jackknife over "
        "subjects, t(G - 1)",
    )  # fmt: skip

    def ratio(left: np.ndarray | float) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            means = [(s.sum() - left * s[there]) / (c.sum() - left * c[there])
                     for s, c in zip(sums, counts, strict=True)]  # fmt: skip
            return np.asarray(np.log(means[0] / means[1]) / 2)

    if g < MIN_SUBJECTS or not own.any() or not other.any():
        return replace(
            bare,
            reason=f"needs three coders of an event, codings of the own and of another group, "
            f"{MIN_SUBJECTS} subjects",
        )
    estimate, left = float(ratio(0.0)[0]), ratio(1.0)
    if not (math.isfinite(estimate) and np.isfinite(left).all()):
        return replace(bare, reason="the spread of one side is not above 0")
    error = math.sqrt((g - 1) / g * float(((left - left.mean()) ** 2).sum()))
    half = t_half_width(error, g - 1, conf_level)
    return replace(
        bare, estimate=estimate, std_error=error, df=g - 1.0, conf_low=estimate - half,
        conf_high=estimate + half,
    )  # fmt: skip


def adjusted(tests: Sequence[Row]) -> list[Row]:
    """The tests of the family with Holm's p-values."""
    p = adjust(np.array([float(str(t["p_value"])) for t in tests]), len(tables.KEYFRAMES))
    return [t | {"p_adjusted": value} for t, value in zip(tests, p.tolist(), strict=True)]


def claim_row(design: Design, test: Row, found: Crossed | None, conf_level: float) -> Row:
    """Whether cultures of coders treat groups differently, graded by the family-wise interval."""
    margin, keyframe = float(str(test["margin"])), str(test["keyframe"])
    sentence = (
        f"Coders of culture {design.culture} place the {keyframe} differently from other coders "
        f"in subjects of {design.group} than in other subjects"
        if design.culture else
        f"Coders of different cultures place the {keyframe} differently in some groups"
    )  # fmt: skip
    row: Row = {
        "topic": "coder culture", "claim": sentence, "keyframe": keyframe, "unit": "ms",
        "ethnicity": test["ethnicity"], "source": test["source"], "family": FAMILY,
        "margin": margin, "estimate": test["estimate"], "grade": OPEN,
        "rests_on": f"tests, family {FAMILY}",
    }  # fmt: skip
    if found is None or test["reason"]:
        return row | {"would_settle": str(test["reason"]) or "a contrast"}
    low, high = found.bounds(1 - (1 - conf_level) / len(tables.KEYFRAMES))
    row |= {"conf_low": low, "conf_high": high}
    if low > margin or high < -margin:
        return row | {"grade": SUPPORTED, "would_settle": "a replication with other coders"}
    if -margin < low and high < margin:
        return row | {"grade": NOT_SUPPORTED, "would_settle": "nothing more at this margin"}
    return row | {"would_settle": settles(found, design, margin)}


def settles(found: Crossed, design: Design, margin: float) -> str:
    """How many coders of each culture would find a contrast as large as the margin."""
    needed = coders_needed(found, design, margin)
    if needed is None:
        return "more subjects: coders alone would not settle it"
    return f"about {needed} coders of each culture with subjects as here, all coding everything"


def scaled(found: Crossed, design: Design, own: int, others: int, subjects: float) -> Crossed:
    """The contrast's variances with other numbers of coders and subjects.

    Parameters
    ----------
    found : Crossed
        What was found with the design's numbers.
    design : Design
    own, others : int
        Coders of the culture, and others.
    subjects : float
        Subjects of both sides together, in the same proportion.
    """
    both = max(found.of_both, 0.0)
    n = design.n_group + design.n_rest
    now, then = 1 / design.n_own + 1 / design.n_others, 1 / own + 1 / others
    c, s = then / now, n / subjects
    v_both = both * c * s
    v_c = max(found.of_coders - both, 0.0) * c + v_both
    v_s = max(found.of_subjects - both, 0.0) * s + v_both
    df_c = max(own + others - 2, 1)
    return Crossed(found.estimate, v_s, v_c, v_both, max(subjects - 2, 1), df_c,
                   max(df_c * (subjects - 2), 1))  # fmt: skip


def power_of(found: Crossed, shift_ms: float, alpha: float = 0.05) -> float:
    """Power of the two-sided test to find a contrast.

    >>> round(power_of(Crossed(0.0, 4.0, 4.0, 4.0, 60, 60, 60), 5.6), 2)
    0.79
    """
    noncentrality = np.array([abs(shift_ms) / math.sqrt(found.variance)])
    return float(noncentral_power(noncentrality, found.df, alpha)[0])


def smallest_shift(found: Crossed, power: float = _POWER, alpha: float = 0.05) -> float:
    """The contrast (ms) that is found with this power."""
    error = math.sqrt(found.variance)
    high = 10 * error
    while power_of(found, high, alpha) < power:
        high *= 2
    return float(optimize.brentq(lambda d: power_of(found, d, alpha) - power, 0.0, high))


def coders_needed(found: Crossed, design: Design, margin: float, most: int = 100) -> int | None:
    """Coders of each side that find the margin with 80 % power; None beyond ``most``."""
    n = design.n_group + design.n_rest
    for coders in range(FEWEST_CODERS, most + 1):
        if power_of(scaled(found, design, coders, coders, n), margin) >= _POWER:
            return coders
    return None


def power_rows(
    dataset: str, keyframe: str, design: Design, found: Crossed | None, margin: float
) -> list[Row]:
    """Smallest contrast found with 80 % power, and the coders it takes at the margin."""
    place: Row = {"dataset": dataset, "source": EVERYONE, "keyframe": keyframe,
                  "contrast": design.contrast if design.culture else "", "margin": margin,
                  "alpha": _ALPHA, "method": _POWER_METHOD}  # fmt: skip
    why = design.reason or design.confounded or ("" if found else "no contrast")
    sizes = (f"{design.n_own} and {design.n_others} coders, {design.n_group} and "
             f"{design.n_rest} subjects")  # fmt: skip
    place |= {"group_sizes": sizes, "n_subjects": design.n_group + design.n_rest}
    if why or found is None:
        return [place | {"quantity": "smallest_shift", "power": _POWER, "reason": why}]
    rows: list[Row] = [place | {"quantity": "smallest_shift", "power": _POWER,
                                "shift_ms": smallest_shift(found)}]  # fmt: skip
    rows.append(place | {"quantity": "power", "shift_ms": margin, "power": power_of(found, margin)})
    needed = coders_needed(found, design, margin)
    rows.append(place | {
        "quantity": "coders_needed", "shift_ms": margin, "power": _POWER,
        "group_sizes": f"{needed} coders of each side" if needed else "",
        "reason": "" if needed else "more than 100 coders of each side: more subjects are needed",
    })  # fmt: skip
    return rows
