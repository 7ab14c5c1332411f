"""P1 Table 2 as an experiment: which networks, which pairs, and what a run may say about them."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from dbp import data, metrics, profiles, runs
from dbp.attacks import autoencoder as attacks
from dbp.attacks.lbfgs import attack_by_lbfgs
from dbp.experiments import auddc, dbp_autoencoders
from dbp.experiments.auddc import Config, choose_pairs, trade_offs_of
from dbp.models.vae import Autoencoder, Output
from dbp.runs import Store, fingerprint
from dbp.runs.records import planned
from dbp.runs.runner import make, networks_for
from dbp.runs.status import state_of

CAMPAIGN = str(Path(profiles.__file__).with_name("campaign.yaml"))

# A second of training, after which some digits are told apart and others are not.
VAE = dbp_autoencoders.Config(
    model="VAE", dataset="mnist", source="embedded", lam1=0.01, lam2=0.0, target="none", reduction="none", weight_decay=0.0,
    input_noise=0.0, seed=0, train_size=256, test_size=20, max_epochs=20, learning_rate=0.005, clip=5.0, gradient_images=10,
    projections=2,
)
CONFIG = Config(VAE, pairs=4, trade_offs=5, steps=6, checked_pairs=2)


# What is planned.

@pytest.mark.parametrize("name", [*profiles.NAMES, CAMPAIGN])
def test_networks_that_are_attacked_are_those_of_table_1_and_each_is_attacked_in_one_way(name):
    profile = profiles.load(name)
    found = auddc.plan(profile)
    networks = [config.network for config in found]
    assert set(networks) <= set(dbp_autoencoders.plan(profile)) and len(networks) == len(set(networks))
    assert len({planned(auddc, config).key for config in found}) == len(found)


@pytest.mark.parametrize("name", [*profiles.NAMES, CAMPAIGN])
def test_every_part_attacks_its_own_networks_in_its_own_way(name):
    profile = profiles.load(name)
    found = {config.network: config for config in auddc.plan(profile)}
    for part in profile.auddc.parts:
        for network in dbp_autoencoders.configs(part.networks, part.seeds - 1):
            assert found[network] == Config(network, **vars(part.attack))


def test_a_run_needs_its_network_and_has_its_data_and_its_seed():
    config = dataclasses.replace(CONFIG, network=dataclasses.replace(VAE, seed=3))
    assert auddc.needs(config) == [("dbp_autoencoders", config.network)]
    assert (config.dataset, config.source, config.seed) == ("mnist", "embedded", 3)


@pytest.mark.parametrize("wrong, words", [
    (dict(pairs=0), "pairs must be at least 1, but is 0"),
    (dict(trade_offs=2), "trade_offs must be at least 3, but is 2"),
    (dict(steps=0), "steps must be at least 1, but is 0"),
    (dict(steps=float("nan")), "steps must be at least 1, but is nan"),
    (dict(checked_pairs=0), "checked_pairs must be at least 1, but is 0"),
    (dict(checked_pairs=5), "checked_pairs must be at most pairs, 4, but is 5"),
])
def test_wrong_configuration_is_named_in_one_line(wrong, words):
    with pytest.raises(ValueError, match=words) as caught:
        dataclasses.replace(CONFIG, **wrong)
    assert "\n" not in str(caught.value)


def test_51_trade_offs_are_zero_and_powers_of_two():
    found = trade_offs_of(51)
    assert found.shape == (51,) and float(found[0]) == 0 and bool((found.diff() > 0).all())
    assert (float(found[1]), float(found[-1])) == (2.0**-20, 2.0**20)
    torch.testing.assert_close(found[2:] / found[1:-1], torch.full((49,), 2.0 ** (40 / 49)), rtol=1e-4, atol=0)


# Which pairs.

LABELS = torch.arange(40) % 4


def test_pairs_are_of_different_classes_and_use_no_image_twice():
    images, targets = choose_pairs(LABELS, 12)
    assert len(images) == len(targets) == 12 and bool((LABELS[images] != LABELS[targets]).all())
    assert len({*images.tolist(), *targets.tolist()}) == 24


def test_ten_pairs_are_the_first_ten_of_twenty():
    labels = data.load("mnist", "embedded").test.labels
    twenty, again, ten = (choose_pairs(labels, count) for count in (20, 20, 10))
    assert all(torch.equal(*part) for part in zip(twenty, again, strict=True))
    assert all(torch.equal(few, many[:10]) for few, many in zip(ten, twenty, strict=True))


def test_pairs_do_not_touch_torch_s_random_state():
    before = torch.get_rng_state()
    choose_pairs(LABELS, 1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("labels, words", [
    (torch.zeros(8), "pairs must be at most 0, for 8 images, but is 1"),
    (torch.arange(1), "pairs must be at most 0, for 1 images, but is 1"),
])
def test_too_few_pairs_are_named_in_one_line(labels, words):
    with pytest.raises(ValueError, match=words) as caught:
        choose_pairs(labels, 1)
    assert "\n" not in str(caught.value)
    assert len(choose_pairs(torch.arange(9), 4)[0]) == 4  # an odd image is left over


# What a run says, where the answer is known.

class Pixels(torch.nn.Module):
    """A likelihood whose logits are the pixels."""

    def image(self, logits):
        return logits


class Linear(Autoencoder):
    """Reconstruction and code are the image, each times a factor; the code's variance is 1."""

    def __init__(self, factor=1.0, code=1.0):
        super().__init__(784, Pixels())
        self.factor, self.code = factor, code

    def forward(self, x, noise=None):
        return Output(self.factor * x, self.code * x.flatten(1), torch.zeros_like(x.flatten(1)))


def test_where_images_are_reproduced_exactly_nothing_beats_the_straight_line():
    config = dataclasses.replace(CONFIG, pairs=3, trade_offs=21, steps=90)
    found = auddc.run(config, networks=[Linear()])
    assert found["collapsed"] == 0 and found["areas"]["gap"] == pytest.approx([1.0] * 3, abs=1e-6)
    assert found["line"] == pytest.approx(0.5, abs=1e-6)
    for name in ("latent", "output", "latent_envelope", "output_envelope", "envelope"):
        assert found[name] == pytest.approx(0.5, abs=2e-3), name
    assert found["curves"]["line"] == pytest.approx([1 - share for share in auddc.DISTORTIONS], abs=1e-6)


def test_each_space_is_attacked_by_its_own_distance():
    found = auddc.run(dataclasses.replace(CONFIG, trade_offs=21, steps=90), networks=[Linear(code=0.0)])
    assert found["latent"] == pytest.approx(1, abs=1e-6)  # all images have one code: there is no reason to leave x
    assert found["output"] == pytest.approx(0.5, abs=2e-3)


def test_an_attack_that_gets_nowhere_is_seen_beside_the_line_and_with_more_steps():
    found = auddc.run(dataclasses.replace(CONFIG, steps=1), networks=[Linear()])
    for space in attacks.SPACES:
        assert found[space] > 0.8 and found[f"{space}_envelope"] == pytest.approx(0.5, abs=0.01)
        once, twice, four_times = (found["convergence"][space][times] for times in "124")
        assert once > twice + 0.01 > four_times + 0.02


def nothing_but_none(value):
    inner = value.values() if isinstance(value, dict) else value
    return value is None or isinstance(value, dict | list) and all(nothing_but_none(each) for each in inner)


def test_a_network_that_has_collapsed_counts_all_pairs_and_gives_no_number():
    found = json.loads(json.dumps(auddc.run(CONFIG, networks=[Linear(factor=0.0)]), allow_nan=False))
    areas = found.pop("areas")
    assert found.pop("collapsed") == 4 and areas.pop("gap") == [0.0] * 4
    assert len(areas.pop("image")) == len(areas.pop("target")) == 4
    assert nothing_but_none(found) and nothing_but_none(areas) and len(found["curves"]["envelope"]) == 21


# What a run says of a network that was trained.

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("auddc")


@pytest.fixture(scope="module")
def found(folder):
    """The measures of `CONFIG`: three pairs that are sound and one that has collapsed."""
    return make(auddc, CONFIG, Store(folder / "records"), folder / "cache").measures


SOUND = [0, 1, 2]
AREAS = ("latent", "output", "line", "latent_envelope", "output_envelope", "envelope")


def test_a_pair_that_has_collapsed_is_counted_and_left_out_of_the_means(found):
    assert found["collapsed"] == 1 and [row for row, gap in enumerate(found["areas"]["gap"]) if gap > 0.05] == SOUND
    for name in AREAS:
        rows = found["areas"][name]
        assert rows[3] is None and found[name] == pytest.approx(sum(rows[:3]) / 3, abs=2e-6)


def test_means_are_those_of_the_images_that_are_named(found):
    labels = data.load("mnist", "embedded").test.labels
    images, targets = (torch.tensor(found["areas"][name]) for name in ("image", "target"))
    assert bool((labels[images] != labels[targets]).all()) and images.tolist() == choose_pairs(labels, 4)[0].tolist()


def test_an_envelope_is_never_above_its_parts(found):
    for row in SOUND:
        area = {name: found["areas"][name][row] for name in AREAS}
        assert area["envelope"] <= min(area["latent_envelope"], area["output_envelope"])
        assert max(area["latent_envelope"], area["output_envelope"]) <= area["line"]


def test_curves_begin_at_one_never_rise_and_the_envelope_s_is_the_lowest(found):
    curves = found["curves"]
    assert curves.keys() == {"latent", "output", "line", "envelope"}
    for curve in curves.values():
        assert len(curve) == len(auddc.DISTORTIONS) and curve[0] == pytest.approx(1, abs=1e-5)
        assert all(after <= before for before, after in zip(curve, curve[1:], strict=False))
    parts = zip(*(curves[name] for name in ("latent", "output", "line")), strict=True)
    assert all(lowest <= min(part) for lowest, part in zip(curves["envelope"], parts, strict=True))


def test_convergence_begins_with_the_areas_of_the_checked_pairs(found):
    for space in attacks.SPACES:
        assert found["convergence"][space].keys() == {"1", "2", "4"}
        assert found["convergence"][space]["1"] == pytest.approx(sum(found["areas"][space][:2]) / 2, abs=2e-6)


def test_measures_are_finite_and_can_be_written_down(found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_it_attacks_the_network_that_was_trained_and_gives_the_same_again(found, folder):
    ((_, trained),) = networks_for(auddc, CONFIG, Store(folder / "records"), folder / "cache")
    untrained = auddc.run(CONFIG, networks=[dbp_autoencoders.network(VAE).eval()])
    assert auddc.run(CONFIG, networks=[trained]) == found != untrained


def test_a_pair_s_areas_do_not_depend_on_how_many_there_are(found, folder):
    config = dataclasses.replace(CONFIG, pairs=1, checked_pairs=1)
    alone = make(auddc, config, Store(folder / "records"), folder / "cache").measures
    for name in AREAS:
        assert alone["areas"][name] == pytest.approx(found["areas"][name][:1], abs=2e-6)


@pytest.mark.parametrize("changed, status", [
    (attacks.attack_autoencoder, "stale"), (attacks.straight_line, "stale"), (metrics.auddc, "stale"),
    (attack_by_lbfgs, "done"), (attacks.damage_autoencoder, "done"),
])
def test_a_line_of_the_attack_makes_areas_stale_and_no_training(found, folder, monkeypatch, changed, status):
    real, store = fingerprint._definition, Store(folder / "records")
    monkeypatch.setattr(fingerprint, "_definition", lambda thing: dataclasses.replace(real(thing), digest="changed") if
                        thing is changed else real(thing))
    state = state_of(auddc, CONFIG, store)
    assert state.status == status and state_of(dbp_autoencoders, VAE, store).status == "done"
    assert state.reason.endswith(f"a change of {changed.__module__}.{changed.__name__}" if status == "stale" else "")


def test_a_sweep_trains_the_network_first_and_a_second_call_computes_nothing(store, capsys):
    only = dict(model="VAE", seed=0, lam1=1.0, lam2=0.0, weight_decay=0.0, input_noise=0.0)
    table = runs.ensure("auddc", "smoke", only=only)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["dbp_autoencoders", "auddc"]
    (network,), (record,) = (list(store.records(name)) for name in ("dbp_autoencoders", "auddc"))
    assert [(need.key, need.weights) for need in record.needs] == [(network.key, network.weights)]
    assert table["key"].tolist() == [record.key] and table["model"].tolist() == ["VAE"]
    assert runs.ensure("auddc", "smoke", only=only).equals(table) and capsys.readouterr().out == ""
    assert list(store.records("auddc")) == [record] and list(store.records("dbp_autoencoders")) == [network]
