"""A wrong call of a penalty is one line that names the argument."""

import pytest
import torch
from torch import nn

from dbp.penalties import (
    jacobian_frobenius2,
    jacobian_l1,
    loss_gradient_l1,
    loss_gradient_l2,
    loss_gradient_l2_finite_difference,
)

X = torch.rand(4, 3, 4, 4)
LINEAR = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))


def forward(model=LINEAR, change=lambda outputs: outputs):
    x = X.clone().requires_grad_()
    return change(model(x)), x


def freed(model=LINEAR):
    outputs, x = forward(model, change=torch.square)
    outputs.sum().backward()
    return outputs, x


def of_another_x():
    return forward()[0], X.clone().requires_grad_()


def empty():
    x = torch.zeros(0, 3, requires_grad=True)
    return 2 * x, x


class Branch(torch.autograd.Function):
    """Asks for a value in its backward pass, so that several rows cannot be taken at once."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (2 if float(gradient.detach().sum()) else 2)


WRONG = {
    "x without a gradient": (lambda: jacobian_l1(LINEAR(X), X), "x must require a gradient"),
    "x a list": (lambda: jacobian_l1(LINEAR(X), [1.0]), "x must be a tensor, but is list"),
    "outputs a list": (lambda: jacobian_l1([1.0], X), "outputs must be a tensor, but is list"),
    "outputs detached": (lambda: jacobian_l1(*forward(change=torch.detach)), "outputs must depend on x, but has no graph"),
    "loss detached": (lambda: loss_gradient_l2(*forward(change=lambda o: o.detach().sum(1))), "loss must depend on x"),
    "outputs of another x": (lambda: jacobian_l1(*of_another_x()), "outputs must depend on x, but its graph does not lead"),
    "outputs not a table": (lambda: jacobian_l1(*forward(change=lambda o: o.sum(1))), r"outputs must be \[B, C\]"),
    "outputs of fewer examples": (
        lambda: jacobian_l1(*forward(change=lambda o: o[:3])), r"outputs must be \[4, ...\], one row .* \[3, 2\]"
    ),
    "empty batch": (lambda: jacobian_l1(*empty()), r"x must be \[B, ...\] and not empty, but has the shape \[0, 3\]"),
    "loss averaged": (lambda: loss_gradient_l2(*forward(change=torch.mean)), r"loss must be \[4, ...\], .* shape \[\]"),
    "loss a table": (lambda: loss_gradient_l1(*forward()), r"loss must be \[4\], one value an example"),
    "graph freed": (lambda: jacobian_l1(*freed()), "the graph must be kept, but has been freed"),
    "graph freed, batch normalisation": (
        lambda: jacobian_l1(*freed(nn.Sequential(nn.BatchNorm2d(3).eval(), LINEAR))), "the graph must be kept, but has"
    ),
    "graph freed, one row": (lambda: jacobian_l1(*freed(), "one_row"), "the graph must be kept, but has been freed"),
    "batch statistics": (
        lambda: jacobian_l1(*forward(nn.Sequential(nn.BatchNorm2d(3), LINEAR))), "outputs must not mix .* training mode"
    ),
    "estimator": (lambda: jacobian_l1(*forward(), "mean"), "no estimator named 'mean'; there are exact, one_row, summed"),
    "generator": (lambda: jacobian_l1(*forward(), "one_row", 3), "generator must be a torch.Generator on the CPU, but is 3"),
    "vectorize": (lambda: jacobian_l1(*forward(), vectorize=3), "vectorize must be True, False or None, but is 3"),
    "vectorize what cannot be": (
        lambda: jacobian_l1(*forward(change=Branch.apply), vectorize=True), "vectorize must be False here: a function"
    ),
    "projections": (lambda: jacobian_frobenius2(*forward(), 0), "projections must be .* at least 1, but is 0"),
    "step": (lambda: loss_gradient_l2_finite_difference(None, None, None, h=0), "h must be above 0 and finite, but is 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_is_one_line_that_names_the_argument(case):
    call, message = WRONG[case]
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_finite_difference_refuses_a_mean_loss_function():
    outputs, x = forward()
    with pytest.raises(ValueError, match=r"loss_of must return \[4\], as loss is, but gave \[\]"):
        loss_gradient_l2_finite_difference(outputs.sum(1), x, lambda images: LINEAR(images).mean())
