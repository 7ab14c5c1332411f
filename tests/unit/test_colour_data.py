"""SVHN and CelebA: read from files of the true formats that are written here, sound ones and damaged ones."""

import hashlib
import importlib.util
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from dbp import data
from dbp.data import celeba
from dbp.data import pixels as colour

ATTRIBUTES = ("Bald", "Smiling", "Young")
TRAIN, VALIDATION, TEST = 12, 3, 5
COUNT = TRAIN + VALIDATION + TEST


# Files of the true formats


def write_mat(path, count, seed=0, **changed):
    """X [32, 32, 3, N] uint8 and y [N, 1] with 10 for zero, compressed as the published files are."""
    rng = np.random.default_rng(seed)
    content = {"X": rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8),
               "y": (np.arange(count, dtype=np.uint8) % 10 + 1).reshape(-1, 1), **changed}
    content = {name: value for name, value in content.items() if value is not None}
    savemat(path, content, do_compression=True)
    return content


@pytest.fixture
def svhn(tmp_path, monkeypatch):
    """A folder with both files, which count as the published ones."""
    written = [write_mat(tmp_path / file, count, seed=count)
               for file, count in zip(colour.SVHN_FILES, (23, 11), strict=True)]
    digests = {file: hashlib.md5((tmp_path / file).read_bytes()).hexdigest() for file in colour.SVHN_FILES}
    monkeypatch.setattr(colour, "SVHN_FILES", digests)
    return tmp_path, written


def jpeg(image, **options):
    body = io.BytesIO()
    image.save(body, options.pop("format", "JPEG"), **options)
    return body.getvalue()


def face(number, size=(178, 218)):
    coarse = np.random.default_rng(number).integers(0, 256, (7, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("celeba")
    images = folder / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, COUNT + 1)]
    for number, name in enumerate(names):
        (images / name).write_bytes(jpeg(face(number), quality=95))
    rows = [f"{name}  1 {1 if number % 3 == 0 else -1:2} -1" for number, name in enumerate(names)]
    (images.parent / celeba.ATTRIBUTES).write_text("\n".join([str(COUNT), " ".join(ATTRIBUTES) + " ", *rows]) + "\n")
    parts = [0] * TRAIN + [1] * VALIDATION + [2] * TEST
    lines = [f"{name} {part}\n" for name, part in zip(names, parts, strict=True)]
    (images.parent / celeba.PARTITION).write_text("".join(lines))
    return folder


@pytest.fixture
def faces(written_once, tmp_path, monkeypatch):
    """A folder of CelebA that a test may spoil, with a cache of its own."""
    folder = tmp_path / "data"
    shutil.copytree(written_once, folder)
    monkeypatch.setenv("DBP_CACHE", str(tmp_path / "cache"))
    return folder


def pack(folder):
    """Put the images into torchvision's zip file, in the place of their folder."""
    place = folder / "celeba"
    with zipfile.ZipFile(place / "img_align_celeba.zip", "w") as archive:
        archive.writestr("img_align_celeba/", "")
        for path in sorted((place / "img_align_celeba").iterdir()):
            archive.write(path, f"img_align_celeba/{path.name}")
    shutil.rmtree(place / "img_align_celeba")
    return place / "img_align_celeba.zip"


# SVHN


def test_svhn_has_pixels_and_labels_in_their_places(svhn):
    folder, (train, _) = svhn
    found = data.load("svhn", "full", folder)
    assert (found.name, found.source, len(found.train), len(found.test)) == ("svhn", "full", 23, 11)
    assert found.train.images.shape == (23, 3, 32, 32) and found.train.images.dtype == torch.float32
    one = found.train.images[4].tensor()
    assert one[2, 30, 7] == torch.tensor(train["X"][30, 7, 2, 4] / 255, dtype=torch.float32)
    assert found.train.labels.dtype == torch.int64
    assert found.train.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]  # 10 is the digit 0


def test_svhns_md5s_are_torchvisions():
    from torchvision.datasets import SVHN

    assert {file: md5 for _, file, md5 in (SVHN.split_list[part] for part in ("train", "test"))} == colour.SVHN_FILES


def test_svhn_agrees_with_torchvisions_own_reader(svhn, monkeypatch):
    from torchvision.datasets import SVHN

    folder, _ = svhn
    monkeypatch.setitem(SVHN.split_list, "test", ["", "test_32x32.mat", colour.SVHN_FILES["test_32x32.mat"]])
    theirs, ours = SVHN(folder, "test"), data.load("svhn", "full", folder).test
    assert np.array_equal(theirs.data / np.float32(255), ours.images.tensor().numpy())
    assert theirs.labels.tolist() == ours.labels.tolist()


DAMAGED_MATS = {
    "is text": (lambda path: path.write_text("not found\n" * 50), "not a whole MATLAB file"),
    "is empty": (lambda path: path.write_bytes(b""), "not a whole MATLAB file"),
    "is cut in half": (lambda path: path.write_bytes(path.read_bytes()[:8000]), "not a whole MATLAB file"),
    "lacks its last byte": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "not a whole MATLAB file"),
    "lacks X": (lambda path: write_mat(path, 11, X=None), "lacks the variable X"),
    "lacks y": (lambda path: write_mat(path, 11, y=None), "lacks the variable y"),
    "has N first": (lambda path: write_mat(path, 11, X=np.zeros((11, 32, 32, 3), np.uint8)),
                    "X must be uint8 [32, 32, 3, N], but is uint8 [11, 32, 32, 3]"),
    "has floats": (lambda path: write_mat(path, 11, X=np.zeros((32, 32, 3, 11))),
                   "X must be uint8 [32, 32, 3, N], but is float64"),
    "has a label too few": (lambda path: write_mat(path, 11, y=np.ones((10, 1), np.uint8)),
                            "one number for each of the 11 images, but is uint8 [10, 1]"),
    "has labels of text": (lambda path: write_mat(path, 11, y=np.array([["one"]] * 11)), "y must hold one number"),
    "has the label 11": (lambda path: write_mat(path, 2, y=np.array([[11], [1]], np.uint8)), "but holds 11"),
    "has the label 0": (lambda path: write_mat(path, 2, y=np.array([[1], [0]], np.uint8)), "but holds 0"),
    "has the label 2.5": (lambda path: write_mat(path, 2, y=np.array([[1], [2.5]])), "but holds 2.5"),
    "is another file": (lambda path: write_mat(path, 11, seed=99), "is not the published file (MD5"),
}


@pytest.mark.parametrize("damage", DAMAGED_MATS)
def test_a_damaged_mat_file_gets_one_clear_line(svhn, damage):
    folder, _ = svhn
    spoil, words = DAMAGED_MATS[damage]
    spoil(folder / "test_32x32.mat")
    with pytest.raises(ValueError) as caught:
        data.load("svhn", "full", folder)
    assert str(folder / "test_32x32.mat") in str(caught.value) and words in str(caught.value)
    assert "\n" not in str(caught.value)


# CelebA


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
    path = faces / "celeba" / "img_align_celeba" / "000003.jpg"
    framed[:8] = framed[-8:] = framed[:, :8] = framed[:, -8:] = (0, 0, 255)
    path.write_bytes(jpeg(Image.fromarray(framed), quality=95, subsampling=0))
    image = data.load("celeba", "full", faces).train.images[2].tensor()
    for edge in (image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]):
        assert edge[2].min() > 0.9 and edge[:2].max() < 0.1
    assert (image[:, 8:-8, 8:-8] - 200 / 255).abs().max() < 0.05


def test_zip_and_folder_give_the_same_faces(faces):
    unpacked = data.load("celeba", "full", faces)
    pack(faces)
    packed = data.load("celeba", "full", faces)
    assert packed.fingerprint == unpacked.fingerprint
    assert torch.equal(packed.test.images.tensor(), unpacked.test.images.tensor())


def test_fingerprint_is_that_of_the_pixels_and_labels(faces):
    found = data.load("celeba", "full", faces)
    parts = [((part.images.tensor() * 255).round().to(torch.uint8), part.labels.to(torch.uint8))
             for part in (found.train, found.test)]
    assert found.fingerprint == data._fingerprint(*parts)


def cached(folder):
    (path,) = (folder.parent / "cache" / "data").glob("*.npy")
    return path


def test_second_load_decodes_no_image(faces, monkeypatch):
    first = data.load("celeba", "full", faces)
    monkeypatch.setattr(celeba, "_small", lambda *_: pytest.fail("an image was decoded again"))
    second = data.load("celeba", "full", faces)
    assert second.fingerprint == first.fingerprint


@pytest.mark.parametrize("packed", [False, True])
def test_a_changed_image_is_noticed(faces, capsys, packed):
    path = faces / "celeba" / "img_align_celeba" / "000001.jpg"
    before, size = data.load("celeba", "full", faces), path.stat().st_size
    path.write_bytes(jpeg(face(77), quality=50).ljust(size, b"\0"))  # as many bytes as before
    if packed:
        pack(faces)
    after = data.load("celeba", "full", faces)
    assert after.fingerprint != before.fingerprint and "damaged" not in capsys.readouterr().err


def test_a_changed_label_is_noticed(faces):
    before = data.load("celeba", "full", faces)
    path = faces / "celeba" / celeba.ATTRIBUTES
    path.write_text(path.read_text().replace("000001.jpg  1  1", "000001.jpg  1 -1"))
    after = data.load("celeba", "full", faces)
    assert before.train.labels[0] == 1 and after.train.labels[0] == 0 and after.fingerprint != before.fingerprint


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
    pixels = before.train.images.tensor()
    DAMAGED_CACHES[damage](cached(faces))
    after = data.load("celeba", "full", faces)
    assert f"{cached(faces)} is damaged; making it anew" in capsys.readouterr().err
    assert after.fingerprint == before.fingerprint and torch.equal(after.train.images.tensor(), pixels)
    data.load("celeba", "full", faces)
    assert capsys.readouterr().err == ""


def test_an_interrupted_first_load_leaves_nothing_that_is_taken_for_the_cache(faces, monkeypatch):
    monkeypatch.setattr(celeba, "_small", lambda images, name: images.stamps["no such image"])
    with pytest.raises(KeyError):
        data.load("celeba", "full", faces)
    assert not list((faces.parent / "cache" / "data").iterdir())


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


def rewrite(file, change):
    """Change the lines of one of CelebA's text files."""
    def spoil(place):
        lines = (place / file).read_text().splitlines()
        (place / file).write_text("\n".join(change(lines)) + "\n")
    return spoil


def image(name, body):
    return lambda place: (place / "img_align_celeba" / name).write_bytes(body(place / "img_align_celeba" / name))


def zipped(spoil):
    def spoil_packed(place):
        spoil(pack(place.parent))
    return spoil_packed


def stray_in_zip(path):
    """Flip a bit of the packed bytes of an image, past its header."""
    flip(path, path.read_bytes().index(b"000005.jpg") + 300)


def without_an_image(path):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if "000005" not in name}
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)


PARTITION, ATTRIBUTE, FIRST = celeba.PARTITION, celeba.ATTRIBUTES, "000001.jpg"
DAMAGED_FACES = {
    # what is damaged: how, the file that the line must name, what else it must say
    "no image": (lambda place: [path.unlink() for path in (place / "img_align_celeba").iterdir()],
                 "img_align_celeba", "lacks 17 of the 17 images"),
    "one image missing": (lambda place: (place / "img_align_celeba" / FIRST).unlink(), "img_align_celeba",
                          f"the first is {FIRST}"),
    "image cut": (image(FIRST, lambda path: path.read_bytes()[:2000]), FIRST, "not a whole JPEG"),
    "image without its end": (image(FIRST, lambda path: path.read_bytes()[:-200]), FIRST, "not a whole JPEG"),
    "image empty": (image(FIRST, lambda path: b""), FIRST, "not a whole JPEG"),
    "image of text": (image(FIRST, lambda path: b"<html>quota exceeded</html>"), FIRST, "not a whole JPEG"),
    "image a PNG": (image(FIRST, lambda path: jpeg(face(1), format="PNG")), FIRST, "not a whole JPEG"),
    "image of another size": (image(FIRST, lambda path: jpeg(face(1, (178, 178)))), FIRST,
                              "must have 178 x 218 pixels of RGB, but has 178 x 178"),
    "image grey": (image(FIRST, lambda path: jpeg(face(1).convert("L"))), FIRST, "but has 178 x 218 pixels of L"),
    "partition row short": (rewrite(PARTITION, lambda lines: [*lines[:4], "000005.jpg", *lines[5:]]), PARTITION,
                            "line 5: expected a name and 0, 1 or 2"),
    "partition of 3": (rewrite(PARTITION, lambda lines: [*lines[:4], "000005.jpg 3", *lines[5:]]), PARTITION,
                       "found '000005.jpg 3"),
    "partition row twice": (rewrite(PARTITION, lambda lines: [*lines, lines[0]]), PARTITION, "is listed twice"),
    "partition of bytes": (lambda place: (place / PARTITION).write_bytes(bytes(range(256))), PARTITION, "line 1: expected"),
    "partition empty": (lambda place: (place / PARTITION).write_text(""), PARTITION, "no image to train on"),
    "no train part": (rewrite(PARTITION, lambda lines: [line.replace(" 0", " 1") for line in lines]), PARTITION,
                      "no image to train on"),
    "no test part": (rewrite(PARTITION, lambda lines: [line.replace(" 2", " 1") for line in lines]), PARTITION,
                     "no image to test with"),
    "attributes without a count": (rewrite(ATTRIBUTE, lambda lines: lines[1:]), ATTRIBUTE,
                                   "begin with the number of images"),
    "attributes without Smiling": (rewrite(ATTRIBUTE, lambda lines: [lines[0], "Bald Young Hat", *lines[2:]]), ATTRIBUTE,
                                   "line 2: expected the names of the attributes, one of them Smiling"),
    "attribute row short": (rewrite(ATTRIBUTE, lambda lines: [*lines[:5], "000004.jpg 1 -1", *lines[6:]]), ATTRIBUTE,
                            "line 6: expected a name and 3 times 1 or -1"),
    "attribute row empty": (rewrite(ATTRIBUTE, lambda lines: [*lines[:5], "", *lines[6:]]), ATTRIBUTE, "line 6: expected"),
    "attribute of 0": (rewrite(ATTRIBUTE, lambda lines: [*lines[:5], "000004.jpg 1 0 -1", *lines[6:]]), ATTRIBUTE,
                       "line 6: expected"),
    "attribute rows missing": (rewrite(ATTRIBUTE, lambda lines: lines[:-1]), ATTRIBUTE,
                               "says that it has 20 images, but lists 19"),
    "names disagree": (rewrite(ATTRIBUTE, lambda lines: [*lines[:-1], "000021.jpg 1 1 1"]), PARTITION,
                       "lists 000020.jpg, but"),
    "zip of text": (zipped(lambda path: path.write_text("quota exceeded")), "img_align_celeba.zip", "not a whole zip file"),
    "zip cut": (zipped(lambda path: path.write_bytes(path.read_bytes()[:-100])), "img_align_celeba.zip",
                "not a whole zip file"),
    "zip with a flipped bit": (zipped(stray_in_zip), "img_align_celeba.zip", "Bad CRC-32"),
    "zip without an image": (zipped(without_an_image), "img_align_celeba.zip", "the first is 000005.jpg"),
}


@pytest.mark.parametrize("damage", DAMAGED_FACES)
def test_a_damaged_folder_of_faces_gets_one_clear_line(faces, damage):
    spoil, file, words = DAMAGED_FACES[damage]
    spoil(faces / "celeba")
    with pytest.raises(ValueError) as caught:
        data.load("celeba", "full", faces)
    assert str(faces / "celeba") in str(caught.value) and file in str(caught.value) and words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((faces.parent / "cache").rglob("*.*")), "something was kept"


# Where they are not on disk


@pytest.fixture
def no_network(monkeypatch):
    """Both ways of downloading refuse, as they do without a network, without gdown, or over Google Drive's quota."""
    def refuse(*arguments, **options):
        raise type("FileURLRetrievalError", (Exception,), {})("Too many users have\nviewed or downloaded this file")

    monkeypatch.setattr("torchvision.datasets.SVHN.download", refuse)
    monkeypatch.setattr("torchvision.datasets.utils.download_file_from_google_drive", refuse)


@pytest.mark.parametrize("name, place, files, left_out", [
    ("svhn", "", ["train_32x32.mat", "test_32x32.mat"], []),
    ("svhn", "", ["test_32x32.mat"], ["train_32x32.mat"]),
    ("celeba", "celeba", ["img_align_celeba.zip", PARTITION, ATTRIBUTE], []),
    ("celeba", "celeba", [PARTITION], [ATTRIBUTE, "img_align_celeba.zip"]),
    ("celeba", "celeba", [ATTRIBUTE], [PARTITION, "img_align_celeba.zip"]),
])
def test_a_refused_download_says_which_files_to_put_where(no_network, tmp_path, name, place, files, left_out):
    (tmp_path / place).mkdir(exist_ok=True)
    for file in left_out:
        (tmp_path / place / file).write_bytes(b"")
    with pytest.raises(FileNotFoundError) as caught:
        data.load(name, "full", tmp_path)
    assert f"put {', '.join(files)} into {tmp_path / place}, or use" in str(caught.value)
    assert f'the stand-in {data.STAND_INS[name]} by source="embedded"' in str(caught.value)
    assert "Too many users" in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(path.name for path in (tmp_path / place).iterdir()) == sorted(left_out)  # no part of a download is left


def test_what_google_drive_gives_is_put_into_its_place_and_read(faces, monkeypatch, tmp_path):
    pack(faces)
    asked = []

    def give(key, place, file, md5):
        asked.append(file)
        shutil.copy(faces / "celeba" / file, Path(place) / file)

    monkeypatch.setattr("torchvision.datasets.utils.download_file_from_google_drive", give)
    fetched = data.load("celeba", "full", (tmp_path / "new").mkdir() or tmp_path / "new")
    assert sorted(asked) == sorted([PARTITION, ATTRIBUTE, "img_align_celeba.zip"])
    assert fetched.fingerprint == data.load("celeba", "full", faces).fingerprint


def test_fingerprint_of_a_full_set_is_read_from_the_default_folder(faces, monkeypatch):
    monkeypatch.setenv("DBP_DATA", str(faces))
    assert data.known_fingerprint("celeba", "full") == data.load("celeba", "full").fingerprint


def test_fingerprint_of_a_full_set_that_is_not_there_says_so_and_downloads_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DBP_DATA", str(tmp_path))
    monkeypatch.setattr(colour, "download", lambda *_: pytest.fail("downloads"))
    for name in data.STAND_INS:
        with pytest.raises(FileNotFoundError, match=f"{name} is not whole on disk: put .* into {tmp_path}"):
            data.known_fingerprint(name, "full")


# The stand-ins


@pytest.fixture
def stand_ins(monkeypatch):
    """Two small stand-ins in the place of the real ones, which take seconds to make."""
    parts = {"colour-digits": 32, "toy-faces": 64}
    parts = {name: [(torch.randint(256, (count, 3, size, size), dtype=torch.uint8), torch.arange(count, dtype=torch.uint8))
                    for count in (7, 4)] for name, size in parts.items()}
    monkeypatch.setattr(data.standins, "read", parts.__getitem__)
    monkeypatch.setattr(data.standins, "FINGERPRINTS", {name: data._fingerprint(*pair) for name, pair in parts.items()})
    return parts


@pytest.mark.parametrize("asked, source", [("svhn", "embedded"), ("svhn", "auto"), ("colour-digits", "embedded"),
                                           ("colour-digits", "auto")])
def test_a_stand_in_goes_by_its_own_name(stand_ins, tmp_path, capsys, asked, source):
    found = data.load(asked, source, tmp_path)
    assert (found.name, found.source) == ("colour-digits", "embedded")
    assert found.fingerprint == data.known_fingerprint(asked, "embedded")
    assert torch.equal(found.test.images.tensor(), stand_ins["colour-digits"][1][0] / 255)
    told = f"svhn: the stand-in colour-digits (no full set in {tmp_path})\n"
    assert capsys.readouterr().out == (told if (asked, source) == ("svhn", "auto") else "")


def test_auto_takes_the_full_set_where_it_is_on_disk(faces, stand_ins, capsys):
    assert data.load("celeba", root=faces).source == "full"
    assert capsys.readouterr().out == f"celeba: the full set in {faces}\n"


@pytest.mark.parametrize("name, real", [("colour-digits", "svhn"), ("toy-faces", "celeba")])
def test_a_stand_in_has_no_full_set(name, real):
    for call in (data.load, data.known_fingerprint):
        with pytest.raises(KeyError, match=f"{name} has no full set, since it is made here: it stands in for {real}"):
            call(name, "full")


def test_a_stand_in_of_other_pixels_is_refused(stand_ins):
    stand_ins["toy-faces"][0][0][3, 1, 20, 20] ^= 1
    with pytest.raises(ValueError, match="toy-faces .* not the published ones"):
        data.load("celeba", "embedded")


# The store of pixels


@pytest.mark.parametrize("index", [
    slice(2, 7), slice(None, None, 3), 4, -1, torch.tensor([8, 0, 0, 3]), torch.arange(9) % 2 == 0,
    torch.tensor([], dtype=torch.int64),
], ids=str)
def test_a_store_is_indexed_as_the_tensor_of_its_floats_is(index):
    pixels = torch.randint(256, (9, 3, 4, 5), dtype=torch.uint8)
    store, floats = colour.PixelStore(pixels), pixels / 255
    assert torch.equal(store[index].tensor(), floats[index]) and store[index].shape == floats[index].shape
    shuffled = torch.randperm(9)
    assert torch.equal(store[shuffled][index].tensor(), floats[shuffled][index])


def test_a_store_ends():
    store = colour.PixelStore(torch.zeros(9, 3, 4, 5, dtype=torch.uint8))
    assert len(store) == 9 and sum(1 for _ in store) == 9
    with pytest.raises(IndexError):
        store[torch.tensor([9])]


def test_a_store_splits_into_float_batches():
    pixels = torch.randint(256, (9, 3, 4, 5), dtype=torch.uint8)
    batches = list(colour.PixelStore(pixels).split(4))
    assert [len(batch) for batch in batches] == [4, 4, 1] and torch.equal(torch.cat(batches), pixels / 255)


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
