"""What the tests of several folders share: the book's pages, built once for all of them, and kernels that start at once."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import warm_kernels

ROOT = Path(__file__).resolve().parents[1]
WARM = pytest.StashKey[contextlib.ExitStack]()


@dataclass(frozen=True)
class Built:
    """What the builder left and said: the folder of the pages, its exit status, and its words."""

    html: Path
    status: int
    said: str


def pytest_collection_modifyitems(items):
    """First what builds the pages, for which others would wait; and the one long file of the short ones before these."""
    short = next((at for at, item in enumerate(items) if item.path.parent.name == "unit"), len(items))
    items[short:] = sorted(items[short:], key=lambda item: item.path.name != "test_stress.py")
    items.sort(key=lambda item: item.path.name != "test_pages.py")


def pytest_sessionstart(session):
    """nbval's kernels are forked from a process that has imported what they need; elsewhere they start as any kernel."""
    if sys.platform == "linux":
        warm = session.config.stash[WARM] = contextlib.ExitStack()
        warm.enter_context(warm_kernels.warm())


def pytest_sessionfinish(session):
    if WARM in session.config.stash:
        session.config.stash[WARM].close()


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Built:
    """The book, built from clean with warnings as errors: once, however many processes run the tests."""
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared) / "built"
    with _alone(shared):
        last = shared / "said.json"
        if not last.is_file():
            command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(ROOT), "--path-output", str(shared)]
            done = subprocess.run([*command, "-W", "-n", "--keep-going", "--all"], capture_output=True, text=True)
            last.write_text(json.dumps([done.returncode, done.stderr[-4000:] + done.stdout[-2000:]]), encoding="utf-8")
        status, said = json.loads(last.read_text(encoding="utf-8"))
    return Built(shared / "_build" / "html", status, said)


@contextlib.contextmanager
def _alone(folder: Path):
    """Only one process at a time is inside."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
