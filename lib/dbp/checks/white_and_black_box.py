"""Did I get it right? The exercises of chapter "White box and black box"."""

import math

import torch
from torch import Tensor, nn

from dbp.checks.comparing import near, row, tensor

__all__ = ["break_masked", "find_eps", "hold_on", "masked_classifier", "missed", "transfer_table"]


def missed(student) -> str:
    """Exercise "Missed, at least": student(white, black) -> at least and at most so many in a hundred, for accuracies in %.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    cases = (((90.0, 80.0), (10.0, 20.0)), ((30.0, 60.0), (0.0, 30.0)), ((60.0, 60.0), (0.0, 40.0)))
    for given, expected in cases:
        found = student(*given)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise AssertionError(f"found {found!r}, expected two numbers: at least, and at most")
        found, (white, black) = tuple(map(float, found)), given
        if all(math.isclose(one, other, abs_tol=1e-9) for one, other in zip(found, expected, strict=True)):
            continue
        slip = ""
        if found == expected[::-1] and expected[0] != expected[1]:
            slip = ": the smaller number comes first"
        elif found[0] < 0:
            slip = ": there are no fewer than 0 images; where the white box is the stronger one, it may have missed none"
        elif found[0] == abs(white - black) != expected[0]:
            slip = ": that the white box breaks more says nothing about what it missed"
        elif math.isclose(found[1], 100 - black) and found[1] > white:
            slip = f": only {white:g} were left standing by the white box; no more can have been missed"
        elif math.isclose(found[1], white) and white > 100 - black:
            slip = f": the black box broke only {100 - black:g}; no more can be missed"
        raise AssertionError(f"white {white:g}, black {black:g}: found {found}, expected {expected}{slip}")
    return "Right: a difference of accuracies is only the least that was missed; the most is far more."


def find_eps(student) -> str:
    """Exercise "At which eps?": student(accuracy_at, level, low, high) -> where a falling accuracy passes the level.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    calls = []

    def smooth(eps: float) -> float:
        calls.append(eps)
        return 100 * math.exp(-10 * eps)

    cases = (("an accuracy of 100 exp(-10 eps)", smooth, math.log(2) / 10),
             ("an accuracy that drops from 80 to 10 at 0.2", lambda eps: 80.0 if eps < 0.2 else 10.0, 0.2))
    for name, accuracy_at, expected in cases:
        found = float(student(accuracy_at, 50.0, 0.0, 0.3))
        if abs(found - expected) <= 0.0011:
            continue
        slip = ": go on until it is known to a thousandth"
        if abs(found - 0.3) < 0.002 or abs(found) < 0.002:
            slip = ": this is an end of the bracket. While the accuracy is above the level, the eps is still too small"
        elif abs(found - 0.15) < 1e-6:
            slip = ": this is only the first middle; keep the half in which the level lies, and go on"
        raise AssertionError(f"{name}, level 50: found {found:.4f}, expected {expected:.4f}{slip}")
    if len(calls) > 30:
        raise AssertionError(f"the accuracy was asked for {len(calls)} times, expected at most 30: each call is an attack on"
                             " all images. Halving the bracket takes nine")
    return f"Right: {expected:.3f} in the second case, and {len(calls)} attacks in the first."


def hold_on(student) -> str:
    """Exercise "Smaller balls lie in larger ones": student(right) -> accuracies, [E], for right, bool [E, N].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    right = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [1, 0, 0, 1, 0]], dtype=torch.bool)
    before = right.clone()
    found = tensor(student(right), (4,)).double()
    expected = torch.tensor([0.8, 0.4, 0.2, 0.0], dtype=torch.float64)
    if not torch.equal(right, before):
        raise AssertionError("the table that was handed over has changed: work on a copy")
    if near(expected, found):
        return "Right: what a small budget breaks, a larger one breaks, image by image."
    slips = (
        (torch.tensor([0.8, 0.4, 0.6, 0.4]), "these are the accuracies as they were: at eps number 3 more stand than at 2"),
        (torch.tensor([0.8, 0.4, 0.4, 0.4]), "the accuracies never rise now, but more is known: an image that was broken"
         " once stays broken, whichever it was. Go image by image"),
        (torch.tensor([0.0, 0.0, 0.2, 0.4]), "the other way round: a small ball lies in a larger one"),
        (torch.tensor([0.8, 0.4, 0.2, 0.2]), "each budget was held against the one before it only, not against all smaller"),
        (100 * expected, "shares of 1, please, not percent"),
    )
    for wrong, slip in slips:
        if near(wrong, found):
            raise AssertionError(f"found {row(found)}, expected {row(expected)}: {slip}")
    raise AssertionError(f"found {row(found)}, expected {row(expected)}")


class Steps(nn.Module):
    """A linear classifier of 16 x 16 images whose logits are rounded down to steps: no slope anywhere."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("weight", torch.randn(256, 4, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [B, 4], of images [B, 1, 16, 16]."""
        logits = 4 * (x.flatten(1) - 0.5) @ self.weight
        return logits + (logits.floor() - logits).detach() - (logits - logits.detach())  # the slopes cancel to zero


def masked_classifier() -> tuple[nn.Module, Tensor, Tensor, float]:
    """The classifier of exercise "Break this masked classifier", 40 images that it reads rightly, labels, and eps."""
    model, generator = Steps(), torch.Generator().manual_seed(2)
    x = 0.2 + 0.6 * torch.rand(40, 1, 16, 16, generator=generator)
    return model, x, model(x).argmax(1), 0.05


def break_masked(student) -> str:
    """Exercise "Break this masked classifier": student(model, x, y, eps) -> images within eps, and in [0, 1], like x.

    Raises:
        AssertionError: how many still stand, or where the images lie, and the likeliest slip.
    """
    model, x, y, eps = masked_classifier()
    found = tensor(student(model, x.clone(), y, eps), tuple(x.shape)).detach()
    if float(found.min()) < -1e-6 or float(found.max()) > 1 + 1e-6:
        pixels = f"{float(found.min()):.2f} to {float(found.max()):.2f}"
        raise AssertionError(f"pixels must lie in [0, 1], but range from {pixels}")
    moved = float((found - x).abs().max())
    if moved > eps + 1e-6:
        raise AssertionError(f"a pixel moved by {moved:.3f}, at most {eps} was allowed")
    standing = int((model(found).argmax(1) == y).sum())
    if standing > len(y) // 10:
        slip = ""
        if moved < 1e-6:
            slip = ": no image has moved. Every gradient of this model is exactly zero, and the sign of zero is zero"
        elif standing > len(y) // 2:
            slip = ": that is what chance does. A gradient is exactly zero here; ask for logits, keep what raises the margin"
        raise AssertionError(f"{standing} of {len(y)} images still stand, expected at most {len(y) // 10}{slip}")
    return f"Broken: {standing} of {len(y)} still stand. The rounding hid the slope from the attack, not from the attacker."


class Marked(nn.Module):
    """Two classes: right unless the first image pixel of `breaks` is marked; knows its own mark, for a pretended attack."""

    def __init__(self, mark: int, breaks: tuple[int, ...]) -> None:
        super().__init__()
        self.mark, self.breaks = mark, list(breaks)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [B, 2], of images [B, 3]: class 0 unless a pixel of `breaks` is above 1/2."""
        broken = (x[:, self.breaks] > 0.5).any(1).double()
        return torch.stack([1 - broken, broken], 1)


def transfer_table(student) -> str:
    """Exercise "Who fools whom?": student(models, x, y, attack) -> accuracies [M, M], a row a source, a column a judge.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    models = [Marked(0, (0,)), Marked(1, (0, 1)), Marked(2, (2,))]
    x, y = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)
    x[3] = 1.0  # read wrongly by all, without any attack

    def attack(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        changed = images.clone()
        changed[1:, model.mark] = 1.0  # the first image withstands
        return changed

    expected = torch.tensor([[0.25, 0.25, 0.75], [0.75, 0.25, 0.75], [0.75, 0.75, 0.25]])
    found = tensor(student(models, x, y, attack), (3, 3)).float()
    if near(expected, found):
        return "Right: made on the row, judged by the column. On the diagonal stands the white box."
    slips = (
        (expected.T, "rows and columns are exchanged: a row says what the images were made on"),
        (1 - expected, "these are the shares that were fooled; accuracies, please"),
        (expected.diagonal().expand(3, 3), "each column is its own white box: make the images on the row's model once"),
        (100 * expected, "shares of 1, please, not percent"),
        ((expected / 0.75).clamp(max=1), "an image that was wrong before the attack counts as wrong, too"),
    )
    for wrong, slip in slips:
        if near(wrong, found):
            raise AssertionError(f"made on the first: found {row(found[0])}, expected {row(expected[0])}; {slip}")
    raise AssertionError(f"found rows {', '.join(map(row, found))}, expected {', '.join(map(row, expected))}")
