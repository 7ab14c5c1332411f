"""The penalties: equal to closed forms and to central differences, unbiased where estimated, and clear where misused."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dbp.penalties import (
    JACOBIAN_L1,
    jacobian_frobenius2,
    jacobian_l1,
    loss_gradient_l1,
    loss_gradient_l2,
    loss_gradient_l2_finite_difference,
)

WEIGHT = torch.tensor([[1.0, -2.0], [0.5, 3.0]])  # rows 1 and 2 of a Jacobian: L1 norms 3 and 3.5


def squared_error(outputs):
    return 0.5 * outputs.square().sum(1)


def small_convnet(smooth=True):
    """Float64, three classes, images of 6 x 6; without kinks where differences are taken."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        activation = nn.Softplus if smooth else nn.ReLU
        return nn.Sequential(
            nn.Conv2d(1, 3, 3), activation(), nn.Conv2d(3, 4, 2, stride=2), activation(), nn.Flatten(), nn.Linear(16, 3)
        ).double()


def digits_like(batch=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 1, 6, 6, dtype=torch.double, generator=generator).requires_grad_()


PENALTIES = {
    "loss_gradient_l2": lambda model, x: loss_gradient_l2(squared_error(model(x)), x),
    "loss_gradient_l1": lambda model, x: loss_gradient_l1(squared_error(model(x)), x),
    "finite_difference": lambda model, x: loss_gradient_l2_finite_difference(
        squared_error(model(x)), x, lambda images: squared_error(model(images)), h=1e-6
    ),
    "exact": lambda model, x: jacobian_l1(model(x), x),
    "exact_softmax": lambda model, x: jacobian_l1(model(x).softmax(1), x),
    "one_row": lambda model, x: jacobian_l1(model(x), x, "one_row", torch.Generator().manual_seed(3)),
    "summed": lambda model, x: jacobian_l1(model(x), x, "summed"),
    "frobenius": lambda model, x: jacobian_frobenius2(model(x), x, 2, torch.Generator().manual_seed(3)),
}


# Closed forms on linear models.

@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_gradients_of_a_linear_model_under_squared_error(dtype):
    weight = WEIGHT.to(dtype)
    x = torch.tensor([[1.0, 1.0], [2.0, 0.0]], dtype=dtype, requires_grad=True)
    # outputs W x = (-1, 3.5) and (2, 1); gradients W^T W x = (0.75, 12.5) and (2.5, -1)
    l2 = loss_gradient_l2(squared_error(x @ weight.T), x)
    l1 = loss_gradient_l1(squared_error(x @ weight.T), x)
    torch.testing.assert_close(l2, torch.tensor([0.5625 + 156.25, 6.25 + 1.0], dtype=dtype))
    torch.testing.assert_close(l1, torch.tensor([13.25, 3.5], dtype=dtype))


def test_parameter_gradient_of_the_l2_penalty_of_a_linear_loss():
    weight = torch.tensor([3.0, -4.0], requires_grad=True)
    x = torch.ones(1, 2, requires_grad=True)
    penalty = loss_gradient_l2(x @ weight, x)
    penalty.sum().backward()
    assert penalty.item() == 25.0
    assert weight.grad.tolist() == [6.0, -8.0]


def test_jacobian_norms_of_a_linear_model():
    x = torch.rand(5, 2, requires_grad=True)
    assert jacobian_l1(x @ WEIGHT.T, x).tolist() == [6.5] * 5
    assert jacobian_l1(x @ WEIGHT.T, x, "summed").tolist() == [2.5] * 5  # columns add to 1.5 and 1
    assert set(jacobian_l1(x @ WEIGHT.T, x, "one_row").tolist()) <= {6.0, 7.0}  # 2 * 3 and 2 * 3.5


def test_jacobian_of_a_softmax_with_two_classes():
    x = torch.zeros(1, 1, requires_grad=True)
    outputs = (x @ torch.tensor([[1.0, -1.0]])).softmax(1)
    # p = 1/2 each; dp_1/dx = p_1 p_2 (1 - (-1)) = 1/2 and dp_2/dx = -1/2
    assert jacobian_l1(outputs, x).item() == pytest.approx(1.0)


def test_finite_difference_of_a_linear_loss_is_exact_up_to_rounding():
    weight = torch.tensor([3.0, -4.0], dtype=torch.double)
    x = torch.rand(3, 2, dtype=torch.double).requires_grad_()
    penalty = loss_gradient_l2_finite_difference(x @ weight, x, lambda images: images @ weight)
    torch.testing.assert_close(penalty, torch.full((3,), 25.0, dtype=torch.double))


def test_finite_difference_where_the_gradient_vanishes_is_zero_not_nan():
    x = torch.zeros(2, 3, requires_grad=True)
    penalty = loss_gradient_l2_finite_difference(x.square().sum(1) * 0, x, lambda images: images.square().sum(1) * 0)
    assert penalty.tolist() == [0.0, 0.0]


# Central differences in float64 on a convolutional network.

def central_difference(value, tensor, index, h):
    flat = tensor.detach().flatten()
    before = flat[index].item()
    flat[index] = before + h
    above = value()
    flat[index] = before - h
    below = value()
    flat[index] = before
    return (above - below) / (2 * h)


@pytest.mark.parametrize("name", ["loss_gradient_l2", "loss_gradient_l1", "exact", "exact_softmax", "summed"])
def test_value_matches_central_differences_of_the_network(name):
    model, x = small_convnet(), digits_like(batch=2)
    jacobian = torch.zeros(2, 3, 36, dtype=torch.double)  # by differences of the outputs
    pixels = x.detach().clone()
    softmax = name == "exact_softmax"
    for pixel in range(36):
        moved = []
        for sign in (1, -1):
            moved.append(pixels.clone())
            moved[-1].flatten(1)[:, pixel] += sign * 1e-5
        above, below = (model(m).softmax(1) if softmax else model(m) for m in moved)
        jacobian[:, :, pixel] = ((above - below) / 2e-5).detach()
    loss_gradient = torch.einsum("bc,bcp->bp", model(pixels).detach(), jacobian)
    expected = {
        "loss_gradient_l2": loss_gradient.square().sum(1),
        "loss_gradient_l1": loss_gradient.abs().sum(1),
        "exact": jacobian.abs().sum((1, 2)),
        "exact_softmax": jacobian.abs().sum((1, 2)),
        "summed": jacobian.sum(1).abs().sum(1),
    }[name]
    torch.testing.assert_close(PENALTIES[name](model, x).detach(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", sorted(set(PENALTIES) - {"finite_difference"}))
def test_parameter_gradient_matches_central_differences(name):
    model, x = small_convnet(), digits_like(batch=2)
    PENALTIES[name](model, x).sum().backward()
    for parameter in (model[0].weight, model[2].weight, model[5].weight, model[0].bias):
        for index in (0, parameter.numel() // 2, parameter.numel() - 1):
            expected = central_difference(lambda: PENALTIES[name](model, x).sum().item(), parameter, index, 1e-5)
            found = parameter.grad.flatten()[index].item()
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_finite_difference_approaches_the_exact_penalty_and_its_parameter_gradient():
    model, x = small_convnet(), digits_like()
    for h, tolerance in ((1e-2, 0.05), (1e-5, 5e-5)):
        near = loss_gradient_l2_finite_difference(squared_error(model(x)), x, lambda i: squared_error(model(i)), h=h)
        exact = loss_gradient_l2(squared_error(model(x)), x)
        torch.testing.assert_close(near, exact, rtol=tolerance, atol=0)
        weight = model[2].weight
        found, expected = (torch.autograd.grad(value.sum(), weight)[0] for value in (near, exact))
        assert (found - expected).norm() < tolerance * expected.norm()


@pytest.mark.parametrize("vectorize", [None, True, False])
@pytest.mark.parametrize("outputs", ["logits", "softmax"])
@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_exact_equals_row_by_row_whichever_way_it_takes(network, outputs, vectorize):
    dense = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    model, x = (dense if network == "dense" else small_convnet(smooth=False)), digits_like()
    values = model(x).softmax(1) if outputs == "softmax" else model(x)
    rows = [torch.autograd.grad(values[:, i].sum(), x, create_graph=True)[0] for i in range(3)]
    expected = sum(row.flatten(1).abs().sum(1) for row in rows)
    found = jacobian_l1(values, x, vectorize=vectorize)
    torch.testing.assert_close(found, expected)
    weight = next(model.parameters())
    torch.testing.assert_close(*(torch.autograd.grad(v.sum(), weight, retain_graph=True)[0] for v in (found, expected)))


@pytest.mark.parametrize(("model", "loops"), [(nn.Linear(4, 2), False), (nn.Conv1d(2, 2, 2), True)])
def test_by_default_the_graph_decides_whether_rows_are_batched(model, loops, monkeypatch):
    calls, take = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *args, **options: calls.append(args) or take(*args, **options))
    x = torch.rand(3, *((2, 2) if loops else (4,)), requires_grad=True)
    jacobian_l1(model(x).flatten(1), x)
    assert len(calls) == (2 if loops else 1)


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2 if float(gradient.detach().sum()) else gradient * 2  # a branch on the values


def test_rows_are_taken_one_by_one_through_a_function_that_cannot_be_batched():
    x = torch.rand(3, 2, requires_grad=True)
    assert jacobian_l1(Double.apply(x @ WEIGHT.T), x).tolist() == [13.0] * 3


# Estimators.

def test_one_row_is_unbiased():
    model, x = small_convnet(), digits_like(batch=3)
    exact = jacobian_l1(model(x), x).detach()
    generator, draws = torch.Generator().manual_seed(0), 2000
    found = torch.stack([jacobian_l1(model(x), x, "one_row", generator).detach() for _ in range(draws)])
    error = found.std(0) / math.sqrt(draws)
    assert (found.std(0) > 0).all()
    assert ((found.mean(0) - exact).abs() < 4 * error).all()  # 4 standard errors: wrong by chance once in 5,000


def test_frobenius_by_projections_is_unbiased_and_sharper_with_more():
    model, x = small_convnet(), digits_like(batch=3)
    rows = [torch.autograd.grad(model(x)[:, i].sum(), x)[0] for i in range(3)]
    exact = sum(row.flatten(1).square().sum(1) for row in rows)
    generator, draws = torch.Generator().manual_seed(0), 1000
    one = torch.stack([jacobian_frobenius2(model(x), x, 1, generator).detach() for _ in range(draws)])
    many = torch.stack([jacobian_frobenius2(model(x), x, 8, generator).detach() for _ in range(draws // 8)])
    assert ((one.mean(0) - exact).abs() < 4 * one.std(0) / math.sqrt(draws)).all()
    assert (many.std(0) < one.std(0) / 2).all()  # by the square root of 8 in theory


def test_summed_vanishes_on_a_softmax_where_exact_does_not():
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 32), nn.ReLU(), nn.Linear(32, 10))
    x = digits_like().detach().float().requires_grad_()
    outputs = (4 * model(x)).softmax(1)
    assert jacobian_l1(outputs, x, "summed").max().item() < 1e-6
    assert jacobian_l1(outputs, x, "exact").min().item() > 0.1


@pytest.mark.parametrize("penalty", [
    lambda outputs, x, generator: jacobian_l1(outputs, x, "one_row", generator),
    lambda outputs, x, generator: jacobian_frobenius2(outputs, x, 1, generator),
])
def test_the_generator_decides_the_draw_and_moves_on(penalty):
    model, x = small_convnet(), digits_like()
    draw = [penalty(model(x), x, torch.Generator().manual_seed(seed)).tolist() for seed in (1, 1, 2)]
    assert draw[0] == draw[1] != draw[2]
    generator = torch.Generator().manual_seed(1)
    assert penalty(model(x), x, generator).tolist() == draw[0] != penalty(model(x), x, generator).tolist()


DRAWING = {
    "one_row": lambda outputs, x: jacobian_l1(outputs, x, "one_row"),
    "frobenius": lambda outputs, x: jacobian_frobenius2(outputs, x),
}


@pytest.mark.parametrize(("name", "exact"), [("one_row", 6.5), ("frobenius", 14.25)])  # of WEIGHT: 1 + 4 + 1/4 + 9
def test_without_a_generator_every_call_draws_anew(name, exact):
    torch.manual_seed(0)
    x = torch.zeros(1, 2, requires_grad=True)
    outputs, draws = x @ WEIGHT.T, 4000
    found = torch.stack([DRAWING[name](outputs, x).detach() for _ in range(draws)])
    assert found[:20].unique().numel() > 1
    assert abs(found.mean() - exact) < 4 * found.std() / math.sqrt(draws)


@pytest.mark.parametrize("name", DRAWING)
def test_without_a_generator_torch_manual_seed_decides_as_for_dropout(name):
    model, x = small_convnet(), digits_like()
    torch.manual_seed(1)
    first, second = (DRAWING[name](model(x), x).tolist() for _ in range(2))
    torch.manual_seed(1)
    assert DRAWING[name](model(x), x).tolist() == first != second


# One value an example, whatever its neighbours.

@pytest.mark.parametrize("name", sorted(set(PENALTIES) - {"one_row", "frobenius"}))
def test_an_example_keeps_its_penalty_whatever_its_neighbours(name):
    model, x = small_convnet(), digits_like()
    together = PENALTIES[name](model, x)
    alone = PENALTIES[name](model, x.detach()[2:3].requires_grad_())
    assert together.shape == (4,)
    torch.testing.assert_close(together[2:3], alone)


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("norm", [nn.InstanceNorm2d(3), nn.GroupNorm(1, 3), nn.BatchNorm2d(3).eval()])
def test_normalisation_that_keeps_examples_apart_is_accepted(norm, batch):
    model = nn.Sequential(norm, nn.Flatten(), nn.Linear(48, 2))
    x = torch.rand(batch, 3, 4, 4, requires_grad=True)
    assert jacobian_l1(model(x), x).shape == (batch,)


@pytest.mark.parametrize("batch", [2, 5])
@pytest.mark.parametrize("penalty", [jacobian_l1, lambda outputs, x: loss_gradient_l2(outputs.square().sum(1), x)])
def test_batch_statistics_are_refused(penalty, batch):
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    x = torch.rand(batch, 3, 4, 4, requires_grad=True)
    with pytest.raises(ValueError, match="must not mix examples, but batch normalisation does in training mode"):
        penalty(model(x), x)
    assert penalty(model.eval()(x), x).shape == (batch,)


def test_batch_statistics_of_a_single_example_mix_nothing():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 2))
    x = torch.rand(1, 3, 4, 4, requires_grad=True)
    assert jacobian_l1(model(x), x).shape == (1,)


def test_every_estimator_is_named():
    assert list(JACOBIAN_L1) == ["exact", "one_row", "summed"]


def test_penalty_lowers_the_gradient_it_penalises():
    """Twenty steps on the penalty alone, so that a sign or a missing graph would show."""
    model, x = small_convnet(smooth=False), digits_like()
    labels = torch.tensor([0, 1, 2, 0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    values = []
    for _ in range(20):
        penalty = loss_gradient_l2(F.cross_entropy(model(x), labels, reduction="none"), x).mean()
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
        values.append(penalty.item())
    assert values[-1] < 0.9 * values[0]
