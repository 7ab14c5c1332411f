"""How is it measured? Accuracies, reconstructions, gradients, intervals, and whether to believe an attack."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import NormalDist

import numpy as np
import pandas as pd
import torch
from scipy.special import stdtrit
from torch import Tensor

from dbp.attacks.classifier import fgsm, pgd, random_noise, transfer
from dbp.attacks.evaluation import evaluate
from dbp.attacks.inputs import (
    check_budget,
    check_call,
    check_count,
    check_device,
    check_images,
    check_labels,
    check_logits,
    check_loss,
    preserve_buffers,
)
from dbp.attacks.losses import Loss, attack_loss
from dbp.models.vae import kl_divergence
from dbp.penalties import jacobian_frobenius2


def accuracy(model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, *, batch_size: int = 1000) -> float:
    """Share of the images whose largest logit is at the label.

    Args:
        model: images to logits, [B, C].
        x: images, [N, ...], on the device of the model.
        y: labels, [N].
        batch_size: images at once.

    Returns:
        A share of 1.

    Raises:
        ValueError: no images, or another number of labels.
    """
    check_images(x)
    check_labels(y, x)
    check_device(model, x)
    check_count("batch_size", batch_size)
    right = 0
    with preserve_buffers(model), torch.no_grad():
        for images, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
            right += int((model(images).argmax(1) == labels).sum())
    return right / len(y)


def jacobian_l1_norm(model: Callable[[Tensor], Tensor], x: Tensor, *, outputs: str = "softmax") -> Tensor:
    """The exact ||J||_{1,1} of P2 Eq. (3), measured, not penalised: no graph is kept.

    Args:
        model: images to logits, [B, C].
        x: images, [B, ...].
        outputs: whose Jacobian: of the "softmax" probabilities or of the "logits".

    Returns:
        [B], in the unit of the outputs, per pixel.

    Raises:
        ValueError: unknown outputs.
    """
    if outputs not in ("softmax", "logits"):
        raise ValueError(f"outputs must be 'softmax' or 'logits', but is {outputs!r}")
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        values = model(x)
        values = values.softmax(1) if outputs == "softmax" else values
        total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for row in range(values.shape[1]):
            (gradient,) = torch.autograd.grad(values[:, row].sum(), x, retain_graph=True)
            total += gradient.flatten(1).abs().sum(1)
    return total


def reconstruction(model, x: Tensor, *, batch_size: int = 500) -> dict[str, float]:
    """How well an autoencoder reproduces images from the mean code.

    Args:
        model: an autoencoder, see `dbp.models.vae.Autoencoder`.
        x: images, [N, channels, height, width].
        batch_size: images at once.

    Returns:
        Means over the images: `reconstruction`, the loss in nats a pixel value (binary cross-entropy where pixels are
        Bernoulli); `squared_error` a pixel value, of a pixel range of 1; `kl`, in nats an image.
    """
    check_count("batch_size", batch_size)
    device, sums = _device_of(model, x), torch.zeros(3, dtype=torch.float64)
    with torch.no_grad():
        for images in x.split(batch_size):
            images = images.to(device)
            out = model(images)
            errors = (model.likelihood.image(out.logits) - images).square().flatten(1).sum(1)
            found = model.likelihood(out.logits, images), errors, kl_divergence(out.mu, out.logvar)
            sums += torch.stack([values.double().sum().cpu() for values in found])
    loss, error, kl = (sums / len(x)).tolist()
    pixels = x[0].numel()
    return {"reconstruction": loss / pixels, "squared_error": error / pixels, "kl": kl}


def autoencoder_gradients(
    model, x: Tensor, *, projections: int = 8, generator: torch.Generator | None = None, batch_size: int = 100
) -> dict[str, Tensor]:
    """How strongly an autoencoder with the mean code reacts to its input, in three readings of P1's "gradient".

    Args:
        model: an autoencoder, see `dbp.models.vae.Autoencoder`.
        x: images, [N, channels, height, width].
        projections: random vectors an image that estimate the norm of the Jacobian.
        generator: a CPU generator of these vectors; without one, seed 0.
        batch_size: images at once.

    Returns:
        [N] each: `whole`, the L2 norm of the loss gradient over both ways in which the loss depends on x, and
        `encoder_path`, over the way through the encoder only, in nats a pixel; `jacobian`, the Frobenius norm of
        d x' / d x, without a unit.
    """
    device, parts = _device_of(model, x), []
    generator = generator or torch.Generator().manual_seed(0)
    for images in x.split(batch_size):
        images = images.detach().to(device).requires_grad_()
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
    check_count("resamples", resamples)
    drawn = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile(statistic(values[drawn], axis=1), (tail, 1 - tail))
    return float(low), float(high)


def zero_gradient_share(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, *, loss: Loss = "cross_entropy", batch_size: int = 1000
) -> float:
    """Share of the images whose input gradient is exactly zero: no gradient attack can move them.

    Args:
        model: images to logits, [B, C].
        x, y: images, [N, ...], and labels, [N].
        loss: whose gradient: "cross_entropy", "margin" or "dlr".
        batch_size: images at once.
    """
    check_images(x)
    check_labels(y, x)
    check_device(model, x)
    check_loss(loss)
    check_count("batch_size", batch_size)
    zero = 0
    with preserve_buffers(model):
        for images, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
            images = images.detach().requires_grad_()
            logits = model(images)
            check_logits(logits, labels)
            (gradient,) = torch.autograd.grad(attack_loss(loss, logits, labels).sum(), images)
            zero += int((gradient.flatten(1) == 0).all(1).sum())
    return zero / len(y)


def diagnostics(
    model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, *,
    eps: float = 0.1, eps_grid: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5), steps: int = 20, draws: int = 10,
    source: Callable[[Tensor], Tensor] | None = None, tolerance: float = 0.02, batch_size: int = 1000,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> pd.DataFrame:
    """Would this evaluation notice a fragile model? The questions of Athalye et al. (2018) and Carlini et al. (2019).

    All attacks are L-infinity; PGD starts at random points of seed 0.

    Args:
        model: images to logits, [B, C].
        x, y: images, [N, ...], inside `bounds`, and labels, [N].
        eps: budget of all rows but the grid, in units of the pixel range.
        eps_grid: budgets; with half the pixel range any image can be turned grey, so that accuracy is at most chance.
        steps: of PGD.
        draws: of random noise; an image keeps the first that fools the model.
        source: another model to transfer PGD from; without one, that row is missing.
        tolerance: share of the images that may go the wrong way before a row is called suspicious.
        batch_size: images at once.
        bounds: smallest and largest pixel.

    Returns:
        One row a question: `check`; `value` and `reference`, shares of 1, accuracies unless the row says otherwise;
        `expected`, how the value relates to the reference where attack and model are honest; `suspicious`, whether it
        does not. A suspicious row says that the model is more fragile than the attack shows.

    Raises:
        TypeError, ValueError: a wrong argument, named before any work.
    """
    check_call(model, x, y, eps, bounds)
    for budget in eps_grid:
        check_budget("eps_grid", budget, x)
    strong = partial(pgd, steps=steps, bounds=bounds)
    grid = {f"PGD, eps {budget:g}": partial(strong, eps=budget) for budget in sorted(eps_grid)}
    rivals = {
        "PGD, twice the steps": partial(strong, eps=eps, steps=2 * steps),
        "PGD, margin loss": partial(strong, eps=eps, loss="margin"),
        "FGSM": partial(fgsm, eps=eps, bounds=bounds),
        f"random noise, {draws} draws": partial(random_noise, eps=eps, draws=draws, bounds=bounds),
    }
    if source is not None:
        rivals["PGD from another model"] = transfer(source, partial(strong, eps=eps))
    found = evaluate(model, x, y, {"PGD": partial(strong, eps=eps)} | grid | rivals, batch_size=batch_size)
    rows = [("input gradient exactly zero", zero_gradient_share(model, x, y, batch_size=batch_size), 0.0, "not above")]
    smaller = float(found.clean.double().mean())
    for name in grid:
        rows.append((name, found.accuracy(name), smaller, "not above"))
        smaller = found.accuracy(name)
    if max(eps_grid, default=0) >= (bounds[1] - bounds[0]) / 2:
        rows[-1] = (rows[-1][0], smaller, float(y.bincount().max()) / len(y), "not above")  # the most frequent label
    rows += [(name, found.accuracy(name), found.accuracy("PGD"), "not below") for name in rivals]
    table = pd.DataFrame(rows, columns=["check", "value", "reference", "expected"])
    excess = (table["value"] - table["reference"]) * table["expected"].map({"not above": 1, "not below": -1})
    return table.assign(suspicious=excess > tolerance)


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), but is {level!r}")
    return level


def _at_least_two(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must be one number a seed, at least 2, but have the shape {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"values must be finite, but are {values.tolist()}")
    return values


def _device_of(model, x: Tensor) -> torch.device:
    parameters = model.parameters() if isinstance(model, torch.nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), x.device)
