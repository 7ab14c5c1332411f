"""How do stored pixels become floats? Images that stay uint8 until they are looked at.

SVHN and CelebA are too large to be floats at once (CelebA: 10 GB).
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


class PixelStore:
    """Images that are kept as uint8, in memory or in a mapped file, and looked at as floats, like a tensor of them.

    `images[index]` reads those images and gives float32 in [0, 1], as it does for a tensor. `take` reads nothing: it
    gives the store of a part. So a training loop takes `images[batch]` of either, and `data.subset` and
    `data.partition` of 200,000 images cost nothing.

    Args:
        pixels: uint8, [N, channels, height, width], an array (it may be memory-mapped) or a tensor.
        rows: which of them, in which order, int64 [n]; all by default.
        device: where the floats go; the pixels stay where they are.
    """

    dtype = torch.float32  # of what is looked at

    def __init__(self, pixels: np.ndarray | Tensor, rows: Tensor | None = None, device: torch.device | str = "cpu") -> None:
        self.pixels = np.asanyarray(pixels)
        self.rows = torch.arange(len(pixels)) if rows is None else rows
        self.device = torch.device(device)

    @property
    def shape(self) -> torch.Size:
        """[n, channels, height, width]."""
        return torch.Size((len(self.rows), *self.pixels.shape[1:]))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        """Some images, read now; `[:]` is all of them.

        Args:
            index: positions: a number, a slice, an int64 or a bool tensor on any device.

        Returns:
            float32 in [0, 1] on the store's device, [..., channels, height, width], as a tensor would give.

        Raises:
            IndexError: there is no such image.
        """
        rows = self._rows(index)
        pixels = torch.from_numpy(self.pixels[rows.reshape(-1).numpy()]).reshape(*rows.shape, *self.pixels.shape[1:])
        # Divided before they move: a GPU multiplies by 1 / 255 instead, and some values then end in another bit.
        return (pixels.to(torch.float32) / 255).to(self.device)

    def take(self, index: slice | Tensor) -> "PixelStore":
        """The store of some images, by position (a slice, an int64 or a bool tensor [n]); reads no pixel.

        Raises:
            IndexError: there is no such image.
        """
        return PixelStore(self.pixels, self._rows(index), self.device)

    def to(self, device: torch.device | str) -> "PixelStore":
        """The same store, whose floats go to `device`; reads and moves nothing now."""
        return PixelStore(self.pixels, self.rows, device)

    def split(self, size: int) -> Iterator[Tensor]:
        """Batches of `size` images, float32 in [0, 1], in order; only one at a time is in memory."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def _rows(self, index: int | slice | Tensor) -> Tensor:
        return self.rows[index.cpu() if isinstance(index, Tensor) else index]
