"""The colour sets: SVHN's files, downloads that fail, stand-ins; and that every set is indexed in the same way."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from small_colour_sets import COUNT, pack, publish, write_celeba, write_svhn

from dbp import data
from dbp.data import celeba, download, standins, svhn
from dbp.data.split import fingerprint_of


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A folder with both files of SVHN, which count as the published ones."""
    written = write_svhn(tmp_path)
    publish(monkeypatch, svhn, tmp_path)
    return tmp_path, written


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """A folder of CelebA, with a cache of its own."""
    folder = tmp_path / "data"
    write_celeba(folder)
    monkeypatch.setenv("DBP_CACHE", str(tmp_path / "cache"))
    publish(monkeypatch, celeba, folder / "celeba")
    return folder


@pytest.fixture
def stand_ins(monkeypatch):
    """Two small stand-ins in the place of the real ones, which take seconds to make."""
    parts = {"colour-digits": 32, "toy-faces": 64}
    parts = {name: [(torch.randint(256, (count, 3, size, size), dtype=torch.uint8), torch.arange(count, dtype=torch.uint8))
                    for count in (7, 4)] for name, size in parts.items()}
    monkeypatch.setattr(standins, "read", parts.__getitem__)
    monkeypatch.setattr(standins, "FINGERPRINTS", {name: fingerprint_of(*pair) for name, pair in parts.items()})
    return parts


# SVHN


def test_svhn_has_pixels_and_labels_in_their_places(digits):
    folder, (train, _) = digits
    found = data.load("svhn", "full", folder)
    assert (found.name, found.source, len(found.train), len(found.test)) == ("svhn", "full", 23, 11)
    assert found.train.images.shape == (23, 3, 32, 32) and found.train.images.dtype == torch.float32
    assert found.train.images[4][2, 30, 7] == torch.tensor(train["X"][30, 7, 2, 4] / 255, dtype=torch.float32)
    assert found.train.labels.dtype == torch.int64
    assert found.train.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]  # 10 is the digit 0


def test_svhns_md5s_are_torchvisions():
    from torchvision.datasets import SVHN

    assert {file: md5 for _, file, md5 in (SVHN.split_list[part] for part in ("train", "test"))} == svhn.FILES


def test_svhn_agrees_with_torchvisions_own_reader(digits, monkeypatch):
    from torchvision.datasets import SVHN

    folder, _ = digits
    monkeypatch.setitem(SVHN.split_list, "test", ["", "test_32x32.mat", svhn.FILES["test_32x32.mat"]])
    theirs, ours = SVHN(folder, "test"), data.load("svhn", "full", folder).test
    assert np.array_equal(theirs.data / np.float32(255), ours.images[:].numpy())
    assert theirs.labels.tolist() == ours.labels.tolist()


@pytest.mark.parametrize("body", [lambda whole: b"not found\n" * 50, lambda whole: b"", lambda whole: whole[:8000],
                                  lambda whole: whole[:-1]])
def test_a_file_that_is_not_the_published_one_is_refused_before_it_is_parsed(digits, monkeypatch, body):
    path = digits[0] / "test_32x32.mat"
    path.write_bytes(body(path.read_bytes()))
    parse = scipy.io.loadmat
    monkeypatch.setattr(scipy.io, "loadmat",
                        lambda at, **options: parse(at, **options) if at != path else pytest.fail("parsed"))
    with pytest.raises(ValueError) as caught:
        data.load("svhn", "full", digits[0])
    assert f"{path} is damaged or not the published file (MD5 " in str(caught.value)
    assert "delete it to get it again" in str(caught.value) and "\n" not in str(caught.value)


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
    ("celeba", "celeba", [celeba.ZIP, celeba.PARTITION, celeba.ATTRIBUTES], []),
    ("celeba", "celeba", [celeba.PARTITION], [celeba.ATTRIBUTES, celeba.ZIP]),
    ("celeba", "celeba", [celeba.ATTRIBUTES], [celeba.PARTITION, celeba.ZIP]),
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
    publish(monkeypatch, celeba, pack(faces).parent)
    asked = {}

    def give(key, place, file, md5):
        asked[file] = md5
        shutil.copy(faces / "celeba" / file, Path(place) / file)

    monkeypatch.setattr("torchvision.datasets.utils.download_file_from_google_drive", give)
    fetched = data.load("celeba", "full", (tmp_path / "new").mkdir() or tmp_path / "new")
    assert asked == celeba.FILES
    assert fetched.fingerprint == data.load("celeba", "full", faces).fingerprint


def test_fingerprint_of_a_full_set_is_read_from_the_default_folder(faces, monkeypatch):
    monkeypatch.setenv("DBP_DATA", str(faces))
    assert data.known_fingerprint("celeba", "full") == data.load("celeba", "full").fingerprint


def test_fingerprint_of_a_full_set_that_is_not_there_says_so_and_downloads_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DBP_DATA", str(tmp_path))
    monkeypatch.setattr(download, "_fetch", lambda *_: pytest.fail("downloads"))
    for name in data.STAND_INS:
        with pytest.raises(FileNotFoundError, match=f"{name} is not whole on disk: put .* into {tmp_path}"):
            data.known_fingerprint(name, "full")


# The stand-ins


@pytest.mark.parametrize("asked, source", [("svhn", "embedded"), ("svhn", "auto"), ("colour-digits", "embedded"),
                                           ("colour-digits", "auto")])
def test_a_stand_in_goes_by_its_own_name(stand_ins, tmp_path, capsys, asked, source):
    found = data.load(asked, source, tmp_path)
    assert (found.name, found.source) == ("colour-digits", "embedded")
    assert found.fingerprint == data.known_fingerprint(asked, "embedded")
    assert torch.equal(found.test.images[:], stand_ins["colour-digits"][1][0] / 255)
    told = f"svhn: the stand-in colour-digits (no full set in {tmp_path})\n"
    assert capsys.readouterr().out == (told if (asked, source) == ("svhn", "auto") else "")


def test_auto_takes_the_full_set_where_it_is_on_disk(faces, stand_ins, capsys):
    found = data.load("celeba", root=faces)
    assert found.source == "full" and len(found.train) < COUNT
    assert capsys.readouterr().out == f"celeba: the full set in {faces}\n"


@pytest.mark.parametrize("name, real", [("colour-digits", "svhn"), ("toy-faces", "celeba")])
def test_a_stand_in_has_no_full_set(name, real):
    for call in (data.load, data.known_fingerprint):
        with pytest.raises(ValueError, match=f"{name} has no full set, since it is made here: it stands in for {real}"):
            call(name, "full")


def test_a_stand_in_of_other_pixels_is_refused(stand_ins):
    stand_ins["toy-faces"][0][0][3, 1, 20, 20] ^= 1
    with pytest.raises(ValueError, match="toy-faces .* not the published ones"):
        data.load("celeba", "embedded")


# Every set is indexed in the same way


@pytest.mark.parametrize("name", data.NAMES)
def test_images_of_every_set_are_floats_by_number_slice_and_tensor(stand_ins, name):
    images = data.load(name, "embedded").test.images
    one, some, picked = images[3], images[2:4], images[torch.tensor([1, 0])]
    masked = images[torch.arange(len(images)) == 3]
    assert one.shape == images.shape[1:] and len(some) == len(picked) == 2 and len(masked) == 1
    for found in (one, some, picked, masked):
        assert type(found) is torch.Tensor and found.dtype == torch.float32
        assert found.min() >= 0 and 0.5 < found.max() <= 1
    assert torch.equal(some[1], one) and torch.equal(masked[0], one)
    assert torch.equal(picked[0], images[1]) and torch.equal(picked[1], images[0])


@pytest.mark.parametrize("index", [slice(1, 3), torch.tensor([1, 0]), torch.arange(7) > 2], ids=str)
@pytest.mark.parametrize("name", [name for name in data.NAMES if name != "mnist"])
def test_part_of_a_colour_set_is_lazy_and_shares_the_pixels(stand_ins, name, index):
    split = data.load(name, "embedded").train
    part = split[index]
    assert isinstance(part.images, data.PixelStore) and part.images.pixels is split.images.pixels
    assert torch.equal(part.images[:], split.images[:][index]) and torch.equal(part.labels, split.labels[index])
