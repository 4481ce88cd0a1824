"""What pyproject.toml promises was run: its lower bounds, and each Python that it names."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[2]
AGAIN = "run: python benchmarks/environments.py"
PINNED = {"torch", "safetensors"}
"""Tried at the pinned version only: the environments have no torch."""


@pytest.fixture(scope="module")
def ran():
    path = ROOT / "reports" / "validation" / "environments.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        return {row["environment"]: row for row in csv.DictReader(handle)}


@pytest.fixture(scope="module")
def project():
    with (ROOT / "pyproject.toml").open("rb") as handle:
        return tomllib.load(handle)["project"]


def bounds(project):
    texts = [*project["dependencies"], *project["optional-dependencies"]["pdf"]]
    for requirement in map(Requirement, texts):
        (low,) = (part.version for part in requirement.specifier if part.operator == ">=")
        yield requirement, Version(low)


def test_every_environment_passed_its_tests_and_made_its_report(ran):
    assert {"oldest", "newest"} <= set(ran), AGAIN
    for name, row in ran.items():
        assert row["failed"] == "0", name
        assert int(row["passed"]) > 50, name
        assert row["report"] == "True", name


def test_lower_bounds_are_what_was_run(ran, project):
    pins = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    for requirement, low in bounds(project):
        name = requirement.name
        if name in PINNED:
            assert pins[name].startswith(str(low)), requirement
        else:
            assert Version(ran["oldest"][name]) == low, f"{requirement}: {AGAIN}"
            assert requirement.specifier.contains(ran["newest"][name]), requirement


def test_only_pythons_that_were_run_are_allowed(ran, project):
    tried = {".".join(row["python"].split(".")[:2]) for row in ran.values()}
    allowed = SpecifierSet(project["requires-python"])
    assert {f"3.{minor}" for minor in range(40) if allowed.contains(f"3.{minor}.99")} == tried, (
        AGAIN
    )
    named = {text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text}
    assert named == tried
