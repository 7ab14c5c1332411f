"""Did I get it right? One check an exercise of the chapter "Double backpropagation"; each message says what slipped."""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dbp.checks.comparing import near, row, tensor

__all__ = ["choose_strength", "flat_ends", "free_pass", "input_gradient", "jacobian_penalty", "loss_gradient_penalty"]

CANNOT_TRAIN = "the value is right, but it cannot be differentiated again, so it trains nothing"


def input_gradient(student: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> str:
    """Exercise "One gradient by hand": `student(weight [C, D], bias [C], x [B, D], y [B])`, without autograd.

    The answer is the gradient of each example's cross-entropy with respect to its input, [B, D], for logits Wx + b.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    weight, bias = torch.tensor([[2.0, 0.0, 1.0], [0.0, 4.0, 1.0]]), torch.tensor([0.0, 0.0])
    # Logits (0, 0), (0, 0) and (ln 3, 0): the probabilities are a half each, twice, and then 3/4 and 1/4.
    x, y = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [math.log(3) / 2, 0.0, 0.0]]), torch.tensor([0, 1, 0])
    expected = torch.tensor([[-1.0, 2.0, 0.0], [1.0, -2.0, 0.0], [-0.5, 1.0, 0.0]])
    found = tensor(student(weight, bias, x, y), x.shape)
    p = torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.75, 0.25]])
    slips = {
        "the signs are turned: the error is p - y, not y - p": -expected,
        "these are the gradients of something else: subtract the one-hot label from the probabilities": p @ weight,
        "a third of it: the loss is not averaged over the batch": expected / 3,
    }
    _refuse(found, expected, slips, "(p - y) W, one row an example")
    return "Well done: the error of the probabilities, sent back through W."


def loss_gradient_penalty(student: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Exercise "The penalty": `student(loss [B], x [B, ...])` is the squared L2 norm of each loss gradient, [B].

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    x = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).reshape(2, 1, 1, 2).requires_grad_()
    # The loss is (w x)^2 / 2 with w x = 1 and 3, its gradients are (1, 2) and (3, 6).
    found = tensor(student((x.flatten(1) @ w).square() / 2, x), (2,))
    expected = torch.tensor([5.0, 45.0])
    slips = {
        "the loss was averaged first, which makes each gradient B times too short: use loss.sum()": expected / 4,
        "this is the norm itself; the penalty is its square": expected.sqrt(),
        "this is the L1 norm; square the entries before you add them": torch.tensor([3.0, 9.0]),
        "this is half the penalty; P1 Eq. (10) has no factor of one half": expected / 2,
    }
    _refuse(found, expected, slips, "the squares of every example's own gradient, added up")
    # d/dw of the sum over the batch: (12, 4) from the first example and (48, 66) from the second.
    _require_second_gradient(found, w, torch.tensor([60.0, 70.0]))
    return "Well done: one number an example, and it can be differentiated again."


def jacobian_penalty(student: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Exercise "Penalise every output": `student(outputs [B, C], x [B, ...])` is P2 Eq. (3), [B].

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    weight = torch.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)
    x = torch.ones(2, 1, 1, 2, requires_grad=True)
    # The second example's outputs are twice as steep: its Jacobian is 2 W.
    found = tensor(student(torch.tensor([[1.0], [2.0]]) * (x.flatten(1) @ weight.T), x), (2,))
    expected = torch.tensor([6.5, 13.0])
    slips = {
        "the rows were added before their absolute values were taken, so -2 and 3 cancelled": torch.tensor([2.5, 5.0]),
        "this is the first row alone; every output has a row": torch.tensor([3.0, 6.0]),
        "this is the last row alone; every output has a row, and the rows are added": torch.tensor([3.5, 7.0]),
        "this is the mean over the entries of J; Eq. (3) prints a sum": expected / 4,
        "these are squares; the L1 norm takes absolute values": torch.tensor([14.25, 57.0]),
    }
    _refuse(found, expected, slips, "the absolute values of all the entries of each example's Jacobian, added up")
    _require_second_gradient(found, weight, 3 * weight.detach().sign())
    return "Well done: every output, every pixel, nothing cancels."


def flat_ends(student: Callable[[Tensor], Tensor]) -> str:
    """Exercise "A cliff between two meadows": `student(t)` maps each entry of t, in [0, 1], smoothly to a number.

    It must rise by 1 from t = 0 to t = 1, with a slope below 0.01 at both ends.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    t = torch.linspace(0, 1, 1001, dtype=torch.float64, requires_grad=True)
    values = tensor(student(t), t.shape)
    rise = float((values[-1] - values[0]).detach())
    if not 0.99 <= rise <= 1.01:
        raise AssertionError(f"f(1) - f(0) is {rise:.3f}, expected 1.000 (to 0.01): the output must really move")
    if not values.requires_grad:
        raise AssertionError("f does not depend on t for autograd: a jump has no slope; rise steeply, but smoothly")
    slope = torch.autograd.grad(values.sum(), t)[0].abs()
    if slope.max() < 0.99 * rise:
        raise AssertionError(
            f"the largest slope is {slope.max():.3f}, yet the output moves by {rise:.3f} over a distance of 1: Eq. (2)"
            " forbids that, so there is a jump; rise steeply, but smoothly"
        )
    if max(slope[0], slope[-1]) >= 0.01:
        raise AssertionError(f"the slopes at the ends are {slope[0]:.3f} and {slope[-1]:.3f}, expected below 0.01")
    return f"Well done: slopes of {slope[0]:.3f} and {slope[-1]:.3f} at the ends, {slope.max():.1f} in between."


def free_pass(student: Callable[[nn.Linear], nn.Linear]) -> str:
    """Exercise "A penalty that is met for free": `student(layer)` returns a last layer that the footnote cannot see.

    The softmax of its outputs must stay as it was, and sum_j |sum_i J_ij| (P2, footnote 1) must be zero.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 1.0], [0.0, -1.0], [0.0, 3.0]]))
        layer.bias.copy_(torch.tensor([0.5, 0.0, 1.0]))
        codes = torch.tensor([[1.0, 0.0], [0.5, -2.0], [-1.0, 1.0]])
        wanted = layer(codes).softmax(1)
        changed = student(layer)
        if not isinstance(changed, nn.Linear):
            raise AssertionError(f"found {changed!r}, expected the changed layer; does the function return it?")
        found = changed(codes).softmax(1)
    if not torch.allclose(found, wanted, atol=1e-5):
        gap = (found - wanted).abs().max()
        raise AssertionError(
            f"a probability moved by {gap:.2f}, expected 0: softmax ignores only what is the same for every class, so"
            " take one and the same row away from every row of the weights"
        )
    summed = changed.weight.detach().sum(0).abs().sum()
    if summed > 1e-5:
        raise AssertionError(f"the footnote's penalty is {summed:.2f}, expected 0: make the rows of the weights add up to 0")
    return "Well done: the penalty is gone, and the classifier is the same."


def choose_strength(student: Callable[[Callable[[float], tuple[float, float]]], float]) -> str:
    """Exercise "How strong a penalty?": `student(train)` returns the lambda that does best on points of its own.

    `train(lam)` trains eight networks on eight draws of two half-moons, 60 noisy points each, with `lam` (squared units a
    nat) times the penalty of P1 Eq. (10). It gives the percentage read rightly of those points, and of 100 held-out ones a
    draw. Judged is the gain over no penalty on 2,000 further points a draw.

    Raises:
        AssertionError: how many points the lambda gains, and the likeliest slip.
    """
    tried = []

    def train(lam: float) -> tuple[float, float]:
        tried.append(float(lam))
        if len(tried) > 20:
            raise AssertionError("train was called more than 20 times: try powers of ten first, then look between two")
        trained, held_out, _ = half_moons(float(lam))
        return trained, held_out

    lam = float(student(train))
    if len(set(tried)) < 3:
        raise AssertionError(f"train was asked about {len(set(tried))} lambdas, expected at least 3: one that was not"
                             " compared with a weaker and a stronger one is a guess")
    gain = half_moons(lam)[2] - half_moons(0.0)[2]
    if lam == 0 or half_moons(lam)[0] > 97:
        raise AssertionError(f"lambda {lam:g} gains {gain:.1f} points on fresh ones, expected at least 3.5. It has nearly"
                             " all the training points right: did you choose by them? They like the weakest penalty best")
    if gain < 3.5:
        slip = "weak" if half_moons(lam)[0] > 91 else "strong"
        raise AssertionError(f"lambda {lam:g} gains {gain:.1f} points on fresh ones, expected at least 3.5: too {slip}; go"
                             " by the held-out points, and try finer steps")
    return f"Well done: lambda {lam:g} gains {gain:.1f} points on points that nobody chose by."


@functools.cache
def half_moons(lam: float, draws: int = 8) -> tuple[float, float, float]:
    """Percent right on the training points, on held-out ones and on fresh ones, of networks trained with a penalty.

    The networks of all draws are trained side by side, as one: their weights have a first dimension more.
    """
    generator = torch.Generator().manual_seed(0)
    weights = [((2 * torch.rand(draws, a, b, generator=generator) - 1) / a**0.5).requires_grad_()
               for a, b in ((2, 32), (32, 32), (32, 2))]
    biases = [torch.zeros(draws, 1, weight.shape[2], requires_grad=True) for weight in weights]

    def logits(x: Tensor) -> Tensor:
        for weight, bias in zip(weights[:2], biases[:2], strict=True):
            x = torch.baddbmm(bias, x, weight).tanh()
        return torch.baddbmm(biases[2], x, weights[2])

    points, labels = _moons(60, range(draws))
    points.requires_grad_()
    optimizer = torch.optim.Adam([*weights, *biases], lr=0.02)
    for _ in range(200):
        losses = F.cross_entropy(logits(points).flatten(0, 1), labels.flatten(), reduction="none")
        (slopes,) = torch.autograd.grad(losses.sum(), points, create_graph=True)
        total = losses.view(draws, -1) + lam * slopes.square().sum(2)  # P1 Eq. (10)
        optimizer.zero_grad()
        total.mean(1).sum().backward()
        optimizer.step()
    with torch.no_grad():
        asked = ((points, labels), _moons(100, range(500, 500 + draws)), _moons(2000, range(1000, 1000 + draws)))
        return tuple(100 * float((logits(x).argmax(2) == y).float().mean()) for x, y in asked)


def _moons(count: int, seeds: range) -> tuple[Tensor, Tensor]:
    from sklearn.datasets import make_moons  # takes a second to import, which every page that has checks would pay

    drawn = [make_moons(count, noise=0.4, random_state=seed) for seed in seeds]
    return (torch.stack([torch.tensor(points, dtype=torch.float32) for points, _ in drawn]),
            torch.stack([torch.tensor(labels) for _, labels in drawn]))


def _refuse(found: Tensor, expected: Tensor, slips: dict[str, Tensor], rule: str) -> None:
    for reason, slip in slips.items():
        if near(found.detach(), slip):
            raise AssertionError(f"found {row(found.detach())}, expected {row(expected)}: {reason}")
    if not near(found.detach(), expected):
        raise AssertionError(f"found {row(found.detach())}, expected {row(expected)}: {rule}")


def _require_second_gradient(found: Tensor, parameter: Tensor, expected: Tensor) -> None:
    if not found.requires_grad:
        raise AssertionError(f"{CANNOT_TRAIN}: pass create_graph=True to torch.autograd.grad")
    (second,) = torch.autograd.grad(found.sum(), parameter, allow_unused=True)
    if second is None or not near(second, expected):
        raise AssertionError(f"{CANNOT_TRAIN} correctly: is something detached, or taken as .data or .item()?")
