"""P1 Figure 6, counted: which images walk where, and what a run may say of it."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from small_gmm_runs import MLP, VAE
from torch import nn

from dbp import data, profiles
from dbp.attacks import transition as transitions
from dbp.attacks.transition import Transition, transition
from dbp.device import choose
from dbp.experiments import dbp_autoencoders, gmm_classifier, image_transition, undefended_classifiers
from dbp.experiments.auddc import choose_pairs
from dbp.experiments.image_transition import Config, measure_walk
from dbp.models import heads
from dbp.runs import Store, fingerprint
from dbp.runs.records import planned
from dbp.runs.runner import make, networks_for
from dbp.runs.status import state_of

CAMPAIGN = str(Path(profiles.__file__).with_name("campaign.yaml"))

CONFIG = Config(VAE, MLP, "GMM", 1, "diag", 500, pairs=6, steps=12, step_size=0.05)


# What is planned.

@pytest.mark.parametrize("name", [*profiles.NAMES, CAMPAIGN])
def test_networks_and_judges_are_those_of_the_other_experiments_and_no_run_is_planned_twice(name):
    profile = profiles.load(name)
    found = image_transition.plan(profile)
    assert {config.network for config in found} <= set(dbp_autoencoders.plan(profile))
    assert {config.judge for config in found} <= set(undefended_classifiers.plan(profile))
    assert len({planned(image_transition, config).key for config in found}) == len(found)


@pytest.mark.parametrize("name", [*profiles.NAMES, CAMPAIGN])
def test_lenet_judges_digits_and_cvnet_colours_of_the_network_s_own_seed_and_mixtures_are_those_under_attack(name):
    profile = profiles.load(name)
    attacked = {(c.network, c.components, c.covariance, c.codes) for c in gmm_classifier.plan(profile) if c.head == "GMM"}
    for config in image_transition.plan(profile):
        assert config.judge.model == ("lenet" if config.dataset == "mnist" else "cvnet")
        assert config.judge.seed == config.network.seed and config.head == "GMM"
        assert (config.network, config.components, config.covariance, config.codes) in attacked


def test_the_laptop_walks_with_a_hundred_pairs():
    assert {config.pairs for config in image_transition.plan(profiles.load("laptop"))} == {100}


def test_a_run_needs_its_network_and_its_judge_and_has_its_data():
    assert image_transition.needs(CONFIG) == [("dbp_autoencoders", VAE), ("undefended_classifiers", MLP)]
    assert (CONFIG.dataset, CONFIG.source) == ("mnist", "embedded")


@pytest.mark.parametrize("wrong, words", [
    (dict(pairs=0), "pairs must be at least 1, but is 0"),
    (dict(steps=float("nan")), "steps must be at least 1, but is nan"),
    (dict(step_size=0.0), "step_size must lie above 0 and be at most 1, but is 0.0"),
    (dict(step_size=1.5), "step_size must lie above 0 and be at most 1, but is 1.5"),
    (dict(head="none"), "no head of this network named 'none'"),
    (dict(components=0), "components must be a whole number of at least 1, or 'bic', but is 0"),
    (dict(codes=501), "codes must lie from 1 to 500"),
    (dict(judge=undefended_classifiers.Config("cvnet", 0, "colour-digits", "embedded", 9, 9, 9, 1)),
     "judge must be of the network's data set, 'mnist', but is of 'colour-digits'"),
])
def test_wrong_configuration_is_named_in_one_line(wrong, words):
    with pytest.raises(ValueError, match=words) as caught:
        dataclasses.replace(CONFIG, **wrong)
    assert "\n" not in str(caught.value)


# What is measured, where the answer is known: one pixel a class, and the brightest one is the class.

class Brightest(nn.Module):
    def forward(self, x):
        return x.flatten(1)


def walk_of(paths, seen_in_reconstruction, stalled=None):
    """A walk of images of three pixels, whose probabilities are the pixels, from nested lists [B, steps + 1, 3]."""
    path = torch.tensor(paths).transpose(0, 1)[:, :, None, None]
    reconstructions = torch.tensor(seen_in_reconstruction).transpose(0, 1)[:, :, None, None]
    stalled = torch.zeros(path.shape[:2], dtype=torch.bool)[1:] if stalled is None else torch.tensor(stalled).T
    return Transition(path, path.flatten(2), stalled, reconstructions)


ONE, TWO, BACK = [0.8, 0.2, 0.0], [0.2, 0.8, 0.0], [0.9, 0.1, 0.0]
PATHS = [[ONE, TWO, TWO], [ONE, TWO, BACK], [ONE, ONE, ONE], [TWO, TWO, TWO]]


def test_arrivals_are_counted_and_measured_where_they_happen():
    walk = walk_of(PATHS, [[TWO, ONE, TWO]] * 4, stalled=[[False, True], [False] * 2, [False, True], [False] * 2])
    wanted, targets = torch.tensor([1, 1, 1, 1]), torch.tensor([TWO, TWO, TWO, BACK])[:, None, None]
    found = measure_walk(walk, Brightest(), wanted, targets)
    assert found["reached"] == 0.75 and found["stayed"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["stalled"] == 0.25  # the third; the first stood still once it was there
    assert found["steps_to_arrival"] == pytest.approx(2 / 3, abs=1e-6)  # 1, 1, and 0 for what is of that class already
    length = 0.6 * 2**0.5
    assert found["distance"] == pytest.approx(2 * length / 3, abs=1e-5)
    assert found["distance_largest"] == pytest.approx(2 * 0.6 / 3, abs=1e-5)
    assert found["distance_share"] == pytest.approx(2 / 3, abs=1e-5)
    assert found["judge_agrees"] == 0.75 and found["judge_agrees_at_end"] == 0.5
    assert found["judge_agrees_on_reconstruction"] == 0.25  # the last, at its arrival at step 0
    assert found["judge_agrees_on_reconstruction_at_end"] == 1
    curves = found["curves"]
    assert all(len(curve) == image_transition.POINTS for curve in curves.values())
    assert (curves["judge"][0], curves["judge"][-1]) == (0.25, 0.5) and curves["distance"][0] == 0
    assert curves["target_probability"][0] == pytest.approx((3 * 0.2 + 0.8) / 4)
    assert curves["target_probability"][-1] == pytest.approx((0.8 + 0.1 + 0.2 + 0.8) / 4)


def test_a_judge_that_says_otherwise_makes_it_an_adversarial_example():
    class Stubborn(nn.Module):
        def __init__(self, says):
            super().__init__()
            self.says = says

        def forward(self, x):
            return torch.eye(3)[self.says].expand(len(x), 3)

    walk, wanted = walk_of(PATHS, PATHS), torch.ones(4, dtype=torch.int64)
    found = measure_walk(walk, Stubborn(2), wanted, torch.ones(4, 1, 1, 3))
    assert found["reached"] == 0.75 and found["judge_agrees"] == found["judge_agrees_at_end"] == 0
    found = measure_walk(walk, Stubborn(1), wanted, torch.ones(4, 1, 1, 3))  # no arrival, nothing to agree with
    assert found["judge_agrees"] == found["judge_agrees_on_reconstruction"] == 0.75 and found["judge_agrees_at_end"] == 1


def test_where_nobody_arrives_there_is_no_number_and_nothing_that_is_not_json():
    walk = walk_of([[ONE, ONE, BACK]], [[ONE, ONE, ONE]])
    found = measure_walk(walk, Brightest(), torch.tensor([2]), torch.ones(1, 1, 1, 3))
    assert found["reached"] == found["judge_agrees"] == 0
    for name in ("stayed", "steps_to_arrival", "distance", "distance_largest", "distance_share"):
        assert found[name] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


# What a run says of networks that were trained.

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("image_transition")


@pytest.fixture(scope="module")
def found(folder):
    return make(image_transition, CONFIG, Store(folder / "records"), folder / "cache").measures


def trained(folder):
    found = networks_for(image_transition, CONFIG, Store(folder / "records"), folder / "cache")
    return [model.to(choose()) for _, model in found]


def test_a_run_says_what_a_walk_by_hand_says(found, folder):
    vae, mlp = trained(folder)
    split = data.load("mnist", "embedded")
    model = gmm_classifier.classifier_of(CONFIG, vae, split.train)
    images, targets = choose_pairs(split.test.labels, 6)
    x, wanted = split.test.images[images].to(choose()), split.test.labels[targets].to(choose())
    assert found.keys() == {"probabilities", "log_densities"}
    for on in ("probabilities", "log densities"):
        walk = transition(model, x, wanted, steps=12, step_size=0.05, on=on)
        arrived = (walk.probabilities.argmax(2) == wanted).any(0)
        measures = found[on.replace(" ", "_")]
        assert measures["reached"] == pytest.approx(float(arrived.double().mean()), abs=1e-6)
        end = (walk.path[-1] - walk.path[0]).flatten(1).norm(dim=1).mean()
        assert measures["curves"]["distance"][-1] == pytest.approx(float(end), abs=1e-5)
        judged = (mlp(walk.path[-1]).argmax(1) == wanted).double().mean()
        assert measures["judge_agrees_at_end"] == pytest.approx(float(judged), abs=1e-6)
        seen = (mlp(vae.reconstruct(walk.path[-1])).argmax(1) == wanted).double().mean()
        assert measures["judge_agrees_on_reconstruction_at_end"] == pytest.approx(float(seen), abs=1e-6)
    assert found["log_densities"]["reached"] > 0.5


def test_measures_are_finite_can_be_written_down_and_come_again(found, folder):
    assert json.loads(json.dumps(found, allow_nan=False)) == found and len(json.dumps(found)) < 3000
    assert image_transition.run(CONFIG, networks=trained(folder)) == found


def test_more_steps_reach_no_fewer(found, folder):
    shorter = image_transition.run(dataclasses.replace(CONFIG, steps=4), networks=trained(folder))
    for on, measures in shorter.items():
        assert measures["reached"] <= found[on]["reached"]


@pytest.mark.parametrize("changed, status", [
    (transitions.transition, "stale"), (transitions._to_target, "stale"), (heads.fit_mixtures, "stale"),
    (choose_pairs, "stale"), (gmm_classifier.label_distance, "done"), (gmm_classifier.run, "done"),
])
def test_a_line_of_the_walk_makes_it_stale_and_no_training(found, folder, monkeypatch, changed, status):
    real, store = fingerprint._definition, Store(folder / "records")
    monkeypatch.setattr(fingerprint, "_definition", lambda thing: dataclasses.replace(real(thing), digest="changed") if
                        thing is changed else real(thing))
    assert state_of(image_transition, CONFIG, store).status == status
    assert state_of(dbp_autoencoders, VAE, store).status == "done"
