"""P1 Tables 3 and 4 as an experiment: which classifiers are attacked and how, the heads, and what an attack climbs."""

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml
from small_gmm_runs import ALONE, CONFIG, MLP, VAE
from torch.nn import functional as F

from dbp import experiments, profiles
from dbp.experiments import dbp_autoencoders, flat_codes, gmm_classifier, undefended_classifiers
from dbp.experiments.gmm_classifier import HEADS, VARIANTS
from dbp.profiles import ProfileError
from dbp.runs.records import planned

CAMPAIGN = str(Path(profiles.__file__).with_name("campaign.yaml"))
SMOKE = Path(profiles.__file__).with_name("smoke.yaml")


# What is planned.

@pytest.mark.parametrize("name", [*profiles.NAMES, CAMPAIGN])
def test_networks_are_those_of_the_other_experiments_and_no_run_is_planned_twice(name):
    profile = profiles.load(name)
    found = gmm_classifier.plan(profile)
    for module in gmm_classifier.NETWORKS.values():
        known = set(module.plan(profile))
        needed = {network for config in found for name, network in gmm_classifier.needs(config) if name == module.NAME}
        assert needed <= known and bool(needed) == (module is not flat_codes)  # those have an experiment of their own
    assert len({planned(gmm_classifier, config).key for config in found}) == len(found)


@pytest.mark.parametrize("name", [*profiles.NAMES, CAMPAIGN])
def test_every_part_attacks_each_head_and_each_classifier_in_its_own_way(name):
    profile = profiles.load(name)
    found = set(gmm_classifier.plan(profile))
    for part in profile.gmm_classifier.parts:
        seed = part.seeds - 1
        expected = list(gmm_classifier.configs(part, seed))
        networks, classifiers = (list(module.configs(each, seed)) for module, each in (
            (dbp_autoencoders, part.networks), (undefended_classifiers, part.classifiers)))
        beside = classifiers if "GMM" in part.heads else []  # once, not beside every other head
        assert set(expected) <= found and len(expected) == len(networks) * len(part.heads) + len(beside)
        assert {config.network for config in expected} == {*networks, *beside}
        for config in expected:
            assert config.eps == part.attack.eps and config.attack_images == part.attack.attack_images
            others = [each for each in classifiers if each != config.network]
            assert [source for _, source in gmm_classifier.needs(config)[1:]] == others


def test_the_campaign_s_mnist_half_has_every_head_and_three_seeds():
    found = [config for config in gmm_classifier.plan(profiles.load(CAMPAIGN)) if config.dataset == "mnist"]
    encoders = [config for config in found if config.experiment == "dbp_autoencoders"]
    assert {(c.network.target, c.network.seed) for c in encoders if c.head == "GMM" and c.components == 5} == {
        (target, seed) for target in ("none", "attached", "detached") for seed in range(3)}
    assert {c.head for c in encoders} == set(HEADS) and any(c.components == "bic" for c in encoders)
    assert {c.network.train_size for c in encoders} == {c.codes for c in encoders} == {60000}


def test_a_run_needs_its_network_then_the_classifiers_and_has_its_data():
    lenet = dataclasses.replace(MLP, model="lenet")
    assert gmm_classifier.needs(CONFIG) == [
        ("dbp_autoencoders", VAE), ("undefended_classifiers", MLP), ("undefended_classifiers", lenet)]
    assert gmm_classifier.needs(ALONE) == [("undefended_classifiers", MLP), ("undefended_classifiers", lenet)]
    assert (CONFIG.dataset, CONFIG.source) == (ALONE.dataset, ALONE.source) == ("mnist", "embedded")


@pytest.mark.parametrize("config, wrong, words", [
    (CONFIG, dict(experiment="auddc"),
     "no experiment with networks named 'auddc'; there are dbp_autoencoders, flat_codes, undefended"),
    (CONFIG, dict(head="GNM"),
     "no head of this network named 'GNM'; there are GMM, QDA, LDA, softmax, nearest, .*did you mean 'GMM'"),
    (CONFIG, dict(head="none"), "no head of this network named 'none'"),
    (CONFIG, dict(components=0), "components must be a whole number of at least 1, or 'bic', but is 0"),
    (CONFIG, dict(components="BIC"), "components must be a whole number of at least 1, or 'bic', but is 'BIC'"),
    (CONFIG, dict(covariance="none"), "no covariance named 'none'; there are full, tied, diag, spherical"),
    (CONFIG, dict(head="LDA"), "components and covariance must be 0 and 'none' where there is no mixture, but are 2 and 'd"),
    (CONFIG, dict(codes=0), "codes must lie from 1 to 500, the network's training images, but is 0"),
    (CONFIG, dict(codes=501), "codes must lie from 1 to 500, the network's training images, but is 501"),
    (ALONE, dict(codes=1), "codes must lie from 0 to 0, the network's training images, but is 1"),
    (ALONE, dict(head="GMM"), "no head of this network named 'GMM'; there are none"),
    (ALONE, dict(crafted_on=("mlp",)), "crafted_on must leave out the network itself, but is .'mlp',."),
    (CONFIG, dict(crafted_on=("letnet",)), "no undefended classifier named 'letnet'; .*did you mean 'lenet'"),
    (CONFIG, dict(crafted_on=("cvnet",)), "no data set of 'cvnet' named 'mnist'"),
    (CONFIG, dict(classifier=dataclasses.replace(MLP, model="cvnet", dataset="colour-digits")),
     "classifier must be of the network's data set, 'mnist', but is of 'colour-digits'"),
    (CONFIG, dict(eps=()), "eps must be budgets above 0, rising, but are .."),
    (CONFIG, dict(eps=(0.0, 0.1)), "eps must be budgets above 0, rising, but are .0.0, 0.1."),
    (CONFIG, dict(eps=(0.1, 0.1)), "eps must be budgets above 0, rising"),
    (CONFIG, dict(eps=(0.1, float("nan"))), "eps must be budgets above 0, rising"),
    (CONFIG, dict(attack_images=0), "attack_images must be at least 1, but is 0"),
    (CONFIG, dict(pgd_restarts=float("nan")), "pgd_restarts must be at least 1, but is nan"),
])
def test_wrong_configuration_is_named_in_one_line(config, wrong, words):
    with pytest.raises(ValueError, match=words) as caught:
        dataclasses.replace(config, **wrong)
    assert "\n" not in str(caught.value)


@pytest.fixture
def changed(tmp_path):
    """The smoke profile with fields changed in the first part of `gmm_classifier`, as a file."""
    def write(inner, **changes):
        content = yaml.safe_load(SMOKE.read_text())
        part = content["gmm_classifier"]["parts"][0]
        (part[inner] if inner else part).update(changes)
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize("inner, change, words", [
    ("mixture", {"components": 0}, "gmm_classifier, parts, mixture, components must be at least 1, but is 0"),
    ("mixture", {"components": "bic"}, "components must be of type int, but is 'bic'"),
    ("attack", {"eps": []}, r"gmm_classifier, parts, attack, eps must be a list of at least one, but is \(\)"),
    ("attack", {"epz": [0.1]}, "gmm_classifier, parts, attack has no field 'epz'; .*did you mean 'eps'"),
    ("classifiers", {"modles": []}, "no field 'modles'; .*did you mean 'models'"),
    ("", {"heads": "GMM"}, "gmm_classifier, parts, heads must be a list, but is 'GMM'"),
])
def test_a_part_that_cannot_be_meant_is_named_in_one_line(changed, inner, change, words):
    with pytest.raises(ProfileError, match=words) as caught:
        profiles.load(changed(inner, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inner, change, words", [
    ("", {"heads": ["GMN"]},
     "no head named 'GMN'; there are GMM, GMM by BIC, QDA, LDA, softmax, nearest, .*did you mean 'GMM'"),
    ("mixture", {"covariance": "round"}, "no covariance named 'round'"),
    ("mixture", {"codes": 100000}, "codes must lie from 1 to 640"),
    ("attack", {"eps": [0.3, 0.1]}, "eps must be budgets above 0, rising"),
])
def test_a_part_that_cannot_be_meant_is_named_by_its_plan(changed, inner, change, words):
    profile = profiles.load(changed(inner, **change))
    with pytest.raises(ValueError, match=words):
        experiments.get("gmm_classifier").plan(profile)


# The heads, and what the literal reading climbs.

def blobs(classes=10, each=30):
    """Codes, [N, 3], of ten classes in a row, and labels."""
    y = torch.arange(classes).repeat_interleave(each)
    noise = torch.randn(len(y), 3, generator=torch.Generator().manual_seed(0))
    return noise + 2.0 * torch.stack([y, y.square() / 9, -y], 1), y


def test_lda_is_scikit_learn_s():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    z, y = blobs()
    head = HEADS["LDA"](z, y, 0, "none", 0)
    known = LinearDiscriminantAnalysis(priors=[0.1] * 10).fit(z.double(), y)
    expected = torch.from_numpy(known.predict_proba(z.double())).float()
    torch.testing.assert_close(head(z).softmax(1), expected, rtol=0, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in head.parameters())


def test_softmax_is_the_minimum_that_its_docstring_names():
    z, y = blobs()
    head = HEADS["softmax"](z, y, 0, "none", 0)
    units = (z / z.std(0)).double()

    def slope(weight, bias):
        weight = weight.double().requires_grad_()
        loss = F.cross_entropy(units @ weight.T + bias.double(), y, reduction="sum") + weight.square().sum() / 2
        return float(torch.autograd.grad(loss, weight)[0].norm())

    assert slope(head.weight * z.std(0), head.bias) < 1e-3 * slope(0 * head.weight, 0 * head.bias)
    assert float((head(z).argmax(1) == y).double().mean()) > 0.8
    other_unit = HEADS["softmax"](z * torch.tensor([1.0, 100.0, 0.01]), y, 0, "none", 0)
    torch.testing.assert_close(other_unit.weight * torch.tensor([1.0, 100.0, 0.01]), head.weight, rtol=0, atol=1e-2)


def test_mixtures_are_fitted_as_they_are_asked_for_and_qda_is_one_full_gaussian():
    z, y = blobs()
    one, two = HEADS["QDA"](z, y, 1, "full", 0), HEADS["GMM"](z, y, 2, "diag", 3)
    assert one.components == [1] * 10 and one.precision_cholesky.ndim == 4
    assert two.components == [2] * 10 and two.precision_cholesky.ndim == 3 and two.fitted["seed"] == 3
    assert VARIANTS["QDA"] == {"head": "QDA", "components": 1, "covariance": "full"}


@pytest.mark.parametrize("head", ["LDA", "softmax"])
def test_codes_that_lack_a_class_are_named_and_torch_s_random_state_stays(head):
    z, y = blobs()
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="codes must be of all 10 classes, but the 60 are of 2") as caught:
        HEADS[head](z[:60], y[:60], 0, "none", 0)
    HEADS[head](z, y, 0, "none", 0)
    assert "\n" not in str(caught.value) and torch.equal(before, torch.get_rng_state())


def test_the_literal_reading_is_a_distance_of_probabilities_that_stalls_where_they_are_rounded():
    logits = torch.tensor([[0.0, 0.0], [0.0, -200.0], [0.0, -3.0]], requires_grad=True)
    found = gmm_classifier.label_distance(logits, torch.tensor([0, 0, 1]))
    p = float(torch.tensor([0.0, -3.0]).softmax(0)[1])
    assert found.tolist() == [pytest.approx(0.5**0.5), 0.0, pytest.approx(2**0.5 * (1 - p))]
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert (gradient == 0).all(1).tolist() == [False, True, False]


