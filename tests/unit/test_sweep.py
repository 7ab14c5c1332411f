"""Sweeps: nothing is computed twice, nothing is lost, and a failure stays where it happened."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dbp import data
from dbp.files import Unwritable
from dbp.runs import RunsFailed, Store, ensure, survey, sweep, weights
from dbp.runs.checkpoints import Checkpoint, checkpoint_of
from dbp.runs.records import NOT_ON_DISK, Record, planned


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The runs that were made, in order, by any process."""
    path = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


def test_sweep_computes_what_is_missing_once(store, toy, profile, log):
    first = ensure(toy, profile, progress=False)
    assert first[["seed", "lam"]].values.tolist() == [[0, 0.0], [0, 0.1], [1, 0.0], [1, 0.1]]
    again = ensure(toy, profile, progress=False)
    assert len(log()) == 4 and again.equals(first)


def test_two_processes_give_the_same_records_as_one(store, toy, profile, tmp_path):
    alone = ensure(toy, profile, progress=False, store=Store(tmp_path / "alone"))
    together = ensure(toy, profile, jobs=2, progress=False)
    assert together[["key", "weight", "history"]].equals(alone[["key", "weight", "history"]])


def test_a_single_run_that_is_missing_starts_no_worker(store, toy, profile, monkeypatch):
    made = []
    keep = weights.keep
    monkeypatch.setattr(weights, "keep", lambda record, *rest: (made.append(record.key), keep(record, *rest)))  # here only
    table = ensure(toy, profile, jobs=2, only={"seed": 1, "lam": 0.1}, progress=False)
    assert made == list(table["key"])


def test_only_chooses_runs_and_names_what_it_does_not_know(store, toy, profile, log):
    assert ensure(toy, profile, only={"lam": 0.1, "seed": 1}, progress=False)["seed"].tolist() == [1]
    assert log() == ["0.1 1"]
    with pytest.raises(ValueError, match="no field 'sed'; there are lam, seed, .*did you mean 'seed'"):
        ensure(toy, profile, only={"sed": 1})
    with pytest.raises(ValueError, match="no planned run has lam=7; there are 0.0, 0.1"):
        ensure(toy, profile, only={"lam": 7})


@pytest.mark.parametrize("wrong, words", [
    ({"jobs": 0}, "jobs must be at least 1, but is 0"), ({"threads": 0}, "threads must be at least 1, but is 0"),
    ({"backend": "daks"}, "backend must be one of processes, dask, ray, but is 'daks'"),
])
def test_wrong_arguments_are_named_before_anything_runs(store, toy, profile, log, wrong, words):
    with pytest.raises(ValueError, match=words):
        ensure(toy, profile, **wrong)
    assert log() == []


def test_failed_run_is_recorded_others_go_on_and_the_next_call_retries(store, toy, profile, log, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "0")
    with pytest.raises(RunsFailed, match="2 runs failed, first toy .*: RuntimeError: seed 0 was told to fail"):
        ensure(toy, profile, progress=False)
    states = survey(toy, profile)
    assert [state.status for state in states] == ["failed", "failed", "done", "done"]
    failure = store.failure("toy", states[0].planned.key)
    assert failure.status == "failed" and "Traceback" in failure.measures["error"]
    assert states[0].reason == "failed: RuntimeError: seed 0 was told to fail"
    monkeypatch.delenv("TOY_FAILS")
    assert len(ensure(toy, profile, progress=False)) == 4
    assert len(log()) == 6 and not list((store.root / "toy").glob("*.failed.json"))


def test_nan_measure_fails_its_run_and_no_other(store, toy, profile, monkeypatch):
    monkeypatch.setenv("TOY_NAN", "1")
    with pytest.raises(RunsFailed, match="2 runs failed, .*the measure 'weight' cannot be recorded"):
        ensure(toy, profile, progress=False)
    assert [state.status for state in survey(toy, profile)] == ["done", "done", "failed", "failed"]


@pytest.mark.parametrize("lam", [1e30, float("nan")])
def test_exploding_loss_stops_the_run_with_epoch_and_loss(toy, lam):
    config = toy.Config(lam, 0, epochs=1000)
    with pytest.raises(FloatingPointError, match=r"the loss is \S+ in epoch 1, step 0: training has diverged"):
        toy.run(config)


def test_progress_is_a_line_a_run_with_an_estimate(store, toy, profile, capsys):
    ensure(toy, profile)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[0].startswith("toy ") and "1/4, about" in lines[0] and "4/4, about 0 s left" in lines[3]


def test_calling_process_keeps_its_number_of_threads(store, toy, profile):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        table = ensure(toy, profile, progress=False, threads=1)
        assert torch.get_num_threads() == 2 and table["threads"].tolist() == [1] * 4
    finally:
        torch.set_num_threads(before)


def test_worker_with_another_version_records_nothing(store, toy, profile):
    config = toy.plan(profile)[0]
    outcome = sweep._attempt(toy, config, "0" * 16, store, store.root, network=False)
    assert "another version than the caller" in outcome.error and store.strays() == [] and not list(store.records("toy"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_full_disk_names_the_file_and_stops_at_the_first_run(store, toy, profile, log, monkeypatch, fresh_workers, jobs):
    monkeypatch.setenv("TOY_FULL", "1")
    monkeypatch.setattr(os, "replace", os.replace)  # put back at the end: one job fills the disk of this process
    with pytest.raises(Unwritable, match=r"cannot write .*records/.*/[0-9a-f]{16}.json: No space left on device"):
        ensure(toy, toy.scaled(profile, 12), jobs=jobs, progress=False)
    assert len(log()) <= 2 * jobs and not list(store.records("toy"))


def test_folder_that_cannot_be_written_stops_the_sweep_at_the_first_run(store, toy, profile, log):
    store.root.parent.joinpath("records").write_text("a file where the folder should be")
    with pytest.raises(Unwritable, match="cannot write .*Not a directory"):
        ensure(toy, profile, progress=False)
    assert len(log()) == 1


class Broken(Exception):
    """What a test raises in the place of a killed process."""


def _interrupt(after):
    def report(row):
        if row["epoch"] == after:
            raise Broken

    return report


def test_resumed_run_equals_an_unbroken_one_to_the_bit(store, toy, profile, tmp_path):
    unbroken = ensure(toy, profile, progress=False, store=Store(tmp_path / "unbroken"))
    config = toy.plan(profile)[3]
    checkpoint = checkpoint_of("toy", planned(toy, config).key, planned(toy, config).code)
    with pytest.raises(Broken):
        toy.run(config, checkpoint=checkpoint, report=_interrupt(after=2))
    assert len(checkpoint.load()[1]["history"]) == 3
    resumed = ensure(toy, profile, progress=False)
    assert resumed[["key", "weight", "history"]].equals(unbroken[["key", "weight", "history"]])
    assert resumed["resumed"].tolist()[3] is True and resumed["resumed"].isna().tolist() == [True, True, True, False]


def test_damaged_checkpoint_starts_the_run_afresh_with_the_same_result(store, toy, profile, tmp_path, capsys):
    unbroken = ensure(toy, profile, progress=False, store=Store(tmp_path / "unbroken"))
    config = toy.plan(profile)[0]
    checkpoint = checkpoint_of("toy", planned(toy, config).key, planned(toy, config).code)
    with pytest.raises(Broken):
        toy.run(config, checkpoint=checkpoint, report=_interrupt(after=2))
    body = bytearray(checkpoint.path.read_bytes())
    body[-5] ^= 4
    checkpoint.path.write_bytes(body)
    assert ensure(toy, profile, progress=False)["weight"].equals(unbroken["weight"])
    assert "is damaged" in capsys.readouterr().err


def test_checkpoint_of_other_code_is_not_continued(store, toy, profile, tmp_path, capsys):
    unbroken = ensure(toy, profile, progress=False, store=Store(tmp_path / "unbroken"))
    config = toy.plan(profile)[0]
    checkpoint = checkpoint_of("toy", planned(toy, config).key, "0123456789abcdef")
    with pytest.raises(Broken):
        toy.run(config, checkpoint=checkpoint, report=_interrupt(after=2))
    after = ensure(toy, profile, progress=False)
    assert after["weight"].equals(unbroken["weight"])
    assert "was left by other code (0123456789abcdef" in capsys.readouterr().err


def test_checkpoint_goes_and_the_weights_stay_when_a_run_is_recorded(store, toy, profile):
    table = ensure(toy, profile, only={"seed": 0, "lam": 0.0}, progress=False)
    key = table["key"][0]
    assert not checkpoint_of("toy", key).path.exists()
    record = store.read("toy", key)
    assert float(weights.kept(record)["1.weight"].abs().sum()) == table["weight"][0] and len(record.weights) == 64


def test_checkpoint_of_a_recorded_run_is_pruned_by_the_next_sweep(store, toy, profile):
    table = ensure(toy, profile, progress=False)
    left = checkpoint_of("toy", table["key"][0])
    left.save({"model.a": torch.zeros(1)}, {})
    ensure(toy, profile, progress=False)
    assert not left.path.exists()


def test_damaged_record_is_computed_again(store, toy, profile, log):
    before = ensure(toy, profile, progress=False)
    path = store.path("toy", before["key"][2])
    path.write_bytes(path.read_bytes().replace(b"loss", b"lost", 1))
    assert survey(toy, profile)[2].reason == "its record is damaged" and path.is_file()
    after = ensure(toy, profile, progress=False)
    assert len(log()) == 5 and after[["key", "weight"]].equals(before[["key", "weight"]])


def test_second_sweep_takes_the_records_of_the_first(store, toy, profile, log, monkeypatch):
    monkeypatch.setenv("TOY_PAUSE", "0.05")
    program = (
        "import toy_experiment; from dbp import profiles, runs; p = toy_experiment.scaled(profiles.load('smoke'), 2);"
        "runs.ensure(toy_experiment, p, progress=False)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    sweeps = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(2)]
    assert [process.wait(120) for process in sweeps] == [0, 0]
    assert sorted(log()) == ["0.0 0", "0.0 1", "0.1 0", "0.1 1"]


def test_cache_that_cannot_be_written_stops_the_sweep_at_the_first_run(store, toy, profile, log, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(Unwritable, match="cannot write .*cache/running/toy/[0-9a-f]{16}.lock"):
        ensure(toy, profile, progress=False)
    assert log() == []


def test_data_that_are_not_on_disk_are_loaded_before_anything_is_named(store, toy, profile, monkeypatch):
    loaded, known = [], data.known_fingerprint

    def fingerprint(name, source):
        if not loaded:
            raise FileNotFoundError(f"{name} is not on disk")
        return known(name, source)

    monkeypatch.setattr(data, "known_fingerprint", fingerprint)
    monkeypatch.setattr(data, "load", lambda name, source: loaded.append((name, source)))
    assert survey(toy, profile)[0].planned.data == NOT_ON_DISK
    table = ensure(toy, profile, progress=False)
    assert loaded == [("mnist", "embedded")] and len(table) == 4
    assert {record.data for record in store.records("toy")} == {known("mnist", "embedded")}


def test_configuration_holds_the_data_fingerprint(toy, profile):
    assert planned(toy, toy.plan(profile)[0]).data == data.known_fingerprint("mnist", "embedded")


def test_checkpoint_is_where_dbp_cache_says(store, tmp_path):
    assert checkpoint_of("toy", "abc") == Checkpoint(tmp_path / "cache" / "checkpoints" / "toy" / "abc.safetensors", "")


def test_ctrl_c_stops_after_writing_what_is_finished(store, toy, profile, tmp_path):
    program = Path(__file__).with_name("toy_sweep.py")
    environment = {**os.environ, "TOY_PAUSE": "0.1"}
    process = subprocess.Popen([sys.executable, str(program), "2", "8"], env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True,
                               # A test run in the background inherits an ignored Ctrl-C.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    first = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors, errors
    done = [state for state in survey(toy, toy.scaled(profile, 8)) if state.record]
    assert first.startswith("toy ") and 1 <= len(done) < 16 and store.strays() == []


def test_record_says_how_it_was_made(store, toy, profile):
    ensure(toy, profile, only={"seed": 0, "lam": 0.0}, progress=False)
    record: Record = next(store.records("toy"))
    assert record.config == dataclasses.asdict(toy.plan(profile)[0])
    expected = {"version", "commit", "python", "torch", "device", "processor", "threads", "wall_seconds", "cpu_seconds",
                "peak_memory_mib", "preloaded", "started", "finished"}
    assert record.provenance.keys() == expected
    assert 0 < record.provenance["wall_seconds"] < 60 and record.provenance["started"] <= record.provenance["finished"]
