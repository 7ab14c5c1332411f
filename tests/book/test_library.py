"""The library as a whole: pointing downward only, without a circle, its mathematics small, and documented."""

import re
import shutil

import guards
import pytest
import yaml

import dbp

PACKAGE = guards.ROOT / "lib" / "dbp"


def test_a_room_uses_what_lies_below_it():
    assert guards.upward_imports(PACKAGE, dbp.FLOORS) == []


def test_no_module_imports_itself_by_way_of_others():
    assert guards.circle(PACKAGE) == []


def test_every_room_is_on_a_floor():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert rooms - {"__init__", "__main__"} == set(dbp.FLOORS) and set(guards.MATHEMATICS) <= set(dbp.FLOORS)


def test_experiments_know_nothing_of_what_was_run():
    graph = guards.imports(PACKAGE)
    reached = {room.split(".")[0] for name, targets in graph.items() if name.startswith("experiments") for room in targets}
    assert "training" in reached and not reached & {"runs", "tables", "checks", "plots", "cli"}


def test_penalties_can_be_lifted_out_alone():
    assert guards.imports(PACKAGE)["penalties"] == {}


def test_the_mathematics_is_small():
    """What a result goes through must be read to be trusted."""
    counts = guards.code_lines(PACKAGE)
    rooms = {room: sum(lines for name, lines in counts.items() if re.split(r"[/.]", name)[0] == room)
             for room in guards.MATHEMATICS}
    assert all(rooms.values()) and sum(rooms.values()) < 3000


def test_no_file_is_long():
    assert guards.long_files(PACKAGE) == {}


def test_library_knows_neither_notebooks_nor_book():
    texts = {path.name: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [name for name, text in texts.items() if re.search(r"^\s*(from|import) (notebooks|book)\b", text, re.M)] == []


def test_public_functions_are_documented():
    assert guards.undocumented(PACKAGE, dbp.FLOORS) == []


def test_docstrings_name_what_is_there():
    assert guards.unknown_names(PACKAGE) == []


@pytest.fixture
def spoil(tmp_path):
    """A copy of the library: what is added to a file of it spoils it."""
    package = shutil.copytree(PACKAGE, tmp_path / "dbp", ignore=shutil.ignore_patterns("__pycache__"))

    def add(file, text):
        path = package / file
        path.parent.mkdir(exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        path.write_text(before + text, encoding="utf-8")
        return package

    return add


@pytest.mark.parametrize("file, text, wrong", [
    ("penalties.py", "from dbp.experiments import get\n", "penalties, line {}, imports experiments"),
    ("data/split.py", "def f():\n    from dbp.models.vae import VAE\n", "data.split, line {}, imports models.vae"),
    ("experiments/l1_penalty.py", "import dbp.runs.store\n", "experiments.l1_penalty, line {}, imports runs.store"),
    ("intervals.py", "from dbp import training\n", "intervals, line {}, imports training"),
    ("intervals.py", "from .training import loop\n", "intervals, line {}, imports training.loop"),
    ("attacks/losses.py", "from ..runs import store\n", "attacks.losses, line {}, imports runs.store"),
    ("models/vae.py", "import dbp\nfit = lambda: dbp.training.fit_classifier\n", "models.vae, line {}, imports training"),
    ("device.py", "import importlib\nf = lambda: importlib.import_module('dbp.cli')\n", "device, line {}, imports cli"),
    ("__init__.py", "from dbp import spelling\n", ", line {}, imports spelling"),
    ("new_room/__init__.py", "x = 1\n", "new_room is on no floor"),
])
def test_an_import_from_above_is_noticed(spoil, file, text, wrong):
    package = spoil(file, text)
    last = len((package / file).read_text(encoding="utf-8").splitlines())
    assert wrong.format(last) in guards.upward_imports(package, dbp.FLOORS)


def test_an_import_from_below_is_none_from_above(spoil):
    assert guards.upward_imports(spoil("cli.py", "import dbp.plots\nfrom dbp import data\n"), dbp.FLOORS) == []


@pytest.mark.parametrize("file, text, there", [
    ("spelling.py", "def f():\n    from dbp.files import one_line\n    from dbp import cli\n", {"spelling", "cli"}),
    ("data/pixels.py", "from dbp.data import load\n", {"data.pixels", "data.load"}),
    ("attacks/losses.py", "def f():\n    from dbp.attacks import fgsm\n", {"attacks.losses", "attacks"}),
    ("runs/store.py", "from dbp.runs.sweep import ensure\n", {"runs.store", "runs.sweep"}),
])
def test_a_circle_is_noticed_within_a_room_too(spoil, file, text, there):
    assert there <= set(guards.circle(spoil(file, text)))


def test_a_function_without_its_words_is_noticed(spoil):
    def added(package):
        return [line for line in guards.undocumented(package, dbp.FLOORS) if "public" in line]

    assert added(spoil("penalties.py", "\n\ndef public(a, b):\n    return a\n")) == [
        "penalties.py: public has no docstring"]
    one_line = '\n\ndef public_{}(a, b):\n    """It takes a."""\n'
    assert added(spoil("intervals.py", one_line.format(2)))[0] == "intervals.py: public_2 does not say what b are"
    assert len(added(spoil("data/load.py", one_line.format(3)))) == 2  # the room does not hand it out
    assert len(added(spoil("data/__init__.py", "\n\n__all__ = ['public_3']\n"))) == 3


def test_a_name_that_was_moved_is_noticed(spoil):
    package = spoil("intervals.py", "# see dbp.epochs, dbp.training.loop.one_pas and dbp.training.loop.one_pass\n")
    assert guards.unknown_names(package) == ["intervals.py: dbp.epochs", "intervals.py: dbp.training.loop.one_pas"]


def test_a_long_file_is_noticed_with_its_blank_lines(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n" + 300 * "\n")
    (tmp_path / "b.py").write_text(300 * "\n")
    assert guards.long_files(tmp_path) == {"a.py": 301}


def test_lines_of_code_leave_out_docstrings_comments_and_blanks(tmp_path):
    lines = ['"""Doc.', "", 'More."""', "# comment", "x = 1", "", "def f():", '    """Doc."""', "    return (1,", "    2)"]
    (tmp_path / "a.py").write_text("\n".join(lines) + "\n")
    assert guards.code_lines(tmp_path) == {"a.py": 4}


def _names(requirements):
    return {re.split(r"[\[<>=!~; ]", name, maxsplit=1)[0].lower() for name in requirements}


@pytest.fixture(scope="module")
def project():
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib
    return tomllib.loads((guards.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_conda_environment_is_in_step_with_the_package(project):
    environment = yaml.safe_load((guards.ROOT / "environment.yml").read_text(encoding="utf-8"))
    listed = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    listed += [name for entry in environment["dependencies"] if isinstance(entry, dict) for name in entry["pip"]]
    wanted = _names(project["dependencies"]) | _names(project["optional-dependencies"]["book"])
    renamed = {"pytorch": "torch"}
    found = {renamed.get(name, name) for name in _names(listed)}
    assert wanted - found == set()


def test_what_is_tested_is_pinned(project):
    lines = (guards.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if "==" not in line] == []
    wanted = _names(project["dependencies"])
    for extra in ("book", "test", "cluster"):
        wanted |= _names(project["optional-dependencies"][extra])
    assert wanted - {name.replace("_", "-") for name in _names(pins)} - {"dbp"} == set()


def test_library_has_lower_bounds_only(project):
    assert [name for name in project["dependencies"] if re.search(r"==|<|~=", name)] == []
