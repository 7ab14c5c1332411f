"""Attacks on an autoencoder: a small change of the image after which its code, or its reconstruction, is that of another.

Gondim-Ribeiro, Tabacof and Valle (2018), "Adversarial attacks on variational autoencoders"; P1 Eq. (8) and (9). All pairs
and all trade-offs are optimised together, each row for itself. Only the gradient with respect to the images is taken:
parameters, their `.grad`, buffers and the train/eval mode are as they were.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dbp.attacks.arguments import (
    check_bounds,
    check_choice,
    check_count,
    check_device,
    check_generator,
    check_images,
    preserve_buffers,
)

SPACES = ("latent", "output")
MEMORY = 256 * 2**20  # bytes that one chunk's graph may hold
ROWS = 64  # at once, if they fit: more are hardly faster for each

Distance = Callable[[Tensor], Tensor]  # images, [n, ...], to their distance from their target, [n]


@dataclass(frozen=True)
class _Settings:
    """How it is searched; `sign` is 1 where the distance is to become small, -1 where it is to become large."""

    space: str
    sign: int
    steps: int
    rounds: int
    learning_rate: float
    samples: int
    progress: bool

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        check_count("rounds", self.rounds)
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, but is {self.learning_rate!r}")


@dataclass(frozen=True)
class AutoencoderAttack:
    """What an attack found for P pairs and L trade-offs.

    Attributes:
        x_adv: images in [0, 1], [P, L, channels, height, width].
        distortion: L2 norm of x_adv - x, in units of the pixel range, [P, L].
        distance: of code or reconstruction from what it was to reach (or to leave), at x_adv, [P, L]; in nats (latent) or
            squared pixels (output).
    """

    x_adv: Tensor
    distortion: Tensor
    distance: Tensor


def attack_autoencoder(
    autoencoder: nn.Module, x: Tensor, target: Tensor, trade_offs: Tensor | Sequence[float], *, space: str = "latent",
    steps: int = 300, rounds: int = 3, learning_rate: float = 0.1, samples: int = 0,
    generator: torch.Generator | None = None, progress: bool = False,
) -> AutoencoderAttack:
    """Look for images near x that an autoencoder takes for their targets, by Adam with a rate that decays to zero.

    Minimises C ||dx||^2 + distance for every pair and every C, from x itself, inside [0, 1]; the lambda of P1 Eq. (8), (9)
    is 1 / C. In the latent space the distance is the KL divergence from the code of x + dx to that of the target; in the
    output space the squared error between the reconstruction of x + dx and the target. Each row keeps its best point, and
    the steps fall into rounds: after each, a row takes over what serves its own C best of all that was found for its pair.

    Args:
        autoencoder: see `dbp.models.vae.Autoencoder`.
        x, target: images in [0, 1], [P, channels, height, width] each.
        trade_offs: C, at least 0, [L]; in nats (latent) or squared pixels (output) per squared pixel.
        space: "latent" or "output".
        steps: of Adam, in all rounds together.
        rounds: see above; 1 leaves each row to itself.
        learning_rate: of the first step, in units of the pixel range; in each round it falls along half a cosine, and each
            round begins at half the rate of the one before.
        samples: codes drawn a step in the output space, the same for all rows, whose errors are averaged; 0 takes the mean.
        generator: a CPU generator of these draws; without one, seed 0.
        progress: show a bar.

    Returns:
        The best point of each row. It does not depend on the other pairs.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work; a NaN objective, as soon as it appears.
    """
    trade_offs = _check(autoencoder, x, target, trade_offs, space)
    settings = _Settings(space, 1, steps, rounds, learning_rate, samples, progress)
    return _search(autoencoder, x, target, x, trade_offs, settings, check_generator(generator))


def damage_autoencoder(
    autoencoder: nn.Module, x: Tensor, trade_offs: Tensor | Sequence[float], *, space: str = "output", steps: int = 300,
    rounds: int = 3, learning_rate: float = 0.1, generator: torch.Generator | None = None, progress: bool = False,
) -> AutoencoderAttack:
    """The attack without a target: whatever moves the code or the reconstruction farthest from where it was.

    Minimises C ||dx||^2 - distance, as `attack_autoencoder` does with a plus; the distance is that from the code of x
    itself, or from its reconstruction: the maximum damage of Camuto et al. (2021), "Towards a theoretical understanding of
    the robustness of variational autoencoders". Since at x the slope is zero, it begins at x plus a little noise, which is
    the same for all rows.

    Args:
        autoencoder, x, trade_offs, space, steps, rounds, learning_rate, progress: as of `attack_autoencoder`.
        generator: a CPU generator of the noise; without one, seed 0.

    Returns:
        The best point of each row; `distance` is the damage.

    Raises:
        TypeError, ValueError: as `attack_autoencoder`.
    """
    trade_offs = _check(autoencoder, x, None, trade_offs, space)
    settings = _Settings(space, -1, steps, rounds, learning_rate, 0, progress)
    generator = check_generator(generator)
    with torch.no_grad(), preserve_buffers(autoencoder):
        target = x if space == "latent" else autoencoder.reconstruct(x)
    noise = 0.05 * torch.randn(x.shape[1:], generator=generator).to(x)
    return _search(autoencoder, x, target, (x + noise).clamp(0, 1), trade_offs, settings, generator)


def straight_line(x: Tensor, target: Tensor, points: int = 51) -> Tensor:
    """The attack that needs no gradient and no network: the images on the way from x to the target, ends included.

    Args:
        x, target: images, [P, ...] each.
        points: how many, at least 2.

    Returns:
        [P, points, ...].
    """
    check_count("points", points)
    share = torch.linspace(0, 1, points, dtype=x.dtype, device=x.device).reshape(1, -1, *[1] * (x.ndim - 1))
    return x[:, None] + share * (target - x)[:, None]


def _check(autoencoder, x: Tensor, target: Tensor | None, trade_offs, space: str) -> Tensor:
    for name, images in (("x", x),) if target is None else (("x", x), ("target", target)):
        check_images(images, name)
        check_device(autoencoder, images, name)
        check_bounds(images, (0.0, 1.0), name)
    if target is not None:
        if target.shape != x.shape:
            raise ValueError(f"target must have the shape of x, {list(x.shape)}, but has {list(target.shape)}")
        same = (x == target).flatten(1).all(1)
        if bool(same.any()):
            raise ValueError(f"target must differ from x, but pair {int(same.nonzero()[0])} is twice the same image")
    check_choice("space", space, SPACES)
    values = torch.as_tensor(trade_offs, dtype=x.dtype, device=x.device)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"trade_offs must be [L] and not empty, but have the shape {list(values.shape)}")
    if not bool(torch.isfinite(values).all()) or bool((values < 0).any()):
        raise ValueError(f"trade_offs must be finite and at least 0, but hold {float(values.min())}")
    return values


def _distance(autoencoder, target: Tensor, space: str, samples: int, generator: torch.Generator | None) -> Distance:
    """How far the code or the reconstruction of images is from that of their targets, row by row."""
    if space == "latent":
        with torch.no_grad():
            mean, logvar = autoencoder.encode(target)

        def to_code(images: Tensor) -> Tensor:
            mu, log_variance = autoencoder.encode(images)
            spread = (log_variance - logvar).exp() + (mu - mean).square() / logvar.exp()
            return (spread - 1 - log_variance + logvar).sum(1) / 2  # D_KL(q(z | x + dx) || q(z | target)), P1 Eq. (9)   [n]

        return to_code

    def to_output(images: Tensor) -> Tensor:
        total = torch.zeros(len(images), dtype=images.dtype, device=images.device)
        for _ in range(max(1, samples)):
            noise = None
            if samples:
                noise = torch.randn(1, autoencoder.latents, generator=generator).to(images).expand(len(images), -1)
            image = autoencoder.likelihood.image(autoencoder(images, noise).logits)
            total = total + (image - target).square().flatten(1).sum(1)  # ||d(e(x + dx)) - target||^2, P1 Eq. (8)   [n]
        return total / max(1, samples)

    return to_output


def _search(
    autoencoder, x: Tensor, target: Tensor, start: Tensor, trade_offs: Tensor, settings: _Settings,
    generator: torch.Generator,
) -> AutoencoderAttack:
    """All rows, in chunks that fit into memory, round by round."""
    shape = len(x), len(trade_offs)
    rows = torch.arange(shape[0] * shape[1], device=x.device)
    pairs, levels = rows // shape[1], rows % shape[1]
    best = start[pairs]
    with preserve_buffers(autoencoder), tqdm(
        total=settings.rounds * len(rows), unit="attack", disable=not settings.progress, leave=False
    ) as bar:
        size = _rows_at_once(autoencoder, x[:1], target[:1], settings.space)
        for past in range(settings.rounds):
            steps = (settings.steps + past) // settings.rounds
            state, found = generator.get_state(), []
            for chunk in rows.split(size):
                generator.set_state(state)
                # A product of matrices may round otherwise for another number of rows, and Adam makes much of the last bit
                # of a slope near zero: every chunk has the same number, so that no pair's result depends on the others.
                full = chunk[torch.arange(size, device=x.device) % len(chunk)]
                distance = _distance(autoencoder, target[pairs[full]], settings.space, settings.samples, generator)
                done = _descend(best[full], x[pairs[full]], trade_offs[levels[full]], distance, steps,
                                settings.learning_rate / 2**past, settings.sign)
                found.append([part[: len(chunk)] for part in done])
                bar.update(len(chunk))
            best, squared, far = (torch.cat(part) for part in zip(*found, strict=True))
            cost = settings.sign * far.view(shape)[:, None] + trade_offs[:, None] * squared.view(shape)[:, None]
            giver = (cost.argmin(2) + shape[1] * torch.arange(len(x), device=x.device)[:, None]).flatten()
            best, squared, far = best[giver], squared[giver], far[giver]
    return AutoencoderAttack(*(part.unflatten(0, shape) for part in (best, squared.sqrt(), far)))


def _objective(
    point: Tensor, x: Tensor, trade_off: Tensor, distance: Distance, sign: int = 1
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Objective, [n], its gradient at the point, squared distortion and distance, [n]."""
    with torch.enable_grad():
        point = point.detach().requires_grad_()
        squared, far = (point - x).square().flatten(1).sum(1), distance(point)
        value = trade_off * squared + sign * far
        (slope,) = torch.autograd.grad(value.sum(), point)
    if bool(torch.isnan(value.detach().sum() + slope.sum())):
        raise ValueError("autoencoder must not give NaN, but the attack's objective or its gradient is NaN")
    return value.detach(), slope, squared.detach(), far.detach()


def _descend(
    point: Tensor, x: Tensor, trade_off: Tensor, distance: Distance, steps: int, rate: float, sign: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The best images of a path that begins at `point`, [n, ...], their squared distortion and their distance, [n] each."""
    best, reached, far = point.clone(), torch.zeros_like(trade_off), torch.zeros_like(trade_off)
    lowest = torch.full_like(trade_off, math.inf)
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    for step in range(1, steps + 2):
        value, slope, squared, now_far = _objective(point, x, trade_off, distance, sign)
        better = value < lowest
        best[better], reached[better], far[better], lowest[better] = (
            part[better] for part in (point, squared, now_far, value))
        if step > steps:
            break
        first = 0.9 * first + 0.1 * slope  # Adam (Kingma and Ba 2015), every pixel for itself
        second = 0.999 * second + 0.001 * slope.square()
        now = rate * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        change = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        point = (point - now * change).clamp(0, 1)
    return best, reached, far


def _rows_at_once(autoencoder, x: Tensor, target: Tensor, space: str) -> int:
    """How many rows fit into `MEMORY`, by what the graph of two of them keeps for the backward pass beyond that of one."""
    def kept(rows: int) -> int:
        bytes_of = {}

        def count(tensor: Tensor) -> Tensor:
            bytes_of[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        distance = _distance(autoencoder, target.repeat_interleave(rows, 0), space, 0, None)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            value = distance(x.repeat_interleave(rows, 0).requires_grad_())  # held: no storage's place is used twice
        del value
        return sum(bytes_of.values())

    a_row = max(kept(2) - kept(1), 8 * x.numel() * x.element_size())
    return max(1, min(ROWS, MEMORY // a_row))
