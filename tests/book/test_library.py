"""The library as a whole: small, documented, and pointing downward only."""

import re

import guards
import pytest
import yaml

from dbp.runs.fingerprint import INFRASTRUCTURE

PACKAGE = guards.ROOT / "lib" / "dbp"


def test_library_is_small():
    """What a result goes through is what must be read to be trusted; the rest keeps, schedules, draws and teaches."""
    counts = guards.code_lines(PACKAGE)
    around = {name for name in counts if f"dbp.{name.removesuffix('.py').split('/')[0]}" in INFRASTRUCTURE}
    assert sum(lines for name, lines in counts.items() if name not in around) < 3000
    assert sum(counts[name] for name in around) < 2500
    assert {name: lines for name, lines in counts.items() if lines > 300} == {}


def test_dependencies_point_downward():
    assert guards.upward_imports(PACKAGE) == []


def test_library_knows_neither_notebooks_nor_book():
    texts = {path.name: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [name for name, text in texts.items() if re.search(r"^\s*(from|import) (notebooks|book)\b", text, re.M)] == []


def test_public_functions_are_documented():
    assert guards.undocumented(PACKAGE) == []


def test_guards_notice_a_spoilt_library(tmp_path):
    (tmp_path / "penalties.py").write_text("from dbp.experiments import get\n\ndef public(a, b, c):\n    return a\n")
    assert guards.upward_imports(tmp_path) == ["penalties imports experiments"]
    assert guards.undocumented(tmp_path) == ["penalties.py: public has no docstring"]


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
