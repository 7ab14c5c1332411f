"""One browser for all tests of this folder; skipped, with the reason, where there is none."""

import contextlib
import os
from pathlib import Path

import chromium
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, from the package that brings it along."""
    package = pytest.importorskip("axe_playwright_python", reason="there is no axe-playwright-python")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser():
    """A browser without a window."""
    reason = chromium.missing()
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import Error

    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(chromium.running())
        except Error as error:  # a browser without the system's libraries, say
            pytest.skip(f"the browser does not start: {str(error).splitlines()[0]}")
        yield started


@pytest.fixture(scope="session")
def site(browser, request):
    """The folder of the built pages: BOOK_HTML, or _build/html if it is as new as its sources, or else built for the tests.

    That a warning of the builder is an error is for tests/book to find.
    """
    if os.environ.get("BOOK_HTML"):
        return Path(os.environ["BOOK_HTML"]).resolve()
    if _is_fresh(ROOT / "_build" / "html"):
        return ROOT / "_build" / "html"
    built = request.getfixturevalue("built")
    assert (built.html / "searchindex.js").is_file(), built.said
    return built.html


def _is_fresh(html: Path) -> bool:
    """Whether the pages that `make book` left are newer than everything that they are made from."""
    last = html / "searchindex.js"
    sources = [ROOT / "_config.yml", ROOT / "_toc.yml", *(ROOT / "book").rglob("*.*"), *(ROOT / "notebooks").glob("*.ipynb"),
               *(ROOT / "lib").rglob("*.py")]
    return last.is_file() and all(path.stat().st_mtime <= last.stat().st_mtime for path in sources)
