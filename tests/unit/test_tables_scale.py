"""How far to the papers' scale: runs, epochs and operations of two profiles, side by side."""

import dataclasses

import pytest

from dbp import profiles
from dbp.experiments import l1_penalty, undefended_classifiers
from dbp.runs.runner import make
from dbp.tables import costs, scale

SMOKE = profiles.load("smoke")


@pytest.fixture(scope="module")
def two_profiles():
    """MLP and LeNet alone: what was run, and the same with twice the images and five seeds."""
    part = SMOKE.undefended_classifiers.parts[0]
    sizes = dataclasses.replace(part.sizes, train_size=200, max_epochs=1)
    here = dataclasses.replace(part, seeds=1, sizes=sizes)
    there = dataclasses.replace(part, seeds=5, sizes=dataclasses.replace(sizes, train_size=400))
    scales = [dataclasses.replace(SMOKE.undefended_classifiers, parts=(each,)) for each in (here, there)]
    return [dataclasses.replace(SMOKE, undefended_classifiers=each) for each in scales]


def test_share_is_that_of_operations(store, tmp_path, two_profiles, monkeypatch):
    monkeypatch.setattr(scale, "TRAININGS", {"undefended_classifiers": "a table"})
    here, there = two_profiles
    for config in undefended_classifiers.plan(here)[:1]:  # of the MLP, not of LeNet
        record = make(undefended_classifiers, config, store, tmp_path)
    table = scale.compare_scales(here, there, store=store).set_index("model")
    mlp = table.loc["mlp"]
    assert list(table.index) == ["mlp"]  # LeNet was not run
    assert (mlp.runs, mlp.runs_goal, mlp.epochs, mlp.epochs_goal) == (1, 5, 1, 1)
    assert mlp.share == pytest.approx(1 / (5 * 2))
    assert mlp.core_hours == pytest.approx(record.provenance["cpu_seconds"] / 3600)
    assert mlp.hours_goal == pytest.approx(10 * mlp.core_hours)
    operations = 5 * costs.count_training("undefended_classifiers", vars(undefended_classifiers.plan(there)[0]))
    assert mlp.hours_gpu == pytest.approx(operations / scale.GPU_RATE / 3600)


def test_a_stopping_rule_counts_as_often_as_the_paper_says_it_does(store, tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "TRAININGS", {"l1_penalty": "a table"})
    make(l1_penalty, next(config for config in l1_penalty.plan(SMOKE) if config.model == "C"), store, tmp_path)
    table = scale.compare_scales(SMOKE, "paper", store=store)
    assert list(table.model) == ["C"] and list(table.epochs_goal) == [20]
    assert {config.max_epochs for config in l1_penalty.plan(profiles.load("paper"))} == {100}
