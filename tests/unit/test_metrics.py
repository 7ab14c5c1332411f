"""The measures: by hand, whatever the batch, of images that are read batch by batch, and on one device only."""

from functools import partial

import pytest
import torch
from small_networks import ATTACKS, Line
from torch import nn

from dbp import data
from dbp.attacks import evaluate, zero_gradient_share
from dbp.metrics import accuracy, autoencoder_gradients, jacobian_l1_norm, reconstruction
from dbp.models.autoencoders import build_autoencoder
from dbp.models.classifiers import build_classifier
from dbp.penalties import jacobian_l1


def test_accuracy_by_hand_and_whatever_the_batch():
    x = torch.tensor([[0.9, 0.1], [0.5, 0.45], [0.1, 0.9], [0.6, 0.3]])  # classes 1, 1, 2, 1
    y = torch.tensor([1, 1, 1, 2])
    assert accuracy(Line(), x, y) == accuracy(Line(), x, y, batch_size=3) == 0.5


@pytest.mark.parametrize(("change", "message"), [
    (dict(x=torch.zeros(0, 2), y=torch.zeros(0, dtype=torch.int64)), "x must be .* not empty"),
    (dict(y=torch.zeros(3, dtype=torch.int64)), r"y must have the shape \[2\].* but has \[3\]"),
    (dict(batch_size=0), "batch_size must be at least 1, but is 0"),
])
def test_accuracy_of_nothing_is_an_error(change, message):
    arguments = dict(x=torch.zeros(2, 2), y=torch.zeros(2, dtype=torch.int64)) | change
    with pytest.raises(ValueError, match=message):
        accuracy(Line(), **arguments)


@pytest.mark.parametrize("outputs", ["softmax", "logits"])
def test_the_measured_jacobian_is_the_penalised_one(outputs):
    model = build_classifier("mlp", seed=0)
    x = torch.rand(3, 1, 28, 28, requires_grad=True)
    values = model(x).softmax(1) if outputs == "softmax" else model(x)
    torch.testing.assert_close(jacobian_l1_norm(model, x, outputs=outputs), jacobian_l1(values, x).detach())


def test_jacobian_of_unknown_outputs_is_an_error():
    with pytest.raises(ValueError, match="outputs must be one of softmax, logits, but is 'logit' .did you mean 'logits'"):
        jacobian_l1_norm(build_classifier("mlp", seed=0), torch.rand(1, 1, 28, 28), outputs="logit")


# Images that are read batch by batch.


class Reads:
    """A store that counts how many images it gives at once; only they lie on a device."""

    def __init__(self, images):
        self.images, self.shape, self.seen = images, images.shape, []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        found = self.images[index]
        self.seen.append(len(found))
        return found


@pytest.fixture(scope="module")
def colours():
    """50 small colour images as they are stored, and the same as a tensor."""
    part = data.load("colour-digits").test[:50]
    return part.images, part.images[:], part.labels


MEASURES = {
    "accuracy": lambda x, y, **options: accuracy(build_classifier("cvnet", seed=0), x, y, **options),
    "zero_gradient_share": lambda x, y, **options: zero_gradient_share(build_classifier("cvnet", seed=0), x, y, **options),
    "evaluate": lambda x, y, **options: evaluate(
        build_classifier("cvnet", seed=0), x, y, {"FGSM": partial(ATTACKS["fgsm"], eps=0.1)}, **options).worst.tolist(),
    "reconstruction": lambda x, y, **options: reconstruction(colour_vae(), x, **options),
    "autoencoder_gradients": lambda x, y, **options: {
        name: values.tolist() for name, values in autoencoder_gradients(colour_vae(), x, projections=1, **options).items()},
}


def colour_vae():
    return build_autoencoder("ConvVAE", (3, 32, 32), "gaussian", seed=0)


@pytest.mark.parametrize("name", MEASURES)
def test_a_store_gives_what_a_tensor_gives_and_is_read_in_batches(name, colours):
    store, images, labels = colours
    assert isinstance(store, data.PixelStore)
    expected = MEASURES[name](images, labels, batch_size=20)
    assert MEASURES[name](store, labels, batch_size=20) == expected
    counted = Reads(store)
    assert MEASURES[name](counted, labels, batch_size=20) == expected
    assert counted.seen == [1, 20, 20, 10]  # one to look at


@pytest.mark.parametrize("name", MEASURES)
def test_an_empty_store_or_one_of_another_kind_is_one_line(name, colours):
    store, _, labels = colours
    with pytest.raises(ValueError, match=r"x must be \[B, ...\] and not empty, but has the shape \[0, 3, 32, 32\]"):
        MEASURES[name](store.take(slice(0)), labels[:0])
    with pytest.raises(TypeError, match="x must be a floating-point tensor, but is ndarray"):
        MEASURES[name](store.pixels, labels)
    with pytest.raises(TypeError, match="x must be a floating-point tensor, but is NoneType"):
        MEASURES[name](None, labels)
    with pytest.raises(ValueError, match="batch_size must be at least 1, but is 0"):
        MEASURES[name](store, labels, batch_size=0)


# On one device only.


@pytest.mark.parametrize("name", [*MEASURES, "jacobian_l1_norm"])
def test_nothing_is_moved_to_the_device_of_the_model(name, colours):
    store, images, labels = colours
    measures = MEASURES | {"jacobian_l1_norm": lambda x, y: jacobian_l1_norm(build_classifier("cvnet", seed=0), x)}
    for x in [images.to("meta"), *([store.to("meta")] if name != "jacobian_l1_norm" else [])]:
        with pytest.raises(ValueError, match="x must be on the device of the model, cpu, but is on meta"):
            measures[name](x, labels.to("meta"))


def test_measuring_leaves_batch_statistics_alone():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(784, 10))
    x, y = torch.rand(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64)
    accuracy(model, x, y), jacobian_l1_norm(model, x)
    assert model[0].running_mean.item() == 0 and model[0].num_batches_tracked.item() == 0
