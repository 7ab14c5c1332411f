"""The pages, and what the tests of them read besides."""

import subprocess

import guards
import pytest
import yaml


@pytest.fixture(scope="session")
def site(built):
    """The folder of the HTML pages; warnings are errors."""
    assert built.status == 0, built.said
    assert (built.html / "index.html").is_file()
    return built.html


@pytest.fixture(scope="session")
def config():
    """_config.yml."""
    return yaml.safe_load((guards.ROOT / "_config.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tracked():
    """Every file that git tracks, relative to the root; outside of a checkout, every file."""
    listed = subprocess.run(["git", "-C", str(guards.ROOT), "ls-files"], capture_output=True, text=True)
    return set(listed.stdout.split("\n")) - {""}
