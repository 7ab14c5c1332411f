"""What does an attack climb? One value an example, larger where the network is further from the label."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from dbp.spelling import require_name

Loss = str | Callable[[Tensor, Tensor], Tensor]


def attack_loss(loss: Loss, logits: Tensor, y: Tensor) -> Tensor:
    """The loss that an attack climbs, one value an example.

    Args:
        loss: one of `LOSSES`, or a function (outputs, y) -> [B].
        logits: [B, C].
        y: labels, [B].

    Raises:
        ValueError: an unknown name, or a function that does not give one value an example.
    """
    if not callable(loss):
        require_name(loss, LOSSES, "loss")
        return LOSSES[loss](logits, y)
    values = loss(logits, y)
    if values.shape != y.shape:
        raise ValueError(f"loss must give [{len(y)}], one value an example, but gave the shape {list(values.shape)}")
    return values


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of the label, in nats. Args: logits [B, C], y [B]. Returns [B] (Goodfellow et al. 2015)."""
    return F.cross_entropy(logits, y, reduction="none")


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """The largest other logit minus the label's: above 0 where the label is lost (Carlini and Wagner 2017).

    Args: logits [B, C], y [B]. Returns [B].
    """
    others = logits.scatter(1, y[:, None], float("-inf"))
    return others.amax(1) - logits.gather(1, y[:, None]).squeeze(1)


def dlr(logits: Tensor, y: Tensor) -> Tensor:
    """The margin over the gap between the first and the third logit, which no rescaling of the logits can hide.

    Croce and Hein (2020), Eq. (6). Args: logits [B, C >= 3], y [B]. Returns [B].

    Raises:
        ValueError: fewer than three classes.
    """
    if logits.shape[1] < 3:
        raise ValueError(f'loss "dlr" needs at least 3 classes, but the model has {logits.shape[1]}')
    top = logits.topk(3, dim=1).values
    return margin(logits, y) / (top[:, 0] - top[:, 2] + 1e-12)


def targeted_dlr(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """How far the target class is ahead of the label, over a gap that no rescaling of the logits can hide.

    Croce and Hein (2020), Eq. (7). Args: logits [B, C >= 4], y [B], target [B], another class than y. Returns [B].

    Raises:
        ValueError: fewer than four classes.
    """
    if logits.shape[1] < 4:
        raise ValueError(f'loss "targeted_dlr" needs at least 4 classes, but the model has {logits.shape[1]}')
    top = logits.topk(4, dim=1).values
    ahead = (logits.gather(1, target[:, None]) - logits.gather(1, y[:, None])).squeeze(1)
    return ahead / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)


LOSSES = {"cross_entropy": cross_entropy, "margin": margin, "dlr": dlr}
