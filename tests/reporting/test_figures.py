"""Figures: sizes, marks, bytes, and every edge case draws without a warning."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.errors import TableError
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


def test_the_same_figure_gives_the_same_bytes(findings, tmp_path):
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with figures.style():
            figure = figures.estimation_plot(findings.shifts, findings.estimates)
            made.append(figures.save(figure, tmp_path / name, "f"))
    assert [p.suffix for p in made[0]] == [".svg", ".pdf", ".png"]
    for first, second in zip(*made, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["f.pdf", "f.png", "f.svg"]


def test_widths_are_those_of_a_journal(findings, tmp_path):
    with figures.style():
        figure = figures.estimation_plot(findings.shifts, findings.estimates)
        svg, *_ = figures.save(figure, tmp_path, "f")
    assert figure.get_size_inches()[0] == pytest.approx(183 * MM)
    points = float(svg.read_text(encoding="utf-8").split('width="')[1].split("pt")[0])
    assert points == pytest.approx(183 * MM * 72, abs=0.01)


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


def test_real_data_are_not_marked(findings):
    with figures.style():
        assert not figures.estimation_plot(findings.shifts, findings.estimates).texts


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
    assert figure.axes[1].get_xlim()[1] < 4000
    assert "1" in [t.get_text() for t in figure.axes[1].texts]


def test_contrasts_that_were_not_tested_say_so():
    made = found(shifts(n_subjects=6))
    with figures.style():
        figure = figures.contrast_plot(made.tests)
    assert [t.get_text() for t in figure.axes[0].texts] == ["not tested"] * 3


def test_planted_shows_the_error_and_the_outcome(tmp_path):
    row = {"contrast": "A vs others", "keyframe": "offset", "planted_error_ms": -40.0,
           "expected_shift_ms": 9.0, "found_shift_ms": 5.0, "conf_low": 1.0, "conf_high": 9.0,
           "outcome": "found", "dataset": "SIMULATED x", "source": "gamdss"}  # fmt: skip
    empty = {**row, "keyframe": "apex", "planted_error_ms": 0.0, "found_shift_ms": np.nan,
             "conf_low": np.nan, "conf_high": np.nan, "outcome": "can't be told"}  # fmt: skip
    with figures.style():
        figure = figures.planted_plot(tables.from_rows([row, empty], "planted"))
        figures.save(figure, tmp_path, "p")
    words = [t.get_text() for t in figure.axes[0].texts]
    assert words == ["−40 ms: found", "0 ms: can't be told"]


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
    assert any(t.get_text().startswith("1\n") for t in matrix.axes[0].texts)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: figures.estimation_plot(f.shifts.head(0), f.estimates), "no rows"),
        (lambda f: figures.estimation_plot(f.shifts, f.estimates, source="x"), "rows of x signed"),
        (lambda f: figures.estimation_plot(f.shifts.drop(columns="subject"), f.estimates),
         "no column subject"),
        (lambda f: figures.contrast_plot(f.tests, family="nothing"), "no rows"),
        (lambda f: figures.planted_plot(f.planted), "no rows"),
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
