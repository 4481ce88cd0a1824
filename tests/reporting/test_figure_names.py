"""Every figure with 2 and 12 groups, long names and names in other scripts."""

import itertools
import warnings

import figure_cases as cases
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from reporting import drawn_letters

import mebias
from mebias import tables
from mebias.quantification.pooling import groups_of, named_pairs, pool
from mebias.reporting import figures, lettering

HAS_CHINESE = lettering.drawable("汉")
KINDS = [("plain", 2, 89), ("long", 12, 89), ("scripts", 12, 183)]


def faults(figure):
    """Letters under 6 pt, beyond the page, on top of each other; panels squeezed to nothing."""
    drawn = drawn_letters.lettering(figure)
    width, height = figure.bbox.size
    found = [f"{t.get_text()!r} is small" for t, _ in drawn if t.get_fontsize() < 6]
    found += [
        f"{t.get_text()!r} leaves the page"
        for t, b in drawn
        if min(b.x0, b.y0) < -1 or b.x1 > width + 1 or b.y1 > height + 1
    ]
    for (one, a), (two, b) in itertools.combinations(drawn, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1:
            found.append(f"{one.get_text()!r} lies on {two.get_text()!r}")
    for axes in figure.axes:
        box = axes.get_window_extent()
        if box.width < 0.45 * figure.dpi or box.height < 0.25 * figure.dpi:
            found.append(f"a panel of {box.width:.0f} by {box.height:.0f} pixels")
    return found


@pytest.mark.parametrize(("kind", "n", "width"), KINDS, ids=lambda v: str(v))
def test_every_figure_keeps_its_letters_apart_and_has_their_glyphs(kind, n, width):
    with figures.style(), warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is a warning
        for name, figure in cases.every_kind(cases.NAMES[kind][:n], width).items():
            assert faults(figure) == [], name
            assert figure.get_size_inches()[0] * 25.4 == pytest.approx(width)


def test_the_check_finds_letters_on_top_of_each_other_and_missing_glyphs():
    with figures.style():
        figure = lettering.LetteredFigure(figsize=(2, 2))
        figure.text(0.3, 0.5, "one")
        figure.text(0.32, 0.5, "two")
        figure.text(0.9, 0.2, "a long text")
    assert faults(figure) == ["'a long text' leaves the page", "'one' lies on 'two'"]
    bare = lettering.Figure(figsize=(2, 2))
    bare.text(0.5, 0.5, "\U00013000")
    with pytest.warns(UserWarning, match="missing from font"):
        FigureCanvasAgg(bare).draw()


def test_long_names_that_begin_alike_stay_told_apart():
    names = lettering.short_names(cases.LATIN, 14)
    assert len(set(names.values())) == 12
    assert max(map(len, names.values())) <= 14
    assert names[cases.LATIN[7]].endswith(" 07")
    same = lettering.short_names(["x" * 30 + "A" + "y" * 30, "x" * 30 + "B" + "y" * 30], 10)
    assert len(set(same.values())) == 2


def test_a_name_without_any_font_is_written_out_and_told(monkeypatch):
    monkeypatch.setattr(lettering, "_fonts", lambda: ())
    lettering.family_of.cache_clear()
    try:
        assert lettering.spelled("汉族 Han") == "U+6C49 U+65CF Han"
        assert lettering.spelled("한국") == "hangug"
        table = cases.shifts(("汉族", "Österreich"))
        (row,) = lettering.lettering_issues(table.query("ethnicity != 'x'")).to_dict("records")
        assert row["dataset"] == "d"
        assert row["severity"] == "note"
        assert "汉族 as U+6C49 U+65CF" in row["message"]
        assert "Österreich" not in row["found"]
        with figures.style(), warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = figures.raincloud_plot(table)
            shown = [t.get_text() for t, _ in drawn_letters.lettering(figure)]
        assert any("U+6C49" in text for text in shown)
        assert not any("汉" in text for text in shown)
    finally:
        lettering.family_of.cache_clear()


def test_names_that_can_be_drawn_are_no_issue():
    assert lettering.lettering_issues(cases.shifts(("A", "Österreich"))).empty


def test_chinese_is_drawn_in_a_font_that_has_it():
    if not HAS_CHINESE:
        pytest.skip("no font with Chinese characters on this system")
    family = lettering.family_of("汉")
    path = font_manager.findfont(family, fallback_to_default=False)
    assert ord("汉") in lettering._glyphs(path)
    assert family != lettering.FONT
    with figures.style():
        drawn = drawn_letters.lettering(figures.raincloud_plot(cases.shifts(("汉族", "B"))))
    (label,) = [t for t, _ in drawn if t.get_text() == "汉族"]
    assert label.get_fontfamily() == [lettering.FONT, family]


def test_a_name_read_from_right_to_left_stays_before_what_follows_it():
    with figures.style():
        drawn = drawn_letters.lettering(figures.raincloud_plot(cases.shifts(("عرب", "B"))))
    if lettering._shapes():
        assert "\u200eعرب" in [t.get_text() for t, _ in drawn]


def test_a_name_read_from_right_to_left_that_was_cut_ends_in_its_dots_on_the_left():
    if not lettering._shapes():
        pytest.skip("this matplotlib writes such names out in Latin letters")
    figure = lettering.LetteredFigure(figsize=(2, 2), dpi=200)
    text = figure.text(0.5, 0.5, lettering.short("ש" * 40, 8))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ink = np.asarray(canvas.buffer_rgba())[..., 0] < 128
    box = text.get_window_extent(canvas.get_renderer())
    columns = np.flatnonzero(ink.any(axis=0))
    assert text.get_text() == "\u200e" + "ש" * 7 + "…\u200f"
    height = [ink[:, part].any(axis=1).sum() for part in
              (slice(columns[0], columns[0] + int(box.width / 16)),
               slice(columns[-1] - int(box.width / 16), columns[-1]))]  # fmt: skip
    assert height[0] < height[1] / 2


def test_dollars_and_odd_white_space_in_names_are_drawn_as_they_are(tmp_path):
    with figures.style():
        figure = figures.raincloud_plot(cases.shifts(("a$b_{c}$^", "x\t\ny\x07")))
        texts = [t.get_text() for t, _ in drawn_letters.lettering(figure)]
        figures.save(figure, tmp_path, "f")
    assert {"a$b_{c}$^", "x y"} <= set(texts)


def test_both_sides_of_a_contrast_stay_apart_where_names_begin_alike():
    two, made = cases.LATIN[:2], cases.findings(cases.LATIN[:2])
    with figures.style():
        culture = figures.culture_plot(cases.coding(two), width_mm=89)
        assert faults(culture) == []
        drawn = {
            "culture": culture.axes[0].get_ylabel().replace("\n", " "),
            "forest": figures.forest_plot(cases.over_datasets(two)).axes[1].get_xlabel(),
        }
        influence = figures.influence_plot(made.influence, width_mm=89)
    for name, label in drawn.items():
        assert "00 vs " in label.split("\n")[0], name
        assert label.split("\n")[0].endswith(" 01"), name
    most = influence.axes[0].get_xlabel().split("\n")[-1]
    assert most[-1].isdigit()  # the subject's own end, not the group's beginning


def test_curves_of_two_arms_differ_without_color():
    with figures.style():
        axes = figures.curve_plot(cases.curves(("human", "gamdss")), 2).axes[0]
    styles = {line.get_label(): line._dash_pattern for line in axes.lines}
    assert styles["human"] != styles["gamdss"]


def test_counts_of_the_audit_stay_in_their_tiles():
    issues = tables.pd.concat([cases.issues(cases.LATIN)] * 10)
    with figures.style():
        figure = figures.audit_plot(issues, width_mm=89)
        drawn = {
            t.get_text(): b for t, b in drawn_letters.lettering(figure) if t in figure.axes[0].texts
        }
    axes = figure.axes[0]
    wide = axes.get_window_extent().width / len(cases.LATIN)
    assert "12k" in drawn
    assert max(box.width for box in drawn.values()) < wide


def test_a_band_in_a_legend_ends_before_its_words():
    made = cases.findings(("A", "B"))
    with figures.style():
        for figure in (figures.gain_plot(cases.gains(("A",))), figures.power_plot(made.power),
                       figures.influence_plot(made.influence)):  # fmt: skip
            bands = [h for h in figure.legends[0].legend_handles if h.get_linewidth() > 4]
            assert [band.get_solid_capstyle() for band in bands] == ["butt"]


def test_few_short_classes_are_read_without_turning_the_page():
    with figures.style():
        figure = figures.confusion_plot(cases.confusion(("negative", "positive")))
        many = figures.confusion_plot(cases.confusion(cases.LATIN), width_mm=89)
    assert {label.get_rotation() for label in figure.axes[0].get_xticklabels()} == {0}
    assert {label.get_rotation() for label in many.axes[-1].get_xticklabels()} == {90}


def numbers(made, keyframe, quantity):
    row = made.estimates.query(
        "quantity == @quantity and unit == 'ms' and ethnicity == 'all' and keyframe == @keyframe"
    ).iloc[0]
    return row[["estimate", "conf_low", "conf_high"]].tolist()


def flat(axes, style):
    return sorted(
        line.get_ydata()[0]
        for line in axes.lines
        if line.get_linestyle() == style and len(set(line.get_ydata())) == 1
    )


def test_bland_altman_draws_the_limits_of_the_table_and_their_intervals():
    names = ("A", "B")
    made = cases.findings(names, "v2", windows=False)
    with figures.style():
        figure = figures.bland_altman_plot(made.shifts, made.estimates, source="v2", distance="")
    for axes, keyframe in zip(figure.axes, tables.KEYFRAMES, strict=True):
        low, high = (numbers(made, keyframe, f"limit_{side}") for side in ("low", "high"))
        assert flat(axes, "--") == pytest.approx([low[0], high[0]])
        bands = {(round(p.get_y(), 6), round(p.get_y() + p.get_height(), 6)) for p in axes.patches}
        assert {tuple(round(v, 6) for v in ends[1:]) for ends in (low, high)} <= bands
        points = axes.collections[0].get_offsets()
        own = made.shifts.query("keyframe == @keyframe")
        assert sorted(points[:, 1]) == pytest.approx(sorted(own["shift_ms"]))


def test_bland_altman_of_windowed_shifts_draws_quantiles_and_the_windows_reach():
    made = cases.findings(("A", "B"))
    with figures.style():
        figure = figures.bland_altman_plot(made.shifts, made.estimates)
    quantiles = [numbers(made, "apex", q)[0] for q in ("quantile_05", "quantile_95")]
    reach = [numbers(made, "apex", q)[0] for q in ("window_reach_low", "window_reach_high")]
    assert flat(figure.axes[1], "--") == pytest.approx(sorted(quantiles))
    assert flat(figure.axes[1], ":") == pytest.approx(sorted(reach)) == [-60, 60]
    words = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "5 and 95 % quantiles" in words
    assert "95 % limits" not in words


def test_annotation_error_turns_the_sign():
    made = cases.findings(("A", "B"), "v2", windows=False)
    with figures.style():
        figure = figures.bland_altman_plot(
            made.shifts, made.estimates, source="v2", distance="", error=True
        )
    low, high = (numbers(made, "apex", f"limit_{side}")[0] for side in ("low", "high"))
    assert flat(figure.axes[1], "--") == pytest.approx([-high, -low])
    assert figure.axes[0].get_ylabel() == "human − v2 (ms)"


@pytest.mark.parametrize(
    ("n", "rows"), [(2, []), (3, ["pooled"]), (5, ["pooled", "a new dataset"])]
)
def test_a_forest_pools_from_three_and_predicts_from_four_on(n, rows):
    names = [f"d{i}" for i in range(n)]
    table = cases.over_datasets(names)
    with figures.style():
        figure = figures.forest_plot(table)
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == [*names, *rows]
    for axes, keyframe in zip(figure.axes, tables.KEYFRAMES, strict=True):
        own = table[table["keyframe"] == keyframe].drop_duplicates(["dataset", "quantity"])
        squares = [line for line in axes.lines if line.get_marker() == "s"]
        expected = own[own["dataset"].isin(names)]["estimate"]
        assert [s.get_xdata()[0] for s in squares] == pytest.approx(expected.tolist())
        pooled = own[own["quantity"].str.startswith("pooled") & own["estimate"].notna()]
        assert len(axes.patches) == len(pooled) == int(n > 2)
        if len(pooled):
            corners = axes.patches[0].get_xy()[:, 0]
            assert corners.min() == pytest.approx(pooled["conf_low"].item())
            assert corners.max() == pytest.approx(pooled["conf_high"].item())


def test_a_forest_prefers_what_is_pooled_and_knows_who_the_others_of_two_groups_are():
    rng = np.random.default_rng(2)
    row = {"stratum": "all", "source": "gamdss", "distance": "signed", "unit": "ms",
           "weighting": "subject", "df": 12.0, "std_error": 3.0, "n_clips": 90,
           "n_subjects": 14}  # fmt: skip
    rows = []
    for name, groups in (("d", "AB"), ("e", "ABC"), ("f", "ABC")):
        contrasts = ["A vs others"] + ["A vs B"] * (len(groups) > 2)
        for k in tables.KEYFRAMES:
            rows += [row | {"dataset": name, "keyframe": k, "quantity": "mean_shift",
                            "ethnicity": g, "estimate": 1.0} for g in groups]  # fmt: skip
            for contrast in contrasts:
                x = rng.normal()
                rows.append(row | {"dataset": name, "keyframe": k, "ethnicity": contrast,
                                   "quantity": "mean_shift_difference", "estimate": x,
                                   "conf_low": x - 6, "conf_high": x + 6})  # fmt: skip
    own = tables.from_rows(rows, "estimates")
    pooled = pool(named_pairs(own, groups_of(own)))
    table = tables.conform(pd.concat([own, pooled[pooled["dataset"] == "pooled"]]), "estimates")
    with figures.style():
        figure = figures.forest_plot(table)
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["d", "e", "f", "pooled"]
    assert figure.axes[1].get_xlabel().startswith("A vs B")


def test_a_forest_finds_the_pooled_contrast_of_a_pair_named_the_other_way_round():
    table = cases.over_datasets(["zeta", "beta", "gamma"])
    assert "zeta vs beta" in set(table["ethnicity"])
    with figures.style():
        figure = figures.forest_plot(table, contrast="zeta vs beta")
    assert figure.axes[1].get_xlabel().startswith("beta vs zeta")
    assert len(figure.axes[0].patches) == 1
    own = table.query("dataset == 'beta' and keyframe == 'onset'")["estimate"].item()
    drawn = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "s"]
    assert -own in drawn


@pytest.mark.parametrize("width", [89, 183])
def test_intervals_of_many_subjects_and_choices_stay_apart(width):
    made = cases.findings(cases.NAMES["plain"][:2])
    one = made.influence.query("left_out_kind == 'subject'").drop_duplicates("keyframe")
    many = pd.concat([one.assign(left_out=f"s{i}") for i in range(150)])
    first = made.specifications.query("unit == 'ms'").drop_duplicates("keyframe")
    choices = pd.concat([first.assign(weighting=f"w{i % 3}") for i in range(150)])
    with figures.style():
        drawn = [figures.influence_plot(many, width_mm=width),
                 figures.specification_plot(choices, width_mm=width)]  # fmt: skip
    for figure in drawn:
        figure.draw_without_rendering()
        axes = figure.axes[0]
        (intervals,) = [c for c in axes.collections if len(c.get_segments()) == 150]
        (left, _), (right, _) = axes.transData.transform([(0, 0), (1, 0)])
        assert intervals.get_linewidth()[0] < 0.75 * 72 * (right - left) / figure.dpi


@pytest.mark.parametrize("width", [89, 183])
@pytest.mark.parametrize("shares", [[0.5, 1.0], [i / 10 for i in range(1, 11)]], ids=len)
def test_a_planned_study_keeps_its_letters_apart(width, shares):
    plan = mebias.plan_study(coders=[2, 3, 4, 5, 6, 8], double_coded=shares, fps=[30, 60, 200],
                             subjects=[20, 60])  # fmt: skip
    with figures.style():
        figure = figures.study_plot(plan.table, width_mm=width)
        assert faults(figure) == []
    assert [axes.get_title("left") for axes in figure.axes[:3]] == ["Onset", "Apex", "Offset"]
    assert len(figure.legends[0].get_texts()) == 6


def test_the_legend_of_a_dose_response_lies_below_the_data():
    arms = ("human", "motion", "motion@both", "motion-blind@both", "gamdss", "truth")
    rows = [{"dataset": "d", "label_sd_ms": sd, "arm": arm, "uf1": 0.6 - sd / 200 - 0.02 * i,
             "uf1_mc_error": 0.01, "n_cohorts": 3}
            for sd in (0.0, 40.0, 80.0) for i, arm in enumerate(arms)]  # fmt: skip
    with figures.style():
        axes = figures.dose_response_plot(pd.DataFrame(rows))
        assert faults(axes.figure) == []
    (legend,) = axes.figure.legends
    assert legend.get_window_extent().y1 <= axes.get_window_extent().y0


@pytest.mark.parametrize("names", [cases.NAMES["plain"], cases.LATIN], ids=["plain", "long"])
def test_contrasts_of_twelve_groups_fit_a_page(names):
    made = cases.findings(names)
    with figures.style():
        drawn = [
            figures.contrast_plot(made.tests, family=["primary", "group-vs-rest"], width_mm=89),
            figures.planted_plot(cases.planted(names), width_mm=89),
        ]
        for figure in drawn:
            assert faults(figure) == []
            assert figure.get_size_inches()[1] * 25.4 <= 247  # of the larger journals


def test_the_audit_counts_each_check_and_puts_errors_first():
    with figures.style():
        figure = figures.audit_plot(cases.issues(("one", "two", "three")))
    (axes,) = figure.axes
    kinds = [t.get_text() for t in axes.get_yticklabels()]
    assert kinds[:2] == ["a check with a name that is far t…", "apex-order"]
    assert kinds[2:4] == ["units", "duration"]
    tiles = {(round(t.get_position()[0]), kinds[round(t.get_position()[1])]): t.get_text()
             for t in axes.texts}  # fmt: skip
    assert tiles[1, "units"] == "1,200"
    assert tiles[2, "duration"] == "7"
    assert (0, "units") not in tiles


def test_the_audit_names_issues_of_several_datasets_without_their_mark():
    figure = figures.audit_plot(cases.issues(("SIMULATED a", "SIMULATED a, SIMULATED b")))
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["a", "a, b"]


def test_a_raincloud_counts_every_clip():
    made = cases.shifts(("A", "B"))
    with figures.style():
        figure = figures.raincloud_plot(made)
    for axes, keyframe in zip(figure.axes, tables.KEYFRAMES, strict=True):
        own = made[made["keyframe"] == keyframe]
        points = [len(c.get_offsets()) for c in axes.collections]
        beyond = sum(int(t.get_text().split()[0]) for t in axes.texts)
        assert sum(points) + beyond == 2 * len(own)  # all, and each group


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: figures.forest_plot(cases.over_datasets(("a", "b")), contrast="x vs y"), "x vs y"),
        (lambda: figures.audit_plot(tables.empty("issues")), "no rows"),
        (lambda: figures.raincloud_plot(cases.shifts(("A",)), source="x"), "no shifts of x signed"),
        (lambda: figures.bland_altman_plot(cases.shifts(("A",)), tables.empty("estimates")),
         "no rows"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_in_a_sentence(draw, words):
    with pytest.raises(tables.TableError, match=words):
        draw()


def test_a_notebook_shows_a_figure_without_pyplot():
    with figures.style():
        picture = figures.raincloud_plot(cases.shifts(("A", "B")))._repr_png_()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
