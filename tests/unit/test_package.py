"""What holds for the package as a whole: it is cheap to import, and it never unpickles."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dbp

FILES = sorted(Path(dbp.__file__).parent.rglob("*.py"))

IMPORT = """
import builtins, io, os, socket, sys
before = set(sys.modules)
def refuse(*arguments, **options):
    raise AssertionError(f"import dbp called out: {arguments}")
socket.socket = os.makedirs = os.mkdir = builtins.open = io.open = refuse
import dbp
print(*sorted(set(sys.modules) - before))
"""


def test_importing_the_package_loads_no_library_and_touches_neither_disk_nor_network():
    answer = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    loaded = set(answer.stdout.split())
    assert {name for name in loaded if name.split(".")[0] == "dbp"} == {"dbp"}, "a room was loaded before it was asked for"
    libraries = {name.split(".")[0] for name in loaded} - {"dbp"} - set(sys.stdlib_module_names)
    assert libraries == set(), "torch, numpy and pandas among them, wait until a room is used"


def test_every_room_can_be_reached_by_its_name():
    assert all(getattr(dbp, name).__name__ == f"dbp.{name}" for name in dbp.FLOORS)
    assert set(dbp.FLOORS) <= set(dir(dbp))
    with pytest.raises(AttributeError, match="no attribute 'recrods'"):
        dbp.recrods  # noqa: B018


SLOW = {"mlxtend", "sklearn", "torchvision"}  # each takes a second or more to import; a page rarely needs one


def imported_at_once(source: str) -> set[str]:
    """The packages that a module imports as soon as it is imported itself; what only a type checker reads does not count."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.split(".")[0] for name in names}


def test_slow_packages_are_imported_by_the_functions_that_use_them():
    assert imported_at_once("import torch\nfrom sklearn.datasets import x\ndef f():\n    import mlxtend") == {
        "torch", "sklearn"}
    assert {path.name: SLOW & imported_at_once(path.read_text(encoding="utf-8")) for path in FILES
            if SLOW & imported_at_once(path.read_text(encoding="utf-8"))} == {}


def unpickling(source: str) -> list[str]:
    """The lines of a source that unpickle, or could."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if {name.split(".")[0] for name in names} & {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}:
                found.append(ast.unparse(node))
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            pickled = [word for word in node.keywords if word.arg == "allow_pickle" and ast.unparse(word.value) != "False"]
            if called in ("torch.load", "joblib.load", "pandas.read_pickle", "pd.read_pickle") or pickled:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("source", [
    "import pickle", "from pickle import loads", "import torch\ntorch.load(path, weights_only=True)", "joblib.load(path)",
    "numpy.load(path, allow_pickle=True)", "pandas.read_pickle(path)", "def f():\n    import dill as d",
])
def test_the_search_finds_what_unpickles(source):
    assert unpickling(source)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FILES[0].parent)))
def test_nothing_in_the_package_unpickles(path):
    assert unpickling(path.read_text(encoding="utf-8")) == []
