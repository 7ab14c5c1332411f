"""What a training step costs, in products of matrices: the same number on every machine, however busy it is."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from dbp.models.autoencoders import build_autoencoder
from dbp.models.draw import DRAW, FullImage
from dbp.training import AutoencoderTraining, autoencoder_terms
from dbp.training.loop import one_pass

BATCH = 2


class Transcribed(FullImage):
    """P1 Eq. (5) as printed, with x and the error image put side by side in every step."""

    def prepare(self, x):
        return x.flatten(1)

    def read(self, x, painted, h):
        return self.inputs(torch.cat([x, x - painted.flatten(1), h], 1)), None


def multiplications(model, lam2, target="attached"):
    """Multiplications of numbers in the products of matrices of one step, for each image."""
    settings = AutoencoderTraining(1, lam2=lam2, target=target)
    x, generator = torch.rand(BATCH, 1, 28, 28), torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    with profile(activities=[ProfilerActivity.CPU], with_flops=True, record_shapes=True) as profiled:
        one_pass(model, optimizer, BATCH, BATCH, generator, 1,
                 lambda batch: autoencoder_terms(model, x[batch], settings, generator))
    products = {"aten::mm", "aten::addmm", "aten::bmm"}
    operations = sum(event.flops for event in profiled.key_averages() if event.key in products)
    return operations / 2 / BATCH  # a multiplication and an addition each


@pytest.mark.parametrize("target", ["attached", "detached"])
def test_a_step_of_a_vae_takes_no_product_that_double_backpropagation_does_not_need(target):
    layers = ((784, 512), (512, 512), (512, 64), (32, 512), (512, 512), (512, 784))
    forwards, first = sum(rows * columns for rows, columns in layers), 784 * 512
    # Forwards, for the weights' gradient, for the input's; nobody needs the last of these at the image.
    assert multiplications(build_autoencoder("VAE", seed=0), 0.0) == 3 * forwards - first
    # Once more backwards to the image, and two products a layer to differentiate that.
    assert multiplications(build_autoencoder("VAE", seed=0), 0.01, target) == 6 * forwards - first


@pytest.mark.parametrize(("window", "most"), [(None, 2.0), (12, 2.05)])
def test_double_backpropagation_about_doubles_what_draw_multiplies(window, most):
    plain, penalised = (multiplications(DRAW(steps=4, window=window), lam2) for lam2 in (0.0, 0.01))
    assert 1.7 * plain < penalised < most * plain


@pytest.mark.parametrize("lam2", [0.0, 0.01])
def test_draw_multiplies_a_quarter_less_than_the_equations_as_printed(lam2):
    model = build_autoencoder("DRAW16", seed=0)
    ours = multiplications(model, lam2)
    model.attention.__class__ = Transcribed
    assert ours < 0.75 * multiplications(model, lam2)
