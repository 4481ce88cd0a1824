"""How often a rule departs from the labels, and its distances from each other: counted by hand."""

import math

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.cli import main
from mebias.errors import TableError
from mebias.quantification.disagreement import ANY, PAIR, VERSUS, disagreement, sentences
from mebias.quantification.shares import share_interval

KEYS = {"onset": 10, "apex": 40, "offset": 80}


def row(clip, subject, keyframe, shift, reach=(2, 2), **own):
    human = KEYS[keyframe]
    return {
        "clip": clip, "subject": subject, "keyframe": keyframe, "human": human, "fps": 100.0,
        "selected": human + shift, "source": "gamdss", "distance": "signed",
        "window_low": human - reach[0], "window_high": human + reach[1],
        "human_status": "annotated", "selected_status": "selected",
    } | own  # fmt: skip


def clip_rows(name, subject, shifts, reaches=((2, 2),) * 3, **own):
    return [
        row(name, subject, k, shift, reach, **own)
        for k, shift, reach in zip(KEYS, shifts, reaches, strict=True)
    ]


def cell(found, quantity, keyframe=PAIR, distance="signed"):
    rows = found[
        (found["quantity"] == quantity)
        & (found["keyframe"] == keyframe)
        & (found["distance"] == distance)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


def random_shifts(seed, distances=("signed", "uint8")):
    """Clips with failed rows, immovable ones, intervals, two coders, missing labels."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(40):
        subject = f"s{rng.integers(0, 7)}"
        for coder in ("A", "B")[: rng.integers(1, 3)]:
            reach = [tuple(rng.integers(0, 3, 2)) for _ in KEYS]
            failed = rng.random() < 0.1
            lost = rng.random() < 0.1
            phase = int(rng.integers(0, 3))
            for distance in distances:
                for k, (before, after) in zip(KEYS, reach, strict=True):
                    shift = int(rng.integers(-before, after + 1))
                    one = row(f"c{i}", subject, k, shift, (before, after), distance=distance,
                              coder=coder, dataset="d")  # fmt: skip
                    if k == "apex":
                        one |= {"human_low": 40, "human_high": 40 + phase}
                        one["human_status"] = "invalid" if lost else "annotated"
                    if failed and distance == "signed":
                        one |= {"selected": np.nan, "selected_status": "failed"}
                    rows.append(one)
    return pd.DataFrame(rows)


def counted(shifts, quantity, keyframes, distance="signed"):
    """Hits and subjects, in plain loops."""
    hits = []
    for (subject, clip, coder), part in shifts.groupby(["subject", "clip", "coder"]):
        own = {(r.distance, r.keyframe): r for r in part.itertuples()}
        distances = ("uint8", "signed") if quantity == "disagree" else (distance,)
        rows = [own[d, k] for d in distances for k in keyframes]
        if any(math.isnan(r.selected) or r.human_status == "invalid" for r in rows):
            continue
        if quantity == "movable" and all(r.window_low == r.window_high for r in rows):
            continue
        if quantity == "disagree":
            hit = any(own["uint8", k].selected != own["signed", k].selected for k in keyframes)
        else:
            high = {"apex": "human_high"}
            hit = any(
                not r.human <= r.selected <= getattr(r, high.get(r.keyframe, "human")) for r in rows
            )
        hits.append((hit, subject, clip, coder))
    return hits


@pytest.mark.parametrize("seed", range(5))
def test_every_share_is_what_plain_loops_count(seed):
    shifts = random_shifts(seed)
    found = disagreement(shifts)
    pair, every = ("onset", "apex"), tables.KEYFRAMES
    asked = [
        ("share_pair_moved", PAIR, "moved", pair),
        ("share_pair_moved_movable", PAIR, "movable", pair),
        ("share_any_moved", ANY, "moved", every),
        ("share_any_moved_movable", ANY, "movable", every),
        ("share_distances_disagree", PAIR, "disagree", pair),
        ("share_distances_disagree", ANY, "disagree", every),
        *(("share_distances_disagree", k, "disagree", (k,)) for k in every),
    ]
    for quantity, meant, kind, keyframes in asked:
        for distance in (VERSUS,) if kind == "disagree" else ("signed", "uint8"):
            hits = counted(shifts, kind, keyframes, distance)
            values = np.array([h[0] for h in hits])
            expected = share_interval(values, np.array([h[1] for h in hits]))
            got = cell(found, quantity, meant, distance)
            assert 0 < values.mean() < 1  # else the test would show little
            for column in ("estimate", "conf_low", "conf_high", "n_subjects"):
                assert got[column] == pytest.approx(getattr(expected, column))
            assert got["n_clips"] == len({h[2] for h in hits})
            assert got["unit"] == "share"
            assert got["method"]


def test_neither_order_nor_names_matter():
    shifts = random_shifts(1)
    found = disagreement(shifts)
    mixed = shifts.sample(frac=1, random_state=0)
    mixed["subject"] = mixed["subject"].map(lambda name: f"z{9 - int(name[1:])}")
    mixed["clip"] = mixed["clip"].map(lambda name: f"x{name}")
    by = ["quantity", "keyframe", "distance"]
    pd.testing.assert_frame_equal(
        disagreement(mixed).sort_values(by, ignore_index=True),
        found.sort_values(by, ignore_index=True),
    )


def test_a_frame_inside_a_coded_interval_has_not_moved_and_distances_may_differ_in_it():
    inside = {"human_low": 40, "human_high": 42}
    rows = [
        {**r, **(inside if r["keyframe"] == "apex" else {})}
        for distance, apex in (("signed", 2), ("uint8", 1))
        for r in clip_rows("c", "s", (0, apex, 0), distance=distance)
    ]
    found = disagreement(pd.DataFrame(rows))
    assert cell(found, "share_pair_moved")["estimate"] == 0
    assert cell(found, "share_distances_disagree", "apex", VERSUS)["estimate"] == 1
    assert cell(found, "share_distances_disagree", "onset", VERSUS)["estimate"] == 0
    # onset: 4 of 5 frames move; apex 38..42: two of five frames lie before the interval
    assert cell(found, "uniform_null_share_pair_moved")["estimate"] == pytest.approx(
        1 - (1 / 5) * (3 / 5)
    )


def test_the_uniform_null_is_what_a_random_rule_shows():
    cohort = mebias.simulate("samm", seed=2, n_subjects=30, n_clips=300, size=(16, 16))
    found = disagreement(mebias.compare(cohort, mebias.reselect(cohort, "jitter", seed=3)))
    moved = cell(found, "share_pair_moved_movable")
    null = cell(found, "uniform_null_share_pair_moved")
    assert moved["n_clips"] == null["n_clips"] > 200
    assert moved["conf_low"] < null["estimate"] < moved["conf_high"]
    assert null["conf_high"] - null["conf_low"] < 0.1


def test_intervals_cover_the_share_of_clips_that_come_in_subjects():
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(80):
        rates = rng.beta(3, 2, 15)  # mean 0.6, alike within a subject
        rows = [
            r
            for s, rate in enumerate(rates)
            for c in range(6)
            for r in clip_rows(f"c{s}_{c}", f"s{s}", (0, int(rng.random() < rate), 0))
        ]
        got = cell(disagreement(pd.DataFrame(rows)), "share_pair_moved_movable")
        covered.append(got["conf_low"] <= 0.6 <= got["conf_high"])
    assert np.mean(covered) > 0.88


def test_immovable_and_windowless_clips_are_said():
    fixed = pd.DataFrame(clip_rows("c", "s", (0, 0, 0), ((0, 0), (0, 0), (1, 1))))
    got = cell(disagreement(fixed), "share_pair_moved_movable")
    assert math.isnan(got["estimate"])
    assert got["reason"] == "no clip could move"
    assert got["n_clips"] == 0
    assert cell(disagreement(fixed), "share_any_moved_movable", ANY)["n_clips"] == 1
    bare = fixed.drop(columns=["window_low", "window_high"])
    for quantity in ("share_pair_moved_movable", "uniform_null_share_pair_moved"):
        assert cell(disagreement(bare), quantity)["reason"] == "no windows are known"
    assert cell(disagreement(bare), "share_pair_moved")["estimate"] == 0


def test_a_source_whose_clips_all_failed_has_reasons_and_no_numbers():
    rows = clip_rows("c", "s", (np.nan,) * 3, selected_status="failed")
    found = disagreement(pd.DataFrame(rows))
    assert len(found) == 5
    assert found["estimate"].isna().all()
    assert set(found["reason"]) == {
        "no clip with usable onset, apex", "no clip with usable onset, apex, offset"
    }  # fmt: skip
    (text,) = sentences(found)
    assert text == (
        "gamdss signed: nothing can be told of its pairs of onset and apex: no clip with usable "
        "onset, apex"
    )


def test_one_distance_alone_is_compared_with_none():
    found = disagreement(random_shifts(0, ("signed",)))
    assert VERSUS not in set(found["distance"])


def test_clips_that_only_one_distance_could_select_are_not_compared():
    rows = [*clip_rows("a", "s", (0, 0, 0)), *clip_rows("b", "t", (0, 0, 0), distance="uint8")]
    found = disagreement(pd.DataFrame(rows))
    got = cell(found, "share_distances_disagree", ANY, VERSUS)
    assert got["reason"] == "no clip with usable onset, apex, offset by both distances"
    assert sentences(found)[-1] == f"gamdss: uint8 and signed cannot be compared: {got['reason']}"


def test_sentences_say_what_was_found():
    rows = [
        r
        for source in ("gamdss", "gamdss:0.2", "least", "own")
        for i in range(10)
        for r in clip_rows(f"c{i}", f"s{i % 5}", (0, int(i < 8), 0), source=source)
    ]
    bare = [r | {"source": "motion", "window_low": None, "window_high": None} for r in rows[:30]]
    texts = sentences(disagreement(pd.DataFrame([*rows, *bare])))
    share = "80 % [37, 99] of the 10 clips"
    difference = f"the largest difference is not at the human onset and apex in {share}"
    selected = f"the selected onset and apex are not the human ones in {share}"
    assert texts == [
        f"gamdss signed: {difference} that could move (at random: 96 %)",
        f"gamdss:0.2 signed: {difference} that could move (at random: 96 %)",
        f"least signed: {selected} that could move (at random: 96 %)",
        f"own signed: {selected} that could move (at random: 96 %)",
        f"motion signed: {selected}",
    ]


def test_a_table_that_is_none_is_refused():
    with pytest.raises(TableError, match="no column"):
        disagreement(pd.DataFrame({"clip": ["c"]}))


def test_reselect_writes_and_tells_it(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    small = ["--subjects", "6", "--clips", "12", "--size", "24x24", "--out", str(tmp_path)]
    root = tmp_path / "own"
    assert main(["simulate", "samm", *small[:-1], str(root), "--frames", "--quiet"]) == 0
    (root / "SIMULATED.json").unlink()
    capsys.readouterr()
    asked = ["--distance", "uint8", "--distance", "signed", "--rule", "gamdss", "--rule", "motion"]
    out = tmp_path / "o"
    assert main(["reselect", "folder", "--root", str(root), *asked, "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = tables.read_csv(out / "disagreement.csv", "estimates")
    expected = disagreement(tables.read_csv(out / "shifts.csv", "shifts"))
    pd.testing.assert_frame_equal(table, expected)
    assert [line for line in lines if line in sentences(expected)] == sentences(expected)
    assert sum("% [" in line for line in lines) == 4
