"""Methods of the posterior, the nulls and the recognizer, in quotable words."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mebias import tables
from mebias.quantification.blind import JUDGE
from mebias.quantification.measured import Measured
from mebias.reporting.formats import joined


def posterior(estimates: pd.DataFrame, nulls: pd.DataFrame) -> str:
    """How labels were judged and nulls drawn; empty where they were not."""
    text = ""
    if (estimates["source"] == JUDGE).any():
        text = (
            "Labels were judged by motion-blind, the posterior distribution of the three keyframes "
            "under a model of the movement whose prior does not know the labels. The annotation "
            "error is the label minus the posterior mean (positive = label late), relative to the "
            "model's definition of the keyframe; the coders' SD is the spread of annotation errors "
            "beyond the posterior's own uncertainty, by maximum likelihood."
        )
    if (estimates["quantity"] == "mean_excess_unbiased").any():
        draws = sorted({int(n) for n in nulls["n_draws"].dropna()})
        times = f"{draws[-1]} times for each clip" if draws else "for each clip"
        text += (
            f" What a rule does by chance was drawn {times}, the clip being rebuilt from its own "
            f"movement and noise: with labels free of error, and with labels whose errors have "
            f"mean 0 and the coders' SD."
        )
    return text.strip()


def robustness(specifications: pd.DataFrame, influence: pd.DataFrame, power: pd.DataFrame) -> str:
    """What else was computed of the primary contrast; empty where it was not."""
    told = []
    known = specifications[specifications["estimate"].notna()]
    if len(known):
        sizes = known.groupby("keyframe", sort=False).size()
        counts = [f"{sizes[k]} ({k})" for k in tables.KEYFRAMES if k in sizes]
        told.append(
            f"The primary analysis was repeated under {joined(counts)} defensible specifications "
            f"of rule, distance, clips, tails, unit and weighting, which were tested together by "
            f"permutation of subjects"
        )
    kinds = [k for k in ("subject", "clip") if influence["left_out_kind"].eq(k).any()]
    if kinds:
        told.append(f"It was repeated with each {' and each '.join(kinds)} left out in turn")
    ways = power["method"].str.split(";").str[0].unique()
    if len(power) and any("noncentral t" in way for way in ways):
        told.append("Power is that of the CR2 test, from the noncentral t distribution")
    return "".join(f"{sentence}. " for sentence in told).strip()


def recognition(measured: Sequence[Measured]) -> str:
    """How the recognizer was trained and gains were tested; empty where it was not."""
    done = [m for m in measured if m.gains is not None and m.record is not None]
    if not done:
        return ""
    told: list[str] = []
    arms: list[str] = []
    for one in done:
        assert one.record is not None
        arms += one.record.arms
        form = "short form, " if one.record.short else ""
        told.append(
            f"{one.dataset}: {form}{one.record.protocol}, arms {', '.join(one.record.arms)}, maps "
            f"of {one.record.maps}, classes: {one.record.labels}"
        )
    return (
        f"A recognizer was trained on human keyframes and on those of other sources with the same "
        f"clips, folds, batches, initial weights and number of epochs, fixed in advance "
        f"({'; '.join(told)}). Keyframes were re-selected {swapped_in(arms)}. Scores come from "
        f"counts pooled over folds, averaged over seeds: UF1 (mean F1 of the classes), UAR (mean "
        f"recall) and accuracy. Intervals of gains are delete-one-subject jackknives (UF1, UAR) or "
        f"clustered by subject (accuracy), given the trained models; tests swap two arms for "
        f"whole subjects. A gain is called equivalent to none only within its margin and with 80 % "
        f"power to find the margin."
    )


def swapped_in(arms: Sequence[str]) -> str:
    """In which clips keyframes are re-selected, as the names of arms say.

    >>> swapped_in(["human", "gamdss"]), swapped_in(["human", "gamdss@both"])
    ('in training clips only', 'in training clips only (gamdss@both: in test clips, too)')
    """
    places = {"@both": "in test clips, too", "@test": "in test clips alone"}
    told = [
        f"{arm}: {where}"
        for arm in dict.fromkeys(arms)
        for at, where in places.items()
        if at in arm
    ]
    return "in training clips only" + (f" ({'; '.join(told)})" if told else "")
