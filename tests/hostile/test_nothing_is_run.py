"""No unpickling, no evaluation, no shell, no network: told from the code.

That a report opens no socket is watched in tests/supply/test_wheel.py.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "mebias").rglob("*.py"))
FOREIGN = {
    "pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "urllib",
    "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "telnetlib", "xmlrpc", "ssl",
    "webbrowser", "subprocess", "pty", "ctypes", "runpy", "code", "imp",
}  # fmt: skip
"""Modules that can run what they read, or reach beyond this machine."""
ALLOWED = {
    # Only to see whether a model can go to a worker process, and whether something that the
    # user's script defines does: nothing is read back there.
    ("mebias/recognition/fold_pool.py", "pickle"),
    ("mebias/workers.py", "pickle"),
    # Names this machine in the lock of an output folder.
    ("mebias/locking.py", "socket"),
    ("mebias/reporting/page.py", "urllib.parse"),
}
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "read_pickle", "loads_pickle",
         "urlopen", "urlretrieve", "load_state_dict_from_url", "hub"}  # fmt: skip


@cache
def nodes(path):
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def calls(path):
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def named(path):
    return path.relative_to(ROOT).as_posix()


def test_there_are_sources():
    assert len(SOURCES) > 300


@pytest.mark.parametrize("module", sorted(FOREIGN | {"socket"}))
def test_a_module_that_runs_or_reaches_things_is_not_imported(module):
    found = set()
    for path in SOURCES:
        for node in nodes(path):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            found |= {(named(path), n) for n in names if n.partition(".")[0] == module}
    assert found <= ALLOWED


@pytest.mark.parametrize("path", sorted(path for path, module in ALLOWED if module == "pickle"))
def test_where_pickle_is_imported_nothing_is_unpickled(path):
    used = {
        ast.unparse(node)
        for node in nodes(ROOT / path)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle"
    }
    assert "pickle.dumps" in used
    assert used <= {"pickle.dumps", "pickle.PicklingError"}


def test_pickle_is_never_read():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert "pickle.load" not in text, path
        assert "Unpickler" not in text, path


def test_arrays_are_loaded_without_pickles_and_weights_as_safetensors():
    seen = 0
    for path in SOURCES:
        for node, name in calls(path):
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if name in ("np.load", "numpy.load"):
                assert options.get("allow_pickle") == "False", named(path)
                seen += 1
            assert name != "torch.load" or options.get("weights_only") == "True", named(path)
            assert "allow_pickle" not in options or options["allow_pickle"] == "False", named(path)
            assert options.get("shell") != "True", named(path)
    assert seen >= 3


def test_nothing_is_evaluated():
    for path in SOURCES:
        for node, name in calls(path):
            last = name.rpartition(".")[2]
            own = name in ("re.compile", "torch.compile", "typst.compile")
            trained = name.endswith(".eval") and not node.args  # a network's mode
            assert last not in CALLS or own or trained, (named(path), name)


def test_no_text_of_a_table_becomes_part_of_a_query():
    for path in SOURCES:
        for node, name in calls(path):
            if name.endswith(".query") and node.args:
                assert isinstance(node.args[0], ast.Constant), (named(path), ast.unparse(node))
