"""Did I get it right? The exercises of chapter "A flat network"."""

import copy
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dbp.attacks import apgd, fgsm, pgd, square
from dbp.checks.adversarial_examples import Rounded
from dbp.checks.comparing import number
from dbp.data import load

__all__ = ["honest_and_masked", "masked_gradient", "penalised_loss", "same_penalty", "stopping_rule"]


def penalised_loss(student) -> str:
    """Exercise "Write the loss": student(model, x, y, lam) -> [B], cross-entropy plus lam times the softmax's mean |J_ij|.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
    weight = torch.tensor([[1.0, -2.0, 0.0, 1.0], [0.0, 1.0, 3.0, -1.0]])
    model[1].weight.data = weight.clone()
    x, y, lam = torch.zeros(3, 1, 2, 2), torch.tensor([0, 1, 0]), 5.0
    # At x = 0 both probabilities are 1/2, so row i of the Jacobian is +-(w_0 - w_1) / 4.
    row = float((weight[0] - weight[1]).abs().sum()) / 4
    expected = math.log(2) + lam * 2 * row / 8
    found = student(model, x, y, lam)
    if not isinstance(found, torch.Tensor) or found.shape != (3,):
        shape = list(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise AssertionError(f"found {shape}, expected [3]: one value an example; average over the batch only at the end")
    slips = {
        math.log(2) + lam * 2 * row: "the entries were added; the mean over all 2 x 4 of them was asked for",
        math.log(2) + lam * float(weight.abs().sum()) / 8: "this is the Jacobian of the logits; take the softmax first",
        math.log(2): "the penalty is missing, or it is zero: were the rows added before their absolute values were taken?",
    }
    value = float(found[0].detach())
    for wrong, slip in slips.items():
        if math.isclose(value, wrong, rel_tol=1e-4):
            raise AssertionError(f"found {value:.4f}, expected {expected:.4f}: {slip}")
    if not math.isclose(value, expected, rel_tol=1e-4):
        raise AssertionError(f"found {value:.4f}, expected {expected:.4f} = log 2 + lam * mean |J_ij|")
    (gradient,) = torch.autograd.grad(found.sum(), model[1].weight, allow_unused=True)
    (plain,) = torch.autograd.grad(torch.nn.functional.cross_entropy(model(x), y, reduction="sum"), model[1].weight)
    if gradient is None or torch.allclose(gradient, plain, atol=1e-6):
        raise AssertionError("the value is right, but the penalty has no gradient: was create_graph=True forgotten?")
    return "Right: one value an example, the mean over the entries, and it can be differentiated once more."


def stopping_rule(student) -> str:
    """Exercise "When does it stop?": student(accuracies) -> bool, the "patience" reading with 10 epochs and 0.0001.

    Raises:
        AssertionError: the sequence that was judged wrongly.
    """
    rising = [0.90 + 0.005 * epoch for epoch in range(12)]
    bumpy = [0.9, *[0.98, 0.97] * 5]
    cases = (
        (rising, False, "it was still rising"),
        ([0.98] * 5, False, "five epochs are fewer than the patience of ten"),
        (bumpy, False, "the best, in epoch 2, is only nine epochs ago: two equal or falling neighbours are another reading"),
        ([*bumpy, 0.97], True, "no epoch of the last ten beat the best"),
        ([0.98 + 0.00001 * epoch for epoch in range(11)], True, "gains below 0.0001 do not count, even if they add up"),
    )
    for accuracies, expected, why in cases:
        found = bool(student(list(accuracies)))
        if found != expected:
            raise AssertionError(f"found {found}, expected {expected} after {len(accuracies)} epochs: {why}")
    return "Right: the best so far is what counts, not the neighbour."


def same_penalty(student) -> str:
    """Exercise "Change the unit": student(lam, classes, pixels) -> the lambda a summed |J_ij| that equals `lam` a mean one.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    slips = {72.0: "multiplied instead of divided: a sum is larger than a mean, so its lambda must be smaller",
             2.0: "divided by the classes only; the mean runs over all entries of the Jacobian",
             1.5: "divided by the pixels only; the mean runs over all entries of the Jacobian",
             6.0: "the two units were taken for the same"}
    number(float(student(6.0, 3, 4)), 0.5, slips, "6 / (3 classes x 4 pixels)")
    return "Right: lambda = 1 a mean entry is lambda = 1 / 7,840 a summed one on MNIST."


class _Suspect(NamedTuple):
    model: nn.Module
    x: Tensor  # images that it reads rightly, [40, 1, 28, 28]
    y: Tensor
    eps: float
    hides: bool
    slip: str  # of a student who is wrong about it


def masked_gradient(student: Callable[[nn.Module, Tensor, Tensor, float], bool]) -> str:
    """Exercise "Find the masked gradient": student(model, x, y, eps) -> whether PGD on the cross-entropy is kept from
    what an attack of another kind finds.

    Asked about seven networks that were trained for a second on digits: three honest ones, fragile and sturdy, and four that
    hide, by loud logits, by rounded pixels and by a ripple. On an honest one no attack leaves 10 points less than PGD does;
    on one that hides there is an attack that leaves 40 points less.

    Raises:
        AssertionError: the first network that was misjudged, what four attacks leave of it, and the likeliest slip.
    """
    suspects = _suspects()
    verdicts = {name: _verdict(student(each.model, each.x.clone(), each.y.clone(), each.eps))
                for name, each in suspects.items()}
    wrong = [name for name, each in suspects.items() if verdicts[name] != each.hides]
    if wrong:
        name, each = wrong[0], suspects[wrong[0]]
        same = len(set(verdicts.values())) == 1
        always = f" You answered {verdicts[name]} for all seven networks; four hide." if same else ""
        raise AssertionError(f"{name}, eps {each.eps:g}: found {verdicts[name]}, expected {each.hides}. {_left(each)}."
                             f" {each.slip}.{always}")
    return "Right: a network is to be doubted where one attack leaves much more than another of a different kind."


def honest_and_masked() -> dict[str, tuple[nn.Module, Tensor, Tensor, float]]:
    """Two networks of exercise "Find the masked gradient" to practise on.

    Returns:
        "honest" and "masked", each with model, 40 images that it reads rightly, [40, 1, 28, 28], their labels, and a budget.
    """
    suspects = list(_suspects().values())
    return {"honest": suspects[0][:4], "masked": suspects[3][:4]}


@functools.cache
def _suspects() -> dict[str, _Suspect]:
    digits = load("mnist", source="embedded")
    short, long = (_train(digits.train, nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10), steps=n) for n in (60, 300))
    linear = _train(digits.train, nn.Linear(784, 10), steps=60)

    def suspect(model: nn.Module, eps: float, hides: bool, slip: str) -> _Suspect:
        right = model(digits.test.images).argmax(1) == digits.test.labels
        return _Suspect(model, digits.test.images[right][:40], digits.test.labels[right][:40], eps, hides, slip)

    return {
        "a small network": suspect(
            short, 0.08, False, "It is fragile and does not hide it: all attacks of many steps bring it down. Compare"
            " attacks with each other, not with the clean images, and let a few images more or less pass"),
        "a network that trained for longer": suspect(
            long, 0.03, False, "Much is left, since the budget is small, and the attacks agree on it. Compare them with each"
            " other, not with the clean images"),
        "a linear network": suspect(linear, 0.2, False, "Hardly anything is left: what should it hide?"),
        "the small network, logits times 1000": suspect(
            _louder(short, 1000), 0.1, True, "Its probabilities round to 1, and the slopes of the cross-entropy to 0. FGSM"
            " and PGD both follow those; ask an attack with a loss of another kind, as Auto-PGD with the targeted DLR"),
        "the longer trained network, logits times 30": suspect(
            _louder(long, 30), 0.1, True, "PGD breaks a part of it, so that it does not look odd beside the clean images."
            " That another loss breaks far more gives it away"),
        "the small network, pixels rounded to five levels": suspect(
            Rounded(short), 0.2, True, "There is no slope anywhere, so an attack that follows slopes finds nothing, whatever"
            " its loss. Ask one that needs none, as Square"),
        "the longer trained network behind a ripple": suspect(
            _Rippled(long), 0.15, True, "It has slopes everywhere, and they lead into the nearest of many little waves. A"
            " mask need not make slopes zero"),
    }


class _Rippled(nn.Module):
    """Adds a fine wave to every pixel, which no eye sees and whose slope outweighs all others."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x + 0.02 * (300 * x).sin())


def _train(split, *layers: nn.Module, steps: int) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Flatten(), *layers)
    for weights in model.parameters():
        fan_in = weights.shape[-1] if weights.ndim == 2 else 100
        weights.data = (2 * torch.rand(weights.shape, generator=generator) - 1) / fan_in**0.5
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        batch = torch.randint(len(split), (128,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(split.images[batch]), split.labels[batch]).backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


def _louder(model: nn.Sequential, factor: float) -> nn.Sequential:
    louder = copy.deepcopy(model)
    for weights in louder[-1].parameters():
        weights *= factor
    return louder


def _left(suspect: _Suspect) -> str:
    """What four attacks leave, as words."""
    model, x, y, eps = suspect[:4]
    found = {"FGSM": fgsm(model, x, y, eps), "PGD": pgd(model, x, y, eps, steps=20),
             "Auto-PGD with the targeted DLR": apgd(model, x, y, eps, steps=20, loss="dlr", targets=3),
             "Square": square(model, x, y, eps, queries=300)}
    left = {name: float((model(images).argmax(1) == y).float().mean()) for name, images in found.items()}
    return "Of the images are left: " + ", ".join(f"{share:.0%} by {name}" for name, share in left.items())


def _verdict(found: object) -> bool:
    if isinstance(found, bool):
        return found
    if str(getattr(found, "dtype", "")).endswith("bool") and getattr(found, "ndim", 1) == 0:
        return bool(found)
    raise AssertionError(f"found {found!r}, expected True or False: compare what two attacks leave, and return the verdict")
