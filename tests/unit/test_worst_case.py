"""The experiment on top of both of P2's: every network of theirs under PGD, and what a sceptic asks of that."""

import dataclasses
import json
import math
from types import SimpleNamespace

import pytest

from dbp import profiles
from dbp.experiments import l1_adversarial_training, l1_penalty, worst_case
from dbp.profiles import (
    AttackSizes,
    L1AdversarialTrainingRuns,
    L1AdversarialTrainingScale,
    L1PenaltyRuns,
    L1PenaltyScale,
    Sizes,
)
from dbp.runs import weights
from dbp.runs.records import planned
from dbp.runs.runner import make

SIZES = Sizes(200, 50, test_size=100, max_epochs=1)
EPS = (0.1, 0.3)
FEW = AttackSizes(10, pgd_steps=2, pgd_restarts=1, apgd_steps=3, targets=2, queries=5, eps=EPS)
MORE = AttackSizes(20, pgd_steps=3, pgd_restarts=2, apgd_steps=2, targets=1, queries=4, eps=(0.05, 0.3))

ALONE = dict(models=("C",), reductions=("mean",), outputs=("softmax",), seeds=1, sizes=SIZES, attack=FEW)
ADVERSARIAL = dict(models=("C",), methods=("adv_train",), eps=(0.1, 0.3), lambdas=(10.0,), seeds=2, sizes=SIZES, attack=MORE)


def scales(alone=(ALONE,), adversarial=(ADVERSARIAL,)):
    """The two sections of a profile, with these parts."""
    return SimpleNamespace(
        l1_penalty=L1PenaltyScale("embedded", (0.0, 10.0), "one_row", tuple(L1PenaltyRuns(**part) for part in alone)),
        l1_adversarial_training=L1AdversarialTrainingScale(
            "embedded", 1, tuple(L1AdversarialTrainingRuns(**part) for part in adversarial)))


def attack(config):
    names = [field.name for field in dataclasses.fields(AttackSizes)]
    return AttackSizes(**{name: config.budgets if name == "eps" else getattr(config, name) for name in names})


@pytest.fixture
def alone():
    """The worst case of a network that was trained without a penalty."""
    return worst_case.plan(scales())[0]


def test_plan_pairs_each_network_of_both_experiments_with_its_part_s_attack():
    profile = scales()
    found = worst_case.plan(profile)
    for module, sizes in ((l1_penalty, FEW), (l1_adversarial_training, MORE)):
        here = [config for config in found if config.experiment == module.NAME]
        assert [config.network for config in here] == module.plan(profile)
        assert {attack(config) for config in here} == {sizes}
    assert len(found) == len(set(found)) == 2 + 4


def test_parts_that_share_a_network_attack_it_in_their_own_ways():
    found = worst_case.plan(scales(alone=(ALONE, ALONE | dict(attack=MORE)), adversarial=(ADVERSARIAL, ADVERSARIAL)))
    here = [config for config in found if config.experiment == "l1_penalty"]
    assert len(here) == 4 and len({config.network for config in here}) == 2 and {*map(attack, here)} == {FEW, MORE}
    assert len(found) == len(set(found)) == 4 + 4  # the same attack on the same network is one run


def test_an_undefended_network_goes_with_every_other():
    for config in worst_case.plan(scales()):
        if config.experiment == "l1_adversarial_training":
            assert config.undefended == l1_adversarial_training.undefended(config.network, 1)
        elif config.network.lam:
            assert config.undefended in l1_penalty.plan(scales()) and config.undefended.lam == 0
        else:
            assert config.undefended is None and worst_case.needs(config) == [("l1_penalty", config.network)]
            continue
        assert worst_case.needs(config) == [(config.experiment, config.network), (config.experiment, config.undefended)]


@pytest.mark.parametrize("name", profiles.NAMES)
def test_plan_of_every_profile_attacks_every_network_that_is_trained(name):
    profile = profiles.load(name)
    found = worst_case.plan(profile)
    for module in (l1_penalty, l1_adversarial_training):
        here = [config.network for config in found if config.experiment == module.NAME]
        assert set(here) == set(module.plan(profile))
    assert len({planned(worst_case, config).key for config in found}) == len(found) == len(set(found))


def test_data_and_source_are_the_network_s(alone):
    assert (alone.dataset, alone.source) == ("mnist", "embedded")


@pytest.mark.parametrize("wrong, words", [
    (dict(experiment="l1_penaltty"), "no experiment with networks named 'l1_penaltty'; .*did you mean 'l1_penalty'"),
    (dict(experiment="dbp_autoencoders"), "there are l1_penalty, l1_adversarial_training"),
    (dict(attack_images=0), "attack_images must be at least 1, but is 0"),
    (dict(pgd_steps=-1), "pgd_steps must be at least 1, but is -1"),
    (dict(queries=0), "queries must be at least 1, but is 0"),
    (dict(budgets=(0.3, 0.1)), r"budgets must lie above 0 and rise, but are \(0.3, 0.1\)"),
    (dict(budgets=()), r"budgets must lie above 0 and rise, but are \(\)"),
    (dict(pgd_restarts=math.nan), "pgd_restarts must be at least 1, but is nan"),
])
def test_wrong_configuration_is_named(alone, wrong, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(alone, **wrong)


def test_roots_name_the_losses_that_pgd_climbs_and_the_members_of_the_ensemble(alone):
    names = {root.__name__ for root in worst_case.roots(alone)}
    assert names == {"cross_entropy", "margin", "_apgd_cross_entropy", "_apgd_targeted_dlr", "_square"}


def measures_of(config, folder, store):
    return make(worst_case, config, store, folder).measures


def accuracies(eps):
    return {f"pgd_cross_entropy_{eps}", f"pgd_margin_{eps}", f"fgsm_few_{eps}"}


def test_a_whole_run_measures_what_it_says(store, alone, tmp_path):
    found = measures_of(alone, tmp_path, store)
    names = {name for eps in EPS for name in (*accuracies(eps), f"pgd_{eps}", f"worst_{eps}")}
    counts = {f"{name}_only_{eps}" for eps in EPS for name in ("apgd", "square", "black")}
    assert found.keys() == names | counts | {"clean_few", "jacobian_softmax", "jacobian_logits", "diagnostics"}
    for eps in EPS:
        weaker = min(found[name] for name in accuracies(eps))
        assert found[f"worst_{eps}"] <= found[f"pgd_{eps}"] <= weaker <= found["clean_few"]
        lost = sum(found[f"{name}_only_{eps}"] for name in ("apgd", "square", "black"))
        assert found[f"worst_{eps}"] == pytest.approx(found[f"pgd_{eps}"] - lost / 10)
        assert found[f"black_only_{eps}"] == 0  # there is no network to carry from
    assert found["worst_0.3"] <= found["worst_0.1"]
    assert found["clean_few"] * 10 == round(found["clean_few"] * 10)  # ten images
    assert 0 < found["jacobian_softmax"] < found["jacobian_logits"]
    assert json.loads(json.dumps(found)) == found


def test_what_a_weak_white_box_leaves_is_found_by_the_others_and_counted(monkeypatch, store, alone, tmp_path):
    found = measures_of(alone, tmp_path, store)
    monkeypatch.setattr(worst_case, "pgd", lambda model, x, y, *_, **__: x)
    monkeypatch.setattr(worst_case, "fgsm", lambda model, x, y, *_, **__: x)
    network = l1_penalty.network(alone.network)
    tensors = weights.kept(make(l1_penalty, alone.network, store, tmp_path), tmp_path)
    blind = worst_case.run(alone, networks=[weights.load_into(network, tensors)])
    assert blind["pgd_0.3"] == blind["clean_few"] > found["pgd_0.3"]
    assert blind["apgd_only_0.3"] > found["apgd_only_0.3"] and blind["worst_0.3"] == found["worst_0.3"]


def test_a_smaller_budget_s_example_counts_at_the_larger_one(store, alone, tmp_path):
    few = measures_of(dataclasses.replace(alone, budgets=(0.3,)), tmp_path, store)
    more = measures_of(dataclasses.replace(alone, budgets=(0.1, 0.2, 0.3)), tmp_path, store)
    assert more["worst_0.3"] <= few["worst_0.3"] and more["worst_0.2"] <= more["worst_0.1"]


def test_it_attacks_the_network_that_was_trained_and_gives_the_same_again(store, alone, tmp_path):
    found = measures_of(alone, tmp_path, store)
    record = make(l1_penalty, alone.network, store, tmp_path)
    tensors = weights.kept(record, tmp_path)
    again = worst_case.run(alone, networks=[weights.load_into(l1_penalty.network(alone.network), tensors)])
    untrained = worst_case.run(alone, networks=[l1_penalty.network(alone.network).eval()])
    assert again == found != untrained


def test_more_steps_and_restarts_find_no_less(store, alone, tmp_path):
    weak = measures_of(alone, tmp_path, store)
    strong = measures_of(dataclasses.replace(alone, pgd_steps=20, pgd_restarts=3), tmp_path, store)
    assert all(strong[f"pgd_{eps}"] <= weak[f"pgd_{eps}"] for eps in EPS)


def test_diagnostics_are_at_the_budget_that_was_trained_with(store, tmp_path):
    config = next(c for c in worst_case.plan(scales()) if c.experiment == "l1_adversarial_training" and c.network.eps == 0.3)
    record = make(worst_case, config, store, tmp_path)
    keys = [planned(l1_adversarial_training, network).key for network in (config.network, config.undefended)]
    assert [need.key for need in record.needs] == keys
    rows = {row["check"]: row for row in record.measures["diagnostics"]}
    assert rows.keys() >= {"PGD, eps 0.05", "PGD, eps 0.5", "PGD from another model", "FGSM", "PGD, twice the steps"}
    assert rows["PGD, eps 0.5"]["value"] <= rows["PGD, eps 0.05"]["value"]
    assert rows["FGSM"]["value"] == record.measures["fgsm_few_0.3"] and "question" not in rows["FGSM"]
    assert record.weights is None  # nothing is trained here
