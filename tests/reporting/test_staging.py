"""A folder is written whole or not at all."""

import json
import os
import shutil
from pathlib import Path

import pytest

from mebias.errors import OutputError
from mebias.reporting import drawing, prepare_output, staging, write_report

pytestmark = pytest.mark.usefixtures("svg_only")


def snapshot(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()}  # fmt: skip


def fill(out, names, mark):
    """An output folder as a report with these files leaves it."""
    with staging.staged(out) as stage:
        for name in names:
            (stage / name).parent.mkdir(exist_ok=True)
            (stage / name).write_text(f"{mark} {name}")
        record = {"outputs": staging.hashes(stage, staging.file_names(stage))}
        (stage / "provenance.json").write_text(json.dumps(record))


def test_stale_files_go_and_foreign_and_changed_ones_stay(tmp_path):
    fill(tmp_path, ["report.html", "tables/a.csv", "tables/b.csv", "figures/f.svg"], "old")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "tables" / "own.csv").write_text("mine")
    (tmp_path / "tables" / "b.csv").write_text("changed by hand")
    fill(tmp_path, ["report.html", "tables/c.csv"], "new")
    assert set(snapshot(tmp_path)) == {
        "report.html", "provenance.json", "tables/c.csv", "tables/b.csv", "tables/own.csv",
        "notes.txt",
    }  # fmt: skip
    assert not (tmp_path / "figures").exists()
    assert (tmp_path / "report.html").read_text() == "new report.html"


@pytest.mark.parametrize("name", ["../victim", "/etc/x", "deep/er/x", "tables/../../victim"])
def test_a_forged_provenance_removes_nothing_outside(tmp_path, name):
    out = tmp_path / "out"
    fill(out, ["report.html"], "old")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    digest = staging.provenance.file_hash(victim)
    (out / "provenance.json").write_text(json.dumps({"outputs": {name: digest}}))
    fill(out, ["report.html"], "new")
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"outputs": 3}', "\udcff"])
def test_an_unreadable_provenance_is_no_obstacle(tmp_path, text):
    (tmp_path / "provenance.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    fill(tmp_path, ["report.html"], "new")
    assert (tmp_path / "report.html").read_text() == "new report.html"


def test_what_a_killed_run_set_aside_stays_until_a_report_is_there(tmp_path):
    """It may hold files of an earlier report that were already moved out of the way."""
    aside = tmp_path / f"{staging.PREFIX}x" / "old"
    aside.mkdir(parents=True)
    (aside / "report.html").write_text("earlier")
    with pytest.raises(KeyError), staging.staged(tmp_path):
        raise KeyError
    assert (aside / "report.html").read_text() == "earlier"
    fill(tmp_path, ["report.html"], "new")
    assert set(snapshot(tmp_path)) == {"report.html", "provenance.json"}


@pytest.mark.parametrize("failing", range(5))
def test_a_move_that_fails_is_taken_back(tmp_path, monkeypatch, failing):
    fill(tmp_path, ["report.html", "tables/a.csv", "tables/gone.csv"], "old")
    before = snapshot(tmp_path)
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) == failing + 1:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(staging.os, "replace", replace)
    with pytest.raises(OutputError, match="No space left on device"):
        fill(tmp_path, ["report.html", "tables/a.csv", "figures/new.svg"], "new")
    monkeypatch.undo()
    assert snapshot(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["provenance.json", "report.html",
                                                         "tables"]  # fmt: skip


def test_the_page_is_moved_last(tmp_path, monkeypatch):
    moved, real = [], os.replace
    monkeypatch.setattr(
        staging.os, "replace", lambda a, b: (moved.append(Path(b).name), real(a, b))
    )
    fill(tmp_path, ["report.html", "tables/z.csv", "findings.json"], "new")
    assert moved[-1] == "report.html"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_report_that_fails_midway_leaves_the_old_one_whole(tmp_path, inputs, monkeypatch, error):
    write_report(tmp_path / "r", **inputs.cohort())
    before = snapshot(tmp_path)

    def broken(*_, **__):
        raise error

    monkeypatch.setattr("mebias.reporting.write.findings_json", broken)
    wanted = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(wanted):
        write_report(tmp_path / "r", **inputs.cohort(title="Another"))
    with pytest.raises(wanted):
        write_report(tmp_path / "new" / "deep", **inputs.cohort())
    assert snapshot(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_second_report_replaces_the_first(tmp_path, inputs):
    write_report(tmp_path, **inputs.versions())
    report = write_report(tmp_path, **inputs.cohort())
    assert not (tmp_path / "tables" / "transitions.csv").exists()
    assert not (tmp_path / "figures" / "transitions.svg").exists()
    fresh = tmp_path / "fresh"
    again = write_report(fresh, **inputs.cohort())
    kept = snapshot(again.out)
    shutil.rmtree(fresh)
    assert snapshot(report.out) == kept


def test_preparing_leaves_nothing_behind(tmp_path):
    prepare_output(tmp_path / "a" / "b")
    prepare_output(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["", "r", "r/deep"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, inside):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is a file") as caught:
        prepare_output(tmp_path / "file" / inside)
    assert "\n" not in str(caught.value)
    assert "--out" in str(caught.value)


def test_a_folder_in_the_place_of_the_page_is_refused(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html is a folder"):
        prepare_output(tmp_path)


def test_a_dangling_link_is_refused(tmp_path):
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError):
        prepare_output(tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(staging.tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        prepare_output(tmp_path / "r")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_parent_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError):
        prepare_output(tmp_path / "r")


def test_an_svg_in_the_page_keeps_no_script_and_no_address():
    file = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "http://www.w3.org/dtd">\n'
        '<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="100.5pt" viewBox="0 0 9 9">'
        "<metadata>when</metadata><script>x</script><!-- c --><style>*{}</style>"
        '<g id="a" clip-path="url(#b)"><use xlink:href="#a"/></g></svg>'
    )
    svg = drawing.inline_svg(file, "my figure", 'A "b" & <c>')
    assert "http" not in svg
    assert "script" not in svg
    assert "when" not in svg
    assert '<g id="my-figure-a" clip-path="url(#my-figure-b)"><use href="#my-figure-a"/>' in svg
    assert 'aria-label="A &quot;b&quot; &amp; &lt;c&gt;"' in svg
    assert "max-width:181px" in svg
