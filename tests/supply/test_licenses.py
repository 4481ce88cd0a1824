"""Every pinned package has a licence that lets BSD-3-Clause code depend on it."""

import csv
import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
AGAIN = "run: python benchmarks/licenses.py (with .[proof] installed)"
FREE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-CMU", "PSF-2.0", "Public-Domain", "Zlib",
    "dependency licenses",
}  # fmt: skip
"""Those that ask for a notice at most."""
WEAK = {"MPL-2.0", "LGPL"}
"""Those that ask for more only of who changes or ships the package: allowed with a reason."""
NOT_INSTALLED = {("docutils", "GPL")}
"""A file of the source that is no part of the package; benchmarks/licenses.py looks."""


def table():
    path = ROOT / "reports" / "validation" / "licenses.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        return {row["package"]: row for row in csv.DictReader(handle)}


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def declared():
    with (ROOT / "pyproject.toml").open("rb") as handle:
        found = tomllib.load(handle)
    yield from (Requirement(text) for text in found["project"]["dependencies"])
    yield from (Requirement(text) for text in found["build-system"]["requires"])
    for texts in found["project"]["optional-dependencies"].values():
        yield from (Requirement(text) for text in texts)


def test_every_constraint_pins_one_version_and_stands_in_the_table():
    found = table()
    assert {name: row["version"] for name, row in found.items()} == pins(), AGAIN
    assert all(row["license"] and row["needed_for"] for row in found.values()), AGAIN


def test_what_mebias_declares_is_pinned_inside_its_bounds_and_called_direct():
    found = table()
    for requirement in declared():
        name = canonicalize_name(requirement.name)
        if name != "mebias":
            assert requirement.specifier.contains(pins()[name], prereleases=True), requirement
            assert found[name]["direct"] == "True", AGAIN


def test_a_licence_is_compatible_or_says_why_it_is_no_hindrance():
    for name, row in table().items():
        parts = set(re.split(r" AND | OR |, ", row["license"]))
        strange = {p for p in parts - FREE - WEAK if (name, p) not in NOT_INSTALLED}
        assert not strange, (name, strange)
        assert parts <= FREE or row["note"], f"{name}, {row['license']}: why is that fine? (NOTES)"


def test_what_mebias_runs_on_is_free_but_for_files_of_tqdm():
    weak = {
        name for name, row in table().items()
        if "run" in row["needed_for"].split() and set(row["license"].split(" AND ")) & WEAK
    }  # fmt: skip
    assert weak == {"tqdm"}


def test_what_installed_packages_ask_for_is_pinned():
    known, looked = pins(), 0
    for name in known:
        try:
            texts = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # of an extra that is not installed here
        for requirement in map(Requirement, texts):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in known, (name, requirement)
                looked += 1
    assert looked > 50
