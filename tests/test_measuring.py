"""The recognizer inside a report: its forms, predictions that are there, and data that lack."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.cli import main
from mebias.errors import OptionError, TableError
from mebias.measuring import ARMS, FORMS, Form, measure
from mebias.quantification.claim_recognition import recognition
from mebias.quantification.gain import gain
from mebias.quantification.measured import Measured, run_rows, with_recognition
from mebias.recognition.record import data_hash, make_record, read_record, unlike, write_record
from mebias.reporting import figure_style

TINY = {"n_subjects": 6, "n_clips": 24, "size": (32, 32), "seed": 0}


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate("4dme", **TINY)


@pytest.fixture(scope="module")
def keyframes(cohort):
    return mebias.reselect(cohort, rule="gamdss")


@pytest.fixture
def quick(monkeypatch):
    """Both forms with two folds, a seed and an epoch: what is tested here is not the training."""
    from mebias.recognition import experiment

    def hasty(*args, **options):
        return experiment_run(*args, **{**options, "epochs": 1})

    experiment_run = experiment.recognize_inputs
    monkeypatch.setattr(experiment, "recognize_inputs", hasty)
    monkeypatch.setitem(FORMS, "short", Form(2, 1, "cpu"))
    monkeypatch.setitem(FORMS, "full", Form(3, 2, "cpu"))


@pytest.fixture(scope="module")
def written(cohort, tmp_path_factory):
    """A report with the short form, made once; the forms are hastened for it alone."""
    from mebias.recognition import experiment

    whole = experiment.recognize_inputs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            experiment, "recognize_inputs", lambda *a, **o: whole(*a, **{**o, "epochs": 1})
        )
        patch.setitem(FORMS, "short", Form(2, 1, "cpu"))
        patch.setattr(figure_style, "FORMATS", {"svg": figure_style.FORMATS["svg"]})
        out = tmp_path_factory.mktemp("report")
        return mebias.report(cohort, out=out, rule="gamdss", distance="signed")


def never(*_, **__):
    raise AssertionError("a recognizer is trained though predictions are there")


def measured(cohort, keyframes, folder, form="short", **options):
    (found,) = measure([cohort], keyframes, form, folder, **options)
    return found


def test_the_forms_are_those_of_the_protocol():
    assert (FORMS["short"].folds, FORMS["short"].seeds) == (5, 3)
    assert (FORMS["full"].folds, FORMS["full"].seeds) == (None, 5)
    assert ARMS == ("human", "gamdss", "jitter")
    with pytest.raises(OptionError, match=r"recognizer is 'shor'.*did you mean short"):
        measure([], tables.empty("keyframes"), "shor", None)


def test_gains_stand_in_the_findings_and_the_tables(written):
    found = json.loads((written.out / "findings.json").read_text(encoding="utf-8"))
    (gains,) = found["gains"]
    assert gains["form"] == "short"
    for name in ("estimates", "tests", "conclusions", "issues"):
        assert gains[name] or name == "issues"
    estimates = tables.read_csv(written.out / "tables" / "estimates.csv", "estimates")
    assert {"uf1_gain", "uar", "accuracy_gain_seed_sd"} <= set(estimates["quantity"])
    assert len(found["estimates"]) == len(estimates)
    added = estimates.loc[estimates["quantity"] == "added_parameters", "estimate"]
    assert added.tolist() == [0.0]
    tests = tables.read_csv(written.out / "tables" / "tests.csv", "tests")
    sizes = tests.groupby("family")["family_size"].agg(["max", "size"])
    assert sizes.loc["gain-uf1"].tolist() == [2, 2]
    assert sizes.loc["gamdss-vs-jitter"].tolist() == [3, 3]
    own = written.measured[0].gains
    rows = estimates[estimates["quantity"] == "uf1_gain"]
    told = own.estimates[own.estimates["quantity"] == "uf1_gain"]
    assert rows["estimate"].to_numpy() == pytest.approx(told["estimate"].to_numpy())
    predictions = tables.read_csv(written.out / "tables" / "predictions.csv", "predictions")
    assert len(predictions) == 24 * 3


def test_the_matrices_count_every_clip_of_every_class(written):
    confusion = tables.read_csv(written.out / "tables" / "confusion.csv", "confusion")
    predictions = written.measured[0].gains.predictions
    human = predictions[predictions["arm"] == "human"]
    counts = pd.crosstab(human["label"], human["predicted"])
    for row in confusion[confusion["arm"] == "human"].to_dict("records"):
        there = row["label"] in counts.index and row["predicted"] in counts.columns
        assert row["n_clips"] == (counts.loc[row["label"], row["predicted"]] if there else 0)


def test_short_form_stands_on_every_piece_that_tells_of_recognition(written):
    page = written.path.read_text(encoding="utf-8")
    section = page.split('<section id="recognition"')[1].split("</section>")[0]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", section, re.DOTALL)
    assert len(captions) >= 5
    assert all("SHORT FORM" in caption for caption in captions)
    assert "so no claim is graded on it" in section
    short = page.split('<section id="in-short"')[1].split("</section>")[0]
    assert "SHORT FORM: no claim is graded on it" in short
    assert "short form" in (written.out / "methods.md").read_text(encoding="utf-8")
    record = json.loads((written.out / "provenance.json").read_text(encoding="utf-8"))
    (run,) = record["recognition"].values()
    assert (run["form"], run["from"]) == ("short", "this report")


def test_numbers_in_sentences_on_recognition_stand_in_a_table(written):
    page = written.path.read_text(encoding="utf-8")
    section = page.split('<section id="recognition"')[1].split("</section>")[0]
    told = re.findall(r"<p>(.*?)</p>", section, re.DOTALL)
    numbers = {n for text in told for n in re.findall(r"[+−]?\d\.\d{3}", text)}
    cells = re.findall(r"<td.*?</td>", section, re.DOTALL)
    there = {n for cell in cells for n in re.findall(r"[+−]?\d\.\d{3}", cell)}
    assert numbers
    assert numbers <= there


@pytest.mark.usefixtures("svg_only")
def test_the_same_report_again_takes_the_predictions_that_are_there_and_has_the_same_bytes(
    cohort, written, tmp_path, monkeypatch
):
    from mebias.recognition import experiment

    (tmp_path / "tables").mkdir()
    for name in ("predictions.csv", "predictions.json"):
        (tmp_path / "tables" / name).write_bytes((written.out / "tables" / name).read_bytes())
    monkeypatch.setattr(experiment, "recognize_inputs", never)
    again = mebias.report(cohort, out=tmp_path, rule="gamdss", distance="signed")
    for file in ("findings.json", "report.html", "tables/predictions.csv", "provenance.json"):
        assert (again.out / file).read_bytes() == (written.out / file).read_bytes(), file


def test_predictions_of_the_command_are_used_and_named(
    capsys, cohort, keyframes, tmp_path, monkeypatch
):
    made = mebias.recognize(cohort, list(ARMS), keyframes=mebias.reselect(
        cohort, rule=["gamdss", "jitter"]), seeds=2, folds=3, epochs=1, jobs=1)  # fmt: skip
    tables.write_csv(made, tmp_path / "predictions.csv")
    write_record(make_record(cohort, seed=0, form="own", arms=ARMS, folds=3, seeds=2), tmp_path)
    from mebias.recognition import experiment

    monkeypatch.setattr(experiment, "recognize_inputs", never)
    for form in ("short", "full"):
        found = measured(cohort, keyframes, tmp_path, form, progress=True)
        assert found.origin == "predictions.csv"
        assert "predictions of predictions.csv" in capsys.readouterr().err
        expected = gain(made).estimates
        told = found.gains.estimates
        assert told["estimate"].to_numpy() == pytest.approx(
            expected["estimate"].to_numpy(), nan_ok=True
        )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "predictions.json").unlink(), "no predictions.json beside it"),
        (lambda f: (f / "predictions.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "predictions.csv").write_text("x\n1\n"), "its SHA-256 differs"),
    ],
)
def test_predictions_that_nobody_vouches_for_are_refused_in_words(
    capsys, cohort, keyframes, tmp_path, quick, spoil, words
):
    prepared(cohort, tmp_path)
    spoil(tmp_path)
    found = measured(cohort, keyframes, tmp_path)
    assert found.origin == ""
    assert found.gains is not None
    assert words in capsys.readouterr().err
    assert found.noticed["message"].str.contains(words, regex=False).any()


def test_predictions_of_other_data_are_refused_in_words(capsys, cohort, keyframes, tmp_path, quick):
    other = mebias.simulate("4dme", **{**TINY, "seed": 1})
    prepared(other, tmp_path)
    measured(cohort, keyframes, tmp_path)
    assert "of other clips, labels or frames of SIMULATED 4dme" in capsys.readouterr().err
    assert "seed 0, this is seed 3" in unlike(read_record(tmp_path), other, 3)
    labels = cohort.keyframes.assign(frame=cohort.keyframes["frame"] + 1)
    assert data_hash(replace(cohort, keyframes=labels)) != data_hash(cohort)


def test_an_earlier_reports_own_predictions_of_another_seed_or_form_go_without_a_word(
    capsys, cohort, keyframes, tmp_path, quick
):
    (tmp_path / "tables").mkdir()
    for form, seed in (("full", 0), ("short", 1)):
        prepared(cohort, tmp_path / "tables", form=form, seed=seed)
        found = measured(cohort, keyframes, tmp_path)
        assert found.record.form == "short"
        assert "not used" not in capsys.readouterr().err
        assert not found.noticed["message"].str.contains("not used").any()


def prepared(cohort, folder, form="own", seed=0):
    rows = [
        {**row, "arm": arm, "seed": 0.0, "label": row["emotion"], "predicted": row["emotion"]}
        for arm in ARMS for row in cohort.clips.to_dict("records")
    ]  # fmt: skip
    kept = ["dataset", "clip", "subject", "ethnicity", "arm", "seed", "label", "predicted"]
    tables.write_csv(tables.conform(pd.DataFrame(rows)[kept], "predictions"),
                     folder / "predictions.csv")  # fmt: skip
    record = make_record(cohort, seed=seed, form=form, arms=ARMS, folds=2, seeds=1)
    write_record(record, folder)


def test_the_command_recognize_vouches_for_its_predictions(tmp_path, monkeypatch):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    small = mebias.simulate("4dme", **TINY)
    monkeypatch.setattr("mebias.pipeline.simulate", lambda *_, **__: small)
    code = main(["recognize", "4dme", "--arms", "human,gamdss", "--folds", "2", "--seeds", "1",
                 "--epochs", "1", "--out", str(tmp_path), "--quiet"])  # fmt: skip
    assert code == 0
    record = read_record(tmp_path)
    assert unlike(record, small, 0) == ""
    assert (record.form, record.arms, record.folds) == ("own", ("human", "gamdss"), 2)


def few(cohort, subjects):
    kept = cohort.clips["subject"].isin(cohort.clips["subject"].unique()[:subjects])
    clips = cohort.clips[kept]
    own = cohort.keyframes[cohort.keyframes["clip"].isin(clips["clip"])]
    return replace(cohort, clips=clips, keyframes=own)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda c: few(c, 2), "the clips are of 2 subjects"),
        (lambda c: replace(c, clips=c.clips.assign(emotion="joy")), "of one class (joy)"),
        (lambda c: replace(c, clips=c.clips.assign(emotion="")), "no clip to learn from"),
        (lambda c: replace(c, frames=None), "no frames are at hand"),
    ],
)
def test_what_the_data_do_not_allow_is_told_and_torch_is_not_asked(
    cohort, keyframes, tmp_path, monkeypatch, spoil, words
):
    monkeypatch.setattr("mebias.measuring._predictions", never)
    spoiled = spoil(cohort)
    own = keyframes[keyframes["clip"].isin(spoiled.clips["clip"])]
    found = measured(spoiled, own, tmp_path)
    assert words in found.missing
    assert found.gains is None


@pytest.mark.usefixtures("svg_only")
def test_a_report_without_frames_says_what_recognition_lacks(cohort, tmp_path):
    made = mebias.report(replace(cohort, frames=None), out=tmp_path, rule="gamdss")
    page = made.path.read_text(encoding="utf-8")
    assert "The recognizer was not run: no frames are at hand" in page
    found = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert "no frames" in found["gains"][0]["missing"]


def test_none_runs_none_and_loads_no_torch(tmp_path):
    program = (
        "import mebias, sys; c = mebias.simulate('4dme', n_subjects=6, n_clips=12, size=(32, 32)); "
        f"mebias.report(c, out={str(tmp_path / 'r')!r}, rule='gamdss', recognizer='none'); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


# --- claims ---------------------------------------------------------------------------------


def real_findings(uf1, seeds=5, jitter=None):
    """Findings of real-looking data, and a measurement with the gains given."""
    shifts = mebias.example().assign(dataset="d")
    findings = mebias.quantify(shifts, n_permutations=99)
    place = {"dataset": "d", "source": "gamdss", "keyframe": "all", "ethnicity": "all",
             "quantity": "uf1_gain", "unit": "score", "df": 20.0, "conf_level": 0.95,
             "n_subjects": 21, "n_clips": 60}  # fmt: skip
    rows = []
    for arm, value in (("gamdss vs human", uf1), ("gamdss vs jitter", jitter)):
        if value is not None:
            half = 2.086 * 0.01
            rows.append(place | {"arm": arm, "estimate": value, "std_error": 0.01,
                                 "conf_low": value - half, "conf_high": value + half})  # fmt: skip
    return findings, tables.from_rows(rows, "estimates"), seeds


def graded(uf1, seeds=5, jitter=None, record=None):
    findings, estimates, seeds = real_findings(uf1, seeds, jitter)
    record = make_record(
        mebias.simulate("4dme", **TINY), seed=0, form="full", arms=ARMS, folds=None, seeds=seeds
    )
    record = replace(record, dataset="d")
    row = {"clip": "c", "subject": "s", "arm": "human", "label": "a", "predicted": "a",
           "dataset": "d"}  # fmt: skip
    gains = replace(gain(pd.DataFrame([row])), estimates=estimates)
    claims = with_recognition(findings, [Measured("d", "full", gains, record)]).claims
    assert len(claims) == len(findings.claims)
    others = claims[claims["topic"] != "recognition"].reset_index(drop=True)
    before = findings.claims[findings.claims["topic"] != "recognition"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before)
    return claims[claims["topic"] == "recognition"].reset_index(drop=True)


def test_a_gain_beyond_the_margin_and_beyond_random_frames_is_supported():
    assert graded(0.12, jitter=0.1)["grade"].tolist() == ["supported", "supported"]
    assert graded(0.12, jitter=0.0)["grade"][0] == "can't be told"
    assert graded(0.0, jitter=0.0)["grade"][0] == "not supported"


def test_few_seeds_are_never_graded_and_say_what_would_settle_it():
    claims = graded(0.12, seeds=3, jitter=0.1)
    assert claims["grade"][0] == "can't be told"
    assert claims["estimate"][0] == pytest.approx(0.12)
    assert "short form, 3 seeds" in claims["rests_on"][0]
    assert "--recognizer full" in claims["would_settle"][0]


def test_the_second_branch_adds_nothing_and_its_cost_is_told():
    claims = graded(0.12, jitter=0.1)
    assert claims["claim"][1] == "The second branch adds no parameters"
    assert "counted: 0 added; the work is 2 times that of one branch" in claims["rests_on"][1]


def test_what_a_run_was_made_of_is_counted(cohort):
    record = make_record(cohort, seed=0, form="short", arms=ARMS, folds=5, seeds=3)
    rows = {row["quantity"]: row["estimate"] for row in run_rows(record)}
    from mebias.recognition.models import get_model

    module = get_model("tiny").build(1, 5)
    assert rows["model_parameters"] == sum(p.numel() for p in module.parameters())
    assert (rows["added_parameters"], rows["training_seeds"]) == (0, 3)
    assert rows["compute_ratio"] == pytest.approx(2.0, abs=0.01)


def test_simulated_data_get_no_claims(written):
    assert written.findings.claims.empty
    assert callable(recognition)


def test_a_record_that_lacks_its_table_is_refused(tmp_path):
    with pytest.raises(TableError, match="nobody knows which data"):
        read_record(tmp_path)


def test_gains_as_json_are_their_tables():
    rng = np.random.default_rng(0)
    rows = [
        {"clip": f"{i}", "subject": f"{i % 8}", "arm": arm, "label": i % 2,
         "predicted": int(rng.random() < 0.5)}
        for arm in ("human", "gamdss") for i in range(48)
    ]  # fmt: skip
    gains = gain(pd.DataFrame(rows), n_swaps=99)
    found = json.loads(json.dumps(gains.to_dict(), allow_nan=False))
    assert found["datasets"] == ["data"]
    for name in ("estimates", "tests", "conclusions", "issues"):
        assert len(found[name]) == len(getattr(gains, name))
    assert found["estimates"][0]["estimate"] == gains.estimates["estimate"].iloc[0]
