"""Penalties, attacks and measures on a GPU give what they give on a CPU, up to the rounding of float64."""

import pytest
import torch
from small_networks import images, network

from dbp.attacks import pgd
from dbp.metrics import accuracy, autoencoder_gradients, reconstruction
from dbp.models.autoencoders import build_autoencoder
from dbp.penalties import jacobian_frobenius2, jacobian_l1, loss_gradient_l2

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")


def on(device):
    x, y = images()
    return network().double().to(device), x.double().to(device), y.to(device)


@pytest.mark.parametrize("penalty", [
    lambda logits, x: loss_gradient_l2(logits.square().sum(1), x),
    lambda logits, x: jacobian_l1(logits.softmax(1), x),
    lambda logits, x: jacobian_l1(logits, x, "one_row", torch.Generator().manual_seed(1)),
    lambda logits, x: jacobian_frobenius2(logits, x, 2, torch.Generator().manual_seed(1)),
])
def test_penalties_agree(penalty):
    found = []
    for device in ("cpu", "cuda"):
        model, x, _ = on(device)
        x.requires_grad_()
        found.append(penalty(model(x), x).detach().cpu())
    torch.testing.assert_close(*found)


def test_attacks_agree_from_the_same_generator():
    found = []
    for device in ("cpu", "cuda"):
        model, x, y = on(device)
        found.append(pgd(model, x, y, 0.1, steps=3, restarts=2, generator=torch.Generator().manual_seed(1)).cpu())
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("name", ["VAE", "DRAW1", "DRAW16 (attention)"])
def test_measures_of_autoencoders_agree(name):
    x = torch.rand(3, 1, 28, 28, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    found = []
    for device in ("cpu", "cuda"):
        model = build_autoencoder(name, seed=0).double().to(device)
        gradients = autoencoder_gradients(model, x.to(device), projections=2)
        found.append(({name: values.cpu() for name, values in gradients.items()}, reconstruction(model, x.to(device))))
    torch.testing.assert_close(*found)


def test_measures_say_so_where_model_and_images_lie_on_different_devices():
    model, x, y = on("cuda")
    with pytest.raises(ValueError, match="x must be on the device of the model, cuda:0, but is on cpu"):
        accuracy(model, x.cpu(), y.cpu())
