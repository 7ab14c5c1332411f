"""Did I get it right? The exercises of chapter "DRAW"."""

import math

import torch
from torch import Tensor

from dbp.checks.comparing import near, row, tensor
from dbp.models.draw import Attention

__all__ = ["blind_one", "error_image", "kl_of_steps", "place_window", "products_saved"]


def error_image(student) -> str:
    """Exercise "What is left to paint": student(x, canvas) -> x - sigma(canvas), P1 Eq. (5), its first line.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    x = torch.tensor([1.0, 0.0, 0.5]).reshape(1, 1, 1, 3)
    canvas = torch.tensor([0.0, math.log(3.0), -math.log(3.0)]).reshape(1, 1, 1, 3)
    found = student(x, canvas)
    if not isinstance(found, torch.Tensor) or found.shape != x.shape:
        shape = list(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise AssertionError(f"found {shape}, expected an image like x, {list(x.shape)}")
    slips = {"the canvas holds logits: take the sigmoid before it is compared with pixels": x - canvas,
             "the sign is turned round: what is missing is the image minus what is painted": canvas.sigmoid() - x,
             "this is what is painted, not what is missing": canvas.sigmoid()}
    for slip, wrong in slips.items():
        if torch.allclose(found, wrong):
            raise AssertionError(f"found {found.flatten().tolist()}: {slip}")
    if not torch.allclose(found, x - canvas.sigmoid()):
        raise AssertionError(f"found {found.flatten().tolist()}, expected {(x - canvas.sigmoid()).flatten().tolist()}")
    return "Right: at an empty canvas the error image is x minus one half, not x."


def kl_of_steps(student) -> str:
    """Exercise "What a code costs": student(mus, logvars), lists of [B, K] a step -> KL in nats, [B], over all steps.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    mus = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])]
    logvars = [torch.zeros(1, 2), torch.tensor([[math.log(4.0), 0.0]])]
    squares, plus = 5.0, 4.0 - math.log(4.0)  # sum of mu^2; sigma^2 - log sigma^2 of the one that is not 1
    expected = (squares + plus - 1) / 2
    found = float(torch.as_tensor(student(mus, logvars)).flatten()[0])
    slips = {(squares + 3 + plus) / 2 - 1: "T / 2 was taken off, as P1 prints; it is 1/2 for each latent of each step",
             (squares + 3 + plus) / 2: "nothing was taken off: the divergence of the prior from itself must be 0",
             expected / 2: "averaged over the steps or the latents; a code's nats add up",
             2 * expected: "the factor 1/2 is missing",
             (squares + 16 - math.log(4.0) - 1) / 2: "logvar is the logarithm of the variance, not of sigma"}
    for wrong, slip in slips.items():
        if math.isclose(found, wrong, rel_tol=1e-4):
            raise AssertionError(f"found {found:.4f}, expected {expected:.4f}: {slip}")
    if not math.isclose(found, expected, rel_tol=1e-4):
        raise AssertionError(f"found {found:.4f}, expected {expected:.4f} nats")
    return "Right: every latent of every step has its own half to take off."


def place_window(student) -> str:
    """Exercise "Place the window": student(pixels, window, left, right) -> (g, log_delta) of Gregor et al., Eq. (22)-(24).

    The first point of the window shall lie on pixel `left` and its last on pixel `right`, counted from 0.

    Raises:
        AssertionError: where the window came to lie, where it should, and the likeliest slip.
    """
    for pixels, window, left, right in ((28, 12, 4.0, 15.0), (64, 8, 40.0, 61.0)):
        g, log_delta = (float(value) for value in student(pixels, window, left, right))
        eye = Attention((1, pixels, pixels), 1, window)
        _, _, _, place = eye.filters(torch.tensor([[g, 0.0, 0.0, log_delta, 0.0]]))
        found = [float(place.x - place.side / 2), float(place.x + place.side / 2)]
        if not all(math.isclose(a, b, abs_tol=0.01) for a, b in zip(found, (left, right), strict=True)):
            shifts = [a - b for a, b in zip(found, (left, right), strict=True)]
            slip = ""
            if math.isclose(*shifts, abs_tol=0.01):
                slip = "; the width is right, but it is shifted. Eq. (22) counts pixels from 1"
            elif math.isclose(sum(found), left + right, abs_tol=0.02):
                slip = "; the centre is right. Eq. (24) has M - 1 gaps between M points, and a logarithm"
            reach = f"from {found[0]:.2f} to {found[1]:.2f}, expected {left:g} to {right:g}"
            raise AssertionError(f"the window reaches {reach}{slip}")
    return "Right: M points have M - 1 gaps, and the paper counts pixels from 1."


def products_saved(student) -> str:
    """Exercise "What one product saves": student(steps, pixels, size) -> multiplications as printed, and with x taken once.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    for steps, pixels, size in ((3, 5, 2), (1, 4, 3)):
        gates = 4 * size
        printed, split = steps * gates * (2 * pixels + size), gates * pixels + steps * gates * (pixels + size)
        found = student(steps, pixels, size)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise AssertionError(f"found {found!r}, expected two counts: as printed, and with the product for x taken once")
        case, found = f"{steps} steps, {pixels} pixels, {size} units", tuple(int(value) for value in found)
        slips = {
            (split, printed): "the two counts are in the other order",
            (printed // 4, split // 4): "an LSTM of that size has 4 * size gates",
            (steps * gates * (pixels + size), split): "as printed, x and its error image enter side by side: 2 * pixels",
            (printed, steps * gates * (pixels + size)): "the one product for x is missing",
            (printed, gates * pixels + steps * gates * pixels): "h has a product of its own in every step, either way",
            (printed, 2 * gates * pixels + steps * gates * size):
                "the picture so far changes, so s needs its product in every step",
        }
        if found != (printed, split):
            slip = slips.get(found, "count rows times columns of each part of W, and how often it is used")
            raise AssertionError(f"{case}: found {found}, expected {(printed, split)}: {slip}")
    return "Right: two in five of the products of DRAW16 go away, and none of those of DRAW1."


def blind_one(student) -> str:
    """Exercise "Close one eye": student(paint, x, steps) -> how far the picture moves if one look sees grey only, [steps].

    `paint(copies)` gives the canvas, in logits, of a painter who sees copies[t] in step t. The distance is the L2 length
    of the change of the picture, in [0, 1], mean over the images.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    weights = torch.tensor([1.0, -2.0, 0.0, 4.0])
    x = torch.tensor([[0.2, 0.9], [0.7, 0.1]]).reshape(2, 1, 1, 2)

    def paint(copies: list[Tensor]) -> Tensor:
        if len(copies) != 4:
            raise AssertionError(f"paint was given {len(copies)} copies, expected 4, one for each step")
        return sum(weight * copy for weight, copy in zip(weights, copies, strict=True))

    def moved(t: int, seen: Tensor, image=torch.sigmoid, size=lambda change: change.flatten(1).norm(dim=1).mean()) -> Tensor:
        blind = [seen if step == t else x for step in range(4)]
        return size(image(paint(blind)) - image(paint([x] * 4)))

    def all_steps(*given, **how) -> Tensor:
        return torch.stack([moved(t, *given, **how) for t in range(4)])

    grey = torch.full_like(x, 0.5)
    found, expected = tensor(student(paint, x, 4), (4,)), all_steps(grey)
    slips = {
        "these are changes of the canvas, in logits; what is seen of it is its sigmoid": all_steps(grey, image=lambda c: c),
        "the look sees black, and not the grey of 0.5": all_steps(torch.zeros_like(x)),
        "the lengths were added up over the images; take their mean": 2 * expected,
        "these are squared lengths": all_steps(grey, size=lambda change: change.flatten(1).square().sum(1).mean()),
        "this is a mean over pixels; take the length of the change of each image": all_steps(
            grey, size=lambda change: change.abs().mean()),
        "every look but one is grey here; blind one at a time": torch.stack([
            (paint([x if step == t else grey for step in range(4)]).sigmoid() - paint([x] * 4).sigmoid())
            .flatten(1).norm(dim=1).mean() for t in range(4)]),
    }
    for slip, wrong in slips.items():
        if near(found, wrong):
            raise AssertionError(f"found {row(found)}, expected {row(expected)}: {slip}")
    if not near(found, expected):
        stays = "" if abs(float(found[2])) < 1e-6 else ". This painter ignores its third look: were the copies put back?"
        raise AssertionError(f"found {row(found)}, expected {row(expected)}{stays}")
    return "Right: one look at a time, everything else as before, and the change is that of the picture."
