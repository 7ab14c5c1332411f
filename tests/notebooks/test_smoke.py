"""At `smoke`, from an empty store of records, so that each code path really runs: the plans always, the pages on request."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dbp import experiments, runs
from dbp.attacks import autoencoder

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An empty store, and a cache, for all experiments: networks that several of them build on are trained once."""
    folder = tmp_path_factory.mktemp("smoke")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBP_CACHE", str(folder / "cache"))
        patch.setattr(autoencoder, "ROWS", 4)  # else each chunk of an attack is filled up to 64
        yield runs.Store(folder / "records")


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_planned_run_can_be_made(name, store):
    planned = runs.survey(name, "smoke", store=store)
    assert {state.status for state in planned} == {"missing"}  # each is made here: an experiment builds on earlier ones
    table = runs.ensure(name, "smoke", store=store, progress=False)
    assert len(table) == len(planned) == len(set(table["key"])) and store.strays() == []
    assert {state.status for state in runs.survey(name, "smoke", store=store)} == {"done"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_an_empty_store(path, tmp_path, request):
    if not request.config.getoption("--every-notebook"):
        pytest.skip("make smoke runs it; make test runs every notebook once, on the records that its page shows")
    environment = os.environ | {"DBP_RECORDS": str(tmp_path / "records"), "DBP_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "dbp", "notebook", str(path), str(tmp_path / "out.ipynb"), "--profile", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
