"""Figures: sizes, marks, bytes, and every edge case draws without a warning."""

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mebias import tables
from mebias.errors import OutputError, TableError
from mebias.quantification import quantify, revisions, unevenness
from mebias.reporting import figures, revision_figures
from mebias.reporting.figure_style import MM, jitter, new_figure

KEYS = tables.KEYFRAMES


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


@pytest.fixture(scope="module")
def findings():
    return found(shifts())


def lettering(figure):
    """Texts that are drawn, with their boxes in pixels; ticks beyond an axis are not drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    hidden = set()
    for axes in figure.axes:
        for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            slack = 1e-6 * abs(ends[1] - ends[0])
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not min(ends) - slack <= tick.get_loc() <= max(ends) + slack:
                    hidden |= {id(tick.label1), id(tick.label2)}
    texts = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
    return [(t, t.get_window_extent(canvas.get_renderer())) for t in texts if id(t) not in hidden]


def assert_legible(figure):
    """No text below 6 pt, none beyond the page, no two on top of each other."""
    drawn = lettering(figure)
    width, height = figure.bbox.size
    for text, box in drawn:
        assert text.get_fontsize() >= 6, text.get_text()
        inside = box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1
        assert inside, f"{text.get_text()!r} leaves the page"
    for (one, a), (two, b) in itertools.combinations(drawn, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 1 or high <= 1, f"{one.get_text()!r} lies on {two.get_text()!r}"


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


def test_every_figure_is_marked_by_its_data_and_has_the_same_bytes_twice(findings, tmp_path):
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        with figures.style():
            drawn = every_figure(findings, "SIMULATED test")
            made.append([p for n, f in drawn.items() for p in figures.save(f, folder, n)])
    assert [p.suffix for p in made[0]] == [".svg", ".pdf", ".png"] * 13
    for first, second in zip(*made, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert len(list((tmp_path / "a").iterdir())) == 39
    for svg in (p for p in made[0] if p.suffix == ".svg"):
        text = svg.read_text(encoding="utf-8")
        assert text.count('id="simulated-mark"') == text.count("SIMULATED data") == 1, svg.name


def test_every_figure_of_real_data_is_legible_and_unmarked(findings):
    with figures.style():
        for name, figure in every_figure(findings, "test").items():
            assert not figure.texts, name
            assert_legible(figure)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputError, match="absent is not a folder"):
        figures.save(new_figure(89, 40), tmp_path / "absent", "f")


def test_widths_are_those_of_a_journal(findings, tmp_path):
    with figures.style():
        figure = figures.estimation_plot(findings.shifts, findings.estimates)
        svg, *_ = figures.save(figure, tmp_path, "f")
    assert figure.get_size_inches()[0] == pytest.approx(183 * MM)
    points = float(svg.read_text(encoding="utf-8").split('width="')[1].split("pt")[0])
    assert points == pytest.approx(183 * MM * 72, abs=0.01)


def test_the_files_of_a_figure_share_one_layout_and_the_figure_keeps_its_engine(
    findings, tmp_path, monkeypatch
):
    with figures.style():
        figure = figures.power_plot(findings.power)
    engine, laid = figure.get_layout_engine(), []
    execute = type(engine).execute
    monkeypatch.setattr(type(engine), "execute",
                        lambda self, fig: laid.append(fig) or execute(self, fig))  # fmt: skip
    figures.save(figure, tmp_path, "f")
    assert laid == [figure]
    assert figure.get_layout_engine() is engine


def test_fonts_are_embedded_in_the_pdf(findings, tmp_path):
    with figures.style():
        paths = figures.save(figures.contrast_plot(findings.tests), tmp_path, "f")
    assert b"/FontFile2" in paths[1].read_bytes()


def test_simulated_data_are_marked_by_the_data_and_once(tmp_path):
    made = found(shifts(dataset="SIMULATED test"))
    with figures.style():
        figure = figures.estimation_plot(made.shifts, made.estimates)
        figures.save(figure, tmp_path, "f", simulated=True)
        assert [t.get_text() for t in figure.texts].count("SIMULATED data") == 1
        assert [t.get_text() for t in figures.contrast_plot(made.tests).texts] == ["SIMULATED data"]
        bare = new_figure(89, 40)
        figures.save(bare, tmp_path, "g", simulated=True)
        assert [t.get_text() for t in bare.texts] == ["SIMULATED data"]


NAMES = ("East Asian", "White British", "Black African/Caribbean or mixed", "Pakistani", "Indian",
         "Latin American", "Middle Eastern", "Pacific Islander")  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"groups": ("all",)},
        {"groups": NAMES, "n_subjects": 40},
        {"spread": 0.0},
        {"groups": ("A", "unknown")},
        {"outlier": 400},
        {"n_subjects": 2},
    ],
    ids=["one group", "eight groups", "identical", "unknown", "outlier", "one subject each"],
)
def test_edge_cases_draw(options, tmp_path):
    made = found(shifts(**options))
    with figures.style():
        figure = figures.estimation_plot(made.shifts, made.estimates)
        figures.save(figure, tmp_path, "e")
        figures.save(figures.human_vs_selected(made.shifts), tmp_path, "h")
        assert_legible(figure)
    groups = {g for g in options.get("groups", "ABC") if g not in ("all", "unknown")}
    labels = [t.get_text().splitlines()[0] for t in figure.axes[0].get_yticklabels()]
    assert labels[0] == "all"
    assert len(labels) >= 1 + min(len(groups), options.get("n_subjects", 18))
    low, high = figure.axes[0].get_xlim()
    means = made.estimates.query("quantity == 'mean_shift' and unit == 'ms'")["estimate"]
    assert low < means.min() <= means.max() < high


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


READ = {
    "estimates": "stratum source distance keyframe quantity unit weighting estimate conf_high",
    "shifts": "clip subject ethnicity source distance keyframe shift_ms rise_frames at_edge",
    "tests": "family ethnicity keyframe estimate unit conf_low conf_high margin p_adjusted",
    "planted": "contrast keyframe planted_error_ms expected_shift_ms conf_low outcome",
    "transitions": "type_old type_new n_clips share conf_low conf_high",
    "subjects": "subject keyframe stratum share",
    "specifications": "keyframe unit is_primary estimate conf_low tails weighting",
    "influence": "keyframe left_out_kind left_out estimate full_conf_low changes_conclusion",
    "power": "keyframe quantity shift_ms power conf_low margin",
    "gains": "arm ethnicity quantity estimate conf_high",
    "confusion": "arm label predicted n_clips share",
}


@pytest.mark.parametrize("name", READ)
def test_a_missing_column_is_named(findings, name):
    _, transitions, subjects = versions()
    table = {"planted": planted(), "transitions": transitions, "subjects": subjects,
             "gains": gains("d"), "confusion": confusion("d")}.get(name)  # fmt: skip
    table = getattr(findings, name) if table is None else table

    def draw(table):
        if name == "estimates":
            figures.estimation_plot(findings.shifts, table)
        elif name == "shifts":
            figures.human_vs_selected(table)
            figures.estimation_plot(table, findings.estimates)
        else:
            {"tests": figures.contrast_plot, "planted": figures.planted_plot,
             "transitions": figures.transition_plot, "gains": figures.gain_plot,
             "confusion": figures.confusion_plot, "influence": figures.influence_plot,
             "specifications": figures.specification_plot, "power": figures.power_plot,
             "subjects": figures.subject_revisions}[name](table)  # fmt: skip

    for column in READ[name].split():
        with pytest.raises(TableError, match=f"has no column {column} "):
            draw(table.drop(columns=column))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: figures.estimation_plot(f.shifts.head(0), f.estimates), "no rows"),
        (lambda f: figures.estimation_plot(f.shifts, f.estimates, source="x"), "rows of x signed"),
        (lambda f: figures.estimation_plot(f.shifts.drop(columns="subject"), f.estimates),
         "no column subject"),
        (lambda f: figures.estimation_plot(f.shifts, f.estimates, weighting="x"), "weighting x"),
        (lambda f: figures.estimation_plot(f.shifts, f.estimates, unit="hours"), "shift_hours"),
        (lambda f: figures.estimation_plot(f.shifts, f.estimates, stratum="micro"), "no rows"),
        (lambda f: figures.contrast_plot(f.tests, family="nothing"), "no rows"),
        (lambda f: figures.revision_plot(f.shifts.assign(shift_frames=np.nan)), "both versions"),
        (lambda f: figures.planted_plot(f.planted), "no rows"),
        (lambda f: figures.gain_plot(f.estimates), "no rows"),
        (lambda f: figures.power_plot(f.power.head(0)), "no rows"),
        (lambda f: figures.influence_plot(f.influence.assign(estimate=np.nan)), "left out"),
        (lambda f: figures.specification_plot(f.specifications.assign(unit="window")), "in ms"),
        (lambda f: figures.uncertainty_plot(f.estimates, source="x"), "mean shift of x"),
        (lambda f: figures.human_vs_selected(f.shifts.assign(rise_frames=np.nan)), "three labels"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_in_a_sentence(findings, call, words):
    with pytest.raises(TableError, match=words):
        call(findings)


def test_nothing_global_changes():
    program = (
        "import sys, matplotlib as m; size = m.rcParams['font.size']; "
        "from mebias.reporting import figures, revision_figures; "
        "exec('with figures.style(): f = figures.Figure()'); "
        "assert m.rcParams['font.size'] == size != 7; "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_jitter_fills_evenly():
    assert np.abs(np.histogram(jitter(1000), 10, (-0.5, 0.5))[0] - 100).max() < 5
