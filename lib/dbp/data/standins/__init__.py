"""What if there is no network? Two stand-ins for the colour data sets, made from what is installed, the same everywhere.

`colour-digits` sets real MNIST digits on photographs, like house numbers; `toy-faces` renders faces from a few dozen
random parameters. Both try out a method: a number measured on them says nothing about SVHN or CelebA.
"""

import io
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dbp.data.mnist import read_embedded
from dbp.data.split import fingerprint_of
from dbp.data.standins.digits import colour_digits
from dbp.data.standins.faces import render
from dbp.files import cache_folder, write_bytes
from dbp.spelling import require_name

STAND_INS = {"svhn": "colour-digits", "celeba": "toy-faces"}  # what is published to what is made here
NAMES = tuple(STAND_INS.values())

# sha256 as `dbp.data.split.fingerprint_of` takes it. Another one means other photographs, another numpy stream, or a
# change of the drawing.
FINGERPRINTS = {
    "colour-digits": "4c471bd3671be6e8ac069ed483a46891167f8e366d3a18d43392cc1204f28b13",
    "toy-faces": "fcec759765dc1e41116d04493c4c8b082cf699ccec8645c56cb8a01f25f32692",
}

FACES = (8000, 2000)  # train and test
ARRAYS = (("train_images", "train_labels"), ("test_images", "test_labels"))  # as the cache names them


def read(name: str) -> list[tuple[Tensor, Tensor]]:
    """The train and the test part of a stand-in, from the cache folder where they are there and sound.

    Args:
        name: "colour-digits" (4,000 and 1,000 images, label = digit) or "toy-faces" (8,000 and 2,000, 1 = smiling).

    Returns:
        Two pairs of images, uint8 [N, 3, height, width] (32 x 32 and 64 x 64 pixels), and labels, uint8 [N].

    Raises:
        ValueError: no such stand-in.
    """
    require_name(name, NAMES, "stand-in")
    path = cache_folder() / "data" / f"{name}-{FINGERPRINTS[name][:12]}.npz"
    if path.is_file():
        parts = _kept(path)
        if parts is not None and fingerprint_of(*parts) == FINGERPRINTS[name]:
            return parts
        print(f"{path} is damaged; making {name} anew", file=sys.stderr)
    parts = _make(name)
    if fingerprint_of(*parts) == FINGERPRINTS[name]:
        _keep(path, parts)
    return parts


def _make(name: str) -> list[tuple[Tensor, Tensor]]:
    if name == "toy-faces":
        return [render(count, seed) for seed, count in enumerate(FACES)]
    return [(colour_digits(images, labels, seed), labels) for seed, (images, labels) in enumerate(read_embedded())]


def _kept(path: Path) -> list[tuple[Tensor, Tensor]] | None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [tuple(torch.from_numpy(arrays[array]) for array in names) for names in ARRAYS]
    except Exception:  # a flipped bit can break the parser in any way
        return None


def _keep(path: Path, parts: list[tuple[Tensor, Tensor]]) -> None:
    body, names = io.BytesIO(), [name for pair in ARRAYS for name in pair]
    tensors = [tensor.numpy() for pair in parts for tensor in pair]
    np.savez(body, **dict(zip(names, tensors, strict=True)))
    write_bytes(path, body.getvalue())
