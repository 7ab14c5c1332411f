"""The experiment of P2 Table 2: its plan, its objective, its probe, and one whole small run."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dbp import penalties
from dbp.experiments import get, l1_penalty
from dbp.experiments.l1_penalty import Config, flatness_probe, penalised_cross_entropy
from dbp.profiles import L1PenaltyRuns, L1PenaltyScale, Sizes

SIZES = Sizes(200, 50, test_size=100, max_epochs=1, attack_images=20, pgd_steps=2, pgd_restarts=2)


def scale(lambdas=(0.0, 10.0), **changes):
    fields = dict(models=("C",), units=("mean", "sum"), outputs=("softmax", "logits"), seeds=2, sizes=SIZES)
    scale = L1PenaltyScale("embedded", lambdas, "one_row", (L1PenaltyRuns(**fields | changes),))
    return SimpleNamespace(l1_penalty=scale)


def config(**changes):
    fields = dict(model="C", lam=10.0, unit="mean", outputs="softmax", estimator="exact", seed=0, source="embedded")
    return Config(**fields | changes)


def linear():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    model[1].weight.data = torch.tensor([[1.0, -2.0, 0.0, 1.0], [0.0, 1.0, 3.0, -1.0]])
    return model


def test_plan_runs_every_reading_of_a_penalty_but_no_penalty_only_once():
    runs = l1_penalty.plan(scale())
    assert len(runs) == 2 * (1 + 4)
    assert sum(run.lam == 0 for run in runs) == 2
    assert len(set(runs)) == len(runs)


def test_plan_finishes_a_seed_before_the_next():
    seeds = [run.seed for run in l1_penalty.plan(scale())]
    assert seeds == sorted(seeds)


def test_parts_of_one_model_share_their_runs_without_a_penalty():
    profile = scale(units=("mean",), outputs=("softmax",))
    more = scale(seeds=1)
    both = dataclasses.replace(profile.l1_penalty, parts=profile.l1_penalty.parts + more.l1_penalty.parts)
    runs = l1_penalty.plan(SimpleNamespace(l1_penalty=both))
    assert len(runs) == len(set(runs)) == (1 + 4) + (1 + 1)
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)


def test_config_survives_json():
    import json

    assert Config(**json.loads(json.dumps(dataclasses.asdict(config())))) == config()


@pytest.mark.parametrize("wrong, words", [
    (dict(lam=-1.0), "lam must be at least 0, but is -1.0"),
    (dict(lam=float("nan")), "lam must be at least 0"),
    (dict(model="D"), "model must be one of A, B, C"),
    (dict(unit="median"), "unit must be one of mean, sum, none, but is 'median'"),
    (dict(outputs="none"), "unit, outputs and estimator must be given where lam is above 0"),
    (dict(estimator="onerow"), "estimator must be one of exact, one_row, summed, none, but is 'onerow'"),
])
def test_wrong_configuration_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        config(**wrong)


@pytest.mark.parametrize("unit, divisor", [("sum", 1), ("mean", 8)])
def test_penalty_has_the_unit_that_is_written(unit, divisor):
    model, x, y = linear(), torch.zeros(3, 1, 2, 2), torch.tensor([0, 1, 0])
    terms = penalised_cross_entropy(config(unit=unit, outputs="logits"))(model, x, y, torch.Generator())
    assert terms["penalty"].tolist() == pytest.approx([10 * 9 / divisor] * 3)  # |1|+|2|+|0|+|1| + |0|+|1|+|3|+|1| = 9
    assert terms["loss"].tolist() == pytest.approx([0.6931] * 3, abs=1e-4)


def test_without_lambda_the_objective_is_smoothed_cross_entropy_alone():
    model, x, y = linear(), torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0])
    terms = penalised_cross_entropy(config(lam=0.0, unit="none", outputs="none"))(model, x, y, torch.Generator())
    assert set(terms) == {"loss"}
    assert torch.equal(terms["loss"], F.cross_entropy(model(x), y, label_smoothing=0.1, reduction="none"))


def test_probe_sees_no_movement_at_no_budget_and_agrees_with_the_penalty():
    model, x, y = linear(), torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0])
    found = flatness_probe(x, y, eps=0.0)(model)
    grad_x = x.clone().requires_grad_()
    norm = penalties.jacobian_l1(model(grad_x).softmax(1), grad_x).mean().detach()
    assert found["delta"] == 0
    assert found["norm_clean"] == pytest.approx(float(norm)) and found["norm_adversarial"] == pytest.approx(float(norm))
    assert flatness_probe(x, y, eps=0.3)(model)["delta"] > 0


def test_a_whole_run_measures_what_the_tables_need():
    run = l1_penalty.plan(scale(lambdas=(10.0,), units=("mean",), outputs=("softmax",), seeds=1))[0]
    found = l1_penalty.run(run)
    assert found == l1_penalty.run(run)
    assert found["epochs"] == 1 and len(found["history"]) == 2
    assert found["fgsm_0.3"] <= found["fgsm_0.05"] <= found["clean"]
    assert found["worst_0.1"] <= min(found["pgd_cross_entropy_0.1"], found["pgd_margin_0.1"], found["fgsm_few_0.1"])


def test_roots_name_the_network_and_the_estimator():
    assert l1_penalty.roots(config()) == [l1_penalty.CLASSIFIERS["C"], penalties.jacobian_l1_exact]
    assert l1_penalty.roots(config(model="A"))[0] is l1_penalty.CLASSIFIERS["A"]


def test_unknown_experiment_is_named_with_the_nearest():
    with pytest.raises(KeyError, match="did you mean 'l1_penalty'"):
        get("l1_penaltty")
