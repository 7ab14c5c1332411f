"""How hard is an autoencoder to fool? Distortion-distortion curves, the area under them (AUDDC), and the lower envelope."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


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

    The reference value: points with a distortion above 1 are dropped (one at 1 is kept), the others sorted (those at the
    same distortion keep their order), the last one extended flat to 1, and the area taken by trapezoids, from the first
    point on. Distances below 0 and above 1 count as they are; of a single point it is the height times the way to 1.

    The straight line from x to the target is an attack as good as any: a value above that of the line says that the
    optimiser failed. So `envelope` takes the best of several attacks: each curve begins at (0, 1), where nothing is
    changed, and never rises, since a smaller change is always allowed; at each distortion the lowest curve counts. A further
    attack never makes it larger.

    Args:
        curves: of one attack.
        others: of further attacks on the same pairs; only with `envelope`.
        envelope: whether the lower envelope is wanted.

    Returns:
        [P], on the CPU; NaN where no attack has a point that is kept, or where the distance of such a point is not finite.

    Raises:
        ValueError: several attacks without `envelope`, or other numbers of pairs.
    """
    if others and not envelope:
        raise ValueError(f"envelope must be True for several attacks, but is {envelope} for {1 + len(others)}")
    areas = [_lower_area(points) if envelope else _area(*points[0]) for points in _by_pair(curves, *others)]
    return torch.tensor(areas, dtype=curves.distance.dtype)


def distance_at(curves: DistortionCurves, *others: DistortionCurves, distortion: Sequence[float]) -> Tensor:
    """How near an attacker comes who may change the image by so much: the lower envelope of `auddc`, point by point.

    Args:
        curves, others: of one or several attacks on the same pairs.
        distortion: shares of the way from x to the target, in [0, 1], [K].

    Returns:
        Normalised distances, [P, K], on the CPU; NaN as in `auddc`.

    Raises:
        ValueError: attacks on other numbers of pairs.
    """
    grid = np.asarray(distortion, dtype=float)
    lowest = [_lowest(points, grid) for points in _by_pair(curves, *others)]
    return torch.tensor(np.array(lowest), dtype=curves.distance.dtype)


def _by_pair(*attacks: DistortionCurves) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """The curves of each pair, one an attack; attacks without a point that is kept are left out if there are others."""
    pairs = len(attacks[0].distortion)
    if any(len(attack.distortion) != pairs for attack in attacks):
        raise ValueError(f"every attack must have the {pairs} pairs of the first")
    found = []
    for pair in range(pairs):
        curves = [_curve(attack.distortion[pair], attack.distance[pair]) for attack in attacks]
        found.append([curve for curve in curves if len(curve[0]) > 1] or curves[:1])
    return found


def _curve(distortion: Tensor, distance: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The points of a curve that are kept, sorted by distortion and extended flat to 1."""
    x, y = (part.detach().cpu().double().numpy() for part in (distortion, distance))
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    x, y = x[x <= 1], y[x <= 1]
    y = np.where(np.isfinite(y), y, np.nan)
    return np.append(x, 1.0), np.append(y, y[-1] if len(y) else np.nan)


def _area(x: np.ndarray, y: np.ndarray) -> float:
    return float(((y[1:] + y[:-1]) * np.diff(x)).sum() / 2) if len(x) > 1 else math.nan


def _lower_area(points: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The area under the lowest of several curves, each begun at (0, 1) and never rising."""
    curves = [_falling(x, y) for x, y in points]
    grid = np.unique(np.concatenate([x for x, _ in curves]))
    heights, crossings = [np.interp(grid, x, y) for x, y in curves], []
    for one, other in itertools.combinations(heights, 2):
        gap = one - other
        at = np.flatnonzero(gap[:-1] * gap[1:] < 0)  # between these points two curves cross: the lowest has a corner there
        crossings.append(grid[at] + gap[at] / (gap[at] - gap[at + 1]) * np.diff(grid)[at])
    grid = np.unique(np.concatenate([grid, *crossings]))
    return _area(grid, _lowest(points, grid))


def _lowest(points: list[tuple[np.ndarray, np.ndarray]], grid: np.ndarray) -> np.ndarray:
    """The lowest of several curves at each distortion of the grid, each begun at (0, 1) and never rising."""
    return np.min([np.interp(grid, *_falling(x, y)) for x, y in points], axis=0)


def _falling(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve begun at (0, 1) that never rises, with the lowest point at each distortion."""
    x, y = np.append(0.0, x), np.minimum.accumulate(np.append(1.0, y))
    last = np.append(np.diff(x) > 0, True)
    return x[last], y[last]
