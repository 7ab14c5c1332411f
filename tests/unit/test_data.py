"""What `dbp.data` promises, on the embedded digits and on idx files that the tests write themselves."""

import hashlib
import struct

import pytest
import torch

from dbp import data
from dbp.data import Split, mnist
from dbp.data.split import fingerprint_of


@pytest.fixture(scope="module")
def embedded():
    return data.load("mnist", source="embedded")


def test_embedded_digits_have_the_promised_shape_and_range(embedded):
    assert embedded.train.images.shape == (4000, 1, 28, 28) and embedded.test.images.shape == (1000, 1, 28, 28)
    assert embedded.train.images.dtype == torch.float32 and embedded.train.labels.dtype == torch.int64
    assert embedded.train.images.min() == 0 and embedded.train.images.max() == 1


def test_embedded_split_holds_every_class_in_equal_parts(embedded):
    assert embedded.train.labels.bincount().tolist() == [400] * 10
    assert embedded.test.labels.bincount().tolist() == [100] * 10


def test_no_test_digit_is_among_the_training_digits(embedded):
    train, test = ({hashlib.sha256(image.numpy().tobytes()).digest() for image in part.images}
                   for part in (embedded.train, embedded.test))
    assert not train & test


def test_first_examples_are_not_all_of_one_class(embedded):
    assert len(embedded.train.labels[:50].unique()) > 5


def test_fingerprint_is_known_without_reading_pixels(embedded):
    assert embedded.fingerprint == data.known_fingerprint("mnist", "embedded")
    assert embedded.fingerprint != data.known_fingerprint("mnist", "full")


def test_auto_takes_the_embedded_digits_where_no_full_set_is_and_says_so_once(tmp_path, capsys):
    first = data.load("mnist", root=tmp_path)
    data.load("mnist", root=tmp_path)
    assert first.source == "embedded"
    assert capsys.readouterr().out.count("embedded digits") == 1


@pytest.mark.parametrize("call, error, words", [
    (dict(name="mnits"), ValueError, "did you mean 'mnist'"),
    (dict(name="svnh"), ValueError, "there are mnist, svhn, celeba, colour-digits, toy-faces (did you mean 'svhn'?)"),
    (dict(source="fulll"), ValueError, "did you mean 'full'"),
    (dict(name="celeba", root=__file__), NotADirectoryError, "test_data.py' is not a folder"),
    (dict(root="/nowhere/at/all"), NotADirectoryError, "'/nowhere/at/all' is not a folder"),
])
def test_wrong_use_gets_one_clear_line(call, error, words):
    with pytest.raises(error) as caught:
        data.load(**call)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_dbp_data_pointing_nowhere_is_named(monkeypatch):
    monkeypatch.setenv("DBP_DATA", "/nowhere/at/all")
    with pytest.raises(NotADirectoryError, match=r"\$DBP_DATA must be a folder .* '/nowhere/at/all'"):
        data.load("mnist", source="full")


def test_without_network_the_error_says_where_the_files_belong(tmp_path, monkeypatch):
    def refused(*args, **options):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.MNIST.download", refused)
    with pytest.raises(FileNotFoundError) as caught:
        data.load("mnist", source="full", root=tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(caught.value) and 'source="embedded"' in str(caught.value)
    assert "\n" not in str(caught.value)


def _write_idx(folder, count=3):
    """Four idx files of the true format, `count` images each, and the MD5s that make them the expected ones."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in mnist.FILES:
        if "images" in file:
            body = struct.pack(">IIII", 0x803, count, 28, 28) + bytes(range(256)) * 9 + bytes(48)
            body = body[: 16 + count * 784]
        else:
            body = struct.pack(">II", 0x801, count) + bytes([7, 0, 3])
        (raw / file).write_bytes(body)
    return {file: hashlib.md5((raw / file).read_bytes()).hexdigest() for file in mnist.FILES}


def test_a_flipped_bit_in_an_idx_file_is_noticed_and_the_file_named(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "FILES", _write_idx(tmp_path))
    file = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    body = bytearray(file.read_bytes())
    body[9] ^= 1
    file.write_bytes(body)
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte is damaged"):
        data.load("mnist", source="full", root=tmp_path)


def test_idx_files_that_are_whole_but_not_the_published_digits_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "FILES", _write_idx(tmp_path))
    with pytest.raises(ValueError, match="not the published ones"):
        data.load("mnist", source="full", root=tmp_path)


def test_full_set_is_read_in_torchvisions_layout(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "FILES", _write_idx(tmp_path))
    monkeypatch.setitem(mnist.FINGERPRINTS, "full", fingerprint_of(*mnist.read_full(tmp_path)))
    full = data.load("mnist", root=tmp_path)
    assert full.source == "full" and full.train.labels.tolist() == [7, 0, 3]
    assert full.train.images[0].flatten()[:3].tolist() == pytest.approx([0, 1 / 255, 2 / 255])


def test_subset_is_balanced_disjointly_drawn_and_repeatable():
    split = Split(torch.arange(100.0).reshape(100, 1, 1, 1) / 100, torch.arange(100) % 10)
    part = data.subset(split, 30, seed=1)
    assert part.labels.bincount().tolist() == [3] * 10
    assert len(part.images.unique()) == 30
    assert torch.equal(part.images, data.subset(split, 30, seed=1).images)
    assert not torch.equal(part.images, data.subset(split, 30, seed=2).images)


def test_partition_gives_disjoint_parts():
    split = Split(torch.arange(10.0).reshape(10, 1, 1, 1) / 10, torch.arange(10))
    train, validation = data.partition(split, (7, 2), seed=0)
    assert len(train) == 7 and len(validation) == 2
    assert not set(train.labels.tolist()) & set(validation.labels.tolist())


@pytest.mark.parametrize("call", [
    lambda split: data.subset(split, 11),
    lambda split: data.subset(split, 0),
    lambda split: data.partition(split, (9, 2), 0),
])
def test_taking_more_than_there_is_names_the_numbers(call):
    split = Split(torch.zeros(10, 1, 1, 1), torch.zeros(10, dtype=torch.int64))
    with pytest.raises(ValueError, match="10"):
        call(split)
