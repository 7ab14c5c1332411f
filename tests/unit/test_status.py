"""Where runs stand: what is locked is running, who waits is served, and how long the rest will take."""

import dataclasses
import threading
import time

import torch

from dbp.runs import ensure, overview, survey
from dbp.runs.checkpoints import checkpoint_of, is_locked, lock
from dbp.runs.status import seconds_left


def test_status_says_running_while_a_run_is_locked(store, toy, profile):
    key = survey(toy, profile)[1].planned.key
    with lock("toy", key):
        states = survey(toy, profile)
        assert [state.status for state in states] == ["missing", "running", "missing", "missing"]
        assert states[1].reason == "running"
    assert {state.status for state in survey(toy, profile)} == {"missing"}


def test_a_lock_is_waited_for(store):
    order = []

    def second():
        with lock("toy", "0" * 16):
            order.append("second")

    with lock("toy", "0" * 16):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_lock_that_its_holder_deleted_is_not_taken_for_one(store):
    """Who waited for the first holder must hold the file that a third one looks at."""
    held = threading.Event()

    def second():
        with lock("toy", "0" * 16):
            held.set()
            time.sleep(0.3)

    with lock("toy", "0" * 16):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.2)
    assert held.wait(10) and is_locked("toy", "0" * 16)
    waiting.join(10)
    assert not is_locked("toy", "0" * 16)


def test_checkpoint_of_a_run_that_is_being_made_again_is_not_pruned(store, toy, profile):
    table = ensure(toy, profile, progress=False)
    state = checkpoint_of("toy", table["key"][0])
    state.save({"model.a": torch.zeros(1)}, {})
    with lock("toy", table["key"][0]):
        ensure(toy, profile, progress=False)
        assert state.path.exists()


def _with(states, seconds, **provenance):
    """The states with a record of that many seconds in the place of every None."""
    record = lambda state, wall: None if wall is None else dataclasses.replace(  # noqa: E731
        state.planned, provenance={"wall_seconds": wall} | provenance)
    return [dataclasses.replace(state, record=record(state, wall)) for state, wall in zip(states, seconds, strict=True)]


def test_estimate_of_the_time_left(store, toy, profile):
    states = survey(toy, profile)
    assert seconds_left(states) is None
    assert seconds_left(_with(states, [10.0, 20.0, None, None])) == 30
    assert seconds_left(_with(states, [10.0, 20.0, None, None]), jobs=2) == 15
    assert seconds_left(_with(states, [10.0] * 4)) == 0


def test_estimate_goes_by_the_same_model_and_leaves_out_resumed_runs(store, toy, profile):
    states = survey(toy, profile)
    large = [dataclasses.replace(state, config=dataclasses.replace(state.config, model="large")) for state in states[2:]]
    assert seconds_left(_with([*states[:2], *large], [10.0, None, 100.0, None])) == 110
    resumed = _with(states, [1.0, None, None, None], resumed=True)
    assert seconds_left([resumed[0], *_with(states[1:], [10.0, None, None])]) == 20


def test_overview_is_a_row_an_experiment(store, toy, profile):
    row = overview(profile).iloc[0]
    assert (row["planned"], row["done"], row["missing"], row["device"], row["cpu_hours"]) == (4, 0, 4, "", 0)
    ensure(toy, profile, progress=False, only={"seed": 1})
    row = overview(profile).iloc[0]
    assert (row["experiment"], row["profile"], row["done"], row["stale"], row["seeds"]) == ("toy", "smoke", 2, 0, 1)
    assert row["device"] in ("cpu", "cuda", "mps") and row["threads"] == "1" and row["first"] <= row["last"]
