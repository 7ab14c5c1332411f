"""How is it measured? Accuracy, the size of a Jacobian, reconstruction, and three readings of an autoencoder's gradient."""

from collections.abc import Callable

import torch
from torch import Tensor

from dbp.attacks.arguments import check_count, check_device, check_images, check_labels, preserve_buffers
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


def _device_of(model, x: Tensor) -> torch.device:
    parameters = model.parameters() if isinstance(model, torch.nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), x.device)
