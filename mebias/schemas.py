"""The tidy tables that flow between the rooms, declared once: columns, kinds, meanings, words.

A column is one of four kinds:

- ``text``: a string; missing is the empty string;
- ``whole``: a whole number held as float64, so that missing is NaN (frame numbers, counts);
- ``real``: a float64; missing is NaN;
- ``flag``: a bool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "whole", "real", "flag"]

KEYFRAMES = ("onset", "apex", "offset")
ALL = "all"
"""The group of a whole-dataset row."""
UNKNOWN = "unknown"
"""The group of subjects whose ethnicity nobody stated."""
SIMULATED = "SIMULATED"
"""Prefix of the dataset name of every simulated cohort: the mark travels with each row."""

MARKER = "SIMULATED.json"
"""A file at the root of every exported simulation, so that it stays known as one."""

HUMAN_STATUS = ("annotated", "missing", "invalid", "censored", "corrected", "imputed")
PLACED = ("annotated", "corrected", "censored")
"""Statuses of a human keyframe whose frame may be looked at."""
SELECTED_STATUS = ("selected", "truncated", "undetectable", "failed")


@dataclass(frozen=True)
class Column:
    """One column: its kind, what it means, and its value where a table lacks it.

    ``default`` None marks a column that a table must have.
    """

    kind: Kind
    meaning: str
    default: str | float | bool | None = None


def _text(meaning: str, default: str | None = "") -> Column:
    return Column("text", meaning, default)


def _whole(meaning: str, default: float | None = float("nan")) -> Column:
    return Column("whole", meaning, default)


def _real(meaning: str, default: float | None = float("nan")) -> Column:
    return Column("real", meaning, default)


def _flag(meaning: str) -> Column:
    return Column("flag", meaning, False)


_DATASET = _text("dataset id; simulated ones begin with SIMULATED", "data")
_CLIP = _text("clip id, unique in its dataset", None)
_GROUP = _text("group as the dataset's authors or the user state it", ALL)
_STRATUM = _text("part of the data looked at apart (micro, macro), else all", ALL)
_SOURCE = _text("who chose the frame: human, truth, a rule, a label version", None)
_DISTANCE = _text("frame distance of the rule: signed, uint8")
_CODER = _text("coder of the human frame")
_PASS = _text("coding pass of the human frame")
_KEYFRAME = _text("onset, apex or offset", None)
_EXPRESSION = _text("micro or macro, where the table says")

SCHEMAS: dict[str, dict[str, Column]] = {
    "clips": {
        "dataset": _DATASET,
        "clip": _CLIP,
        "video": _text("the recording the clip comes from"),
        "subject": _text("the person, sessions merged", None),
        "ethnicity": _GROUP,
        "emotion": _text("label as the authors give it"),
        "aus": _text("action units as the authors give them"),
        "expression_type": _EXPRESSION,
        "fps": _real("frames per second", None),
        "first_frame": _whole("number of the first frame on disk"),
        "n_frames": _whole("frames on disk"),
        "lead_frames": _whole("frames on disk before the human onset"),
        "tail_frames": _whole("frames on disk after the human offset"),
    },
    "keyframes": {
        "dataset": _DATASET,
        "clip": _CLIP,
        "source": _SOURCE,
        "distance": _DISTANCE,
        "coder": _CODER,
        "pass": _PASS,
        "keyframe": _KEYFRAME,
        "frame": _real("frame number; whole for labels, real-valued for truth", None),
        "frame_low": _real("first frame of a coded interval"),
        "frame_high": _real("last frame of a coded interval"),
        "status": _text("annotated, missing, ... (human); selected, truncated, ... (rule)", None),
        "window_low": _whole("first candidate frame"),
        "window_high": _whole("last candidate frame"),
        "freedom": _whole("frames the window lets the keyframe move; 0 = immovable"),
        "at_edge": _flag("selected frame is a bound of a window that has freedom"),
        "score": _real("distance of the chosen pair (grey levels)"),
        "runner_up_margin": _real("score minus the best score at any other frame"),
        "mean": _real("posterior mean of the keyframe's position, not rounded (frames)"),
        "sd": _real("standard deviation of the keyframe's position (frames)"),
        "low": _real("lower bound of its interval (frames)"),
        "high": _real("upper bound of its interval (frames)"),
    },
    "nulls": {
        "dataset": _DATASET,
        "clip": _CLIP,
        "keyframe": _KEYFRAME,
        "source": _SOURCE,
        "distance": _DISTANCE,
        "coder": _CODER,
        "pass": _PASS,
        "null": _text("uniform, accurate, unbiased", None),
        "human": _whole("human frame that the null was made for"),
        "mean": _real("mean shift under the null (frames); positive = later"),
        "sd": _real("standard deviation of the shift under the null (frames)"),
        "q05": _real("its 5 % quantile (frames)"),
        "q25": _real("its 25 % quantile (frames)"),
        "q50": _real("its median (frames)"),
        "q75": _real("its 75 % quantile (frames)"),
        "q95": _real("its 95 % quantile (frames)"),
        "n_draws": _whole("rebuilt clips behind it; missing where it is exact"),
        "coder_sd": _real("SD of the annotation error assumed for this keyframe (ms)"),
        "coder_sd_error": _real("its standard error (ms); missing where taken as known"),
        "slope_onset": _real("change of the mean per ms of the coders' SD at the onset (frames)"),
        "slope_apex": _real("the same for the coders' SD at the apex"),
        "slope_offset": _real("the same for the coders' SD at the offset"),
        "reason": _text("why a value is NaN"),
    },
    "shifts": {
        "dataset": _DATASET,
        "clip": _CLIP,
        "subject": _text("the person", None),
        "ethnicity": _GROUP,
        "emotion": _text("label as the authors give it"),
        "expression_type": _EXPRESSION,
        "fps": _real("frames per second", None),
        "source": _text("rule or label version compared with human", "selected"),
        "distance": _DISTANCE,
        "coder": _CODER,
        "pass": _PASS,
        "keyframe": _KEYFRAME,
        "human": _whole("human frame", None),
        "human_low": _whole("first frame of a human keyframe coded as an interval"),
        "human_high": _whole("last frame of that interval"),
        "human_status": _text("status of the human frame", "annotated"),
        "selected": _whole("compared frame", None),
        "selected_status": _text("status of the compared frame", "selected"),
        "selected_mean": _real("its posterior mean, not rounded (frames)"),
        "selected_sd": _real("its standard deviation (frames)"),
        "shift_frames": _real("selected - human (frames); positive = later; 0 in an interval"),
        "shift_ms": _real("selected - human (ms); positive = later"),
        "shift_window": _real("shift as a share of the freedom, signed"),
        "window_low": _whole("first candidate frame"),
        "window_high": _whole("last candidate frame"),
        "freedom": _whole("frames the window lets the keyframe move"),
        "at_edge": _flag("selected frame is a bound of a window that has freedom"),
        "rise_frames": _whole("human apex - human onset"),
        "fall_frames": _whole("human offset - human apex"),
        "lead_frames": _whole("frames on disk before the human onset"),
        "tail_frames": _whole("frames on disk after the human offset"),
    },
    "estimates": {
        "dataset": _DATASET,
        "ethnicity": _GROUP,
        "stratum": _STRATUM,
        "source": _SOURCE,
        "distance": _DISTANCE,
        "keyframe": _KEYFRAME,
        "arm": _text("arm of a recognition run"),
        "quantity": _text("what is estimated", None),
        "unit": _text("frames, ms, window, share"),
        "weighting": _text("clip, subject, subject-mean"),
        "estimate": _real("the estimate", None),
        "std_error": _real("its standard error"),
        "df": _real("degrees of freedom of its interval"),
        "conf_low": _real("lower bound"),
        "conf_high": _real("upper bound"),
        "conf_level": _real("nominal level of the interval", 0.95),
        "n_clips": _whole("clips behind it"),
        "n_subjects": _whole("subjects behind it"),
        "method": _text("how it was computed"),
        "coverage_note": _text("coverage measured in the nearest calibrated cell"),
        "reason": _text("why a value is NaN"),
    },
    "tests": {
        "family": _text("family within which p-values are adjusted", None),
        "family_size": _whole("hypotheses in the family, fixed in advance"),
        "hypothesis": _text("the null hypothesis", None),
        "dataset": _DATASET,
        "ethnicity": _GROUP,
        "stratum": _STRATUM,
        "source": _SOURCE,
        "distance": _DISTANCE,
        "keyframe": _KEYFRAME,
        "estimate": _real("the contrast"),
        "unit": _text("its unit"),
        "conf_low": _real("lower bound"),
        "conf_high": _real("upper bound"),
        "margin": _real("margin of practical relevance, same unit"),
        "statistic": _real("test statistic"),
        "df": _real("its degrees of freedom"),
        "p_permutation": _real("p-value of the permutation of subjects"),
        "p_cr2": _real("p-value of the CR2 test"),
        "p_value": _real("the deciding p-value"),
        "p_adjusted": _real("Holm-adjusted within the family"),
        "n_clips": _whole("clips behind it"),
        "n_subjects": _whole("subjects behind it"),
        "method": _text("how it was computed and which p-value decides"),
        "reason": _text("why a value is NaN"),
    },
    "claims": {
        "dataset": _DATASET,
        "topic": _text("what it is about: groups, exactness, correction, durations, curve, ..."),
        "claim": _text("the claim, in words", None),
        "grade": _text("supported, not supported, can't be told", None),
        "estimate": _real("estimate behind it"),
        "conf_low": _real("lower bound of the family-wise interval"),
        "conf_high": _real("upper bound of the family-wise interval"),
        "unit": _text("its unit"),
        "margin": _real("margin of practical relevance, same unit"),
        "keyframe": _text("onset, apex or offset, else as in the row it rests on"),
        "ethnicity": _text("group or contrast of the row it rests on"),
        "source": _text("source of the row it rests on"),
        "distance": _DISTANCE,
        "family": _text("family that the interval holds for"),
        "quantity": _text("quantity of the estimates table; empty where it rests on a test"),
        "rests_on": _text("what the grade rests on"),
        "would_settle": _text("what would settle it"),
    },
    "calibration": {
        "cell": _text("the simulated cohorts, in words", None),
        "subjects": _whole("subjects of a cohort", None),
        "clips": _whole("clips of a cohort", None),
        "groups": _text("subjects of each group, where groups are compared"),
        "distribution": _text("values of clips: normal, bounded, skewed", None),
        "icc": _real("intraclass correlation of the latent values", None),
        "quantity": _text("what is estimated or tested", None),
        "truth": _real("its true value"),
        "weighting": _text("clip, subject, subject-mean"),
        "method": _text("how interval or p-value are computed"),
        "control": _flag("whether rows are taken for independent: the control that is to fail"),
        "measure": _text("coverage of 95 % intervals, or level of tests at 5 %", None),
        "n_cohorts": _whole("cohorts with an interval or a p-value", None),
        "value": _real("coverage or level", None),
        "mc_error": _real("its Monte Carlo standard error"),
        "band_low": _real("lower end of the band; missing where it is only reported"),
        "band_high": _real("upper end of the band"),
        "met": _text("yes or no: within 3 Monte Carlo errors of the band; empty without a band"),
        "version": _text("version of mebias"),
        "date": _text("day of the computation"),
        "seed": _whole("seed"),
    },
    "planted": {
        "dataset": _DATASET,
        "contrast": _text("groups contrasted", None),
        "source": _SOURCE,
        "distance": _DISTANCE,
        "keyframe": _KEYFRAME,
        "planted_error_ms": _real("planted contrast of the coders' error, label - truth (ms)"),
        "drawn_error_ms": _real("the same contrast in the labels drawn (ms)"),
        "expected_shift_ms": _real("contrast of shifts that a perfect selector would show (ms)"),
        "found_shift_ms": _real("contrast of shifts found (ms)"),
        "conf_low": _real("lower bound of what was found"),
        "conf_high": _real("upper bound of what was found"),
        "p_adjusted": _real("Holm-adjusted p-value of what was found"),
        "outcome": _text("quiet, found, missed, false alarm, can't be told", None),
    },
    "transitions": {
        "dataset": _DATASET,
        "source": _SOURCE,
        "type_old": _text("expression type in the old version", None),
        "type_new": _text("expression type in the new version", None),
        "n_clips": _whole("expressions with this transition", None),
        "n_subjects": _whole("subjects they come from"),
        "share": _real("share of the expressions of the old type"),
        "conf_low": _real("lower bound of the share"),
        "conf_high": _real("upper bound of the share"),
        "n_revised_onset": _whole("of these, onsets revised"),
        "n_revised_apex": _whole("of these, apexes revised"),
        "n_revised_offset": _whole("of these, offsets revised"),
        "method": _text("how the interval was computed"),
        "reason": _text("why a value is NaN"),
    },
    "subjects": {
        "dataset": _DATASET,
        "subject": _text("the person", None),
        "stratum": _STRATUM,
        "source": _SOURCE,
        "keyframe": _KEYFRAME,
        "n_clips": _whole("expressions compared", None),
        "n_revised": _whole("of these, revised", None),
        "share": _real("share revised"),
        "mean_shift_ms": _real("mean shift of the revised ones (ms)"),
    },
    "influence": {
        "dataset": _DATASET,
        "source": _SOURCE,
        "distance": _DISTANCE,
        "keyframe": _KEYFRAME,
        "ethnicity": _text("contrast of groups, or all for the mean shift", ALL),
        "quantity": _text("mean_shift_difference or mean_shift"),
        "left_out_kind": _text("subject or clip", None),
        "left_out": _text("which subject or clip; empty where nothing can be left out"),
        "unit": _text("ms"),
        "estimate": _real("estimate without it"),
        "conf_low": _real("lower bound without it"),
        "conf_high": _real("upper bound without it"),
        "conf_level": _real("nominal level of the intervals", 0.95),
        "p_cr2": _real("CR2 p-value without it"),
        "p_adjusted": _real("that p-value, Holm-adjusted over the keyframes"),
        "full_estimate": _real("estimate from all"),
        "full_conf_low": _real("lower bound from all"),
        "full_conf_high": _real("upper bound from all"),
        "full_p": _real("CR2 p-value from all"),
        "full_p_adjusted": _real("that p-value, Holm-adjusted over the keyframes"),
        "change": _real("estimate without it - estimate from all"),
        "margin": _real("margin of practical relevance, same unit"),
        "conclusion": _text("what would be concluded without it"),
        "full_conclusion": _text("what is concluded from all"),
        "changes_conclusion": _flag("whether the two conclusions differ"),
        "n_clips": _whole("clips without it"),
        "n_subjects": _whole("subjects without it"),
        "method": _text("how it was computed"),
        "reason": _text("why a value is NaN"),
    },
    "power": {
        "dataset": _DATASET,
        "source": _SOURCE,
        "distance": _DISTANCE,
        "contrast": _text("groups contrasted"),
        "keyframe": _KEYFRAME,
        "quantity": _text("smallest_shift, power or subjects_needed", None),
        "shift_ms": _real("contrast of mean shifts (ms)"),
        "n_subjects": _whole("subjects of the design"),
        "group_sizes": _text("subjects on each side"),
        "n_clips": _whole("clips of the design"),
        "power": _real("probability that the test finds the contrast"),
        "conf_low": _real("lower bound of the quantity, from the spread's uncertainty"),
        "conf_high": _real("upper bound of the quantity"),
        "conf_level": _real("nominal level of the interval", 0.95),
        "alpha": _real("level of the single test"),
        "sd_between_ms": _real("SD between subjects (ms)"),
        "sd_within_ms": _real("SD between clips of a subject (ms)"),
        "margin": _real("margin of practical relevance (ms)"),
        "method": _text("how it was computed"),
        "note": _text("what limits it"),
        "reason": _text("why a value is NaN"),
    },
    "specifications": {
        "dataset": _DATASET,
        "keyframe": _KEYFRAME,
        "ethnicity": _text("contrast of groups, or all for the mean shift", ALL),
        "source": _SOURCE,
        "distance": _DISTANCE,
        "clips": _text("all, or movable: windows with freedom", ALL),
        "truncation": _text("all, or untruncated selections", ALL),
        "stratum": _STRATUM,
        "labels": _text("all, or annotated: corrected labels left out", ALL),
        "tails": _text("all, or winsorized: values beyond the 5 and 95 % quantiles drawn in", ALL),
        "unit": _text("ms, frames, window"),
        "weighting": _text("clip, subject, subject-mean"),
        "is_primary": _flag("whether this is the analysis that the tests rest on"),
        "rank": _whole("1 = smallest t of its keyframe"),
        "estimate": _real("contrast or mean, in its unit", None),
        "std_error": _real("its standard error"),
        "df": _real("degrees of freedom of its interval"),
        "conf_low": _real("lower bound"),
        "conf_high": _real("upper bound"),
        "conf_level": _real("nominal level of the interval", 0.95),
        "t": _real("estimate over standard error; comparable between units"),
        "p_cr2": _real("CR2 p-value of a contrast, unadjusted"),
        "n_clips": _whole("clips behind it"),
        "n_subjects": _whole("subjects behind it"),
        "method": _text("how it was computed"),
        "reason": _text("why a value is NaN"),
    },
    "flags": {
        "dataset": _DATASET,
        "clip": _CLIP,
        "keyframe": _KEYFRAME,
        "coder": _CODER,
        "human": _whole("human frame", None),
        "posterior_mean": _real("posterior mean of the keyframe (frames)"),
        "posterior_sd": _real("its standard deviation (frames)"),
        "p_outside_tolerance": _real("probability that the label is outside the tolerance"),
        "rank": _whole("1 = look at this one first"),
    },
    "predictions": {
        "dataset": _DATASET,
        "clip": _CLIP,
        "subject": _text("the person, sessions merged", None),
        "ethnicity": _GROUP,
        "arm": _text("arm of a recognition run: human, gamdss, ...", None),
        "seed": _whole("seed of the training run", 0.0),
        "fold": _text("fold that tests the clip"),
        "label": _text("class of the clip", None),
        "predicted": _text("class that the model gives it", None),
    },
    "conclusions": {
        "dataset": _DATASET,
        "arm": _text("arm that is compared", None),
        "against": _text("arm that it is compared with", None),
        "quantity": _text("uf1, uar, accuracy", None),
        "conclusion": _text("helps, harms, equivalent, can't be told", None),
        "estimate": _real("gain: score of the arm minus score of the other"),
        "conf_low": _real("lower bound of the gain"),
        "conf_high": _real("upper bound of the gain"),
        "margin": _real("smallest gain that matters"),
        "p_adjusted": _real("Holm-adjusted p-value of the gain"),
        "p_equivalence": _real("p-value of two one-sided tests against the margin"),
        "power": _real("power of this design to find a gain as large as the margin"),
        "smallest_gain": _real("gain that this design finds with 80 % power"),
        "subjects_needed": _whole("subjects for 80 % power at the margin, about"),
        "n_clips": _whole("clips behind it"),
        "n_subjects": _whole("subjects behind it"),
        "would_settle": _text("what would settle it"),
        "method": _text("how it was concluded"),
    },
    "codings": {
        "dataset": _DATASET,
        "subject": _text("the person who is filmed", None),
        "video": _text("the recording, or the clip that was given to the coders"),
        "coder": _text("who coded it", None),
        "pass": _text("first, second ... time that this coder codes this video", "1"),
        "event": _text("name of the event, where coders were given it; else events are matched"),
        "onset": _whole("onset (frame); a row without onset, apex and offset: found nothing"),
        "apex": _whole("apex (frame); may be missing"),
        "offset": _whole("offset (frame)"),
        "onset_ms": _real("onset (ms), instead of frames"),
        "apex_ms": _real("apex (ms)"),
        "offset_ms": _real("offset (ms)"),
        "fps": _real("frames per second; needed for frames"),
        "order": _real("place in the coder's working order"),
        "row": _whole("row of the file it is from"),
    },
    "coders": {
        "coder": _text("who codes", None),
        "culture": _text("culture of the coder, as stated"),
        "training": _text("training of the coder"),
        "note": _text("anything else"),
    },
    "issues": {
        "dataset": _DATASET,
        "clip": _text("clip, empty where the whole dataset is meant"),
        "field": _text("column or keyframe concerned"),
        "severity": _text("error, warning, note", None),
        "found": _text("what was found"),
        "expected": _text("what was expected"),
        "message": _text("one sentence with what to do", None),
        "check": _text("name of the check"),
        "cell": _text("file, sheet, row and column concerned"),
        "consequence": _text("what the rest of mebias does about it"),
    },
    "cells": {
        "dataset": _DATASET,
        "clip": _CLIP,
        "coder": _CODER,
        "pass": _PASS,
        "keyframe": _text("onset, apex, apex_high (end of a coded interval), offset", None),
        "file": _text("annotation file, relative to the data root", None),
        "sheet": _text("sheet of a workbook"),
        "row": _whole("row as a spreadsheet program counts it, from 1", None),
        "column": _text("letters of the column", None),
        "header": _text("header of the column as written"),
        "written": _text("what stands in the cell"),
    },
    "boxes": {
        "clip": _CLIP,
        "x": _whole("left edge (pixels from the left)", None),
        "y": _whole("upper edge (pixels from the top)", None),
        "w": _whole("width (pixels)", None),
        "h": _whole("height (pixels)", None),
        "how": _text("how it was found"),
    },
    "blinks": {
        "dataset": _DATASET,
        "video": _text("recording, <subject>/<file>", None),
        "onset": _whole("first frame of the blink", None),
        "offset": _whole("last frame of the blink", None),
        "cell": _text("file, sheet and row"),
    },
}

PROBABILITY = "p_"
"""How the columns of class probabilities begin, in a table of predictions."""
FAMILIES: dict[str, dict[str, Column]] = {
    "predictions": {PROBABILITY: _real("probability of the class whose name follows")},
}
"""Columns whose names follow from the data: how they begin, by table."""
