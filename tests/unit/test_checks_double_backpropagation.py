"""Each check passes the right answer, and answers the plausible wrong ones with a message that names the slip."""

import pytest
import torch
from torch import nn

from dbp import checks, penalties


def gradient(total, x, **options):
    return torch.autograd.grad(total, x, **{"create_graph": True, "retain_graph": True, **options})[0].flatten(1)


def error(weight, bias, x, y):
    return (x @ weight.T + bias).softmax(1) - nn.functional.one_hot(y, len(weight))


def rows(outputs, x):
    return [gradient(outputs[:, i].sum(), x) for i in range(outputs.shape[1])]


def without_common_row(layer, dim=0):
    layer.weight.data -= layer.weight.data.mean(dim, keepdim=True)
    return layer


def emptied(layer):
    layer.weight.data.zero_()
    return layer


RIGHT = {
    "input_gradient": lambda weight, bias, x, y: error(weight, bias, x, y) @ weight,
    "loss_gradient_penalty": penalties.loss_gradient_l2,
    "jacobian_penalty": penalties.jacobian_l1,
    "flat_ends": lambda t: (20 * (t - 0.5)).sigmoid(),
    "free_pass": without_common_row,
    "choose_strength": lambda train: max((0, 0.01, 0.1, 1, 10), key=lambda lam: train(lam)[1]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_check_passes_the_right_answer(name):
    assert getattr(checks, name)(RIGHT[name]).startswith("Well done")


WRONG = [
    ("input_gradient", lambda weight, bias, x, y: -error(weight, bias, x, y) @ weight, "signs are turned"),
    ("input_gradient", lambda weight, bias, x, y: (x @ weight.T + bias).softmax(1) @ weight, "subtract the one-hot"),
    ("input_gradient", lambda weight, bias, x, y: error(weight, bias, x, y) @ weight / len(x), "not averaged"),
    ("input_gradient", lambda weight, bias, x, y: error(weight, bias, x, y), "expected a tensor of shape (3, 3)"),
    ("input_gradient", lambda weight, bias, x, y: None, "does the function return it?"),
    ("loss_gradient_penalty", lambda loss, x: gradient(loss.mean(), x).square().sum(1), "use loss.sum()"),
    ("loss_gradient_penalty", lambda loss, x: gradient(loss.sum(), x).norm(dim=1), "the penalty is its square"),
    ("loss_gradient_penalty", lambda loss, x: gradient(loss.sum(), x).abs().sum(1), "L1 norm"),
    ("loss_gradient_penalty", lambda loss, x: gradient(loss.sum(), x).square().sum(), "tensor of shape (2,)"),
    ("loss_gradient_penalty", lambda loss, x: gradient(loss.sum(), x, create_graph=False).square().sum(1), "create_gr"),
    ("loss_gradient_penalty", lambda loss, x: gradient(loss.sum(), x).detach().square().sum(1), "trains nothing"),
    ("loss_gradient_penalty",
     lambda loss, x: (gradient(loss.sum(), x) * gradient(loss.sum(), x).detach()).sum(1), "is something detached"),
    ("jacobian_penalty", lambda outputs, x: gradient(outputs.sum(), x).abs().sum(1), "-2 and 3 cancelled"),
    ("jacobian_penalty", lambda outputs, x: gradient(outputs[:, 0].sum(), x).abs().sum(1), "the first row alone"),
    ("jacobian_penalty", lambda outputs, x: rows(outputs, x)[-1].abs().sum(1), "the last row alone"),
    ("jacobian_penalty", lambda outputs, x: sum(row.square().sum(1) for row in rows(outputs, x)), "these are squares"),
    ("jacobian_penalty", lambda outputs, x: sum(row.abs().mean(1) for row in rows(outputs, x)) / 2, "prints a sum"),
    ("jacobian_penalty", lambda outputs, x: penalties.jacobian_l1(outputs, x).mean(), "tensor of shape (2,)"),
    ("jacobian_penalty", lambda outputs, x: penalties.jacobian_l1(outputs, x).detach(), "create_graph"),
    ("flat_ends", lambda t: 0 * t, "must really move"),
    ("flat_ends", lambda t: t, "slopes at the ends are 1.000 and 1.000"),
    ("flat_ends", lambda t: (5 * (t - 0.5)).sigmoid(), "must really move"),
    ("flat_ends", lambda t: (t > 0.5).double(), "a jump has no slope"),
    ("flat_ends", lambda t: t.round(), "Eq. (2) forbids that"),
    ("flat_ends", lambda t: t**3, "and 3.000, expected below 0.01"),
    ("choose_strength", lambda train: max((0, 0.01, 0.1, 1, 10), key=lambda lam: train(lam)[0]), "choose by them"),
    ("choose_strength", lambda train: [train(lam) for lam in (1, 10, 0.1)] and 10, "too strong"),
    ("choose_strength", lambda train: [train(lam) for lam in (0, 0.01, 0.1)] and 0.01, "too weak"),
    ("choose_strength", lambda train: 0.1, "is a guess"),
    ("choose_strength", lambda train: max(range(50), key=lambda lam: train(0.1 + 0 * lam)[1]), "more than 20 times"),
    ("free_pass", lambda layer: None, "does the function return it?"),
    ("free_pass", lambda layer: layer, "the footnote's penalty is 6.00"),
    ("free_pass", emptied, "one and the same row"),
    ("free_pass", lambda layer: without_common_row(layer, dim=1), "one and the same row"),
]


@pytest.mark.parametrize(("name", "answer", "message"), WRONG)
def test_check_names_the_slip(name, answer, message):
    with pytest.raises(AssertionError) as caught:
        getattr(checks, name)(answer)
    assert message in str(caught.value)
