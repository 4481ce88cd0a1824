"""What comes back: read, compared, or refused in one sentence."""

from dataclasses import replace

import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.errors import MebiasError, TableError
from mebias.relabel import read_key, second_look
from mebias.relabel.corrections import corrections
from mebias.relabel.elan import GAP, STEP_MS, eaf, read_elan, starts
from mebias.relabel.packet import shown_of


def refused(packet, files, match, **options):
    with pytest.raises(TableError, match=match) as told:
        packet.read(files, **options)
    assert "\n" not in str(told.value)


def test_a_perfect_second_look_confirms_right_flags(packet, saved):
    found = packet.read(saved())
    assert found.of("flag_precision", arm="flagged")["estimate"] == 1.0
    control = found.of("control_outside", arm="control")
    assert control["estimate"] < 0.2
    excess = found.of("flag_excess")
    assert excess["estimate"] == pytest.approx(1.0 - control["estimate"])
    assert excess["conf_low"] < excess["estimate"] <= excess["conf_high"]
    nearer = found.tests
    assert len(nearer) == 3 and nearer["family_size"].eq(3).all()
    told = nearer[nearer["p_value"].notna()]
    assert (told["estimate"] > 0).all()


def test_estimates_are_what_the_labels_say(packet, saved):
    found = packet.read(saved())
    labels = found.labels
    flagged = labels[labels["flagged"] & labels["new"].notna()]
    assert found.of("mean_move", "offset", "flagged")["n_clips"] == len(
        flagged[flagged["keyframe"] == "offset"]
    )
    away = (labels["new"] - labels["old"]) * 1000 / labels["fps"]
    pd.testing.assert_series_equal(labels["move_ms"], away, check_names=False)
    wrong = labels[labels["outside"] == "yes"]
    share = wrong.loc[wrong["flagged"], "weight"].sum() / wrong["weight"].sum()
    assert found.of("flag_recall")["estimate"] == pytest.approx(share)


def test_a_constant_difference_is_no_error(packet, saved):
    same, later = packet.read(saved()), packet.read(saved(by=2))
    moved = later.of("mean_move", "apex", "control"), same.of("mean_move", "apex", "control")
    assert moved[0]["estimate"] - moved[1]["estimate"] == pytest.approx(2000 / 60, abs=2)
    a, b = (x.of("flag_precision", arm="flagged")["estimate"] for x in (same, later))
    assert b == pytest.approx(a, abs=0.11)
    raw = later.of("share_outside", "apex", "control")["estimate"]
    assert raw >= same.of("share_outside", "apex", "control")["estimate"]


def test_several_coders_are_averaged_and_compared(packet, saved):
    files = [saved(name="a.csv", coder="A"), saved(name="b.csv", coder="B", by=1)]
    found = packet.read(files)
    assert found.labels["n_coders"].dropna().max() == 2
    apart = found.of("coders_apart", "apex", "control")
    assert apart["estimate"] == pytest.approx((1000 / 60) / 2**0.5, abs=1.5)


@pytest.mark.usefixtures("svg_only")
def test_errata_go_back_in(packet, saved, careless, tmp_path):
    """The round trip: corrections of a folder on disk, applied and reported."""
    from mebias.simulation.write import write_folder

    write_folder(careless, tmp_path / "data")
    (tmp_path / "data" / "SIMULATED.json").unlink()
    cohort = mebias.load("folder", tmp_path / "data")
    key = packet.key.assign(dataset="folder")
    found = second_look(cohort, key, saved())
    assert len(found.errata) >= 5
    found.to_csv(tmp_path)
    corrected = mebias.load("folder", tmp_path / "data", errata=tmp_path / "errata.csv")
    at = corrected.keyframes.set_index(["clip", "keyframe"])
    for row in found.errata.to_dict("records"):
        assert at.loc[(row["clip"], row["keyframe"]), "frame"] == float(row["new"])
        assert at.loc[(row["clip"], row["keyframe"]), "status"] == "corrected"
    report = mebias.report(corrected, rule="gamdss", distance="signed", out=tmp_path / "report")
    assert "corrected" in report.path.read_text()
    with pytest.raises(TableError, match="the labels are not those"):
        second_look(corrected, key, saved())


def test_errata_never_put_a_clip_out_of_order(packet, saved, careless):
    found = packet.read(saved())
    frames = careless.keyframes.set_index(["clip", "keyframe"])["frame"].copy()
    for row in found.errata.to_dict("records"):
        frames[row["clip"], row["keyframe"]] = float(row["new"])
    wide = frames.reset_index().pivot_table(index="clip", columns="keyframe", values="frame")
    assert ((wide["onset"] <= wide["apex"]) & (wide["apex"] <= wide["offset"])).all()


def test_no_correction_crosses_a_label_that_was_left_open():
    labels = pd.DataFrame(
        {"packet": "p", "item": "c01", "clip": "s/a", "keyframe": list(tables.KEYFRAMES),
         "old": [10.0, 20.0, 40.0], "new": [25.0, float("nan"), float("nan")],
         "move_ms": [150.0, float("nan"), float("nan")], "tolerance_ms": 33.0}
    )  # fmt: skip
    looked = pd.DataFrame({"item": ["c01"], "coder": ["A"]})
    written, told = corrections(labels, looked)
    assert written.empty and "none are written for s/a" in told[0]
    before_apex = labels.assign(new=[15.0, float("nan"), float("nan")], move_ms=50.0)
    assert corrections(before_apex, looked)[0]["new"].tolist() == ["15"]


def test_missing_rows_are_named_and_allowed_only_when_asked(packet, saved):
    refused(packet, saved(drop=("c02", "c05")), "2 of .* are not coded by AB: c02, c05")
    blank = {"c03": dict.fromkeys(("onset", "apex", "offset"), "")}
    refused(packet, saved(blank), "1 of .* not coded by AB: c03")
    found = packet.read(saved(drop=("c02",)), partial=True)
    assert "not coded by AB: c02" in " ".join(found.issues["message"])
    assert found.labels.loc[found.labels["item"] == "c02", "new"].isna().all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"onset": 4000}, "row 3, column onset: found '4000', expected a frame of the clip"),
        ({"onset": 0}, "column onset: found '0'"),
        ({"apex": "12.5"}, "column apex: found '12.5'"),
        ({"apex": "=1+1"}, "column apex"),
        ({"onset": 30, "apex": 20, "offset": 40}, "the apex .frame 20. lies before the onset"),
        ({"onset": 1, "apex": 20, "offset": 19}, "the offset .* lies before the apex"),
        ({"no_expression": "true"}, "no_expression is true, but the onset is marked"),
        ({"no_expression": "perhaps"}, "column no_expression: found 'perhaps'"),
        ({"packet": "abc"}, "it is from packet abc"),
        ({"packet": ""}, "from packet without a name"),
        ({"item": "c99"}, "the packet has no clip 'c99'"),
        ({"item": "c01"}, "rows 2 and 3: c01 stands there twice"),
        ({"coder": ""}, "column coder: found a blank cell"),
    ],
)
def test_rows_that_cannot_be_are_refused(packet, saved, change, match):
    refused(packet, saved({"c02": change}), match)


def test_rows_that_were_added_are_refused(packet, saved):
    more = {"packet": packet.id, "item": "c77", "coder": "AB", "no_expression": "false",
            "onset": 1, "apex": 2, "offset": 3}  # fmt: skip
    refused(packet, saved(extra=[more]), "no clip 'c77'")


def test_a_coder_who_contradicts_herself_is_asked(packet, saved):
    files = [saved(name="a.csv"), saved(name="b.csv", by=1)]
    refused(packet, files, "AB marked c01 otherwise in a.csv, row 2")
    parts = [saved(name="a.csv", drop=("c01",)), saved(name="b.csv", drop=("c02",))]
    assert packet.read(parts).labels["new"].notna().all()


def test_other_files_are_refused(packet, tmp_path):
    path = tmp_path / "x.csv"
    refused(packet, path, "was not found")
    path.write_text("clip,onset\na,1\n")
    refused(packet, path, "has no column packet")
    path.write_bytes(b"\xff\xfe\x00")
    refused(packet, path, "not UTF-8")


def test_another_dataset_version_or_key_is_refused(packet, careless, saved, tmp_path):
    other = replace(careless, clips=careless.clips.assign(dataset="other"))
    with pytest.raises(TableError, match="packet of SIMULATED 4dme, but other was read"):
        second_look(other, packet.key, saved())
    keyframes = careless.keyframes.copy()
    clip = packet.key["clip"].iloc[0]
    keyframes.loc[keyframes["clip"] == clip, "frame"] += 1
    with pytest.raises(TableError, match="3 in all; read the version it was made from"):
        second_look(replace(careless, keyframes=keyframes), packet.key, saved())
    with pytest.raises(TableError, match="give --key FILE"):
        read_key(tmp_path / "none.csv")


def test_no_expression_and_open_keyframes_count(packet, saved):
    blank = dict.fromkeys(("onset", "apex", "offset"), "")
    control = packet.items.loc[packet.items["role"] == "control", "item"].iloc[0]
    changes = {control: blank | {"no_expression": "true", "comment": '=HYPERLINK(1), "x"'}}
    other = next(i for i in packet.items["item"] if i != control)
    changes[other] = {"offset": ""}
    found = packet.read(saved(changes))
    assert found.of("no_expression", arm="control")["estimate"] == pytest.approx(1 / 8)
    assert "the offset was left open" in " ".join(found.issues["message"]).casefold()
    assert found.labels.loc[found.labels["item"] == control, "new"].isna().all()
    assert found.labels.loc[found.labels["item"] == control, "outside"].eq("").all()


def test_cut_labels_do_not_enter_moves_and_recall(packet, saved):
    key = packet.key.assign(cut=packet.key["keyframe"] == "onset")
    found = second_look(packet.cohort, key, saved())
    row = found.of("mean_move", "onset", "flagged")
    assert pd.isna(row["estimate"]) and "cut at the human label" in row["reason"]
    assert "cannot be judged" in " ".join(found.issues["message"])
    recall = found.of("flag_recall", "onset")
    assert pd.isna(recall["estimate"]) and "cut" in recall["reason"]
    assert pd.notna(found.of("flag_precision", "onset", "flagged")["estimate"])


def test_tables_are_declared(packet, saved, tmp_path):
    found = packet.read(saved())
    found.to_csv(tmp_path)
    for name in ("estimates", "tests", "issues", "relabeled"):
        tables.read_csv(tmp_path / f"{name}.csv", name)
    no_interval = found.estimates[found.estimates["conf_low"].isna()]
    assert (no_interval["reason"] != "").all()


def marked(packet, places, tmp_path, name="back.eaf", packet_id=None, more=""):
    """The packet's ELAN file as it comes back with marks."""
    counts = {i: len(n) for i, n in shown_of(packet.key).items()}
    first = starts(counts)
    text = eaf(packet_id or packet.id, {i: (first[i], counts[i]) for i in counts})
    slots, tiers = [], {k: "" for k in ("onset", "apex", "offset", "no expression")}
    for item, at in places.items():
        for keyframe, place in at.items():
            number = len(slots)
            time = (first[item] + place - 1) * STEP_MS
            slots += [f'<TIME_SLOT TIME_SLOT_ID="m{number}" TIME_VALUE="{time}"/>']
            tiers[keyframe] += (
                f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="m{number}" '
                f'TIME_SLOT_REF1="m{number}" TIME_SLOT_REF2="m{number}"><ANNOTATION_VALUE/>'
                f"</ALIGNABLE_ANNOTATION></ANNOTATION>"
            )
    text = text.replace("</TIME_ORDER>", "".join(slots) + more + "</TIME_ORDER>")
    for keyframe, inside in tiers.items():
        empty = f'PARTICIPANT="" TIER_ID="{keyframe}" />'
        assert empty in text
        text = text.replace(empty, f'PARTICIPANT="EL" TIER_ID="{keyframe}">{inside}</TIER>')
    path = tmp_path / name
    path.write_text(text)
    return path


def test_elan_files_say_the_same_as_the_page(packet, saved, tmp_path):
    csv = pd.read_csv(saved(coder="EL"))
    places = csv.set_index("item")[["onset", "apex", "offset"]].to_dict("index")
    path = marked(packet, places, tmp_path)
    a, b = packet.read(saved(coder="EL")), packet.read(path)
    pd.testing.assert_frame_equal(a.labels, b.labels)
    counts = {i: len(n) for i, n in shown_of(packet.key).items()}
    assert {r["coder"] for r in read_elan(path, counts)} == {"EL"}


def test_bad_elan_files_are_refused(packet, tmp_path):
    refused(packet, marked(packet, {"c01": {"onset": 1 - GAP}}, tmp_path), "in no clip")
    refused(packet, marked(packet, {"c01": {"onset": 3}}, tmp_path, packet_id="zzz"), "zzz")
    bad = tmp_path / "bad.eaf"
    bad.write_text("<a>")
    refused(packet, bad, "not a readable ELAN file")
    bad.write_text("<a/>")
    refused(packet, bad, "is no ELAN file")
    bad.write_text('<!DOCTYPE a [<!ENTITY b "c">]><a/>')
    refused(packet, bad, "declares entities")
    refused(packet, tmp_path / "none.eaf", "was not found")


def test_the_video_has_a_frame_for_each_frame(packet, tmp_path):
    import cv2

    packet.write(tmp_path / "out", elan=True)
    video = cv2.VideoCapture(str(tmp_path / "out" / "packet" / "relabel.avi"))
    counts = {i: len(n) for i, n in shown_of(packet.key).items()}
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == sum(counts.values()) + GAP * len(counts)
    item = list(counts)[1]
    video.set(cv2.CAP_PROP_POS_FRAMES, starts(counts)[item])
    _, image = video.read()
    clip = packet.items.set_index("item").loc[item, "clip"]
    first = shown_of(packet.key)[item][0]
    frame = packet.cohort.frames.read(clip, int(first))
    assert abs(image[..., 0].astype(float) - frame).mean() < 4
    video.release()


def test_errors_are_ours(packet, tmp_path):
    with pytest.raises(MebiasError):
        packet.read([])
