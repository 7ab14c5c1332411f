"""The book is built once, from clean, for all tests of its pages."""

import subprocess
import sys
from pathlib import Path

import guards
import pytest
import yaml


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the HTML pages; warnings are errors."""
    out = tmp_path_factory.mktemp("book")
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(guards.ROOT), "--path-output", str(out)]
    done = subprocess.run([*command, "-W", "-n", "--keep-going", "--all"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-2000:]
    html = out / "_build" / "html"
    assert (html / "index.html").is_file()
    return html


@pytest.fixture(scope="session")
def config():
    """_config.yml."""
    return yaml.safe_load((guards.ROOT / "_config.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tracked():
    """Every file that git tracks, relative to the root; outside of a checkout, every file."""
    listed = subprocess.run(["git", "-C", str(guards.ROOT), "ls-files"], capture_output=True, text=True)
    return set(listed.stdout.split("\n")) - {""}
