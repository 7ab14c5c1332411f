"""The strongest of several attacks of different kinds, cheapest first, each only on what still stands.

In the manner of AutoAttack (Croce and Hein 2020): two that follow gradients of two losses with steps of their own, and one
that asks for no gradient. Where they disagree by much, something hides the gradient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dbp.attacks.apgd import apgd
from dbp.attacks.arguments import check_batches, check_call, check_count, check_generator, check_logits, preserve_buffers
from dbp.attacks.classifier import fgsm
from dbp.attacks.square import square
from dbp.spelling import require_name

STANDS, CLEAN = "none", "clean"  # of `Strongest.broken_by`


@dataclass(frozen=True)
class Strongest:
    """What the ensemble found.

    Attributes:
        x_adv: like the images; where nothing broke the model, the image itself.
        broken_by: for each image the first attack that fooled the model, a key of `MEMBERS`; "clean" where the model is
            wrong without any, and "none" where it stands.
    """

    x_adv: Tensor
    broken_by: tuple[str, ...]

    @property
    def standing(self) -> Tensor:
        """Right whatever was tried, bool [N]."""
        return torch.tensor([name == STANDS for name in self.broken_by])


def strongest(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, eps: float | Tensor, *,
    members: Sequence[str] = ("fgsm", "apgd_cross_entropy", "apgd_targeted_dlr", "square"), steps: int = 100,
    targets: int | None = None, queries: int = 1000, batch_size: int = 1000, bounds: tuple[float, float] = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Strongest:
    """Attack every image with one attack after the other, until the model gives way.

    Args:
        model, x, y, eps, bounds, generator: as of `dbp.attacks.pgd`.
        members: keys of `MEMBERS`, in the order in which they are tried.
        steps: of each gradient attack, a target.
        targets: classes that the targeted one tries; by default all wrong ones, nine at most.
        queries: of the one without gradients.
        batch_size: images at once.

    Returns:
        The adversarial images, and which attack broke each.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work.
    """
    budget = check_call(model, x, y, eps, bounds)
    check_batches(model, x, y, batch_size)
    for name, count in (("steps", steps), ("targets", 1 if targets is None else targets), ("queries", queries)):
        check_count(name, count)
    for name in members:
        require_name(name, MEMBERS, "member of the ensemble")
    generator, budget = check_generator(generator), budget.expand(len(x), *budget.shape[1:]).flatten()
    found, broken_by = x.detach().clone(), [STANDS] * len(x)
    for first in range(0, len(x), batch_size):
        rows = torch.arange(first, min(first + batch_size, len(x)), device=x.device)
        logits = _logits(model, x[rows], y[rows])
        most = min(9, logits.shape[1] - 1) if targets is None else targets
        settings = {"steps": steps, "targets": most, "queries": queries, "bounds": bounds, "generator": generator}
        rows = _drop(rows, logits.argmax(1) != y[rows], CLEAN, broken_by)
        for name in members:
            if len(rows):
                x_adv = MEMBERS[name](model, x[rows], y[rows], budget[rows], **settings)
                fooled = _logits(model, x_adv, y[rows]).argmax(1) != y[rows]
                found[rows[fooled]] = x_adv[fooled]
                rows = _drop(rows, fooled, name, broken_by)
    return Strongest(found, tuple(broken_by))


def withstand(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, budgets: Sequence[float], standing: Sequence[Tensor],
    attack: Callable[[float], Callable[..., Tensor]],
) -> list[Tensor]:
    """Which images stand at each budget when one more attack has tried at it and at the smaller ones.

    A smaller ball lies in a larger one: what has fallen is not attacked again.

    Args:
        model, x, y: as of `strongest`, [N] images.
        budgets: rising.
        standing: for each budget those that stood before, bool [N] each, on the CPU.
        attack: a budget to a function (model, x, y) -> adversarial images.

    Returns:
        Bool [N] for each budget, on the CPU; none has True where a smaller budget has False.
    """
    right, left = torch.ones(len(y), dtype=torch.bool), []
    for eps, before in zip(budgets, standing, strict=True):
        right = right & before
        rows = right.nonzero().squeeze(1).to(x.device)
        if len(rows):
            x_adv = attack(eps)(model, x[rows], y[rows])
            right[rows.cpu()] = (_logits(model, x_adv, y[rows]).argmax(1) == y[rows]).cpu()
        left.append(right.clone())
    return left


def _fgsm(model, x, y, eps, *, bounds, **_):
    return fgsm(model, x, y, eps, bounds=bounds)


def _apgd_cross_entropy(model, x, y, eps, *, steps, bounds, generator, **_):
    return apgd(model, x, y, eps, steps=steps, bounds=bounds, generator=generator)


def _apgd_targeted_dlr(model, x, y, eps, *, steps, targets, bounds, generator, **_):
    return apgd(model, x, y, eps, steps=steps, loss="dlr", targets=targets, bounds=bounds, generator=generator)


def _square(model, x, y, eps, *, queries, bounds, generator, **_):
    return square(model, x, y, eps, queries=queries, bounds=bounds, generator=generator)


MEMBERS = {"fgsm": _fgsm, "apgd_cross_entropy": _apgd_cross_entropy, "apgd_targeted_dlr": _apgd_targeted_dlr,
           "square": _square}


def _logits(model, x: Tensor, y: Tensor) -> Tensor:
    with preserve_buffers(model), torch.no_grad():
        logits = model(x)
    check_logits(logits, y)
    return logits


def _drop(rows: Tensor, fooled: Tensor, name: str, broken_by: list[str]) -> Tensor:
    for row in rows[fooled].tolist():
        broken_by[row] = name
    return rows[~fooled]
