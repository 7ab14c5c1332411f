"""The scripts of tests/stress in a short form; called by hand, they take minutes and try harder."""

import importlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

STRESS = Path(__file__).resolve().parents[1] / "stress"


@pytest.fixture(autouse=True)
def one_thread_and_the_scripts(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.syspath_prepend(STRESS)  # in the processes that a script starts, too


script = importlib.import_module


def test_a_sweep_that_is_killed_again_and_again_ends_as_if_nothing_had_been():
    killing = script("kill_sweep")
    found = killing.main(3, killing.Sweep(seeds=3))
    assert found["wrong"] == 0 and found["kills"] == 3 and found["interrupted_in_a_run"] >= 1


def test_a_sweep_of_evaluations_that_is_killed_ends_as_if_nothing_had_been():
    killing = script("kill_sweep")
    found = killing.main(3, killing.Sweep(seeds=2, needs=True, jobs=1))
    assert found["wrong"] == 0 and found["kills"] == 3 and found["runs"] >= 12


def test_what_a_kill_must_not_do_is_noticed(tmp_path, capsys):
    killing = script("kill_sweep")
    assert killing._status(killing.Sweep(seeds=1, jobs=1, pause=0).start(tmp_path)) == 0
    results, found = killing._results(tmp_path), Counter()
    killing._judge(tmp_path, results, found)
    assert found["wrong"] == 0 and len(results) == 2
    (tmp_path / "records" / "toy" / ".0.json.1-2.tmp").write_text("half")
    (tmp_path / "records" / "toy" / "half").write_text("half")
    (tmp_path / "cache" / "checkpoints" / "toy" / "0.safetensors").write_text("left")
    run, result = results.popitem()
    killing._judge(tmp_path, results | {run: result[:1]}, found)
    assert (found["wrong"], found["unfinished_files"]) == (3, 1) and capsys.readouterr().out.count("WRONG") == 3


def test_eight_processes_share_a_store():
    # Processes that are started anew must be able to import what they run: the script is called as a user calls it.
    answer = subprocess.run([sys.executable, str(STRESS / "concurrent_store.py"), "3"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "wrong 0, lost 0, strays 0" in answer.stdout and "written 0" not in answer.stdout


def test_no_flipped_bit_is_used():
    flips = script("flip_bits")
    found = flips.main(24)
    assert flips.wrong(found) == 0 and sum(found.values()) == 24 and {kind for kind, _ in found} == set(flips.KINDS)


def test_two_workers_are_timed_by_a_command_that_the_command_line_knows(tmp_path):
    timing = script("two_workers")
    command = [*timing.command(2, timing.smoke(tmp_path, seeds=3)), "--dry-run"]
    answer = subprocess.run(command, env={**os.environ, "DBP_RECORDS": str(tmp_path)}, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("model=C") == 6 and "6 missing" in answer.stdout


@pytest.mark.parametrize("backend, module", [("dask", "distributed"), ("ray", "ray")])
def test_a_cluster_gives_the_records_of_this_machines_processes(backend, module):
    pytest.importorskip(module)
    command = [sys.executable, str(STRESS / "backends.py"), "processes", backend]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{backend}: 6 records, as the first" in answer.stdout
