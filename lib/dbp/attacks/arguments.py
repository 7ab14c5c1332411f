"""Is the call sound? Every error is one line, before any work: the argument, its value and what was expected."""

import math
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dbp.attacks.losses import LOSSES
from dbp.spelling import nearest


def check_call(model, x: Tensor, y: Tensor, eps: float | Tensor, bounds: tuple[float, float]) -> Tensor:
    """Check model, images, labels, budget and bounds; return the budget as a tensor that broadcasts against the images.

    Args:
        model: whatever maps images to logits; its parameters lie on the device of the images.
        x: images, [B, ...], floating point, finite, inside `bounds`.
        y: labels, [B], int64, at least 0.
        eps: a budget at least 0: one number, or one an example, [B].
        bounds: smallest and largest pixel.

    Raises:
        TypeError: an argument of the wrong type. ValueError: a value outside of what is expected.
    """
    check_images(x)
    check_device(model, x)
    check_labels(y, len(x), x.device)
    check_bounds(x, bounds)
    return check_budget("eps", eps, x)


def check_batches(model, x, y: Tensor | None, batch_size: int) -> None:
    """Check what is judged batch by batch, before the first batch.

    Args:
        model: as of `check_call`.
        x: images, [N, ...], a floating-point tensor or a `dbp.data.PixelStore`, of which one image is read.
        y: labels, [N], as of `check_call`; None where there are none.
        batch_size: at least 1.

    Raises:
        TypeError: an argument of the wrong type. ValueError: a value outside of what is expected.
    """
    lazy = hasattr(x, "__getitem__") and not isinstance(x, Tensor)
    first = x[:1] if lazy else x
    check_images(first)
    check_device(model, first)
    if y is not None:
        check_labels(y, len(x), first.device)  # a store's own `device` may lack the number of the GPU
    check_count("batch_size", batch_size)


def check_images(x: Tensor, name: str = "x") -> None:
    """Raise unless x is a floating-point tensor, [B, ...], that is not empty."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"{name} must be a floating-point tensor, but is {_kind(x)}")
    if x.ndim < 2 or not x.numel():
        raise ValueError(f"{name} must be [B, ...] and not empty, but has the shape {list(x.shape)}")


def check_labels(y: Tensor, count: int, device: torch.device) -> None:
    """Raise unless y are int64 labels, [count], at least 0, on the device of the images."""
    if not isinstance(y, Tensor) or y.dtype != torch.int64:
        raise TypeError(f"y must be an int64 tensor, but is {_kind(y)}")
    if y.shape != (count,):
        raise ValueError(f"y must have the shape [{count}], one label an image, but has {list(y.shape)}")
    if y.device != device:
        raise ValueError(f"y must be on the device of x, {device}, but is on {y.device}")
    if int(y.min()) < 0:
        raise ValueError(f"y must be at least 0, but holds {int(y.min())}")


def check_device(model, x: Tensor, name: str = "x") -> None:
    """Raise ValueError unless a network's parameters lie on the device of x: only the fits and `run` move data."""
    parameter = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    if parameter is not None and parameter.device != x.device:
        raise ValueError(f"{name} must be on the device of the model, {parameter.device}, but is on {x.device}")


def check_bounds(x: Tensor, bounds: tuple[float, float], name: str = "x") -> None:
    """Raise unless bounds are (low, high), and every pixel of x lies between them."""
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        raise TypeError(f"bounds must be two numbers (low, high), but are {bounds!r}") from None
    if not low < high:
        raise ValueError(f"bounds must be (low, high) with low below high, but are {bounds!r}")
    least, most = (float(value) for value in x.detach().aminmax())
    if math.isnan(least) or math.isnan(most):
        raise ValueError(f"{name} must be finite, but holds NaN")
    if least < low or most > high:
        raise ValueError(
            f"{name} must lie in [{low}, {high}], but its range is [{least:.4g}, {most:.4g}]; undo the normalisation first"
        )


def check_choice(name: str, value: str, known) -> None:
    """Raise ValueError unless `value` is one of `known`."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, but is {value!r}{nearest(str(value), known)}")


def check_loss(value) -> None:
    """Raise ValueError unless `value` is one of `LOSSES` or a function (outputs, y) -> [B]."""
    if not callable(value) and value not in LOSSES:
        known = f"{', '.join(LOSSES)} or a function (outputs, y) -> [B]"
        raise ValueError(f"loss must be one of {known}, but is {value!r}{nearest(str(value), LOSSES)}")


def check_count(name: str, value: int) -> None:
    """Raise unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, but is {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, but is {value}")


def check_budget(name: str, value: float | Tensor, x: Tensor) -> Tensor:
    """A length in units of the pixel range, one number or one an image, [B], as a tensor that broadcasts against x."""
    if isinstance(value, Tensor):
        if value.ndim and value.shape != x.shape[:1]:
            raise ValueError(f"{name} must be a number or [{len(x)}], one an image, but has the shape {list(value.shape)}")
        if value.ndim and value.device != x.device:
            raise ValueError(f"{name} must be on the device of x, {x.device}, but is on {value.device}")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number or a tensor, but is {value!r}")
    budget = torch.as_tensor(value, dtype=x.dtype, device=x.device).detach()
    wrong = budget[~torch.isfinite(budget) | (budget < 0)]
    if wrong.numel():
        raise ValueError(f"{name} must be finite and at least 0, but holds {float(wrong[0]):g}")
    return budget.reshape(-1, *[1] * (x.ndim - 1))


def check_step(value: float | Tensor, x: Tensor, budget: Tensor) -> Tensor:
    """A step size: a length like the budget, and above 0 wherever the budget is."""
    step = check_budget("step_size", value, x)
    if bool(((step == 0) & (budget > 0)).any()):
        raise ValueError("step_size must be above 0, but is 0.0")
    return step


def check_generator(generator) -> torch.Generator:
    """The CPU generator to draw from: the given one, or a fresh one of seed 0."""
    if generator is None:
        return torch.Generator().manual_seed(0)
    if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
        raise TypeError(f"generator must be a torch.Generator on the CPU, but is {generator!r}")
    return generator


def check_logits(logits: Tensor, y: Tensor) -> None:
    """Raise ValueError unless the model gave logits, [B, C], for labels below C."""
    if logits.ndim != 2 or len(logits) != len(y):
        raise ValueError(f"model must return logits [{len(y)}, C], but returned the shape {list(logits.shape)}")
    if int(y.max()) >= logits.shape[1]:
        raise ValueError(f"y must lie below {logits.shape[1]}, the number of classes, but reaches {int(y.max())}")


@contextmanager
def preserve_buffers(model):
    """Switch gradients on, and give the model's buffers back as they were: in training mode batch norm moves them."""
    before = [(buffer, buffer.clone()) for buffer in model.buffers()] if isinstance(model, nn.Module) else []
    try:
        with torch.enable_grad():
            yield
    finally:
        for buffer, value in before:
            if not torch.equal(buffer, value):  # writing back what did not change would spoil a graph that saved it
                with torch.no_grad():
                    buffer.copy_(value)


def _kind(value) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
