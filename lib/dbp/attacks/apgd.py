"""PGD that finds its own step size: Auto-PGD of Croce and Hein (2020), away from the label or towards other classes."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from dbp.attacks.arguments import (
    check_bounds,
    check_call,
    check_count,
    check_generator,
    check_images,
    check_logits,
    check_loss,
    preserve_buffers,
)
from dbp.attacks.losses import Loss, targeted_dlr
from dbp.attacks.steps import Best, ascent, draw_start, like

MOMENTUM = 0.75  # alpha
RISING = 0.75  # rho: if fewer of the steps than this share went up, steps are too long


def apgd(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, eps: float | Tensor, *,
    steps: int = 100, restarts: int = 1, loss: Loss = "cross_entropy", targets: int = 0, start: Tensor | None = None,
    bounds: tuple[float, float] = (0.0, 1.0), generator: torch.Generator | None = None,
) -> Tensor:
    """Climb with momentum; halve an example's step where it no longer pays, and go on from its best point.

    Auto-PGD in the L-infinity ball (Croce and Hein 2020, Algorithm 1). The first step is twice the budget long, and nothing
    has to be chosen but the number of steps.

    Args:
        model, x, y, eps, bounds, generator: as of `dbp.attacks.pgd`.
        steps: gradient steps a restart (and a target).
        restarts: independent tries; an example that has been fooled is not attacked again.
        loss: "cross_entropy", "margin", "dlr", or a function (logits, y) -> [B] that grows as the attack succeeds.
        targets: 0 climbs the loss away from the label. With n, each restart goes towards each of the n likeliest wrong
            classes in turn, by the targeted DLR (Croce and Hein 2020, Eq. (7)), which needs four classes.
        start: where the first restart begins, like x; it is brought into the ball. By default at random.

    Returns:
        Adversarial images, like x: for each example the best point of all paths, starts included. A point that fools the
        model is better than one that does not; among equals, the one of the higher loss is (of the last target).

    Raises:
        TypeError, ValueError: a wrong argument, named before any work; a NaN gradient, as soon as it appears.
    """
    budget = check_call(model, x, y, eps, bounds)
    check_loss(loss)
    for name, value in (("steps", steps), ("restarts", restarts)):
        check_count(name, value)
    if targets:
        check_count("targets", targets)
    if targets and loss != "dlr":
        raise ValueError(f"loss must be 'dlr' with targets, but is {loss!r}")
    generator = check_generator(generator)
    start = None if start is None else _into_ball(start, x, budget, bounds)
    x, budget = x.detach(), budget.expand(len(x), *[1] * (x.ndim - 1))
    with preserve_buffers(model):
        best = Best(x.clone(), torch.full_like(budget.flatten(), -math.inf), torch.zeros_like(y, dtype=torch.bool))
        aims = _likeliest_wrong(model, x, y, targets) if targets else [None]
        for _ in range(restarts):
            start = draw_start(x, budget, "linf", bounds, generator) if start is None else start
            for aim in aims:
                rows = (~best.fools).nonzero().squeeze(1)
                if not len(rows):
                    return best.images
                best = best._replace(height=torch.full_like(best.height, -math.inf))  # losses of other aims do not compare
                _climb(model, x, y, aim, start, budget, steps, loss, bounds, best, rows)
            start = None
    return best.images


def _likeliest_wrong(model, x: Tensor, y: Tensor, count: int) -> list[Tensor]:
    """The classes to go to: `count` times one an example, [B], the likeliest first."""
    with torch.no_grad():
        logits = model(x)
    check_logits(logits, y)
    if not count < logits.shape[1]:
        raise ValueError(f"targets must be at most {logits.shape[1] - 1}, the wrong classes, but is {count}")
    return list(logits.scatter(1, y[:, None], -math.inf).topk(count, dim=1).indices.T)


def _climb(model, x, y, aim, start, budget, steps, loss, bounds, best: Best, rows: Tensor) -> None:
    """Algorithm 1 for some rows; `best` is brought up to date in place, and rows that have been fooled drop out."""
    state = _State.begin(x[rows], y[rows], None if aim is None else aim[rows], start[rows], budget[rows], bounds)
    state.measure(model, loss)
    state.note(best, rows)
    length, since = max(int(0.22 * steps), 1), 0  # of the interval up to the next checkpoint
    for count in range(1, steps + 1):
        state.step(first=count == 1)
        state.measure(model, loss)
        state.note(best, rows)
        since += 1
        if since == length:
            state.halve_where_stuck(length)
            length, since = max(length - max(int(0.03 * steps), 1), max(int(0.06 * steps), 1)), 0
            standing = ~best.fools[rows]
            if not bool(standing.any()):
                return
            if not bool(standing.all()):
                rows, state = rows[standing], state.keep(standing)


class _State:
    """Where the climbers stand, one row each."""

    FIELDS = ("x", "y", "aim", "low", "high", "pace", "point", "previous", "height", "gradient", "logits", "rises", "top",
              "top_height", "top_gradient", "last_top", "halved")

    def __init__(self, **fields) -> None:
        for name in self.FIELDS:
            setattr(self, name, fields.get(name))

    @classmethod
    def begin(cls, x, y, aim, start, budget, bounds) -> "_State":
        none = torch.full((len(x),), -math.inf, dtype=x.dtype, device=x.device)
        return cls(
            x=x, y=y, aim=aim, low=(x - budget).clamp(min=bounds[0]), high=(x + budget).clamp(max=bounds[1]),
            pace=2 * budget, point=start, previous=start, height=none, top=start, top_height=none,
            top_gradient=torch.zeros_like(x), rises=torch.full_like(none, -1.0), last_top=none,  # the start is no rise
            halved=torch.zeros_like(y, dtype=torch.bool))

    def keep(self, standing: Tensor) -> "_State":
        found = {name: getattr(self, name) for name in self.FIELDS}
        return _State(**{name: None if value is None else value[standing] for name, value in found.items()})

    def measure(self, model, loss: Loss) -> None:
        """Loss and gradient at the point; whether it rose; the highest point so far."""
        climbed = loss if self.aim is None else lambda logits, y: targeted_dlr(logits, y, self.aim)
        before = self.height
        self.gradient, self.height, self.logits = ascent(model, self.point, self.y, climbed, samples=1)
        self.rises = self.rises + (self.height > before)
        higher = self.height > self.top_height
        self.top_height = torch.where(higher, self.height, self.top_height)
        self.top = torch.where(like(higher, self.x), self.point, self.top)
        self.top_gradient = torch.where(like(higher, self.x), self.gradient, self.top_gradient)

    def note(self, best: Best, rows: Tensor) -> None:
        best.or_better(Best(self.point, self.height, self.logits.argmax(1) != self.y), rows)

    def step(self, first: bool) -> None:
        ahead = self._inside(self.point + self.pace * self.gradient.sign())
        if not first:
            moved = MOMENTUM * (ahead - self.point) + (1 - MOMENTUM) * (self.point - self.previous)
            ahead = self._inside(self.point + moved)
        self.previous, self.point = self.point, ahead

    def halve_where_stuck(self, length: int) -> None:
        """Conditions 1 and 2 of the paper's Section 3: too few steps went up, or no new top at the same pace."""
        stuck = (self.rises < RISING * length) | (~self.halved & (self.last_top == self.top_height))
        here = like(stuck, self.x)
        self.pace = torch.where(here, self.pace / 2, self.pace)
        self.point = torch.where(here, self.top, self.point)
        self.gradient = torch.where(here, self.top_gradient, self.gradient)
        self.height = torch.where(stuck, self.top_height, self.height)
        self.halved, self.last_top, self.rises = stuck, self.top_height, torch.zeros_like(self.rises)

    def _inside(self, images: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(images, self.low), self.high)


def _into_ball(start: Tensor, x: Tensor, budget: Tensor, bounds) -> Tensor:
    check_images(start, "start")
    check_bounds(start, bounds, "start")
    if start.shape != x.shape or start.device != x.device:
        found = f"{list(start.shape)} on {start.device}"
        raise ValueError(f"start must be like x, {list(x.shape)} on {x.device}, but is {found}")
    return torch.minimum(torch.maximum(start.detach().to(x), x - budget), x + budget)
