"""CelebA: read from files of the true formats that are written here, sound ones and damaged ones."""

import importlib.util
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_colour_sets import COUNT, TEST, TRAIN, VALIDATION, face, jpeg, pack, publish, write_celeba

from dbp import data
from dbp.data import celeba
from dbp.data.split import fingerprint_of

FIRST = "000001.jpg"


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("celeba")
    write_celeba(folder)
    return folder


@pytest.fixture
def faces(written_once, tmp_path, monkeypatch):
    """A folder of CelebA that a test may spoil, with a cache of its own; its text files count as the published ones."""
    folder = tmp_path / "data"
    shutil.copytree(written_once, folder)
    monkeypatch.setenv("DBP_CACHE", str(tmp_path / "cache"))
    publish(monkeypatch, celeba, folder / "celeba")
    return folder


def test_the_md5s_are_torchvisions():
    from torchvision.datasets import CelebA

    theirs = {file: md5 for _, md5, file in CelebA.file_list}
    assert {file: theirs[file] for file in celeba.FILES} == celeba.FILES


def test_celeba_has_the_published_parts_and_the_label_smiling(faces):
    found = data.load("celeba", "full", faces)
    assert (found.name, found.source) == ("celeba", "full")
    assert found.train.images.shape == (TRAIN, 3, 64, 64) and found.test.images.shape == (TEST, 3, 64, 64)
    smiling = [int(number % 3 == 0) for number in range(COUNT)]
    assert found.train.labels.tolist() == smiling[:TRAIN]
    assert found.test.labels.tolist() == smiling[TRAIN + VALIDATION :]


def test_faces_are_resized_as_a_whole(faces):
    """Nothing is cropped: a blue frame on the 178 x 218 pixels is a blue frame on the 64 x 64."""
    framed = np.full((218, 178, 3), 200, np.uint8)
    path = faces / "celeba" / celeba.IMAGES / "000003.jpg"
    framed[:8] = framed[-8:] = framed[:, :8] = framed[:, -8:] = (0, 0, 255)
    path.write_bytes(jpeg(Image.fromarray(framed), quality=95, subsampling=0))
    image = data.load("celeba", "full", faces).train.images[2]
    for edge in (image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]):
        assert edge[2].min() > 0.9 and edge[:2].max() < 0.1
    assert (image[:, 8:-8, 8:-8] - 200 / 255).abs().max() < 0.05


def test_zip_and_folder_give_the_same_faces(faces, monkeypatch):
    unpacked = data.load("celeba", "full", faces)
    publish(monkeypatch, celeba, pack(faces).parent)
    packed = data.load("celeba", "full", faces)
    assert packed.fingerprint == unpacked.fingerprint
    assert torch.equal(packed.test.images[:], unpacked.test.images[:])


def test_fingerprint_is_that_of_the_pixels_and_labels(faces):
    found = data.load("celeba", "full", faces)
    parts = [((part.images[:] * 255).round().to(torch.uint8), part.labels.to(torch.uint8))
             for part in (found.train, found.test)]
    assert found.fingerprint == fingerprint_of(*parts)


def cached(folder):
    (path,) = (folder.parent / "cache" / "data").glob("*.npy")
    return path


def test_second_load_decodes_no_image(faces, monkeypatch):
    first = data.load("celeba", "full", faces)
    monkeypatch.setattr(celeba, "_small", lambda *_: pytest.fail("an image was decoded again"))
    second = data.load("celeba", "full", faces)
    assert second.fingerprint == first.fingerprint


@pytest.mark.parametrize("packed", [False, True])
def test_a_changed_image_is_noticed(faces, monkeypatch, capsys, packed):
    path = faces / "celeba" / celeba.IMAGES / FIRST
    before, size = data.load("celeba", "full", faces), path.stat().st_size
    path.write_bytes(jpeg(face(77), quality=50).ljust(size, b"\0"))  # as many bytes as before
    if packed:
        publish(monkeypatch, celeba, pack(faces).parent)
    after = data.load("celeba", "full", faces)
    assert after.fingerprint != before.fingerprint and "damaged" not in capsys.readouterr().err


def flip(path, place):
    body = bytearray(path.read_bytes())
    body[place] ^= 4
    path.write_bytes(body)


DAMAGED_CACHES = {
    "a bit of a pixel": lambda path: flip(path, -5000),
    "a bit of the magic": lambda path: flip(path, 1),
    "a bit of the shape": lambda path: flip(path, path.read_bytes().index(b"64, 64")),
    "a bit of the order": lambda path: path.write_bytes(path.read_bytes().replace(b"False", b"True ", 1)),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "too long": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "empty": lambda path: path.write_bytes(b""),
    "note of text": lambda path: path.with_suffix(".json").write_text("{"),
    "note without a checksum": lambda path: path.with_suffix(".json").write_text(
        json.dumps({"files": json.loads(path.with_suffix(".json").read_text())["files"]})),
}


@pytest.mark.parametrize("damage", DAMAGED_CACHES)
def test_a_damaged_cache_is_named_and_made_anew(faces, capsys, damage):
    before = data.load("celeba", "full", faces)
    pixels = before.train.images[:]
    DAMAGED_CACHES[damage](cached(faces))
    after = data.load("celeba", "full", faces)
    assert f"{cached(faces)} is damaged; making it anew" in capsys.readouterr().err
    assert after.fingerprint == before.fingerprint and torch.equal(after.train.images[:], pixels)
    data.load("celeba", "full", faces)
    assert capsys.readouterr().err == ""


def test_an_interrupted_first_load_leaves_nothing_that_is_taken_for_the_cache(faces, monkeypatch):
    small, read = celeba._small, []

    def interrupted(path, read_body):
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(path)
        return small(path, read_body)

    monkeypatch.setattr(celeba, "_small", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.load("celeba", "full", faces)
    assert len(read) == 3 and not list((faces.parent / "cache" / "data").iterdir())


def test_what_a_killed_first_load_left_is_removed_after_a_day(faces):
    data.load("celeba", "full", faces)
    kept = cached(faces)
    of_a_killed_load, of_a_running_one = (kept.with_name(f".{kept.name}.{pid}-abcd.tmp") for pid in (1, 2))
    for path in (of_a_killed_load, of_a_running_one):
        path.write_bytes(b"half")
    os.utime(of_a_killed_load, (0, 0))
    kept.unlink()
    data.load("celeba", "full", faces)
    assert of_a_running_one.exists() and not of_a_killed_load.exists()


def image(name, body):
    return lambda place: (place / celeba.IMAGES / name).write_bytes(body(place / celeba.IMAGES / name))


def text(file, change):
    return lambda place: (place / file).write_text(change((place / file).read_text()))


UNPUBLISHED = "is damaged or not the published file (MD5"
DAMAGED_FACES = {
    # what is damaged: how, the file that the line must name, what else it must say
    "no image": (lambda place: [path.unlink() for path in (place / celeba.IMAGES).iterdir()], celeba.IMAGES,
                 "lacks 17 of the 17 images"),
    "one image missing": (lambda place: (place / celeba.IMAGES / FIRST).unlink(), celeba.IMAGES, f"the first is {FIRST}"),
    "image cut": (image(FIRST, lambda path: path.read_bytes()[:2000]), FIRST, "not a whole JPEG"),
    "image without its end": (image(FIRST, lambda path: path.read_bytes()[:-200]), FIRST, "not a whole JPEG"),
    "image empty": (image(FIRST, lambda path: b""), FIRST, "not a whole JPEG"),
    "image of text": (image(FIRST, lambda path: b"<html>quota exceeded</html>"), FIRST, "not a whole JPEG"),
    "image of another size": (image(FIRST, lambda path: jpeg(face(1, (178, 178)))), FIRST,
                              "must have 178 x 218 pixels of RGB, but has 178 x 178"),
    "image grey": (image(FIRST, lambda path: jpeg(face(1).convert("L"))), FIRST, "but has 178 x 218 pixels of L"),
    "partition edited": (text(celeba.PARTITION, lambda rows: rows.replace(f"{FIRST} 0", f"{FIRST} 2")), celeba.PARTITION,
                         UNPUBLISHED),
    "partition empty": (text(celeba.PARTITION, lambda rows: ""), celeba.PARTITION, UNPUBLISHED),
    "a label edited": (text(celeba.ATTRIBUTES, lambda rows: rows.replace(f"{FIRST}  1  1", f"{FIRST}  1 -1")),
                       celeba.ATTRIBUTES, UNPUBLISHED),
    "attributes cut": (text(celeba.ATTRIBUTES, lambda rows: rows[:200]), celeba.ATTRIBUTES, UNPUBLISHED),
}


def refused(faces):
    with pytest.raises(ValueError) as caught:
        data.load("celeba", "full", faces)
    assert "\n" not in str(caught.value)
    assert not list((faces.parent / "cache").rglob("*.*")), "something was kept"
    return str(caught.value)


@pytest.mark.parametrize("damage", DAMAGED_FACES)
def test_a_damaged_folder_of_faces_gets_one_clear_line(faces, damage):
    spoil, file, words = DAMAGED_FACES[damage]
    spoil(faces / "celeba")
    line = refused(faces)
    assert str(faces / "celeba" / file) in line or str(faces / "celeba" / celeba.IMAGES / file) in line
    assert words in line


@pytest.mark.parametrize("body", [lambda whole: b"quota exceeded", lambda whole: whole[:-100], lambda whole: b"",
                                  lambda whole: whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]])
def test_a_zip_file_that_is_not_the_published_one_is_refused_before_it_is_opened(faces, monkeypatch, body):
    path = pack(faces)
    publish(monkeypatch, celeba, path.parent)
    path.write_bytes(body(path.read_bytes()))
    monkeypatch.setattr("zipfile.ZipFile", lambda *_: pytest.fail("opened"))
    line = refused(faces)
    assert str(path) in line and UNPUBLISHED in line and "delete it to get it again" in line


def test_partition_and_subset_of_a_store_copy_no_pixels(faces):
    split = data.load("celeba", "full", faces).train
    for part in (data.subset(split, 5), *data.partition(split, (7, 2), seed=0)):
        assert part.images.pixels is split.images.pixels
        for row, label in zip(part.images.rows, part.labels, strict=True):
            assert label == split.labels[row]


def test_loading_faces_takes_little_memory():
    path = Path(__file__).resolve().parents[1] / "stress" / "celeba_memory.py"
    specification = importlib.util.spec_from_file_location("celeba_memory", path)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    first, second = script.main(300)
    assert first["fingerprint"] == second["fingerprint"] and first["images"] == 270
    # As floats these images are 13 MB, as the decoder sees them 33 MB.
    assert first["load_mb"] - first["import_mb"] < 25 and second["load_mb"] - second["import_mb"] < 25
