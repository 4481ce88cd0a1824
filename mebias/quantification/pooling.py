"""Contrasts of several datasets pooled: three datasets or more, else side by side.

What is pooled was contrasted *within* each dataset. How much the contrasts differ between
datasets is heterogeneity of labs, cameras, coders and definitions all at once; a difference
between datasets is never an effect of ethnicity.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import MixedDataError, TableError, counted, listed
from mebias.quantification.interval import t_half_width
from mebias.quantification.meta import Pooled, random_effects

Row = dict[str, object]
POOLED = "pooled"
MIN_DATASETS = 3
MIN_PREDICTED = 4
_QUANTITY_OF_FAMILY = {
    "primary": "mean_shift_difference",
    "group-vs-rest": "mean_shift_difference",
    "pairs": "mean_shift_difference",
    "adjusted": "adjusted_difference",
}
_CELL = ["quantity", "ethnicity", "stratum", "source", "distance", "keyframe", "unit", "weighting"]
_COVERAGE = "in normal simulations of 4 to 10 datasets nominal 95 % covered 87 % to 99 %"
_CAVEAT = (
    "contrasts within datasets; the spread between datasets is that of labs, cameras, coders and "
    "definitions, never an effect of ethnicity"
)


def pool(contrasts: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Pool the same contrast of groups over datasets.

    Parameters
    ----------
    contrasts : DataFrame
        A tests table (families primary, group-vs-rest, pairs, adjusted) or an estimates
        table (``mean_shift_difference``, ``adjusted_difference``) of several datasets.
        Contrasts are the same if their names are: *A vs B* and *B vs A* are, with the sign
        turned; *A vs others* and *B vs others* are not.
    conf_level : float
        Level of the intervals made here, and of those of a tests table.

    Returns
    -------
    DataFrame
        An estimates table; the dataset of pooled rows is ``pooled``. From three datasets on
        ``pooled_`` + quantity (random effects; Knapp-Hartung, never narrower than the
        fixed-effect one), ``between_dataset_sd`` (REML; Q-profile interval) and
        ``predicted_`` + quantity (interval for the contrast in a new dataset; from four
        on). With fewer: the datasets' own rows, and NaN with a reason.

    Raises
    ------
    TableError
        Neither a tests nor an estimates table, or a contrast twice in one dataset.
    MixedDataError
        Real and simulated datasets in one table.

    Notes
    -----
    The standard errors within datasets are taken as known. Knapp and Hartung's standard
    error is sqrt(max(1, q) / sum(w)) with q the weighted mean square of the residuals, and
    t with k - 1 degrees of freedom; the prediction interval takes k - 2.
    """
    rows = same_direction(_of_estimates(contrasts, conf_level))
    marker = _marker(rows["dataset"].unique().tolist())
    made: list[Row] = []
    for key, cell in rows.groupby(_CELL, sort=False):
        place: Row = dict(zip(_CELL, key, strict=True))
        _refuse_repeats(cell, place)
        made += _of_cell(cell.sort_values("dataset"), place | {"dataset": marker}, conf_level)
    return tables.from_rows(made, "estimates")


def _of_estimates(contrasts: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """The contrasts as rows of an estimates table with standard errors."""
    if "family" in contrasts.columns:
        tests = tables.conform(contrasts, "tests")
        tests = tests[tests["family"].isin(_QUANTITY_OF_FAMILY)]
        half = (tests["conf_high"] - tests["conf_low"]) / 2
        unit = [t_half_width(1.0, df, conf_level) if df > 0 else math.nan for df in tests["df"]]
        made = tests.assign(
            quantity=tests["family"].map(_QUANTITY_OF_FAMILY),
            std_error=half / np.array(unit, dtype=float),
            conf_level=conf_level,
            weighting=np.where(tests["family"] == "adjusted", "clip", "subject"),
        )
        keep = [c for c in tables.SCHEMAS["estimates"] if c in made.columns]
        return tables.conform(made[keep], "estimates")
    if "quantity" in contrasts.columns:
        found = tables.conform(contrasts, "estimates")
        return found[found["quantity"].isin(set(_QUANTITY_OF_FAMILY.values()))]
    raise TableError(
        "the table to pool has neither a column family nor a column quantity; expected a tests or "
        "an estimates table, such as findings.tests."
    )


def same_direction(rows: pd.DataFrame) -> pd.DataFrame:
    """Pairs named in alphabetical order, with the sign that belongs to it."""
    name = rows["ethnicity"].map(direction_of)
    turned = name != rows["ethnicity"]
    sign = 1.0 - 2.0 * turned
    low, high = rows["conf_low"].where(~turned, -rows["conf_high"]), rows["conf_high"].where(
        ~turned, -rows["conf_low"]
    )  # fmt: skip
    return rows.assign(
        ethnicity=name, estimate=sign * rows["estimate"], conf_low=low, conf_high=high
    )


def named_pairs(rows: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Contrasts of datasets with two groups named as pairs: there the others are one group.

    *A vs others* of one such dataset is *B vs others* of another whose largest group is B, and
    neither is the *A vs others* of a dataset with three groups.

    >>> rows = pd.DataFrame({"dataset": ["d", "e"], "ethnicity": ["A vs others"] * 2})
    >>> named_pairs(rows, {"d": ["A", "B"], "e": ["A", "B", "C"]})["ethnicity"].tolist()
    ['A vs B', 'A vs others']
    """
    name = rows["ethnicity"]
    for dataset, own in groups.items():
        if len(own) == 2:
            pairs = zip(own, own[::-1], strict=True)
            names = {f"{one} vs others": f"{one} vs {other}" for one, other in pairs}
            name = name.where(rows["dataset"] != dataset, name.replace(names))
    return rows.assign(ethnicity=name)


def groups_of(estimates: pd.DataFrame) -> dict[str, list[str]]:
    """The groups of each dataset, as an estimates table has them."""
    own = estimates[estimates["quantity"].eq("mean_shift")
                    & ~estimates["ethnicity"].isin([tables.ALL, tables.UNKNOWN])]  # fmt: skip
    return {str(d): list(g.unique()) for d, g in own.groupby("dataset")["ethnicity"]}


def direction_of(contrast: str) -> str:
    """A pair in alphabetical order; *A vs others* as it is.

    >>> direction_of("B vs A"), direction_of("B vs others")
    ('A vs B', 'B vs others')
    """
    first, versus, second = contrast.partition(" vs ")
    turned = versus and second != "others" and first > second
    return f"{second} vs {first}" if turned else contrast


def _marker(datasets: Sequence[str]) -> str:
    """Name of the dataset of pooled rows, which carries the mark of simulation."""
    made = [name for name in datasets if tables.is_simulated(name)]
    real = [name for name in datasets if not tables.is_simulated(name)]
    if made and real:
        raise MixedDataError(
            f"the table to pool holds real and simulated datasets ({listed(real)}; "
            f"{listed(made)}); pool them apart."
        )
    return f"{tables.SIMULATED} {POOLED}" if made else POOLED


def _refuse_repeats(cell: pd.DataFrame, place: dict[str, object]) -> None:
    twice = cell["dataset"][cell["dataset"].duplicated()]
    if len(twice):
        raise TableError(
            f"the table to pool has the contrast {place['ethnicity']} at the {place['keyframe']} "
            f"twice for {twice.iloc[0]}; expected one row per dataset: keep one."
        )


def _of_cell(cell: pd.DataFrame, place: Row, conf_level: float) -> list[Row]:
    told = cell[np.isfinite(cell["estimate"]) & (cell["std_error"] > 0)]
    k, names = len(told), listed(told["dataset"], 12)
    shared: Row = place | {
        "conf_level": conf_level,
        "n_clips": told["n_clips"].sum(),
        "n_subjects": told["n_subjects"].sum(),
    }
    quantity = str(place["quantity"])
    left_out = f"; {len(cell) - k} without a standard error left out" if k < len(cell) else ""
    if k < MIN_DATASETS:
        several = counted(k, "dataset") + (f" ({names})" if k else "")
        reason = f"{several} with this contrast{left_out}: pooling needs {MIN_DATASETS}"
        own = [_plain(row) for row in cell.to_dict("records")]
        return [
            *own,
            shared | {"quantity": f"pooled_{quantity}", "estimate": math.nan, "method": _CAVEAT,
                      "reason": f"{reason}; they stand side by side"},
        ]  # fmt: skip
    found = random_effects(
        told["estimate"].to_numpy(dtype=float), told["std_error"].to_numpy(dtype=float), conf_level
    )
    return _rows(found, shared, quantity, f"{k} datasets ({names}){left_out}; {_CAVEAT}")


def _plain(row: dict[Hashable, object]) -> Row:
    return {str(name): value for name, value in row.items()}


def _rows(found: Pooled, shared: Row, quantity: str, who: str) -> list[Row]:
    k = int(found.df) + 1
    mean: Row = {
        "quantity": f"pooled_{quantity}",
        "estimate": found.mean,
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": found.conf_low,
        "conf_high": found.conf_high,
        "method": f"random effects (REML), Knapp-Hartung with max(1, q), never narrower than the "
        f"fixed effect; Q = {found.q:.2f} on {k - 1} df, p = {found.q_p_value:.3f}; {who}",
    }
    spread: Row = {
        "quantity": "between_dataset_sd",
        "estimate": found.tau,
        "conf_low": found.tau_low,
        "conf_high": found.tau_high,
        "method": ("at the boundary 0; " if found.tau == 0 else "")
        + f"random effects (REML), Q-profile interval; {who}",
    }
    predicted: Row = {
        "quantity": f"predicted_{quantity}",
        "estimate": found.mean,
        "df": found.df,
        "conf_low": found.predicted_low,
        "conf_high": found.predicted_high,
        "method": f"prediction interval for the contrast in a new dataset, t({k - 2}); {who}",
        "coverage_note": _COVERAGE,
    }
    if k < MIN_PREDICTED:
        predicted |= {"conf_low": math.nan, "conf_high": math.nan, "estimate": math.nan,
                      "df": math.nan,
                      "reason": f"{k} datasets: a prediction needs {MIN_PREDICTED}"}  # fmt: skip
    return [shared | row for row in (mean, spread, predicted)]
