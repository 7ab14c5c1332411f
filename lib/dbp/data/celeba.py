"""How are 200,000 faces read? CelebA's JPEGs are checked and made small once, kept in one file, and mapped from then on."""

import hashlib
import io
import json
import math
import os
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from dbp.files import Damaged, one_line, write_bytes

TRAIN, VALIDATION, TEST = "0", "1", "2"  # of the partition file
PARTITION, ATTRIBUTES, IMAGES = "list_eval_partition.txt", "list_attr_celeba.txt", "img_align_celeba"
LABEL = "Smiling"
PUBLISHED_SIZE = (178, 218)  # width, height
SHAPE = (3, 64, 64)  # of a small image
A_DAY = 24 * 3600  # seconds; no first load takes that long


def read_celeba(folder: Path, cache: Path) -> tuple[list[tuple[np.ndarray, Tensor]], str]:
    """CelebA's aligned faces, resized from 178 x 218 to 64 x 64 pixels without a crop (bilinear, by Pillow).

    Gondim-Ribeiro et al. leave out the crop, too. The first call takes minutes and writes 2.2 GB into `cache`; later
    ones check the names, sizes and times of the images and the sha256 of what was kept. The published validation part
    is left out.

    Args:
        folder: holds `celeba/`: `list_eval_partition.txt`, `list_attr_celeba.txt` and the images, in the folder
            `img_align_celeba` or packed in `img_align_celeba.zip`.
        cache: the folder in which the small images are kept.

    Returns:
        Train and test: uint8 images [N, 3, 64, 64], mapped from the cache, and uint8 labels [N], 1 = smiling. With them
        the sha256 of images and labels, train before test, as `dbp.data` takes it.

    Raises:
        ValueError: a file is damaged; the message names it.
    """
    place = folder / "celeba"
    part_of, smiling = _read_partition(place / PARTITION), _read_attribute(place / ATTRIBUTES)
    for name in sorted(part_of.keys() ^ smiling.keys())[:1]:
        has, lacks = (PARTITION, ATTRIBUTES) if name in part_of else (ATTRIBUTES, PARTITION)
        raise ValueError(f"{place / has} lists {name}, but {place / lacks} does not")
    parts = [[name for name, part in part_of.items() if part == wanted] for wanted in (TRAIN, TEST)]
    names, middle = parts[0] + parts[1], len(parts[0])
    images = _find_images(place, names)
    labels = [torch.tensor([smiling[name] for name in part], dtype=torch.uint8) for part in parts]

    path = cache / f"celeba-{_digest([str(place.resolve())])[:8]}.npy"
    # What is kept is good for these images in this order with these labels, and for no others.
    files = _digest([str(middle), *(f"{name} {images.stamps[name]} {smiling[name]}" for name in names)])
    kept = _read_kept(path, files, labels)
    if kept is None:
        _write_kept(path, files, labels, (_small(images, name) for name in tqdm(names, "celeba", disable=None)))
        kept = _read_kept(path, files, labels)
    if kept is None:
        raise Damaged(f"{path} does not hold what was just written into it")
    pixels, fingerprint = kept
    return [(pixels[:middle], labels[0]), (pixels[middle:], labels[1])], fingerprint


def _read_partition(path: Path) -> dict[str, str]:
    """The name of every image and its part, in the order of the file."""
    parts: dict[str, str] = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            row = line.split()
            if len(row) != 2 or row[1] not in (TRAIN, VALIDATION, TEST):
                raise ValueError(f"{path}, line {number}: expected a name and 0, 1 or 2, but found {line[:60]!r}")
            if row[0] in parts:
                raise ValueError(f"{path}, line {number}: {row[0]} is listed twice")
            parts[row[0]] = row[1]
    for part, meaning in ((TRAIN, "train on"), (TEST, "test with")):
        if part not in parts.values():
            raise ValueError(f"{path} lists no image to {meaning} (part {part})")
    return parts


def _read_attribute(path: Path) -> dict[str, int]:
    """The name of every image and whether it has the attribute `LABEL`, 0 or 1."""
    found: dict[str, int] = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        count, header = file.readline().strip(), file.readline().split()
        if not count.isdecimal():
            raise ValueError(f"{path} must begin with the number of images, but begins with {count[:60]!r}")
        if LABEL not in header:
            raise ValueError(f"{path}, line 2: expected the names of the attributes, one of them {LABEL}")
        column = header.index(LABEL)
        for number, line in enumerate(file, 3):
            name, *values = line.split() or [""]
            if len(values) != len(header) or not {"1", "-1"}.issuperset(values):
                expected = f"a name and {len(header)} times 1 or -1"
                raise ValueError(f"{path}, line {number}: expected {expected}, but found {line[:60]!r}")
            found[name] = int(values[column] == "1")
    if len(found) != int(count):
        raise ValueError(f"{path} says that it has {count} images, but lists {len(found)}")
    return found


@dataclass(frozen=True)
class _Images:
    """CelebA's JPEGs: where they are, what changes when one of them changes, and how one is read, by name."""

    path: Path
    stamps: dict[str, str]
    read: Callable[[str], bytes]


def _find_images(place: Path, names: Sequence[str]) -> _Images:
    """The folder of images, else the zip file; all of `names` are there."""
    path = place / IMAGES
    if path.is_dir():
        with os.scandir(path) as entries:
            stats = ((entry.name, entry.stat()) for entry in entries)
            stamps = {name: f"{stat.st_size} {stat.st_mtime_ns}" for name, stat in stats}
        images = _Images(path, stamps, lambda name: (path / name).read_bytes())
    else:
        path = place / f"{IMAGES}.zip"
        try:
            archive = zipfile.ZipFile(path)
        except Exception as error:
            raise ValueError(f"{path} is not a whole zip file ({one_line(error)}); delete it to get it again") from None
        members = {member.filename.rpartition("/")[2]: member for member in archive.infolist()}
        stamps = {name: f"{member.file_size} {member.CRC}" for name, member in members.items()}
        images = _Images(path, stamps, lambda name: archive.read(members[name]))
    lacking = [name for name in names if name not in images.stamps]
    if lacking:
        raise ValueError(f"{path} lacks {len(lacking)} of the {len(names)} images of {PARTITION}, the first is {lacking[0]}")
    return images


def _small(images: _Images, name: str) -> bytes:
    """The pixels of one image, uint8, in the order of `SHAPE`."""
    where = images.path / name
    try:
        image = Image.open(io.BytesIO(images.read(name)), formats=("JPEG",))
        found = f"{image.width} x {image.height} pixels of {image.mode}"
        if image.size == PUBLISHED_SIZE and image.mode == "RGB":
            small = image.resize(SHAPE[:0:-1], Image.Resampling.BILINEAR)
            return np.asarray(small).transpose(2, 0, 1).tobytes()
    except Exception as error:  # a damaged image can break the decoder in any way
        raise ValueError(f"{where} is not a whole JPEG ({one_line(error)})") from None
    raise ValueError(f"{where} must have 178 x 218 pixels of RGB, but has {found}")


def _write_kept(path: Path, files: str, labels: list[Tensor], images: Iterator[bytes]) -> None:
    """Stream small images into a .npy file, and beside it, as JSON, what it was made from and its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_over in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(FileNotFoundError):  # another first load may just have finished
            if left_over.stat().st_mtime < time.time() - A_DAY:  # of a killed one
                left_over.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    header = {"descr": "|u1", "fortran_order": False, "shape": (sum(map(len, labels)), *SHAPE)}
    try:
        with open(temporary, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            for image in images:
                file.write(image)
            file.flush()
            os.fsync(file.fileno())
        told = {"files": files, "sha256": _fingerprint(temporary, start, labels)}
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    write_bytes(path.with_suffix(".json"), json.dumps(told).encode())


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
        expected = (np.uint8, (sum(map(len, labels)), *SHAPE), path.stat().st_size)
        sound = (pixels.dtype, pixels.shape, pixels.offset + pixels.nbytes) == expected and pixels.flags.c_contiguous
        if sound and _fingerprint(path, pixels.offset, labels) == told["sha256"]:
            return pixels, told["sha256"]
    except Exception:  # a flipped bit can break the parser in any way
        pass
    print(f"{path} is damaged; making it anew", file=sys.stderr)
    return None


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
