"""Did I get it right? The exercises of chapter "Adversarial training"."""

import math

import torch
from torch import nn

from dbp.checks.comparing import near, row, tensor

__all__ = ["adversarial_batch", "choose_defence", "footnote_penalty", "paired_gain"]

# Invented defences: percentages right, one a seed, and the cost in plain trainings.
GROVE = (
    {"name": "ash", "clean": [98.9, 99.0, 98.8], "worst": [2.0, 1.0, 3.0], "cost": 1.0},
    {"name": "beech", "clean": [97.6, 97.7, 97.5], "worst": [60.0, 62.0, 61.0], "cost": 10.0},
    {"name": "birch", "clean": [99.0, 98.6, 96.4], "worst": [70.0, 71.0, 69.0], "cost": 3.0},
    {"name": "cedar", "clean": [98.1, 98.0, 98.2], "worst": [80.0, 79.0, 81.0], "cost": 14.0},
    {"name": "elder", "clean": [95.2, 95.3, 95.1], "worst": [75.0, 74.0, 76.0], "cost": 2.0},
    {"name": "fir", "clean": [98.0, 98.1, 97.9], "worst": [40.0, 41.0, 90.0], "cost": 2.0},
    {"name": "hazel", "clean": [98.3, 98.2, 98.4], "worst": [58.0, 58.5, 57.5], "cost": 2.0},
    {"name": "larch", "clean": [97.4, 97.6, 97.2], "worst": [65.0, 64.0, 66.0], "cost": 2.0},
)  # fmt: skip


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


def choose_defence(student) -> str:
    """Exercise "Choose a defence": student(defences, least_clean, most_cost) -> the name of the best one allowed, or None.

    Each defence is a dict: its "name", its accuracies "clean" and "worst", a list each with one percentage a seed, and its
    "cost" in plain trainings. Allowed are those that cost at most `most_cost` and whose clean accuracy has a Student's
    interval (95 %) that begins at `least_clean` or above; the best has the highest mean accuracy in the worst case.

    Raises:
        AssertionError: what was chosen, what was expected, and the likeliest slip.
    """
    two = ({"name": "ash", "clean": [98.0, 98.0, 98.0], "worst": [60.0, 60.0, 60.0], "cost": 9.0},
           {"name": "oak", "clean": [98.4, 98.6, 98.5], "worst": [30.0, 31.0, 32.0], "cost": 4.0})
    # Student's intervals begin at 97.5 and at 97.1. With the factor for three seeds the first one would begin at 97.3.
    five = ({"name": "elm", "clean": [98.0, 98.2, 97.8, 97.5, 98.5], "worst": [40.0] * 5, "cost": 2.0},
            {"name": "fir", "clean": [98.0, 98.4, 97.6, 97.0, 99.0], "worst": [50.0] * 5, "cost": 2.0})
    cases = (
        (GROVE, 97.0, 10.0, "beech", {
            None: "beech is allowed: its clean accuracy reaches from 97.4 to 97.8, and 10 is not more than 10",
            "ash": "it has the best clean accuracy; asked was the best worst case among those whose clean accuracy will do",
            "birch": "its mean is 98.0, but with three seeds so far apart the interval begins at 94.5",
            "cedar": "it costs 14, and 10 is what can be paid",
            "elder": "its clean accuracy is 95.2, and 97 was asked for",
            "fir": "one of its seeds stands at 90, its mean is 57: which seed you will get is not yours to choose",
            "hazel": "beech costs exactly what can be paid, and that is allowed",
            "larch": "its interval begins at 96.9. With three seeds the factor is 4.30, not 1.96; and the least of three"
                     " seeds is no lower end",
        }),
        (GROVE, 97.0, 1.0, "ash", {None: "ash costs 1, which can be paid"}),
        (two, 99.0, 10.0, None, dict.fromkeys(("ash", "oak"), "no defence is that accurate. Say so, and do not"
                                                     " take the one that comes nearest")),
        (five, 97.4, 2.0, "elm", {None: "with five seeds Student's factor is 2.78: it depends on the number of seeds",
                                  "fir": "its mean is that of elm, but its seeds lie farther apart: 97.1 is the lower end"}),
    )  # fmt: skip
    for defences, least_clean, most_cost, expected, slips in cases:
        try:
            found = student([dict(each) for each in defences], least_clean, most_cost)
        except ValueError as error:
            raise AssertionError(f"clean at least {least_clean:g}, cost at most {most_cost:g}: {error}. Where no defence is"
                                 " allowed there is no best one; return None") from error
        if found == expected:
            continue
        slip = slips.get(found, "") if found is None or isinstance(found, str) else "return its name, or None"
        raise AssertionError(f"clean at least {least_clean:g}, cost at most {most_cost:g}: chose {found!r}, expected"
                             f" {expected!r}{': ' + slip if slip else ''}")
    return "Right: what one can rely on first, then what one can pay, and then the worst case."
