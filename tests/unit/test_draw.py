"""DRAW: the window's geometry, the equations as printed, and the networks that were committed."""

import math
from pathlib import Path

import pytest
import torch
from small_networks import generator, random, tiny_draw
from torch import nn

from dbp.files import read_tensors
from dbp.models.autoencoders import build_autoencoder
from dbp.models.draw import Attention
from dbp.models.vae import VAE, Bernoulli


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
    attention = Attention((3, 10, 10), 4, 10).double()
    nn.init.zeros_(attention.place["read"].weight)
    attention.place["read"].bias.data = torch.tensor([0.0, 0.0, -8.0, 0.0, 0.0]).double()
    attention.inputs = nn.Identity()
    glimpse, window = attention.read(x, torch.zeros_like(x), torch.zeros(2, 4).double())
    torch.testing.assert_close(glimpse[:, :300].reshape(2, 3, 10, 10), x)
    torch.testing.assert_close(glimpse[:, 300:600].reshape(2, 3, 10, 10), x)  # nothing is painted: the error is x itself
    assert window.side.tolist() == pytest.approx([9, 9]) and window.x.tolist() == pytest.approx([4.5, 4.5])


def test_identity_window_writes_what_is_painted():
    attention = Attention((2, 8, 8), 4, 8).double()
    nn.init.zeros_(attention.place["write"].weight)
    attention.place["write"].bias.data = torch.tensor([0.0, 0.0, -8.0, 0.0, math.log(2)]).double()
    h = random(3, 4)
    added, _ = attention.write(h)
    torch.testing.assert_close(added, attention.paint(h).reshape(3, 2, 8, 8) / 2)  # Eq. (29) divides by the intensity


def test_window_moves_right_and_down_with_its_parameters():
    _, _, _, window = window_of(torch.tensor([[0.5, -0.5, 0, math.log(0.5), 0]]).double())
    assert window.x.item() == pytest.approx(29 / 2 * 1.5 - 1) and window.y.item() == pytest.approx(29 / 2 * 0.5 - 1)
    assert window.side.item() == pytest.approx(27 / 2)
    rows, columns, _, _ = window_of(torch.tensor([[0.5, -0.5, -3, math.log(0.1), 0]]).double())
    place = torch.arange(28).double()
    assert (columns.mean(1) @ place).item() > 18 > 10 > (rows.mean(1) @ place).item()


def test_glimpse_of_every_channel_is_that_channel_alone():
    attention = Attention((3, 6, 6), 4, 3).double()
    attention.inputs = nn.Identity()
    x, h = random(2, 3, 6, 6), random(2, 4)
    rows, columns, log_intensity, _ = attention.filters(attention.place["read"](h))
    expected = torch.einsum("bnh,bchw,bmw->bcnm", rows, x, columns) * log_intensity.exp()[:, :, None, None]
    glimpse, _ = attention.read(x, torch.zeros_like(x), h)
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
        h_enc, c_enc = lstm(model.attention.inputs(torch.cat([read, h_dec], 1)), model.encoder, h_enc, c_enc)
        mu, log_sigma = model.code(h_enc).chunk(2, 1)
        z = mu + torch.exp(log_sigma) * step_noise
        h_dec, c_dec = lstm(model.inputs(z), model.decoder, h_dec, c_dec)
        canvas = canvas + model.attention.paint(h_dec).reshape(x.shape)
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
            inputs = draw.attention.inputs(torch.cat([x, x - 0.5, x.new_zeros(len(x), draw.size)], 1))
        else:
            inputs = draw.inputs(inputs)
        i, _, o, g = inputs.chunk(4, 1)
        h = o.sigmoid() * (i.sigmoid() * g.tanh()).tanh()
        if self.decoder:
            return draw.attention.paint(h).unflatten(1, draw.shape)
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


def test_committed_networks_load():
    files = sorted((Path(__file__).parents[2] / "weights" / "dbp_autoencoders").glob("*.safetensors"))
    networks = [tensors for tensors, _ in map(read_tensors, files) if "attention.inputs.weight" in tensors]
    assert networks
    for tensors in networks:
        model = build_autoencoder("DRAW16 (attention)", seed=0)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
