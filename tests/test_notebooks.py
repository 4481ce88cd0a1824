"""Every notebook runs from top to bottom, without outputs kept; the reference is complete."""

import asyncio
import re
import warnings
from pathlib import Path

import nbformat
import pytest

import mebias

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_are_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert all(not c.outputs and c.execution_count is None for c in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("MEBIAS_FAST", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the notebook machinery, not of ours
        from nbclient import NotebookClient

        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        )
        asyncio.run(client.async_execute())


def test_every_public_name_is_in_the_reference():
    text = (NOTEBOOKS[0].parent / "site" / "reference.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\.\. auto\w+:: (?:.*\.)?(\w+)$", text, flags=re.MULTILINE))
    assert set(mebias.__all__) - described == {"datasets"}, "a room whose table stands in the text"
    assert "``mebias.datasets()``" in text
