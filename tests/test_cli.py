"""The command line as a user meets it: every command once, and every mistake in one sentence."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.cli import main

SMALL = ["--subjects", "12", "--clips", "30", "--size", "40x40"]


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def sentence(err):
    """The one line of an error, checked to be one line and no traceback."""
    lines = [s for s in err.strip().splitlines() if not s.startswith("mebias: SIMULATED")]
    assert len(lines) == 1, err
    assert lines[0].startswith("mebias: error: ")
    return lines[0]


@pytest.fixture
def folder(tmp_path, capsys):
    """A small cohort of one's own, frames and all."""
    root = tmp_path / "own"
    assert main(["simulate", "4dme", *SMALL, "--frames", "--out", str(root), "--quiet"]) == 0
    (root / "SIMULATED.json").unlink()  # from here on it plays a real dataset
    return root


def test_help_is_instant_and_lists_the_commands():
    best = min(_seconds("--help") for _ in range(5))
    assert best < 0.3


def _seconds(*arguments):
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "mebias", *arguments], capture_output=True, text=True, check=True
    )
    assert "report" in done.stdout
    return time.perf_counter() - start


def test_import_is_light():
    program = (
        "import sys, mebias; "
        "print([m for m in ('torch', 'statsmodels', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in mebias.__all__:
        assert getattr(mebias, name) is not None
    assert set(mebias.__all__) <= set(dir(mebias))
    assert "samm" in mebias.datasets()["id"].tolist()


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("mebias 0.")


def test_datasets_lists_and_shows_a_card(capsys):
    code, out, _ = run(capsys, "datasets")
    assert code == 0
    assert all(name in out for name in ("4dme", "samm", "casme3", "folder"))
    code, out, _ = run(capsys, "datasets", "samm")
    assert code == 0
    assert "Davison" in out
    assert "where to ask" in out


def test_simulate_writes_tables_with_truth(capsys, tmp_path):
    code, out, _ = run(capsys, "simulate", "samm", *SMALL, "--out", tmp_path / "s")
    assert code == 0
    assert "SIMULATED samm" in out
    truth = tables.read_csv(tmp_path / "s" / "truth.csv", "keyframes")
    assert (truth["frame"] % 1 != 0).any()


def test_plant_reaches_the_labels(capsys, tmp_path):
    code, *_ = run(
        capsys, "simulate", "samm", "--plant", "B:0,0,40", *SMALL, "--out", tmp_path / "s"
    )
    assert code == 0
    planted = pd.read_csv(tmp_path / "s" / "planted_errors.csv")
    row = planted.query("ethnicity == 'B' and keyframe == 'offset'")
    assert row["error_ms"].item() == 40


def test_reselect_then_quantify(capsys, tmp_path, folder):
    out = tmp_path / "o"
    code, text, err = run(capsys, "reselect", "folder", "--root", folder, "--out", out)
    assert (code, err) == (0, "")
    assert "gamdss, signed: 30 clips, 0 failed" in text
    tables.read_csv(out / "keyframes.csv", "keyframes")
    code, text, err = run(capsys, "quantify", out / "shifts.csv", "--out", tmp_path / "q")
    assert (code, err) == (0, "")
    assert "mean_shift_ms" in text
    estimates = tables.read_csv(tmp_path / "q" / "estimates.csv", "estimates")
    assert {"A", "B", "C", "all"} <= set(estimates["ethnicity"])
    tables.read_csv(tmp_path / "q" / "tests.csv", "tests")


def test_quantify_takes_the_six_columns_alone(capsys, tmp_path):
    rows = [
        {"clip": f"c{i}", "subject": f"s{i % 9}", "keyframe": k, "human": h, "selected": h + i % 3,
         "fps": 100}
        for i in range(27) for k, h in (("onset", 10), ("apex", 30), ("offset", 60))
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    code, *_ = run(capsys, "quantify", tmp_path / "t.csv", "--out", tmp_path / "o")
    assert code == 0
    estimates = tables.read_csv(tmp_path / "o" / "estimates.csv", "estimates")
    row = estimates.query(
        "quantity == 'mean_shift' and unit == 'ms' and weighting == 'clip' and keyframe == 'apex'"
    )
    assert row["estimate"].item() == pytest.approx(10)


def test_report_of_a_simulated_dataset_says_so_everywhere(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    out = tmp_path / "r"
    code, text, err = run(capsys, "report", "4dme", "--out", out, "--rule", "gamdss",
                          "--recognizer", "none")  # fmt: skip
    assert code == 0
    assert "SIMULATED" in err
    assert str(out / "report.html") in text
    assert "SIMULATED" in (out / "report.html").read_text(encoding="utf-8")
    findings = json.loads((out / "findings.json").read_text(encoding="utf-8"))
    assert findings["simulated"] is True
    assert findings["claims"] == []
    assert findings["planted"]
    for path in (out / "tables").glob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) < 2 or "SIMULATED" in lines[1], path.name
    assert json.loads((out / "provenance.json").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("svg_only")
def test_report_of_ones_own_folder_is_not_marked_and_repeats_byte_for_byte(
    capsys, tmp_path, folder
):
    for name in ("a", "b"):
        code, _, err = run(capsys, "report", "folder", "--root", folder, "--out", tmp_path / name)
        assert (code, err) == (0, "")
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) > 10
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    html = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" not in html
    for path in files:
        content = (tmp_path / "a" / path).read_bytes()
        assert str(tmp_path).encode() not in content, path


def test_dry_run_counts_and_writes_nothing(capsys, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())

    def frames(*arguments):
        code, out, _ = run(capsys, *arguments, "--root", folder, "--dry-run")
        assert code == 0
        assert "30 clips" in out
        return int(re.search(r"read about (\d+) frames", out)[1]), out

    in_windows, _ = frames("reselect", "folder")
    on_disk = len(list((folder / "frames").rglob("*.png")))
    assert 0 < in_windows < on_disk / 4
    whole, _ = frames("reselect", "folder", "--rule", "motion-blind")
    assert whole == pytest.approx(on_disk, rel=0.25)  # 8 of 30 clips are looked at
    reported, out = frames("report", "folder")
    assert reported == whole  # its rules look at these frames, too, and read none twice
    assert "come on top" in out
    both = "human,gamdss,gamdss@both,posterior-draws"
    _, out = frames("recognize", "folder", "--arms", both, "--seeds", "2")
    assert "on top: 4 arms x 2 seeds x 12 folds" in out
    assert frames("recognize", "folder", "--arms", "human")[0] == 0
    assert frames("export", "folder")[0] == in_windows
    assert sorted(tmp_path.iterdir()) == before


def test_dry_run_counts_no_frames_where_there_are_none(capsys, folder):
    shutil.rmtree(folder / "frames")
    code, out, _ = run(capsys, "reselect", "folder", "--root", folder, "--dry-run")
    assert code == 0
    assert "about 0 frames" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "sam"], "did you mean samm"),
        (["report", "4dme", "--recognizer", "ful"], "did you mean full"),
        (["report", "4dme", "--rule", "gamds"], "did you mean gamdss"),
        (["report", "samm", "--root", "nowhere"], "nowhere"),
        (["report", "folder"], "--root"),
        (["quantify", "nowhere.csv"], "nowhere.csv was not found"),
        (["quantify", "a", "b", "c"], "two versions"),
        (["simulate", "4dme", "--plant", "D:1,2,3"], "A, B, C"),
        (["simulate", "4dme", "--plant", "B;1"], "GROUP:onset,apex,offset"),
    ],
)
def test_mistakes_are_one_sentence_and_code_2(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert words in sentence(err)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reprot", "4dme"], "did you mean report?"),
        (["report"], "DATASET"),
        (["report", "4dme", "--seed", "-1"], "not a whole number of 0 or more"),
        ([], "COMMAND"),
        (["reselect", "4dme", "--jobs", "0"], "not a whole number of 1 or more"),
        (["reselect", "4dme", "--rot", "here"], "did you mean --root?"),
        (["reselect", "4dme", "--rool=here"], "did you mean --root?"),
        (["reselect", "4dme", "samm"], "unknown argument samm"),
        (["reselect", "4dme", "--fps", "x"], "'x' is not a number"),
        (["calibrate", "gain", "--cohorts", "2.5"], "'2.5' is not a whole number"),
    ],
)
def test_unusable_arguments_are_one_sentence_and_code_2(capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert words in sentence(capsys.readouterr().err)


def test_real_and_simulated_do_not_mix(capsys, tmp_path, folder, monkeypatch):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    out = tmp_path / "r"
    code, _, err = run(
        capsys, "report", "folder", "4dme", "--root", f"folder={folder}", "--out", out
    )
    assert code == 2
    assert "real and simulated" in sentence(err)
    assert not out.exists()


def test_a_root_in_the_environment_that_is_wrong_is_no_fallback(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MEBIAS_DATA", str(tmp_path / "data"))
    code, _, err = run(capsys, "report", "samm", "--out", tmp_path / "r")
    assert code == 2
    assert "SIMULATED" not in err


def onset_image(folder):
    """The first clip, and the image of its human onset."""
    first = pd.read_csv(folder / "annotations.csv").iloc[0]
    images = (folder / "frames" / first["clip"]).glob(f"*{first['onset']}.png")
    return first, sorted(images)[0]


@pytest.mark.parametrize("command", ["reselect", "report"])
def test_a_truncated_image_is_one_sentence_and_nothing_is_written(
    capsys, tmp_path, folder, command
):
    _, image = onset_image(folder)
    image.write_bytes(image.read_bytes()[:200])
    out = tmp_path / "o"
    code, _, err = run(capsys, command, "folder", "--root", folder, "--out", out)
    assert code == 2
    assert f"{image.name} is truncated" in sentence(err)
    assert not out.exists() or not list(out.iterdir())


def test_a_missing_image_is_one_sentence_and_code_2(capsys, tmp_path, folder):
    first, image = onset_image(folder)
    image.unlink()
    out = tmp_path / "o"
    code, _, err = run(capsys, "report", "folder", "--root", folder, "--out", out)
    assert code == 2
    assert f"clip {first['clip']} " in sentence(err)
    assert f"frame {first['onset']} is missing" in sentence(err)


def test_clips_with_bad_images_can_be_left_out(capsys, tmp_path, folder):
    first, image = onset_image(folder)
    image.write_bytes(image.read_bytes()[:200])
    out = tmp_path / "o"
    code, *_ = run(
        capsys, "reselect", "folder", "--root", folder, "--out", out, "--skip-bad-frames"
    )
    assert code == 0
    failed = tables.read_csv(out / "keyframes.csv", "keyframes").query("status == 'failed'")
    assert failed["clip"].unique().tolist() == [first["clip"]]
    assert image.name in failed["reason"].iloc[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the next test covers it")
def test_a_read_only_output_folder(capsys, tmp_path):
    (tmp_path / "o").mkdir(mode=0o500)
    code, _, err = run(capsys, "simulate", "4dme", *SMALL, "--out", tmp_path / "o")
    assert code == 2
    assert "cannot be written" in sentence(err)


@pytest.mark.parametrize("command", ["report", "reselect", "simulate"])
def test_an_output_folder_that_is_a_file(capsys, tmp_path, monkeypatch, command):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    (tmp_path / "o").write_text("mine", encoding="utf-8")
    code, _, err = run(capsys, command, "4dme", "--out", tmp_path / "o")
    assert code == 2
    assert "cannot be written" in sentence(err) or "is a file" in sentence(err)
    assert (tmp_path / "o").read_text(encoding="utf-8") == "mine"


def test_a_full_disk_is_one_sentence(capsys, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "estimates.csv")

    monkeypatch.setattr(tables, "write_csv", full)
    code, _, err = run(capsys, "simulate", "4dme", *SMALL, "--out", tmp_path / "o")
    assert code == 2
    assert "No space left" in sentence(err)


def test_our_own_mistake_is_code_1_without_a_traceback(capsys, monkeypatch):
    monkeypatch.setattr("mebias.datasets.datasets_table", lambda: 1 / 0)
    code, _, err = run(capsys, "datasets")
    assert code == 1
    assert "ZeroDivisionError" in sentence(err)
    with pytest.raises(ZeroDivisionError):
        main(["datasets", "--debug"])


def test_readme_paths_exist():
    root = Path(__file__).parent.parent
    assert (root / "constraints.txt").read_text(encoding="utf-8").count("torch==2.13.0") == 1
