"""Stale records: what changed is named, and only a sample that agrees to the bit keeps them."""

import dataclasses

import pytest
import toy_evaluation

from dbp.runs import ensure, refresh, survey
from dbp.runs.fingerprint import digest_of


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The runs that were made, in order."""
    path = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


def as_by_older_code(store, keys, *names, **changes):
    """Write the records as code would have that differed in these functions."""
    for key in keys:
        record = store.read("toy", key)
        functions = store.functions(record.code) | dict.fromkeys(names, "older")
        store.write(dataclasses.replace(record, code=digest_of(functions), **changes), functions)


def test_records_of_older_code_are_stale_under_their_name_and_the_function_is_named(store, toy, profile):
    table = ensure(toy, profile, progress=False)
    as_by_older_code(store, table["key"][:1], "toy_experiment.points")
    states = survey(toy, profile)
    assert [state.status for state in states] == ["stale", "done", "done", "done"]
    assert states[0].planned.key == table["key"][0] and states[0].record is None and states[0].older is not None
    assert states[0].reason == "stale: it was made before a change of toy_experiment.points"


def test_a_stale_run_is_made_again_and_replaces_its_record(store, toy, profile, log):
    table = ensure(toy, profile, progress=False)
    as_by_older_code(store, table["key"][:1], "toy_experiment.points", measures={"weight": 0.0})
    after = ensure(toy, profile, progress=False)
    assert len(log()) == 5 and after[["key", "weight"]].equals(table[["key", "weight"]])
    assert len(list(store.records("toy"))) == 4


def test_refresh_keeps_stale_records_whose_sample_agrees(store, toy, profile, log):
    table = ensure(toy, profile, progress=False)
    as_by_older_code(store, table["key"], "toy_experiment.points")
    assert refresh(toy, profile, sample=2) == (2, 4)
    assert len(log()) == 6
    after = ensure(toy, profile, progress=False)
    assert len(log()) == 6 and after[["key", "weight"]].equals(table[["key", "weight"]])
    note = store.read("toy", table["key"][0]).provenance["refreshed"]
    assert note["changed"] == ["toy_experiment.points"] and (note["rerun"], note["of"]) == (2, 4)


def test_refresh_runs_a_sample_of_every_change_again(store, toy, profile, log):
    table = ensure(toy, profile, progress=False)
    as_by_older_code(store, table["key"][:3], "toy_experiment.points")
    as_by_older_code(store, table["key"][3:], "toy_experiment.points", "toy_experiment.POINTS")
    assert refresh(toy, profile) == (2, 4) and len(log()) == 6
    notes = [store.read("toy", key).provenance["refreshed"] for key in table["key"]]
    assert [(note["rerun"], note["of"]) for note in notes] == [(1, 3)] * 3 + [(1, 1)]


def test_refresh_leaves_the_runs_that_only_does_not_name(store, toy, profile):
    table = ensure(toy, profile, progress=False)
    as_by_older_code(store, table["key"], "toy_experiment.points")
    assert refresh(toy, profile, only={"seed": 1}) == (1, 2)
    assert [state.status for state in survey(toy, profile)] == ["stale"] * 2 + ["done"] * 2


def test_refresh_changes_nothing_if_the_weights_differ(store, toy, profile):
    table = ensure(toy, profile, progress=False)
    as_by_older_code(store, table["key"], "toy_experiment.points", weights="e" * 64)
    with pytest.raises(ValueError, match="gives another weights under the new code"):
        refresh(toy, profile)
    assert {state.status for state in survey(toy, profile)} == {"stale"}


def test_refresh_leaves_runs_alone_whose_networks_are_others_now(store, toy, profile, log):
    ensure(toy_evaluation, profile, progress=False)
    for record in store.records("toy_evaluation"):
        functions = store.functions(record.code) | {"toy_evaluation.moved": "older"}
        needs = (dataclasses.replace(record.needs[0], weights="e" * 64),)
        store.write(dataclasses.replace(record, code=digest_of(functions), needs=needs), functions)
    made = len(log())
    assert refresh(toy_evaluation, profile) == (0, 0) and len(log()) == made


def test_refresh_keeps_evaluations_on_the_networks_that_they_were_made_on(store, toy, profile):
    ensure(toy_evaluation, profile, progress=False)
    for record in store.records("toy_evaluation"):
        functions = store.functions(record.code) | {"toy_evaluation.moved": "older"}
        store.write(dataclasses.replace(record, code=digest_of(functions)), functions)
    assert refresh(toy_evaluation, profile) == (1, 8)
    assert {state.status for state in survey(toy_evaluation, profile)} == {"done"}


def test_refresh_changes_nothing_if_a_measure_differs_in_the_last_bit(store, toy, profile):
    table = ensure(toy, profile, progress=False)
    as_by_older_code(store, table["key"], "toy_experiment.points")
    first = store.read("toy", table["key"][0])
    other = dataclasses.replace(first, measures=first.measures | {"weight": first.measures["weight"] * (1 + 2**-52)})
    store.write(other, store.functions(first.code))
    before = {path: path.read_bytes() for path in (store.root / "toy").iterdir()}
    with pytest.raises(ValueError, match=f"{first.key} gives another weight under the new code"):
        refresh(toy, profile)
    assert {path: path.read_bytes() for path in (store.root / "toy").iterdir()} == before
