"""Does an image turn into another class? Steps along a classifier's gradient, without a budget: P1 Section 4, Eq. (15)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dbp.attacks.arguments import (
    check_bounds,
    check_choice,
    check_count,
    check_device,
    check_images,
    check_step,
    preserve_buffers,
)


@dataclass(frozen=True)
class Transition:
    """The way of B images towards their target classes.

    Attributes:
        path: images in [0, 1], [steps + 1, B, ...]; the first are those given.
        probabilities: of each class, the softmax of the model's logits, [steps + 1, B, C].
        stalled: whether the gradient was exactly zero, so that the image stood still (far off, or there), bool [steps, B].
        reconstructions: of the path by an autoencoder, like it; None where none was handed in.
    """

    path: Tensor
    probabilities: Tensor
    stalled: Tensor
    reconstructions: Tensor | None = None


def transition(
    model: Callable[[Tensor], Tensor], x: Tensor, target_class: int | Tensor, *, steps: int, step_size: float | Tensor,
    on: str = "probabilities", autoencoder: nn.Module | None = None,
) -> Transition:
    """Walk from images to a class, P1 Eq. (15): x_new = x - eta sign(grad_x ||f_target - f(x)||_2).

    The paper gives neither eta nor the number of steps, nor f_target, nor says whether images stay images. Taken here: f
    are the probabilities, for a `dbp.models.gmm.EncoderClassifier` those of Eq. (14); f_target is 1 at the class and 0
    elsewhere; eta is constant; every step is clipped to [0, 1]; and all steps are taken, past the arrival too.

    Probabilities saturate: where the target's is too small for the type of the images (in float32, some 100 nats behind the
    first), the gradient is exactly zero and the image stands still. And where it is merely small among three classes or
    more, the norm falls fastest as the other classes become alike: the step need not be towards the target.

    "log densities" lowers, in logits l, the log odds against the target instead, log sum_{i != t} exp(l_i) - l_t, which no
    rounding brings to a standstill. With two classes its gradient has the sign of the paper's, wherever that is not zero.

    Args:
        model: images to logits, [B, C]: class log densities, or any that a softmax makes probabilities of.
        x: images in [0, 1], [B, ...].
        target_class: the class to reach, one for all, or one an image, int64 [B].
        steps: how many.
        step_size: eta, in units of the pixel range; one number, or one an image, [B].
        on: "probabilities" or "log densities".
        autoencoder: if given, the path is reconstructed by it (see `dbp.models.vae.Autoencoder`).

    Returns:
        The path, detached. Only gradients with respect to the images are taken: parameters, their `.grad`, buffers and the
        train/eval mode are as they were.

    Raises:
        TypeError, ValueError: a wrong argument, named before any step; a NaN gradient, as soon as it appears.
    """
    check_images(x)
    check_device(model, x)
    check_bounds(x, (0.0, 1.0))
    check_count("steps", steps)
    check_choice("on", on, DISTANCES)
    step_size = check_step(step_size, x, torch.ones((), device=x.device))
    target = _targets(target_class, x)
    images, path, probabilities, stalled = x.detach(), [], [], []
    with preserve_buffers(model):
        for step in range(steps + 1):
            more, point = step < steps, images.detach().requires_grad_(step < steps)
            with torch.set_grad_enabled(more):
                logits = model(point)
            _check_logits(logits, target, step)
            path.append(images)
            probabilities.append(logits.detach().softmax(1))
            if more:
                (gradient,) = torch.autograd.grad(DISTANCES[on](logits, target).sum(), point)
                if bool(gradient.isnan().any()):  # sign(NaN) is 0: the image would stand still in silence
                    raise ValueError(f"model must not give NaN, but at step {step} its gradient on {on} does")
                stalled.append((gradient == 0).flatten(1).all(1))
                images = (images - step_size * gradient.sign()).clamp(0, 1)  # P1 Eq. (15), and back into [0, 1]
    reconstructions = None
    if autoencoder is not None:
        with preserve_buffers(autoencoder), torch.no_grad():
            reconstructions = torch.stack([autoencoder.reconstruct(images) for images in path])
    return Transition(torch.stack(path), torch.stack(probabilities), torch.stack(stalled), reconstructions)


def _to_target(logits: Tensor, target: Tensor) -> Tensor:
    """||f_target - f(x)||_2, [B]."""
    wanted = torch.zeros_like(logits).scatter(1, target[:, None], 1.0)
    return (wanted - logits.softmax(1)).norm(dim=1)


def _log_odds_against(logits: Tensor, target: Tensor) -> Tensor:
    """log (1 - p_t) / p_t, [B], without a probability that could be rounded."""
    others = logits.scatter(1, target[:, None], float("-inf"))
    return others.logsumexp(1) - logits.gather(1, target[:, None]).squeeze(1)


DISTANCES = {"probabilities": _to_target, "log densities": _log_odds_against}


def _targets(target_class, x: Tensor) -> Tensor:
    """One class an image, int64 [B]."""
    if type(target_class) is int:
        target = torch.full((len(x),), target_class, dtype=torch.int64, device=x.device)
    elif isinstance(target_class, Tensor) and target_class.dtype == torch.int64:
        target = target_class
    else:
        raise TypeError(f"target_class must be a whole number or an int64 tensor, but is {target_class!r}")
    if target.shape != x.shape[:1] or target.device != x.device:
        found = f"{list(target.shape)} on {target.device}"
        raise ValueError(f"target_class must be one number, or [{len(x)}] on {x.device}, but is {found}")
    return target


def _check_logits(logits: Tensor, target: Tensor, step: int) -> None:
    if logits.ndim != 2 or len(logits) != len(target) or logits.shape[1] < 2:
        raise ValueError(f"model must return logits [{len(target)}, C >= 2], but returned the shape {list(logits.shape)}")
    least, most = (int(value) for value in target.aminmax())
    if least < 0 or most >= logits.shape[1]:
        wrong = least if least < 0 else most
        raise ValueError(f"target_class must lie from 0 to {logits.shape[1] - 1}, but holds {wrong}")
    if bool(logits.isnan().any()):
        raise ValueError(f"model must not give NaN, but at step {step} it does")
