"""What an arm of a recognition experiment gains over another, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, OutputError, counted, listed, suggest
from mebias.quantification.findings import as_records
from mebias.quantification.gain_conclusions import conclusion_rows
from mebias.quantification.gain_coverage import with_gain_notes
from mebias.quantification.gain_estimates import (
    Pair,
    Row,
    Scored,
    arm_rows,
    gain_rows,
    scored,
    too_few,
)
from mebias.quantification.gain_groups import group_score_tests
from mebias.quantification.gain_tests import (
    MARGINS,
    Asked,
    gain_tests,
    group_tests,
    mcnemar_rows,
)
from mebias.quantification.swaps import N_SWAPS
from mebias.recognition.predictions import LEAKS, checked_predictions
from mebias.result_card import result_card

HUMAN, GAMDSS, JITTER = "human", "gamdss", "jitter"
ENOUGH_SEEDS = 5
WRITTEN = ("estimates", "tests", "conclusions", "issues")


@dataclass(frozen=True)
class Gains:
    """Scores of arms, gains between them, and what may be concluded.

    Attributes
    ----------
    predictions : DataFrame
        The checked predictions that everything rests on.
    estimates : DataFrame
        Scores and gains with their intervals.
    tests : DataFrame
        Hypotheses of equal scores, with p-values adjusted within their family.
    conclusions : DataFrame
        For each gain: helps, harms, equivalent, or can't be told.
    issues : DataFrame
        What the design cannot show.
    """

    predictions: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    conclusions: pd.DataFrame
    issues: pd.DataFrame

    @property
    def simulated(self) -> bool:
        """Whether the predictions are of simulated clips."""
        return tables.is_simulated(str(self.predictions["dataset"].iloc[0]))

    def headline(self) -> pd.DataFrame:
        """UF1 of every arm and its gain, all clips."""
        e = self.estimates
        chosen = e["quantity"].isin(["uf1", "uf1_gain"]) & e["ethnicity"].eq(tables.ALL)
        return e[chosen & e["dataset"].eq(e["dataset"].iloc[0])].reset_index(drop=True)

    def to_dict(self) -> dict[str, object]:
        """All tables but the predictions, as lists of records; NaN becomes None.

        Returns
        -------
        dict
            JSON types only: datasets, simulated, estimates, tests, conclusions, issues.

        Examples
        --------
        >>> import mebias
        >>> clips = [{"clip": f"{i}", "subject": f"{i % 6}", "label": i % 2} for i in range(12)]
        >>> rows = [c | {"arm": a, "predicted": 0} for c in clips for a in ("human", "gamdss")]
        >>> found = mebias.gain(pd.DataFrame(rows), n_swaps=19).to_dict()
        >>> list(found), found["tests"][0]["p_value"]
        (['datasets', 'simulated', 'estimates', 'tests', 'conclusions', 'issues'], None)
        """
        return {
            "datasets": [str(name) for name in self.predictions["dataset"].unique()],
            "simulated": self.simulated,
            **{name: as_records(getattr(self, name)) for name in WRITTEN},
        }

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write estimates, tests, conclusions and issues under their names.

        Parameters
        ----------
        folder : path
            Made if it is not there.

        Returns
        -------
        list of Path
            The files written.

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

    def __repr__(self) -> str:
        arms = listed(self.predictions["arm"].unique(), 8)
        return (
            f"Gains({self.estimates['dataset'].iloc[0]}: arms {arms}; {len(self.estimates)} "
            f"estimates, {len(self.tests)} tests, {len(self.issues)} issues)"
        )

    def _repr_html_(self) -> str:
        columns = ["arm", "quantity", "estimate", "conf_low", "conf_high", "n_clips", "n_subjects"]
        shown, title = self.headline()[columns], "UF1, and gains in it"
        return result_card(title, shown, self.issues, simulated=self.simulated, digits=3)


def gain(
    predictions: pd.DataFrame,
    *,
    against: str = HUMAN,
    margins: Mapping[str, float] | None = None,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    n_swaps: int = N_SWAPS,
    seed: int = 0,
) -> Gains:
    """Score arms, and test what they gain over the human keyframes.

    Accuracy: the difference of each clip, mean over seeds, clustered by subject (CR2). UF1 and
    UAR: from counts pooled over folds per seed, mean over seeds, with a delete-one-subject
    jackknife. Tests swap two arms for whole subjects, all clips and seeds together. Families,
    fixed by the arms there are: per score every arm against ``against``; gamdss against
    jitter, which tells a gain from plain augmentation; and, where groups are stated, for each
    score whether it gains more in the largest group than in the others (UF1 and UAR: a jackknife
    difference, groups dealt out to subjects anew). McNemar's statistic and gains
    per group are descriptions.

    Intervals and tests take the trained models as given; the spread between seeds, which
    retraining causes, stands apart (quantities that end in ``_seed_sd``).

    Parameters
    ----------
    predictions : DataFrame
        A predictions table: clip, subject, arm, label, predicted; if wanted dataset,
        ethnicity, seed, fold and probabilities. Any model's, see `mebias.tables`.
    against : str
        The arm that others are compared with.
    margins : mapping, optional
        Smallest gain that matters, by score: 0.05 for uf1 and uar, 0.03 for accuracy.
    min_subjects : int
        With fewer subjects nothing is tested, and groups are described without bounds.
    conf_level : float
        Level of every interval.
    n_swaps : int
        Random swaps, where there are more than 20,000.
    seed : int
        Of the random swaps.

    Returns
    -------
    Gains
        Without gains where there is a single arm.

    Raises
    ------
    TableError, MixedDataError
        The predictions cannot be used.
    OptionError
        No such arm to compare with, or an option outside its range.

    Examples
    --------
    >>> import mebias
    >>> rng = np.random.default_rng(0)
    >>> clips = [{"clip": str(i), "subject": str(i % 8), "label": i // 8 % 2} for i in range(64)]
    >>> rows = [c | {"arm": arm, "predicted": c["label"] if rng.random() < p else 0}
    ...         for arm, p in (("human", 0.2), ("motion", 0.9)) for c in clips]
    >>> found = mebias.gain(pd.DataFrame(rows), n_swaps=199)
    >>> found.conclusions[["arm", "quantity", "conclusion"]].iloc[0].tolist()
    ['motion', 'uf1', 'helps']
    """
    checked = checked_predictions(predictions)
    asked = _asked(margins, min_subjects, conf_level, n_swaps, seed)
    name = tables.pooled_name(checked["dataset"])
    pairs, control = _pairs(checked, against)
    whole = scored(checked, name)
    done = gain_tests(whole, pairs, control, asked)
    groups, differences = group_tests(whole, pairs, _of_clips(whole), asked)
    score_tests, score_differences = group_score_tests(whole, pairs, asked)
    every = [*pairs, *([control] if control else [])]
    rows = [*_estimates(checked, whole, every, asked), *differences, *score_differences]
    tests = [*(t.row for t in done), *groups, *score_tests, *mcnemar_rows(whole, every, conf_level)]
    return Gains(
        predictions=checked,
        estimates=with_gain_notes(tables.from_rows(rows, "estimates")),
        tests=tables.from_rows(tests, "tests"),
        conclusions=tables.from_rows(conclusion_rows(done, asked), "conclusions"),
        issues=tables.from_rows(_issues(checked, whole, pairs, min_subjects), "issues"),
    )


def _asked(
    margins: Mapping[str, float] | None,
    min_subjects: int,
    conf_level: float,
    n_swaps: int,
    seed: int,
) -> Asked:
    unknown = sorted(set(margins or {}) - set(MARGINS))
    if unknown:
        raise OptionError(
            f"margins has {unknown[0]!r}; expected {listed(MARGINS)}{suggest(unknown[0], MARGINS)}."
        )
    chosen = {**MARGINS, **(margins or {})}
    for quantity, margin in chosen.items():
        if not 0 < margin < 1:
            raise OptionError(f"the margin of {quantity} is {margin}; expected 0 to 1.")
    if min_subjects < 2:
        raise OptionError(f"min_subjects is {min_subjects}; expected 2 or more.")
    if not 0.5 <= conf_level < 1:
        raise OptionError(f"conf_level is {conf_level}; expected a level from 0.5 to below 1.")
    if n_swaps < 19:
        raise OptionError(f"n_swaps is {n_swaps}; expected 19 or more.")
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected 0 or more.")
    return Asked(conf_level, min_subjects, n_swaps, seed, chosen)


def _pairs(checked: pd.DataFrame, against: str) -> tuple[list[Pair], Pair | None]:
    """Every arm with the one that it is compared with, and gamdss with its control."""
    arms = [str(arm) for arm in checked["arm"].unique()]
    if len(arms) > 1 and against not in arms:
        raise OptionError(
            f"the predictions have no arm {against!r} to compare the others with (arms: "
            f"{listed(arms, 8)}){suggest(against, arms)}; name one with against."
        )
    pairs = [(arm, against) for arm in arms if arm != against and against in arms]
    both = {GAMDSS, JITTER} <= set(arms) and against != JITTER and against != GAMDSS
    return pairs, (GAMDSS, JITTER) if both else None


def _of_clips(whole: Scored) -> np.ndarray:
    """Group of each clip, in the order of ``whole.subjects``."""
    group = dict(zip(whole.counts.subjects, whole.counts.ethnicity.tolist(), strict=True))
    return np.array([group[str(s)] for s in whole.subjects])


def _estimates(
    checked: pd.DataFrame, whole: Scored, pairs: Sequence[Pair], asked: Asked
) -> Iterator[Row]:
    level = asked.conf_level
    yield from arm_rows(whole, tables.ALL, level, detailed=True)
    yield from gain_rows(whole, pairs, tables.ALL, level, detailed=True)
    for part, dataset, ethnicity in _parts(checked, whole.dataset):
        own = scored(part, dataset)
        rows = [
            *arm_rows(own, ethnicity, level, detailed=False),
            *gain_rows(own, pairs, ethnicity, level, detailed=False),
        ]
        n = len(own.counts.subjects)
        yield from too_few(iter(rows), n, asked.min_subjects) if n < asked.min_subjects else rows


def _parts(checked: pd.DataFrame, name: str) -> Iterator[tuple[pd.DataFrame, str, str]]:
    """Each dataset of several, and each ethnic group of several."""
    datasets = checked["dataset"].unique()
    if len(datasets) > 1:
        for dataset in datasets:
            yield checked[checked["dataset"] == dataset], str(dataset), tables.ALL
    groups = sorted(set(checked["ethnicity"]) - {tables.ALL})
    if len(groups) > 1:
        for group in groups:
            yield checked[checked["ethnicity"] == group], name, group


def _issues(
    checked: pd.DataFrame, whole: Scored, pairs: Sequence[Pair], min_subjects: int
) -> Iterator[Row]:
    counts = whole.counts
    n_seeds = len(counts.seeds)
    leaking = sorted(set(checked["protocol"]) & set(LEAKS))
    if leaking:
        yield tables.issue(
            "error",
            "the epoch of each fold was picked on the test clips: every score is too high and not "
            "to be reported; use the predictions with fixed epochs.",
            dataset=whole.dataset,
            field="protocol",
            found=listed(leaking),
            expected="fixed or inner",
            check="gain",
        )
    if n_seeds < ENOUGH_SEEDS:
        yield tables.issue(
            "warning",
            f"scores rest on {counted(n_seeds, 'seed')}: another training run may "
            f"give another gain; run {ENOUGH_SEEDS} or more.",
            dataset=whole.dataset,
            field="seed",
            found=n_seeds,
            expected=ENOUGH_SEEDS,
            check="gain",
        )
    if pairs and JITTER not in counts.arms:
        yield tables.issue(
            "warning",
            "there is no arm jitter, frames drawn at random from the same windows: a gain cannot "
            "be told from plain augmentation.",
            dataset=whole.dataset,
            field="arm",
            found=listed(counts.arms, 8),
            expected=JITTER,
            check="gain",
        )
    if len(counts.subjects) < min_subjects:
        yield tables.issue(
            "warning",
            f"{counted(len(counts.subjects), 'subject is', 'subjects are')} too few to test a "
            f"gain; {min_subjects} needed.",
            dataset=whole.dataset,
            field="subject",
            found=len(counts.subjects),
            expected=min_subjects,
            check="gain",
        )
    yield from _rare_classes(whole)
    unknown = sorted(set(checked["predicted"]) - set(checked["label"]))
    if unknown:
        yield tables.issue(
            "note",
            f"predicted and never true: {listed(unknown)}; UF1 and UAR are means over the classes "
            f"that are true.",
            dataset=whole.dataset,
            field="predicted",
            found=listed(unknown),
            check="gain",
        )


def _rare_classes(whole: Scored, least: int = 5) -> Iterator[Row]:
    """Classes on which a few subjects decide."""
    clips = whole.counts.counts[0, 0].sum(axis=-1)
    n_true = int((clips.sum(axis=0) > 0).sum())
    for place, name in enumerate(whole.counts.classes):
        n = int((clips[:, place] > 0).sum())
        if 0 < n < least:
            who = counted(n, "subject, who decides", "subjects, who decide")
            yield tables.issue(
                "warning",
                f"class {name} rests on {counted(clips[:, place].sum(), 'clip')} of {who} "
                f"1 / {n_true} of UF1 and UAR: their intervals may be too short.",
                dataset=whole.dataset,
                field="label",
                found=f"{name}: {counted(n, 'subject')}",
                expected=f"{least} or more",
                check="gain",
            )
