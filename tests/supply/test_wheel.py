"""What is built holds what is needed and no more, and works where the repository is not."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
WITHOUT_TORCH_AND_NETWORK = '''
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    """Finds no torch."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in {"torch", "safetensors"}
        return None if hidden else PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *arguments):
        found = PathFinder.find_distributions(*arguments)
        return (d for d in found if d.name not in {"torch", "safetensors"})

def watch(event, arguments):
    reached = event.startswith(("socket.", "http.", "urllib.", "ftplib.", "smtplib."))
    if reached and event != "socket.gethostname":  # names this machine, asks nobody
        raise AssertionError(f"the network was reached for: {event}")

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
sys.addaudithook(watch)
from mebias.cli import main
code = main(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(code)
'''


def run(*arguments, cwd, check=True):
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "MEBIAS_DATA"}}
    done = subprocess.run([*map(str, arguments)], cwd=cwd, env=kept, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", folder,
        cwd=ROOT)  # fmt: skip
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def python(built, tmp_path_factory):
    """A new environment with the wheel, and with this one's packages but not its mebias."""
    folder = tmp_path_factory.mktemp("fresh")
    made = install(sys.executable, built[0], folder)
    (site,) = folder.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return made


def install(program, wheel, folder):
    run(program, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-deps",
        "--no-index", wheel, cwd=folder)  # fmt: skip
    return python


def names_and_hashes(wheel):
    with zipfile.ZipFile(wheel) as opened:
        return {name: hashlib.sha256(opened.read(name)).hexdigest() for name in opened.namelist()}


def source_files(folder, *endings):
    found = (p.relative_to(ROOT) for p in (ROOT / folder).rglob("*") if p.is_file())
    return {p.as_posix() for p in found if "__pycache__" not in p.parts and p.suffix in endings}


def test_the_wheel_holds_code_manifests_templates_tables_and_nothing_else(built):
    inside = {n for n in names_and_hashes(built[0]) if ".dist-info/" not in n}
    code = source_files("mebias", ".py", ".typed", ".html", ".css", ".js")
    assert "mebias/reporting/templates/page.html" in code
    manifests = {f"mebias/{name}" for name in source_files("data_manifests", ".toml", ".csv")}
    tables = {
        f"mebias/validation_tables/{name}.csv"
        for name in ("coders", "corrects", "gain", "recognition", "recovery", "statistics")
    }
    assert "mebias/data_manifests/samm.toml" in manifests
    assert inside == code | manifests | tables | {"mebias/py.typed"}


def test_the_source_distribution_gives_the_same_wheel(built, tmp_path):
    wheel, source = built
    with tarfile.open(source) as opened:
        opened.extractall(tmp_path, filter="data")
    (root,) = tmp_path.iterdir()
    assert {"constraints.txt", "LICENSE", "tests", "benchmarks"} <= {p.name for p in root.iterdir()}
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again",
        cwd=root)  # fmt: skip
    (again,) = (tmp_path / "again").glob("*.whl")
    assert names_and_hashes(again) == names_and_hashes(wheel)


def test_a_report_from_the_wheel_in_an_empty_folder_without_torch_or_network(python, tmp_path):
    told = run(
        python, "-c", WITHOUT_TORCH_AND_NETWORK, "report", "4dme", "--rule", "gamdss", cwd=tmp_path
    )
    assert "SIMULATED" in told.stderr
    made = tmp_path / "reports" / "4dme"
    page = (made / "report.html").read_text(encoding="utf-8")
    assert "torch, which trains it, is not installed" in page
    assert str(ROOT) not in page
    assert len(list((made / "figures").glob("*.svg"))) > 5
    assert "coverage_note" in (made / "tables" / "estimates.csv").read_text(encoding="utf-8")


def test_the_wheel_is_what_runs_and_what_needs_torch_says_so(python, tmp_path):
    where = run(python, "-c", "import mebias; print(mebias.__file__)", cwd=tmp_path).stdout
    assert Path(where).is_relative_to(python.parents[1])
    told = run(
        python, "-c", WITHOUT_TORCH_AND_NETWORK, "recognize", "4dme", cwd=tmp_path, check=False
    )
    assert told.returncode == 2
    assert "this needs the package torch, which is not installed" in told.stderr
    assert not list(tmp_path.iterdir())


def newer():
    """Newer Pythons that start (a shim may only say that there is none) and that are allowed."""
    with (ROOT / "pyproject.toml").open("rb") as handle:
        allowed = SpecifierSet(tomllib.load(handle)["project"]["requires-python"])
    for minor in range(sys.version_info.minor + 1, sys.version_info.minor + 10):
        program = shutil.which(f"python3.{minor}")
        starts = program and not run(program, "-c", "", cwd="/", check=False).returncode
        if starts and allowed.contains(f"3.{minor}.0"):
            yield program


def test_it_installs_and_starts_with_newer_pythons_on_the_path(built, tmp_path):
    programs = list(newer())
    if not programs:
        pytest.skip("no newer Python that mebias allows was found on the path")
    for program in programs:
        folder = tmp_path / Path(program).name
        folder.mkdir()
        python = install(program, built[0], folder)
        assert run(python, "-m", "mebias", "--version", cwd=folder).stdout.startswith("mebias 0.")
        assert "report" in run(python, "-m", "mebias", "--help", cwd=folder).stdout
