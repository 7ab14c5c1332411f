"""SVHN and CelebA in small: files of the true formats, which count as the published ones."""

import hashlib
import io
import shutil
import zipfile

import numpy as np
from PIL import Image
from scipy.io import savemat

from dbp.data import celeba, svhn

TRAIN, VALIDATION, TEST = 12, 3, 5
COUNT = TRAIN + VALIDATION + TEST


def publish(monkeypatch, module, folder):
    """Let the files of `folder` be the published ones of `module`, by their MD5."""
    there = [file for file in module.FILES if (folder / file).is_file()]
    digests = {file: hashlib.md5((folder / file).read_bytes()).hexdigest() for file in there}
    monkeypatch.setattr(module, "FILES", module.FILES | digests)


def write_svhn(folder):
    """23 and 11 digits: X [32, 32, 3, N] uint8 and y [N, 1] with 10 for zero, compressed as the published files are."""
    written = []
    for file, count in zip(svhn.FILES, (23, 11), strict=True):
        images = np.random.default_rng(count).integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        written.append({"X": images, "y": (np.arange(count, dtype=np.uint8) % 10 + 1).reshape(-1, 1)})
        savemat(folder / file, written[-1], do_compression=True)
    return written


def jpeg(image, **options):
    body = io.BytesIO()
    image.save(body, options.pop("format", "JPEG"), **options)
    return body.getvalue()


def face(number, size=(178, 218)):
    coarse = np.random.default_rng(number).integers(0, 256, (7, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def write_celeba(folder):
    """20 faces, unpacked, every third one smiling."""
    images = folder / "celeba" / celeba.IMAGES
    images.mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, COUNT + 1)]
    for number, name in enumerate(names):
        (images / name).write_bytes(jpeg(face(number), quality=95))
    rows = [f"{name}  1 {1 if number % 3 == 0 else -1:2} -1" for number, name in enumerate(names)]
    (images.parent / celeba.ATTRIBUTES).write_text("\n".join([str(COUNT), "Bald Smiling Young ", *rows]) + "\n")
    parts = [0] * TRAIN + [1] * VALIDATION + [2] * TEST
    lines = [f"{name} {part}\n" for name, part in zip(names, parts, strict=True)]
    (images.parent / celeba.PARTITION).write_text("".join(lines))


def pack(folder):
    """Put the images into torchvision's zip file, in the place of their folder."""
    place = folder / "celeba"
    with zipfile.ZipFile(place / celeba.ZIP, "w") as archive:
        archive.writestr(f"{celeba.IMAGES}/", "")
        for path in sorted((place / celeba.IMAGES).iterdir()):
            archive.write(path, f"{celeba.IMAGES}/{path.name}")
    shutil.rmtree(place / celeba.IMAGES)
    return place / celeba.ZIP
