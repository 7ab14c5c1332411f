"""Every notebook runs at `smoke` from an empty store of records, so that each experiment's code path really runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_an_empty_store(path, tmp_path):
    environment = os.environ | {"DBP_RECORDS": str(tmp_path / "records"), "DBP_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "dbp", "notebook", str(path), str(tmp_path / "out.ipynb"), "--profile", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    # Not found: the store was empty.
    computed = {"03": ("l1_penalty", 4), "04": ("l1_adversarial_training", 22), "05": ("dbp_autoencoders", 2),
                "06": ("dbp_autoencoders", 14), "07": ("dbp_autoencoders", 10)}
    if path.name[:2] in computed:
        experiment, runs = computed[path.name[:2]]
        assert len(list((tmp_path / "records" / experiment).glob("*.json"))) == runs
