"""VAE and DRAW: hand-computed losses, the window's geometry, and gradients of both orders against finite differences."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dbp.metrics import autoencoder_gradients, reconstruction
from dbp.models.autoencoders import AUTOENCODERS, build_autoencoder
from dbp.models.draw import DRAW, Attention
from dbp.models.vae import VAE, Bernoulli, Gaussian, Output, conv_vae, dense_vae, kl_divergence
from dbp.training import AutoencoderTraining, autoencoder_terms


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


def tiny_vae():
    torch.manual_seed(0)
    return dense_vae((1, 3, 3), latents=2, hidden=5).double()


def tiny_draw(window=3, steps=3, channels=1):
    torch.manual_seed(0)
    return DRAW((channels, 6, 6), steps=steps, size=4, per_step=2, window=window).double()


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
    (lambda: build_autoencoder("DRAW8", seed=0), "no autoencoder named 'DRAW8'"),
    (lambda: build_autoencoder("VAE", likelihood="poisson", seed=0), "no likelihood named 'poisson'"),
    (lambda: conv_vae((3, 28, 28)), r"shape must be .* but is \[3, 28, 28\]"),
    (lambda: Gaussian(0.0), "scale must be above 0, but is 0.0"),
    (lambda: DRAW((1, 28, 20), window=5), "attention needs square images"),
])  # fmt: skip
def test_wrong_calls_are_named(call, message):
    with pytest.raises((KeyError, ValueError), match=message):
        call()


# --- DRAW -----------------------------------------------------------------------------------------------------------


def window_of(parameters, pixels=28, window=12):
    return Attention((1, pixels, pixels), 4, window).double().filters(parameters)


def test_filter_rows_sum_to_one_also_far_outside_of_the_image():
    parameters = 5 * torch.randn(50, 5, generator=generator(), dtype=torch.float64)
    rows, columns, _, _ = window_of(parameters)
    for bank in (rows, columns):
        torch.testing.assert_close(bank.sum(2), torch.ones(50, 12, dtype=torch.float64))


def test_identity_window_returns_the_image():
    """Centred, stride 1, as many filters as pixels and a narrow Gaussian: Gregor et al., Eq. (19)-(26)."""
    x = random(2, 3, 10, 10)
    eye = Attention((3, 10, 10), 4, 10).double()
    nn.init.zeros_(eye.place["read"].weight)
    eye.place["read"].bias.data = torch.tensor([0.0, 0.0, -8.0, 0.0, 0.0]).double()
    eye.inputs = nn.Identity()
    glimpse, window = eye.read(x, torch.zeros_like(x), torch.zeros(2, 4).double())
    torch.testing.assert_close(glimpse[:, :300].reshape(2, 3, 10, 10), x)
    torch.testing.assert_close(glimpse[:, 300:600].reshape(2, 3, 10, 10), x)  # nothing is painted: the error is x itself
    assert window.side.tolist() == pytest.approx([9, 9]) and window.x.tolist() == pytest.approx([4.5, 4.5])


def test_identity_window_writes_what_is_painted():
    eye = Attention((2, 8, 8), 4, 8).double()
    nn.init.zeros_(eye.place["write"].weight)
    eye.place["write"].bias.data = torch.tensor([0.0, 0.0, -8.0, 0.0, math.log(2)]).double()
    h = random(3, 4)
    added, _ = eye.write(h)
    torch.testing.assert_close(added, eye.paint(h).reshape(3, 2, 8, 8) / 2)  # Eq. (29) divides by the intensity


def test_window_moves_right_and_down_with_its_parameters():
    _, _, _, window = window_of(torch.tensor([[0.5, -0.5, 0, math.log(0.5), 0]]).double())
    assert window.x.item() == pytest.approx(29 / 2 * 1.5 - 1) and window.y.item() == pytest.approx(29 / 2 * 0.5 - 1)
    assert window.side.item() == pytest.approx(27 / 2)
    rows, columns, _, _ = window_of(torch.tensor([[0.5, -0.5, -3, math.log(0.1), 0]]).double())
    place = torch.arange(28).double()
    assert (columns.mean(1) @ place).item() > 18 > 10 > (rows.mean(1) @ place).item()


def test_glimpse_of_every_channel_is_that_channel_alone():
    eye = Attention((3, 6, 6), 4, 3).double()
    eye.inputs = nn.Identity()
    x, h = random(2, 3, 6, 6), random(2, 4)
    rows, columns, log_intensity, _ = eye.filters(eye.place["read"](h))
    expected = torch.einsum("bnh,bchw,bmw->bcnm", rows, x, columns) * log_intensity.exp()[:, :, None, None]
    glimpse, _ = eye.read(x, torch.zeros_like(x), h)
    torch.testing.assert_close(glimpse[:, : 3 * 9].reshape(2, 3, 3, 3), expected)


def transcribed(model, x, noise):
    """P1 Eq. (5)-(6) as printed: in each step all inputs of the encoder are put side by side."""
    canvas, h_enc, c_enc, h_dec, c_dec = torch.zeros_like(x), *(x.new_zeros(len(x), model.size) for _ in range(4))
    mus = []

    def lstm(inputs, cell, h, c):
        i, f, o, g = (inputs + cell.recurrent(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    for step_noise in noise.chunk(model.steps, 1):
        error = x - torch.sigmoid(canvas)
        read = torch.cat([x.flatten(1), error.flatten(1)], 1)
        h_enc, c_enc = lstm(model.eye.inputs(torch.cat([read, h_dec], 1)), model.encoder, h_enc, c_enc)
        mu, log_sigma = model.code(h_enc).chunk(2, 1)
        z = mu + torch.exp(log_sigma) * step_noise
        h_dec, c_dec = lstm(model.inputs(z), model.decoder, h_dec, c_dec)
        canvas = canvas + model.eye.paint(h_dec).reshape(x.shape)
        mus.append(mu)
    return canvas, torch.cat(mus, 1)


def test_draw_without_attention_equals_the_direct_transcription():
    model, x, noise = tiny_draw(window=None), random(2, 1, 6, 6), torch.randn(2, 6, generator=generator()).double()
    out, (canvas, mu) = model(x, noise), transcribed(model, x, noise)
    torch.testing.assert_close(out.logits, canvas)
    torch.testing.assert_close(out.mu, mu)


class OneStep(nn.Module):
    """DRAW's own weights as a plain feed-forward encoder or decoder."""

    def __init__(self, draw, decoder):
        super().__init__()
        self.draw, self.decoder = draw, decoder

    def forward(self, inputs):
        draw = self.draw
        if not self.decoder:  # the canvas is empty and both states are zero: the error image is x - 1/2
            x = inputs.flatten(1)
            inputs = draw.eye.inputs(torch.cat([x, x - 0.5, x.new_zeros(len(x), draw.size)], 1))
        else:
            inputs = draw.inputs(inputs)
        i, _, o, g = inputs.chunk(4, 1)
        h = o.sigmoid() * (i.sigmoid() * g.tanh()).tanh()
        if self.decoder:
            return draw.eye.paint(h).unflatten(1, draw.shape)
        mu, log_sigma = draw.code(h).chunk(2, 1)
        return torch.cat([mu, 2 * log_sigma], 1)


def test_draw_with_one_step_and_no_attention_is_a_vae_of_the_same_weights():
    draw = tiny_draw(window=None, steps=1)
    vae = VAE(OneStep(draw, False), OneStep(draw, True), 2, Bernoulli())
    x, noise = random(3, 1, 6, 6), torch.randn(3, 2, generator=generator()).double()
    for ours, theirs in zip(draw(x, noise), vae(x, noise), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_steps_paint_one_canvas_with_fresh_noise_each():
    model, x = tiny_draw(), random(2, 1, 6, 6)
    noise = torch.zeros(2, 6).double()
    noise[:, 2:4] = 1  # the second step's
    steps, quiet = list(model.paint(x, noise)), list(model.paint(x))
    torch.testing.assert_close(steps[0].canvas, quiet[0].canvas)
    assert not torch.allclose(steps[1].canvas, quiet[1].canvas)
    torch.testing.assert_close(steps[-1].canvas, model(x, noise).logits)
    torch.testing.assert_close(torch.cat([step.mu for step in steps], 1), model(x, noise).mu)


# --- gradients of both orders ---------------------------------------------------------------------------------------

MODELS = {"VAE": tiny_vae, "DRAW": lambda: tiny_draw(window=None), "DRAW (attention)": tiny_draw,
          "ConvVAE": lambda: build_autoencoder("ConvVAE", (1, 32, 32), "gaussian", seed=0).double()}


def penalty_of(model, x, target, unit="sum"):
    settings = AutoencoderTraining(1, lam2=1.0, target=target, unit=unit)
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


def test_unit_mean_divides_the_loss_before_it_is_squared():
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
