"""Tables to draw, each kind of figure drawn from them, and whether it can be read."""

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification import quantify, revisions
from mebias.reporting import figures

KEYS = tables.KEYFRAMES
NAMES = ("East Asian", "White British", "Black African/Caribbean or mixed", "Pakistani", "Indian",
         "Latin American", "Middle Eastern", "Pacific Islander")  # fmt: skip


def shifts(groups=("A", "B", "C"), n_subjects=18, spread=3.0, dataset="test", outlier=0, **columns):
    rng = np.random.default_rng(0)
    rows = []
    for s in range(n_subjects):
        for i in range(1 + int(rng.integers(0, 5))):
            rows += [
                {"dataset": dataset, "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k,
                 "ethnicity": groups[s % len(groups)], "human": h, "fps": 100.0,
                 "selected": h + round(float(np.clip(rng.normal(0, spread), -6, 6))),
                 "window_low": h - 6, "window_high": h + 6, "source": "gamdss",
                 "distance": "signed", "rise_frames": 60, "fall_frames": 60}
                for k, h in (("onset", 100), ("apex", 160), ("offset", 220))
            ]  # fmt: skip
    table = pd.DataFrame(rows).assign(**columns)
    if outlier:
        table.loc[4, ["selected", "window_high"]] += outlier
    return table


def found(table):
    return quantify(table, n_permutations=99)


def planted(**columns):
    row = {"contrast": "A vs others", "keyframe": "offset", "planted_error_ms": -40.0,
           "expected_shift_ms": 9.0, "found_shift_ms": 5.0, "conf_low": 1.0, "conf_high": 9.0,
           "outcome": "found", "dataset": "SIMULATED x", "source": "gamdss"}  # fmt: skip
    return tables.from_rows([{**row, **columns}], "planted")


def every_figure(made, name):
    """Each kind of figure once, from tables whose dataset is ``name``."""
    table, transitions, subjects = (part.assign(dataset=name) for part in versions())
    own = made.shifts.assign(dataset=name), made.estimates.assign(dataset=name)
    return {
        "estimation": figures.estimation_plot(*own),
        "human": figures.human_vs_selected(own[0]),
        "contrast": figures.contrast_plot(made.tests.assign(dataset=name)),
        "planted": figures.planted_plot(planted(dataset=name)),
        "revision": figures.revision_plot(table),
        "subjects": figures.subject_revisions(subjects),
        "transitions": figures.transition_plot(transitions),
        "specifications": figures.specification_plot(made.specifications.assign(dataset=name)),
        "influence": figures.influence_plot(made.influence.assign(dataset=name)),
        "power": figures.power_plot(made.power.assign(dataset=name)),
        "uncertainty": figures.uncertainty_plot(made.estimates.assign(dataset=name)),
        "gain": figures.gain_plot(gains(name)),
        "confusion": figures.confusion_plot(confusion(name)),
    }


def gains(name, groups=("A", "B"), arms=("gamdss vs human", "jitter vs human")):
    rows = [
        {"dataset": name, "arm": arm, "ethnicity": group, "quantity": f"{score}_gain",
         "keyframe": "all",
         "source": arm.split(" ")[0], "estimate": 0.01 * i, "conf_low": 0.01 * i - 0.03,
         "conf_high": 0.01 * i + 0.03}
        for i, group in enumerate(("all", *groups)) for arm in arms
        for score in ("uf1", "uar", "accuracy")
    ]  # fmt: skip
    return tables.from_rows(rows, "estimates")


def confusion(name, classes=("negative", "positive", "surprise"), arms=("human", "gamdss")):
    rows = [
        {"dataset": name, "arm": arm, "label": a, "predicted": b, "n_clips": 9.0 if a == b else 0.4,
         "share": 0.9 if a == b else 0.05}
        for arm in arms for a in classes for b in classes
    ]  # fmt: skip
    return tables.from_rows(rows, "confusion")


def versions():
    rng = np.random.default_rng(1)
    clips = [
        {"dataset": "d", "clip": f"c{i}", "subject": f"s{i % 12}", "fps": 30.0,
         "expression_type": ("micro", "macro")[i % 3 > 0]}
        for i in range(120)
    ]  # fmt: skip
    old = [(10, 20 + i % 7, 60) for i in range(120)]
    new = [(a, b + int(rng.integers(0, 2)) * 3, c + 900 * (i == 5)) for i, (a, b, c) in
           enumerate(old)]  # fmt: skip

    def keyframes(frames):
        rows = [
            {"dataset": "d", "clip": f"c{i}", "source": "human", "keyframe": k, "frame": f,
             "status": "annotated"}
            for i, triple in enumerate(frames) for k, f in zip(KEYS, triple, strict=True)
        ]  # fmt: skip
        return tables.from_rows(rows, "keyframes")

    of_new = [{**c, "expression_type": "macro"} if c["clip"] == "c0" else c for c in clips]
    return revisions(
        tables.from_rows(clips, "clips"), keyframes(old), tables.from_rows(of_new, "clips"),
        keyframes(new), old_name="v1", new_name="v2",
    )  # fmt: skip
