"""Readers under fuzzing: a short, seeded run here; ``make proof`` runs long."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from contained import contained

PROGRAM = Path(__file__).parents[1] / "fuzz" / "targets.py"
GUIDED = importlib.util.find_spec("atheris") is not None


@pytest.fixture(scope="module")
def targets():
    spec = importlib.util.spec_from_file_location("fuzz_targets", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_well_formed_is_taken_and_what_was_found_is_refused(targets):
    """Each seed counts: were all refused, nothing would be fuzzed."""
    taken = set()
    for name in targets.TARGETS:
        for number, data in enumerate(targets.seeds(name)):
            if contained(targets.run, name, data) == "done" and targets.run(name, data):
                taken.add((name, number))
    assert {name for name, _ in taken} == set(targets.TARGETS)
    found = [path for path in targets.FOUND.rglob("*") if path.is_file()]
    assert len(found) >= 3
    assert sum(path.stat().st_size for path in found) < 2**16


def test_changed_at_random(targets):
    assert targets.at_random(list(targets.TARGETS), runs=450, seed=7) == []


@pytest.mark.skipif(not GUIDED, reason="atheris is not installed; changes at random ran instead")
def test_guided_by_coverage(tmp_path):
    command = [sys.executable, str(PROGRAM), "-runs=3000", "-seed=20", "-verbosity=0"]
    environment = os.environ | {"FUZZ_FOUND": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, env=environment, cwd=PROGRAM.parents[2])
    kept = {path.name: path.read_bytes()[:300] for path in tmp_path.iterdir()}
    assert done.returncode == 0, (kept, done.stderr[-3000:].decode("utf-8", "replace"))
    assert kept == {}
