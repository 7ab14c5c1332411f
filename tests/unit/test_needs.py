"""Runs that build on runs: the networks come first, once, and an evaluation knows which ones it was made on."""

import dataclasses
import json

import pytest
import toy_evaluation
import toy_experiment

from dbp import runs
from dbp.experiments import l1_adversarial_training, l1_penalty, worst_case
from dbp.runs import RunsFailed, Store, ensure, runner, survey, weights
from dbp.runs.fingerprint import digest_of
from dbp.runs.records import planned
from dbp.runs.runner import make


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The runs that were made, in order, by any process."""
    path = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


def results(table):
    return table[["key", "accuracy", "weight", "lam", "seed", "shift"]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_missing_networks_are_made_first_and_each_once(store, toy, profile, log, jobs, tmp_path, fresh_workers):
    alone = ensure(toy_evaluation, profile, progress=False, store=Store(tmp_path / "alone"))
    table = ensure(toy_evaluation, profile, jobs=jobs, progress=False)
    assert results(table).equals(results(alone))
    trainings = [line for line in log() if not line.startswith("evaluation")]
    assert len(table) == 8 and len(trainings) == 8 and len(set(trainings)) == 4  # four for each store


def test_a_row_holds_the_network_s_configuration_and_measures(store, toy, profile):
    table, networks = ensure(toy_evaluation, profile, progress=False), runs.load(toy, profile)
    merged = table[table["shift"] == 0.1].reset_index(drop=True)
    assert merged[["lam", "seed", "weight"]].equals(networks[["lam", "seed", "weight"]])
    assert set(merged["key"]).isdisjoint(networks["key"])
    assert ensure(toy_evaluation, profile, only={"lam": 0.1, "shift": 0.0}, progress=False)["seed"].tolist() == [0, 1]


def test_record_names_the_key_and_the_weights_of_its_network(store, toy, profile):
    key = ensure(toy_evaluation, profile, progress=False)["key"][0]
    network = store.read("toy", planned(toy, toy.plan(profile)[0]).key)
    (need,) = store.read("toy_evaluation", key).needs
    assert (need.experiment, need.key, need.weights) == ("toy", network.key, network.weights)


def _by_other_code(store, record, name, **changes):
    functions = store.functions(record.code) | {name: "older"}
    store.write(dataclasses.replace(record, code=digest_of(functions), **changes), functions)


def test_a_changed_attack_makes_the_evaluation_stale_and_never_the_training(store, toy, profile, log):
    ensure(toy_evaluation, profile, progress=False)
    for record in store.records("toy_evaluation"):
        _by_other_code(store, record, "toy_evaluation.moved")
    assert {state.status for state in survey(toy, profile)} == {"done"}
    states = survey(toy_evaluation, profile)
    assert {state.status for state in states} == {"stale"}
    assert {state.reason for state in states} == {"stale: it was made before a change of toy_evaluation.moved"}
    before = len(log())
    ensure(toy_evaluation, profile, progress=False)
    assert all(line.startswith("evaluation") for line in log()[before:]) and len(log()) == before + 8


def test_a_network_that_was_trained_anew_with_other_weights_makes_its_evaluations_stale(store, toy, profile):
    ensure(toy_evaluation, profile, progress=False)
    record = store.read("toy", planned(toy, toy.plan(profile)[0]).key)
    store.write(dataclasses.replace(record, weights="f" * 64), store.functions(record.code))
    states = survey(toy_evaluation, profile)
    assert [state.status for state in states] == ["stale"] * 2 + ["done"] * 6
    assert states[0].reason == f"stale: toy {record.key} has been trained anew, with other weights"


def test_a_stale_network_makes_its_evaluations_stale_and_both_are_made_again(store, toy, profile, log):
    before = ensure(toy_evaluation, profile, progress=False)
    record = store.read("toy", planned(toy, toy.plan(profile)[0]).key)
    _by_other_code(store, record, "toy_experiment.points")
    assert [state.status for state in survey(toy_evaluation, profile)] == ["stale"] * 2 + ["done"] * 6
    made = len(log())
    after = ensure(toy_evaluation, profile, progress=False)
    # The new training gives the same weights, so what was measured on them stands.
    assert results(after).equals(results(before)) and log()[made:] == ["0.0 0"]


@pytest.mark.parametrize("damage", ["deleted", "flipped"])
def test_a_network_whose_file_is_gone_is_trained_again_and_says_so(store, toy, profile, log, capfd, damage):
    before = ensure(toy_evaluation, profile, progress=False)
    network = store.read("toy", planned(toy, toy.plan(profile)[0]).key)
    path = weights.keep(network, weights.kept(network))
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    record = next(record for record in store.records("toy_evaluation") if record.needs[0].key == network.key)
    store.path("toy_evaluation", record.key).unlink()
    made = len(log())
    after = ensure(toy_evaluation, profile, progress=False)
    assert results(after).equals(results(before)) and log()[made] == "0.0 0" and len(log()) == made + 2
    assert f"toy {network.key}: this machine's cache lacks its weights; trained again" in capfd.readouterr().err
    assert store.read("toy", network.key) == network  # the same weights, so the record stays


def test_runs_on_a_network_that_comes_out_otherwise_are_all_made_again(store, toy, profile, log):
    """Another machine's weights: the one run that was missing makes its finished neighbour stale on the way."""
    before = ensure(toy_evaluation, profile, progress=False)
    network = store.read("toy", planned(toy, toy.plan(profile)[0]).key)
    elsewhere = dataclasses.replace(network, weights="e" * 64)
    store.write(elsewhere, store.functions(network.code))
    both = [record for record in store.records("toy_evaluation") if record.needs[0].key == network.key]
    needs = (dataclasses.replace(both[0].needs[0], weights="e" * 64),)
    store.write(dataclasses.replace(both[0], needs=needs), store.functions(both[0].code))
    store.path("toy_evaluation", both[1].key).unlink()
    made = len(log())
    assert results(ensure(toy_evaluation, profile, progress=False)).equals(results(before))
    assert len(log()) == made + 3 and store.read("toy", network.key).weights == network.weights


def test_a_training_that_leaves_no_weights_the_second_time_does_not_replace_its_record(store, toy, profile, monkeypatch):
    config = toy.plan(profile)[0]
    record = dataclasses.replace(make(toy, config, store), weights="e" * 64)
    store.write(record, store.functions(record.code))
    monkeypatch.setattr(runner, "trained_tensors", lambda checkpoint: None)
    with pytest.raises(RuntimeError, match="left no weights: its record stays"):
        make(toy, config, store, network=True)
    assert store.read("toy", record.key) == record


def test_nothing_is_built_on_a_network_that_failed(store, toy, profile, log, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "1")
    with pytest.raises(RunsFailed, match="6 runs failed, first toy .*told to fail"):
        ensure(toy_evaluation, profile, progress=False)
    assert len(log()) == 4 + 4 and len(runs.load(toy_evaluation, profile)) == 4


def test_a_run_that_trains_nothing_cannot_be_built_on(store, toy, profile, monkeypatch):
    monkeypatch.setattr(toy_experiment, "run", lambda config, **options: {"weight": 1.0})
    with pytest.raises(ValueError, match="toy_evaluation builds on toy [0-9a-f]{16}, which trains no network"):
        make(toy_evaluation, toy_evaluation.plan(profile)[0], store)


# The real pair: worst cases on top of P2's trainings.

SIZES = dict(source="embedded", train_size=128, validation_size=20, test_size=20, max_epochs=1)
ATTACK = dict(budgets=(0.1, 0.3), attack_images=10, pgd_steps=2, pgd_restarts=1, apgd_steps=2, targets=1, queries=2)


@pytest.fixture(scope="module")
def pair():
    network = l1_penalty.Config("C", 0.0, "none", "none", "none", 0, **SIZES)
    return worst_case.Config("l1_penalty", network, None, **ATTACK)


def test_an_attack_s_line_makes_worst_cases_stale_alone(store, pair, monkeypatch):
    from dbp.attacks import classifier
    from dbp.runs import fingerprint
    from dbp.runs.status import state_of

    record = make(worst_case, pair, store)
    assert state_of(worst_case, pair, store).status == "done" and record.needs[0].experiment == "l1_penalty"
    real = fingerprint._definition
    monkeypatch.setattr(fingerprint, "_definition", lambda thing: dataclasses.replace(real(thing), digest="changed") if
                        thing is classifier.pgd else real(thing))
    state = state_of(worst_case, pair, store)
    assert state.status == "stale" and state.reason.endswith("a change of dbp.attacks.classifier.pgd")
    assert state_of(l1_penalty, pair.network, store).status == "done"


def test_worst_cases_of_adversarial_training_build_on_an_undefended_network_too(store):
    fields = dict(model="C", eps=0.1, attack="fgsm", labels="true", lam=0.0, penalty="none", outputs="none",
                  reduction="none", points="none", label_smoothing=0.1, seed=0, dataset="mnist", **SIZES)
    network = l1_adversarial_training.Config(**fields)
    undefended = l1_adversarial_training.undefended(network, 1)
    config = worst_case.Config("l1_adversarial_training", network, undefended, **ATTACK)
    record = make(worst_case, config, store)
    assert [need.key for need in record.needs] == [planned(l1_adversarial_training, c).key for c in (network, undefended)]
    checks = [row["check"] for row in record.measures["diagnostics"]]
    assert "PGD from another model" in checks and json.dumps(record.measures)
