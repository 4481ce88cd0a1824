"""Where data come from: the root, the environment, or nothing; and what is known at all."""

import subprocess
import sys

import pytest

import mebias
from mebias.datasets import datasets_table, load, resolve_root
from mebias.errors import DataRootError, OptionError, UnknownDatasetError


def test_no_root_is_none():
    assert resolve_root("samm") is None


def test_the_argument_comes_before_the_environment(tmp_path, monkeypatch):
    for name in ("here/x", "data/samm/x"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    monkeypatch.setenv("MEBIAS_DATA", str(tmp_path / "data"))
    assert resolve_root("samm") == tmp_path / "data" / "samm"
    assert resolve_root("SAMM") == tmp_path / "data" / "samm"
    assert resolve_root("samm", str(tmp_path / "here")) == tmp_path / "here"
    data = datasets_table().set_index("id")["data"]
    assert data[["samm", "folder"]].tolist() == ["found", "not found"]
    assert set(data.drop(["samm", "folder"])) == {"simulated only"}


def test_a_set_root_that_is_wrong_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(DataRootError, match=r"nowhere does not exist; expected .*SAMM_Micro"):
        resolve_root("samm", tmp_path / "nowhere")
    with pytest.raises(DataRootError, match="is empty"):
        resolve_root("samm", tmp_path)
    with pytest.raises(DataRootError, match="an empty text"):
        resolve_root("samm", "")
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    with pytest.raises(DataRootError, match=r"is a file; .*personalpages\.manchester"):
        resolve_root("samm", file)
    monkeypatch.setenv("MEBIAS_DATA", str(tmp_path))
    with pytest.raises(DataRootError, match=r"^\$MEBIAS_DATA is set: .*samm does not exist"):
        resolve_root("samm")


def test_load_takes_the_environment_and_needs_some_root(tmp_path, monkeypatch):
    with pytest.raises(DataRootError, match="no data root is set for folder"):
        load("folder")
    (tmp_path / "folder").mkdir()
    text = "clip,subject,onset,apex,offset,fps\nc,s,1,2,3,50\n"
    (tmp_path / "folder" / "annotations.csv").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MEBIAS_DATA", str(tmp_path))
    assert len(load("folder")) == 1


def test_an_unknown_dataset_is_suggested(tmp_path):
    with pytest.raises(UnknownDatasetError, match="did you mean samm"):
        load("sam", tmp_path)


def test_the_room_is_callable_whatever_was_imported_first():
    known = ["4dme", "casme", "casme2", "casme3", "casme3-c", "casmesq", "dfme", "folder", "mmew",
             "samm", "samm-long", "smic"]  # fmt: skip
    assert mebias.datasets()["id"].tolist() == known
    table = mebias.datasets().set_index("id")
    assert table.loc["casme3", ["clips", "subjects", "fps"]].tolist() == [860, 94, 30]
    program = (
        "import mebias; first = mebias.datasets(); import mebias.datasets.load; "
        "assert first.equals(mebias.datasets()); print(mebias.datasets.load.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("load", "")


@pytest.mark.parametrize("option", [{"compare": "then"}, {"fps": 60.0}, {"root": "there"}])
def test_an_option_that_would_do_nothing_beside_a_cohort_is_refused(tmp_path, option):
    cohort = mebias.simulate("4dme", n_subjects=2, n_clips=2, size=(32, 32))
    with pytest.raises(OptionError, match=f"{next(iter(option))} would read or simulate data"):
        mebias.report(cohort, out=tmp_path / "r", **option)
    assert not (tmp_path / "r").exists()
