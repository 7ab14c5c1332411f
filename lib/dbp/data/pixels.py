"""How do stored pixels become floats? Images that stay uint8 until they are asked for.

SVHN and CelebA are too large to be floats at once (CelebA: 10 GB).
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


class PixelStore:
    """Images that stay uint8, in memory or in a mapped file, until floats are asked for.

    Indexing and slicing give another store and read nothing; `tensor()` reads. So a training loop does
    `images[index].tensor()` a batch, and `data.subset` and `data.partition` of 200,000 images cost nothing.

    Args:
        pixels: uint8, [N, channels, height, width], an array (it may be memory-mapped) or a tensor.
        rows: which of them, in which order, int64; all by default. A single number stands for one image.
    """

    dtype = torch.float32  # of what `tensor()` gives

    def __init__(self, pixels: np.ndarray | Tensor, rows: Tensor | None = None) -> None:
        self.pixels = np.asarray(pixels)
        self.rows = torch.arange(len(pixels)) if rows is None else rows

    @property
    def shape(self) -> torch.Size:
        """[n, channels, height, width]; without the n for a single image."""
        return torch.Size((*self.rows.shape, *self.pixels.shape[1:]))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | slice | Tensor) -> "PixelStore":
        """The store of some images, by position: a number, a slice, an int64 or a bool tensor.

        Raises:
            IndexError: there is no such image.
        """
        return PixelStore(self.pixels, self.rows[index])

    def tensor(self) -> Tensor:
        """The images themselves, float32 in [0, 1], in the shape of the store."""
        pixels = torch.from_numpy(self.pixels[self.rows.reshape(-1).numpy()])
        return pixels.reshape(self.shape).to(torch.float32) / 255

    def split(self, size: int) -> Iterator[Tensor]:
        """Batches of `size` images as float32 tensors, in order; only one at a time is in memory."""
        return (PixelStore(self.pixels, rows).tensor() for rows in self.rows.split(size))
