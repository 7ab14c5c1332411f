"""What is penalised? Functions of one batch that give one value an example and can be differentiated once more."""

from collections.abc import Callable

import torch
from torch import Tensor


def loss_gradient_l2(loss: Tensor, x: Tensor) -> Tensor:
    """Squared L2 norm of each example's loss gradient with respect to its input.

    The double backpropagation penalty of Drucker and LeCun (1992), P1 Eq. (10): add `lam * penalty.mean()` to the
    training loss. Derived in chapter "Double backpropagation".

    Args:
        loss: per-example losses, [B]; any unit (the penalty is in that unit squared, per squared pixel).
        x: the inputs that `loss` was computed from, [B, ...], with requires_grad.

    Returns:
        [B], differentiable with respect to the parameters.

    Raises:
        ValueError: `loss` is not [B], `x` does not require a gradient, `loss` does not depend on it, or batch
            normalisation in training mode mixes the examples.
    """
    return _loss_gradient(loss, x).flatten(1).square().sum(1)


def jacobian_l1(
    outputs: Tensor, x: Tensor, estimator: str = "exact", generator: torch.Generator | None = None
) -> Tensor:
    """Entrywise L1 norm of each example's Jacobian, sum_i sum_j |d outputs_i / d x_j|: P2 Eq. (3).

    Derived in chapter "Double backpropagation".

    Args:
        outputs: [B, C], logits or probabilities; the unit is theirs, per pixel.
        x: the inputs that `outputs` were computed from, [B, ...], with requires_grad.
        estimator: "exact", C backward passes; "one_row", C times the L1 norm of one row drawn for each example,
            unbiased at the cost of one pass; "summed", the L1 norm of the sum of the rows, which the footnote of P2
            Section 4.2 uses, and which is identically zero where the outputs of an example sum to a constant.
        generator: a CPU generator for "one_row"; without one, seed 0.

    Returns:
        [B], differentiable with respect to the parameters. Divide by C * D for a mean over the entries.

    Raises:
        KeyError: an unknown estimator.
        ValueError: `outputs` is not [B, C], `x` does not require a gradient, `outputs` does not depend on it, or batch
            normalisation in training mode mixes the examples.
    """
    if estimator not in JACOBIAN_L1:
        raise KeyError(f"no estimator named {estimator!r}; there are {', '.join(JACOBIAN_L1)}")
    if outputs.ndim != 2 or not outputs.numel():
        raise ValueError(f"outputs must be [B, C] and not empty, but have the shape {list(outputs.shape)}")
    _require_graph("outputs", outputs, x)
    return JACOBIAN_L1[estimator](outputs, x, generator)


def jacobian_l1_one_row(outputs: Tensor, x: Tensor, generator: torch.Generator | None) -> Tensor:
    """C times the L1 norm of one row, drawn for each example: its mean over the draws is P2 Eq. (3)."""
    batch, classes = outputs.shape
    generator = generator or torch.Generator().manual_seed(0)
    rows = torch.randint(classes, (batch, 1), generator=generator).to(outputs.device)
    return classes * _gradient(outputs.gather(1, rows).sum(), x).flatten(1).abs().sum(1)


def jacobian_l1_summed(outputs: Tensor, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """sum_j |sum_i J_ij|, the footnote of P2 Section 4.2."""
    return _gradient(outputs.sum(), x).flatten(1).abs().sum(1)


def jacobian_l1_exact(outputs: Tensor, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """sum_i sum_j |J_ij|, P2 Eq. (3), row by row."""
    return sum(_gradient(outputs[:, row].sum(), x).flatten(1).abs().sum(1) for row in range(outputs.shape[1]))


JACOBIAN_L1: dict[str, Callable[[Tensor, Tensor, torch.Generator | None], Tensor]] = {
    "exact": jacobian_l1_exact,
    "one_row": jacobian_l1_one_row,
    "summed": jacobian_l1_summed,
}


def _loss_gradient(loss: Tensor, x: Tensor) -> Tensor:
    if loss.shape != x.shape[:1]:
        raise ValueError(f"loss must be [{len(x)}], one value an example, but has the shape {list(loss.shape)}")
    _require_graph("loss", loss, x)
    return _gradient(loss.sum(), x)


def _gradient(total: Tensor, x: Tensor) -> Tensor:
    """Examples are independent: row b of the gradient of a sum over the batch belongs to example b alone."""
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    return gradient


def _require_graph(name: str, outputs: Tensor, x: Tensor) -> None:
    if not x.requires_grad:
        raise ValueError("x must require a gradient, but does not: call x.requires_grad_() before the forward pass")
    if outputs.shape[:1] != x.shape[:1]:
        raise ValueError(f"{name} must belong to the {len(x)} examples of x, but have the shape {list(outputs.shape)}")
    if outputs.grad_fn is None:
        raise ValueError(f"{name} must depend on x, but carry no graph: compute them from x, outside of torch.no_grad()")
    if not _depends(outputs.grad_fn, x):
        raise ValueError(f"{name} must depend on x, but their graph does not reach it")


def _depends(node, x: Tensor) -> bool:
    """Walk the graph from the outputs to x; on the way, refuse batch statistics, which mix the examples of a batch."""
    seen, stack, found = set(), [node], False
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if "BatchNorm" in node.name() and getattr(node, "_saved_training", True):
            raise ValueError("the network must not mix examples, but batch normalisation is in training mode: call eval()")
        found = found or node is x.grad_fn or getattr(node, "variable", None) is x
        stack.extend(parent for parent, _ in node.next_functions)
    return found
