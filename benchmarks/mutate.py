"""Mutation testing: the unit tests of a package notice when its code is changed, or do not.

    python benchmarks/mutate.py selection quantification [--mutants 300] [--seed 0] [--budget 60]

A seeded random sample of places in ``mebias/<package>`` is taken, one small change made at each
(by the operators of cosmic-ray: an operator, a number, a condition, a loop, an exception), and
the tests of ``tests/<package>`` and the package's docstrings that run the changed line are run
in a copy of the project, quick ones first, until one fails. Where these would take longer than
the budget (seconds, as they took unchanged) the rest is left out, and the mutant counts as a
survivor unless one of those that were run failed. Rows are added to the table as they are
found; a stopped run goes on where it was. Survivors that no result tells from the original stand
in another table, with the reason, and do not count. Needs the extra ``[proof]``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from coverage import CoverageData

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "reports" / "validation" / "mutation.csv"
EQUIVALENT = TABLE.with_name("mutation_equivalent.csv")
"""Survivors, read one by one, that change no result: path, change and the reason."""
COPIED = ("mebias", "tests", "data_manifests", "reports/validation", "pyproject.toml",
          "benchmarks", "README.md", "CHANGELOG.md", "CITATION.cff", "constraints.txt")  # fmt: skip
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow")
_LOGIC = ("BitOr", "BitAnd", "BitXor")
_FIRST = 12
"""Tests that are tried before all others are even imported."""
_SLOW = 10
"""A mutant is stopped, and counts as found, when it takes this many times as long."""


@dataclass(frozen=True)
class Mutant:
    """One change at one place."""

    path: str
    operator: str
    occurrence: int
    line: int
    end: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from others of the same code."""
        return self.path, self.operator, self.occurrence

    def code(self) -> str:
        """The changed source."""
        source = (ROOT / self.path).read_text(encoding="utf-8")
        changed = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        assert changed is not None
        return changed

    def compiles(self) -> bool:
        """Whether it is a program at all: not ``def f(%, x)`` for ``def f(*, x)``."""
        with contextlib.suppress(SyntaxError):
            ast.parse(self.code())
            return True
        return False

    def change(self) -> str:
        """The lines before and after, on one line."""
        before = (ROOT / self.path).read_text(encoding="utf-8").splitlines()
        lines = difflib.unified_diff(before, self.code().splitlines(), n=0, lineterm="")
        return " | ".join(" ".join(x.split()) for x in lines if x[0] in "+-" and x[:3] not in
                          ("---", "+++"))  # fmt: skip


@dataclass(frozen=True)
class Tests:
    """The tests of a package: who runs which line, and how long each takes."""

    runs: dict[tuple[str, int], set[str]]
    of_file: dict[str, set[str]]
    unseen: set[str]
    """Tests that run nothing of the package themselves; a process of theirs may."""
    seconds: dict[str, float]

    def of(self, mutant: Mutant, budget: float) -> tuple[list[str], int]:
        """Tests that run the changed lines, quick ones first, and how many are left out."""
        lines = range(mutant.line, mutant.end + 1)
        found = set().union(*(self.runs.get((mutant.path, n), set()) for n in lines))
        if not found:  # a line that only runs when the module is imported
            found = self.of_file.get(mutant.path, set())
        ordered = sorted(found | self.unseen, key=lambda test: (self.seconds.get(test, 1.0), test))
        kept, spent = [], 0.0
        for test in ordered:
            spent += self.seconds.get(test, 1.0)
            if kept and spent > budget:
                break
            kept.append(test)
        return kept, len(ordered) - len(kept)


def wanted(operator: str) -> bool:
    """Whether a change is one that a test could miss, not one that any run would notice."""
    name = operator.removeprefix("core/")
    if name.startswith("ReplaceBinaryOperator"):
        _, old, new = name.split("_")
        return {old, new} <= set(_ARITHMETIC) or {old, new} <= set(_LOGIC)
    if name.startswith("ReplaceComparisonOperator"):
        _, old, new = name.split("_")
        return (old in ("Is", "IsNot")) == (new in ("Is", "IsNot"))
    return name not in ("VariableReplacer", "VariableInserter", "RemoveDecorator")


def _not_run(tree: ast.AST) -> set[tuple[int, ...]]:
    """Where annotations are, of which nothing is ever run, and decorators."""
    places: set[tuple[int, ...]] = set()
    for node in ast.walk(tree):
        own = [getattr(node, field, None) for field in ("annotation", "returns")]
        for found in (*own, *getattr(node, "decorator_list", ())):
            if found is not None:
                places.add((found.lineno, found.col_offset, found.end_lineno, found.end_col_offset))
    return places


def _places(path: Path) -> dict[tuple[int, int, str], list[Mutant]]:
    """All changes of one file, by the place and the kind."""
    source = path.read_text(encoding="utf-8")
    statements = [(n.lineno, n.end_lineno or n.lineno) for n in ast.walk(ast.parse(source))
                  if isinstance(n, ast.stmt | ast.excepthandler)]  # fmt: skip
    annotations = _not_run(ast.parse(source))
    nodes = list(ast_nodes(get_ast(source)))
    found: dict[tuple[int, int, str], list[Mutant]] = {}
    for operator in filter(wanted, operator_names()):
        made, count = get_operator(operator)(), 0
        for node in nodes:
            for start, end in made.mutation_positions(node):
                count += 1
                if any((a, b) <= start and end <= (c, d) for a, b, c, d in annotations):
                    continue
                around = [s for s in statements if s[0] <= start[0] <= s[1]]
                _, low, high = min(((s[1] - s[0], *s) for s in around), default=(99, 0, 99))
                if high - low > 12:  # of a long block only its head
                    low = high = start[0]
                kind = operator.split("_")[0]
                mutant = Mutant(str(path.relative_to(ROOT)), operator, count - 1, low, high)
                found.setdefault((*start, kind), []).append(mutant)
    return found


def sample(package: str, n: int, seed: int) -> list[Mutant]:
    """Places at random, and one change at each; those that are no program are left out."""
    rng = random.Random(f"{package} {seed}")
    files = sorted((ROOT / "mebias" / package).rglob("*.py"))
    places = [found for path in files for _, found in sorted(_places(path).items())]
    drawn = [rng.choice(found) for found in rng.sample(places, min(n, len(places)))]
    return [mutant for mutant in drawn if mutant.compiles()]


def _copy(folder: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".parts"))
        else:
            shutil.copy(source, target)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode",
                    "checked-hash", "mebias"], cwd=folder, check=True)  # fmt: skip
    return folder


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder), "MEBIAS_FAST": "1", "OMP_NUM_THREADS": "1",
                         "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip


def survey(folder: Path, package: str, jobs: int) -> Tests:
    """Run the unchanged tests once, and note who runs which line."""
    command = [sys.executable, "-m", "pytest", f"tests/{package}", f"mebias/{package}",
               f"--numprocesses={jobs}", "--dist=loadfile", f"--cov=mebias/{package}",
               "--cov-context=test", "--cov-report=", "--junitxml=times.xml",
               "-o", "junit_family=xunit1", "-p", "no:cacheprovider"]  # fmt: skip
    subprocess.run(command, cwd=folder, env=_environment(folder), check=False)
    seconds: dict[str, float] = {}
    failed: set[str] = set()
    for case in ElementTree.parse(folder / "times.xml").iter("testcase"):
        test = f"{case.get('file') or ''}::{case.get('name') or ''}"
        seconds[test] = float(case.get("time") or 0)
        if case.find("failure") is not None or case.find("error") is not None:
            print(f"left out, as it fails without any change: {test}", file=sys.stderr)
            failed.add(test)
    data = CoverageData(str(folder / ".coverage"))
    data.read()
    of_module: dict[str, set[str]] = {}
    for test in seconds:
        of_module.setdefault(test.split("::")[0], set()).add(test)
    runs: dict[tuple[str, int], set[str]] = {}
    of_file: dict[str, set[str]] = {}
    for measured in data.measured_files():
        path = str(Path(measured).relative_to(folder.resolve()))
        for line, contexts in data.contexts_by_lineno(measured).items():
            for context in filter(None, contexts):
                test, phase = context.rsplit("|", 1)
                own = {test} if phase == "run" else of_module.get(test.split("::")[0], {test})
                names = own - failed
                runs.setdefault((path, line), set()).update(names)
                of_file.setdefault(path, set()).update(names)
    unseen = set(seconds) - failed - set().union(*of_file.values())
    return Tests(runs, of_file, unseen, seconds)


def _warm(folder: Path, package: str) -> None:
    """Import what others made and the tests need, once, for all the processes that fork."""
    code = (f"import sys, conftest, mebias.{package}\n"
            "print(*{name.partition('.')[0] for name in sys.modules}, *sys.modules)")  # fmt: skip
    environment = _environment(folder) | {"PYTHONPATH": f"{folder}{os.pathsep}{folder / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, check=True)  # fmt: skip
    for name in done.stdout.split():
        # Of hypothesis pytest wants to be the first to import it.
        if name.partition(".")[0] not in ("mebias", "conftest", "hypothesis", "__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _tested(folder: Path, tests: list[str], out: Path) -> None:
    """Run tests in this process, which was forked for it, and end."""
    os.setsid()
    os.chdir(folder)
    os.environ.update(_environment(folder))
    sys.dont_write_bytecode = True
    sys.path[:] = [str(folder), *(p for p in sys.path if not Path(p).is_relative_to(ROOT))]
    with out.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(int(pytest.main(["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider",
                              "-p", "no:xdist", "-p", "no:cov", *tests])))  # fmt: skip


def _run(folder: Path, tests: list[str], limit: float) -> tuple[str, str]:
    """What became of the tests: found, survived or slow; and the test that failed."""
    out = folder / "out.txt"
    process = get_context("fork").Process(target=_tested, args=(folder, tests, out))
    process.start()
    process.join(limit)
    if process.exitcode is None:
        os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
        return "found", "(too slow)"
    if process.exitcode == 0:
        return "survived", ""
    lines = out.read_text(encoding="utf-8", errors="replace").splitlines()
    if any(line.startswith("ERROR: not found") for line in lines):
        raise RuntimeError("the survey names tests that are not there")
    failed = [x.split(" ")[1] for x in lines if x.startswith(("FAILED", "ERROR"))]
    return "found", failed[0] if failed else "(import)"


def judge(mutant: Mutant, tests: Tests, budget: float, folders: str) -> dict[str, object]:
    """Make the change in this process's copy of the project, run the tests, take it back."""
    folder, start = Path(folders) / f"copy-{os.getpid()}", time.monotonic()
    if not folder.exists():
        _copy(folder)
    chosen, left_out = tests.of(mutant, budget)
    file = folder / mutant.path
    source = file.read_bytes()
    outcome, by = "survived", ""
    try:
        file.write_text(mutant.code(), encoding="utf-8")
        for part in filter(None, (chosen[:_FIRST], chosen[_FIRST:])):
            expected = sum(tests.seconds.get(test, 1.0) for test in part)
            outcome, by = _run(folder, part, 60 + _SLOW * expected)
            if outcome != "survived":
                break
    finally:
        file.write_bytes(source)
    return {"path": mutant.path, "line": mutant.line, "operator": mutant.operator,
            "occurrence": mutant.occurrence, "change": mutant.change(), "outcome": outcome,
            "by": by, "tests": len(chosen), "left_out": left_out,
            "seconds": round(time.monotonic() - start, 1)}  # fmt: skip


def _rows(package: str, args: argparse.Namespace, done: set[object]) -> Iterator[dict[str, object]]:
    todo = [m for m in sample(package, args.mutants, args.seed) if m.key not in done]
    if not todo:
        return
    with tempfile.TemporaryDirectory(prefix="mebias-mutants-") as folder:
        print(f"{package}: the unchanged tests ...", file=sys.stderr)
        unchanged = _copy(Path(folder) / "unchanged")
        tests = survey(unchanged, package, args.jobs)
        _warm(unchanged, package)
        work = partial(judge, tests=tests, budget=args.budget, folders=folder)
        with ProcessPoolExecutor(args.jobs, get_context("fork")) as pool:
            for k, row in enumerate(pool.map(work, todo)):
                print(f"{package} {k + 1}/{len(todo)}: {row['outcome']}: {row['change']}",
                      file=sys.stderr)  # fmt: skip
                yield row


def scores(table: pd.DataFrame, equivalent: pd.DataFrame) -> Iterator[str]:
    """How many mutants of each package were found, of those that change a result."""
    same = set(zip(equivalent["path"], equivalent["change"], strict=True))
    for package, own in table.groupby("package"):
        counted = own[[key not in same for key in zip(own["path"], own["change"], strict=True)]]
        found = (counted["outcome"] == "found").sum()
        yield (f"{package}: {found} of {len(counted)} mutants found ({found / len(counted):.0%}); "
               f"{len(own) - len(counted)} more change no result")  # fmt: skip


def main() -> None:
    """Judge a sample of mutants of each package, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("packages", nargs="+", help="selection, quantification, ...")
    parser.add_argument("--mutants", type=int, default=300, help="of each package (300)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=60, help="seconds of tests a mutant (60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--csv", type=Path, default=TABLE)
    args = parser.parse_args()
    for package in args.packages:
        kept = pd.read_csv(args.csv) if args.csv.exists() else pd.DataFrame()
        done = set(zip(kept["path"], kept["operator"], kept["occurrence"], strict=True)) if len(
            kept) else set()  # fmt: skip
        for row in _rows(package, args, done):
            new = pd.DataFrame([{"package": package, **row, "date": date.today().isoformat()}])
            new.to_csv(args.csv, mode="a", header=not args.csv.exists(), index=False)
    for line in scores(pd.read_csv(args.csv), pd.read_csv(EQUIVALENT)):
        print(line)


if __name__ == "__main__":
    main()
