"""How strong is the strongest? Runs several attacks on the same images and keeps, image by image, the worst."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dbp.attacks.arguments import check_batches, preserve_buffers
from dbp.data import PixelStore


@dataclass(frozen=True)
class Evaluation:
    """What each attack left standing.

    Attributes:
        clean: right without an attack, bool [N].
        correct: right under the attack of that name, bool [N] each; an image that is wrong anyway counts as wrong.
    """

    clean: Tensor
    correct: dict[str, Tensor]

    @property
    def worst(self) -> Tensor:
        """Right whatever the attack, bool [N]: the minimum over the attacks, image by image."""
        return torch.stack([self.clean, *self.correct.values()]).all(0)

    def accuracy(self, name: str) -> float:
        """Share of images that are right without an attack and under the attack `name`."""
        return float(self.correct[name].double().mean())


def evaluate(
    model: Callable[[Tensor], Tensor], x: Tensor | PixelStore, y: Tensor,
    attacks: Mapping[str, Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]], *, batch_size: int = 1000,
) -> Evaluation:
    """Attack every image with every attack.

    Args:
        model: images to logits, [B, C].
        x: images, [N, ...], on the device of the model.
        y: true labels, [N].
        attacks: name to a function (model, x, y) -> adversarial images, like x.
        batch_size: images an attack sees at once.

    Returns:
        Which images are right, clean and under each attack.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: no images, another number of labels, different devices, batch_size below 1, or an attack that changes
            the shape.
    """
    check_batches(model, x, y, batch_size)
    clean, correct = [], {name: [] for name in attacks}
    for start in range(0, len(x), batch_size):
        images, labels = x[start : start + batch_size], y[start : start + batch_size]
        clean.append(_right(model, images, labels))
        for name, attack in attacks.items():
            found = attack(model, images, labels)
            if found.shape != images.shape:
                raise ValueError(f"attack {name!r} must return {list(images.shape)}, but gave {list(found.shape)}")
            correct[name].append(_right(model, found, labels) & clean[-1])
    return Evaluation(torch.cat(clean), {name: torch.cat(parts) for name, parts in correct.items()})


def _right(model, x: Tensor, y: Tensor) -> Tensor:
    with preserve_buffers(model), torch.no_grad():
        return (model(x).argmax(1) == y).cpu()
