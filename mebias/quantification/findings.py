"""What was found: tables, and how they are shown and written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from mebias import tables
from mebias.errors import OptionError
from mebias.quantification.checks import primary_source
from mebias.quantification.influence import influence
from mebias.quantification.more_with import more_with
from mebias.quantification.parts import Options
from mebias.quantification.power import power_table
from mebias.quantification.sides import of_source
from mebias.quantification.specification import specification_curve
from mebias.result_card import result_card

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITTEN = ("shifts", "estimates", "tests", "claims", "flags", "issues", "planted")
ROBUSTNESS = ("influence", "power", "specifications")
"""Tables that are computed when first asked for."""


@dataclass(frozen=True)
class Findings:
    """Estimates, tests and what rests on them.

    Attributes
    ----------
    shifts : DataFrame
        The checked shifts everything rests on.
    estimates : DataFrame
        Numbers with their intervals.
    tests : DataFrame
        Hypotheses, with p-values adjusted within their family.
    claims : DataFrame
        Claims about real data, graded; empty for simulated data.
    flags : DataFrame
        Clips to look at again; empty unless a posterior of the keyframes is at hand.
    issues : DataFrame
        What the design cannot show, and what was left out.
    planted : DataFrame
        Simulated data: planted against found; else empty.
    options : Options
        What the quantification was asked for.
    """

    shifts: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    claims: pd.DataFrame
    issues: pd.DataFrame
    flags: pd.DataFrame = field(default_factory=lambda: tables.empty("flags"))
    planted: pd.DataFrame = field(default_factory=lambda: tables.empty("planted"))
    options: Options = field(default_factory=Options)

    @cached_property
    def influence(self) -> pd.DataFrame:
        """Conclusions with each subject left out, and the clips that matter most."""
        o = self.options
        return influence(
            self._tested,
            min_subjects=o.min_subjects,
            conf_level=o.conf_level,
            margin_ms=o.margin_ms,
        )

    @cached_property
    def power(self) -> pd.DataFrame:
        """What this design could find, and the subjects that more would take."""
        o = self.options
        return power_table(
            self._tested,
            min_subjects=o.min_subjects,
            conf_level=o.conf_level,
            margin_ms=o.margin_ms,
        )

    @cached_property
    def specifications(self) -> pd.DataFrame:
        """The primary contrast under every defensible choice."""
        return self._curve[0]

    @cached_property
    def specification_tests(self) -> pd.DataFrame:
        """Tests of all specifications together."""
        return self._curve[1]

    @cached_property
    def _curve(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        o = self.options
        return specification_curve(
            self.shifts,
            min_subjects=o.min_subjects,
            conf_level=o.conf_level,
            seed=o.seed,
            primary=o.primary,
        )

    @property
    def _tested(self) -> pd.DataFrame:
        """The shifts of the source that the tests rest on, where one was asked for."""
        asked = self.options.primary
        return self.shifts if asked is None else of_source(self.shifts, *asked)

    @property
    def simulated(self) -> bool:
        """Whether the findings rest on simulated data."""
        return tables.is_simulated(str(self.shifts["dataset"].iloc[0]))

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets, in the order of the shifts."""
        return [str(name) for name in self.shifts["dataset"].unique()]

    def to_csv(self, folder: str | Path, *, robustness: bool = False) -> list[Path]:
        """Write each table under its name; tables without rows are left out.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        robustness : bool
            Compute and write influence, power and specifications too; the tests of all
            specifications together stand with the other tests.

        Returns
        -------
        list of Path
            The files written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        with tables.together():
            for name in WRITTEN + (ROBUSTNESS if robustness else ()):
                table: pd.DataFrame = getattr(self, name)
                if name == "tests" and robustness and len(self.specification_tests):
                    table = tables.conform(pd.concat([table, self.specification_tests]), "tests")
                if len(table) or name in ("estimates", "tests", "issues"):
                    tables.write_csv(table, folder / f"{name}.csv")
                    paths.append(folder / f"{name}.csv")
        return paths

    def to_dict(self) -> dict[str, object]:
        """All tables but the shifts, as lists of records; NaN becomes None.

        Returns
        -------
        dict
            JSON types only: datasets, simulated, estimates, tests, claims, planted, flags,
            issues.
        """
        named = ("estimates", "tests", "claims", "planted", "flags", "issues")
        return {
            "datasets": self.datasets,
            "simulated": self.simulated,
            **{name: as_records(getattr(self, name)) for name in named},
        }

    @property
    def more(self) -> list[str]:
        """What else could be said, each with the columns or rows that it would take."""
        return more_with(self.shifts)

    def plot(self, kind: str = "estimation", **options: Any) -> Figure:
        """Draw the findings, in the style of reports (`mebias.figures.style`).

        Parameters
        ----------
        kind : {"estimation", "human_vs_selected"}
            Shifts by keyframe and group beside their means, or selected against human frames.
        **options
            Of `mebias.figures.estimation_plot` or `mebias.figures.human_vs_selected`.

        Returns
        -------
        Figure

        Raises
        ------
        OptionError
            An unknown kind.

        Examples
        --------
        >>> import mebias
        >>> figure = mebias.quantify(mebias.example(), n_permutations=99).plot()
        >>> len(figure.axes)
        3
        """
        figures = import_module("mebias.reporting.figures")  # drawing stands above numbers
        chosen = (
            self.options.primary
            or primary_source(self.shifts)
            or tuple(self.shifts[["source", "distance"]].iloc[0])
        )
        options = {"source": chosen[0], "distance": chosen[1]} | options
        with figures.style():
            if kind == "estimation":
                drawn = figures.estimation_plot(self.shifts, self.estimates, **options)
            elif kind == "human_vs_selected":
                drawn = figures.human_vs_selected(self.shifts, **options)
            else:
                raise OptionError(
                    f"there is no plot {kind!r}; expected estimation or human_vs_selected."
                )
        return cast("Figure", drawn)

    def headline(self) -> pd.DataFrame:
        """The headline rows: mean shift (ms, subject weighting), all keyframes and groups."""
        e = self.estimates
        chosen = e["quantity"].eq("mean_shift") & e["unit"].eq("ms") & e["weighting"].eq("subject")
        return e[chosen & e["stratum"].eq(tables.ALL)].reset_index(drop=True)

    def __repr__(self) -> str:
        return (
            f"Findings({', '.join(self.datasets)}: {len(self.estimates)} estimates, "
            f"{len(self.tests)} tests, {len(self.issues)} issues)"
        )

    def _repr_html_(self) -> str:
        shown = self.headline()[
            ["dataset", "ethnicity", "source", "distance", "keyframe", "estimate", "conf_low",
             "conf_high", "n_clips", "n_subjects"]
        ]  # fmt: skip
        title = "Mean shift in ms (selected - human, weighting subject)"
        return result_card(title, shown, self.issues, simulated=self.simulated)


def as_records(table: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of a table in JSON types; NaN becomes None."""
    return [
        {str(key): _json(value) for key, value in row.items()}
        for row in table.to_dict(orient="records")
    ]


def _json(value: object) -> object:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value if isinstance(value, bool | int) else str(value)
