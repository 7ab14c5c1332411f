"""The measures: accuracies by hand, intervals that agree with tables and cover, diagnostics that notice a mask."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from small_networks import Line, Scale
from torch import nn

from dbp import data
from dbp.metrics import (
    accuracy,
    bootstrap,
    diagnostics,
    jacobian_l1_norm,
    student,
    wilson,
    zero_gradient_share,
)
from dbp.models.classifiers import build_classifier
from dbp.penalties import jacobian_l1


def test_accuracy_by_hand_and_whatever_the_batch():
    x = torch.tensor([[0.9, 0.1], [0.5, 0.45], [0.1, 0.9], [0.6, 0.3]])  # classes 1, 1, 2, 1
    y = torch.tensor([1, 1, 1, 2])
    assert accuracy(Line(), x, y) == accuracy(Line(), x, y, batch_size=3) == 0.5


@pytest.mark.parametrize(("change", "message"), [
    (dict(x=torch.zeros(0, 2), y=torch.zeros(0, dtype=torch.int64)), "x must be .* not empty"),
    (dict(y=torch.zeros(3, dtype=torch.int64)), r"y must have the shape \[2\].* but has \[3\]"),
    (dict(batch_size=0), "batch_size must be at least 1, but is 0"),
])
def test_accuracy_of_nothing_is_an_error(change, message):
    arguments = dict(x=torch.zeros(2, 2), y=torch.zeros(2, dtype=torch.int64)) | change
    with pytest.raises(ValueError, match=message):
        accuracy(Line(), **arguments)


@pytest.mark.parametrize("outputs", ["softmax", "logits"])
def test_the_measured_jacobian_is_the_penalised_one(outputs):
    model = build_classifier("mlp", seed=0)
    x = torch.rand(3, 1, 28, 28, requires_grad=True)
    values = model(x).softmax(1) if outputs == "softmax" else model(x)
    torch.testing.assert_close(jacobian_l1_norm(model, x, outputs=outputs), jacobian_l1(values, x).detach())


# Intervals.

def test_wilson_agrees_with_scipy_and_stays_inside_zero_and_one():
    for successes, n, level in ((0, 10, 0.95), (8, 10, 0.95), (82, 100, 0.9), (10_000, 10_000, 0.99)):
        expected = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
        assert wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(0, 5)[0] >= 0 and wilson(5, 5)[1] <= 1


def test_wilson_holds_the_truth_about_as_often_as_it_says():
    drawn = np.random.default_rng(0).binomial(100, 0.9, size=4000)
    intervals = {successes: wilson(int(successes), 100) for successes in set(drawn)}
    covered = np.mean([intervals[s][0] <= 0.9 <= intervals[s][1] for s in drawn])
    assert 0.93 < covered < 0.97


def test_student_by_hand():
    # mean 2, standard deviation 1, t(0.975, 2) = 4.3027 over the root of 3
    assert student([1, 2, 3]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)
    assert student([1, 2, 3], level=0.5)[1] < student([1, 2, 3])[1]


def test_bootstrap_agrees_with_student_where_values_are_normal_and_many():
    values = np.random.default_rng(1).normal(5, 2, size=200)
    assert bootstrap(values) == pytest.approx(student(values), abs=0.05)
    assert bootstrap(values) == bootstrap(values)
    low, high = bootstrap(values, statistic=np.median)
    assert low < np.median(values) < high


@pytest.mark.parametrize("interval", [student, bootstrap])
@pytest.mark.parametrize(("values", "message"), [
    ([98.4], "values must be one number a seed, at least 2"), ([], "at least 2"),
    ([1.0, float("nan")], "values must be finite"),
])
def test_no_interval_from_one_seed(interval, values, message):
    with pytest.raises(ValueError, match=message):
        interval(values)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: wilson(3, 0), "n must be at least 1, but is 0"),
    (lambda: wilson(11, 10), r"successes must lie in \[0, 10\], but is 11"),
    (lambda: wilson(-1, 10), r"successes must lie in \[0, 10\], but is -1"),
    (lambda: wilson(1, 10, level=95), r"level must lie in \(0, 1\), but is 95"),
    (lambda: student([1, 2], level=1), r"level must lie in \(0, 1\), but is 1"),
    (lambda: bootstrap([1, 2], resamples=0), "resamples must be at least 1, but is 0"),
])
def test_a_wrong_interval_is_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Diagnostics.

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


def test_diagnostics_checks_first(honest):
    model, x, y = honest
    with pytest.raises(ValueError, match="eps_grid must be finite and at least 0, but its least value is -1.0"):
        quick(model, x, y, eps_grid=(0.1, -1.0))
    assert isinstance(quick(model, x[:2], y[:2], eps_grid=()), pd.DataFrame)
