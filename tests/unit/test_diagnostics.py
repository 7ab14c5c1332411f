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


class Rounded(nn.Module):
    """Pixels to five levels, as a defence by quantisation does: no slope anywhere."""

    def forward(self, x):
        return (x * 4).round() / 4


class Densities(nn.Module):
    """Log densities of narrow Gaussians around class means, in float32: far from all of them their gaps are huge."""

    def __init__(self, x, y):
        super().__init__()
        self.means = torch.stack([x[y == label].flatten(1).mean(0) for label in range(10)])

    def forward(self, x):
        return -torch.cdist(x.flatten(1), self.means).square() / (2 * 0.01**2)


def train(model, smoothing=0.0, steps=60, count=60):
    """A second of training on digits; the network, and images that it gets right."""
    dataset = data.load("mnist", "embedded")
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        batch = torch.randint(len(dataset.train), (128,), generator=generator)
        optimizer.zero_grad()
        logits, labels = model(dataset.train.images[batch]), dataset.train.labels[batch]
        nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing).backward()
        optimizer.step()
    return model.eval(), *easy(model, dataset.test, count)


def easy(model, split, count=60):
    """The first images of a split that a model gets right, and their labels."""
    right = model(split.images).argmax(1) == split.labels
    return split.images[right][:count], split.labels[right][:count]


@pytest.fixture(scope="module")
def honest():
    """An MLP, and 60 images that it gets right."""
    return train(build_classifier("mlp", seed=0))


def suspicious(table):
    return set(table.loc[table["suspicious"], "check"])


quick = partial(diagnostics, eps_grid=(0.1, 0.5), steps=10, draws=5, queries=50)


def test_an_honest_network_raises_no_suspicion(honest):
    table = quick(*honest, source=build_classifier("mlp", seed=1))
    assert suspicious(table) == set()
    assert list(table.columns) == ["check", "value", "reference", "expected", "suspicious", "question"]
    assert len(table) == 10 and table["question"].str.endswith("?").all()
    at_half = table.set_index("check").loc["PGD, eps 0.5"]
    assert at_half["value"] <= at_half["reference"] < 0.5  # the share of the most frequent label


@pytest.mark.parametrize("name", ["C", "lenet", "linear"])
def test_other_honest_networks_raise_none_either(name):
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    model, x, y = train(linear if name == "linear" else build_classifier(name, seed=0), smoothing=0.1, count=200)
    table = diagnostics(model, x, y, eps_grid=(0.1, 0.5), queries=100)
    assert len(x) == 200 and suspicious(table) == set()
    # An attack that finds somewhat more is no mask: on each of them the targeted loss does.
    rows = table.set_index("check")
    assert rows.value["Auto-PGD, targeted DLR"] < rows.reference["Auto-PGD, targeted DLR"] - 0.02


def test_a_saturated_softmax_is_noticed(honest):
    model, x, y = honest
    table = quick(nn.Sequential(model, Scale(1000)), x, y)
    assert {"input gradient exactly zero", "PGD, eps 0.5", "PGD, margin loss", "Auto-PGD, targeted DLR"} <= suspicious(table)


def test_rounded_pixels_are_noticed_by_what_needs_no_gradient(honest):
    model, x, y = honest
    found = suspicious(quick(nn.Sequential(Rounded(), model), x, y, eps=0.2))
    assert {"input gradient exactly zero", "PGD, eps 0.5", "Square"} <= found


def test_log_densities_far_from_all_means_are_noticed():
    dataset = data.load("mnist", "embedded")
    model = Densities(dataset.train.images, dataset.train.labels)
    found = suspicious(quick(model, *easy(model, dataset.test), eps=0.2))
    assert {"input gradient exactly zero", "PGD, eps 0.5", "PGD, margin loss"} <= found


def test_rows_that_a_model_has_no_room_for_are_left_out():
    x = torch.tensor([[0.9, 0.1], [0.2, 0.1]])
    table = diagnostics(Line(), x, torch.tensor([1, 1]), eps_grid=(), queries=5)
    assert not {"Square", "Auto-PGD, targeted DLR"} & set(table["check"]) and "FGSM" in set(table["check"])


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
    (dict(queries=0), "queries must be at least 1, but is 0"),
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
