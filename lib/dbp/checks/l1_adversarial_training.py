"""Did I get it right? The exercises of chapter "Adversarial training"."""

import math

import torch
from torch import nn

from dbp.checks.comparing import near, row, tensor

__all__ = ["adversarial_batch", "footnote_penalty", "paired_gain"]


def adversarial_batch(student) -> str:
    """Exercise "Join the batch": student(model, x, y, eps) -> (images [2 B, ...], labels [2 B]), FGSM copies last.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    model[1].weight.data = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    x, y = torch.tensor([[0.1, 0.5], [0.05, 0.5]]), torch.tensor([0, 1])
    step = torch.tensor([[-0.2, 0.2], [0.2, -0.2]])
    images, labels = student(model, x.clone(), y, 0.2)
    images = tensor(images, (4, 2))
    if not torch.equal(tensor(labels, (4,)).long(), y.repeat(2)):
        raise AssertionError(f"found labels {labels.tolist()}, expected {y.repeat(2).tolist()}: a copy keeps the true label")
    if near(images[:2], (x + step).clamp(0, 1)) or near(images[2:], x):
        raise AssertionError("the copies come first; put the originals first, so that each part is known")
    if near(images[2:], (x - step).clamp(0, 1)):
        raise AssertionError("the copies are easier than the originals: FGSM adds the sign of the loss gradient")
    if near(images[2:], x + step):
        raise AssertionError(f"the first copy is {row(images[2])}: clip to [0, 1], as Section 4.2 says")
    if not near(images, torch.cat([x, (x + step).clamp(0, 1)])):
        raise AssertionError(f"the first copy is {row(images[2])}, expected {row((x + step).clamp(0, 1)[0])}")
    if images.requires_grad:
        raise AssertionError("the copies still carry the graph of the attack: detach them, they are data")
    return "Right: twice the batch, the same labels, and the copies are plain images."


def footnote_penalty(student) -> str:
    """Exercise "The footnote": student(outputs, x) -> [B], sum_j |sum_i J_ij|, which can be differentiated once more.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    weight = torch.tensor([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]], requires_grad=True)
    x = torch.rand(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = tensor(student(x.square() @ weight.T, x), (2,))
    slopes = 2 * x.detach()[:, None] * weight.detach()  # J, [2, 2, 3]
    if near(found, slopes.abs().sum((1, 2))):
        raise AssertionError("this is Eq. (3): the footnote adds the rows first and takes absolute values afterwards")
    expected = slopes.sum(1).abs().sum(1)
    if not near(found, expected):
        raise AssertionError(f"found {row(found)}, expected {row(expected)} = sum_j |sum_i J_ij|, one value an image")
    if not found.requires_grad or torch.autograd.grad(found.sum(), weight, allow_unused=True)[0] is None:
        raise AssertionError("the value is right, but training cannot use it: was create_graph=True forgotten?")
    return "Right: one backward pass for all outputs together."


def paired_gain(student) -> str:
    """Exercise "Seed by seed": student(with_it, without) -> (mean gain, half-width of Student's 95 % interval), paired.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    mean, half = (float(value) for value in student([91.0, 95.0, 84.0], [90.0, 93.0, 81.0]))
    if not math.isclose(mean, 2.0):
        raise AssertionError(f"found a gain of {mean:g}, expected 2: the mean of (with - without)")
    slips = {13.44: "the seeds were not paired: take the spread of the differences",
             1.13: "1.96 is for many seeds; with three, Student's factor for two degrees of freedom is 4.30",
             2.03: "the spread of n values has n - 1 degrees of freedom", 4.30: "divide by the root of the number of seeds"}
    for wrong, slip in slips.items():
        if math.isclose(half, wrong, rel_tol=0.02):
            raise AssertionError(f"found +- {half:.2f}, expected +- 2.48: {slip}")
    if not math.isclose(half, 2.484, rel_tol=0.01):
        raise AssertionError(f"found +- {half:.2f}, expected +- 2.48 = 4.30 x std of the differences / root of 3")
    return "Right: what the seeds share cancels."
