"""The oldest and the newest packages that mebias declares, and newer Pythons: it works there.

    python benchmarks/environments.py [--keep DIR] [--csv FILE] [--only NAME ...] [--tests PATH ...]

Builds the wheel, and for each environment a virtual environment without torch, in which the wheel
is installed and the repository is not:

- ``oldest``: this Python, every package at the lower bound of ``pyproject.toml``;
- ``newest``: this Python, every package as new as is allowed;
- ``newest-3.12`` and so on: the same for each newer Python that is found on the path.

In each tests that need no torch are run, among them that of the fixed numbers, and
``report 4dme --rule gamdss`` in an empty folder. Its rows replace those of the same names in the
table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from shutil import which
from xml.etree import ElementTree

import pandas as pd
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "reports" / "validation" / "environments.csv"
WITHOUT = ("torch", "safetensors")
TOOLS = ("pytest>=8.3", "hypothesis>=6.110", "hatchling>=1.26", "packaging>=24")
TESTS = ("tests/supply/test_numbers.py", "tests/selection/test_selection.py",
         "tests/selection/test_decoding.py", "tests/quantification/test_reference.py",
         "tests/quantification/test_quantify.py", "tests/reporting/test_figures.py",
         "tests/reporting/test_figure_contents.py")  # fmt: skip
PINS = "import importlib.metadata as m, sys; print(*(m.version(n) for n in sys.argv[1:]))"


@dataclass(frozen=True)
class Environment:
    """A Python and what is installed for it."""

    name: str
    python: str
    packages: tuple[str, ...]


def declared() -> list[Requirement]:
    """What mebias asks for without torch, and what makes its PDF."""
    with (ROOT / "pyproject.toml").open("rb") as handle:
        project = tomllib.load(handle)["project"]
    texts = [*project["dependencies"], *project["optional-dependencies"]["pdf"]]
    return [r for r in map(Requirement, texts) if r.name not in WITHOUT]


def lowest(requirement: Requirement) -> str:
    """The lower bound as the one version to install."""
    (bound,) = (part.version for part in requirement.specifier if part.operator == ">=")
    return f"{requirement.name}=={bound}"


def newer_pythons() -> Iterator[tuple[str, str]]:
    """Names and programs of the newer Pythons on the path that start."""
    for minor in range(sys.version_info.minor + 1, sys.version_info.minor + 10):
        program = which(f"python3.{minor}")
        if program and _starts(program, minor):
            yield f"3.{minor}", program


def _starts(program: str, minor: int) -> bool:
    asked = [program, "-c", "import sys; print(sys.version_info.minor)"]
    done = subprocess.run(asked, capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == str(minor)


def environments() -> list[Environment]:
    """What can be tried on this machine."""
    wanted = declared()
    low, new = tuple(map(lowest, wanted)), tuple(map(str, wanted))
    return [
        Environment("oldest", sys.executable, low),
        Environment("newest", sys.executable, new),
        *(Environment(f"newest-{name}", program, new) for name, program in newer_pythons()),
    ]


def run(*arguments: str | Path, cwd: Path = ROOT, **changed: str) -> subprocess.CompletedProcess:
    """Run a program that sees neither the repository nor this environment's packages."""
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    fixed = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1", "MEBIAS_FAST": "1"}
    return subprocess.run([*map(str, arguments)], cwd=cwd, env=kept | fixed | changed)


def install(environment: Environment, wheel: Path, folder: Path) -> Path:
    """Make the environment, or take the one that is there, and put the wheel into it."""
    python = folder / "bin" / "python"
    if not python.exists():
        run(environment.python, "-m", "venv", folder).check_returncode()
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    newest = () if environment.name == "oldest" else ("--upgrade",)
    run(*pip, *newest, *environment.packages, *TOOLS).check_returncode()
    run(*pip, "--no-deps", "--force-reinstall", wheel).check_returncode()
    if run(python, "-c", "import torch", cwd=folder).returncode == 0:
        sys.exit(f"{environment.name}: torch is installed in {folder}; it should not be.")
    return python


def tested(python: Path, tests: Sequence[str], folder: Path) -> dict[str, int]:
    """Run the tests, and count."""
    told = folder / "tests.xml"
    # Old packages beside newer ones that they did not know warn of what will go.
    quiet = ("-W", "ignore::DeprecationWarning")
    run(python, "-m", "pytest", *tests, *quiet, "-p", "no:cacheprovider", f"--junitxml={told}")
    suite = ElementTree.parse(told).getroot()[0]
    failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
    skipped = int(suite.get("skipped", "0"))
    return {
        "passed": int(suite.get("tests", "0")) - failed - skipped,
        "failed": failed,
        "skipped": skipped,
    }


def reported(python: Path) -> bool:
    """Whether a report comes about in an empty folder."""
    with tempfile.TemporaryDirectory() as empty:
        command = (python, "-m", "mebias", "report", "4dme", "--rule", "gamdss", "--quiet")
        done = run(*command, cwd=Path(empty))
        return done.returncode == 0 and (Path(empty) / "reports/4dme/report.html").is_file()


def row(environment: Environment, wheel: Path, folder: Path, tests: Sequence[str]) -> dict:
    """What was found in one environment."""
    python = install(environment, wheel, folder)
    names = [requirement.name for requirement in declared()]
    asked = [str(python), "-c", f"import platform; print(platform.python_version()); {PINS}"]
    answer = subprocess.run(
        [*asked, *names], cwd=folder, capture_output=True, text=True, check=True
    )
    own, *versions = answer.stdout.split()
    return {
        "environment": environment.name,
        "python": own,
        **dict(zip(names, versions, strict=True)),
        **tested(python, tests, folder),
        "report": reported(python),
        "version": version("mebias"),
        "date": date.today().isoformat(),
    }


def main() -> None:
    """Try every environment."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the environments here")
    parser.add_argument("--csv", type=Path, default=TABLE, metavar="FILE")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--tests", nargs="+", default=TESTS, metavar="PATH")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        base = (options.keep or Path(made)).absolute()
        build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", made)
        run(*build).check_returncode()
        (wheel,) = Path(made).glob("*.whl")
        known = environments()
        for environment in known:
            if options.only and environment.name not in options.only:
                continue
            found = row(environment, wheel, base / environment.name, options.tests)
            print(found)
            _write(found, options.csv)
    if len(known) == 2:
        print("No newer Python was found on the path: none was tried.")


def _write(found: dict, path: Path) -> None:
    before = pd.read_csv(path, dtype=str) if path.is_file() else pd.DataFrame()
    if len(before):
        before = before[before["environment"] != found["environment"]]
    rows = pd.concat([before, pd.DataFrame([found]).astype(str)], ignore_index=True)
    rows.sort_values("environment", key=lambda names: names != "oldest", kind="stable").to_csv(
        path, index=False, lineterminator="\n"
    )


if __name__ == "__main__":
    main()
