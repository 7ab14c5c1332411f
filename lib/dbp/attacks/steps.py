"""One step of a gradient attack: where it starts, which way is up, and the best point so far."""

from typing import NamedTuple

import torch
from torch import Tensor

from dbp.attacks.arguments import check_logits
from dbp.attacks.losses import Loss, attack_loss


class Best(NamedTuple):
    """Points on the paths of some examples: images, [n, ...], how high each stands, and whether it fools the model, [n]."""

    images: Tensor
    height: Tensor
    fools: Tensor

    def or_better(self, other: "Best", part: slice | Tensor) -> "Best":
        """For each example of `part` the better of two points; a later one of the same height is taken."""
        height, fools = self.height[part], self.fools[part]
        better = torch.where(other.fools == fools, other.height >= height, other.fools)
        for mine, theirs in zip(self, other, strict=True):
            mine[part] = torch.where(like(better, theirs), theirs, mine[part])
        return self


def ascent(model, x: Tensor, y: Tensor, loss: Loss, samples: int, wanted: bool = True):
    """The gradient of the loss at x, [B, ...] (None if it is not wanted), the loss, [B], and the logits, [B, C].

    All three are summed over the samples. A model that gives NaN is a ValueError.
    """
    x = x.detach().requires_grad_(wanted)
    heights, total = torch.zeros(len(x), dtype=x.dtype, device=x.device), 0.0
    with torch.set_grad_enabled(wanted):
        for _ in range(samples):
            logits = model(x)
            check_logits(logits, y)
            heights, total = heights + attack_loss(loss, logits, y), total + logits.detach()
        gradient = torch.autograd.grad(heights.sum(), x)[0] if wanted else None
    heights = heights.detach().to(x.dtype)  # the model may compute in float64
    # sign(NaN) is 0: the attack would stand still in silence.
    if bool(torch.isnan(heights.sum() + (gradient.sum() if wanted else 0))):
        name = getattr(loss, "__name__", "loss") if callable(loss) else loss
        raise ValueError(f"model must not give NaN, but its {name} or the gradient of that holds NaN")
    return gradient, heights, total


def draw_start(x: Tensor, budget: Tensor, norm: str, bounds, generator: torch.Generator) -> Tensor:
    """Uniform in the ball. Drawn for all examples, so that an example's start does not depend on which still stand."""
    if norm == "linf":
        noise = 2 * torch.rand(x.shape, generator=generator, dtype=x.dtype) - 1
    else:
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        radius = torch.rand(len(x), generator=generator, dtype=x.dtype) ** (1 / x[0].numel())
        noise = noise / length(noise) * like(radius, x)
    return (x + budget * noise.to(x.device)).clamp(*bounds)


def length(v: Tensor) -> Tensor:
    """L2 norm of every example, shaped to divide it; never 0, so that a vanished gradient gives no step, not NaN."""
    return like(v.flatten(1).norm(dim=1).clamp(min=1e-12), v)


def like(values: Tensor, x: Tensor) -> Tensor:
    """One value an example, [B], shaped to broadcast against x."""
    return values.reshape(-1, *[1] * (x.ndim - 1))
