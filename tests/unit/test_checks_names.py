"""Figures and checks lie in one file a chapter, and pages reach them all by the name of the package."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

from dbp import checks, plots

SHARED = {"comparing", "style"}
OF_MANY_PAGES = {"diagrams", "results", "worst_case"}  # drawings of networks; what the results pages share, and others
TEACHERS = {"self_test"}  # of the teachers' page
NOTEBOOKS = (Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.md")
CHAPTERS = {path.stem.split("_", 1)[1] for path in NOTEBOOKS if path.name < "80"}
PACKAGES = pytest.mark.parametrize("package", [checks, plots], ids=["checks", "plots"])


def modules(package):
    names = {found.name for found in pkgutil.iter_modules(package.__path__)} - SHARED
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in sorted(names)}


def test_every_chapter_has_checks():
    assert set(modules(checks)) == CHAPTERS | TEACHERS


def test_figures_are_filed_by_chapter():
    assert set(modules(plots)) <= CHAPTERS | OF_MANY_PAGES


@PACKAGES
def test_pages_reach_every_public_function_and_no_name_hides_another(package):
    exported = [name for module in modules(package).values() for name in module.__all__]
    assert len(exported) == len(set(exported))
    for module in modules(package).values():
        own = {name for name, value in vars(module).items()
               if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")}
        assert own == set(module.__all__)
        assert all(getattr(package, name) is getattr(module, name) for name in own)
    assert set(exported) <= set(package.__all__)


@PACKAGES
def test_package_offers_functions_of_its_chapters_only(package):
    extra = {"COLORS", "Figure"} if package is plots else set()
    assert set(package.__all__) == extra | {name for module in modules(package).values() for name in module.__all__}
