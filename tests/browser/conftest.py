"""One browser and one built book for all tests of this folder; skipped, with the reason, where there is no browser."""

import contextlib
import fcntl
import os
import subprocess
import sys
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
def site(browser, tmp_path_factory, worker_id_or_none):
    """The folder of the built pages: BOOK_HTML, or _build/html if it is as new as its sources, or else built here, once."""
    if os.environ.get("BOOK_HTML"):
        return Path(os.environ["BOOK_HTML"]).resolve()
    if _is_fresh(ROOT / "_build" / "html"):
        return ROOT / "_build" / "html"
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if worker_id_or_none else shared) / "browser"
    with _alone(shared):
        if not (shared / "_build" / "html" / "searchindex.js").is_file():
            _build(shared)
    return shared / "_build" / "html"


@pytest.fixture(scope="session")
def worker_id_or_none():
    """The name of this process among several of pytest-xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER")


def _is_fresh(html: Path) -> bool:
    """Whether the pages that `make book` left are newer than everything that they are made from."""
    last = html / "searchindex.js"
    sources = [ROOT / "_config.yml", ROOT / "_toc.yml", *(ROOT / "book").rglob("*.*"), *(ROOT / "notebooks").glob("*.ipynb"),
               *(ROOT / "lib").rglob("*.py")]
    return last.is_file() and all(path.stat().st_mtime <= last.stat().st_mtime for path in sources)


def _build(out: Path) -> None:
    """As `make book` builds, but that a warning is no error here: that is for tests/book to find."""
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(ROOT), "--path-output", str(out)]
    done = subprocess.run([*command, "-n", "--keep-going", "--all", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-2000:]


@contextlib.contextmanager
def _alone(folder: Path):
    """Only one process at a time is inside."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
