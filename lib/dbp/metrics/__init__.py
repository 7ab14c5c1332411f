"""How is it measured? Accuracy, the size of a Jacobian, reconstruction, readings of an autoencoder's gradient, AUDDC."""

import math
from collections.abc import Callable

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
from dbp.metrics.distortion import DistortionCurves, auddc, distance_at, distortion_curves
from dbp.models.vae import Autoencoder, kl_divergence
from dbp.penalties import jacobian_frobenius2

__all__ = [
    "DistortionCurves", "accuracy", "auddc", "autoencoder_gradients", "distance_at", "distortion_curves", "jacobian_l1_norm",
    "reconstruction",
]  # fmt: skip


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
