"""How are 200,000 faces read? CelebA's JPEGs are made small once, kept in one file, and mapped from then on."""

import hashlib
import io
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from dbp.files import Damaged, one_line, require_md5, whole_file, write_bytes

PARTITION, ATTRIBUTES, IMAGES = "list_eval_partition.txt", "list_attr_celeba.txt", "img_align_celeba"
ZIP = f"{IMAGES}.zip"

# File and MD5, as published (and as torchvision has them).
FILES = {
    ZIP: "00d2c5bc6d35e252742224ab0c1e8fcb",
    PARTITION: "d32c9cbf5e040fd4025c592c306e6668",
    ATTRIBUTES: "75e246fa4810816ffd6ee81facbd244c",
}

TRAIN, TEST = "0", "2"  # of the partition file; 1 is for validation
LABEL = "Smiling"
PUBLISHED_SIZE = (178, 218)  # width, height
SHAPE = (3, 64, 64)  # of a small image
A_DAY = 24 * 3600  # seconds; no first load takes that long


def read(folder: Path, cache: Path) -> tuple[list[tuple[np.ndarray, Tensor]], str]:
    """CelebA's aligned faces, resized from 178 x 218 to 64 x 64 pixels without a crop (bilinear, by Pillow).

    Gondim-Ribeiro et al. leave out the crop, too. The first call takes minutes and writes 2.2 GB into `cache`; later
    ones check the sizes and times of the zip file or of the unpacked images, and the sha256 of what was kept. The
    published validation part is left out.

    Args:
        folder: holds `celeba/`: `list_eval_partition.txt`, `list_attr_celeba.txt` and the images, in the folder
            `img_align_celeba` or packed in `img_align_celeba.zip`.
        cache: the folder in which the small images are kept.

    Returns:
        Train and test: uint8 images [N, 3, 64, 64], mapped from the cache, and uint8 labels [N], 1 = smiling. With them
        the sha256 of images and labels, train before test, as `dbp.data.split.fingerprint_of` takes it.

    Raises:
        ValueError: a file is not the published one, or an unpacked image lacks or is damaged; the message names it.
    """
    place = folder / "celeba"
    part_of, smiling = _read_partition(place / PARTITION), _read_attribute(place / ATTRIBUTES)
    parts = [[name for name, part in part_of.items() if part == wanted] for wanted in (TRAIN, TEST)]
    names, middle = parts[0] + parts[1], len(parts[0])
    labels = [torch.tensor([smiling[name] for name in part], dtype=torch.uint8) for part in parts]
    unpacked = (place / IMAGES).is_dir()
    stamps = _stamps(place / IMAGES, names) if unpacked else [_stamp((place / ZIP).stat())]

    path = cache / f"celeba-{_digest([str(place.resolve())])[:8]}.npy"
    # What is kept is good for these images in this order with these labels, and for no others.
    files = _digest([str(middle), *stamps, *(f"{name} {smiling[name]}" for name in names)])
    kept = _read_kept(path, files, labels)
    if kept is None:
        images = _unpacked(place / IMAGES, names) if unpacked else _packed(place / ZIP, names)
        _write_kept(path, files, labels, tqdm(images, "celeba", len(names), disable=None))
        kept = _read_kept(path, files, labels)
    if kept is None:
        raise Damaged(f"{path} does not hold what was just written into it")
    pixels, fingerprint = kept
    return [(pixels[:middle], labels[0]), (pixels[middle:], labels[1])], fingerprint


def _read_partition(path: Path) -> dict[str, str]:
    """The name of every image and its part, in the order of the file."""
    require_md5(path, FILES[path.name])
    return dict(line.split() for line in path.read_text().splitlines())


def _read_attribute(path: Path) -> dict[str, int]:
    """The name of every image and whether it has the attribute `LABEL`, 0 or 1."""
    require_md5(path, FILES[path.name])
    with open(path) as file:
        next(file)  # how many images there are
        column = next(file).split().index(LABEL) + 1
        rows = (line.split() for line in file)
        return {row[0]: int(row[column] == "1") for row in rows}


def _stamps(folder: Path, names: Sequence[str]) -> list[str]:
    """For every unpacked image what changes when it changes; all of `names` are there."""
    with os.scandir(folder) as entries:
        found = {entry.name: _stamp(entry.stat()) for entry in entries}
    lacking = [name for name in names if name not in found]
    if lacking:
        of = f"{len(lacking)} of the {len(names)} images of {PARTITION}"
        raise ValueError(f"{folder} lacks {of}, the first is {lacking[0]}")
    return [found[name] for name in names]


def _stamp(stat: os.stat_result) -> str:
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _unpacked(folder: Path, names: Sequence[str]) -> Iterator[bytes]:
    """The pixels of the small images, one after the other."""
    return (_small(folder / name, (folder / name).read_bytes) for name in names)


def _packed(path: Path, names: Sequence[str]) -> Iterator[bytes]:
    """The same from the zip file, once it is known to be the published one."""
    require_md5(path, FILES[path.name])
    archive = zipfile.ZipFile(path)
    return (_small(path / name, partial(archive.read, f"{IMAGES}/{name}")) for name in names)


def _small(path: Path, read_body: Callable[[], bytes]) -> bytes:
    """The pixels of one image, uint8, in the order of `SHAPE`."""
    try:
        image = Image.open(io.BytesIO(read_body()), formats=("JPEG",))
        found = f"{image.width} x {image.height} pixels of {image.mode}"
        if image.size == PUBLISHED_SIZE and image.mode == "RGB":
            small = image.resize(SHAPE[:0:-1], Image.Resampling.BILINEAR)
            return np.asarray(small).transpose(2, 0, 1).tobytes()
    except Exception as error:  # a damaged image can break the decoder in any way
        raise ValueError(f"{path} is not a whole JPEG ({one_line(error)})") from None
    raise ValueError(f"{path} must have 178 x 218 pixels of RGB, but has {found}")


def _write_kept(path: Path, files: str, labels: list[Tensor], images: Iterable[bytes]) -> None:
    """Stream small images into a .npy file, and beside it, as JSON, what it was made from and its sha256."""
    for left_over in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(FileNotFoundError):  # another first load may just have finished
            if left_over.stat().st_mtime < time.time() - A_DAY:  # of a killed one
                left_over.unlink()
    images, digest = iter(images), hashlib.sha256()
    with whole_file(path) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": _shape(labels)})
        for part in labels:
            for image in islice(images, len(part)):
                file.write(image)
                digest.update(image)
            digest.update(part.numpy())
    write_bytes(path.with_suffix(".json"), json.dumps({"files": files, "sha256": digest.hexdigest()}).encode())


def _read_kept(path: Path, files: str, labels: list[Tensor]) -> tuple[np.ndarray, str] | None:
    """The mapped pixels and their sha256; None where nothing is kept, or other images, or (said on stderr) damaged ones."""
    note = path.with_suffix(".json")
    if not (path.is_file() and note.is_file()):
        return None
    try:
        told = json.loads(note.read_bytes())
        if told["files"] != files:
            return None
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        expected = (np.uint8, _shape(labels), path.stat().st_size)
        sound = (pixels.dtype, pixels.shape, pixels.offset + pixels.nbytes) == expected and pixels.flags.c_contiguous
        if sound and _fingerprint(path, pixels.offset, labels) == told["sha256"]:
            return pixels, told["sha256"]
    except Exception:  # a flipped bit can break the parser in any way
        pass
    print(f"{path} is damaged; making it anew", file=sys.stderr)
    return None


def _shape(labels: list[Tensor]) -> tuple[int, ...]:
    return sum(map(len, labels)), *SHAPE


def _fingerprint(path: Path, start: int, labels: list[Tensor]) -> str:
    """sha256 of images and labels, part by part. Images are read, not mapped: a mapped page stays in the process."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        file.seek(start)
        for part in labels:
            for first in range(0, len(part), 100):
                digest.update(file.read(len(part[first : first + 100]) * math.prod(SHAPE)))
            digest.update(part.numpy())
    return digest.hexdigest()


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
