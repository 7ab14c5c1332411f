"""P1 Tables 3 and 4 as an experiment: what a run may say about a classifier, beside what the attacks say themselves."""

import dataclasses
import json
from functools import partial

import pytest
import torch
from small_gmm_runs import ALONE, CONFIG, MLP, VAE
from torch import nn
from torch.nn import functional as F

from dbp import attacks, data, metrics, models, runs
from dbp.attacks import fgsm, pgd, strongest, zero_gradient_share
from dbp.device import choose
from dbp.experiments import dbp_autoencoders, gmm_classifier, undefended_classifiers
from dbp.experiments.gmm_classifier import ATTACKS, READINGS, VARIANTS, classifier_of
from dbp.models import heads
from dbp.models.classifiers import build_classifier
from dbp.models.gmm import ClassConditionalGMM, EncoderClassifier, codes
from dbp.runs import Store, fingerprint
from dbp.runs.runner import make, networks_for
from dbp.runs.status import state_of


class Encoder(nn.Module):
    """Six random directions as a code, and how often an image was encoded."""

    latents = 6

    def __init__(self):
        super().__init__()
        self.register_buffer("directions", torch.randn(784, 6, generator=torch.Generator().manual_seed(0)) / 10)

    def encode(self, x):
        mu = x.flatten(1) @ self.directions
        return mu, torch.zeros_like(mu)


@pytest.fixture(scope="module")
def sources():
    """MLP and LeNet, a little trained."""
    found = []
    for name in ("mlp", "lenet"):
        model, split = build_classifier(name, seed=0), data.load("mnist", "embedded").train[:600]
        optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
        for batch in torch.arange(600).repeat(3).split(60):
            optimizer.zero_grad()
            F.cross_entropy(model(split.images[batch]), split.labels[batch]).backward()
            optimizer.step()
        found.append(model.eval().to(choose()))
    return found


@pytest.fixture(scope="module")
def by_hand():
    """The classifier of `CONFIG` on `Encoder`, and the images that are attacked."""
    split = data.load("mnist", "embedded")
    z = codes(Encoder(), split.train.images[:500])
    head = ClassConditionalGMM.fit(z, split.train.labels[:500], components=2, covariance="diag", seed=0)
    return EncoderClassifier(Encoder(), head).to(choose()), *few(split.test)


@pytest.fixture(scope="module")
def constructed(sources):
    return gmm_classifier.run(CONFIG, networks=[Encoder(), *sources])


def few(test):
    """The images that are attacked, and their labels, where it is computed."""
    return test.images[:40].to(choose()), test.labels[:40].to(choose())


def right(model, x, y, before=True):
    with torch.no_grad():
        return (model(x).argmax(1) == y).cpu() & before


def left_by(model, x, y, standing, eps, members):
    """Of those that stand, the ones that the ensemble leaves."""
    rows, left = standing.nonzero().squeeze(1), standing.clone()
    if len(rows):
        left[rows] = strongest(model, x[rows], y[rows], eps, members=members, steps=5, targets=2, queries=5).standing
    return left


def share(found):
    return pytest.approx(float(found.double().mean()), abs=1e-6)


def test_a_run_says_what_the_attacks_say(constructed, by_hand, sources):
    model, x, y = by_hand
    clean = right(model, x, y)
    assert constructed["clean_few"] == float(clean.double().mean()) and 0.3 < constructed["clean_few"] <= 1
    named, withstood, everything, standing = clean, clean, clean, clean
    for place, eps in enumerate(CONFIG.eps):
        steps = dict(steps=4, restarts=2)
        by_attack = {"fgsm": partial(fgsm, eps=eps), "pgd": partial(pgd, eps=eps, **steps)}
        for attack in ATTACKS:
            for reading, loss in READINGS.items():
                stands = right(model, by_attack[attack](model, x, y, loss=loss), y, clean)
                named = named & stands
                assert constructed["white"][f"{attack}_{reading}"][place] == share(stands), (attack, reading, eps)
            for name, source in zip(("mlp", "lenet"), sources, strict=True):
                found = fgsm(source, x, y, eps) if attack == "fgsm" else pgd(source, x, y, eps, steps=4)
                stands = right(model, found, y, clean)
                withstood = withstood & stands
                assert constructed["black"][f"{attack}_{name}"][place] == share(stands), (attack, name, eps)
        standing = left_by(model, x, y, standing & named, eps, ["apgd_cross_entropy", "apgd_targeted_dlr"])
        everything = left_by(model, x, y, everything & standing, eps, ["square"])
        assert constructed["white"]["strongest"][place] == share(standing)
        assert constructed["worst"][place] == share(everything & withstood)
        for count, lost in (("apgd_only", named & ~standing), ("black_only", standing & ~withstood),
                            ("square_only", standing & ~everything)):
            assert constructed[count][place] == int(lost.sum()), count
    for reading, loss in READINGS.items():
        assert constructed["zero_gradients"][reading] == zero_gradient_share(model, x, y, loss=loss)


def joined_is_the_least(found, eps):
    """Whatever the attack, the joined number is at most its own, at this and all larger eps."""
    for place in range(len(eps)):
        for curve in (*found["white"].values(), *found["black"].values()):
            assert found["worst"][place] <= curve[place] <= found["clean_few"]
        for curve in found["white"].values():
            assert found["white"]["strongest"][place] <= curve[place]
        beyond = round(40 * (found["white"]["strongest"][place] - found["worst"][place]))
        counts = found["black_only"][place], found["square_only"][place]
        assert max(counts) <= beyond <= sum(counts)
    for curve in (found["worst"], found["white"]["strongest"]):
        assert curve == sorted(curve, reverse=True)


def test_white_box_is_at_most_black_box_once_they_are_joined(constructed):
    joined_is_the_least(constructed, CONFIG.eps)


class Stepped(nn.Module):
    """A network behind pixels that are rounded to tenths: its gradient is zero everywhere, as of a mask."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model((x * 10).round() / 10)


def test_where_gradients_are_masked_black_box_breaks_what_white_box_does_not_and_is_counted(sources):
    mlp, lenet = sources
    found = gmm_classifier.run(ALONE, networks=[Stepped(mlp), mlp])  # the mask's own network as a black box
    assert found["zero_gradients"] == dict.fromkeys(READINGS, 1.0)
    assert all(found["white"][f"fgsm_{reading}"] == [found["clean_few"]] * 2 for reading in READINGS)
    assert found["black_only"][1] > 5 and found["worst"][1] <= found["black"]["fgsm_lenet"][1] < found["clean_few"] - 0.1
    assert found["mixture"] is None and found["black"].keys() == {"fgsm_lenet", "pgd_lenet"}
    joined_is_the_least(found, ALONE.eps)


def test_what_only_the_ensemble_breaks_is_counted(sources):
    mlp, lenet = sources
    weak = dict(pgd_steps=1, pgd_restarts=1, apgd_steps=40, targets=9, eps=(0.1,))
    found = gmm_classifier.run(dataclasses.replace(ALONE, **weak), networks=[mlp, lenet])
    named = min(curve[0] for name, curve in found["white"].items() if name != "strongest")
    assert found["apgd_only"][0] >= 40 * (named - found["white"]["strongest"][0]) - 1e-6 > 0


def test_a_classifier_is_attacked_as_it_is(sources):
    mlp, lenet = sources
    found = gmm_classifier.run(dataclasses.replace(ALONE, crafted_on=()), networks=[mlp])
    test = data.load("mnist", "embedded").test[:100]
    assert found["clean"] == metrics.accuracy(mlp, test.images.to(choose()), test.labels.to(choose()))
    assert found["black"] == {} and found["black_only"] == [0, 0]
    x, y = few(test)
    assert found["white"]["fgsm_cross_entropy"][1] <= float(right(mlp, fgsm(mlp, x, y, 0.1), y).double().mean())


def test_more_restarts_find_no_less(sources):
    (mlp, lenet), calls = sources, []
    hook = lenet.register_forward_hook(lambda *_: calls.append(1))
    once, often = (gmm_classifier.run(dataclasses.replace(ALONE, pgd_restarts=count), networks=[mlp, lenet])
                   for count in (1, 4))
    hook.remove()
    for reading in READINGS:
        pairs = zip(often["white"][f"pgd_{reading}"], once["white"][f"pgd_{reading}"], strict=True)
        assert all(fewer <= more for fewer, more in pairs)
    # Black-box examples are of one start: for each run and eps a step of FGSM, and four of PGD with the point of the last.
    assert often["black"] == once["black"] and len(calls) == 2 * len(ALONE.eps) * (1 + 4 + 1)


def test_the_mixture_is_described(constructed):
    mixture = constructed["mixture"]
    assert mixture["components"] == [2] * 10 == [len(tried) * 2 for tried in mixture["bic"]] and mixture["held"] == [0] * 10
    found = gmm_classifier.run(
        dataclasses.replace(CONFIG, components="bic", crafted_on=(), attack_images=2), networks=[Encoder()])["mixture"]
    assert [min(tried, key=tried.get) for tried in found["bic"]] == [str(k) for k in found["components"]]


# What a run says of networks that were trained.

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gmm_classifier")


@pytest.fixture(scope="module")
def found(folder):
    return make(gmm_classifier, CONFIG, Store(folder / "records"), folder / "cache").measures


def test_a_whole_run_measures_what_it_says(found):
    assert found.keys() == {"clean", "clean_few", "white", "black", "worst", "apgd_only", "black_only", "square_only",
                             "zero_gradients", "mixture"}
    assert found["white"].keys() == {f"{attack}_{reading}" for attack in ATTACKS for reading in READINGS} | {"strongest"}
    assert found["black"].keys() == {f"{attack}_{name}" for attack in ATTACKS for name in ("mlp", "lenet")}
    assert found["clean"] > 0.25  # of ten classes
    joined_is_the_least(found, CONFIG.eps)


def test_measures_are_finite_and_can_be_written_down(found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found and len(json.dumps(found)) < 3000


def test_it_attacks_the_networks_that_were_trained_and_gives_the_same_again(found, folder):
    trained = [model for _, model in networks_for(gmm_classifier, CONFIG, Store(folder / "records"), folder / "cache")]
    assert [type(model).__name__ for model in trained] == ["VAE", "MLP", "LeNet"]
    untrained = [dbp_autoencoders.network(VAE).eval(), *trained[1:]]
    assert gmm_classifier.run(CONFIG, networks=trained) == found != gmm_classifier.run(CONFIG, networks=untrained)


@pytest.mark.parametrize("name", ["QDA", "LDA", "softmax"])
def test_every_head_goes_onto_the_trained_encoder(name, folder):
    ((_, vae), *_) = networks_for(gmm_classifier, CONFIG, Store(folder / "records"), folder / "cache")
    config = dataclasses.replace(CONFIG, **{"covariance": CONFIG.covariance} | VARIANTS[name])
    split = data.load("mnist", "embedded")
    model = classifier_of(config, vae.to(choose()), split.train)
    assert float(right(model, *few(split.test)).double().mean()) > 0.3
    assert isinstance(model.head, nn.Linear) == (name != "QDA")


@pytest.mark.parametrize("changed, status", [
    (attacks.pgd, "stale"), (attacks.square, "stale"), (attacks.evaluate, "stale"),
    (models.gmm.ClassConditionalGMM, "stale"), (heads.fit_mixtures, "stale"), (heads.fit_lda, "done"),
    (attacks.diagnostics, "done"),
])
def test_a_line_of_an_attack_makes_these_runs_stale_and_no_training(found, folder, monkeypatch, changed, status):
    real, store = fingerprint._definition, Store(folder / "records")
    monkeypatch.setattr(fingerprint, "_definition", lambda thing: dataclasses.replace(real(thing), digest="changed") if
                        thing is changed else real(thing))
    assert state_of(gmm_classifier, CONFIG, store).status == status
    assert state_of(dbp_autoencoders, VAE, store).status == state_of(undefended_classifiers, MLP, store).status == "done"


def test_a_sweep_trains_the_networks_first_and_a_second_call_computes_nothing(store, capsys):
    only = dict(head="LDA", target="none", seed=0)
    table = runs.ensure("gmm_classifier", "smoke", only=only)
    made = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(made[:-1]) == ["dbp_autoencoders", "undefended_classifiers", "undefended_classifiers"]
    assert made[-1] == "gmm_classifier" and table[["head", "model", "seed"]].values.tolist() == [["LDA", "VAE", 0]]
    assert runs.ensure("gmm_classifier", "smoke", only=only).equals(table) and capsys.readouterr().out == ""
