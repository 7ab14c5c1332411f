"""Which files are SVHN? The cropped digits, without the extra ones."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dbp.files import require_md5

# Train, then test, and their MD5, as published (and as torchvision has them).
FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}


def read(folder: Path) -> list[tuple[Tensor, Tensor]]:
    """The cropped digits of SVHN, without the extra ones.

    Args:
        folder: holds `train_32x32.mat` and `test_32x32.mat`.

    Returns:
        Train and test, each uint8 images [N, 3, 32, 32] and uint8 labels [N], where the published 10 is the digit 0.

    Raises:
        ValueError: a file is not the published one; the message names it.
    """
    return [_read_mat(folder / file, md5) for file, md5 in FILES.items()]


def _read_mat(path: Path, md5: str) -> tuple[Tensor, Tensor]:
    from scipy.io import loadmat

    require_md5(path, md5)
    content = loadmat(path, variable_names=("X", "y"))  # unpickles nothing
    images = np.ascontiguousarray(content["X"].transpose(3, 2, 0, 1))  # from [32, 32, 3, N]
    return torch.from_numpy(images), torch.from_numpy(content["y"][:, 0] % 10).to(torch.uint8)
