"""Figures: what each shows of its table."""

import numpy as np
import pandas as pd
import pytest
from reporting.drawn_letters import assert_legible
from reporting.drawn_tables import (
    KEYS,
    NAMES,
    confusion,
    found,
    gains,
    planted,
    shifts,
    versions,
)

from mebias.errors import TableError
from mebias.quantification import quantify, unevenness
from mebias.reporting import figures, revision_figures
from mebias.reporting.figure_style import MM


@pytest.fixture(scope="module")
def findings():
    return found(shifts())


def test_clips_beyond_the_axis_are_counted():
    made = found(shifts(outlier=400, n_subjects=40))
    with figures.style():
        figure = figures.estimation_plot(made.shifts, made.estimates)
        human = figures.human_vs_selected(made.shifts)
    assert figure.axes[1].get_xlim()[1] < 4000
    assert "1" in [t.get_text() for t in figure.axes[1].texts]
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "clips beyond the axis" in legend
    assert human.axes[4].get_ylim()[1] < 200
    assert [human.axes[i].get_title(loc="right") for i in range(3)] == ["", "1 beyond the axis", ""]


def test_an_interval_that_runs_past_the_axis_ends_in_an_arrow():
    made = found(shifts(outlier=400, n_subjects=40))
    with figures.style():
        axes = figures.estimation_plot(made.shifts, made.estimates).axes[1]
    right = axes.get_xlim()[1]
    headline = made.estimates.query(
        "quantity == 'mean_shift' and unit == 'ms' and weighting == 'subject'"
    )
    past = int((headline["conf_high"] > right).sum())
    assert past == sum(1 for line in axes.lines if line.get_marker() == 9) == 1


def test_a_mean_without_interval_says_why(findings):
    lone = found(shifts(groups=("A",) * 9 + ("B",), n_subjects=10))
    blank = findings.estimates.assign(estimate=np.nan, conf_low=np.nan, conf_high=np.nan)
    with figures.style():
        why = figures.estimation_plot(lone.shifts, lone.estimates)
        none = figures.estimation_plot(findings.shifts, blank)
    assert [[t.get_text() for t in axes.texts] for axes in why.axes] == [["1 subject"]] * 3
    assert [t.get_text() for t in none.axes[0].texts] == ["no mean"] * 4


def test_one_column_holds_an_estimation_plot(findings):
    with figures.style():
        figure = figures.estimation_plot(findings.shifts, findings.estimates, width_mm=89)
        assert_legible(figure)
    assert figure.get_size_inches()[0] == pytest.approx(89 * MM)


def test_long_names_of_contrasts_keep_both_sides():
    made = found(shifts(groups=[f"{name} (self-described, mixed)" for name in NAMES],
                        n_subjects=40))  # fmt: skip
    with figures.style():
        figure = figures.contrast_plot(
            made.tests, family=["primary", "heterogeneity", "group-vs-rest", "pairs"]
        )
        assert_legible(figure)
    labels = [t.get_text().splitlines() for t in figure.axes[0].get_yticklabels()]
    assert {keyframe for _, keyframe in labels} == set(KEYS)
    assert {n for n, _ in labels if " vs " not in n} == {"between groups"}
    pairs = {n for n, _ in labels if " vs " in n and not n.endswith(" vs others")}
    assert len(pairs) == made.tests.loc[made.tests["family"] == "pairs", "ethnicity"].nunique()


def test_a_contrast_without_margin_has_no_band(findings):
    with figures.style():
        figure = figures.contrast_plot(findings.tests.assign(margin=np.nan))
    assert figure.axes[0].get_xlabel() == "difference of mean shifts (ms)"


def test_the_axis_says_what_is_contrasted(findings):
    tests = findings.tests.assign(margin=np.nan)
    error = tests.assign(family="annotation-error " + tests["family"])
    with figures.style():
        named = figures.contrast_plot(error, family="annotation-error primary").axes[0]
        mixed = figures.contrast_plot(
            pd.concat([tests, error]), family=["primary", "annotation-error primary"]
        ).axes[0]
        lacking = figures.contrast_plot(tests, family="missingness").axes[0]
        with pytest.raises(TableError, match="have the units ms and share"):
            figures.contrast_plot(tests, family=["primary", "missingness"])
    assert named.get_xlabel() == "difference of mean annotation errors (ms)"
    assert mixed.get_xlabel() == "estimate (ms)"
    assert lacking.get_xlabel() == "estimate (share)"


def test_one_huge_interval_does_not_squash_the_others(findings):
    tests = findings.tests.copy()
    tests.loc[0, ["conf_low", "conf_high"]] = [-5000.0, 5000.0]
    with figures.style():
        axes = figures.contrast_plot(tests).axes[0]
    assert axes.get_xlim()[1] < 200
    assert {line.get_marker() for line in axes.lines} >= {8, 9}


def test_contrasts_that_were_not_tested_say_so():
    made = found(shifts(n_subjects=6))
    with figures.style():
        figure = figures.contrast_plot(made.tests)
    assert [t.get_text() for t in figure.axes[0].texts] == ["not tested"] * 3


def test_planted_shows_the_error_and_the_outcome():
    unknown = {"found_shift_ms": np.nan, "conf_low": np.nan, "conf_high": np.nan}
    rows = pd.concat(
        [
            planted(),
            planted(keyframe="apex", planted_error_ms=-0.2, outcome="can't be told", **unknown),
            planted(keyframe="onset", planted_error_ms=np.nan, outcome="can't be told"),
        ]
    )
    with figures.style():
        figure = figures.planted_plot(rows)
        assert_legible(figure)
    words = [t.get_text() for t in figure.axes[0].texts]
    assert words == ["−40 ms: found", "0 ms: can't be told", "unknown: can't be told"]


def test_revisions_draw(tmp_path):
    table, transitions, subjects = versions()
    estimates = quantify(table).estimates
    assert not unevenness(table).empty
    with figures.style():
        plot = revision_figures.revision_plot(table, estimates)
        figures.save(plot, tmp_path, "r")
        figures.save(revision_figures.subject_revisions(subjects), tmp_path, "s")
        matrix = revision_figures.transition_plot(transitions)
        figures.save(matrix, tmp_path, "t")
    counts = [t.get_text() for t in plot.axes[1].texts]
    revised = int((table.query("keyframe == 'apex'")["shift_frames"] != 0).sum())
    assert f"{revised} of 120" in counts
    with figures.style():
        bare = figures.revision_plot(table)
    assert f"{revised} of 120" in [t.get_text() for t in bare.axes[0].texts]
    assert any(t.get_text().startswith("1\n") for t in matrix.axes[0].texts)


def test_revisions_draw_without_revisions_and_with_wild_ones():
    table, _, subjects = versions()
    with figures.style():
        assert_legible(figures.revision_plot(table.assign(shift_frames=0.0)))
        wild = table.copy()
        wild.loc[wild.index[::50], "shift_frames"] = [3455.0, -2000, 17, -33, 1, 0, 9, 2]
        assert_legible(figures.revision_plot(wild))
        apex = figures.subject_revisions(subjects[subjects["keyframe"] == "apex"])
    assert [[t.get_text() for t in axes.texts] for axes in apex.axes] == [
        ["no labels"], [], ["no labels"],
    ]  # fmt: skip


def test_a_keyframe_without_clips_says_so(findings):
    apex = findings.shifts[findings.shifts["keyframe"] == "apex"]
    with figures.style():
        figure = figures.human_vs_selected(apex)
        assert_legible(figure)
    assert [t.get_text() for t in figure.axes[0].texts] == ["no clips"]


def test_a_gain_without_interval_is_open_and_one_far_out_ends_in_an_arrow():
    table = gains("d", groups=())
    table.loc[0, ["conf_low", "conf_high"]] = np.nan
    table.loc[1, "conf_high"] = 3.0
    with figures.style():
        figure = figures.gain_plot(table)
        assert_legible(figure)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [d.get_markerfacecolor() for d in dots] == ["white", "#222222"]
    assert figure.axes[0].get_xlim()[1] < 0.3
    assert any(line.get_marker() == 9 for line in figure.axes[1].lines)


def test_many_arms_groups_and_classes_stay_legible():
    arms = tuple(f"posterior-draws-{i}@both vs human" for i in range(5))
    groups = tuple(dict.fromkeys("Ethnic group ABCDEFGHIJKL"))
    long = tuple(f"a class with a long name {i}" for i in range(8))
    with figures.style():
        assert_legible(figures.gain_plot(gains("d", groups, arms)))
        assert_legible(figures.confusion_plot(confusion("d", long, ("a", "b", "c", "d"))))


def test_the_confusion_plot_draws_each_share_of_its_true_class_in_the_row():
    table = confusion("d", ("x", "y"), ("human",))
    table.loc[(table["label"] == "x") & (table["predicted"] == "y"), "share"] = 0.75
    with figures.style():
        figure = figures.confusion_plot(table)
    (image,) = figure.axes[0].images
    assert image.get_array().tolist() == [[0.9, 0.75], [0.05, 0.9]]


def test_the_specification_curve_ascends_and_marks_the_planned_analysis(findings):
    table = findings.specifications
    with figures.style():
        figure = figures.specification_plot(table)
    for axes, keyframe in zip(figure.axes[:3], KEYS, strict=True):
        own = table[table["keyframe"].eq(keyframe) & table["unit"].eq("ms")]
        dots, mark = axes.lines[0], axes.lines[1]
        assert sorted(own["estimate"]) == list(dots.get_ydata())
        assert mark.get_ydata().tolist() == own.loc[own["is_primary"], "estimate"].tolist()


def test_a_subject_that_a_conclusion_hangs_on_is_marked(findings):
    table = findings.influence.copy()
    first = table[table["left_out_kind"].eq("subject") & table["keyframe"].eq("apex")].index[0]
    table["changes_conclusion"] = False
    table.loc[first, "changes_conclusion"] = True
    with figures.style():
        figure = figures.influence_plot(table)
    squares = [[line for line in axes.lines if line.get_marker() == "s"] for axes in figure.axes]
    assert [len(own[0].get_xdata()) for own in squares] == [0, 1, 0]


def test_the_power_curve_meets_80_per_cent_where_the_table_says(findings):
    table = findings.power
    with figures.style():
        figure = figures.power_plot(table)
    for axes, keyframe in zip(figure.axes, KEYS, strict=True):
        own = table[table["keyframe"] == keyframe]
        (ring,) = [line for line in axes.lines if line.get_marker() == "o"]
        smallest = own.loc[own["quantity"] == "smallest_shift", "shift_ms"].item()
        assert ring.get_xdata().tolist() == [smallest]
        curve = own[own["quantity"] == "power"]
        assert np.interp(smallest, curve["shift_ms"], curve["power"]) == pytest.approx(
            0.8, abs=0.01
        )


def test_nulls_and_the_coders_spread_are_drawn_where_they_are_known(findings):
    row = findings.estimates[findings.estimates["quantity"] == "mean_shift"].iloc[0].to_dict()
    rows = [row | {"quantity": "coder_sd", "unit": "ms", "source": "motion-blind", "distance": "",
                   "ethnicity": "all", "stratum": "all", "keyframe": k, "estimate": 10.0 + i}
            for i, k in enumerate(KEYS)]  # fmt: skip
    rows += [row | {"quantity": "unbiased_null_mean", "unit": "ms", "ethnicity": "all",
                    "stratum": "all", "keyframe": "apex", "estimate": 2.5}]  # fmt: skip
    table = pd.concat([findings.estimates, pd.DataFrame(rows)], ignore_index=True)
    with figures.style():
        figure = figures.uncertainty_plot(table)
        assert_legible(figure)
    left, right = figure.axes
    assert [2.5] in [list(line.get_xdata()) for line in left.lines]
    squares = [line.get_xdata()[0] for line in right.lines if line.get_marker() == "s"]
    assert squares == [10.0, 11.0, 12.0]
