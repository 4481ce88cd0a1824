"""Pictures of single clips: which are drawn, their files, the command."""

import pytest
from reporting.clip_pictures import (
    PLOTS,
    simulated,
    without,
)

import mebias
from mebias.cli import main
from mebias.reporting import clip_figures


@pytest.fixture(scope="module")
def cohort():
    return simulated()


@pytest.fixture(scope="module")
def clip(cohort):
    return cohort.clips["clip"].iloc[1]


def test_the_clips_that_disagree_most(cohort):
    shifts = mebias.compare(cohort, mebias.reselect(cohort))
    sizes = shifts.groupby("clip")["shift_ms"].apply(lambda s: s.abs().mean())
    assert clip_figures.most_disagreeing(shifts, 1) == [sizes.idxmax()]


def test_file_names_are_safe_and_stable():
    names = clip_figures._file_names(["s1/a#1", "../x", "S1-a-1", "ü b", "/"])
    assert len(set(map(str.casefold, names.values()))) == 5
    assert not any(set(name) & set('/\\#: "') or name.startswith(".") for name in names.values())


def test_the_same_clip_gives_the_same_bytes(cohort, clip, tmp_path):
    written = []
    for run in ("a", "b"):
        paths, problems = clip_figures.write_clip_figures(
            cohort, [clip], tmp_path / run, faces=True
        )
        assert not problems
        written.append({p.relative_to(tmp_path / run).as_posix(): p.read_bytes() for p in paths})
    assert written[0] == written[1]
    stem = clip.replace("/", "-")
    expected = {f"{stem}_{kind}.{suffix}" for kind in PLOTS for suffix in ("svg", "pdf", "png")}
    assert set(written[0]) == expected | {f"one-column/{name}" for name in expected}
    for name, content in written[0].items():
        if name.endswith(".pdf"):
            assert b"/FontFile2" in content


def test_a_picture_that_fails_leaves_nothing_and_the_others_go_on(
    cohort, clip, tmp_path, monkeypatch
):
    paths, problems = clip_figures.write_clip_figures(
        without(cohort, "apex"), [clip], tmp_path, faces=True
    )
    assert len(problems) == 1 and "no picture of distances" in problems[0]
    assert {p.stem.split("_")[-1] for p in paths} == {"motion", "film"}

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clip_figures.write_clip_figures(cohort, [clip], tmp_path / "new")
    assert [p for p in (tmp_path / "new").rglob("*") if p.is_file()] == []


# The command


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "data"
    small = ["--subjects", "3", "--clips", "6", "--size", "48x48"]
    assert main(["simulate", "4dme", *small, "--frames", "--out", str(folder), "--quiet"]) == 0
    return folder


def reselect(capsys, root, out, *more):
    code = main(["reselect", "folder", "--root", str(root), "--out", str(out), *more])
    return code, capsys.readouterr()


def test_command_draws_a_number_or_named_clips(capsys, root, tmp_path):
    code, said = reselect(capsys, root, tmp_path / "n", "--figures", "1")
    assert code == 0 and "12 files with pictures of 1 clip, no faces" in said.out
    assert len(list((tmp_path / "n/figures/clips").glob("*_motion.svg"))) == 1
    assert not list((tmp_path / "n").rglob("*film*"))
    code, said = reselect(
        capsys, root, tmp_path / "c", "--figures", "s02/s02_01", "--rule", "motion",
        "--faces",
    )  # fmt: skip
    assert "18 files with pictures of 1 clip, faces among them" in said.out
    drawn = {p.name for p in (tmp_path / "c/figures/clips").glob("*.png")}
    assert code == 0 and len(drawn) == 3 and all("s02_01" in name for name in drawn)


def test_command_without_figures_draws_none(capsys, root, tmp_path):
    code, _ = reselect(capsys, root, tmp_path / "plain")
    assert code == 0 and not (tmp_path / "plain/figures").exists()


def test_command_refuses_what_it_cannot_draw(capsys, root, tmp_path):
    for given, words_ in (("s99/1", "has no clip 's99/1'"), ("0", "expected 1 clip or more")):
        code, said = reselect(capsys, root, tmp_path, "--figures", given)
        assert code == 2 and words_ in said.err and said.err.count("\n") <= 2
    code, said = reselect(capsys, root, tmp_path, "--faces")
    assert code == 2 and "give --figures too" in said.err
    assert not (tmp_path / "keyframes.csv").exists()


def test_command_without_frames_says_so_and_goes_on(capsys, root, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in root.glob("*.*"):
        (bare / file.name).write_bytes(file.read_bytes())
    code, said = reselect(capsys, bare, tmp_path / "out", "--figures", "--fps", "60")
    assert code == 0 and "no picture can be drawn" in said.err
    assert (tmp_path / "out/keyframes.csv").exists()


def test_the_help_says_that_faces_are_shown(capsys):
    with pytest.raises(SystemExit):
        main(["reselect", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "--faces with --figures: film strips as well; THEY SHOW FACES" in told
