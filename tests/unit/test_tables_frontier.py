"""What robustness costs: counted operations, the interval over seeds and images, and which defence beats which."""

import dataclasses

import pandas as pd
import pytest
from small_gmm_runs import ALONE, CONFIG, VAE

from dbp.experiments import flat_codes, gmm_classifier, l1_adversarial_training, l1_penalty, worst_case
from dbp.intervals import student, wilson
from dbp.runs.runner import make
from dbp.runs.table import table
from dbp.tables import costs, frontier

NONE = dict(lam=0.0, reduction="none", outputs="none", estimator="none")
C = l1_penalty.Config("C", **NONE, seed=0, source="embedded", train_size=256, validation_size=50, test_size=50, max_epochs=2)
PENALISED = dataclasses.replace(C, lam=1.0, reduction="mean", outputs="logits", estimator="one_row")
TRAINED = l1_adversarial_training.Config(
    "C", 0.1, "fgsm", "true", "none", 0.0, "none", "none", "none", 0.1, 0, "mnist", "embedded", 256, 50, 50, 1)
WEIGHTS_OF_C = 784 * 512 + 512 * 256 + 256 * 128 + 128 * 10
FIRST_LAYER = 784 * 512


# Operations: two for each weight that a product uses, a multiplication and an addition.

def test_a_plain_step_s_operations_by_hand():
    # Forward and the weights' gradients use every weight; the activations' gradients stop at the first layer.
    assert costs.count_step("l1_penalty", C) == 2 * (3 * WEIGHTS_OF_C - FIRST_LAYER)


def test_an_fgsm_step_s_operations_by_hand():
    clean_and_copy = 2 * 2 * (3 * WEIGHTS_OF_C - FIRST_LAYER)
    attack = 2 * 2 * WEIGHTS_OF_C  # forward, and back to the pixels
    assert costs.count_step("l1_adversarial_training", TRAINED) == clean_and_copy + attack


def test_a_penalty_costs_more_and_pgd_most():
    def ratio(config):
        return costs.count_step("l1_adversarial_training", config) / costs.count_step("l1_penalty", C)

    pgd = dataclasses.replace(TRAINED, attack="pgd")
    assert 2 < costs.count_step("l1_penalty", PENALISED) / costs.count_step("l1_penalty", C) < 3
    more = 6 * 2 * 2 * WEIGHTS_OF_C + 2 * WEIGHTS_OF_C  # six more steps, and a look at the point that it ends with
    assert ratio(pgd) - ratio(TRAINED) == pytest.approx(more / (2 * (3 * WEIGHTS_OF_C - FIRST_LAYER)))


def test_an_autoencoder_s_penalty_counts_from_its_start_on():
    plain = flat_codes.Config(**vars(VAE), penalty="none", start=0.0)
    flat = dataclasses.replace(plain, lam2=0.1, reduction="sum", penalty="code_l1", start=0.0)
    before, always, half = (costs.count_step("flat_codes", config) for config in
                            (plain, flat, dataclasses.replace(flat, start=0.5)))
    assert always > 1.2 * before and half == pytest.approx((before + always) / 2)
    assert costs.count_step("dbp_autoencoders", VAE) == before


@pytest.mark.parametrize("experiment, config", [
    ("l1_adversarial_training", dataclasses.replace(TRAINED, eps=0.05, label_smoothing=0.1)),
    ("dbp_autoencoders", dataclasses.replace(VAE, lam1=2.0, weight_decay=0.3, input_noise=0.2, learning_rate=0.01, clip=2.0,
                                             gradient_images=7, projections=3)),
], ids=["classifier", "autoencoder"])
def test_no_product_depends_on_what_is_counted_alike(experiment, config):
    alike = costs._alike(config)
    assert alike != config and costs.count_step(experiment, alike) == costs.count_step(experiment, config)


def test_a_training_s_operations_grow_with_images_and_with_the_epochs_that_were_run():
    fields = vars(C)
    whole = costs.count_training("l1_penalty", fields)
    assert whole == 2 * 256 * costs.count_step("l1_penalty", C)
    assert costs.count_training("l1_penalty", fields | {"epochs": 1.0}) == whole / 2
    assert costs.count_training("l1_penalty", fields | {"epochs": float("nan"), "max_epochs": 2.0}) == whole
    with pytest.raises(ValueError, match="experiment must be one that trains a network by an objective, but is 'auddc'"):
        costs.count_step("auddc", C)


# Points.

@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """The records of one small run of each kind."""
    from dbp.runs.store import Store

    folder = tmp_path_factory.mktemp("frontier")
    store, cache = Store(folder / "records"), folder / "cache"
    attack = dict(budgets=(0.005, 0.1), attack_images=40, pgd_steps=2, pgd_restarts=1, apgd_steps=2, targets=2, queries=4)
    attacked = [worst_case.Config("l1_penalty", PENALISED, C, **attack),
                worst_case.Config("l1_adversarial_training", TRAINED, None, **attack)]
    return {"worst_case": table([make(worst_case, config, store, cache) for config in attacked], store),
            "gmm_classifier": table([make(gmm_classifier, config, store, cache) for config in (CONFIG, ALONE)], store)}


def test_every_network_is_named_by_its_defence(frames):
    points = frontier.collect(frames)
    found = {row.family: row.strength for row in points.itertuples()}
    assert found == {"C: Jacobian of the logits, mean": 1.0, "C: FGSM training, 1 x 256 images": 0.1,
                     "VAE: KL weight, GMM": 0.01,
                     "mlp: no defence": 0.0}
    assert set(points.eps) == {0.005, 0.1} and len(points) == 8
    rows = points.set_index(["family", "eps"])
    run = frames["worst_case"].iloc[0]
    assert rows.accuracy["C: Jacobian of the logits, mean", 0.1] == run["worst_0.1"]
    cost = run["epochs"] * 256 * costs.count_step("l1_penalty", PENALISED)
    assert rows.cost["C: Jacobian of the logits, mean", 0.1] == cost
    assert rows.accuracy["mlp: no defence", 0.005] == frames["gmm_classifier"].iloc[1]["worst"][0]
    assert rows.clean["mlp: no defence", 0.1] == frames["gmm_classifier"].iloc[1]["clean"]


def test_other_data_sets_are_left_out(frames):
    other = {name: frame.assign(dataset="colour-digits") for name, frame in frames.items()}
    assert frontier.collect(other).empty and frontier.collect({}).empty


@pytest.mark.parametrize("changes, name", [
    (dict(experiment="l1_adversarial_training", attack="none", penalty="summed", points="clean", outputs="logits"),
     ("P2's footnote, 3 x 9 images", 10.0)),
    (dict(experiment="l1_adversarial_training", attack="fgsm", penalty="summed", points="both", outputs="logits"),
     ("FGSM training + P2's footnote (λ 10, logits, mean, both points), 3 x 9 images", 0.3)),
    (dict(experiment="l1_adversarial_training", attack="none", penalty="loss_gradient_l1"),
     ("loss gradient, L1, 3 x 9 images", 10.0)),
    (dict(experiment="l1_adversarial_training", attack="none", penalty="none", lam=0.0, label_smoothing=0.0),
     ("no defence, plain labels, 3 x 9 images", 0.0)),
    (dict(experiment="l1_penalty", outputs="softmax", reduction="sum"), ("Jacobian of the softmax, sum", 10.0)),
])
def test_defences_of_p2(changes, name):
    assert frontier._defence(dict(
        lam=10.0, eps=0.3, outputs="none", reduction="mean", points="none", max_epochs=3, labels="true", train_size=9,
                                  label_smoothing=0.1) | changes) == name


# Means and what beats what.

def test_two_networks_of_one_seed_are_not_averaged():
    with pytest.raises(ValueError, match=r"points must hold each seed once, but 'a' at 1 has \[0, 0\]"):
        frontier.summarise(points(("a", 1, 0, 0.9, 0.1), ("a", 1, 0, 0.8, 0.1)), 0.1)


def points(*rows):
    names = ["family", "strength", "seed", "clean", "accuracy"]
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows]).assign(
        eps=0.1, images=1000, test_images=10_000, cost=1.0)


def test_best_are_those_that_no_other_beats():
    rows = ("a", 1, 0, 0.99, 0.2), ("a", 2, 0, 0.97, 0.8), ("b", 1, 0, 0.97, 0.7), ("b", 2, 0, 0.98, 0.8)
    table = frontier.summarise(points(*rows), 0.1)
    assert table.best.tolist() == [True, False, False, True]
    assert frontier.summarise(points(("a", 1, 0, 0.9, 0.9), ("b", 1, 0, 0.9, 0.9)), 0.1).best.all()  # equals stand both


def test_interval_adds_the_variance_over_seeds_to_that_over_images():
    alone = frontier.interval([0.8], 1000)
    assert alone == pytest.approx(wilson(800, 1000))
    shares = [0.78, 0.8, 0.82]
    low, high = frontier.interval(shares, 1000)
    assert (0.8 - low) ** 2 == pytest.approx((0.8 - wilson(800, 1000)[0]) ** 2 + (0.8 - student(shares)[0]) ** 2)
    assert high - 0.8 > student(shares)[1] - 0.8 and frontier.interval([1.0, 1.0], 10)[1] == 1.0
    row = frontier.summarise(points(*[("a", 1, seed, 0.99, share) for seed, share in enumerate(shares)]), 0.1).iloc[0]
    assert (row.seeds, row.accuracy) == (3, pytest.approx(0.8)) and (row.low, row.high) == pytest.approx((low, high))
    assert (row.clean_low, row.clean_high) == pytest.approx(wilson(9900, 10_000))  # of all test images; no spread here
