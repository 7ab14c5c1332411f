"""Did I get it right? The exercises of chapter "Flat codes"."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dbp.checks.comparing import near, row, tensor

__all__ = ["break_by_labels", "strength_within", "farthest_push", "hides", "on_frontier", "silent_defence"]


def farthest_push(student) -> str:
    """Exercise "Where the border helps": student(J, x, eps) -> how far each number of a linear code can be moved, [D].

    Images stay within eps of x and in [0, 1]; the code is J x, with J [D, P] and x [P].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    J = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 0.0, 1.0]], dtype=torch.float64)
    for x, eps in (([0.5, 0.5, 0.5], 0.1), ([0.0, 1.0, 0.5], 0.1), ([0.05, 0.0, 1.0], 0.2)):
        x = torch.tensor(x, dtype=torch.float64)
        up, down = (1 - x).clamp(max=eps), x.clamp(max=eps)
        gain, loss = (J.clamp(min=0) @ a - J.clamp(max=0) @ b for a, b in ((up, down), (down, up)))
        right = gain.maximum(loss)
        found = tensor(student(J.clone(), x.clone(), eps), (2,)).double()
        if near(right, found):
            continue
        for wrong, slip in (
            (eps * J.abs().sum(1), "eps times the L1 norm of each row is too much: a pixel at 0 cannot go down"),
            (gain, "this is the farthest upwards; a code may be moved downwards, too"),
            (loss, "this is the farthest downwards; a code may be moved upwards, too"),
            (gain + loss, "this is the way from one end to the other; asked for is the way from where the code is"),
            (eps * J.norm(dim=1), "this is for a budget on the L2 norm; here each pixel has its own budget"),
            (eps * J.sum(1).abs(), "the pixels need not move the same way: each goes where it helps"),
        ):
            if near(wrong, found):
                raise AssertionError(f"x {row(x)}, eps {eps}: found {row(found)}, expected {row(right)}: {slip}")
        raise AssertionError(f"x {row(x)}, eps {eps}: found {row(found)}, expected {row(right)}")
    return "Right: the L1 norm is the most, and a black border lets an attacker have about half of it."


class _Templates(nn.Module):
    """A linear classifier of 12 x 12 images into four classes, behind and before whatever is done to hide its slopes."""

    def __init__(self, before: Callable = torch.clone, after: Callable = torch.clone) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(144, 4, generator=torch.Generator().manual_seed(3)))
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [B, 4], of images [B, 1, 12, 12]."""
        return self.after((self.before(x).flatten(1) - 0.5) @ self.weight)


def _suspects() -> dict[str, tuple[nn.Module, Tensor, Tensor, bool]]:
    """Five classifiers with images, labels, and whether each hides its slopes; the budget is 0.1."""
    generator = torch.Generator().manual_seed(4)
    honest = _Templates()
    near_by = 0.3 + 0.4 * torch.rand(60, 1, 12, 12, generator=generator)
    read = honest(near_by).argmax(1)
    middle = near_by + 0.05 * honest.weight[:, read].sign().T.reshape(-1, 1, 12, 12)
    far = (0.5 + 0.3 * honest.weight[:, read].sign().T.reshape(-1, 1, 12, 12)).clamp(0, 1)
    return {
        "an honest one that falls": (honest, near_by, read, False),
        "an honest one that stands": (honest, far, read, False),
        "one with rounded pixels": (_Templates(lambda x: (8 * x).round() / 8), near_by, read, True),
        "one behind a saturated softmax": (_Templates(after=lambda logits: (200 * logits).softmax(1)), near_by, read, True),
        "one with ripples": (_Templates(lambda x: x + 0.03 * torch.sin(300 * x)), middle, read, True),
    }


def hides(student) -> str:
    """Exercise "Which one hides?": student(model, x, y, eps) -> True where accuracy under PGD is not to be believed.

    Raises:
        AssertionError: which classifier was judged wrongly, and what gives it away.
    """
    why = {
        "an honest one that falls": "PGD breaks it, and nothing else breaks more",
        "an honest one that stands": "it is right by a wide margin, and nothing moves it. That a network stands is no sign"
                                     " of a mask; that a weaker attack breaks what a stronger one left is",
        "one with rounded pixels": "every slope is exactly zero, and a random search breaks it",
        "one behind a saturated softmax": "for most images the slope of the cross-entropy is exactly zero",
        "one with ripples": "there are slopes, but they point anywhere; a search without gradients breaks what PGD left",
    }
    for name, (model, x, y, hidden) in _suspects().items():
        right = model(x).argmax(1) == y
        found = student(model, x[right].clone(), y[right], 0.1)
        if bool(found) != hidden:
            raise AssertionError(f"{name}: found {bool(found)}, expected {hidden}: {why[name]}")
    return "Right: three hide, and two do not, one of which nobody can break at this budget."


def on_frontier(student) -> str:
    """Exercise "Who is on the frontier?": student(clean, worst) -> which of N networks no other beats, bool [N].

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    clean = torch.tensor([0.99, 0.98, 0.98, 0.95, 0.95, 0.90, 0.99])
    worst = torch.tensor([0.10, 0.50, 0.40, 0.70, 0.70, 0.60, 0.10])
    expected = torch.tensor([True, True, False, True, True, False, True])
    found = tensor(student(clean.clone(), worst.clone()), (7,)).bool()
    if found.equal(expected):
        return "Right: to be beaten, somebody must be at least as good in both, and better in one."
    slip = ""
    if found.equal(~expected):
        slip = ": the answer is upside down"
    elif not found[3] or not found[4] or not found[0] or not found[6]:
        slip = ": two networks in the same place do not beat each other; one of the two numbers must be better"
    elif found[2]:
        slip = ": the third is as good on clean images as the second, and worse under attack, so it is beaten"
    elif found[5]:
        slip = ": the sixth is worse than the fourth in both"
    raise AssertionError(f"found {found.tolist()}, expected {expected.tolist()}{slip}")


def strength_within(student) -> str:
    """Exercise "Choose under a budget": student(clean, worst, least) -> index of a strength, or None.

    `clean` and `worst` are accuracies in percent, [strengths, seeds]. Chosen is the largest mean `worst` of those strengths
    whose whole 95 % interval of `clean` (Student's, over seeds) lies at or above `least`.

    Raises:
        AssertionError: what was found, what was expected, and the likeliest slip.
    """
    clean = torch.tensor([[98.5, 98.6, 98.4], [97.8, 97.7, 97.9], [97.9, 96.4, 97.8], [94.0, 94.2, 93.9]])
    worst = torch.tensor([[20.0, 22.0, 21.0], [60.0, 59.0, 64.0], [70.0, 71.0, 69.0], [80.0, 82.0, 81.0]])
    order = torch.tensor([2, 0, 3, 1])  # strengths need not be sorted
    for places in (torch.arange(4), order):
        found = student(clean[places].clone(), worst[places].clone(), 97.0)
        names = {int(strength): at for at, strength in enumerate(places)}
        expected = names[1]
        if found is not None and int(found) == expected:
            continue
        slips = {names[3]: "it stands best under attack, but its clean accuracy is below the budget",
                 names[2]: "its mean is above the budget, but one seed in three is far below: the whole interval has to be",
                 names[0]: "this one keeps the budget, but so does another that stands far better under attack"}
        slip = "one strength keeps the budget: return its index" if found is None else slips.get(int(found), "")
        raise AssertionError(f"found {found}, expected {expected}: {slip}")
    none = student(clean, worst, 99.5)
    if none is not None:
        raise AssertionError(f"found {none}, expected None: no strength is surely at 99.5 %; it is better to say so")
    return "Right: the budget is kept by whole intervals, and only then does robustness count."


class _Silent:
    """A classifier that says nothing but the class, and counts how many images it was shown."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._weights = [torch.randn(shape, generator=generator) / shape[0] ** 0.5 for shape in ((64, 24), (24, 4))]
        self.seen = 0

    def __call__(self, x: Tensor) -> Tensor:
        """Classes, [B], of images [B, 1, 8, 8]."""
        self.seen += len(x)
        first, second = self._weights
        return ((6 * (x.detach().flatten(1) - 0.5) @ first).tanh() @ second).argmax(1)


LIMIT = 4000  # images that the silent defence may be shown


def silent_defence() -> tuple[Callable[[Tensor], Tensor], Tensor, Tensor, Tensor, float]:
    """What exercise "It only says the class" gives: ask, images, their classes, 3,000 more images, and eps."""
    ask, generator = _Silent(seed=5), torch.Generator().manual_seed(6)
    x, more = (torch.rand(count, 1, 8, 8, generator=generator) for count in (100, 3000))
    y = ask(x)
    ask.seen = 0
    return ask, x, y, more, 0.15


def break_by_labels(student) -> str:
    """Exercise "It only says the class": student(ask, x, y, more, eps) -> images within eps, and in [0, 1], like x.

    Raises:
        AssertionError: how many still stand, or which rule was broken, and the likeliest slip.
    """
    ask, x, y, more, eps = silent_defence()
    found = tensor(student(ask, x.clone(), y.clone(), more.clone(), eps), tuple(x.shape)).detach()
    asked = ask.seen
    if asked > LIMIT:
        raise AssertionError(f"the defence was shown {asked} images, expected at most {LIMIT}: train a copy and attack it")
    low, high = float(found.min()), float(found.max())
    if low < -1e-6 or high > 1 + 1e-6:
        raise AssertionError(f"pixels must lie in [0, 1], but range from {low:.2f} to {high:.2f}")
    moved = float((found - x).abs().max())
    if moved > eps + 1e-6:
        raise AssertionError(f"a pixel moved by {moved:.3f}, at most {eps} was allowed")
    standing = int((ask(found) == y).sum())
    if standing > 30:
        slip = "no image has moved" if moved < 1e-6 else (
            "that is what chance does" if standing > 60 else "the copy is not much like it yet: does it answer as the"
            " defence does on images that it was not fitted to?")
        raise AssertionError(f"{standing} of {len(y)} still stand, expected at most 30: {slip}")
    return f"Broken: {standing} of {len(y)} still stand, after {asked} questions. Saying less is no defence."

