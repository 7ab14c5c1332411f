"""How sure is it? Intervals of a share and of a mean over seeds."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share, such as an accuracy over n images: sound near 0 and 1, and for small n.

    Args:
        successes: how many of the n were right.
        n: how many there were.
        level: share of such intervals that hold the true value.

    Returns:
        (low, high), shares of 1.

    Raises:
        ValueError: n below 1, successes outside [0, n], or level outside (0, 1).
    """
    if not n >= 1:
        raise ValueError(f"n must be at least 1, but is {n!r}")
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in [0, {n}], but is {successes!r}")
    z = NormalDist().inv_cdf((1 + _level(level)) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def student(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Student's interval of the mean over seeds.

    Args:
        values: one value a seed, at least two: one seed says nothing about the spread.
        level: share of such intervals that hold the true mean, if the values are normal.

    Returns:
        (low, high), in the unit of the values.

    Raises:
        ValueError: fewer than two values, a value that is not finite, or level outside (0, 1).
    """
    values = _at_least_two(values)
    half = stdtrit(len(values) - 1, (1 + _level(level)) / 2) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def bootstrap(
    values: Sequence[float], level: float = 0.95, *,
    statistic: Callable = np.mean, resamples: int = 10_000, seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval over seeds, for values that are far from normal or statistics other than the mean.

    Args:
        values: one value a seed, at least two; with fewer than about ten it is too narrow, prefer `student`.
        level: share of the resampled statistics inside.
        statistic: takes an array and `axis`, like `numpy.mean` and `numpy.median`.
        resamples: how many.
        seed: of the resampling.

    Returns:
        (low, high), in the unit of the statistic.

    Raises:
        ValueError: fewer than two values, a value that is not finite, resamples below 1, or level outside (0, 1).
    """
    values, tail = _at_least_two(values), (1 - _level(level)) / 2
    if not resamples >= 1:
        raise ValueError(f"resamples must be at least 1, but is {resamples!r}")
    drawn = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile(statistic(values[drawn], axis=1), (tail, 1 - tail))
    return float(low), float(high)


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), but is {level!r}")
    return level


def _at_least_two(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must be at least 2 numbers, one a seed, but have the shape {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"values must be finite, but are {values.tolist()}")
    return values
