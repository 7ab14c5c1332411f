"""What `data.PixelStore` promises: it is indexed as the tensor of its floats is, and a part of it reads nothing."""

import numpy as np
import pytest
import torch

from dbp import data
from dbp.data.split import as_split

INDICES = [slice(2, 7), slice(None), slice(None, None, 3), torch.tensor([8, 0, 0, 3]), torch.arange(9) % 2 == 0,
           torch.tensor([], dtype=torch.int64)]


@pytest.fixture
def pixels():
    return torch.randint(256, (9, 3, 4, 5), dtype=torch.uint8)


@pytest.mark.parametrize("index", [4, -1, torch.tensor(2), torch.tensor([[1, 2], [3, 4]]), *INDICES], ids=str)
def test_a_store_is_indexed_as_the_tensor_of_its_floats_is(pixels, index):
    store, floats, shuffled = data.PixelStore(pixels), pixels / 255, torch.randperm(9)
    assert torch.equal(store[index], floats[index]) and store[index].dtype == store.dtype == torch.float32
    assert torch.equal(store.take(shuffled)[index], floats[shuffled][index])


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_a_part_of_a_store_is_a_store(pixels, index):
    part, floats = data.PixelStore(pixels).take(index), (pixels / 255)[index]
    assert isinstance(part, data.PixelStore) and len(part) == len(floats) and part.shape == floats.shape
    assert torch.equal(part[:], floats)


def test_every_byte_becomes_the_float_that_a_tensor_would_give():
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    colour = every.expand(1, 3, 16, 16)
    assert torch.equal(as_split(every, torch.zeros(1)).images, every.to(torch.float32) / 255)
    assert torch.equal(as_split(colour, torch.zeros(1)).images[:], colour.to(torch.float32) / 255)


def test_grey_images_become_a_tensor_and_colour_ones_a_store(pixels):
    labels = torch.arange(9, dtype=torch.uint8)
    grey, colour = as_split(pixels[:, :1], labels), as_split(pixels, labels)
    assert isinstance(grey.images, torch.Tensor) and isinstance(colour.images, data.PixelStore)
    assert grey.labels.dtype == colour.labels.dtype == torch.int64


class Unread(np.ndarray):
    """Pixels that nobody may look at."""

    def __getitem__(self, index):
        raise AssertionError(f"read {index}")


def test_parts_of_a_split_read_no_pixel(pixels):
    split = as_split(pixels.numpy().view(Unread), torch.arange(9, dtype=torch.uint8) % 2)
    parts = [split[index] for index in INDICES]
    parts += [data.subset(split, 4), *data.partition(split, (5, 3), seed=0)]
    parts += [data.Split(split.images.to("meta"), split.labels)]
    for part in parts:
        assert isinstance(part.images, data.PixelStore) and len(part.images) == len(part.labels)
    with pytest.raises(AssertionError, match="read"):
        split.images[0]


def test_a_store_ends(pixels):
    store = data.PixelStore(pixels)
    assert len(store) == 9 and sum(1 for _ in store) == 9
    for look in (store.__getitem__, store.take):
        with pytest.raises(IndexError):
            look(torch.tensor([9]))


def test_a_store_splits_into_float_batches(pixels):
    batches = list(data.PixelStore(pixels).split(4))
    assert [len(batch) for batch in batches] == [4, 4, 1] and torch.equal(torch.cat(batches), pixels / 255)


class Elsewhere(torch.Tensor):
    """Positions on another device: what lies on the CPU cannot be indexed with them before they are fetched."""

    fetched = 0

    def cpu(self):
        Elsewhere.fetched += 1
        return self.as_subclass(torch.Tensor)


def test_positions_may_lie_on_another_device(pixels):
    store, index = data.PixelStore(pixels), torch.tensor([3, 1]).as_subclass(Elsewhere)
    assert torch.equal(store[index], pixels[[3, 1]] / 255) and torch.equal(store.take(index)[:], pixels[[3, 1]] / 255)
    assert Elsewhere.fetched == 2


def test_floats_go_to_the_stores_device(pixels):
    store = data.PixelStore(pixels).to("meta")
    for found in (store, store[0], store[:2], store.take(slice(2)), next(store.split(2))):
        assert found.device == torch.device("meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_store_on_a_gpu_gives_the_bits_of_the_cpu(pixels):
    store, index = data.PixelStore(pixels).to("cuda"), torch.tensor([3, 1], device="cuda")
    assert store[index].device.type == "cuda" and torch.equal(store[index].cpu(), data.PixelStore(pixels)[index])
