"""An analysis plan: what will be tested, fixed before any shift is read.

It needs clips and labels, no frames; `mebias.quantification.plan_file` writes and reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from mebias import tables
from mebias.errors import OptionError, listed, suggest
from mebias.quantification.checks import PRIMARY, drawn_to_labels
from mebias.quantification.merging import merge_small_groups
from mebias.quantification.sides import MIN_MARGIN_MS, largest_first

_CONTRASTS = ("primary", "heterogeneity", "group-vs-rest", "pairs")
FAMILIES = (
    *_CONTRASTS,
    "adjusted",
    *(f"annotation-error {family}" for family in _CONTRASTS),
    *(f"error-reduction {family}" for family in _CONTRASTS),
    "keyframe",
    "equivalence",
    "missingness",
)
"""Families of tests that a plan may ask for."""


@dataclass(frozen=True)
class Exclusions:
    """What is left out of the analysis, by name and not by its shift.

    Attributes
    ----------
    subjects, clips, expression_types : tuple of str
        Left out altogether.
    truncated : bool
        Leave out selections whose window was cut by the recording.
    """

    subjects: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    expression_types: tuple[str, ...] = ()
    truncated: bool = False


@dataclass(frozen=True)
class Plan:
    """An analysis, as fixed in advance.

    Attributes
    ----------
    dataset : str
        Name of the dataset, as its tables have it.
    rule, distance : str
        Source and distance that the tests rest on.
    primary : str
        The primary contrast, ``<group> vs others``; empty where there is none.
    margin_ms : float
        Margin of practical relevance.
    families : tuple of str
        Families of tests.
    min_subjects : int
        Groups with fewer subjects are described, not tested.
    merge_small : bool
        Merge these into one group instead.
    conf_level : float
        Level of the intervals.
    seed, n_permutations : int
        Of the permutations.
    exclude : Exclusions
        What is left out.
    """

    dataset: str
    rule: str = PRIMARY[0]
    distance: str = PRIMARY[1]
    primary: str = ""
    margin_ms: float = MIN_MARGIN_MS
    families: tuple[str, ...] = FAMILIES
    min_subjects: int = 5
    merge_small: bool = False
    conf_level: float = 0.95
    seed: int = 0
    n_permutations: int = 9999
    exclude: Exclusions = field(default_factory=Exclusions)

    def __post_init__(self) -> None:
        checks = (
            ("dataset", bool(self.dataset), "a name"),
            (
                "rule",
                self.rule != "" and not drawn_to_labels(self.rule),
                "a rule whose frames may judge labels",
            ),
            ("margin_ms", 0 < self.margin_ms < float("inf"), "a length in ms above 0"),
            ("families", "primary" in self.families, "primary among them"),
            ("min_subjects", self.min_subjects >= 2, "2 or more"),
            ("conf_level", 0.5 <= self.conf_level < 1, "a level from 0.5 to below 1"),
            ("seed", self.seed >= 0, "0 or more"),
            ("n_permutations", self.n_permutations >= 19, "19 or more"),
        )
        for name, good, expected in checks:
            if not good:
                value = getattr(self, name)
                shown = list(value) if isinstance(value, tuple) else value
                raise OptionError(f"{name} is {shown!r}; expected {expected}.")
        unknown = [f for f in self.families if f not in FAMILIES]
        if unknown:
            raise OptionError(
                f"families has {unknown[0]!r}; known: {listed(FAMILIES)}"
                f"{suggest(unknown[0], FAMILIES)}."
            )


def make_plan(
    clips: pd.DataFrame,
    *,
    rule: str = PRIMARY[0],
    distance: str = PRIMARY[1],
    margin_ms: float | None = None,
    min_subjects: int = 5,
    merge_small: bool = False,
    seed: int = 0,
) -> Plan:
    """The plan of a dataset's analysis, from its clips alone.

    Parameters
    ----------
    clips : DataFrame
        The clips of one dataset.
    rule, distance : str
        Source and distance that the tests will rest on.
    margin_ms : float, optional
        Margin of practical relevance; by default the larger of one frame and 10 ms.
    min_subjects, merge_small, seed
        As in `Plan`.

    Raises
    ------
    OptionError
        There are no clips or several datasets, or an option is out of range.

    Examples
    --------
    >>> import mebias
    >>> plan = make_plan(mebias.simulate("4dme").clips)
    >>> plan.dataset, plan.primary
    ('SIMULATED 4dme', 'A vs others')
    """
    names = clips["dataset"].unique()
    if len(names) != 1:
        raise OptionError(
            f"a plan is for one dataset, but the clips table has {len(names)}"
            f"{': ' + listed(names) if len(names) else ''}; plan each by itself."
        )
    if not (clips["fps"] > 0).all():
        raise OptionError("some clips have no frame rate, which the margin needs; give --fps.")
    grouped = merge_small_groups(clips, min_subjects)[0] if merge_small else clips
    groups = largest_first(grouped[~grouped["ethnicity"].isin([tables.UNKNOWN, tables.ALL])])
    frame = 1000.0 / float(clips["fps"].min())
    return Plan(
        dataset=str(names[0]),
        rule=rule,
        distance=distance,
        primary=f"{groups[0]} vs others" if len(groups) > 1 else "",
        margin_ms=max(MIN_MARGIN_MS, frame) if margin_ms is None else margin_ms,
        min_subjects=min_subjects,
        merge_small=merge_small,
        seed=seed,
    )
