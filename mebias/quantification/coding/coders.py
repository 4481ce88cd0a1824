"""Several coders over the same events: from what they wrote down to what may be said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from mebias import tables
from mebias.datasets.codings import (
    checked_coders,
    checked_codings,
    groups_of_subjects,
    known_to,
    read_coders,
    read_codings,
    read_ethnicity,
)
from mebias.errors import OptionError, OutputError
from mebias.quantification.coding.components import Components
from mebias.quantification.coding.coverage import with_coder_notes
from mebias.quantification.coding.culture import (
    QUANTITY,
    Design,
    adjusted,
    claim_row,
    culture_design,
    culture_rows,
    margin_of,
    own_group_spread,
    power_rows,
)
from mebias.quantification.coding.detection import EVERYONE, detection_rows
from mebias.quantification.coding.effects import coder_effects
from mebias.quantification.coding.gstudy import gstudy_rows
from mebias.quantification.coding.issues import coding_issues
from mebias.quantification.coding.study import HALF, PHASES, Study, Values, matched
from mebias.quantification.coding.timing import timing_rows
from mebias.quantification.holm import adjust
from mebias.result_card import result_card

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, object]
WRITTEN = ("codings", "estimates", "tests", "claims", "power", "issues")
ALIKE = "coders-alike"


@dataclass(frozen=True)
class CoderFindings:
    """What several coders have in common, and what not.

    Attributes
    ----------
    codings : DataFrame
        One row per coding, with the event that it was matched to.
    estimates, tests, claims, power, issues : DataFrame
        As `mebias.tables` declares them; ``source`` names the coder, the pair or all coders.
    components : mapping
        The fitted variance components (`Components`) by keyframe and phase.
    study : Study
        The matched codings that everything rests on.
    design : Design
        What can be said about coder culture x ethnicity.
    """

    codings: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    claims: pd.DataFrame
    power: pd.DataFrame
    issues: pd.DataFrame
    components: Mapping[str, Components]
    study: Study
    design: Design

    @property
    def simulated(self) -> bool:
        """Whether the codings are simulated."""
        return tables.is_simulated(self.study.dataset)

    def get(self, quantity: str, source: str = EVERYONE, unit: str = "ms") -> pd.DataFrame:
        """Rows of one quantity."""
        e = self.estimates
        here = (e["quantity"] == quantity) & (e["source"] == source) & (e["unit"] == unit)
        return e[here].reset_index(drop=True)

    def headline(self) -> pd.DataFrame:
        """Detection of each pair; bias of each coder and the single coder's error."""
        e = self.estimates
        named = e["quantity"].isin(
            ["detection_f1", "coder_bias", "single_coder_error_sd", QUANTITY]
        )
        of = e["keyframe"].isin(["", *tables.KEYFRAMES]) & (e["unit"] != "frames")
        return e[named & of].reset_index(drop=True)

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write codings, estimates, tests, claims, power and issues under their names.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tables.together():
                for name in WRITTEN:
                    tables.write_csv(getattr(self, name), folder / f"{name}.csv")
        except OSError as error:
            raise OutputError(f"{folder} cannot be written ({error.strerror}).") from None
        return [folder / f"{name}.csv" for name in WRITTEN]

    def plot(self, kind: str = "bias", **options: Any) -> Figure:
        """Draw bias of coders by keyframe, or coder culture by ethnicity.

        Parameters
        ----------
        kind : {"bias", "culture"}
        **options
            Of `mebias.figures.coder_plot` or `mebias.figures.culture_plot`.

        Raises
        ------
        OptionError
            An unknown kind.
        """
        figures = import_module("mebias.reporting.figures")  # drawing stands above numbers
        with figures.style():
            if kind == "bias":
                return cast("Figure", figures.coder_plot(self.estimates, **options))
            if kind == "culture":
                return cast("Figure", figures.culture_plot(self.estimates, **options))
        raise OptionError(f"there is no plot {kind!r}; expected bias or culture.")

    def summary(self) -> str:
        """What was found, in a screen of text; every number is in the tables."""
        return import_module("mebias.quantification.coding.words").summary(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return (
            f"CoderFindings({self.study.dataset}: {len(self.study.coders)} coders, "
            f"{self.codings['event'].nunique()} events; {len(self.estimates)} estimates, "
            f"{len(self.tests)} tests, {len(self.issues)} issues)"
        )

    def _repr_html_(self) -> str:
        columns = ["source", "keyframe", "ethnicity", "quantity", "unit", "estimate", "conf_low",
                   "conf_high", "n_clips", "n_subjects"]  # fmt: skip
        table = self.headline()[columns].rename(columns={"n_clips": "n_events"})
        return result_card(
            "Coders of the same events", table, self.issues, simulated=self.simulated
        )


def coders(
    annotations: str | Path | pd.DataFrame,
    coders: str | Path | pd.DataFrame | None = None,
    ethnicity: str | Path | pd.DataFrame | Mapping[str, str] | None = None,
    *,
    fps: float | None = None,
    min_overlap: float = HALF,
    min_subjects: int = 5,
    margin_ms: float | None = None,
    conf_level: float = 0.95,
) -> CoderFindings:
    """Compare several coders (and passes) over the same events.

    First whether they see the same events, then how they time them: each coder's bias against
    the coders' mean and spread, differences and limits of agreement of each pair, drift,
    variance components, the error of a single coder that a consensus hides; and, with
    cultures and groups, whether coders of one culture time subjects of one group differently.

    Parameters
    ----------
    annotations : path or DataFrame
        Codings in frames or ms; columns in `mebias.datasets.codings`. ELAN's tab-separated
        export is read too (`mebias.datasets.elan`).
    coders : path or DataFrame, optional
        coder, culture; every coder of the annotations has a row.
    ethnicity : path, DataFrame or mapping, optional
        subject, ethnicity; every subject of the annotations has a row.
    fps : float, optional
        Frames per second of rows that state none.
    min_overlap : float
        Intersection over union from which on two codings mean one event.
    min_subjects : int
        Subjects of each side, below which culture x ethnicity is not tested.
    margin_ms : float, optional
        What matters; the larger of a frame and 10 ms by default.
    conf_level : float
        Level of every interval.

    Returns
    -------
    CoderFindings

    Raises
    ------
    AnnotationError, TableError
        The tables cannot be used; the message says which row, and what to do.
    OptionError
        An option outside its range.

    Examples
    --------
    >>> import mebias
    >>> drawn = mebias.simulate_coders(bias={"b2": (0, 0, 40)}, seed=3)
    >>> found = mebias.coders(drawn.annotations, drawn.coders, drawn.subjects)
    >>> row = found.get("coder_bias", "b2").set_index("keyframe").loc["offset"]
    >>> bool(row["conf_low"] > 10)
    True
    """
    for name, value, low, high in (("min_overlap", min_overlap, 0.0, 1.0),
                                   ("conf_level", conf_level, 0.0, 1.0)):  # fmt: skip
        if not low < value <= high or (name == "conf_level" and value == 1):
            raise OptionError(f"{name} is {value}; expected a number above 0 and below 1.")
    if min_subjects < 2:
        raise OptionError(f"min_subjects is {min_subjects}; expected 2 or more.")
    if margin_ms is not None and not (math.isfinite(margin_ms) and margin_ms > 0):
        raise OptionError(f"margin_ms is {margin_ms}; expected a number of ms above 0.")
    codings, cultures, groups, extra = _inputs(annotations, coders, ethnicity, fps)
    study = matched(codings, groups=groups, cultures=cultures, min_overlap=min_overlap)
    with threadpool_limits(1):
        return _found(study, extra, min_subjects, margin_ms, conf_level)


def _inputs(
    annotations: str | Path | pd.DataFrame,
    coders: str | Path | pd.DataFrame | None,
    ethnicity: str | Path | pd.DataFrame | Mapping[str, str] | None,
    fps: float | None,
) -> tuple[pd.DataFrame, dict[str, str], dict[str, str], dict[str, list[str]]]:
    """Codings, culture by coder, group by subject, and names that coded or were coded never."""
    if isinstance(annotations, pd.DataFrame):
        codings, where = checked_codings(annotations, fps=fps), "the annotations"
    else:
        codings, where = read_codings(annotations, fps=fps), Path(annotations).name
    cultures: dict[str, str] = {}
    groups: dict[str, str] = {}
    extra: dict[str, list[str]] = {}
    if coders is not None:
        given = isinstance(coders, pd.DataFrame)
        table = checked_coders(coders) if isinstance(coders, pd.DataFrame) else read_coders(coders)
        origin = "the coders table" if given else Path(str(coders)).name
        cultures = dict(zip(table["coder"], table["culture"], strict=True))
        present = set(codings["coder"])
        known_to(present, set(cultures), what="coder", origin=origin, where=where)
        extra["coder"] = sorted(set(cultures) - present)
        cultures = {c: v for c, v in cultures.items() if c in present}
    if ethnicity is not None:
        path = isinstance(ethnicity, str | Path)
        origin = Path(str(ethnicity)).name if path else "the ethnicity table"
        groups = (
            read_ethnicity(ethnicity) if isinstance(ethnicity, str | Path)
            else groups_of_subjects(ethnicity)
        )  # fmt: skip
        present = set(codings["subject"])
        known_to(present, set(groups), what="subject", origin=origin, where=where)
        extra["subject"] = sorted(set(groups) - present)
    return codings, cultures, groups, extra


def _found(
    study: Study,
    extra: Mapping[str, list[str]],
    min_subjects: int,
    margin_ms: float | None,
    conf_level: float,
) -> CoderFindings:
    rows = detection_rows(study, conf_level)
    design = culture_design(study, min_subjects)
    fits: dict[str, Components] = {}
    alike: list[Row] = []
    tests: list[Row] = []
    power: list[Row] = []
    contrasts = {}
    for what in (*tables.KEYFRAMES, *PHASES):
        values = study.values(what)
        if not len(values):
            nothing: Row = {"keyframe": what, "source": EVERYONE, "quantity": "coder_bias"}
            reason = "no event with two codings of it"
            rows.append(nothing | {"unit": "ms", "estimate": math.nan, "reason": reason})
            continue
        rows += timing_rows(values, what, conf_level)
        found, fit = gstudy_rows(values, what, conf_level)
        rows += found
        if fit is not None:
            fits[what] = fit
        if what in PHASES:
            continue
        alike.append(_alike(values, what))
        own, test, crossed = culture_rows(
            study, values, what, design, conf_level=conf_level, margin_ms=margin_ms
        )
        rows += own
        tests.append(test)
        contrasts[what] = crossed
        spread = own_group_spread(study, values, what, conf_level)
        rows += [spread] if spread else []
        power += power_rows(study.dataset, what, design, crossed, margin_of(values, margin_ms))
    p = adjust(np.array([float(str(t["p_value"])) for t in alike]), len(tables.KEYFRAMES))
    every = [t | {"p_adjusted": v} for t, v in zip(alike, p.tolist(), strict=True)]
    done = adjusted(tests)
    every += done
    claims = [] if tables.is_simulated(study.dataset) or not study.cultures else [
        claim_row(design, t, contrasts[str(t["keyframe"])], conf_level) for t in done]  # fmt: skip
    named = {"dataset": study.dataset}
    return CoderFindings(
        codings=study.codings,
        estimates=with_coder_notes(
            tables.from_rows(
                [{"ethnicity": tables.ALL, "conf_level": conf_level, **r, **named} for r in rows],
                "estimates",
            )
        ),
        tests=tables.from_rows([{"source": EVERYONE, **t, **named} for t in every], "tests"),
        claims=tables.from_rows([c | named for c in claims], "claims"),
        power=tables.from_rows(power, "power"),
        issues=tables.from_rows(coding_issues(study, design, extra), "issues"),
        components=fits,
        study=study,
        design=design,
    )


def _alike(values: Values, keyframe: str) -> Row:
    """Whether all coders have the same bias (HTZ)."""
    effects = coder_effects(values)
    found = effects.alike
    usable = found is not None and math.isfinite(found.p_value)
    estimates = [b.estimate for b in effects.bias]
    return values.counts() | {
        "family": ALIKE, "family_size": len(tables.KEYFRAMES), "keyframe": keyframe, "unit": "ms",
        "hypothesis": f"{keyframe}: all coders have the same bias",
        "estimate": float(np.ptp(estimates)) if estimates and not effects.reason else math.nan,
        "statistic": found.statistic if usable and found else math.nan,
        "df": found.df if usable and found else math.nan,
        "p_value": found.p_value if usable and found else math.nan,
        "method": "largest difference of two coders; within events, CR2 by subject, HTZ",
        "reason": "" if usable else effects.reason or "too few subjects for so many coders",
    }  # fmt: skip
