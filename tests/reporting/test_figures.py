"""Figures: sizes, marks, bytes, and every edge case draws without a warning."""

import subprocess
import sys

import numpy as np
import pytest
from reporting.drawn_letters import assert_legible
from reporting.drawn_tables import (
    NAMES,
    confusion,
    every_figure,
    found,
    gains,
    planted,
    shifts,
    versions,
)

from mebias.errors import OutputError, TableError
from mebias.reporting import figures
from mebias.reporting.figure_style import MM, jitter, new_figure


@pytest.fixture(scope="module")
def findings():
    return found(shifts())


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
