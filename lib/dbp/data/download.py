"""Which files lack, and where they are fetched."""

import os
import tempfile
from pathlib import Path

from dbp.data.celeba import ATTRIBUTES, IMAGES, PARTITION
from dbp.data.mnist import FILES as MNIST_FILES
from dbp.data.svhn import SVHN_FILES


def missing(name: str, folder: Path) -> list[Path]:
    """The files that "mnist", "svhn" or "celeba" still lacks below `folder`, in torchvision's layout."""
    if name == "mnist":
        return [folder / "MNIST" / "raw" / file for file in MNIST_FILES if not (folder / "MNIST" / "raw" / file).is_file()]
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

    if name == "mnist":
        datasets.MNIST(str(folder), download=True)
        return
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
