"""What does a run see? Images with their labels, made of stored bytes, and parts of them."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dbp.data.pixels import PixelStore


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    Attributes:
        images: [N, channels, height, width]; `images[index]` is float32 in [0, 1]. A tensor, or of a colour set a
            `dbp.data.PixelStore`, which keeps uint8 and reads only what is asked for.
        labels: int64, [N].
    """

    images: Tensor | PixelStore
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | Tensor) -> "Split":
        """The part at some positions (a slice, an int64 or a bool tensor); of a colour set no pixel is read."""
        return Split(take(self.images, index), self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """A named data set: `train` and `test` splits, where they came from, and a sha256 of every pixel and label."""

    name: str
    source: str
    train: Split
    test: Split
    fingerprint: str


def as_split(images: np.ndarray | Tensor, labels: Tensor) -> Split:
    """What a run sees of stored bytes.

    Args:
        images: uint8, [N, channels, height, width]. Grey ones are few and small enough to be floats at once (MNIST:
            0.2 GB); colour ones stay as they are, in a `PixelStore`.
        labels: uint8, [N].
    """
    grey = images.shape[1] == 1
    floats = torch.as_tensor(images).to(torch.float32) / 255 if grey else PixelStore(images)
    return Split(floats, labels.to(torch.int64))


def take(images: Tensor | PixelStore, index: slice | Tensor) -> Tensor | PixelStore:
    """A part of some images, as lazy as they are: the store of a part where they are a store."""
    return images.take(index) if isinstance(images, PixelStore) else images[index]


def subset(split: Split, size: int, seed: int = 0) -> Split:
    """A random part of `split` with `size` examples, every class in the same proportion as far as `size` allows.

    Args:
        split: N examples.
        size: how many to take, at most N.
        seed: of the draw.

    Raises:
        ValueError: `size` is not between 1 and the number of examples.
    """
    if not 1 <= size <= len(split):
        raise ValueError(f"size must lie between 1 and {len(split)}, the number of examples, but is {size}")
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(split), generator=generator)
    # The k-th example of its class comes at (k + 1/2) / class size: cutting that order anywhere is balanced.
    labels = split.labels[order]
    place = torch.empty(len(split), dtype=torch.float64)
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        place[members] = (torch.arange(len(members), dtype=torch.float64) + 0.5) / len(members)
    return split[order[place.argsort(stable=True)[:size]]]


def partition(split: Split, sizes: tuple[int, ...], seed: int) -> tuple[Split, ...]:
    """Disjoint random parts of `split`, one a size (P2 Section 4.1: 55,000 to train on, 5,000 to validate).

    Args:
        split: N examples.
        sizes: examples of each part; together at most N.
        seed: of the draw.

    Raises:
        ValueError: the sizes are below 1 or add up to more than there is.
    """
    if min(sizes) < 1 or sum(sizes) > len(split):
        raise ValueError(f"sizes must be at least 1 and add up to at most {len(split)}, but are {sizes}")
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    return tuple(split[part] for part in order[: sum(sizes)].split(list(sizes)))


def fingerprint_of(*parts: tuple[Tensor, Tensor]) -> str:
    """The sha256 over the uint8 pixels and labels of some parts, in their order."""
    digest = hashlib.sha256()
    for images, labels in parts:
        digest.update(images.contiguous().numpy())
        digest.update(labels.contiguous().numpy())
    return digest.hexdigest()
