"""What is penalised? Functions of one batch that give one value an example and can be differentiated once more."""

from collections.abc import Callable
from contextlib import contextmanager

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
        TypeError: an argument is not a tensor.
        ValueError: `loss` is not [B], `x` does not require a gradient, `loss` does not depend on it, its graph has been
            freed, or batch normalisation mixes the examples, as it does in training mode.
    """
    return _loss_gradient(loss, x).flatten(1).square().sum(1)


def loss_gradient_l1(loss: Tensor, x: Tensor) -> Tensor:
    """L1 norm of each example's loss gradient: to first order, what an L-infinity attack of budget 1 adds to the loss.

    Simon-Gabriel et al. (2018), "Adversarial vulnerability of neural networks increases with input dimension", the
    gradient penalty for the L-infinity norm. Arguments and errors are those of `loss_gradient_l2`; the unit is the
    loss's, per pixel.

    Returns:
        [B], differentiable with respect to the parameters.
    """
    return _loss_gradient(loss, x).flatten(1).abs().sum(1)


def loss_gradient_l2_finite_difference(
    loss: Tensor, x: Tensor, loss_of: Callable[[Tensor], Tensor], *, h: float = 0.01
) -> Tensor:
    """`loss_gradient_l2` without a second differentiation: ((loss(x + h d) - loss(x)) / h)^2, d along the gradient.

    Finlay and Oberman (2019), "Scaleable input gradient regularization for adversarial robustness". One first-order
    backward pass finds d, one more forward pass measures the slope; the error is of order h where the loss is smooth.

    Args:
        loss: per-example losses at x, [B].
        x: the inputs that `loss` was computed from, [B, ...], with requires_grad.
        loss_of: images, [B, ...], to per-example losses, [B]: what `loss` was computed with.
        h: length of the step, L2, in units of the pixel range.

    Returns:
        [B], in the unit of the loss squared, per squared pixel; differentiable with respect to the parameters.

    Raises:
        ValueError: as `loss_gradient_l2`, or h is not above 0, or `loss_of` does not return [B].
    """
    if not 0 < h < float("inf"):
        raise ValueError(f"h must be above 0 and finite, but is {h!r}")
    _require_losses(loss, x)
    with _graph_kept():
        (gradient,) = torch.autograd.grad(loss.sum(), x, retain_graph=True)
    length = gradient.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.ndim - 1))
    direction = gradient / length.clamp(min=torch.finfo(x.dtype).tiny)  # 0 where the gradient vanishes
    moved = loss_of(x.detach() + h * direction)
    if moved.shape != loss.shape:
        raise ValueError(f"loss_of must return {list(loss.shape)}, as loss is, but gave {list(moved.shape)}")
    return ((moved - loss) / h).square()


def jacobian_frobenius2(
    outputs: Tensor, x: Tensor, projections: int = 1, generator: torch.Generator | None = None
) -> Tensor:
    """Squared Frobenius norm of each example's Jacobian, estimated without bias by random projections.

    Hoffman, Roberts and Yaida (2019), "Robust learning with Jacobian regularization", Algorithm 1: C times the mean of
    || d (v . outputs) / d x ||_2^2 over unit vectors v, drawn for each example.

    Args:
        outputs: [B, C], logits or probabilities; the unit is theirs squared, per squared pixel.
        x: the inputs that `outputs` were computed from, [B, ...], with requires_grad.
        projections: vectors an example, each a backward pass.
        generator: a CPU generator; without one, torch's global one, which `torch.manual_seed` sets.

    Returns:
        [B], differentiable with respect to the parameters.

    Raises:
        TypeError, ValueError: as `jacobian_l1`, or `projections` is not a whole number of at least 1.
    """
    _require_outputs(outputs, x, generator)
    if not isinstance(projections, int) or projections < 1:
        raise ValueError(f"projections must be a whole number of at least 1, but is {projections!r}")
    total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    for _ in range(projections):
        v = torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype).to(outputs.device)
        v = v / v.norm(dim=1, keepdim=True)
        total = total + _gradient((v * outputs).sum(), x).flatten(1).square().sum(1)
    return outputs.shape[1] / projections * total


def jacobian_l1(
    outputs: Tensor, x: Tensor, estimator: str = "exact", generator: torch.Generator | None = None, *,
    vectorize: bool | None = None,
) -> Tensor:
    """Entrywise L1 norm of each example's Jacobian, sum_i sum_j |d outputs_i / d x_j|: P2 Eq. (3).

    Derived in chapter "Double backpropagation".

    Args:
        outputs: [B, C], logits or probabilities; the unit is theirs, per pixel.
        x: the inputs that `outputs` were computed from, [B, ...], with requires_grad.
        estimator: "exact", C backward passes; "one_row", C times the L1 norm of one row drawn for each example,
            unbiased at the cost of one pass; "summed", the L1 norm of the sum of the rows, which the footnote of P2
            Section 4.2 uses, and which is identically zero where the outputs of an example sum to a constant.
        generator: a CPU generator for "one_row"; without one, torch's global one, which `torch.manual_seed` sets.
        vectorize: how "exact" takes its passes: True, all at once, as torch.autograd.functional.jacobian does; False, one
            by one, in less memory; None, whichever is faster for the kinds of layers in the graph. The values are the
            same up to rounding.

    Returns:
        [B], differentiable with respect to the parameters. Divide by C * D for a mean over the entries.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an unknown estimator, `outputs` is not [B, C], `x` does not require a gradient, `outputs` does not depend
            on it, its graph has been freed, or batch normalisation mixes the examples, as it does in training mode.
    """
    if estimator not in JACOBIAN_L1:
        raise ValueError(f"no estimator named {estimator!r}; there are {', '.join(JACOBIAN_L1)}")
    if vectorize is not None and not isinstance(vectorize, bool):
        raise TypeError(f"vectorize must be True, False or None, but is {vectorize!r}")
    _require_outputs(outputs, x, generator)
    if estimator == "exact":
        return jacobian_l1_exact(outputs, x, vectorize=vectorize)
    return JACOBIAN_L1[estimator](outputs, x, generator)


def jacobian_l1_one_row(outputs: Tensor, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """C times the L1 norm of one row, drawn for each example: its mean over the draws is P2 Eq. (3).

    Args and returns: as of `jacobian_l1`, which also checks `outputs`, `x` and `generator`.
    """
    batch, classes = outputs.shape
    rows = torch.randint(classes, (batch, 1), generator=generator).to(outputs.device)
    return classes * _gradient(outputs.gather(1, rows).sum(), x).flatten(1).abs().sum(1)


def jacobian_l1_summed(outputs: Tensor, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """sum_j |sum_i J_ij|, the footnote of P2 Section 4.2.

    Args and returns: as of `jacobian_l1`, which also checks `outputs` and `x`; `generator` is not used.
    """
    return _gradient(outputs.sum(), x).flatten(1).abs().sum(1)


def jacobian_l1_exact(
    outputs: Tensor, x: Tensor, generator: torch.Generator | None = None, *, vectorize: bool | None = None
) -> Tensor:
    """sum_i sum_j |J_ij|, P2 Eq. (3).

    Args and returns: as of `jacobian_l1`, which also checks `outputs` and `x`; `generator` is not used.
    """
    classes = outputs.shape[1]
    if vectorize is None:
        vectorize = not any(_wants_loop(node) for node in _graph(outputs, x))
    if vectorize:
        one_hot = torch.eye(classes, dtype=outputs.dtype, device=outputs.device)  # row i picks output i of every example
        rows = _gradient(outputs, x, one_hot[:, None].expand(classes, *outputs.shape))  # [C, B, ...]
    else:
        rows = torch.stack([_gradient(outputs[:, row].sum(), x) for row in range(classes)])  # [C, B, ...]
    return rows.flatten(2).abs().sum((0, 2))


JACOBIAN_L1: dict[str, Callable[[Tensor, Tensor, torch.Generator | None], Tensor]] = {
    "exact": jacobian_l1_exact,
    "one_row": jacobian_l1_one_row,
    "summed": jacobian_l1_summed,
}


def _loss_gradient(loss: Tensor, x: Tensor) -> Tensor:
    _require_losses(loss, x)
    return _gradient(loss.sum(), x)


def _gradient(outputs: Tensor, x: Tensor, cotangents: Tensor | None = None) -> Tensor:
    """The gradient of a sum over the batch: examples are independent, so row b belongs to example b alone.

    With cotangents, [R, *outputs.shape], R such gradients at once, [R, *x.shape].
    """
    with _graph_kept():
        batched = cotangents is not None
        return torch.autograd.grad(outputs, x, cotangents, create_graph=True, is_grads_batched=batched)[0]


def _require_losses(loss: Tensor, x: Tensor) -> None:
    _require_graph("loss", loss, x)
    if loss.ndim != 1:
        raise ValueError(f"loss must be [{len(x)}], one value an example, but has the shape {list(loss.shape)}")


def _require_outputs(outputs: Tensor, x: Tensor, generator: torch.Generator | None) -> None:
    _require_graph("outputs", outputs, x)
    if outputs.ndim != 2:
        raise ValueError(f"outputs must be [B, C], but has the shape {list(outputs.shape)}")
    if generator is not None and not (isinstance(generator, torch.Generator) and generator.device.type == "cpu"):
        raise TypeError(f"generator must be a torch.Generator on the CPU, but is {generator!r}")


def _require_graph(name: str, outputs: Tensor, x: Tensor) -> None:
    for argument, value in (("x", x), (name, outputs)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{argument} must be a tensor, but is {type(value).__name__}")
    if not x.requires_grad:
        raise ValueError("x must require a gradient, but does not: call x.requires_grad_() before the forward pass")
    if not x.ndim or not x.numel():
        raise ValueError(f"x must be [B, ...] and not empty, but has the shape {list(x.shape)}")
    if outputs.shape[:1] != x.shape[:1] or not outputs.numel():
        shape = list(outputs.shape)
        raise ValueError(f"{name} must be [{len(x)}, ...], one row an example of x, but has the shape {shape}")
    if outputs.grad_fn is None:
        raise ValueError(f"{name} must depend on x, but has no graph: compute it from x, without torch.no_grad()")
    nodes = _graph(outputs, x)
    if _entry(x) not in nodes:
        raise ValueError(f"{name} must depend on x, but its graph does not lead there")
    if any("BatchNorm" in node.name() for node in nodes) and _mixes_examples(outputs, x):
        raise ValueError(f"{name} must not mix examples, but batch normalisation does in training mode: call eval()")


@contextmanager
def _graph_kept():
    """Turn torch's many lines about a freed graph, or one that cannot be batched, into one."""
    try:
        yield
    except RuntimeError as error:
        if "a second time" in str(error):
            text = "the graph must be kept, but has been freed: call the earlier backward() with retain_graph=True"
        elif "vmap" in str(error) or "Batching rule" in str(error):
            text = "vectorize must be False here: a function in the graph cannot take several rows at once"
        else:
            raise
        raise ValueError(text) from None


def _graph(outputs: Tensor, x: Tensor) -> set:
    """The nodes of the graph from the outputs back to x, x's own included if they depend on it."""
    entry, seen, stack = _entry(x), set(), [outputs.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node is not entry:
            stack.extend(parent for parent, _ in node.next_functions)
    return seen


def _entry(x: Tensor):
    """The node where x enters the graph: what computed x, or for a leaf what gathers its gradient."""
    return torch.autograd.graph.get_gradient_edge(x).node


def _mixes_examples(outputs: Tensor, x: Tensor) -> bool:
    """Whether examples with an odd number move the outputs of those with an even one.

    The graph does not say in which mode batch normalisation ran; this asks it, for one more pass.
    """
    with _graph_kept():
        (gradient,) = torch.autograd.grad(outputs[::2].sum(), x, retain_graph=True)
    return bool(gradient[1::2].any())


def _wants_loop(node) -> bool:
    """Where rows are faster one by one: batching makes one large product of matrices, but slow copies of convolutions.

    A training step of batch 128 on two cores: model C takes 42 ms batched and 46 ms in a loop, model A 1,970 ms and
    1,120 ms. The graph decides, not a clock, so that a result can be repeated to the bit. And a function written in
    Python may not know how to be batched at all.
    """
    return "Conv" in node.name() or isinstance(node, torch.autograd.function.FunctionCtx)
