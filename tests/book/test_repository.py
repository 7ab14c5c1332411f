"""The repository as git hands it out: the same bytes on every system."""

import subprocess

import guards
import pytest

from dbp import experiments
from dbp.runs import Store


def git(*words, cwd=guards.ROOT):
    return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """A clone as git makes it where lines end in CR LF."""
    folder = tmp_path_factory.mktemp("clone") / "book"
    if subprocess.run(["git", "rev-parse", "--git-dir"], cwd=guards.ROOT, capture_output=True).returncode:
        pytest.skip("this is no checkout")
    git("clone", "--quiet", "--config", "core.autocrlf=true", str(guards.ROOT), str(folder))
    return folder


def test_a_clone_with_other_line_endings_reads_every_record_and_changes_none(windows):
    store, found = Store(windows / "records"), 0
    for name in experiments.NAMES:
        paths = git("ls-files", f"records/{name}", cwd=windows).split()
        tracked = {path.rpartition("/")[2].removesuffix(".json") for path in paths}
        assert {record.key for record in store.records(name)} == tracked
        found += len(tracked)
    assert found > 300 and store.strays() == [] and git("status", "--porcelain", cwd=windows) == ""


def test_a_clone_with_other_line_endings_has_the_same_pages_and_networks(windows):
    paths = git("ls-files", "notebooks", "weights", "records", "book/images").split()
    committed = {path: git("rev-parse", f"HEAD:{path}").strip() for path in paths[::7]}
    found = git("hash-object", "--no-filters", *committed, cwd=windows).split()
    assert dict(zip(committed, found, strict=True)) == committed
