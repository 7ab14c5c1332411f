"""Did I get it right? The exercises of chapter "A flat network"."""

import math

import torch

from dbp.checks.comparing import number

__all__ = ["penalised_loss", "same_penalty", "stopping_rule"]


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
