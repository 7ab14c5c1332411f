"""The autoencoders of P1 Table 1 by name. See `dbp.models.vae.Autoencoder` for what they have in common."""

import torch

from dbp.models.draw import DRAW
from dbp.models.vae import LIKELIHOODS, Autoencoder, conv_vae, dense_vae
from dbp.spelling import require_name

WINDOW = 12


def draw1(shape: tuple[int, int, int], likelihood: torch.nn.Module) -> DRAW:
    """P1's DRAW1 for images of a `shape` under a `likelihood`: one step, without attention."""
    return DRAW(shape, steps=1, likelihood=likelihood)


def draw16(shape: tuple[int, int, int], likelihood: torch.nn.Module) -> DRAW:
    """P1's DRAW16 for images of a `shape` under a `likelihood`: 16 steps, without attention."""
    return DRAW(shape, steps=16, likelihood=likelihood)


def draw16_attention(shape: tuple[int, int, int], likelihood: torch.nn.Module) -> DRAW:
    """P1's DRAW16 (attention) for images of a `shape` under a `likelihood`: 16 steps, windows of 12 x 12."""
    return DRAW(shape, steps=16, window=WINDOW, likelihood=likelihood)


AUTOENCODERS = {
    "VAE": dense_vae, "ConvVAE": conv_vae, "DRAW1": draw1, "DRAW16": draw16, "DRAW16 (attention)": draw16_attention,
}


def build_autoencoder(
    name: str, shape: tuple[int, int, int] = (1, 28, 28), likelihood: str = "bernoulli", *, seed: int
) -> Autoencoder:
    """A freshly initialised autoencoder: the same seed gives the same weights, and torch's own random state stays.

    Args:
        name: one of `AUTOENCODERS`.
        shape: channels, height, width of an image.
        likelihood: "bernoulli", or "gaussian" with a fixed scale of 0.1.
        seed: of the weights.

    Raises:
        ValueError: no autoencoder or likelihood of that name; the message gives the nearest.
    """
    require_name(name, AUTOENCODERS, "autoencoder")
    require_name(likelihood, LIKELIHOODS, "likelihood")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AUTOENCODERS[name](shape=shape, likelihood=LIKELIHOODS[likelihood]())
