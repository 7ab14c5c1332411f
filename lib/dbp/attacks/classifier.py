"""Attacks on a classifier: one gradient step, many, with restarts, borrowed from another model, or plain noise.

Each takes (model, images, labels, budget) and returns adversarial images that are detached, inside the ball around the
images and inside `bounds`. Only the gradient with respect to the input is taken: parameters, their `.grad`, buffers and
the train/eval mode are as they were.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from dbp.attacks.arguments import (
    check_call,
    check_choice,
    check_count,
    check_generator,
    check_logits,
    check_loss,
    check_step,
    preserve_buffers,
)
from dbp.attacks.losses import Loss
from dbp.attacks.steps import Best, ascent, draw_start, length, like

NORMS = ("linf", "l2")


def fgsm(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, eps: float | Tensor, *,
    loss: Loss = "cross_entropy", bounds: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """One step of size eps along the sign of the loss gradient (Goodfellow et al. 2015; P2 Section 3).

    Args:
        model: images to logits, [B, C].
        x: images, [B, ...], inside `bounds`.
        y: labels, [B]; pass `model(x).argmax(1)` to attack what the model says instead of what is true.
        eps: L-infinity budget in units of the pixel range; one number, or one an example, [B].
        loss: "cross_entropy", "margin", "dlr", or a function (logits, y) -> [B] that grows as the attack succeeds.
        bounds: smallest and largest pixel.

    Returns:
        Adversarial images, like x.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work; a NaN gradient, after it.
    """
    budget = check_call(model, x, y, eps, bounds)
    check_loss(loss)
    x = x.detach()
    with preserve_buffers(model):
        gradient, _, _ = ascent(model, x, y, loss, samples=1)
    return (x + budget * gradient.sign()).clamp(*bounds)


def bim(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, eps: float | Tensor, *,
    steps: int = 10, step_size: float | Tensor | None = None, **options,
) -> Tensor:
    """FGSM in small steps from the image itself (Kurakin et al. 2017): PGD without a random start.

    Args:
        steps: number of steps.
        step_size: of each; by default eps / steps.
        options: of `pgd`; the other arguments are those of `fgsm`.
    """
    check_call(model, x, y, eps, options.get("bounds", (0.0, 1.0)))
    check_count("steps", steps)
    step_size = eps / steps if step_size is None else step_size
    return pgd(model, x, y, eps, steps=steps, step_size=step_size, random_start=False, **options)


def pgd(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, eps: float | Tensor, *,
    steps: int = 40, step_size: float | Tensor | None = None, restarts: int = 1, random_start: bool = True,
    norm: str = "linf", loss: Loss = "cross_entropy", targeted: bool = False, samples: int = 1,
    bounds: tuple[float, float] = (0.0, 1.0), generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent in the ball around the image (Madry et al. 2018; P1 Section 5.4).

    Args:
        model, x, y, eps, bounds: as of `fgsm`; with `targeted`, y is the class to reach.
        steps: gradient steps a restart.
        step_size: in units of the pixel range, one number or one an example; by default 2.5 eps / steps (Madry et al.).
        restarts: independent tries; an example that has been fooled is not attacked again.
        random_start: begin at a random point of the ball.
        norm: "linf" or "l2" ball and steps.
        loss: "cross_entropy", "margin", "dlr", or a function (logits, y) -> [B] that grows as the attack succeeds.
        samples: forward passes whose gradients are averaged in each step, for a model that draws random numbers.
        generator: a CPU generator for the random starts; without one, seed 0.

    Returns:
        Adversarial images, like x: for each example the best point of all paths, starts included. A point that fools the
        model is better than one that does not; among equals, the one of the higher loss is.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work; a NaN gradient, as soon as it appears.
    """
    budget = check_call(model, x, y, eps, bounds)
    check_loss(loss)
    check_choice("norm", norm, NORMS)
    for name, value in (("steps", steps), ("restarts", restarts), ("samples", samples)):
        check_count(name, value)
    generator = check_generator(generator)
    if restarts > 1 and not random_start:
        raise ValueError(f"restarts must be 1 where random_start is False, but is {restarts}: all would be the same")
    step = 2.5 * budget / steps if step_size is None else check_step(step_size, x, budget)
    budget, step = (value.expand(len(x), *value.shape[1:]) for value in (budget, step))  # one an example
    x = x.detach()
    best = Best(x.clone(), torch.full_like(budget.flatten(), -math.inf), torch.zeros_like(y, dtype=torch.bool))
    standing = torch.arange(len(x), device=x.device)
    with preserve_buffers(model):
        for _ in range(restarts):
            start = draw_start(x, budget, norm, bounds, generator) if random_start else x
            part = slice(None) if len(standing) == len(x) else standing
            path = _path(
                model, x[part], y[part], start[part], budget[part], step[part],
                steps=steps, norm=norm, loss=loss, targeted=targeted, samples=samples, bounds=bounds,
            )
            for point in path:
                best = best.or_better(point, part)
            standing = (~best.fools).nonzero().squeeze(1)
            if not len(standing):
                break
    return best.images


def random_noise(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, eps: float | Tensor, *,
    norm: str = "linf", draws: int = 1, bounds: tuple[float, float] = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Noise of the full budget that never looks at a gradient: the least that any attack must beat.

    L-infinity noise is eps times random signs; L2 noise is a random direction of length eps.

    Args:
        model, x, y, eps, bounds: as of `fgsm`.
        norm: "linf" or "l2".
        draws: tries; an example keeps the first that fools the model.
        generator: a CPU generator; without one, seed 0.
    """
    budget = check_call(model, x, y, eps, bounds)
    check_choice("norm", norm, NORMS)
    check_count("draws", draws)
    generator = check_generator(generator)
    x = x.detach()
    best, standing = x.clone(), torch.ones(len(x), dtype=torch.bool, device=x.device)
    with preserve_buffers(model), torch.no_grad():
        for _ in range(draws):
            noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
            noise = noise.sign() if norm == "linf" else noise / length(noise)
            noisy = (x + budget * noise).clamp(*bounds)
            best = torch.where(like(standing, x), noisy, best)
            logits = model(best)
            check_logits(logits, y)
            standing &= logits.argmax(1) == y
    return best


def transfer(source: Callable[[Tensor], Tensor], attack: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An attack that is made on `source` and handed to whatever model it is asked to fool: a black box for that model.

    Args:
        source: the model whose gradients are used.
        attack: (model, x, y) -> adversarial images.

    Returns:
        A function (model, x, y) -> adversarial images that never looks at `model`.
    """
    return lambda model, x, y: attack(source, x, y)


def _path(model, x, y, start, budget, step, *, steps, norm, loss, targeted, samples, bounds) -> Iterator[Best]:
    """Step, back into the ball, back into the bounds, in the order of operations that the field's libraries share."""
    limit, step = _spread(budget, x), _spread(-step if targeted else step, x)
    lowest, point = -limit, start
    for count in range(steps + 1):
        gradient, heights, logits = ascent(model, point, y, loss, samples, wanted=count < steps)
        yield Best(point, -heights if targeted else heights, (logits.argmax(1) == y) == targeted)
        if count == steps:
            return
        if norm == "linf":
            change = gradient.sign().mul_(step).add_(point).sub_(x).clamp_(lowest, limit)
        else:
            change = (gradient / length(gradient)).mul_(step).add_(point).sub_(x)
            change *= (budget / length(change)).clamp(max=1)
        point = change.add_(x).clamp_(*bounds)


def _spread(values: Tensor, x: Tensor) -> float | Tensor:
    """One value an example as a plain number, if all have the same; else of the size of x: clamping against a broadcast
    tensor is slow."""
    first = values.flatten()[0]
    return float(first) if bool((values == first).all()) else values.expand_as(x).contiguous()
