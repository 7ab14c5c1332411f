"""The experiment of P2 Tables 3 and 4: its plan, its objective, and the `paper` profile from end to end on a toy subset."""

import dataclasses
from types import SimpleNamespace

import pandas
import pytest
import torch
from torch import nn

from dbp import penalties, profiles, runs
from dbp.attacks import fgsm, pgd
from dbp.experiments import l1_adversarial_training as experiment
from dbp.experiments.l1_adversarial_training import METHODS, progress_probe
from dbp.profiles import AttackSizes, L1AdversarialTrainingRuns, L1AdversarialTrainingScale, Sizes
from dbp.tables import p2
from dbp.training import penalised_cross_entropy

SIZES = Sizes(200, 50, test_size=100, max_epochs=1)
ATTACK = AttackSizes(20, 2, 2, apgd_steps=3, targets=2, queries=5, eps=(0.1, 0.3))


def part(**changes):
    fields = dict(models=("C",), methods=("adv_train", "adv_train_gp"), eps=(0.1, 0.3), lambdas=(10.0,), seeds=2)
    return L1AdversarialTrainingRuns(**fields | dict(sizes=SIZES, attack=ATTACK) | changes)


def planned(*parts):
    scale = L1AdversarialTrainingScale("embedded", 1, parts or (part(),))
    return experiment.plan(SimpleNamespace(l1_adversarial_training=scale))


def config(method="adv_train_gp", **changes):
    (run,) = planned(part(methods=(method,), eps=(0.3,), seeds=1))
    return dataclasses.replace(run, **changes)


@pytest.fixture
def linear():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    model[1].weight.data = torch.tensor([[1.0, -2.0, 0.0, 1.0], [0.0, 1.0, 3.0, -1.0]])
    return model


X, Y = torch.full((3, 1, 2, 2), 0.5), torch.tensor([0, 1, 0])


def terms(objective, model):
    return objective(model, X.clone(), Y, torch.Generator().manual_seed(0))


def test_plan_has_each_run_once_and_finishes_a_seed_before_the_next():
    found = planned(part(), part(methods=("adv_train_gp",), eps=(0.3,), lambdas=(0.5, 10.0)))
    assert len(found) == len(set(found)) == 2 * (4 + 1)  # lambda = 10 at 0.3 is in both parts
    assert [run.seed for run in found] == sorted(run.seed for run in found)
    assert {run.lam for run in found} == {0.0, 0.5, 10.0}


def test_every_method_has_a_sound_configuration_of_its_own():
    found = planned(part(methods=tuple(METHODS), seeds=1, eps=(0.3,)))
    assert len(set(found)) == len(METHODS)


def test_unknown_method_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="no method named 'adv_trian'.*did you mean 'adv_train'"):
        planned(part(methods=("adv_trian",)))


@pytest.mark.parametrize("wrong, words", [
    (dict(lam=-1.0), "lam must be at least 0, but is -1.0"),
    (dict(lam=-1.0, penalty="none", points="none"), "lam must be at least 0, but is -1.0"),
    (dict(model="D"), "no classifier named 'D'; there are A, B, C"),
    (dict(attack="fgms"), "no attack to train with named 'fgms'; .*did you mean 'fgsm'"),
    (dict(eps=float("nan")), "eps must be at least 0"),
    (dict(points="everywhere"), "points must be one of clean, adversarial, both, but is 'everywhere'"),
    (dict(penalty="sumed"), "penalty must be one of exact, one_row, summed, loss_gradient_l1, but is 'sumed'"),
    (dict(reduction="none"), "reduction must be one of mean, sum, but is 'none'"),
    (dict(label_smoothing=1.5), r"label_smoothing must lie in \[0, 1\), but is 1.5"),
    (dict(max_epochs=0), "max_epochs must be above 0, but is 0"),
    (dict(labels="guessed"), "no kind of labels named 'guessed'; there are true, predicted"),
    (dict(lam=0.0), "penalty and points must be given where lam is above 0, and only there"),
    (dict(points="none"), "penalty and points must be given"),
    (dict(attack="none"), "points must be 'clean' where no adversarial copies are made, but is 'both'"),
])
def test_wrong_configuration_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        config(**wrong)


@pytest.mark.parametrize("method", METHODS)
def test_objective_is_the_method_that_the_configuration_says(linear, method):
    run = config(method)

    def copies(model, x, y, generator):
        y = model(x).argmax(1) if run.labels == "predicted" else y
        return fgsm(model, x, y, 0.3) if run.attack == "fgsm" else pgd(model, x, y, 0.3, steps=7, generator=generator)

    names = ("penalty", "outputs", "reduction", "points") if run.lam else ()
    expected = terms(penalised_cross_entropy(
        run.lam, label_smoothing=run.label_smoothing, copies=None if run.attack == "none" else copies,
        **{name: getattr(run, name) for name in names}), linear)
    found = terms(experiment.objective(run), linear)
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)
    assert len(found["loss"]) == (3 if run.attack == "none" else 6)


def test_training_runs_all_its_epochs():
    found = experiment.training(config(max_epochs=30))
    assert (found.max_epochs, found.patience) == (30, 30)


def test_undefended_network_differs_in_the_defence_and_in_nothing_else():
    run = config("gp predicted labels", seed=7, label_smoothing=0.0, eps=0.1)
    found = experiment.undefended(run, 5)
    assert (found.attack, found.penalty, found.lam, found.labels, found.label_smoothing) == ("none", "none", 0, "true", 0.1)
    same = ("model", "seed", "dataset", "source", "train_size", "validation_size", "test_size")
    assert found.max_epochs == 5 and all(getattr(found, name) == getattr(run, name) for name in same)
    assert len({experiment.undefended(each, 5) for each in planned(part(methods=tuple(METHODS)))}) == 2  # one a seed


def test_predicted_labels_move_a_wrong_image_the_other_way(linear):
    generator = torch.Generator()
    assert (linear(X).argmax(1) != Y).any()
    true = experiment.adversarial_copies(config(), linear, X, Y, generator)
    predicted = experiment.adversarial_copies(config("gp predicted labels"), linear, X, Y, generator)
    wrong = linear(X).argmax(1) != Y
    assert torch.equal(true[~wrong], predicted[~wrong])
    assert torch.allclose((true - X)[wrong], -(predicted - X)[wrong])


def test_pgd_copies_stay_in_the_ball(linear):
    copies = experiment.adversarial_copies(config("PGD training"), linear, X, Y, torch.Generator().manual_seed(0))
    assert (copies - X).abs().max() <= 0.3 + 1e-6 and not torch.equal(copies, X)


def test_probe_knows_how_much_stands_up_to_fgsm(linear):
    found = progress_probe(X, Y, 0.0)(linear)
    assert found["fgsm_accuracy"] == pytest.approx(float((linear(X).argmax(1) == Y).double().mean()))
    assert found["delta"] == 0


def test_a_whole_run_measures_what_the_tables_need():
    run = config("adv_train_gp")
    found = experiment.run(run)
    assert found == experiment.run(run)
    assert found["epochs"] == 1 and {"fgsm_accuracy", "delta", "penalty"} <= found["history"][-1].keys()
    assert found["fgsm_0.3"] <= found["fgsm_0.05"] <= found["clean"] and "fgsm_predicted_0.3" in found


def test_results_depend_on_nothing_that_roots_leave_out():
    assert experiment.roots(config("gp Eq. (3)"))[1] is penalties.jacobian_l1_one_row
    assert experiment.roots(config("nothing"))[0] is experiment.CLASSIFIERS["C"]


def toy(scale, **changes):
    """The scale with 100 embedded images, two epochs and one seed a run, everything else as it is."""
    tiny = Sizes(100, 50, test_size=50, max_epochs=2)
    parts = tuple(dataclasses.replace(part, seeds=1, sizes=tiny, attack=ATTACK) for part in scale.parts)
    return dataclasses.replace(scale, source="embedded", parts=parts, **changes)


def test_the_papers_scale_runs_to_its_last_step_and_into_its_tables(store):
    paper = profiles.load("paper")
    adversarial = toy(paper.l1_adversarial_training, undefended_epochs=1)
    alone = toy(paper.l1_penalty, lambdas=(50.0,))
    profile = dataclasses.replace(paper, l1_penalty=alone, l1_adversarial_training=adversarial)
    reading = {"reduction": "mean", "outputs": "logits"}
    alone = [runs.ensure("l1_penalty", profile, only=reading | {"model": model}, progress=False) for model in "AC"]
    found = [runs.ensure(experiment, profile, only={"eps": 0.3} | only, progress=False) for only in (
        {"model": "C"}, {"model": "A", "penalty": "none"}, {"model": "B", "penalty": "summed", "outputs": "logits"})]
    alone, found = pandas.concat(alone), pandas.concat(found)
    assert len(found) == 24 + 2 and (found["epochs"] == 2).all() and (alone["epochs"] == 2).all()
    assert set(alone["estimator"]) == {"exact"}  # by the loop over rows on A, batched on C
    three, four = p2.compare_tables_3_and_4(found).values()
    assert (len(three), len(four)) == (48, 12) and four["ours"].notna().all()
    assert three.query("eps == 0.3")["ours"].notna().sum() == 8
    assert p2.compare_table2(alone).query("lam == 50")["ours"].notna().all()
