"""Autoencoders of images: what all of them share, the VAE of P1 Section 2, and a convolutional one for colour images.

P1 leaves its sizes to a supplement that is not to be had. They are taken from the code that it says it adopts
(Gondim-Ribeiro, Tabacof and Valle 2018): 784-512-512-32 with softplus and a mirrored decoder. The convolutional network
and the scale of the Gaussian output are our choice.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Output(NamedTuple):
    """What an autoencoder gives: `logits` like x; the code's distribution, `mu` and `logvar`, each [B, D]."""

    logits: Tensor
    mu: Tensor
    logvar: Tensor


class Bernoulli(nn.Module):
    """Pixels as probabilities: the reconstruction loss is binary cross-entropy, in nats."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """-log p(target | logits), summed over pixels, [B]. Differentiable twice in both, since the loss may use x twice."""
        return (F.softplus(logits) - target * logits).flatten(1).sum(1)

    def image(self, logits: Tensor) -> Tensor:
        """The mean of the distribution: an image in [0, 1]."""
        return logits.sigmoid()


class Gaussian(nn.Module):
    """Pixels with normal noise around a mean in [0, 1], for colour images.

    Args:
        scale: standard deviation of a pixel, in units of the pixel range.
        learned: whether training changes the scale, one for all pixels.
    """

    def __init__(self, scale: float = 0.1, learned: bool = False) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"scale must be above 0, but is {scale!r}")
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learned)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """-log p(target | logits), summed over pixels, [B]; negative where the density exceeds 1."""
        error = (target - logits.sigmoid()) / self.log_scale.exp()
        return (error.square() / 2 + self.log_scale + math.log(2 * math.pi) / 2).flatten(1).sum(1)

    def image(self, logits: Tensor) -> Tensor:
        """The mean of the distribution: an image in [0, 1]."""
        return logits.sigmoid()


LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}


class Autoencoder(nn.Module):
    """The protocol of all autoencoders here; a subclass gives `forward`.

    `forward(x, noise=None)` takes images in [0, 1], [B, channels, height, width], and noise from a standard normal,
    [B, D], which makes the sample of the code; without noise the code is its mean, and the result is deterministic.

    Args:
        latents: D, the size of the code.
        likelihood: (logits, target) to the reconstruction loss in nats, [B]; its `image` turns logits into pixels.
    """

    def __init__(self, latents: int, likelihood: nn.Module) -> None:
        super().__init__()
        self.latents, self.likelihood = latents, likelihood

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the code, each [B, D]."""
        _, mu, logvar = self(x)
        return mu, logvar

    def reconstruct(self, x: Tensor) -> Tensor:
        """The image in [0, 1] that the mean code stands for, like x."""
        return self.likelihood.image(self(x).logits)

    def check_noise(self, x: Tensor, noise: Tensor | None) -> None:
        """Raise ValueError unless the noise is None or [B, D]."""
        if noise is not None and noise.shape != (len(x), self.latents):
            raise ValueError(f"noise must be [{len(x)}, {self.latents}], but has the shape {list(noise.shape)}")


class VAE(Autoencoder):
    """A variational autoencoder (Kingma and Welling 2014; P1 Eq. (3)-(4)) of any encoder and decoder.

    Args:
        encoder: images to mean and log variance side by side, [B, 2 D].
        decoder: codes, [B, D], to logits like the images.
        latents, likelihood: as of `Autoencoder`.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latents: int, likelihood: nn.Module) -> None:
        super().__init__(latents, likelihood)
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        self.check_noise(x, noise)
        mu, logvar = self.encode(x)
        return Output(self.decode(sample(mu, logvar, noise)), mu, logvar)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Codes, [B, D], to logits."""
        return self.decoder(z)


def sample(mu: Tensor, logvar: Tensor, noise: Tensor | None) -> Tensor:
    """z = mu + sigma * noise, the reparameterisation, with logvar = log sigma^2; mu where there is no noise."""
    return mu if noise is None else mu + (logvar / 2).exp() * noise


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) in nats, with logvar = log sigma^2, summed over the latents, [B].

    P1 Eq. (7) for DRAW prints the same with T / 2 to be taken off, where 1/2 for each latent of each step is meant.
    """
    return (mu.square() + logvar.exp() - logvar - 1).sum(1) / 2


def dense_vae(
    shape: tuple[int, int, int] = (1, 28, 28), latents: int = 32, hidden: int = 512, likelihood: nn.Module | None = None
) -> VAE:
    """P1's VAE: two layers of softplus units each way.

    Args:
        shape: channels, height, width of an image.
        latents: size of the code.
        hidden: units of each hidden layer.
        likelihood: by default `Bernoulli`.
    """
    pixels = math.prod(shape)
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, hidden), nn.Softplus(), nn.Linear(hidden, hidden), nn.Softplus(),
        nn.Linear(hidden, 2 * latents),
    )
    decoder = nn.Sequential(
        nn.Linear(latents, hidden), nn.Softplus(), nn.Linear(hidden, hidden), nn.Softplus(), nn.Linear(hidden, pixels),
        nn.Unflatten(1, shape),
    )
    return VAE(encoder, decoder, latents, likelihood or Bernoulli())


def conv_vae(
    shape: tuple[int, int, int] = (3, 64, 64), latents: int = 64, width: int = 24, likelihood: nn.Module | None = None
) -> VAE:
    """A convolutional VAE for colour images: halved by each convolution to 4 x 4, and back. The sizes are ours.

    Args:
        shape: channels, height, width of an image, 32 x 32 or 64 x 64.
        latents: size of the code.
        width: filters of the first convolution; each later one has twice as many.
        likelihood: by default `Gaussian`.

    Raises:
        ValueError: another size of image.
    """
    channels, size = shape[0], shape[1]
    if shape[1:] not in ((32, 32), (64, 64)):
        raise ValueError(f"shape must be [channels, 32, 32] or [channels, 64, 64], but is {list(shape)}")
    widths = [width * 2**step for step in range(size.bit_length() - 3)]  # 32 and 64 pixels take 3 and 4 halvings
    down, up = [], []
    for before, after in zip([channels, *widths], widths, strict=False):
        down += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.SiLU()]
        up = [nn.SiLU(), nn.ConvTranspose2d(after, before, 4, stride=2, padding=1), *up]
    flat = widths[-1] * 16
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, 2 * latents))
    decoder = nn.Sequential(nn.Linear(latents, flat), nn.Unflatten(1, (widths[-1], 4, 4)), *up)
    return VAE(encoder, decoder, latents, likelihood or Gaussian())
