"""What `dbp.data.standins` promises: the same pixels everywhere, faces that differ and smile, digits that can be read."""

import hashlib
import io

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation
from sklearn.linear_model import RidgeClassifier

from dbp.data import standins
from dbp.data.mnist import read_embedded
from dbp.data.split import fingerprint_of
from dbp.data.standins import digits as house_numbers
from dbp.data.standins import faces as drawing

FIRST_200_FACES = "1a230db060ef46ee613c5ddb17410ad62ac2efd8e6f76d4467d592cf33cccc6b"
LUMINANCE = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)


@pytest.fixture(scope="module")
def faces():
    return drawing.render(1500, seed=5)


@pytest.fixture(scope="module")
def mnist_test():
    return read_embedded()[1]


def luminance(images):
    return (images / 255 * LUMINANCE).sum(1)


def test_every_stand_in_has_a_known_fingerprint():
    assert tuple(standins.FINGERPRINTS) == standins.NAMES
    assert all(len(fingerprint) == 64 for fingerprint in standins.FINGERPRINTS.values())


def test_colour_digits_are_the_published_pixels_in_the_digits_order(tmp_path, monkeypatch):
    monkeypatch.setenv("DBP_CACHE", str(tmp_path))
    parts = standins.read("colour-digits")
    assert fingerprint_of(*parts) == standins.FINGERPRINTS["colour-digits"]
    for (images, labels), (_, digits), count in zip(parts, read_embedded(), (4000, 1000), strict=True):
        assert images.shape == (count, 3, 32, 32) and images.dtype == labels.dtype == torch.uint8
        assert torch.equal(labels, digits)


def test_first_faces_are_the_published_pixels():
    assert fingerprint_of(drawing.render(200, seed=0)) == FIRST_200_FACES


def test_faces_depend_on_their_seed_and_on_nothing_else(faces, monkeypatch):
    monkeypatch.setattr(drawing, "BATCH", 7)
    images, labels = drawing.render(20, seed=5)
    assert torch.equal(images, faces[0][:20]) and torch.equal(labels, faces[1][:20])
    assert not torch.equal(images, drawing.render(20, seed=6)[0])


def test_faces_come_in_other_sizes_and_show_the_same_person():
    small, large = drawing.render(8, seed=5)[0] / 255, drawing.render(8, seed=5, size=128)[0] / 255
    assert large.shape == (8, 3, 128, 128)
    assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().mean() < 0.02


def test_no_two_faces_are_alike(faces):
    flat = faces[0][:300].flatten(1) / 255
    distance = torch.cdist(flat, flat) / flat.shape[1] ** 0.5  # root mean square
    assert distance[~torch.eye(300, dtype=torch.bool)].min() > 0.08


def test_skin_goes_from_dark_to_light(faces):
    nose = luminance(faces[0])[:, 34:42, 28:36].mean((1, 2))
    assert nose.quantile(0.05) < 0.3 and nose.quantile(0.95) > 0.75
    assert nose.histc(6, 0.15, 0.9).min() > 0.04 * len(nose)  # and no tone between is rare


def test_half_of_the_faces_smile_and_it_shows_at_the_mouth_only(faces):
    images, labels = faces
    assert 0.45 < labels.float().mean() < 0.55 and set(labels.tolist()) == {0, 1}

    def accuracy(part):
        pixels = part.flatten(1) / 255
        return RidgeClassifier(alpha=10).fit(pixels[:1100], labels[:1100]).score(pixels[1100:], labels[1100:])

    assert accuracy(images[:, :, 40:58, 16:48]) > 0.8
    assert accuracy(images[:, :, :24]) < 0.6


def test_every_digit_stands_out_from_the_ground_round_it(mnist_test, monkeypatch):
    seen = []
    masks = house_numbers._masks
    monkeypatch.setattr(house_numbers, "_masks", lambda *args: seen.append(masks(*args)) or seen[0])
    bright = luminance(standins.colour_digits(*mnist_test, 1)).numpy()
    digits, neighbours = (mask[:, 0] for mask in seen[0])
    contrast = []
    for image, digit, beside in zip(bright, digits, neighbours, strict=True):
        around = binary_dilation(digit > 0.05, iterations=3) & (digit <= 0.05) & (beside <= 0.05)
        contrast.append(abs(image[digit > 0.8].mean() - image[around].mean()))
    assert min(contrast) > 0.25 and np.median(contrast) > 0.4


def test_neighbours_stand_at_the_sides_and_leave_the_digit_alone(mnist_test):
    images, labels = mnist_test
    digit, neighbours = house_numbers._masks(images.numpy()[:, 0] / 255, labels.numpy(), np.random.default_rng(0))
    for outer in (np.s_[..., :6], np.s_[..., 26:]):
        share = (neighbours[outer] > 0.5).any((1, 2, 3)).mean()
        assert 0.5 < share < 0.85
    assert ((digit > 0.3) & (neighbours > 0.3)).sum() == 0
    assert neighbours[..., 12:20].max() < 0.02  # nothing to see in the middle
    columns = (digit * np.arange(32)).sum((1, 2, 3)) / digit.sum((1, 2, 3))
    assert abs(columns - 15.5).max() < 4


def test_a_neighbour_is_of_another_class():
    bar, dot = np.zeros((2, 28, 28))
    bar[4:24, 12:16], dot[13:15, 13:15] = 1, 1
    labels = np.arange(40) % 2
    _, neighbours = house_numbers._masks(np.stack([bar, dot] * 20), labels, np.random.default_rng(0))
    area = neighbours.sum((1, 2, 3))
    assert (area[labels == 0] < 20).all() and (area[labels == 0] > 0).any() and (area[labels == 1] > 60).any()


def test_no_piece_of_a_photograph_is_used_twice():
    pieces = [house_numbers._photographs(count, seed, np.random.default_rng(seed)) for seed, count in ((0, 4000), (1, 1000))]
    assert pieces[0].shape == (4000, 3, 32, 32) and 0 <= pieces[0].min() and pieces[0].max() <= 1
    assert len({hashlib.sha256(piece.tobytes()).digest() for part in pieces for piece in part}) == 5000


@pytest.fixture
def small_faces(tmp_path, monkeypatch):
    """A toy-faces of three and two faces with a fingerprint of its own; returns its cache file and counts the makings."""
    made = []
    parts = [drawing.render(3, 0), drawing.render(2, 1)]
    monkeypatch.setenv("DBP_CACHE", str(tmp_path))
    monkeypatch.setattr(standins, "FACES", (3, 2))
    monkeypatch.setattr(standins, "FINGERPRINTS", {"toy-faces": fingerprint_of(*parts)})
    make = standins._make
    monkeypatch.setattr(standins, "_make", lambda name: made.append(name) or make(name))
    return tmp_path / "data" / f"toy-faces-{fingerprint_of(*parts)[:12]}.npz", made


def test_what_was_made_once_is_read_from_the_cache(small_faces, capsys):
    path, made = small_faces
    first, second = standins.read("toy-faces"), standins.read("toy-faces")
    assert made == ["toy-faces"] and [file.name for file in path.parent.iterdir()] == [path.name]
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1]) and other[0].dtype == torch.uint8
    assert capsys.readouterr().err == ""


def _flip(body):
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


def _other_pixels(body):
    with np.load(io.BytesIO(body)) as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    changed["train_images"][0, 0, 0, 0] ^= 1
    file = io.BytesIO()
    np.savez(file, **changed)
    return file.getvalue()


def _pickle(body):
    file = io.BytesIO()
    np.savez(file, train_images=np.array([{}], dtype=object))
    return file.getvalue()


@pytest.mark.parametrize("damage", [_flip, _other_pixels, _pickle, lambda body: body[:100], lambda body: b""])
def test_a_damaged_cache_is_named_and_made_anew(small_faces, capsys, damage):
    path, made = small_faces
    whole = fingerprint_of(*standins.read("toy-faces"))
    path.write_bytes(damage(path.read_bytes()))
    assert fingerprint_of(*standins.read("toy-faces")) == whole
    assert capsys.readouterr().err == f"{path} is damaged; making toy-faces anew\n"
    standins.read("toy-faces")
    assert len(made) == 2


def test_pixels_other_than_the_published_ones_are_not_kept(small_faces, monkeypatch):
    path, _ = small_faces
    monkeypatch.setattr(standins, "FACES", (2, 3))
    standins.read("toy-faces")
    assert not path.exists()


@pytest.mark.parametrize("call, error, words", [
    (lambda: standins.read("toy-face"), ValueError, "did you mean 'toy-faces'"),
    (lambda: drawing.render(0, 0), ValueError, "are 0 and 64"),
    (lambda: drawing.render(1, 0, size=8), ValueError, "are 1 and 8"),
    (lambda: standins.colour_digits(torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.zeros(3), 0), ValueError, "3 of 1"),
])
def test_wrong_use_gets_one_clear_line(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)
