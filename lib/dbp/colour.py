"""Which files are SVHN and CelebA? Where they lie, how they are fetched, and how their pixels become floats.

Both are too large to be floats at once (CelebA: 10 GB), so they stay uint8 in a `PixelStore`, which makes floats of them
a batch at a time. SVHN is read here, CelebA in `dbp.celeba`.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

# File and MD5, as published (and as torchvision has them): train, then test.
SVHN_FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}

PARTITION, ATTRIBUTES, IMAGES = "list_eval_partition.txt", "list_attr_celeba.txt", "img_align_celeba"


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


def missing(name: str, folder: Path) -> list[Path]:
    """The files that "svhn" or "celeba" still lacks below `folder`, in torchvision's layout."""
    if name == "svhn":
        return [folder / file for file in SVHN_FILES if not (folder / file).is_file()]
    place = folder / "celeba"
    lacking = [place / file for file in (PARTITION, ATTRIBUTES) if not (place / file).is_file()]
    unpacked, packed = place / IMAGES, place / f"{IMAGES}.zip"
    return lacking if unpacked.is_dir() or packed.is_file() else [packed, *lacking]


def download(name: str, folder: Path) -> None:
    """Fetch what is missing, by torchvision: SVHN from its authors, CelebA (1.4 GB) from Google Drive.

    Raises:
        Exception: of any kind; Google Drive often refuses, and needs the package gdown.
    """
    from torchvision import datasets

    for path in missing(name, folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        # What arrives in part is not left under the name of the whole.
        with tempfile.TemporaryDirectory(dir=path.parent) as place:
            if name == "svhn":
                datasets.SVHN(place, path.name.partition("_")[0], download=True)
            else:  # `CelebA(download=True)` would fetch three files more
                key, md5 = next(row[:2] for row in datasets.CelebA.file_list if row[2] == path.name)
                datasets.utils.download_file_from_google_drive(key, place, path.name, md5)
            os.replace(Path(place) / path.name, path)


def read_svhn(folder: Path) -> list[tuple[Tensor, Tensor]]:
    """The cropped digits of SVHN, without the extra ones.

    Args:
        folder: holds `train_32x32.mat` and `test_32x32.mat`.

    Returns:
        Train and test: uint8 images [N, 3, 32, 32], uint8 labels [N], where the published 10 is the digit 0.

    Raises:
        ValueError: a file is damaged or is not the published one; the message names it.
    """
    return [_read_mat(folder / file, md5) for file, md5 in SVHN_FILES.items()]


def _read_mat(path: Path, md5: str) -> tuple[Tensor, Tensor]:
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=("X", "y"))  # unpickles nothing
    except Exception as error:  # a damaged file can break the parser in any way
        raise ValueError(f"{path} is not a whole MATLAB file ({one_line(error)}); delete it to get it again") from None
    for name in ("X", "y"):
        if name not in content:
            raise ValueError(f"{path} lacks the variable {name}: SVHN has the images X and the labels y")
    images, labels = content["X"], content["y"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (32, 32, 3):
        raise ValueError(f"{path}: X must be uint8 [32, 32, 3, N], but is {images.dtype} {list(images.shape)}")
    if labels.dtype.kind not in "uif" or labels.shape != (images.shape[3], 1):
        expected = f"one number for each of the {images.shape[3]} images"
        raise ValueError(f"{path}: y must hold {expected}, but is {labels.dtype} {list(labels.shape)}")
    if not np.isin(labels, np.arange(1, 11)).all():
        wrong = next(value for value in labels.flat if value not in range(1, 11))
        raise ValueError(f"{path}: y must hold labels from 1 to 10 (10 is the digit 0), but holds {wrong}")
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(f"{path} is not the published file (MD5 {found}, expected {md5}); delete it to get it again")
    images, labels = np.ascontiguousarray(images.transpose(3, 2, 0, 1)), labels[:, 0] % 10
    return torch.from_numpy(images), torch.from_numpy(labels).to(torch.uint8)


def one_line(error: Exception) -> str:
    """What went wrong, with its kind, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
