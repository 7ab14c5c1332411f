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
    ours, theirs = Store(guards.ROOT / "records"), Store(windows / "records")
    for name in experiments.NAMES:
        tracked = git("ls-files", f"records/{name}").split()
        assert len(tracked) > 50 and {record.key for record in theirs.records(name)} == {
            path.rpartition("/")[2].removesuffix(".json") for path in tracked}
    assert git("status", "--porcelain", cwd=windows) == "" and ours.root != theirs.root


def test_a_clone_with_other_line_endings_has_the_same_pages_and_networks(windows):
    paths = git("ls-files", "notebooks", "weights", "records", "book/images").split()
    committed = {path: git("rev-parse", f"HEAD:{path}").strip() for path in paths[::7]}
    found = git("hash-object", "--no-filters", *committed, cwd=windows).split()
    assert dict(zip(committed, found, strict=True)) == committed
