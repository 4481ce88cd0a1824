"""Pictures of single clips: what is marked where, read from the artists."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from reporting.clip_pictures import (
    PLOTS,
    WIDTHS,
    artist,
    count,
    frames_of,
    simulated,
    without,
    words,
)
from reporting.drawn_letters import assert_legible

import mebias
from mebias import tables
from mebias.errors import FrameError, OptionError
from mebias.reporting.clip_motion import movement
from mebias.reporting.clip_view import view
from mebias.reporting.figure_style import MM
from mebias.selection.distances import signed_squared, uint8_squared


@pytest.fixture(scope="module")
def cohort():
    return simulated()


@pytest.fixture(scope="module")
def clip(cohort):
    return cohort.clips["clip"].iloc[1]


CASES = {
    "samm": {},
    "4dme": {"name": "4dme"},
    "trimmed": {"trimmed": True},
    "slow": {"fps": 30.0},
    "still": {"amplitude": 0.0},
    "color": {"name": "casme3", "size": (60, 90)},
    "tall": {"size": (160, 50)},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", PLOTS)
def test_legible_and_marked_at_both_widths(kind, case):
    cohort = simulated(**CASES[case])
    clip = cohort.clips["clip"].iloc[0]
    for width in WIDTHS:
        figure = PLOTS[kind](cohort, clip, width_mm=width)
        assert figure.get_size_inches()[0] == pytest.approx(width * MM)
        assert figure.get_size_inches()[1] <= 240 * MM
        assert_legible(figure)
        assert "SIMULATED data" in words(figure)
        assert any(clip in text for text in words(figure))


def test_a_recorded_cohort_is_not_called_simulated(cohort, clip):
    tables_ = {
        name: getattr(cohort, name).assign(dataset="samm") for name in ("clips", "keyframes")
    }
    recorded = replace(cohort, **tables_)
    for plot in PLOTS.values():
        assert not any("SIMULATED" in text for text in words(plot(recorded, clip)))


@pytest.mark.parametrize("rule", ["gamdss", "gamdss-released", "gamdss-wide", "gamdss:0.3"])
def test_distances_outline_windows_and_pairs(cohort, clip, rule):
    axes = mebias.plot_distances(cohort, clip, rule=rule).axes[0]
    table = mebias.reselect(cohort, rule)
    own = table[table["clip"] == clip].set_index("keyframe")
    human = frames_of(cohort.keyframes, clip, "human")
    pairs = {"pair-human": human, "pair-chosen": own["frame"].to_dict()}
    for gid, frames in pairs.items():
        drawn = artist(axes, gid).get_xydata().tolist()
        apex = frames["apex"]
        assert drawn == [[frames["onset"], apex], [frames["offset"], apex]]
    low, high = own["window_low"] - 0.5, own["window_high"] + 0.5
    box = artist(axes, "window-pair").get_bbox().extents
    assert box.tolist() == [low["onset"], low["apex"], high["onset"], high["apex"]]
    box = artist(axes, "window-offset").get_bbox().extents
    apex = own["frame"]["apex"]
    assert box.tolist() == [low["offset"], apex - 0.5, high["offset"], apex + 0.5]


@pytest.mark.parametrize(("name", "exact"), [("signed", signed_squared), ("uint8", uint8_squared)])
def test_distances_are_per_pixel_and_the_apex_is_the_minuend(name, exact):
    cohort = simulated("casme3")
    clip = cohort.clips["clip"].iloc[0]
    figure = mebias.plot_distances(cohort, clip, distance=name)
    mesh = figure.axes[0].collections[0]
    corners = mesh.get_coordinates()
    values = mesh.get_array()
    film = cohort.film(clip)
    for row, column in ((2, 5), (5, 2), (4, 4)):
        other, apex = (corners[row, column] + corners[row + 1, column + 1]) / 2
        squared = exact(film.at(round(apex)), film.at(round(other)))
        expected = (squared / film.at(round(apex)).size) ** 0.5
        assert values[row, column] == pytest.approx(expected)
    assert f"{name} difference (RMS gray levels per pixel)" in words(figure)


def test_each_detail_holds_its_window_and_points(cohort, clip):
    figure = mebias.plot_distances(cohort, clip)
    for axes, gid in zip(figure.axes[1:3], ("window-pair", "window-offset"), strict=True):
        x0, y0, x1, y1 = artist(axes, gid).get_bbox().extents
        left, right = axes.get_xlim()
        low, high = axes.get_ylim()
        assert left < x0 < x1 < right and low < y0 < y1 < high
        assert len(artist(axes, "pair-chosen").get_xydata()) == 1


def test_a_window_that_is_the_whole_clip_gets_no_details(cohort, clip):
    figure = mebias.plot_distances(cohort, clip, rule="gamdss-global")
    assert len(figure.axes) == 2  # the whole and its scale
    assert_legible(figure)


def test_missing_frames_are_hatched(cohort, clip):
    trimmed = simulated(trimmed=True)
    figure = mebias.plot_distances(trimmed, trimmed.clips["clip"].iloc[0])
    assert "no frames" in words(figure)
    values = figure.axes[0].collections[0].get_array()
    assert values.mask[0].all() and not values.mask[len(values) // 2].all()
    assert "no frames" not in words(mebias.plot_distances(cohort, clip))


@pytest.mark.parametrize("options", [{}, {"trimmed": True}, {"size": (150, 101)}])
def test_motion_shows_what_reselect_says(options):
    cohort = simulated(**options)
    clip = cohort.clips["clip"].iloc[0]
    table = mebias.reselect(cohort, ["motion", "motion-blind"], seed=3)
    found = movement(view(cohort, clip), seed=3)
    for source in ("motion", "motion-blind"):
        own = table[(table["clip"] == clip) & (table["source"] == source)]
        bounds = np.quantile(found.draws[source], [0.025, 0.975], axis=0)
        np.testing.assert_allclose(bounds, own[["low", "high"]].to_numpy().T, rtol=1e-6)
        np.testing.assert_allclose(found.draws[source].std(axis=0), own["sd"], rtol=1e-6)


def test_motion_marks_are_in_ms_from_the_human_onset(cohort, clip):
    figure = mebias.plot_motion(cohort, clip)
    upper, lower = figure.axes
    rate = 1000 / 200
    human = frames_of(cohort.keyframes, clip, "human")
    chosen = frames_of(mebias.reselect(cohort, "gamdss"), clip, "gamdss")
    located = mebias.reselect(cohort, ["motion", "motion-blind"])
    for keyframe in tables.KEYFRAMES:
        at = (human[keyframe] - human["onset"]) * rate
        assert artist(upper, f"human-{keyframe}").get_xdata()[0] == at
        assert artist(lower, f"human-{keyframe}").get_xdata()[0] == at
        (mark,) = artist(lower, f"chosen-{keyframe}").get_xdata()
        assert mark == (chosen[keyframe] - human["onset"]) * rate
        for source in ("motion", "motion-blind"):
            row = located[(located["clip"] == clip) & (located["source"] == source)]
            row = row.set_index("keyframe").loc[keyframe]
            ends = (row[["low", "high"]].to_numpy(dtype=float) - human["onset"]) * rate
            line = artist(lower, f"interval-{source}-{keyframe}")
            np.testing.assert_allclose(line.get_xdata(), np.clip(ends, *lower.get_xlim()))
            assert count(lower, f"density-{source}-{keyframe}") == 1


def test_the_course_runs_from_0_to_1_and_rises(cohort, clip):
    line = artist(mebias.plot_motion(cohort, clip).axes[0], "course-1")
    times, values = line.get_xdata(), line.get_ydata()
    assert (values.min(), values.max()) == (0, 1)
    human = frames_of(cohort.keyframes, clip, "human")
    apex = (human["apex"] - human["onset"]) * 5
    at_apex, at_onset = (values[np.abs(times - t).argmin()] for t in (apex, 0))
    assert at_apex > at_onset + 0.5


def test_frames_stand_above_the_course(cohort, clip):
    figure = mebias.plot_motion(cohort, clip)
    FigureCanvasAgg(figure).draw()
    (scale,) = figure.axes[0].child_axes
    assert scale.get_xlabel() == "frame"
    seen = view(cohort, clip)
    np.testing.assert_allclose(
        scale.get_xlim(), [seen.to_frame(ms) for ms in figure.axes[0].get_xlim()]
    )


def test_undetectable_is_said_and_no_posterior_drawn():
    cohort = simulated(amplitude=0.0, n_subjects=4, n_clips=8)
    table = mebias.reselect(cohort, "motion-blind")
    lost = table.loc[table["status"] == "undetectable", "clip"]
    assert len(lost)
    figure = mebias.plot_motion(cohort, lost.iloc[0])
    assert "undetectable: nothing moves beyond noise" in words(figure)
    assert_legible(figure)
    assert count(figure, "density-") == count(figure, "interval-") == 0
    assert figure.axes[1].get_yticklabels()[0].get_text() == "onset\n(undetectable)"
    assert any("motion undetectable" in w for w in words(mebias.plot_film(cohort, lost.iloc[0])))


def test_a_cut_clip_has_hatched_edges(cohort, clip):
    trimmed = simulated(trimmed=True)
    figure = mebias.plot_motion(trimmed, trimmed.clips["clip"].iloc[0])
    assert count(figure.axes[0], "no-frames") == 2
    assert count(mebias.plot_motion(cohort, clip).axes[0], "no-frames") == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_film_marks_the_chosen_frames(cohort, clip, width):
    figure = mebias.plot_film(cohort, clip, width_mm=width)
    human = frames_of(cohort.keyframes, clip, "human")
    table = mebias.reselect(cohort, ["gamdss", "motion"])
    for source, frames in (
        ("human", human),
        ("gamdss", frames_of(table, clip, "gamdss")),
        ("motion", frames_of(table, clip, "motion")),
    ):
        for keyframe in tables.KEYFRAMES:
            picture = artist(figure, f"frame-{keyframe}-{frames[keyframe]:.0f}")
            assert count(picture.axes, f"border-{source}") == 1
        assert count(figure, f"border-{source}") == 3
    onset = int(human["onset"])
    assert np.ptp(artist(figure, f"difference-onset-{onset}").get_array()) == 0
    norms = {id(i.norm) for axes in figure.axes for i in axes.images if i.get_cmap().name != "gray"}
    assert len(norms) == 1
    assert f"{onset}\n0 ms" in words(figure)
    assert {"H  human", "G  gamdss", "M  motion"} <= set(words(figure))


def test_film_shows_the_frame_as_it_is(cohort, clip):
    figure = mebias.plot_film(cohort, clip)
    apex = int(frames_of(cohort.keyframes, clip, "human")["apex"])
    shown = artist(figure, f"frame-apex-{apex}").get_array()
    np.testing.assert_array_equal(shown, cohort.film(clip).at(apex))


def test_color_is_not_swapped():
    cohort = simulated("casme3")
    clip = cohort.clips["clip"].iloc[0]
    apex = int(frames_of(cohort.keyframes, clip, "human")["apex"])
    shown = artist(mebias.plot_film(cohort, clip), f"frame-apex-{apex}").get_array()
    np.testing.assert_array_equal(shown, cohort.film(clip).at(apex)[:, :, ::-1])


def test_nothing_is_marked_without_a_rule(cohort, clip):
    for rule in (None, "motion"):
        assert count(mebias.plot_motion(cohort, clip, rule=rule), "chosen-") == 0
        assert count(mebias.plot_film(cohort, clip, rule=rule), "border-gamdss") == 0


class Long:
    """Two thousand frames, made when asked for."""

    def __init__(self, side=96, count=2000):
        rng = np.random.default_rng(0)
        self.face = rng.integers(60, 190, (side, side)).astype(np.float32)
        self.count = count

    def numbers(self, clip):
        return np.arange(self.count)

    def read(self, clip, number):
        extent = np.exp(-(((number - 900) / 60) ** 2))
        noise = np.random.default_rng(number).normal(0, 1, self.face.shape)
        moved = np.roll(self.face, 1, axis=0) * extent + self.face * (1 - extent)
        return np.clip(moved + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def long_cohort(cohort):
    clip = cohort.clips["clip"].iloc[0]
    keyframes = cohort.keyframes[cohort.keyframes["clip"] == clip].copy()
    keyframes["frame"] = keyframes["keyframe"].map({"onset": 800, "apex": 900, "offset": 1040})
    clips = cohort.clips[cohort.clips["clip"] == clip]
    return replace(cohort, frames=Long(), clips=clips, keyframes=keyframes)


@pytest.mark.parametrize("kind", PLOTS)
def test_a_long_clip_is_thinned(long_cohort, kind):
    clip = long_cohort.clips["clip"].iloc[0]
    tracemalloc.start()
    figure = PLOTS[kind](long_cohort, clip)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6
    assert_legible(figure)
    if kind == "distances":
        assert max(figure.axes[0].collections[0].get_array().shape) <= 120
        assert figure.axes[0].get_xlabel() == "onset or offset frame, every 3rd"


@pytest.mark.parametrize("width", WIDTHS)
def test_frame_numbers_of_five_digits_fit(cohort, clip, width):
    class Late(Long):
        def numbers(self, clip):
            return 51_000 + np.arange(200)

    keyframes = cohort.keyframes[cohort.keyframes["clip"] == clip].copy()
    keyframes["frame"] += 51_000
    late = replace(cohort, frames=Late(), keyframes=keyframes)
    for plot in PLOTS.values():
        figure = plot(late, clip, width_mm=width)
        assert_legible(figure)
        assert not any("e4" in text for text in words(figure))


@pytest.mark.parametrize("plot", PLOTS.values())
def test_bad_input_is_said_in_a_sentence(cohort, clip, plot):
    with pytest.raises(OptionError, match=r"has no clip 's01/s01_99'.*did you mean"):
        plot(cohort, "s01/s01_99")
    with pytest.raises(OptionError, match="no picture of its clips can be drawn"):
        plot(replace(cohort, frames=None), clip)
    with pytest.raises(OptionError, match="unknown rule"):
        plot(cohort, clip, rule="gamdsss")
    with pytest.raises(OptionError, match="unknown distance"):
        plot(cohort, clip, distance="cosine")
    with pytest.raises(OptionError, match="no coder 'x'"):
        plot(cohort, clip, coder="x")

    class Nothing(Long):
        def numbers(self, clip):
            return np.arange(0)

    with pytest.raises(FrameError, match="no frames on disk"):
        plot(replace(cohort, frames=Nothing()), clip)


def test_missing_keyframes(cohort, clip):
    no_apex, no_onset = without(cohort, "apex"), without(cohort, "onset")
    with pytest.raises(FrameError, match="no usable human apex"):
        mebias.plot_distances(no_apex, clip)
    with pytest.raises(FrameError, match="no usable human onset or offset"):
        mebias.plot_motion(no_onset, clip)
    figure = mebias.plot_motion(no_apex, clip)
    assert count(figure, "human-apex") == 0 and count(figure, "density-motion-blind") == 3
    assert_legible(figure)
    for lacking in (no_apex, no_onset):
        assert_legible(mebias.plot_film(lacking, clip))


def test_a_rule_of_motion_has_no_distances(cohort, clip):
    with pytest.raises(OptionError, match="no windows"):
        mebias.plot_distances(cohort, clip, rule="motion")


def test_a_coder_is_chosen(cohort, clip):
    second = cohort.keyframes.assign(coder="two", frame=cohort.keyframes["frame"] + 2)
    both = replace(cohort, keyframes=tables.pd.concat([cohort.keyframes, second]))
    first = view(both, clip).human["onset"].frame
    assert view(both, clip, coder="two").human["onset"].frame == first + 2
