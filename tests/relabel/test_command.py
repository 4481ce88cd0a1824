"""The command as a user meets it."""

import json
import shutil

import pandas as pd
import pytest

from mebias import tables
from mebias.cli import main
from mebias.simulation.write import write_folder


@pytest.fixture
def data(careless, shifts, tmp_path):
    """The careless cohort on disk as if it were real, and its blind posterior as a table."""
    write_folder(careless, tmp_path / "data")
    (tmp_path / "data" / "SIMULATED.json").unlink()
    tables.write_csv(shifts.assign(dataset="folder"), tmp_path / "shifts.csv")
    return ["folder", "--root", str(tmp_path / "data"), "--out", str(tmp_path / "out")]


def test_a_packet_and_back(data, saved, tmp_path, capsys):
    more = ["--budget", "10", "--controls", "8", "--shifts", str(tmp_path / "shifts.csv")]
    assert main(["relabel", *data, *more]) == 0
    told = capsys.readouterr().out
    assert "stays with you" in told and "faces of participants" in told
    key = pd.read_csv(tmp_path / "out" / "relabel-key.csv")
    packet = key["packet"].iloc[0]
    back = saved()
    table = pd.read_csv(back)
    items = {c: i for i, c in key[["item", "clip"]].drop_duplicates().to_numpy()}
    assert len(items) == len(table)  # the same clips, under the names of this packet
    table["packet"] = packet
    table.to_csv(back, index=False)
    assert main(["relabel", *data, "--read", str(back)]) == 0
    told = capsys.readouterr().out
    assert "corrections in errata.csv" in told
    for name in ("relabeled", "estimates", "tests", "issues", "errata"):
        assert (tmp_path / "out" / f"{name}.csv").is_file()
    json.loads((tmp_path / "out" / "provenance.json").read_text())


def test_what_cannot_be_is_one_sentence_and_leaves_nothing(data, tmp_path, capsys):
    shutil.rmtree(tmp_path / "data" / "frames")
    assert main(["relabel", *data, "--shifts", str(tmp_path / "shifts.csv")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and "second look needs them" in said[0]
    assert main(["relabel", *data, "--read", str(tmp_path / "none.csv")]) == 2
    assert "give --key FILE" in capsys.readouterr().err
    assert main(["relabel", *data, "--partial"]) == 2
    assert "give --read too" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["calibrate", "relabel", "--cell", "none"]) == 2
    assert "the cells are" in capsys.readouterr().err
