"""Tables with any number of groups and any names, and each kind of figure drawn from them."""

from functools import cache

import numpy as np

import mebias
from mebias import tables
from mebias.quantification import quantify, revisions
from mebias.quantification.checks import checked_shifts
from mebias.quantification.pooling import pool
from mebias.reporting import figures

KEYS = tables.KEYFRAMES
LATIN = tuple(f"A group with a name of sixty letters, self-described, number {i:02d}"
              for i in range(12))  # fmt: skip
CHINESE = ("汉族", "回族", "维吾尔族", "藏族", "苗族", "满族", "土家族", "彝族", "蒙古族", "布依族",
           "侗族", "一个名字很长很长很长很长很长很长很长很长的民族群体")  # fmt: skip
ARABIC = ("عرب", "أمازيغ", "بدو", "أكراد", "أقباط", "دروز", "نوبيون", "تركمان", "شركس", "أرمن",
          "سريان", "مجموعة ذات اسم طويل جدا جدا جدا جدا جدا")  # fmt: skip
HINDI = ("हिन्दी", "मराठी", "ગુજરાતી", "ไทย", "தமிழ்", "తెలుగు", "ಕನ್ನಡ", "മലയാളം", "বাংলা", "ਪੰਜਾਬੀ",
         "ລາວ", "ខ្មែរ")  # fmt: skip
SCRIPTS = tuple(name for three in zip(CHINESE[-4:], ARABIC[-4:], HINDI[:4], strict=True)
                for name in three)  # fmt: skip
NAMES = {"plain": tuple("ABCDEFGHIJKL"), "long": LATIN, "chinese": CHINESE, "arabic": ARABIC,
         "no font": HINDI, "scripts": SCRIPTS}  # fmt: skip


def shifts(names, dataset="d", source="gamdss", windows=True, seed=0):
    """Five subjects of each group with two clips each."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(5 * len(names)):
        group = names[s % len(names)]
        for i in range(2):
            for k, human in zip(KEYS, (100, 160, 220), strict=True):
                row = {
                    "dataset": dataset, "clip": f"c{s}-{i}", "subject": f"{group} {s}",
                    "keyframe": k, "ethnicity": group, "human": human, "fps": 100.0,
                    "selected": human + round(float(np.clip(rng.normal(1, 3), -6, 6))),
                    "source": source, "distance": "signed" if windows else "",
                    "rise_frames": 60, "fall_frames": 60, "emotion": "x",
                }  # fmt: skip
                if windows:
                    row |= {"window_low": human - 6, "window_high": human + 6}
                rows.append(row)
    return checked_shifts(tables.from_rows(rows, "shifts"))


@cache
def findings(names, source="gamdss", windows=True):
    return quantify(shifts(names, source=source, windows=windows), n_permutations=19)


def over_datasets(names):
    """One contrast in as many datasets as there are names, and what is pooled of it."""
    rng = np.random.default_rng(1)
    rows = []
    for name in names:
        for k in KEYS:
            estimate, error = rng.normal(5, 6), rng.uniform(2, 6)
            rows.append({
                "dataset": name, "ethnicity": f"{names[0]} vs {names[1]}", "stratum": "all",
                "source": "gamdss", "distance": "signed", "keyframe": k, "unit": "ms",
                "quantity": "mean_shift_difference", "weighting": "subject", "df": 12.0,
                "estimate": estimate, "std_error": error, "conf_low": estimate - 2.2 * error,
                "conf_high": estimate + 2.2 * error, "n_clips": 90, "n_subjects": 14,
            })  # fmt: skip
    own = tables.from_rows(rows, "estimates")
    return tables.conform(tables.pd.concat([own, pool(own)]), "estimates")


def issues(names):
    rows = [
        tables.issue(severity, "m", dataset=name, check=check)
        for i, name in enumerate(names)
        for severity, check, n in (
            ("error", "apex-order", i), ("warning", "duration", 3 * i + 1), ("note", "digits", 1),
            ("warning", "units", 1200 * (i == 1)), ("note", "fps", 2),
            ("error", "a check with a name that is far too long for it", 1),
        )
        for _ in range(n)
    ]  # fmt: skip
    return tables.from_rows(rows, "issues")


def gains(names):
    rows = [
        {"dataset": "d", "arm": arm, "ethnicity": group, "quantity": f"{score}_gain",
         "keyframe": "all", "source": "gamdss", "estimate": 0.01 * i,
         "conf_low": 0.01 * i - 0.03, "conf_high": 0.01 * i + 0.03}
        for i, group in enumerate(("all", *names)) for score in ("uf1", "uar", "accuracy")
        for arm in ("gamdss vs human", "jitter vs human")
    ]  # fmt: skip
    return tables.from_rows(rows, "estimates")


def confusion(names):
    rows = [
        {"arm": arm, "label": a, "predicted": b, "n_clips": 9.0 if a == b else 0.4,
         "share": 0.9 if a == b else 0.05}
        for arm in ("human", names[-1]) for a in names for b in names
    ]  # fmt: skip
    return tables.from_rows(rows, "confusion")


def curves(names):
    rows = [
        {"dataset": "d", "arm": arm, "seed": s, "fold": "all", "epoch": e,
         "loss": (1 + 0.1 * i) / e, "uf1": 0.1 * e - 0.01 * i}
        for i, arm in enumerate(names) for s in (0, 1) for e in (1, 2, 3, 4)
    ]  # fmt: skip
    return tables.pd.DataFrame(rows)


def planted(names):
    rows = [
        {"dataset": "d", "contrast": f"{names[0]} vs {name}", "keyframe": k,
         "planted_error_ms": -40.0, "expected_shift_ms": 9.0, "found_shift_ms": 5.0,
         "conf_low": 1.0, "conf_high": 9.0, "outcome": "found", "source": "gamdss"}
        for name in names[1:] for k in KEYS
    ]  # fmt: skip
    return tables.from_rows(rows, "planted")


def coding(names):
    """Biases of coders with these names, and the difference of two cultures by group."""
    rows = []
    for k, shift in zip(KEYS, (-8, 2, 9), strict=True):
        rows += [
            {"source": name, "ethnicity": "all", "quantity": "coder_bias", "keyframe": k,
             "estimate": shift + i, "conf_low": shift + i - 6, "conf_high": shift + i + 6}
            for i, name in enumerate(names)
        ] + [
            {"source": f"{names[0]} vs {names[1]}", "ethnicity": name, "keyframe": k,
             "quantity": "culture_difference", "estimate": shift - i, "conf_low": shift - i - 7,
             "conf_high": shift - i + 7}
            for i, name in enumerate(names)
        ] + [
            {"source": f"{names[0]} vs {names[1]}", "ethnicity": names[0], "keyframe": k,
             "quantity": "culture_by_ethnicity", "estimate": shift, "conf_low": shift - 9,
             "conf_high": shift + 9}
        ]  # fmt: skip
    rows = [row | {"dataset": "d", "unit": "ms"} for row in rows]
    return tables.from_rows(rows, "estimates")


@cache
def versions(first):
    rng = np.random.default_rng(1)
    clips = [
        {"dataset": "d", "clip": f"c{i}", "subject": f"{first} {i % 12}", "fps": 30.0,
         "expression_type": ("micro", "macro")[i % 3 > 0]}
        for i in range(60)
    ]  # fmt: skip

    def keyframes(move):
        rows = [
            {"dataset": "d", "clip": f"c{i}", "source": "human", "keyframe": k,
             "frame": f + 3 * int(move and rng.integers(0, 2)), "status": "annotated"}
            for i in range(60) for k, f in zip(KEYS, (10, 20 + i % 7, 60), strict=True)
        ]  # fmt: skip
        return tables.from_rows(rows, "keyframes")

    of_new = [{**c, "expression_type": "macro"} if c["clip"] == "c0" else c for c in clips]
    table, transitions, subjects = revisions(
        tables.from_rows(clips, "clips"), keyframes(move=False), tables.from_rows(of_new, "clips"),
        keyframes(move=True), old_name="v1", new_name=first,
    )  # fmt: skip
    return table, transitions, subjects, quantify(table, n_permutations=19).estimates


def every_kind(names, width):
    """Each public figure that is drawn from tables, by name."""
    made, wide = findings(names), {"width_mm": width}
    other = findings(names, names[-1], windows=False)
    of_versions, transitions, subjects, revised = versions(names[-1])
    return {
        "audit": figures.audit_plot(issues(names), **wide),
        "bland_altman": figures.bland_altman_plot(made.shifts, made.estimates, **wide),
        "bland_altman_versions": figures.bland_altman_plot(
            other.shifts, other.estimates, source=names[-1], distance="", **wide),
        "coder": figures.coder_plot(coding(names), **wide),
        "confusion": figures.confusion_plot(confusion(names), **wide),
        "contrast": figures.contrast_plot(
            made.tests, family=["primary", "group-vs-rest", "heterogeneity"], **wide),
        "culture": figures.culture_plot(coding(names), **wide),
        "curve": figures.curve_plot(curves(names), 2, {"all": 3}, **wide),
        "estimation": figures.estimation_plot(made.shifts, made.estimates, **wide),
        "forest": figures.forest_plot(over_datasets(names), **wide),
        "gain": figures.gain_plot(gains(names), **wide),
        "human": figures.human_vs_selected(made.shifts, **wide),
        "influence": figures.influence_plot(made.influence, **wide),
        "planted": figures.planted_plot(planted(names), **wide),
        "power": figures.power_plot(made.power, **wide),
        "raincloud": figures.raincloud_plot(made.shifts, **wide),
        "revision": figures.revision_plot(of_versions, revised, **wide),
        "specification": figures.specification_plot(made.specifications, **wide),
        "subjects": figures.subject_revisions(subjects, **wide),
        "transition": figures.transition_plot(transitions, **wide),
        "uncertainty": figures.uncertainty_plot(made.estimates, **wide),
    }  # fmt: skip


def example():
    """A cohort with frames, for the pictures of clips."""
    return mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
