"""SVHN: the cropped digits, without the extra ones."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dbp.files import one_line

# File and MD5, as published (and as torchvision has them): train, then test.
SVHN_FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}


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
