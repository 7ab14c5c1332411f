"""Where do the published files lie, which of them lack, and how are they fetched?"""

import functools
import os
import tempfile
from pathlib import Path

from dbp.data import celeba, mnist, svhn
from dbp.data.standins import STAND_INS
from dbp.files import one_line


def data_folder(root: str | Path | None = None) -> Path:
    """`root`, else `$DBP_DATA`, else `data` in the platform's cache folder.

    Raises:
        NotADirectoryError: `root` or `$DBP_DATA` is not a folder.
    """
    name = "root" if root is not None else "$DBP_DATA"
    chosen = root if root is not None else os.environ.get("DBP_DATA")
    if chosen is None:
        import platformdirs

        return Path(platformdirs.user_cache_dir("dbp")) / "data"
    if not Path(chosen).is_dir():
        raise NotADirectoryError(f"{name} must be a folder that holds data sets, but {str(chosen)!r} is not a folder")
    return Path(chosen)


def missing(name: str, folder: Path) -> list[Path]:
    """The files that "mnist", "svhn" or "celeba" still lacks below `folder`, in torchvision's layout."""
    if name == "mnist":
        files = [folder / "MNIST" / "raw" / file for file in mnist.FILES]
    elif name == "svhn":
        files = [folder / file for file in svhn.FILES]
    else:  # the images may be unpacked
        unpacked = (folder / "celeba" / celeba.IMAGES).is_dir()
        files = [folder / "celeba" / file for file in celeba.FILES if not (unpacked and file == celeba.ZIP)]
    return [path for path in files if not path.is_file()]


def require_files(name: str, folder: Path) -> None:
    """Raise FileNotFoundError unless all of them are there; the message says what to put where, or to use instead."""
    lacking = missing(name, folder)
    if lacking:
        raise FileNotFoundError(_wanted(name, lacking))


def download(name: str, folder: Path) -> None:
    """Fetch what is missing, by torchvision: SVHN from its authors, CelebA (1.4 GB) from Google Drive.

    Raises:
        FileNotFoundError: it is not to be had: without a network, or where Google Drive refuses, or without the package
            gdown. The message says what to put where.
    """
    lacking = missing(name, folder)
    try:
        if name == "mnist" and lacking:
            from torchvision.datasets import MNIST

            MNIST(str(folder), download=True)
        elif lacking:
            _fetch(name, lacking)
    except Exception as error:  # Google Drive's client brings its own kinds
        raise FileNotFoundError(f"{_wanted(name, lacking)} (download: {one_line(error)})") from error


def _fetch(name: str, lacking: list[Path]) -> None:
    from torchvision import datasets

    for path in lacking:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What arrives in part is not left under the name of the whole.
        with tempfile.TemporaryDirectory(dir=path.parent) as place:
            if name == "svhn":
                datasets.SVHN(place, path.name.partition("_")[0], download=True)
            else:  # `CelebA(download=True)` would fetch three files more
                key = next(row[0] for row in datasets.CelebA.file_list if row[2] == path.name)
                datasets.utils.download_file_from_google_drive(key, place, path.name, celeba.FILES[path.name])
            os.replace(Path(place) / path.name, path)


def _wanted(name: str, lacking: list[Path]) -> str:
    files = ", ".join(path.name for path in lacking)
    embedded = f"the stand-in {STAND_INS[name]}" if name in STAND_INS else "the 5,000 embedded digits"
    return f'{name} is not whole on disk: put {files} into {lacking[0].parent}, or use {embedded} by source="embedded"'


@functools.cache  # once a process, however often it is loaded
def announce(name: str, source: str, folder: Path) -> None:
    """Print which source "auto" took."""
    embedded = f"the stand-in {STAND_INS[name]}" if name in STAND_INS else "the embedded digits"
    print(f"{name}: " + (f"the full set in {folder}" if source == "full" else f"{embedded} (no full set in {folder})"))
