"""Autoencoders: losses by hand, what all of them have in common, and gradients of both orders against differences."""

import math

import pytest
import torch
from small_networks import generator, random, tiny_draw, tiny_vae
from torch import nn
from torch.nn import functional as F

from dbp.metrics import autoencoder_gradients, reconstruction
from dbp.models.autoencoders import AUTOENCODERS, build_autoencoder
from dbp.models.draw import DRAW
from dbp.models.vae import Bernoulli, Gaussian, Output, conv_vae, kl_divergence
from dbp.training import AutoencoderTraining, autoencoder_terms

# --- losses by hand -------------------------------------------------------------------------------------------------


def test_bernoulli_loss_of_two_pixels_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]]).reshape(1, 1, 1, 2)  # probabilities 1/2 and 3/4
    target = torch.tensor([[1.0, 0.0]]).reshape(1, 1, 1, 2)
    assert Bernoulli()(logits, target).tolist() == pytest.approx([math.log(2) + math.log(4)])


def test_bernoulli_loss_is_torchs_also_for_large_logits():
    logits, target = torch.tensor([-80.0, -3.0, 0.5, 90.0]).reshape(1, 1, 2, 2), random(1, 1, 2, 2).float()
    expected = F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    assert Bernoulli()(logits, target).item() == pytest.approx(expected.item())


def test_gaussian_loss_of_two_pixels_by_hand():
    logits = torch.tensor([0.0, math.log(3)]).reshape(1, 1, 1, 2)  # means 1/2 and 3/4
    target = torch.tensor([0.7, 0.75]).reshape(1, 1, 1, 2)
    expected = (0.2 / 0.1) ** 2 / 2 + 2 * math.log(0.1) + math.log(2 * math.pi)
    assert Gaussian(0.1)(logits, target).item() == pytest.approx(expected, rel=1e-5)


def test_gaussian_scale_is_learned_only_if_asked():
    for learned in (False, True):
        likelihood = Gaussian(0.3, learned)
        loss = likelihood(torch.zeros(1, 1, 2, 2, requires_grad=True), torch.ones(1, 1, 2, 2)).sum()
        loss.backward()
        assert (likelihood.log_scale.grad is not None) == learned


def test_kl_divergence_by_hand():
    mu, logvar = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, math.log(4)], [0.0, 0.0]])
    assert kl_divergence(mu, logvar).tolist() == pytest.approx([0.5 + (4 - math.log(4) - 1) / 2, 2.0])


def test_reconstruction_is_per_pixel_value_and_of_the_mean_code():
    class Constant(nn.Module):
        likelihood = Bernoulli()

        def forward(self, x, noise=None):
            return Output(torch.zeros_like(x), torch.ones(len(x), 3), torch.zeros(len(x), 3))

    x = random(5, 3, 4, 4).float()
    found = reconstruction(Constant(), x, batch_size=2)
    assert found["reconstruction"] == pytest.approx(math.log(2), rel=1e-6)
    assert found["squared_error"] == pytest.approx(float((x - 0.5).square().mean()), rel=1e-5)
    assert found["kl"] == pytest.approx(1.5)


# --- the protocol ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_protocol(name):
    shape, likelihood = ((3, 32, 32), "gaussian") if name == "ConvVAE" else ((1, 28, 28), "bernoulli")
    model, again = (build_autoencoder(name, shape, likelihood, seed=3) for _ in range(2))
    x = torch.rand(2, *shape, generator=generator())
    noise = torch.randn(2, model.latents, generator=generator())
    out = model(x, noise)
    assert out.logits.shape == x.shape and out.mu.shape == out.logvar.shape == (2, model.latents)
    assert torch.equal(out.logits, again(x, noise).logits)
    assert not torch.allclose(out.logits, model(x).logits)
    torch.testing.assert_close(model.encode(x)[0], model(x).mu)
    torch.testing.assert_close(model.likelihood.image(model.decode(model(x).mu)), model.reconstruct(x))
    assert 0 <= model.reconstruct(x).min() and model.reconstruct(x).max() <= 1
    with pytest.raises(ValueError, match=rf"noise must be \[2, {model.latents}\], but has the shape \[2, 1\]"):
        model(x, noise[:, :1])


def test_sizes_are_those_of_the_code_that_the_paper_adopts():
    sizes = {name: sum(p.numel() for p in build_autoencoder(name, seed=0).parameters()) for name in ("VAE", "DRAW1")}
    vae = 784 * 512 + 512 + 512 * 512 + 512 + 512 * 64 + 64 + 32 * 512 + 512 + 512 * 512 + 512 + 512 * 784 + 784
    draw = (2 * 784 + 256) * 1024 + 1024 + 2 * 256 * 1024 + 256 * 64 + 64 + 32 * 1024 + 1024 + 256 * 784 + 784
    assert sizes == {"VAE": vae, "DRAW1": draw}
    assert build_autoencoder("DRAW16 (attention)", seed=0).latents == 512


def test_building_leaves_torchs_random_state():
    before = torch.get_rng_state()
    build_autoencoder("VAE", seed=1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("call", "message"), [
    (lambda: build_autoencoder("DRAW8", seed=0), "no autoencoder named 'DRAW8'; there are VAE, .* .did you mean 'DRAW1'"),
    (lambda: build_autoencoder("VAE", likelihood="poisson", seed=0), "no likelihood named 'poisson'; there are bernoulli"),
    (lambda: conv_vae((3, 28, 28)), r"shape must be .* but is \[3, 28, 28\]"),
    (lambda: Gaussian(0.0), "scale must be above 0, but is 0.0"),
    (lambda: DRAW((1, 28, 20), window=5), r"shape must be that of square images .* but is \[1, 28, 20\]"),
    (lambda: DRAW((1, 28, 28), window=29), "window must lie between 2 and 28, the side of the images, but is 29"),
])  # fmt: skip
def test_wrong_calls_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- gradients of both orders ---------------------------------------------------------------------------------------

MODELS = {"VAE": tiny_vae, "DRAW": lambda: tiny_draw(window=None), "DRAW (attention)": tiny_draw,
          "ConvVAE": lambda: build_autoencoder("ConvVAE", (1, 32, 32), "gaussian", seed=0).double()}


def penalty_of(model, x, target, reduction="sum"):
    settings = AutoencoderTraining(1, lam2=1.0, target=target, reduction=reduction)
    return autoencoder_terms(model, x, settings, generator(1))["penalty"]


def loss_of(model, seen, target):
    noise = torch.randn(len(seen), model.latents, generator=generator(1)).to(seen)
    return model.likelihood(model(seen, noise).logits, target)


@pytest.mark.parametrize("target", ["attached", "detached"])
@pytest.mark.parametrize("name", ["VAE", "DRAW (attention)"])
def test_penalty_equals_finite_differences_of_the_loss(name, target):
    """Central differences of L(x), pixel by pixel; detached, the target stays where it is."""
    model = MODELS[name]()
    x = random(2, *((1, 3, 3) if name == "VAE" else (1, 6, 6)))
    h, slopes = 1e-5, torch.zeros_like(x).flatten(1)
    for pixel in range(slopes.shape[1]):
        step = torch.zeros_like(x)
        step.flatten(1)[:, pixel] = h
        ahead, behind = (loss_of(model, x + s, x + s if target == "attached" else x) for s in (step, -step))
        slopes[:, pixel] = ((ahead - behind) / (2 * h)).detach()
    torch.testing.assert_close(penalty_of(model, x, target), slopes.square().sum(1), rtol=1e-6, atol=1e-8)
    assert not torch.allclose(penalty_of(model, x, "attached"), penalty_of(model, x, "detached"))


@pytest.mark.parametrize("target", ["attached", "detached"])
@pytest.mark.parametrize("name", MODELS)
def test_penalty_has_the_right_gradient_in_every_parameter(name, target):
    """Central differences of the penalty along one random direction of every parameter that it can depend on."""
    model = MODELS[name]()
    shape = {"VAE": (1, 3, 3), "ConvVAE": (1, 32, 32)}.get(name, (1, 6, 6))
    x = random(2, *shape)
    parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(penalty_of(model, x, target).sum(), list(parameters.values()), allow_unused=True)
    reached = 0
    for (where, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        direction = torch.randn(parameter.shape, generator=generator(2), dtype=torch.float64)
        h, ends = 1e-6, []
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * h * direction
            ends.append(float(penalty_of(model, x, target).sum().detach()))
            with torch.no_grad():
                parameter -= sign * h * direction
        slope = (ends[0] - ends[1]) / (2 * h)
        found = 0.0 if gradient is None else float((gradient * direction).sum())
        assert found == pytest.approx(slope, rel=2e-4, abs=2e-5), where
        reached += found != 0
    assert reached >= len(parameters) - 3  # of the log variance alone, nothing reaches the mean


def test_the_mean_divides_the_loss_before_it_is_squared():
    model, x = tiny_vae(), random(2, 1, 3, 3)
    torch.testing.assert_close(penalty_of(model, x, "attached", "mean") * 81, penalty_of(model, x, "attached"))


def test_gradients_are_measured_as_they_are_defined():
    model, x = tiny_vae(), random(3, 1, 3, 3)
    found = autoencoder_gradients(model, x, projections=400, batch_size=2)
    for b in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda v: model.reconstruct(v).flatten(), x[b : b + 1])
        assert found["jacobian"][b].item() == pytest.approx(jacobian.norm().item(), rel=0.1)
        logits = model(x[b : b + 1]).logits.detach()
        of_code = torch.autograd.functional.jacobian(lambda v: model(v).logits.flatten(), x[b : b + 1]).reshape(9, 9)
        through = (logits.sigmoid() - x[b : b + 1]).flatten() @ of_code
        assert found["encoder_path"][b].item() == pytest.approx(through.norm().item())
        assert found["whole"][b].item() == pytest.approx((through - logits.flatten()).norm().item())


def test_measuring_needs_no_graph_and_leaves_no_gradients():
    model = tiny_draw()
    found = autoencoder_gradients(model, random(2, 1, 6, 6))
    assert not any(values.requires_grad for values in found.values())
    assert all(p.grad is None for p in model.parameters())
