"""Would this evaluation notice a fragile model? Zero gradients, and the questions that a sceptic asks of an attack."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from dbp.attacks.apgd import apgd
from dbp.attacks.arguments import (
    check_batches,
    check_budget,
    check_call,
    check_count,
    check_device,
    check_logits,
    check_loss,
    preserve_buffers,
)
from dbp.attacks.classifier import fgsm, pgd, random_noise, transfer
from dbp.attacks.evaluation import evaluate
from dbp.attacks.losses import Loss, attack_loss
from dbp.attacks.square import square
from dbp.data import PixelStore

SIGNS = {"not above": 1, "not below": -1, "not below half": -1}
# Another loss finds a little more on any network; one that finds more than half of what PGD left says that PGD was blind.
OTHER_LOSSES = ("PGD, margin loss", "Auto-PGD, targeted DLR")


def zero_gradient_share(
    model: Callable[[Tensor], Tensor], x: Tensor | PixelStore, y: Tensor, *,
    loss: Loss = "cross_entropy", batch_size: int = 1000,
) -> float:
    """Share of the images whose input gradient is exactly zero: no gradient attack can move them.

    Args:
        model: images to logits, [B, C].
        x, y: images, [N, ...], and labels, [N], on the device of the model.
        loss: whose gradient: "cross_entropy", "margin", "dlr", or a function (logits, y) -> [B].
        batch_size: images at once.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work.
    """
    check_batches(model, x, y, batch_size)
    check_loss(loss)
    zero = 0
    with preserve_buffers(model):
        for start in range(0, len(x), batch_size):
            images = x[start : start + batch_size].detach().requires_grad_()
            labels = y[start : start + batch_size]
            logits = model(images)
            check_logits(logits, labels)
            (gradient,) = torch.autograd.grad(attack_loss(loss, logits, labels).sum(), images)
            zero += int((gradient.flatten(1) == 0).all(1).sum())
    return zero / len(y)


def diagnostics(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, *,
    eps: float = 0.1, eps_grid: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5), steps: int = 20, draws: int = 10,
    queries: int = 300, source: Callable[[Tensor], Tensor] | None = None, tolerance: float = 0.02, batch_size: int = 1000,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> pd.DataFrame:
    """Would this evaluation notice a fragile model? The questions of Athalye et al. (2018) and Carlini et al. (2019).

    All attacks are L-infinity; those that draw random numbers begin with seed 0.

    Args:
        model: images to logits, [B, C].
        x, y: images, [N, ...], inside `bounds`, and labels, [N].
        eps: budget of all rows but the grid, in units of the pixel range.
        eps_grid: budgets; with half the pixel range any image can be turned grey, so that accuracy is at most chance.
        steps: of PGD and of Auto-PGD.
        draws: of random noise; an image keeps the first that fools the model.
        queries: of the Square attack.
        source: another model to transfer PGD from; without one, that row is missing.
        tolerance: share of the images that may go the wrong way before a row is called suspicious.
        batch_size: images at once.
        bounds: smallest and largest pixel.

    Returns:
        One row a question (Auto-PGD's only with four classes or more, Square's only for images [N, C, H, W]): `check`;
        `value` and `reference`, shares of 1, accuracies unless the row says otherwise; `expected`, how the value relates to
        the reference where attack and model are honest; `suspicious`, whether it does not by more than `tolerance` ("not
        below half": and by more than half of the reference); and the `question`, in words. A suspicious row says that the
        model is more fragile than PGD shows.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work.
    """
    check_call(model, x, y, eps, bounds)
    for budget in eps_grid:
        check_budget("eps_grid", budget, x)
    for name, value in (("steps", steps), ("draws", draws), ("queries", queries), ("batch_size", batch_size)):
        check_count(name, value)
    check_device(source, x)
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0, but is {tolerance!r}")
    strong = partial(pgd, steps=steps, bounds=bounds)
    grid = {f"PGD, eps {budget:g}": partial(strong, eps=budget) for budget in sorted(eps_grid)}
    with preserve_buffers(model), torch.no_grad():
        logits = model(x[:1])
    check_logits(logits, y[:1])
    rivals = _rivals(strong, eps, steps, draws, queries, bounds, source)
    if logits.shape[1] < 4:  # the targeted DLR compares four
        del rivals["Auto-PGD, targeted DLR"]
    if x.ndim != 4:  # Square paints squares
        del rivals["Square"]
    attacks = {"PGD": partial(strong, eps=eps)} | grid | {name: attack for name, (attack, _) in rivals.items()}
    found = evaluate(model, x, y, attacks, batch_size=batch_size)
    zero = zero_gradient_share(model, x, y, batch_size=batch_size)
    rows = [("input gradient exactly zero", zero, 0.0, "not above", "Is there a slope to follow at all?")]
    smaller = float(found.clean.double().mean())
    for name in grid:
        rows.append((name, found.accuracy(name), smaller, "not above", "Does a larger budget never help the model?"))
        smaller = found.accuracy(name)
    if max(eps_grid, default=0) >= (bounds[1] - bounds[0]) / 2:
        chance = float(y.bincount().max()) / len(y)  # the most frequent label
        rows[-1] = (rows[-1][0], smaller, chance, "not above", "Does the attack win where it may do anything?")
    rows += [(name, found.accuracy(name), found.accuracy("PGD"), "not below half" if name in OTHER_LOSSES else "not below",
              question) for name, (_, question) in rivals.items()]
    table = pd.DataFrame(rows, columns=["check", "value", "reference", "expected", "question"])
    excess = (table["value"] - table["reference"]) * table["expected"].map(SIGNS)
    missed = (table["expected"] != "not below half") | (table["value"] < table["reference"] / 2)
    return table.assign(suspicious=(excess > tolerance) & missed)[[*table.columns[:-1], "suspicious", "question"]]


def _rivals(strong, eps: float, steps: int, draws: int, queries: int, bounds, source) -> dict[str, tuple]:
    """What should not beat PGD at `eps`, and what it asks."""
    rivals = {
        "PGD, twice the steps": (partial(strong, eps=eps, steps=2 * steps), "Has PGD arrived, or do more steps still gain?"),
        "PGD, margin loss": (partial(strong, eps=eps, loss="margin"), "Has the cross-entropy saturated?"),
        "Auto-PGD, targeted DLR": (partial(apgd, eps=eps, steps=steps, loss="dlr", targets=3, bounds=bounds),
                                   "Do steps of another length and a loss without a scale find more?"),
        "FGSM": (partial(fgsm, eps=eps, bounds=bounds), "Does one step beat many?"),
        f"random noise, {draws} draws": (partial(random_noise, eps=eps, draws=draws, bounds=bounds),
                                         "Does blind noise beat the gradient?"),
        "Square": (partial(square, eps=eps, queries=queries, bounds=bounds), "Does a random search beat the gradient?"),
    }
    if source is not None:
        rivals["PGD from another model"] = transfer(source, partial(strong, eps=eps)), "Does a black box beat the white box?"
    return rivals
