"""The experiment of P2 Table 2: its plan, what its configurations stand for, its probe, and one whole small run."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from dbp import penalties
from dbp.attacks.losses import LOSSES
from dbp.experiments import get, l1_penalty
from dbp.experiments.l1_penalty import Config, flatness_probe
from dbp.profiles import AttackSizes, L1PenaltyRuns, L1PenaltyScale, Sizes
from dbp.training import penalised_cross_entropy

SIZES = Sizes(200, 50, test_size=100, max_epochs=1)
ATTACK = AttackSizes(20, 2, 2, apgd_steps=3, targets=2, queries=5, eps=(0.1, 0.3))


def scale(lambdas=(0.0, 10.0), **changes):
    fields = dict(models=("C",), reductions=("mean", "sum"), outputs=("softmax", "logits"), seeds=2)
    fields |= dict(sizes=SIZES, attack=ATTACK)
    scale = L1PenaltyScale("embedded", lambdas, "one_row", (L1PenaltyRuns(**fields | changes),))
    return SimpleNamespace(l1_penalty=scale)


def config(**changes):
    fields = dict(model="C", lam=10.0, reduction="mean", outputs="softmax", estimator="exact", seed=0, source="embedded")
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
    profile = scale(reductions=("mean",), outputs=("softmax",))
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
    (dict(lam=float("nan")), "lam must be at least 0, but is nan"),
    (dict(model="D"), "no classifier named 'D'; there are A, B, C"),
    (dict(reduction="median"), "reduction must be one of mean, sum, but is 'median'"),
    (dict(outputs="none"), "reduction, outputs and estimator must be given where lam is above 0"),
    (dict(lam=0.0), r"and only there, but are \('mean', 'softmax', 'exact'\) at lam 0.0"),
    (dict(estimator="onerow"), "no estimator named 'onerow'; there are exact, .*did you mean 'one_row'"),
    (dict(estimator="loss_gradient_l1"), "no estimator named 'loss_gradient_l1'"),  # another penalty, of another experiment
    (dict(label_smoothing=2.0), r"label_smoothing must lie in \[0, 1\), but is 2.0"),
    (dict(max_epochs=0), "max_epochs must be above 0, but is 0"),
    (dict(stopping="never"), "stopping must be one of patience, equal, no_increase, but is 'never'"),
])
def test_wrong_configuration_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        config(**wrong)


def test_negative_lambda_without_a_penalty_is_named():
    with pytest.raises(ValueError, match="lam must be at least 0, but is -1.0"):
        config(lam=-1.0, reduction="none", outputs="none", estimator="none")


@pytest.mark.parametrize("change", [
    {}, {"reduction": "sum"}, {"outputs": "logits"}, {"estimator": "one_row"}, {"estimator": "summed", "outputs": "logits"},
    {"lam": 0.5}, {"label_smoothing": 0.0},
    {"lam": 0.0, "reduction": "none", "outputs": "none", "estimator": "none", "label_smoothing": 0.3},
], ids=str)
def test_objective_is_the_reading_that_the_configuration_says(change):
    run = config(**change)
    model, x, y = linear(), torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0])
    reading = dict(penalty=run.estimator, outputs=run.outputs, reduction=run.reduction) if run.lam else {}
    expected = penalised_cross_entropy(run.lam, label_smoothing=run.label_smoothing, **reading)
    found, wanted = (each(model, x, y, torch.Generator().manual_seed(0)) for each in (l1_penalty.objective(run), expected))
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in found)


def test_training_stops_as_the_configuration_says():
    found = l1_penalty.training(config(max_epochs=7, stopping="equal"))
    assert (found.max_epochs, found.stopping, found.patience) == (7, "equal", 10)


def test_probe_sees_no_movement_at_no_budget_and_agrees_with_the_penalty():
    model, x, y = linear(), torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0])
    found = flatness_probe(x, y, eps=0.0)(model)
    grad_x = x.clone().requires_grad_()
    norm = penalties.jacobian_l1(model(grad_x).softmax(1), grad_x).mean().detach()
    assert found["delta"] == 0
    assert found["norm_clean"] == pytest.approx(float(norm)) and found["norm_adversarial"] == pytest.approx(float(norm))
    assert flatness_probe(x, y, eps=0.3)(model)["delta"] > 0


def test_a_whole_run_measures_what_the_tables_need():
    (run,) = l1_penalty.plan(scale(lambdas=(10.0,), reductions=("mean",), outputs=("softmax",), seeds=1))
    found = l1_penalty.run(run)
    assert found == l1_penalty.run(run)
    assert found["epochs"] == 1 and len(found["history"]) == 2
    assert found["fgsm_0.3"] <= found["fgsm_0.05"] <= found["clean"]
    assert found.keys() == {"clean", "epochs", "history", "fgsm_predicted_0.3", *(f"fgsm_{e}" for e in l1_penalty.FGSM_EPS)}
    assert {"delta", "norm_clean", "norm_adversarial", "validation_accuracy"} <= found["history"][0].keys()


def test_roots_name_the_network_the_estimator_and_the_attack_s_loss():
    assert l1_penalty.roots(config()) == [l1_penalty.CLASSIFIERS["C"], penalties.jacobian_l1_exact, LOSSES["cross_entropy"]]
    assert l1_penalty.roots(config(model="A"))[0] is l1_penalty.CLASSIFIERS["A"]
    assert l1_penalty.roots(config(estimator="summed"))[1] is penalties.jacobian_l1_summed


def test_unknown_experiment_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="no experiment named 'l1_penaltty'; .*did you mean 'l1_penalty'"):
        get("l1_penaltty")
