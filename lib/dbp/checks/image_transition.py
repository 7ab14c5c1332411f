"""Did I get it right? The exercises of chapter "From one digit to another"."""

import math

import torch
from torch import Tensor, nn

from dbp.checks.comparing import near, row, tensor
from dbp.intervals import wilson

__all__ = ["arrival", "fair_interval", "nearest_of_class", "sign_test", "slope_on_logits", "walk_without_sign"]


def slope_on_logits(student) -> str:
    """Exercise "The slope on the logits": student(logits, target) -> d ||f_target - f||_2 / d logits, [B, C].

    `logits` is [B, C], float64, `target` int64 [B]; f is the softmax.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    logits = torch.tensor([[0.0, -1.0, -3.0], [2.0, 0.5, 1.0]], dtype=torch.float64)
    target = torch.tensor([2, 0])
    wanted = torch.zeros_like(logits).scatter(1, target[:, None], 1.0)
    p = logits.softmax(1)
    miss = p - wanted
    length = miss.norm(dim=1, keepdim=True)
    unit = miss / length
    expected = p * (unit - (p * unit).sum(1, keepdim=True))
    found = tensor(student(logits.clone(), target), (2, 3)).detach()
    if near(expected, found):
        return "Right: every entry has its own probability as a factor. Where p is tiny, so is the pull."
    cross = -miss
    slips = (
        (-expected, "the sign is the other way round: this is how the distance falls"),
        (unit, "this is the slope on the probabilities; the softmax has a Jacobian of its own, p_k (delta_ki - p_i)"),
        (expected * length, "the norm is not squared: divide by ||f_target - f|| once"),
        (2 * expected * length, "this is the slope of the squared norm"),
        (miss, "this is the slope of the cross-entropy"),
        (cross, "this is minus the slope of the cross-entropy"),
        (p * unit, "the softmax also takes from the other classes: subtract sum_i p_i v_i before you multiply by p_k"),
    )
    for wrong, slip in slips:
        if near(wrong, found):
            raise AssertionError(f"found {row(found[0])} for the first image, expected {row(expected[0])}: {slip}")
    raise AssertionError(f"found {row(found[0])} for the first image, expected {row(expected[0])}")


def fair_interval(student) -> str:
    """Exercise "Is it our step?": student(arrive, etas) -> (eta, low, high), chosen on one half, judged on the other.

    `arrive(eta, half)` says which walks of half 0 or 1 end at the target, bool [50].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    counts = {0.01: (20, 24), 0.1: (34, 21), 0.3: (25, 27)}  # by luck, the best of the first half is the worst of the second
    asked = []

    def arrive(eta: float, half: int) -> Tensor:
        asked.append((eta, half))
        return torch.arange(50) < counts[eta][half]

    found = student(arrive, list(counts))
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise AssertionError(f"found {found!r}, expected three numbers: the step size, and the two ends of the interval")
    eta, low, high = map(float, found)
    if eta == 0.3:
        raise AssertionError("found the step size 0.3, which is the best one on the second half; choose on the first")
    if eta != 0.1:
        raise AssertionError(f"found the step size {eta:g}, expected 0.1, with which 34 of the first 50 walks arrive")
    expected = wilson(21, 50)
    slips = (
        (wilson(34, 50), "this is the half by which the step size was chosen. It was chosen *because* it did well there"),
        (wilson(55, 100), "half of these walks were used to choose; judge on the second half alone"),
        ([100 * end for end in expected], "shares of 1, please, not percent"),
        (expected[::-1], "the lower end comes first"),
        (wilson(50 - 21, 50), "these are the walks that do not arrive"),
    )
    for ends, slip in slips:
        if math.isclose(low, ends[0], abs_tol=1e-6) and math.isclose(high, ends[1], abs_tol=1e-6):
            raise AssertionError(f"found [{low:.2f}, {high:.2f}], expected [{expected[0]:.2f}, {expected[1]:.2f}]: {slip}")
    if not (math.isclose(low, expected[0], abs_tol=1e-6) and math.isclose(high, expected[1], abs_tol=1e-6)):
        raise AssertionError(f"found [{low:.2f}, {high:.2f}], expected [{expected[0]:.2f}, {expected[1]:.2f}], Wilson's"
                             " interval for 21 of 50")
    if {eta for eta, half in asked if half == 1} != {0.1}:
        raise AssertionError("the second half was looked at with other step sizes, too; it is to be kept for the one chosen")
    return "Right: chosen on one half, judged on the other. 34 of 50 were luck in part; 21 of 50 is what is left of it."


def arrival(student) -> str:
    """Exercise "When did it arrive?": student(says, moved) -> reached, bool [B], and the distance at arrival, [B].

    `says` is bool [N + 1, B], whether the classifier says the target class after each step; `moved` is [N + 1, B].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    says = torch.tensor([[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]]).bool()
    moved = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [1.5, 4.0, 5.0], [2.0, 6.0, 7.0]])
    found = student(says, moved)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise AssertionError(f"found {found!r}, expected two tensors: whether it arrived, and how far it had moved")
    reached, distance = tensor(found[0], (3,)), tensor(found[1], (3,))
    if reached.tolist() == [True, False, False]:
        raise AssertionError("the third image was there after step 1 and left again; it did arrive")
    if reached.tolist() != [True, False, True]:
        raise AssertionError(f"reached: found {reached.tolist()}, expected [True, False, True]")
    if not math.isnan(float(distance[1])):
        raise AssertionError(f"found the distance {float(distance[1]):g} for an image that never arrived, expected nan: the"
                             " argmax of a column without a True is 0, and such zeros make every walk look short")
    if math.isclose(float(distance[0]), 2.0) or math.isclose(float(distance[2]), 7.0):
        raise AssertionError(f"found {row(distance)}: this is how far the images were in the end; expected"
                             " (1.50, nan, 3.00), the distance at the first step at which the class is said")
    if not (math.isclose(float(distance[0]), 1.5) and math.isclose(float(distance[2]), 3.0)):
        raise AssertionError(f"found {row(distance)}, expected (1.50, nan, 3.00)")
    return "Right: the first step that says the class, and nothing for those that never do."


class Bowl(nn.Module):
    """Two pixels, three classes: logits are minus the squared distances to three corners, times a gain."""

    CORNERS = torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]])

    def __init__(self, gain: float = 20.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [B, 3], of images, [B, 1, 1, 2]."""
        return -self.gain * (x.flatten(1)[:, None] - self.CORNERS).square().sum(2)


def walk_without_sign(student) -> str:
    """Exercise "Without the sign": student(model, x, target, steps, length) -> the path, [steps + 1, B, ...], in [0, 1].

    Each step has the L2 length `length` for every image, against the gradient of log sum_{i != t} exp(l_i) - l_t.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    model = Bowl()
    x = torch.tensor([[0.15, 0.2], [0.3, 0.1], [0.85, 0.03]]).view(3, 1, 1, 2)
    target = torch.tensor([1, 2, 0])
    found = tensor(student(model, x.clone(), target, 3, 0.1), (4, 3, 1, 1, 2)).detach()
    if not near(found[0], x):
        raise AssertionError("the path must begin with the images that were given")
    if float(found.min()) < 0 or float(found.max()) > 1:
        pixels = f"{float(found.min()):.2f} to {float(found.max()):.2f}"
        raise AssertionError(f"pixels must lie in [0, 1], but range from {pixels}")
    if model.gain.grad is not None:
        raise AssertionError("the model's parameters have a gradient now; ask autograd.grad for that of the images alone")
    expected = _without_sign(model, x, target, 3, 0.1)
    if near(expected, found):
        return "Right: every image goes the same length, and its pixels share it as the gradient says."
    first, due = (path[1] - path[0] for path in (found, expected))
    lengths = first.flatten(1).norm(dim=1)
    message = f"the first step of the first image is {row(first[0])}, expected {row(due[0])}"
    if near(first[:2], -due[:2]):
        raise AssertionError(f"{message}: this goes away from the target class")
    if near(first[:2].abs(), torch.full_like(first[:2], 0.1)):
        raise AssertionError(f"{message}: this is still the sign, every pixel moves by the whole length")
    if near(first[:2].flatten(1).norm(dim=1), torch.full((2,), 0.1)):
        raise AssertionError(f"{message}: the length is right, the direction is not; is it the gradient of the log odds"
                             " against the target, log sum_{i != t} exp(l_i) - l_t?")
    raise AssertionError(f"{message}: the first steps have the lengths {row(lengths)}, expected"
                         f" {row(due.flatten(1).norm(dim=1))}; divide each image's gradient by its own length, not by the"
                         " batch's")


def _without_sign(model: nn.Module, x: Tensor, target: Tensor, steps: int, length: float) -> Tensor:
    path = [x]
    for _ in range(steps):
        point = path[-1].clone().requires_grad_()
        logits = model(point)
        others = logits.scatter(1, target[:, None], float("-inf")).logsumexp(1)
        (gradient,) = torch.autograd.grad((others - logits.gather(1, target[:, None])[:, 0]).sum(), point)
        size = gradient.flatten(1).norm(dim=1).clamp(min=1e-12)
        path.append((point.detach() - length * gradient / size.view(-1, 1, 1, 1)).clamp(0, 1))
    return torch.stack(path)


def nearest_of_class(student) -> str:
    """Exercise "The nearest real digit": student(x, wanted, images, labels) -> L2 distances, [B].

    From each of x, [B, 1, H, W], to the nearest of the images, [N, 1, H, W], whose label is the wanted one, int64 [B].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    images = torch.tensor([[0.0, 0.0], [0.6, 0.8], [1.0, 1.0], [0.0, 0.3]]).view(4, 1, 1, 2)
    labels, wanted = torch.tensor([0, 1, 1, 2]), torch.tensor([1, 2])
    x = torch.tensor([[0.0, 0.0], [0.4, 0.0]]).view(2, 1, 1, 2)
    expected = torch.tensor([1.0, 0.5])
    found = tensor(student(x, wanted, images, labels), (2,)).float()
    slips = (
        (expected.square(), "these are squared distances"),
        (torch.tensor([0.0, 0.4]), "these are the nearest images of any class"),
        (torch.tensor([1.4, 0.7]), "these are sums of absolute differences, the L1 distance"),
        (torch.tensor([0.8, 0.4]), "these are the largest differences of a pixel"),
        (torch.tensor([(1 + math.sqrt(2)) / 2, 0.5]), "this is the mean over the class, not its nearest image"),
        (torch.tensor([1.0, 3.0]), "these are indices"),
    )
    if near(expected, found):
        return "Right: the shortest way to a real digit of the class."
    for wrong, slip in slips:
        if near(wrong, found):
            raise AssertionError(f"found {row(found)}, expected {row(expected)}: {slip}")
    raise AssertionError(f"found {row(found)}, expected {row(expected)}")


def sign_test(student) -> str:
    """Exercise "The same pairs, twice": student(one, other) -> (only one, only other, two-sided p value).

    `one` and `other` are bool [P]: whether it happened on each pair, with one encoder and with another.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    one = torch.tensor([1] * 40 + [1] * 9 + [0] * 1 + [0] * 50).bool()
    other = torch.tensor([1] * 40 + [0] * 9 + [1] * 1 + [0] * 50).bool()
    found = student(one, other)
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise AssertionError(f"found {found!r}, expected three numbers: only one, only other, and the p value")
    a, b, p = (float(value) for value in found)
    if (a, b) == (1.0, 9.0):
        raise AssertionError("found 1 and 9, expected 9 and 1: first the pairs on which it happened with `one` only")
    if (a, b) == (49.0, 41.0):
        raise AssertionError("found 49 and 41, expected 9 and 1: leave out the pairs on which it happened with both")
    if (a, b) != (9.0, 1.0):
        raise AssertionError(f"found {a:g} and {b:g}, expected 9 and 1")
    tail = sum(math.comb(10, k) for k in (9, 10)) / 2**10
    if math.isclose(p, tail, rel_tol=1e-6):
        raise AssertionError(f"p value: found {p:.4f}, expected {2 * tail:.4f}: this is one side only; nobody said before"
                             " which encoder would win")
    if math.isclose(p, 2 * math.comb(10, 9) / 2**10, rel_tol=1e-6):
        raise AssertionError(f"p value: found {p:.4f}, expected {2 * tail:.4f}: count what is even more uneven as well, 10"
                             " to 0")
    if not math.isclose(p, 2 * tail, rel_tol=1e-6):
        raise AssertionError(f"p value: found {p:.4g}, expected {2 * tail:.4f}: twice the chance of 9 heads or more in 10"
                             " throws")
    even = torch.tensor([True, False])
    for against, what in ((one, "an encoder against itself"), (~even, "1 against 1")):
        p = float(student(one if against is one else even, against)[2])
        if not math.isclose(p, 1.0, rel_tol=1e-6):
            raise AssertionError(f"p value of {what}: found {p:g}, expected 1, which no probability exceeds")
    return "Right: the pairs on which both agree say nothing about which of the two is better."
