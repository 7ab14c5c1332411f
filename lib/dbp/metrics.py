"""How is it measured? Accuracy, the size of a Jacobian, reconstruction, readings of an autoencoder's gradient, AUDDC."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dbp.attacks.arguments import (
    check_batches,
    check_choice,
    check_count,
    check_device,
    check_generator,
    check_images,
    preserve_buffers,
)
from dbp.data import PixelStore
from dbp.models.vae import Autoencoder, kl_divergence
from dbp.penalties import jacobian_frobenius2


def accuracy(model: Callable[[Tensor], Tensor], x: Tensor | PixelStore, y: Tensor, *, batch_size: int = 1000) -> float:
    """Share of the images whose largest logit is at the label.

    Args:
        model: images to logits, [B, C].
        x: images, [N, ...], on the device of the model.
        y: labels, [N].
        batch_size: images at once.

    Returns:
        A share of 1.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: no images, another number of labels, different devices, or batch_size below 1.
    """
    check_batches(model, x, y, batch_size)
    right = 0
    with preserve_buffers(model), torch.no_grad():
        for start in range(0, len(x), batch_size):
            logits = model(x[start : start + batch_size])
            right += int((logits.argmax(1) == y[start : start + batch_size]).sum())
    return right / len(y)


def jacobian_l1_norm(model: Callable[[Tensor], Tensor], x: Tensor, *, outputs: str = "softmax") -> Tensor:
    """The exact ||J||_{1,1} of P2 Eq. (3), measured, not penalised: no graph is kept.

    Args:
        model: images to logits, [B, C].
        x: images, [B, ...], on the device of the model.
        outputs: whose Jacobian: of the "softmax" probabilities or of the "logits".

    Returns:
        [B], in the unit of the outputs, per pixel.

    Raises:
        TypeError: images that are no floating-point tensor.
        ValueError: unknown outputs, no images, or different devices.
    """
    check_choice("outputs", outputs, ("softmax", "logits"))
    check_images(x)
    check_device(model, x)
    with preserve_buffers(model):
        x = x.detach().clone().requires_grad_()
        values = model(x)
        values = values.softmax(1) if outputs == "softmax" else values
        total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for row in range(values.shape[1]):
            (gradient,) = torch.autograd.grad(values[:, row].sum(), x, retain_graph=True)
            total += gradient.flatten(1).abs().sum(1)
    return total


def reconstruction(model: Autoencoder, x: Tensor | PixelStore, *, batch_size: int = 500) -> dict[str, float]:
    """How well an autoencoder reproduces images from the mean code.

    Args:
        model: an autoencoder, see `dbp.models.vae.Autoencoder`.
        x: images, [N, channels, height, width], on the device of the model.
        batch_size: images at once.

    Returns:
        Means over the images: `reconstruction`, the loss in nats a pixel value (binary cross-entropy where pixels are
        Bernoulli); `squared_error` a pixel value, of a pixel range of 1; `kl`, in nats an image.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: no images, different devices, or batch_size below 1.
    """
    check_batches(model, x, None, batch_size)
    sums = torch.zeros(3, dtype=torch.float64)
    with preserve_buffers(model), torch.no_grad():
        for start in range(0, len(x), batch_size):
            images = x[start : start + batch_size]
            out = model(images)
            errors = (model.likelihood.image(out.logits) - images).square().flatten(1).sum(1)
            found = model.likelihood(out.logits, images), errors, kl_divergence(out.mu, out.logvar)
            sums += torch.stack([values.double().sum().cpu() for values in found])
    loss, error, kl = (sums / len(x)).tolist()
    pixels = math.prod(x.shape[1:])
    return {"reconstruction": loss / pixels, "squared_error": error / pixels, "kl": kl}


def autoencoder_gradients(
    model: Autoencoder, x: Tensor | PixelStore, *,
    projections: int = 8, generator: torch.Generator | None = None, batch_size: int = 100,
) -> dict[str, Tensor]:
    """How strongly an autoencoder with the mean code reacts to its input, in three readings of P1's "gradient".

    Args:
        model: an autoencoder, see `dbp.models.vae.Autoencoder`.
        x: images, [N, channels, height, width], on the device of the model.
        projections: random vectors an image that estimate the norm of the Jacobian.
        generator: a CPU generator of these vectors; without one, seed 0.
        batch_size: images at once.

    Returns:
        [N] each: `whole`, the L2 norm of the loss gradient over both ways in which the loss depends on x, and
        `encoder_path`, over the way through the encoder only, in nats a pixel; `jacobian`, the Frobenius norm of
        d x' / d x, without a unit.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: no images, different devices, or a number below 1.
    """
    check_batches(model, x, None, batch_size)
    check_count("projections", projections)
    generator, parts = check_generator(generator), []
    with preserve_buffers(model):
        for start in range(0, len(x), batch_size):
            images = x[start : start + batch_size].detach().requires_grad_()
            out = model(images)
            norms = []
            for target in (images, images.detach()):
                loss = model.likelihood(out.logits, target).sum()
                (gradient,) = torch.autograd.grad(loss, images, retain_graph=True)
                norms.append(gradient.flatten(1).norm(dim=1))
            image = model.likelihood.image(out.logits).flatten(1)
            norms.append(jacobian_frobenius2(image, images, projections, generator).sqrt())
            parts.append(torch.stack(norms).detach())
    return dict(zip(("whole", "encoder_path", "jacobian"), torch.cat(parts, 1), strict=True))


@dataclass(frozen=True)
class DistortionCurves:
    """How near reconstructions come to their targets, over how much the images were changed, for P pairs and L attacks each.

    Attributes:
        distortion: ||x_adv - x|| / ||target - x||, [P, L].
        distance: (||rec(x_adv) - target|| - t) / (o - t), [P, L]: 1 where the reconstruction is as far from the target as
            that of x itself (o), 0 where it is as near as that of the target itself (t).
        gap: (o - t) / ||target - x||, [P]: 1 for an autoencoder that reproduces both images exactly.
    """

    distortion: Tensor
    distance: Tensor
    gap: Tensor

    def collapsed(self, margin: float = 0.05) -> Tensor:
        """Pairs whose distance has lost its meaning: rec(x) is hardly farther from the target than rec(target) is.

        Args:
            margin: how much farther it has to be, as a share of ||target - x||.

        Returns:
            bool, [P].
        """
        return self.gap <= margin


def distortion_curves(autoencoder, x: Tensor, target: Tensor, x_adv: Tensor, *, batch_size: int = 500) -> DistortionCurves:
    """The distortion-distortion curves of Gondim-Ribeiro et al. (2018), as their code draws them, from the mean code.

    Args:
        autoencoder: see `dbp.models.vae.Autoencoder`.
        x, target: images, [P, channels, height, width] each.
        x_adv: attacked images, [P, L, channels, height, width].
        batch_size: images at once.

    Raises:
        ValueError: the shapes do not fit, or a pair is twice the same image.
    """
    if target.shape != x.shape or x_adv.shape[:1] != x.shape[:1] or x_adv.shape[2:] != x.shape[1:]:
        shapes = f"{list(x.shape)}, {list(target.shape)} and {list(x_adv.shape)}"
        raise ValueError(f"x, target and x_adv must be [P, ...], [P, ...] and [P, L, ...], but have the shapes {shapes}")
    whole = (target - x).flatten(1).norm(dim=1)
    if bool((whole == 0).any()):
        raise ValueError(f"target must differ from x, but pair {int((whole == 0).nonzero()[0])} is twice the same image")

    def to_target(images: Tensor) -> Tensor:
        goals = target.repeat_interleave(len(images) // len(target), 0)
        with torch.no_grad():
            pairs = zip(images.split(batch_size), goals.split(batch_size), strict=True)
            return torch.cat([(autoencoder.reconstruct(a) - b).flatten(1).norm(dim=1) for a, b in pairs])

    original, least = to_target(x), to_target(target)
    reached = to_target(x_adv.flatten(0, 1)).unflatten(0, x_adv.shape[:2])
    distortion = (x_adv - x[:, None]).flatten(2).norm(dim=2) / whole[:, None]
    gap = original - least
    return DistortionCurves(distortion, (reached - least[:, None]) / gap[:, None], gap / whole)


def auddc(curves: DistortionCurves, *others: DistortionCurves, envelope: bool = False) -> Tensor:
    """Area under the distortion-distortion curve (P1 Table 2), pair by pair: the larger, the harder the attack.

    The reference value: points with a distortion above 1 are dropped, the others sorted, the last one extended flat to 1,
    and the area taken by trapezoids, from the first point on. A straight line from x to the target, an attack as good as
    any, scores about 0.5: a larger value says that the optimiser failed. So `envelope` takes the best of several attacks:
    each curve begins at (0, 1), where nothing is changed, and never rises, since a smaller change is always allowed; at
    each distortion the lowest curve counts. It is never above the area of one of them that is taken in the same way.

    Args:
        curves: of one attack.
        others: of further attacks on the same pairs; only with `envelope`.
        envelope: whether the lower envelope is wanted.

    Returns:
        [P]; NaN where all points are dropped, or where a distance is not finite.

    Raises:
        ValueError: several attacks without `envelope`, or other numbers of pairs.
    """
    if others and not envelope:
        raise ValueError(f"envelope must be True for several attacks, but is {envelope} for {1 + len(others)}")
    if any(len(other.distortion) != len(curves.distortion) for other in others):
        raise ValueError(f"every attack must have the {len(curves.distortion)} pairs of the first")
    areas = []
    for pair in range(len(curves.distortion)):
        points = [_curve(each.distortion[pair], each.distance[pair]) for each in (curves, *others)]
        areas.append(_lower_area(points) if envelope else _area(*points[0]))
    return torch.tensor(areas, dtype=curves.distance.dtype)


def distance_at(curves: DistortionCurves, *others: DistortionCurves, distortion: Sequence[float]) -> Tensor:
    """How near an attacker comes who may change the image by so much: the lower envelope of `auddc`, point by point.

    Args:
        curves, others: of one or several attacks on the same pairs.
        distortion: shares of the way from x to the target, in [0, 1], [K].

    Returns:
        Normalised distances, [P, K].
    """
    grid = np.asarray(distortion, dtype=float)
    lowest = [_lowest([_curve(each.distortion[pair], each.distance[pair]) for each in (curves, *others)], grid)
              for pair in range(len(curves.distortion))]
    return torch.tensor(np.array(lowest), dtype=curves.distance.dtype)


def _curve(distortion: Tensor, distance: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The points of a curve that are kept, sorted by distortion and extended flat to 1."""
    x, y = (part.detach().cpu().double().numpy() for part in (distortion, distance))
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    x, y = x[x <= 1], y[x <= 1]
    return np.append(x, 1.0), np.append(y, y[-1] if len(y) else np.nan)


def _area(x: np.ndarray, y: np.ndarray) -> float:
    return float(((y[1:] + y[:-1]) * np.diff(x)).sum() / 2) if len(x) > 1 else math.nan


def _lower_area(points: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The area under the lowest of several curves, each begun at (0, 1) and never rising."""
    grid = np.unique(np.concatenate([[0.0], *(x for x, _ in points)]))
    return _area(grid, _lowest(points, grid))


def _lowest(points: list[tuple[np.ndarray, np.ndarray]], grid: np.ndarray) -> np.ndarray:
    """The lowest of several curves at each distortion of the grid, each begun at (0, 1) and never rising."""
    curves = [(np.append(0.0, x), np.minimum.accumulate(np.append(1.0, y))) for x, y in points]
    return np.min([np.interp(grid, x, y) for x, y in curves], axis=0)
