"""What a packet holds, and what it must not tell."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.errors import OptionError, OutputError, TableError
from mebias.relabel.choose import choose
from mebias.relabel.packet import relabel, shown_of
from mebias.relabel.shown import numbers_of, runs, shown_frames
from mebias.simulation.labels import Coder, relabeled


def bytes_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_flagged_clips_stand_among_controls_with_known_chances(packet, careless):
    clips = packet.key.drop_duplicates("item")
    flagged = set(packet.flags["clip"])
    assert (clips["role"].eq("flagged") == clips["clip"].isin(flagged)).all()
    unflagged = len(careless) - len(flagged)
    assert clips.loc[clips["role"] == "control", "weight"].eq(unflagged / 8).all()
    total = clips["weight"].sum()
    assert total == pytest.approx(len(careless))


def test_beyond_the_budget_some_are_drawn_and_all_are_stood_for():
    labels = pd.DataFrame({"clip": [f"c{i:02}" for i in range(60)]})
    labels = labels.assign(flagged=labels.index < 30, rank=labels.index + 1.0)
    found = choose(labels, budget=8, controls=6)
    first = found[found["stratum"] == "flagged"]
    assert sorted(first["clip"]) == [f"c{i:02}" for i in range(6)]
    drawn = found[found["stratum"] == "flagged, drawn"]
    assert len(drawn) == 2 and drawn["weight"].eq(12).all()
    assert found["weight"].sum() == pytest.approx(60)


def test_controls_are_drawn_evenly():
    labels = pd.DataFrame({"clip": [f"c{i:02}" for i in range(20)]})
    labels = labels.assign(flagged=labels.index < 4, rank=labels.index + 1.0)
    counts = sum(
        (choose(labels, budget=4, controls=4, seed=s).set_index("clip")["role"].eq("control")
         .reindex(labels["clip"]).fillna(False).astype(int) for s in range(400)),
        start=0,
    )  # fmt: skip
    assert counts[:4].eq(0).all()
    assert counts[4:].between(65, 140).all()  # 100 expected, SD 9


def test_the_order_tells_nothing(packet):
    roles = [
        choose(_forty(), budget=10, controls=10, seed=s)["role"].eq("flagged").to_numpy()
        for s in range(300)
    ]
    share = np.mean(roles, axis=0)
    assert share.shape == (20,)
    assert (abs(share - 0.5) < 0.13).all()  # 4.5 SD
    names = packet.items["item"].tolist()
    assert names == [f"c{i:02}" for i in range(1, len(names) + 1)]


def _forty():
    labels = pd.DataFrame({"clip": [f"c{i:02}" for i in range(40)]})
    return labels.assign(flagged=labels.index < 10, rank=labels.index + 1.0)


def test_flagged_and_controls_swapped_give_the_same_bytes(careless, shifts, tmp_path):
    """The strongest form: no byte for coders hangs on flags, suggestions or labels."""
    first = relabel(careless, shifts, budget=40, controls=40)  # every clip is in the packet
    assert first.key["role"].nunique() == 2
    keyframes = careless.keyframes.copy()
    rng = np.random.default_rng(0)
    moved = keyframes["keyframe"] == "apex"
    keyframes.loc[moved, "frame"] += rng.integers(0, 2, int(moved.sum()))
    late = keyframes["keyframe"] == "offset"
    keyframes.loc[late, "frame"] += 1
    other = replace(careless, keyframes=keyframes)
    truth = careless.truth.assign(source="motion-blind", status="selected", sd=0.5)
    noise = rng.choice([0.0, 9.0], len(truth), p=[0.8, 0.2])
    truth = truth.assign(mean=truth["frame"] + noise)
    truth["frame"] = truth["mean"].round()
    second = relabel(other, mebias.compare(other, truth), budget=40, controls=40)
    roles = [p.key.drop_duplicates("clip").set_index("clip")["role"].sort_index()
             for p in (first, second)]  # fmt: skip
    assert not roles[0].equals(roles[1])
    first.write(tmp_path / "a")
    second.write(tmp_path / "b")
    assert bytes_of(tmp_path / "a" / "packet") == bytes_of(tmp_path / "b" / "packet")
    assert bytes_of(tmp_path / "a") != bytes_of(tmp_path / "b")


def test_the_page_names_no_clip_subject_or_flag(packet, careless, tmp_path):
    packet.write(tmp_path / "out", elan=True)
    folder = tmp_path / "out" / "packet"
    for path in folder.rglob("*"):
        text = path.read_bytes()
        for clip, subject in packet.key[["clip", "subject"]].drop_duplicates().to_numpy():
            assert clip.encode() not in text
            assert f'"{subject}"'.encode() not in text
        for word in (b"flagged", b"control", b"posterior", b"stratum", b"p_outside"):
            assert word not in text.replace(b"controls", b"") or path.suffix == ".avi"
    about = re.search(r'id="packet">(.*?)</script>', (folder / "relabel.html").read_text()).group(1)
    found = json.loads(about)
    assert set(found) == {"packet", "items", "inside"}
    assert set(found["items"][0]) == {"item", "fps", "n"}


def test_the_same_seed_gives_the_same_bytes(packet, careless, shifts, tmp_path):
    packet.write(tmp_path / "a")
    relabel(careless, shifts, budget=10, controls=8).write(tmp_path / "b")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    other = relabel(careless, shifts, budget=10, controls=8, seed=1)
    assert other.id != packet.id


def test_a_large_packet_has_its_frames_beside_the_page(packet, tmp_path):
    found = packet.write(tmp_path / "out", max_mb=0.1)
    n = sum(len(v) for v in shown_of(packet.key).values())
    assert found.files == n
    assert len(list((tmp_path / "out" / "packet" / "frames").rglob("*.jpg"))) == n
    assert "base64," not in found.page.read_text().split("<script>")[0]
    again = packet.write(tmp_path / "out")  # the same packet may be written again
    assert again.files == 0
    assert not (tmp_path / "out" / "packet" / "frames").exists()


def test_frames_are_scaled_down_and_carry_nothing_else(packet, tmp_path):
    packet.write(tmp_path / "out", max_mb=0.1, side=16)
    import cv2

    path = next((tmp_path / "out" / "packet" / "frames").rglob("*.jpg"))
    assert cv2.imread(str(path)).shape[:2] == (16, 16)
    assert b"Exif" not in path.read_bytes()


def test_text_of_a_dataset_cannot_leave_its_place(careless, shifts, tmp_path):
    evil = "SIMULATED <script>alert(1)</script>&\"'"
    named = {n: t.assign(dataset=evil) for n, t in
             {"clips": careless.clips, "keyframes": careless.keyframes}.items()}  # fmt: skip
    cohort = replace(careless, **named)
    packet = relabel(cohort, shifts.assign(dataset=evil), budget=10, controls=4)
    page = packet.write(tmp_path / "out", elan=True).page.read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_evil_clip_names_stay_in_the_key(careless, shifts, tmp_path):
    def renamed(table):
        return table.assign(clip="</script><script>alert(2)//" + table["clip"])

    class Named:
        concurrent = False

        def numbers(self, clip):
            return careless.frames.numbers(clip.partition("//")[2])

        def read(self, clip, number):
            return careless.frames.read(clip.partition("//")[2], number)

    cohort = replace(
        careless, clips=renamed(careless.clips), keyframes=renamed(careless.keyframes),
        frames=Named(),
    )  # fmt: skip
    packet = relabel(cohort, renamed(shifts), budget=10, controls=4)
    page = packet.write(tmp_path / "out").page.read_text()
    assert "alert(2)" not in page


def test_it_says_simulated_and_where_faces_are(packet, careless, shifts, tmp_path):
    page = packet.write(tmp_path / "out").page.read_text()
    assert "SIMULATED faces" in page
    real = {n: t.assign(dataset="own") for n, t in
            {"clips": careless.clips, "keyframes": careless.keyframes}.items()}  # fmt: skip
    cohort = replace(careless, **real)
    other = relabel(cohort, shifts.assign(dataset="own"), budget=10, controls=8)
    page = other.write(tmp_path / "real").page.read_text()
    assert "This page shows faces." in page and "SIMULATED" not in page


def test_clips_cut_at_both_ends_give_nothing_to_flag_and_it_says_why():
    whole = mebias.simulate("4dme", n_subjects=8, n_clips=40, size=(32, 32))
    cut = relabeled(whole, Coder("careless", (12.0, 12.0, 22.0), gross=0.15), trimmed=True)
    with pytest.raises(OptionError, match=r"clips cut at them are not flagged.*uncut recordings"):
        relabel(cut, mebias.compare(cut, _seen(cut)), budget=10, controls=8)


def test_cut_clips_are_said_to_be_cut(careless, tmp_path):
    """Cut at the onset alone: apex and offset can be flagged, and every page says what is cut."""
    onsets = careless.keyframes[careless.keyframes["keyframe"] == "onset"]
    onsets = onsets.set_index("clip")["frame"].astype(int)
    frames = careless.frames
    plans = {c: replace(plan, low=onsets[c]) for c, plan in frames.plans.items()}
    clips = careless.clips
    first = clips["clip"].map(onsets)
    clips = clips.assign(
        n_frames=clips["n_frames"] - (first - clips["first_frame"]), first_frame=first,
        lead_frames=0.0,
    )  # fmt: skip
    cut = replace(careless, clips=clips, frames=type(frames)(
        frames.seed, frames.size, frames.noise_sd, frames.color, plans
    ))  # fmt: skip
    packet = relabel(cut, mebias.compare(cut, _seen(cut)), budget=10, controls=8, fdr=0.3)
    flagged = packet.key[packet.key["flagged"]]
    assert set(flagged["keyframe"]) == {"offset"}
    assert packet.key.groupby("keyframe")["cut"].mean().round().to_dict() == {
        "apex": 0, "offset": 0, "onset": 1
    }  # fmt: skip
    page = packet.write(tmp_path / "out").page.read_text()
    assert "All clips are cut close" in page and "before the first\n    frame" in page


def _seen(cohort):
    """A blind posterior that is right."""
    truth = cohort.truth.assign(source="motion-blind", status="selected", sd=0.5)
    return truth.assign(mean=truth["frame"], frame=truth["frame"].round())


def test_lead_and_tail_are_shown_and_a_constant_lead_gives_no_label_away():
    frames = {f"c{i}": np.arange(1, 101) for i in range(40)}
    fps = dict.fromkeys(frames, 100.0)
    varied = {c: (10 + i, 60 + i) for i, c in enumerate(frames)}
    found = shown_frames(frames, varied, fps)
    assert all(len(n) == 100 for n in found.values())
    constant = {c: (31, 71) for c in frames}
    found = shown_frames(frames, constant, fps)
    places = [int(np.flatnonzero(n == 31)[0]) for n in found.values()]
    assert len(set(places)) > 5 and min(places) >= 20 and max(places) <= 30
    long = {c: np.arange(0, 5000) for c in frames}
    found = shown_frames(long, dict.fromkeys(frames, (2000, 2050)), fps)
    before = np.array([2000 - n[0] for n in found.values()])
    assert before.max() <= 100 and before.min() >= 66 and len(set(before.tolist())) > 5


def test_frame_numbers_as_text_and_back():
    numbers = np.array([3, 4, 5, 9, 20, 21])
    assert runs(numbers) == "3-5,9,20-21"
    assert numbers_of(runs(numbers)).tolist() == numbers.tolist()


@pytest.mark.parametrize(("option", "value"), [("budget", 3), ("controls", 0)])
def test_too_few_clips_are_refused(careless, shifts, option, value):
    with pytest.raises(OptionError, match=f"--{option} is {value}"):
        relabel(careless, shifts, **{option: value})


def test_without_frames_or_flags_there_is_nothing_to_look_at(careless, shifts):
    with pytest.raises(OptionError, match="read without frames"):
        relabel(replace(careless, frames=None), shifts)
    with pytest.raises(OptionError, match="no label is flagged"):
        relabel(careless, shifts, tolerance_ms=5000.0)


def test_shifts_of_other_labels_are_refused(careless, shifts):
    derived = ["shift_frames", "shift_ms", "shift_window", "rise_frames", "fall_frames"]
    other = shifts.drop(columns=derived)
    other.loc[other.index[0], "human"] -= 1
    with pytest.raises(TableError, match="compare the same labels"):
        relabel(careless, other)
    with pytest.raises(TableError, match="no rows of the source motion-blind"):
        relabel(careless, shifts.assign(source="gamdss"))


def test_the_key_of_another_packet_is_never_overwritten(packet, careless, shifts, tmp_path):
    packet.write(tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    with pytest.raises(OutputError, match="the key of another packet"):
        relabel(careless, shifts, budget=10, controls=8, seed=5).write(tmp_path / "out")
    assert bytes_of(tmp_path / "out") == before


def test_an_unreadable_frame_leaves_nothing_behind(packet, careless, tmp_path):
    class Broken:
        def numbers(self, clip):
            return careless.frames.numbers(clip)

        def read(self, clip, number):
            if number > 30:
                raise mebias.errors.FrameError(f"frame {number} is truncated")
            return careless.frames.read(clip, number)

    broken = replace(packet, cohort=replace(careless, frames=Broken()))
    with pytest.raises(mebias.errors.FrameError, match="truncated"):
        broken.write(tmp_path / "out")
    assert bytes_of(tmp_path / "out") == {}


def test_key_is_a_declared_table(packet, tmp_path):
    packet.write(tmp_path / "out")
    key = tables.read_csv(tmp_path / "out" / "relabel-key.csv", "relabel_key")
    assert key["clip"].tolist() == packet.key["clip"].tolist()
