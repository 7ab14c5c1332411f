"""Did I get it right? One check an exercise of the chapter "Adversarial examples"; each message says what slipped."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dbp.checks.comparing import near, row, tensor

__all__ = [
    "break_rounded", "fast_gradient_sign", "linear_robustness", "margin_loss", "projection", "rounded_classifier",
    "worst_case_accuracy",
]


def fast_gradient_sign(student: Callable[[nn.Module, Tensor, Tensor, float], Tensor]) -> str:
    """Exercise "One step, by hand": `student(model, x, y, eps)` is the untargeted FGSM inside [0, 1].

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    model, x, y = _two_class_line(), torch.tensor([[0.5, 0.95, 0.3], [0.5, 0.02, 0.3]]), torch.tensor([0, 1])
    # Example 0 gets safer along (1, -1, 0): uphill is (-1, 1, 0). For example 1 the signs are the other way round.
    step = 0.1 * torch.tensor([[-1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])
    found = tensor(student(model, x.clone(), y, 0.1), x.shape)
    if near(found, (x - step).clamp(0, 1)):
        raise AssertionError("the step went downhill, which makes the digit easier: an attack adds the sign to x")
    if near(found, x + step):
        raise AssertionError(f"found pixels from {found.min():.2f} to {found.max():.2f}: clip the result to [0, 1]")
    if not near(found, (x + step).clamp(0, 1)):
        moved = (found - x).abs().max()
        raise AssertionError(
            f"the largest change is {moved:.4f}, expected eps = 0.1 wherever the gradient is not 0 and [0, 1] allows;"
            " take the sign of the gradient, not the gradient, and every example's own"
        )
    if found.requires_grad:
        raise AssertionError("the images still carry the graph of the attack: detach them")
    if any(parameter.grad is not None for parameter in model.parameters()):
        raise AssertionError("the parameters got a .grad: ask torch.autograd.grad for the input's gradient only")
    return "Well done: one step uphill, inside the ball and inside [0, 1]."


def projection(student: Callable[[Tensor, Tensor, float], Tensor]) -> str:
    """Exercise "Back into the ball": `student(x_adv, x, eps)` is the nearest image within eps of x and in [0, 1].

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    x, x_adv = torch.tensor([[0.05, 0.50, 0.95, 0.50]]), torch.tensor([[-0.30, 0.55, 1.40, 0.80]])
    expected = torch.tensor([[0.00, 0.55, 1.00, 0.60]])
    found = tensor(student(x_adv.clone(), x.clone(), 0.1), x.shape)
    if near(found, x_adv.clamp(0, 1)):
        raise AssertionError("the result is an image, but up to 0.30 away from x (eps is 0.1): clip x_adv - x as well")
    if near(found, x + (x_adv - x).clamp(-0.1, 0.1)):
        raise AssertionError(f"in the ball, but no image: its pixels go from {found.min():.2f} to {found.max():.2f}")
    if near(found, (x + 0.1 * (x_adv - x).sign()).clamp(0, 1)):
        raise AssertionError("pixel 1 was inside the ball and must stay at 0.55: clip, do not push to the rim")
    if not near(found, expected):
        raise AssertionError(f"found {row(found)}, expected {row(expected)}: clip each pixel on its own")
    return "Well done: in the ball, in [0, 1], and pixels that were allowed have not moved."


def margin_loss(student: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Exercise "A loss that does not run out": `student(logits, y)` is the best wrong logit minus the right one, [B].

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    logits, y = torch.tensor([[2.0, 5.0, 1.0], [0.0, 1.0, -3.0]]), torch.tensor([1, 0])
    expected = torch.tensor([-3.0, 1.0])
    found = tensor(student(logits.clone(), y), y.shape)
    if near(found, -expected):
        raise AssertionError("the wrong way round: the attacker raises the best wrong logit over the right one")
    if near(found, torch.tensor([0.0, 1.0])):
        raise AssertionError("found 0 for an example that is right: leave the true class out of the maximum")
    if not near(found, expected):
        raise AssertionError(f"found {row(found)}, expected {row(expected)}: best wrong logit minus the true logit")
    sure = torch.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(student(sure, torch.tensor([0])).sum(), sure, allow_unused=True)
    if gradient is None or not near(gradient, torch.tensor([[-1.0, 1.0, 0.0]])):
        raise AssertionError("at logits (1000, 0, -1000) the gradient must be (-1, 1, 0): no softmax, no detach")
    return "Well done: this gradient stays alive however sure the model is."


def worst_case_accuracy(student: Callable[[dict[str, Tensor]], float]) -> str:
    """Exercise "Several attackers": `student(correct)` is the accuracy under the best attack on each example.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    correct = {
        "one": torch.tensor([True, True, True, False, False]),
        "two": torch.tensor([True, False, False, True, False]),
    }
    found = float(student({name: outcome.clone() for name, outcome in correct.items()}))
    slips = {
        0.4: "this is the accuracy under the best single attack; an attacker picks a fresh attack for every image",
        0.5: "this is the average over attacks; no attacker averages",
        0.8: "an image counts as correct here if it survives any attack; it must survive all of them",
    }
    for value, slip in slips.items():
        if abs(found - value) < 1e-6:
            raise AssertionError(f"found {found:.1f}, expected 0.2: {slip}")
    if abs(found - 0.2) > 1e-6:
        raise AssertionError(f"found {found!r}, expected 0.2: one image in five survives both attacks")
    return "Well done: an image is safe only if it survives every attack."


def linear_robustness(student: Callable[[Tensor, Tensor, Tensor, int], float]) -> str:
    """Exercise "How far is the nearest mistake?": `student(weights [C, D], bias [C], x [D], y)`.

    The answer is the smallest eps, in the L-infinity norm, at which a linear classifier can be fooled at x.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    weights = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [-3.0, 2.0, -2.0]])
    bias, x = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([2.0, 1.0, 1.0])
    # Logits 2, 1, -5. Class 1: gap 1 over |(-1, 0.5, 0)| = 1.5. Class 2: gap 7 over |(-4, 2, -2)| = 8: 2/3 against 7/8.
    _expect(student(weights, bias, x, 0), 1 / 1.5, slips={
        1 / 1.25**0.5: "you divided by the L2 norm; a ball in the L-infinity norm has the L1 norm for its partner",
        1 / 0.5: "the true class's weights move too: take the norm of the difference of two rows",
        7 / 8: "another class is nearer: take the smallest ratio over all wrong classes",
    })  # fmt: skip
    # With this bias the logits are 2, 1, 0: the runner-up is 2/3 away, class 2 only 2/8.
    _expect(student(weights, torch.tensor([0.0, 0.5, 6.0]), x, 0), 2 / 8, slips={
        1 / 1.5: "the runner-up is not the nearest: class 2 has a larger gap, but a far larger norm to close it with",
    })  # fmt: skip
    return "Well done: gap over L1 norm, smallest over the wrong classes."


class Rounded(nn.Module):
    """A classifier behind a step that rounds every pixel to one of a few grey levels, so that no pixel has a slope.

    Args:
        model: the classifier, of images in [0, 1].
        levels: how many greys there are, black and white among them.
    """

    def __init__(self, model: nn.Module, levels: int = 5) -> None:
        super().__init__()
        self.model, self.levels = model, levels

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [B, C], of images [B, ...]."""
        return self.model((x * (self.levels - 1)).round() / (self.levels - 1))


def rounded_classifier() -> tuple[nn.Module, Tensor, Tensor, float]:
    """The classifier of exercise "Break this defence", 60 images that it reads rightly, their labels, and the budget."""
    generator = torch.Generator().manual_seed(3)
    first, last = nn.Linear(144, 64), nn.Linear(64, 4)
    for layer, steep in ((first, 4), (last, 1)):
        layer.weight.data = steep * torch.randn(layer.weight.shape, generator=generator) / layer.in_features**0.5
        layer.bias.data = -layer.weight.data.sum(1) / 2 if layer is first else torch.zeros(4)
    model = Rounded(nn.Sequential(nn.Flatten(), first, nn.Tanh(), last).requires_grad_(False))
    x = torch.rand(200, 1, 12, 12, generator=generator)
    logits = model(x).sort(1).values
    x = x[(logits[:, -1] - logits[:, -2]).argsort(descending=True)[20:80]]  # neither the surest nor the least sure
    return model, x, model(x).argmax(1), 0.05


def break_rounded(student: Callable[[nn.Module, Tensor, Tensor, float], Tensor]) -> str:
    """Exercise "Break this defence": `student(model, x, y, eps)` attacks a network behind a rounding of its pixels.

    What it returns must lie within eps of x and in [0, 1], and the network may read at most a tenth of it rightly.

    Raises:
        AssertionError: where the images lie or how many still stand, and the likeliest slip.
    """
    model, x, y, eps = rounded_classifier()
    found = tensor(student(model, x.clone(), y, eps), tuple(x.shape)).detach()
    if float((found - x).abs().max()) > eps + 1e-5:
        raise AssertionError(f"a pixel moved by {float((found - x).abs().max()):.3f}, expected at most eps = {eps:g}: put"
                             " the result back into the ball; rounding belongs to the network, not to what you return")
    if float(found.min()) < -1e-6 or float(found.max()) > 1 + 1e-6:
        raise AssertionError(f"pixels from {float(found.min()):.2f} to {float(found.max()):.2f}: stay in [0, 1]")
    standing = float((model(found).argmax(1) == y).float().mean())
    if near(found, x):
        raise AssertionError("nothing has moved: the gradient through `round` is zero everywhere, and so is its sign. The"
                             " network behind the rounding, `model.model`, does have slopes")
    if standing > 0.1:
        raise AssertionError(f"{standing:.0%} still stand, expected at most 10 %. Noise alone leaves nearly all of them: do"
                             " your steps follow slopes of `model.model`, uphill, and use the whole budget?")
    return f"Well done: {standing:.0%} still stand. A gradient of zero was no defence."


def _expect(value, expected: float, slips: dict[float, str]) -> None:
    found = float(value)
    for slip, reason in slips.items():
        if abs(found - slip) < 1e-4:
            raise AssertionError(f"found {found:.3f}, expected {expected:.3f}: {reason}")
    if not abs(found - expected) < 1e-4:
        raise AssertionError(f"found {found:.3f}, expected {expected:.3f}: the gap of two logits over an L1 norm")


def _two_class_line() -> nn.Module:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]]))
        model.bias.zero_()
    return model
