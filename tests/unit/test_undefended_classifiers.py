"""The classifiers that P1 attacks beside its own: which they are, on which images, and that they learn."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from dbp import data, profiles
from dbp.experiments import undefended_classifiers
from dbp.experiments.undefended_classifiers import Config
from dbp.metrics import accuracy
from dbp.models.classifiers import LeNet
from dbp.runs import weights
from dbp.runs.records import planned
from dbp.runs.runner import make

CAMPAIGN = str(Path(profiles.__file__).with_name("campaign.yaml"))
MLP = Config("mlp", 0, "mnist", "embedded", train_size=400, validation_size=50, test_size=200, max_epochs=3)
CVNET = Config("cvnet", 0, "colour-digits", "embedded", train_size=64, validation_size=20, test_size=20, max_epochs=1)


@pytest.mark.parametrize("name", [*profiles.NAMES, CAMPAIGN])
def test_every_profile_trains_the_three_of_the_paper_each_once_a_seed(name):
    profile = profiles.load(name)
    found = undefended_classifiers.plan(profile)
    colours = set() if name == CAMPAIGN else {"cvnet"}  # done: they stand in `laptop`
    assert {config.model for config in found} == {"mlp", "lenet"} | colours
    assert len({planned(undefended_classifiers, config).key for config in found}) == len(found) == sum(
        part.seeds * len(part.models) for part in profile.undefended_classifiers.parts)


@pytest.mark.parametrize("wrong, words", [
    (dict(model="lenett"), "no undefended classifier named 'lenett'; there are mlp, lenet, cvnet .did you mean 'lenet'"),
    (dict(model="C"), "no undefended classifier named 'C'"),
    (dict(dataset="svhn"), "no data set of 'mlp' named 'svhn'; there are mnist"),
    (dict(model="cvnet"), "no data set of 'cvnet' named 'mnist'; there are svhn, colour-digits"),
    (dict(train_size=0), "train_size must be at least 1, but is 0"),
    (dict(max_epochs=float("nan")), "max_epochs must be at least 1, but is nan"),
])
def test_wrong_configuration_is_named_in_one_line(wrong, words):
    with pytest.raises(ValueError, match=words) as caught:
        dataclasses.replace(MLP, **wrong)
    assert "\n" not in str(caught.value)


def test_the_objective_is_the_plain_cross_entropy_one_value_an_image():
    model = LeNet()
    x, y = torch.rand(3, 1, 28, 28), torch.tensor([3, 1, 4])
    found = undefended_classifiers.plain_cross_entropy(model, x, y, torch.Generator())
    assert list(found) == ["loss"] and found["loss"].shape == (3,)
    torch.testing.assert_close(found["loss"].mean(), F.cross_entropy(model(x), y))


def test_a_run_learns_and_its_weights_give_its_clean_accuracy(store, tmp_path):
    record = make(undefended_classifiers, MLP, store, tmp_path)
    found = record.measures
    assert found.keys() == {"clean", "epochs", "history"} and found["epochs"] == 3 == len(found["history"]) - 1
    assert found["clean"] > 0.6 and found["history"][3]["loss"] < found["history"][1]["loss"]
    model = weights.load_into(undefended_classifiers.network(MLP), weights.kept(record, tmp_path))
    test = data.load("mnist", "embedded").test[:200]
    assert accuracy(model, test.images, test.labels) == pytest.approx(found["clean"], abs=0.011)  # a GPU rounds otherwise
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_colour_digits_stay_bytes_until_they_are_looked_at_and_the_seed_decides_the_run():
    found = undefended_classifiers.run(CVNET)
    assert 0 <= found["clean"] <= 1 and found == undefended_classifiers.run(CVNET)
    assert found["history"] != undefended_classifiers.run(dataclasses.replace(CVNET, seed=1))["history"]
