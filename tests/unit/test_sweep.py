"""`dbp.runs.sweep` and `dbp.runs.status`: nothing is computed twice, nothing is lost, and a failure stays where it happened."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from dbp import data
from dbp.files import Checkpoint
from dbp.runs import records, sweep, weights
from dbp.runs import status as standing
from dbp.runs.records import Record


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The runs that were made, in order, by any process."""
    path = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


def test_sweep_computes_what_is_missing_once(store, toy, profile, log):
    first = sweep.ensure(toy, profile, progress=False)
    assert first[["seed", "lam"]].values.tolist() == [[0, 0.0], [0, 0.1], [1, 0.0], [1, 0.1]]
    again = sweep.ensure(toy, profile, progress=False)
    assert len(log()) == 4 and again.equals(first)


def test_two_processes_give_the_same_records_as_one(store, toy, profile, tmp_path):
    alone = sweep.ensure(toy, profile, progress=False, store=records.Store(tmp_path / "alone"))
    together = sweep.ensure(toy, profile, jobs=2, progress=False)
    assert together[["key", "weight", "history"]].equals(alone[["key", "weight", "history"]])


def test_a_single_run_that_is_missing_starts_no_worker(store, toy, profile, monkeypatch):
    made = []
    monkeypatch.setattr(sweep, "_keep_weights", lambda record, checkpoint: made.append(record.key))  # of this process only
    table = sweep.ensure(toy, profile, jobs=2, only={"seed": 1, "lam": 0.1}, progress=False)
    assert made == list(table["key"])


def test_only_chooses_runs_and_names_what_it_does_not_know(store, toy, profile, log):
    assert sweep.ensure(toy, profile, only={"lam": 0.1, "seed": 1}, progress=False)["seed"].tolist() == [1]
    assert log() == ["0.1 1"]
    with pytest.raises(ValueError, match="no field 'sed'; there are lam, seed, .*did you mean 'seed'"):
        sweep.ensure(toy, profile, only={"sed": 1})
    with pytest.raises(ValueError, match="no planned run has lam=7; there are 0.0, 0.1"):
        sweep.ensure(toy, profile, only={"lam": 7})


@pytest.mark.parametrize("wrong, words", [
    ({"jobs": 0}, "jobs must be at least 1, but is 0"), ({"threads": 0}, "threads must be at least 1, but is 0"),
    ({"backend": "daks"}, "backend must be one of processes, dask, ray, but is 'daks'"),
])
def test_wrong_arguments_are_named_before_anything_runs(store, toy, profile, log, wrong, words):
    with pytest.raises(ValueError, match=words):
        sweep.ensure(toy, profile, **wrong)
    assert log() == []


def test_failed_run_is_recorded_others_go_on_and_the_next_call_retries(store, toy, profile, log, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "0")
    with pytest.raises(sweep.RunsFailed, match="2 of 4 runs failed, first .*: RuntimeError: seed 0 was told to fail"):
        sweep.ensure(toy, profile, progress=False)
    states = sweep.survey(toy, profile)
    assert [state.status for state in states] == ["failed", "failed", "done", "done"]
    failure = store.failure("toy", states[0].planned.key)
    assert failure.status == "failed" and "Traceback" in failure.measures["error"]
    assert "told to fail" in sweep.why_missing(toy, states)[states[0].planned.key]
    monkeypatch.delenv("TOY_FAILS")
    assert len(sweep.ensure(toy, profile, progress=False)) == 4
    assert len(log()) == 6 and not list((store.root / "toy").glob("*.failed.json"))


def test_nan_measure_fails_its_run_and_no_other(store, toy, profile, monkeypatch):
    monkeypatch.setenv("TOY_NAN", "1")
    with pytest.raises(sweep.RunsFailed, match="2 of 4 runs failed, .*the measure 'weight' cannot be recorded"):
        sweep.ensure(toy, profile, progress=False)
    assert [state.status for state in sweep.survey(toy, profile)] == ["done", "done", "failed", "failed"]


@pytest.mark.parametrize("lam", [1e30, float("nan")])
def test_exploding_loss_stops_the_run_with_epoch_and_loss(toy, lam):
    config = toy.Config(lam, 0, epochs=1000)
    with pytest.raises(FloatingPointError, match=r"the loss is \S+ in epoch 1, step 0: training has diverged"):
        toy.run(config)


def test_progress_is_a_line_a_run_with_an_estimate(store, toy, profile, capsys):
    sweep.ensure(toy, profile)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[0].startswith("toy ") and "1/4, about" in lines[0] and "4/4, about 0 s left" in lines[3]


def test_calling_process_keeps_its_number_of_threads(store, toy, profile):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        table = sweep.ensure(toy, profile, progress=False, threads=1)
        assert torch.get_num_threads() == 2 and table["threads"].tolist() == [1] * 4
    finally:
        torch.set_num_threads(before)


def test_worker_with_other_code_records_nothing(store, toy, profile):
    config = toy.plan(profile)[0]
    key, _, error = sweep._attempt(toy, config, "0" * 16, store)
    assert "other code than the caller" in error and store.strays() == [] and not list(store.records("toy"))


class Broken(Exception):
    """What a test raises in the place of a killed process."""


def _interrupt(after):
    def report(row):
        if row["epoch"] == after:
            raise Broken

    return report


def test_resumed_run_equals_an_unbroken_one_to_the_bit(store, toy, profile, tmp_path):
    unbroken = sweep.ensure(toy, profile, progress=False, store=records.Store(tmp_path / "unbroken"))
    config = toy.plan(profile)[3]
    checkpoint = sweep.checkpoint_of("toy", records.key_of(toy, config))
    with pytest.raises(Broken):
        toy.run(config, checkpoint=checkpoint, report=_interrupt(after=2))
    assert len(checkpoint.load()[1]["history"]) == 3
    resumed = sweep.ensure(toy, profile, progress=False)
    assert resumed[["key", "weight", "history"]].equals(unbroken[["key", "weight", "history"]])
    assert resumed["resumed"].tolist()[3] is True and resumed["resumed"].isna().tolist() == [True, True, True, False]


def test_damaged_checkpoint_starts_the_run_afresh_with_the_same_result(store, toy, profile, tmp_path, capsys):
    unbroken = sweep.ensure(toy, profile, progress=False, store=records.Store(tmp_path / "unbroken"))
    config = toy.plan(profile)[0]
    checkpoint = sweep.checkpoint_of("toy", records.key_of(toy, config))
    with pytest.raises(Broken):
        toy.run(config, checkpoint=checkpoint, report=_interrupt(after=2))
    body = bytearray(checkpoint.path.read_bytes())
    body[-5] ^= 4
    checkpoint.path.write_bytes(body)
    assert sweep.ensure(toy, profile, progress=False)["weight"].equals(unbroken["weight"])
    assert "is damaged" in capsys.readouterr().err


def test_checkpoint_goes_and_the_weights_stay_when_a_run_is_recorded(store, toy, profile):
    table = sweep.ensure(toy, profile, only={"seed": 0, "lam": 0.0}, progress=False)
    key = table["key"][0]
    assert not sweep.checkpoint_of("toy", key).path.exists()
    assert float(weights.kept("toy", key)["1.weight"].abs().sum()) == table["weight"][0]


def test_checkpoint_of_a_recorded_run_is_pruned_by_the_next_sweep(store, toy, profile):
    table = sweep.ensure(toy, profile, progress=False)
    left = sweep.checkpoint_of("toy", table["key"][0])
    left.save({"model.a": torch.zeros(1)}, {})
    sweep.ensure(toy, profile, progress=False)
    assert not left.path.exists()


def test_damaged_record_is_computed_again(store, toy, profile, log):
    before = sweep.ensure(toy, profile, progress=False)
    path = store.path("toy", before["key"][2])
    path.write_bytes(path.read_bytes().replace(b"loss", b"lost", 1))
    assert "damaged" in sweep.why_missing(toy, sweep.survey(toy, profile))[before["key"][2]]
    after = sweep.ensure(toy, profile, progress=False)
    assert len(log()) == 5 and after[["key", "weight"]].equals(before[["key", "weight"]])


def test_second_sweep_takes_the_records_of_the_first(store, toy, profile, log, monkeypatch):
    monkeypatch.setenv("TOY_PAUSE", "0.05")
    program = (
        "import toy_experiment; from dbp import profiles, sweep; p = toy_experiment.scaled(profiles.load('smoke'), 2);"
        "sweep.ensure(toy_experiment, p, progress=False)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    sweeps = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(2)]
    assert [process.wait(120) for process in sweeps] == [0, 0]
    assert sorted(log()) == ["0.0 0", "0.0 1", "0.1 0", "0.1 1"]


def test_status_says_running_while_a_run_is_claimed(store, toy, profile):
    key = sweep.survey(toy, profile)[1].planned.key
    with standing.claim("toy", key):
        states = sweep.survey(toy, profile)
        assert [state.status for state in states] == ["missing", "running", "missing", "missing"]
        assert sweep.why_missing(toy, states)[key] == "running"
    assert {state.status for state in sweep.survey(toy, profile)} == {"missing"}


def test_a_claim_is_waited_for(store):
    order = []

    def second():
        with standing.claim("toy", "0" * 16):
            order.append("second")

    with standing.claim("toy", "0" * 16):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def _with(states, seconds, **provenance):
    """The states with a record of that many seconds in the place of every None."""
    record = lambda state, wall: None if wall is None else dataclasses.replace(  # noqa: E731
        state.planned, provenance={"wall_seconds": wall} | provenance)
    return [dataclasses.replace(state, record=record(state, wall)) for state, wall in zip(states, seconds, strict=True)]


def test_estimate_of_the_time_left(store, toy, profile):
    states = sweep.survey(toy, profile)
    assert sweep.seconds_left(states) is None
    assert sweep.seconds_left(_with(states, [10.0, 20.0, None, None])) == 30
    assert sweep.seconds_left(_with(states, [10.0, 20.0, None, None]), jobs=2) == 15
    assert sweep.seconds_left(_with(states, [10.0] * 4)) == 0


def test_estimate_goes_by_the_same_model_and_leaves_out_resumed_runs(store, toy, profile):
    states = sweep.survey(toy, profile)
    large = [dataclasses.replace(state, config=dataclasses.replace(state.config, model="large")) for state in states[2:]]
    assert sweep.seconds_left(_with([*states[:2], *large], [10.0, None, 100.0, None])) == 110
    resumed = _with(states, [1.0, None, None, None], resumed=True)
    assert sweep.seconds_left([resumed[0], *_with(states[1:], [10.0, None, None])]) == 20


def _as_by_older_code(store, table, *names):
    """File the records under the keys that they would have had before a change of these functions."""
    for key in table["key"]:
        record = store.read("toy", key)
        older = dataclasses.replace(record, code={**record.code, **dict.fromkeys(names, "older")})
        store.path("toy", key).unlink()
        store.write(older)


def test_records_of_older_code_are_stale_and_the_function_is_named(store, toy, profile):
    table = sweep.ensure(toy, profile, progress=False)
    _as_by_older_code(store, table[:1], "toy_experiment.points")
    states = sweep.survey(toy, profile)
    found = sweep.stale(toy, states)
    assert list(found.values()) == [["toy_experiment.points"]] and states[0].status == "missing"
    assert "before a change of toy_experiment.points" in sweep.why_missing(toy, states)[states[0].planned.key]


def test_refresh_keeps_stale_records_whose_sample_agrees(store, toy, profile, log):
    table = sweep.ensure(toy, profile, progress=False)
    _as_by_older_code(store, table, "toy_experiment.points")
    assert sweep.refresh(toy, profile, sample=2) == (2, 4)
    assert len(log()) == 6
    after = sweep.ensure(toy, profile, progress=False)
    assert len(log()) == 6 and after[["key", "weight"]].equals(table[["key", "weight"]])
    step = store.read("toy", table["key"][0]).provenance["adopted"][0]
    assert step["changed"] == ["toy_experiment.points"] and (step["rerun"], step["of"]) == (2, 4)
    assert len(list(store.records("toy"))) == 4


def test_refresh_runs_a_sample_of_every_change_again(store, toy, profile, log):
    table = sweep.ensure(toy, profile, progress=False)
    _as_by_older_code(store, table[:3], "toy_experiment.points")
    _as_by_older_code(store, table[3:], "toy_experiment.points", "toy_experiment.POINTS")
    assert sweep.refresh(toy, profile) == (2, 4) and len(log()) == 6
    steps = [store.read("toy", key).provenance["adopted"][0] for key in table["key"]]
    assert [(step["rerun"], step["of"]) for step in steps] == [(1, 3)] * 3 + [(1, 1)]


def test_refresh_leaves_the_runs_that_only_does_not_name(store, toy, profile):
    table = sweep.ensure(toy, profile, progress=False)
    _as_by_older_code(store, table, "toy_experiment.points")
    assert sweep.refresh(toy, profile, only={"seed": 1}) == (1, 2)
    assert [state.status for state in sweep.survey(toy, profile)] == ["missing"] * 2 + ["done"] * 2


def test_refresh_changes_nothing_if_a_measure_differs_in_the_last_bit(store, toy, profile):
    table = sweep.ensure(toy, profile, progress=False)
    _as_by_older_code(store, table, "toy_experiment.points")
    first = next(record for record in store.records("toy") if record.config == dataclasses.asdict(toy.plan(profile)[0]))
    other = dataclasses.replace(first, measures=first.measures | {"weight": first.measures["weight"] * (1 + 2**-52)})
    store.write(other)
    before = sorted(path.name for path in (store.root / "toy").iterdir())
    with pytest.raises(ValueError, match=f"{first.key} gives another weight under the new code"):
        sweep.refresh(toy, profile)
    assert sorted(path.name for path in (store.root / "toy").iterdir()) == before


def test_refresh_takes_the_newest_of_two_stale_records(store, toy, profile):
    table = sweep.ensure(toy, profile, only={"lam": 0.0, "seed": 0}, progress=False)
    record = store.read("toy", table["key"][0])
    wrong = dataclasses.replace(record, code={"toy": "oldest"}, measures={"weight": 0.0},
                                provenance=record.provenance | {"finished": "2000-01-01"})
    _as_by_older_code(store, table, "toy_experiment.points")
    store.write(wrong)
    assert sweep.refresh(toy, profile) == (1, 1)
    assert store.read("toy", record.key).measures == record.measures


def test_overview_is_a_row_an_experiment(store, toy, profile):
    row = sweep.overview(profile).iloc[0]
    assert (row["planned"], row["done"], row["missing"], row["device"], row["cpu_hours"]) == (4, 0, 4, "", 0)
    table = sweep.ensure(toy, profile, progress=False)
    _as_by_older_code(store, table[:1], "toy_experiment.points")
    row = sweep.overview(profile).iloc[0]
    assert (row["experiment"], row["profile"], row["done"], row["stale"], row["seeds"]) == ("toy", "smoke", 3, 1, 2)
    assert row["device"] in ("cpu", "cuda", "mps") and row["threads"] == "1" and row["first"] <= row["last"]


def test_configuration_holds_the_data_fingerprint(toy, profile):
    assert records.planned(toy, toy.plan(profile)[0]).data == data.known_fingerprint("mnist", "embedded")


def test_checkpoint_is_where_dbp_cache_says(store, tmp_path):
    assert sweep.checkpoint_of("toy", "abc") == Checkpoint(tmp_path / "cache" / "checkpoints" / "toy" / "abc.safetensors")


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
    done = [state for state in sweep.survey(toy, toy.scaled(profile, 8)) if state.record]
    assert first.startswith("toy ") and 1 <= len(done) < 16 and store.strays() == []


def test_record_says_how_it_was_made(store, toy, profile):
    sweep.ensure(toy, profile, only={"seed": 0, "lam": 0.0}, progress=False)
    record: Record = next(store.records("toy"))
    assert record.config == dataclasses.asdict(toy.plan(profile)[0])
    expected = {"version", "commit", "python", "torch", "device", "processor", "threads", "wall_seconds", "cpu_seconds",
                "peak_memory_mib", "started", "finished"}
    assert record.provenance.keys() == expected
    assert 0 < record.provenance["wall_seconds"] < 60 and record.provenance["started"] <= record.provenance["finished"]
