"""At `smoke`, from an empty store of records, so that each code path really runs: the plans always, the pages on request."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dbp import experiments, runs

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_planned_run_can_be_made(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DBP_CACHE", str(tmp_path / "cache"))
    store = runs.Store(tmp_path / "records")
    planned = runs.survey(name, "smoke", store=store)
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
