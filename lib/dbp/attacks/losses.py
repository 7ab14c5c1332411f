"""What does an attack climb? One value an example, larger where the network is further from the label."""

from torch import Tensor
from torch.nn import functional as F

LOSSES = ("cross_entropy", "margin", "dlr")


def attack_loss(name: str, logits: Tensor, y: Tensor) -> Tensor:
    """The loss of that name, one of `LOSSES`, for each example. Args: logits [B, C], y [B]. Returns [B]."""
    if name == "cross_entropy":
        return cross_entropy(logits, y)
    return margin(logits, y) if name == "margin" else dlr(logits, y)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of the label, in nats. Args: logits [B, C], y [B]. Returns [B] (Goodfellow et al. 2015)."""
    return F.cross_entropy(logits, y, reduction="none")


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """The largest other logit minus the label's: above 0 where the label is lost (Carlini and Wagner 2017). [B]."""
    return _without(logits, y).amax(1) - logits.gather(1, y[:, None]).squeeze(1)


def dlr(logits: Tensor, y: Tensor) -> Tensor:
    """The margin over the gap between the first and the third logit, which no rescaling of the logits can hide.

    Croce and Hein (2020), Eq. (6). Args: logits [B, C >= 3], y [B]. Returns [B].
    """
    if logits.shape[1] < 3:
        raise ValueError(f'loss "dlr" needs at least 3 classes, but the model has {logits.shape[1]}')
    top = logits.topk(3, dim=1).values
    return margin(logits, y) / (top[:, 0] - top[:, 2] + 1e-12)


def _without(logits: Tensor, y: Tensor) -> Tensor:
    return logits.scatter(1, y[:, None], float("-inf"))

