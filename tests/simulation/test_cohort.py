"""A simulated cohort: exact totals, truth, labels, and the same again from the same seed."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mebias
from mebias import tables
from mebias.errors import ManifestError, OptionError, UnknownDatasetError
from mebias.manifests import get_manifest, manifest_dir
from mebias.simulation import simulate
from mebias.simulation.shape import clips_per_subject, groups_of, shares

SMALL = {"n_subjects": 6, "n_clips": 12, "size": (32, 32)}
PLANT = {"B": (20.0, -15.0, 40.0), "C": (-5.0, 0.0, -30.0)}


def wide(table, value="frame"):
    rows = table.pivot_table(index="clip", columns="keyframe", values=value)
    return rows.sort_index()


def times(cohort):
    """True times (ms) of the keyframes of each clip of an untrimmed cohort."""
    about = cohort.clips.set_index("clip")
    return (
        wide(cohort.truth)
        .sub(about["first_frame"], axis=0)
        .mul(1000 / about["fps"], axis=0)
    )  # fmt: skip


def errors(cohort):
    """Label - truth (ms), one row per clip and keyframe, with subject and group."""
    rows = cohort.keyframes.merge(cohort.truth, on=["clip", "keyframe"], suffixes=("", "_true"))
    rows = rows.merge(cohort.clips[["clip", "subject", "ethnicity", "fps"]], on="clip")
    return rows.assign(error_ms=(rows["frame"] - rows["frame_true"]) * 1000 / rows["fps"])


@pytest.fixture(scope="module")
def large():
    return simulate("samm", seed=5, n_subjects=600, n_clips=6000, plant=PLANT)


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("name", ["4dme", "samm", "casme3"])
def test_totals_are_the_published_ones(name, seed):
    cohort = simulate(name, seed=seed)
    shape = get_manifest(name).simulation
    clips = cohort.clips
    assert (len(clips), clips["clip"].nunique()) == (shape.n_clips, shape.n_clips)
    assert clips["subject"].nunique() == shape.n_subjects
    groups = clips.drop_duplicates("subject")["ethnicity"].value_counts().to_dict()
    assert groups == shares(shape.groups, shape.n_subjects)
    assert clips["emotion"].value_counts().to_dict() == shares(shape.emotions, shape.n_clips)
    assert set(clips["dataset"]) == {f"SIMULATED {name}"} == set(cohort.truth["dataset"])
    assert cohort.simulated
    assert (clips["fps"] == shape.fps).all()
    for table, schema in ((clips, "clips"), (cohort.keyframes, "keyframes")):
        pd.testing.assert_frame_equal(table, tables.conform(table, schema))


def test_known_clips_per_subject_are_kept_and_no_other_subject_has_more():
    sizes = sorted(Counter(simulate("4dme").clips["subject"]).values(), reverse=True)
    assert sizes[:4] == [25, 21, 18, 17]
    assert sizes[4] <= 17
    assert sizes[-1] >= 1


@given(
    n_subjects=st.integers(1, 60),
    extra=st.integers(0, 300),
    log_sd=st.floats(0, 2),
    known=st.lists(st.integers(1, 30), max_size=5),
    seed=st.integers(0, 10),
)
def test_clips_are_dealt_out_exactly(n_subjects, extra, log_sd, known, seed):
    rng = np.random.default_rng(seed)
    sizes = clips_per_subject(n_subjects, n_subjects + extra, log_sd, known, rng)
    assert len(sizes) == n_subjects
    assert sum(sizes) == n_subjects + extra
    assert min(sizes) >= 1


@given(
    st.dictionaries(st.sampled_from("ABCDEF"), st.floats(0.01, 1), min_size=1),
    st.integers(1, 500),
)
def test_shares_miss_their_due_by_less_than_one(weights, total):
    counts = shares(weights, total)
    assert sum(counts.values()) == total
    for name, weight in weights.items():
        assert abs(counts[name] - weight * total / sum(weights.values())) < 1 + 1e-9


def test_three_subjects_are_three_groups():
    assert sorted(groups_of({"A": 0.9, "B": 0.05, "C": 0.05}, 3, np.random.default_rng(0))) == [
        "A", "B", "C",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_cohort_and_another_seed_another():
    one, two, other = (simulate("samm", seed=s, **SMALL) for s in (1, 1, 2))
    for name in ("clips", "keyframes", "truth", "planted", "issues"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    assert one.settings == two.settings
    assert not one.truth["frame"].equals(other.truth["frame"])
    clip = "s01/s01_01"
    number = int(one.frames.numbers(clip)[5])
    assert np.array_equal(one.frames.read(clip, number), two.frames.read(clip, number))
    assert not np.array_equal(one.frames.read(clip, number), other.frames.read(clip, number))


def test_what_happens_does_not_depend_on_frame_rate_plant_or_coders():
    base = simulate("samm", seed=3, **SMALL)
    for changed in (
        simulate("samm", seed=3, fps=60, **SMALL),
        simulate("samm", seed=3, plant=PLANT, **SMALL),
        simulate("samm", seed=3, coder_sd_ms=(0, 0, 0), amplitude=1, noise_sd=0, **SMALL),
    ):
        pd.testing.assert_frame_equal(times(base), times(changed))
        pd.testing.assert_series_equal(base.clips["ethnicity"], changed.clips["ethnicity"])


def test_a_plant_moves_the_labels_of_its_group_alone():
    base, planted = (simulate("samm", seed=3, plant=p, **SMALL) for p in (None, {"B": (0, 0, 40)}))
    moved = planted.keyframes["frame"] - base.keyframes["frame"]
    group = base.keyframes["clip"].map(base.clips.set_index("clip")["ethnicity"])
    here = (group == "B") & (base.keyframes["keyframe"] == "offset")
    assert (moved[here] == 8).all()  # 40 ms at 200 frames per second
    assert (moved[~here] == 0).all()


def test_truth_is_in_order_real_valued_and_within_the_clip(large):
    truth = large.truth
    low, at, high = (wide(truth, v) for v in ("frame_low", "frame", "frame_high"))
    assert ((low <= at) & (at <= high)).all(axis=None)
    assert (at["onset"] < low["apex"]).all()
    assert (high["apex"] < at["offset"]).all()
    assert (at % 1 != 0).any(axis=None)
    assert 0.2 < (high["apex"] > low["apex"]).mean() < 0.6
    about = large.clips.set_index("clip").sort_index()
    last = about["first_frame"] + about["n_frames"] - 1
    assert (at["onset"] >= about["first_frame"]).all()
    assert (at["offset"] <= last).all()
    assert set(truth["source"]) == {"truth"}
    assert set(truth["status"]) == {"annotated"}


def test_phases_are_as_long_as_published(large):
    shape, true = large.manifest.simulation, times(large)
    for phase, length in (
        (shape.rise, true["apex"] - true["onset"]),
        (shape.fall, true["offset"] - true["apex"]),
    ):
        logs = np.log(length / phase.median_ms)
        assert abs(logs.mean()) < 4 * logs.std() / np.sqrt(len(logs)) + 0.005
        assert logs.std() == pytest.approx(phase.log_sd, rel=0.06)


def test_labels_are_in_order_and_within_the_clip(large):
    human, about = wide(large.keyframes), large.clips.set_index("clip").sort_index()
    assert (human["onset"] >= about["first_frame"]).all()
    assert (human["onset"] < human["apex"]).all()
    assert (human["apex"] < human["offset"]).all()
    assert (human["offset"] < about["first_frame"] + about["n_frames"]).all()
    assert (human["onset"] - about["first_frame"] == about["lead_frames"]).all()
    last = about["first_frame"] + about["n_frames"] - 1
    assert (last - human["offset"] == about["tail_frames"]).all()
    assert about["lead_frames"].mean() * 5 == pytest.approx(400, abs=20)
    assert about["tail_frames"].mean() * 5 == pytest.approx(400, abs=20)


def test_planted_means_are_found_in_the_labels_drawn(large):
    planted = large.planted.set_index(["ethnicity", "keyframe"])["error_ms"]
    assert len(planted) == 9
    assert planted["B", "offset"] == 40
    for (group, keyframe), rows in errors(large).groupby(["ethnicity", "keyframe"]):
        sums = (rows["error_ms"] - planted[group, keyframe]).groupby(rows["subject"]).sum()
        deviation, spread = sums.sum() / len(rows), np.sqrt((sums**2).sum()) / len(rows)
        assert abs(deviation) < 4 * spread, (group, keyframe)
        assert spread < 2


def test_coders_spread_as_asked_and_subjects_share_a_tenth_of_it(large):
    rows = errors(large)
    rows["own"] = rows["error_ms"] - rows.groupby(["ethnicity", "keyframe"])["error_ms"].transform(
        "mean"
    )
    rounding = (1000 / 200) ** 2 / 12
    for keyframe, sd in zip(tables.KEYFRAMES, (12, 12, 22), strict=True):
        own = rows[rows["keyframe"] == keyframe]
        assert own["own"].std() == pytest.approx(np.sqrt(sd**2 + rounding), rel=0.05)
        by_subject = own.groupby("subject")["own"]
        n, spread = by_subject.size(), by_subject.var()
        within = (spread * (n - 1)).sum() / (n - 1).sum()
        between = by_subject.mean().var() - within * (1 / n).mean()
        assert between / sd**2 == pytest.approx(0.1, abs=0.05)


def test_every_group_errs_alike_unless_something_is_planted():
    planted = simulate("4dme", **SMALL).planted
    assert planted["ethnicity"].unique().tolist() == ["A", "B", "C"]
    assert planted.columns.tolist() == ["ethnicity", "keyframe", "error_ms"]
    assert (planted["error_ms"] == 0).all()


def test_a_plant_too_large_for_its_clips_is_told():
    cohort = simulate("4dme", n_subjects=9, n_clips=30, plant={"B": (0, 0, -900)})
    told = cohort.issues[cohort.issues["severity"] == "warning"]
    assert told["field"].tolist() == ["offset"]
    assert "group B" in told["message"].item()
    assert wide(cohort.keyframes).eval("onset < apex < offset").all()
    note = simulate("4dme", n_subjects=9, n_clips=30).issues
    assert note["severity"].tolist() == ["note"]
    assert "SAMM" in note["message"].item()


def test_settings_are_json_and_say_what_was_asked():
    settings = simulate("samm", seed=4, trimmed=True, plant={"B": (0, 0, 40)}, **SMALL).settings
    again = json.loads(json.dumps(settings, allow_nan=False))
    assert again == settings
    assert again["simulated"] is True
    assert (again["dataset"], again["seed"], again["trimmed"]) == ("samm", 4, True)
    assert again["plant"] == {"B": [0.0, 0.0, 40.0]}
    assert again["n_clips"] == 12


def test_a_manifest_file_of_ones_own(tmp_path):
    text = (manifest_dir() / "samm.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('id = "samm"', 'id = "mine"', 1), encoding="utf-8")
    cohort = simulate(path, **SMALL)
    assert cohort.name == "SIMULATED mine"
    assert str(tmp_path) not in json.dumps(cohort.settings)


def test_the_public_name():
    assert mebias.simulate is simulate


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_subjects": 0}, "n_subjects is 0"),
        ({"n_subjects": 2.5}, "n_subjects is 2.5"),
        ({"n_clips": -1}, "n_clips is -1"),
        ({"n_clips": 20}, "too few for 29 subjects"),
        ({"n_subjects": 500}, "159 clips are too few for 500"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": -25}, "fps is -25"),
        ({"fps": 2}, "10 to 10000"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"fps": "200"}, "fps is '200'"),
        ({"size": (8, 8)}, "16 or more"),
        ({"size": (64,)}, "16 or more"),
        ({"size": 64}, "16 or more"),
        ({"size": (64.5, 64)}, "16 or more"),
        ({"noise_sd": -1}, "noise_sd is -1"),
        ({"noise_sd": float("inf")}, "noise_sd is inf"),
        ({"amplitude": -0.5}, "amplitude is -0.5"),
        ({"coder_sd_ms": (1, 2)}, "three numbers"),
        ({"coder_sd_ms": 12}, "three numbers"),
        ({"coder_sd_ms": (1, 2, -3)}, "coder_sd_ms is -3"),
        ({"coder_sd_ms": (1, 2, "x")}, "coder_sd_ms is 'x'"),
        ({"profiles": ["linear", "cosin"]}, "did you mean cosine"),
        ({"profiles": "square"}, "linear, cosine, exponential, delayed"),
        ({"profiles": []}, "profiles is empty"),
        ({"plant": {"D": (0, 0, 40)}}, "A, B, C"),
        ({"plant": {"B": (0, 0, float("nan"))}}, "three finite errors"),
        ({"plant": {"B": (0, 40)}}, "three finite errors"),
        ({"plant": {"B": 40}}, "three finite errors"),
        ({"plant": [("B", 40)]}, "errors in ms by group"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": "a"}, "seed is 'a'"),
        ({"seed": True}, "seed is True"),
    ],
)
def test_options_without_meaning_are_told_in_one_sentence(options, words):
    with pytest.raises(OptionError) as error:
        simulate("samm", **options)
    message = str(error.value)
    assert words in message
    assert message.endswith("?" if "did you mean" in message else ".")
    assert "\n" not in message


def test_datasets_that_cannot_be_simulated():
    with pytest.raises(OptionError, match=r"folder has no shape.*samm"):
        simulate("folder")
    with pytest.raises(UnknownDatasetError, match="did you mean samm"):
        simulate("sam")
    with pytest.raises(ManifestError, match="was not found"):
        simulate("nowhere.toml")
