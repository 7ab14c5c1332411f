"""What did the student's function return? Its shape, whether it is near, which slip it shows, how to print it."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def tensor(found: object, shape: tuple[int, ...]) -> Tensor:
    """`found`, if it is a tensor of that shape.

    Raises:
        AssertionError: it is something else; the message says what.
    """
    if not isinstance(found, Tensor) or found.shape != shape:
        what = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"{found!r}"
        raise AssertionError(f"found {what}, expected a tensor of shape {tuple(shape)}; does the function return it?")
    return found


def near(a: Tensor, b: Tensor) -> bool:
    """Whether all entries agree to 1e-5, absolute and relative."""
    return torch.allclose(a, b.to(a.dtype), rtol=1e-5, atol=1e-5)


def row(values: Tensor) -> str:
    """Numbers for a message: (1.00, -2.50)."""
    return "(" + ", ".join(f"{value:.2f}" for value in values.flatten().tolist()) + ")"


def number(found: float, expected: float, slips: Mapping[float, str], why: str) -> None:
    """Raise AssertionError unless the number is right: with the slip that gives this one, else with `why` it is expected."""
    for wrong, slip in slips.items():
        if math.isclose(found, wrong):
            raise AssertionError(f"found {found:g}, expected {expected:g}: {slip}")
    if not math.isclose(found, expected):
        raise AssertionError(f"found {found:g}, expected {expected:g} = {why}")
