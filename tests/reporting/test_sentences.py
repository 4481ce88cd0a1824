"""Sentences of the report, from tables whose answer is known."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

import mebias
from mebias import reporting, tables
from mebias.reporting import cohort_sections, evidence_sections, methods, recognition_section
from mebias.reporting.content import Content
from mebias.reporting.evidence_grids import influence_grid
from mebias.reporting.lookup import Estimates, Part
from mebias.reporting.text import contrast_sentence


def test_what_differs_is_named_by_its_contrast_not_by_the_hypothesis_that_was_refused():
    rows = [
        {
            "dataset": "d", "source": "gamdss", "family": "primary", "family_size": 3,
            "keyframe": keyframe, "ethnicity": "A vs others", "unit": "ms", "estimate": -4.2,
            "conf_low": -6.2, "conf_high": -2.1, "p_value": p, "p_adjusted": p,
            "hypothesis": f"the mean {keyframe} shift is the same in A as in all others",
        }
        for keyframe, p in (("onset", 0.6), ("apex", 0.6), ("offset", 0.003))
    ]  # fmt: skip
    said = contrast_sentence(tables.from_rows(rows, "tests"), {"A": 9, "B": 9}, 5)
    assert said.startswith("1 of the 3 primary contrasts between groups differs from 0")
    assert said.endswith("offset, A vs others −4.2 [−6.2, −2.1] ms, adjusted p = 0.003.")
    assert "the same" not in said


def test_what_was_planted_and_found_is_laid_out_like_all_other_answers():
    style = (Path(reporting.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    tones = set(re.findall(r"\.tone\.([a-z]+)", style))
    assert "found" in tones
    bare = {s for s in re.findall(r"^\.([a-z]+) \{[^}]*display: block", style, re.MULTILINE)}
    assert not tones & bare


def concluded(*pairs, word="helps"):
    rows = [
        {"dataset": "d", "arm": arm, "against": against, "quantity": "uf1", "conclusion": word,
         "estimate": gain, "conf_low": gain - 0.01, "conf_high": gain + 0.01, "margin": 0.05,
         "smallest_gain": gain, "power": 0.5, "n_subjects": 9}
        for arm, against, gain in pairs
    ]  # fmt: skip
    return tables.from_rows(rows, "conclusions")


def test_an_arm_that_swaps_no_training_keyframes_is_not_said_to():
    own = concluded(("human+falling", "human", 0.07))
    said = recognition_section.gain_sentence(own, tables.empty("estimates"))
    assert said.startswith("The arm human+falling helps in UF1: beside human, it gains +0.07")
    unsure = concluded(("gamdss@both", "human", 0.02), word="can't be told")
    said = recognition_section.gain_sentence(unsure, tables.empty("estimates"))
    assert said.startswith("Whether the arm gamdss@both helps in UF1 can't be told: beside human,")
    plain = concluded(("jitter", "human", 0.02), ("gamdss", "human", 0.07))
    said = recognition_section.gain_sentence(plain, tables.empty("estimates"))
    assert said.startswith("Re-selection helps in UF1: training on keyframes of gamdss instead")


def test_power_and_gain_are_of_one_arm():
    own = concluded(("jitter", "human", 0.02), ("gamdss", "human", 0.07))
    assert "a gain of 0.070 in UF1" in recognition_section.power_sentence(own)
    assert "can't be told" in recognition_section.power_sentence(own.head(0))


def test_an_arm_of_random_frames_that_is_there_is_not_denied():
    own = concluded(("jitter", "human", 0.02), ("motion", "human", 0.07))
    said = recognition_section.jitter_sentence(own, tables.empty("estimates"))
    assert said == "There is no arm gamdss to set beside jitter, random frames of its windows."


def excess(**intervals):
    rows = [
        {"dataset": "d", "source": "gamdss", "distance": "signed", "keyframe": keyframe,
         "quantity": "mean_excess_unbiased", "unit": "ms", "weighting": "subject", "estimate": 1.0,
         "conf_low": low, "conf_high": high}
        for keyframe, (low, high) in intervals.items()
    ]  # fmt: skip
    part = Part("d", "gamdss", "signed")
    return evidence_sections.excess_sentence(Estimates(tables.from_rows(rows, "estimates")), part)


def test_a_rest_that_cannot_be_told_from_chance_is_not_called_explained():
    nan = float("nan")
    said = excess(onset=(-90.0, 92.0), apex=(-1.0, 3.0))
    assert said.startswith("Nothing that is left can be told from chance: ")
    said = excess(onset=(-90.0, 92.0), apex=(nan, nan))
    assert said.startswith("Nothing that is left of onset can be told from chance: ")
    assert excess(onset=(0.5, 1.5)).startswith("Of onset more is left than chance explains: ")


def test_a_figure_tells_of_its_own_dataset(inputs):
    given = inputs.cohort()
    derived = ["shift_frames", "shift_ms", "freedom", "at_edge"]
    one = given["findings"].shifts.drop(columns=derived)
    apart = one["human"] + one["ethnicity"].map({"A": -2, "B": 1}) + one["subject"].eq("B1")
    moved = apart.where(one["selected"].notna()).rename("selected")
    other = one.assign(dataset="e", selected=moved)
    both = mebias.quantify(pd.concat([one, other]), min_subjects=2)
    content = Content(**{**given, "findings": both})
    alone = Content(**given)
    (alt,) = (d.alt for d in cohort_sections.drawings(content) if d.name == "specifications-d")
    (own,) = (d.alt for d in cohort_sections.drawings(alone) if d.name == "specifications")
    least = re.compile(r"smallest adjusted (p [=<] [\d.]+)")
    assert least.findall(alt) == least.findall(own)


def test_datasets_without_latin_letters_have_figures_of_their_own(inputs):
    shifts = inputs.cohort()["findings"].shifts
    names = ["\u6f22", "\u5b57"]
    both = mebias.quantify(pd.concat([shifts.assign(dataset=n) for n in names]), min_subjects=2)
    content = Content(**{**inputs.cohort(), "findings": both})
    assert len({content.slug("shifts", name) for name in names}) == 2


def test_a_shareable_report_does_not_deny_clips_worth_a_second_look(inputs):
    given = inputs.cohort()
    row = {"dataset": "d", "source": "motion-blind", "keyframe": "onset", "quantity": "coder_sd",
           "unit": "ms", "estimate": 5.0}  # fmt: skip
    estimates = pd.concat([given["findings"].estimates, tables.from_rows([row], "estimates")])
    found = replace(given["findings"], estimates=tables.conform(estimates, "estimates"))
    told = {}
    for form in (False, True):
        content = Content(**{**given, "findings": found}, shareable=form)
        *_, section = evidence_sections.label_sections(content, {})
        told[form] = " ".join(block.text for block in section.blocks)
    assert told[False].startswith("No label is so far from the movement")
    assert told[True].startswith("Single clips, and so those worth a second look, are not told")


def test_an_unknown_frame_rate_is_called_unknown(inputs):
    given = inputs.versions()
    found = given["findings"]
    shifts = found.shifts.assign(fps=float("nan"), shift_ms=float("nan"))
    content = Content(**{**given, "findings": replace(found, shifts=shifts)})
    data = dict(methods.paragraphs(content.run))["Data"]
    assert data == "d: 40 clips of 10 subjects at an unknown frame rate."


def test_each_subject_on_whom_a_conclusion_hangs_has_the_conclusion_without_it():
    place = {"ethnicity": "A vs B", "keyframe": "apex", "left_out_kind": "subject",
             "full_estimate": 3.0, "full_conf_low": 1.0, "full_conf_high": 5.0,
             "full_conclusion": "found"}  # fmt: skip
    rows = [
        place | {"left_out": name, "estimate": 2.0, "conf_low": -1.0, "conf_high": 5.0,
                 "change": -1.0, "changes_conclusion": after != "found", "conclusion": after}
        for name, after in (("s1", "can't be told"), ("s2", "not found"), ("s3", "found"),
                            ("s4", "can't be told"))
    ]  # fmt: skip
    (row,) = influence_grid(pd.DataFrame(rows), "").rows
    assert row[-1].text == "s1, s4: found becomes can't be told; s2: found becomes not found"
