"""Methods of the posterior, the nulls and the recognizer, in quotable words."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mebias.quantification.blind import JUDGE
from mebias.quantification.measured import Measured


def posterior(estimates: pd.DataFrame) -> str:
    """How labels were judged and nulls drawn; empty where they were not."""
    text = ""
    if (estimates["source"] == JUDGE).any():
        text = (
            "Labels were judged by motion-blind, a posterior of the three keyframes from a model "
            "of the movement whose prior knows no label. Annotation error is the label minus the "
            "posterior mean, relative to the model's definition of the keyframe; the coders' SD is "
            "what its spread exceeds the posterior's own by, by maximum likelihood."
        )
    if (estimates["quantity"] == "mean_excess_unbiased").any():
        text += (
            " What the rule does by chance was drawn 200 times for each clip, rebuilt from its own "
            "movement and noise: with labels free of error, and with labels whose errors have the "
            "coders' SD and mean 0."
        )
    return text.strip()


def recognition(measured: Sequence[Measured]) -> str:
    """How the recognizer was trained and gains were tested; empty where it was not."""
    done = [m for m in measured if m.gains is not None and m.record is not None]
    if not done:
        return ""
    told = []
    for one in done:
        assert one.record is not None
        form = "short form, " if one.record.short else ""
        told.append(
            f"{one.dataset}: {form}{one.record.protocol}, arms {', '.join(one.record.arms)}, maps "
            f"of {one.record.maps}, classes: {one.record.labels}"
        )
    return (
        f"A recognizer was trained on human keyframes and on those of other sources with the same "
        f"clips, folds, batches, initial weights and number of epochs, fixed in advance "
        f"({'; '.join(told)}). Keyframes were re-selected in training clips only. Scores come from "
        f"counts pooled over folds, averaged over seeds: UF1 (mean F1 of the classes), UAR (mean "
        f"recall) and accuracy. Intervals of gains are delete-one-subject jackknives (UF1, UAR) or "
        f"clustered by subject (accuracy), given the trained models; tests swap two arms for "
        f"whole subjects. A gain is called equivalent to none only within its margin and with 80 % "
        f"power to find the margin."
    )
