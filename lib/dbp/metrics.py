"""How is it measured? Accuracies, gradient magnitudes and the intervals around them."""

from collections.abc import Callable

import torch
from torch import Tensor

from dbp.attacks.inputs import check_count, check_examples, untouched


def accuracy(model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, *, batch_size: int = 1000) -> float:
    """Share of the images, [N, ...], whose largest logit is at the label, [N].

    The images are moved to the device of the model's parameters, a batch at a time.

    Raises:
        ValueError: no images, or another number of labels.
    """
    check_examples(x, y)
    check_count("batch_size", batch_size)
    device = _device_of(model, x)
    right = 0
    with untouched(model), torch.no_grad():
        for images, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
            right += int((model(images.to(device)).argmax(1) == labels.to(device)).sum())
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


def _device_of(model, x: Tensor) -> torch.device:
    parameters = model.parameters() if isinstance(model, torch.nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), x.device)
