"""An attack without any gradient: random squares, kept where they help (Andriushchenko et al. 2020)."""

from collections.abc import Callable

import torch
from torch import Tensor

from dbp.attacks.arguments import check_call, check_count, check_generator, check_logits, preserve_buffers
from dbp.attacks.losses import margin
from dbp.attacks.steps import like

# Of 10,000 queries, those after which squares become half as large; fewer queries take the same shares.
HALVED_AFTER, HALVED_AFTER_OF = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000), 10_000


def square(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, eps: float | Tensor, *,
    queries: int = 1000, share: float = 0.8, bounds: tuple[float, float] = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Paint a random square, in each channel the budget up or down; keep it where the margin grows.

    Square Attack in the L-infinity ball (Andriushchenko et al. 2020, Algorithms 1 and 2). It sees logits and no gradient, so
    that nothing which hides a gradient can stop it. An example that has been fooled is not asked about again.

    Args:
        model, bounds, generator: as of `dbp.attacks.pgd`.
        x: images, [B, channels, height, width], inside `bounds`.
        y, eps: labels, [B], and budget, as of `dbp.attacks.fgsm`.
        queries: forward passes an example; the paper's own experiments take 5,000 and more.
        share: of the pixels that the first squares cover; the paper's p.

    Returns:
        Adversarial images, like x: of the points that were asked about, the one of the largest margin, or the first that
        fools the model. The first points are stripes of one pixel's width.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work.
    """
    budget = check_call(model, x, y, eps, bounds)
    check_count("queries", queries)
    if x.ndim != 4:
        raise ValueError(f"x must be [B, channels, height, width], but has the shape {list(x.shape)}")
    if not 0 < share <= 1:
        raise ValueError(f"share must lie above 0 and be at most 1, but is {share!r}")
    generator, x = check_generator(generator), x.detach()
    low, high = (x - budget).clamp(min=bounds[0]), (x + budget).clamp(max=bounds[1])
    with preserve_buffers(model), torch.no_grad():
        found, rows = x.clone(), torch.arange(len(x), device=x.device)
        point, labels, best = x, y, torch.full((len(x),), -float("inf"), dtype=x.dtype, device=x.device)
        for query in range(queries):
            # Drawn for all examples, so that an example's squares do not depend on which others still stand.
            window = _window(x, rows, share, query / queries, generator)
            up = torch.rand(len(x), x.shape[1], 1, 1 if query else x.shape[3], generator=generator).to(x.device)[rows] < 0.5
            painted = torch.where(up, high, low)  # first the paper's start, stripes of one pixel's width
            painted = torch.where(window, painted, point) if query else painted
            height, fools = _judge(model, painted, labels)
            better = (height > best) | fools
            point, best = torch.where(like(better, x), painted, point), torch.where(better, height, best)
            if bool(fools.any()) or query == queries - 1:
                found[rows] = point
                rows, point, labels, best, low, high = (each[~fools] for each in (rows, point, labels, best, low, high))
            if not len(rows):
                break
    return found


def _judge(model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The margin, and whether the model is fooled; [B] each."""
    logits = model(x)
    check_logits(logits, y)
    return margin(logits, y).to(x.dtype), logits.argmax(1) != y


def _window(x: Tensor, rows: Tensor, share: float, done: float, generator: torch.Generator) -> Tensor:
    """For each of some examples a square of pixels anywhere in the image, bool [R, 1, height, width].

    Args:
        x: all images. rows: those that are asked for, [R]. share: of the pixels that the first squares cover.
        done: share of the queries that were made.
    """
    halvings = sum(done > after / HALVED_AFTER_OF for after in HALVED_AFTER)
    height, width = x.shape[2:]
    side = min(max(round((share / 2**halvings * height * width) ** 0.5), 1), height, width)
    inside = []
    for size in (height, width):
        first = torch.randint(size - side + 1, (len(x), 1), generator=generator).to(x.device)[rows]
        place = torch.arange(size, device=x.device)
        inside.append((place >= first) & (place < first + side))
    return inside[0][:, None, :, None] & inside[1][:, None, None, :]
