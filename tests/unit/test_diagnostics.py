"""The diagnostics: silent for an honest network, and awake where a mask hides a fragile one."""

from functools import partial

import pandas as pd
import pytest
import torch
from small_networks import Counting, Line, Scale
from torch import nn

from dbp import data
from dbp.attacks import diagnostics, zero_gradient_share
from dbp.models.classifiers import build_classifier


class Ripple(nn.Module):
    def forward(self, x):
        return x + 0.1 * torch.sin(40 * x)


@pytest.fixture(scope="module")
def honest():
    """An MLP trained on digits for a second, and 60 images that it gets right."""
    dataset = data.load("mnist", "embedded")
    model, generator = build_classifier("mlp", seed=0), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(60):
        batch = torch.randint(len(dataset.train), (128,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(dataset.train.images[batch]), dataset.train.labels[batch]).backward()
        optimizer.step()
    right = model(dataset.test.images).argmax(1) == dataset.test.labels
    return model.eval(), dataset.test.images[right][:60], dataset.test.labels[right][:60]


def suspicious(table):
    return set(table.loc[table["suspicious"], "check"])


quick = partial(diagnostics, eps_grid=(0.1, 0.5), steps=10, draws=5)


def test_an_honest_network_raises_no_suspicion(honest):
    table = quick(*honest, source=build_classifier("mlp", seed=1))
    assert suspicious(table) == set()
    assert list(table.columns) == ["check", "value", "reference", "expected", "suspicious"]
    assert len(table) == 8
    at_half = table.set_index("check").loc["PGD, eps 0.5"]
    assert at_half["value"] <= at_half["reference"] < 0.5  # the share of the most frequent label


def test_a_saturated_softmax_is_noticed(honest):
    model, x, y = honest
    table = quick(nn.Sequential(model, Scale(1000)), x, y)
    assert {"input gradient exactly zero", "PGD, eps 0.5", "PGD, margin loss"} <= suspicious(table)


def test_a_rippled_loss_is_noticed_by_the_attack_from_another_model(honest):
    model, x, y = honest
    table = quick(nn.Sequential(Ripple(), model), x, y, source=model)
    assert suspicious(table) & {"PGD, eps 0.5", "PGD from another model", "PGD, twice the steps"}


def test_zero_gradients_are_counted_exactly():
    x = torch.tensor([[0.9, 0.1], [0.2, 0.1], [0.1, 0.9]])
    model = nn.Sequential(Line(), Scale(1e4))  # probabilities of exactly 1 where class 1 or 2 is ahead
    assert zero_gradient_share(model, x, torch.tensor([1, 1, 1]), batch_size=2) == pytest.approx(2 / 3)
    assert zero_gradient_share(model, x, torch.tensor([1, 1, 1]), loss="margin") == 0


@pytest.mark.parametrize(("change", "message"), [
    (dict(eps_grid=(0.1, -1.0)), "eps_grid must be finite and at least 0, but holds -1"),
    (dict(draws=0), "draws must be at least 1, but is 0"),
    (dict(steps=0), "steps must be at least 1, but is 0"),
    (dict(batch_size=0), "batch_size must be at least 1, but is 0"),
    (dict(tolerance=-0.1), "tolerance must be at least 0, but is -0.1"),
    (dict(source=nn.Linear(1, 1, device="meta")), "x must be on the device of the model, meta, but is on cpu"),
])
def test_diagnostics_checks_before_any_work(honest, change, message):
    model, x, y = honest
    counting = Counting(model)
    with pytest.raises(ValueError, match=message):
        quick(counting, x, y, **change)
    assert counting.seen == []


def test_diagnostics_without_a_grid(honest):
    model, x, y = honest
    assert isinstance(quick(model, x[:2], y[:2], eps_grid=()), pd.DataFrame)
