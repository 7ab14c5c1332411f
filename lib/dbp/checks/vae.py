"""Did I get it right? The exercises of chapter "What is a code?"."""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dbp.checks.comparing import near, row, tensor
from dbp.data import load
from dbp.models.vae import VAE, Bernoulli, kl_divergence

__all__ = ["choose_price", "latents_in_use", "negative_elbo", "steepest_direction"]


def negative_elbo(student: Callable[[VAE, Tensor, Tensor], Tensor]) -> str:
    """Exercise "Write the loss": `student(vae, x, noise)` is minus the bound of P1 Eq. (4) with one draw, [B].

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    vae = VAE(nn.Sequential(nn.Flatten(), nn.Linear(2, 4, bias=False)),
              nn.Sequential(nn.Linear(2, 2, bias=False), nn.Unflatten(1, (1, 1, 2))), 2, Bernoulli())
    vae.encoder[1].weight.data = torch.tensor([[1.0, -1.0], [2.0, 0.5], [-1.0, 0.4], [0.6, -2.0]])
    vae.decoder[0].weight.data = torch.tensor([[1.0, -0.5], [2.0, 1.0]])
    x, noise = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(2, 1, 1, 2), torch.tensor([[1.0, -1.0], [0.5, 2.0]])
    mu, logvar = vae.encode(x)

    def loss(z: Tensor) -> Tensor:
        return vae.likelihood(vae.decode(z), x)

    z = mu + (logvar / 2).exp() * noise
    each = mu.square() + logvar.exp() - logvar - 1
    kl = each.sum(1) / 2
    found = tensor(student(vae, x, noise), (2,))
    expected = loss(z) + kl
    slips = {
        "half of logvar is the logarithm of sigma; exp(logvar) is the variance": loss(mu + logvar.exp() * noise) + kl,
        "the noise was left out, so this is the mean code's": loss(mu) + kl,
        "the KL was taken off, and a wider price is not a gain: add it": loss(z) - kl,
        "the KL is missing": loss(z),
        "the KL lacks its factor of one half": loss(z) + 2 * kl,
        "the KL is added over the latents, not averaged": loss(z) + each.mean(1) / 2,
        "this is the bound itself; the loss is minus it": -expected,
        "the reconstruction loss is added over the pixels, not averaged": loss(z) / 2 + kl,
    }
    for slip, wrong in slips.items():
        if near(found, wrong):
            raise AssertionError(f"found {row(found)}, expected {row(expected)}: {slip}")
    if not near(found, expected):
        raise AssertionError(f"found {row(found)}, expected {row(expected)} = reconstruction {row(loss(z))} + KL {row(kl)}")
    if not found.requires_grad or not near(*(torch.autograd.grad(value.sum(), vae.encoder[1].weight)[0]
                                             for value in (found, expected))):  # fmt: skip
        raise AssertionError("the value is right, but the encoder cannot learn from it: was mu or sigma detached?")
    return "Right: reconstruction plus KL in nats, one value an image, and the draw can be differentiated."


def latents_in_use(student: Callable[[Tensor, Tensor, float], list[int]]) -> str:
    """Exercise "Which latents are in use?": `student(mu, logvar, least)` lists them, most informative first.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    mu = torch.tensor([[0.0, 1.0, 0.0, 3.0, 0.5], [0.0, -1.0, 0.0, -3.0, 0.5]])
    logvar = torch.tensor([[0.0, 0.0, -6.0, 0.0, 0.0], [0.0, 0.0, -6.0, 0.0, 0.0]])  # KL 0, 0.5, 2.5, 4.5, 0.125
    found, expected = [int(latent) for latent in student(mu, logvar, 0.2)], [3, 2, 1]
    slips = [([2, 3, 1], "sorted by something else than the KL"), ([1, 2, 3], "the most informative comes first"),
             ([3, 1], "latent 2 speaks through its width: sigma is 0.05 there, and not 1"),
             ([2], "positive and negative means cancel: square them first"),
             ([3, 2, 1, 4], "averaged over the batch latent 4 has 0.125 nats; was it added up?"),
             ([1, 2, 3, 4], "every latent but the idle one: compare the mean KL with `least`, and sort")]
    for wrong, slip in slips:
        if found == wrong:
            raise AssertionError(f"found {found}, expected {expected}: {slip}")
    if found != expected:
        raise AssertionError(f"found {found}, expected {expected}: the KL of the five is 0, 0.5, 2.5, 4.5 and 0.125 nats")
    return "Right: what counts is the KL, whether it comes from the mean or from the width."


def steepest_direction(student: Callable[[Callable, Tensor, torch.Generator], Tensor]) -> str:
    """Exercise "The steepest direction": `student(f, x, generator)`, the first right singular vector of df/dx, like x.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    A = torch.tensor([[3.0, 0.0, 0.0, 1.0], [0.0, -2.0, 0.0, 0.0], [0.0, 0.0, 0.1, 0.0]])
    x = torch.tensor([0.5, 0.1, 2.0, 0.0]).reshape(1, 2, 2)  # row 0 is saturated here, so row 1 is the steepest
    found = tensor(student(lambda image: (A @ image.flatten()).tanh(), x, torch.Generator().manual_seed(0)), (1, 2, 2))
    J = (1 - (A @ x.flatten()).tanh().square())[:, None] * A  # of tanh(A x) at x
    stretch, directions = torch.linalg.svd(J)[1:]
    length, reached = float(found.norm()), float((J @ (found.flatten() / found.norm())).norm())
    if not math.isclose(length, 1, rel_tol=1e-4):
        raise AssertionError(f"found a step of length {length:.3f}, expected 1: divide by its length at the end")
    slips = {"this is the steepest direction of A: the slopes at x are others": torch.linalg.svd(A)[2][0],
             "this is the gradient of the sum of the code, where rows can cancel": J.sum(0) / J.sum(0).norm(),
             "the last singular vector is the flattest": directions[2]}
    for slip, wrong in slips.items():
        if abs(float(found.flatten() @ wrong)) > 0.9999:
            raise AssertionError(f"found a step that moves the code by {reached:.3f}, expected {stretch[0]:.3f}: {slip}")
    if reached < 0.999 * float(stretch[0]):
        raise AssertionError(f"found a step that moves the code by {reached:.3f}, expected {stretch[0]:.3f}:"
                             " was J v followed by J^T u, and repeated often enough?")
    return "Right: two products a round, and no Jacobian is ever stored."


def choose_price(student: Callable[[Callable[[float], tuple[int, float]]], float]) -> str:
    """Exercise "A code for a sheet of paper": `student(train)` returns a lambda_1 at which two latents are in use.

    `train(lam1)` trains a small VAE with eight latents on 1,000 digits of 14 x 14 pixels, and gives how many latents have
    a KL of at least 0.05 nats, and the reconstruction loss, in nats an image.

    Raises:
        AssertionError: how many latents are in use at that price, and the likeliest slip.
    """
    tried = []

    def train(lam1: float) -> tuple[int, float]:
        tried.append(float(lam1))
        if len(tried) > 15:
            raise AssertionError("train was called more than 15 times: halve the interval in which the answer lies")
        return small_vae(float(lam1))

    lam1 = float(student(train))
    if lam1 <= 0:
        raise AssertionError(f"lambda_1 = {lam1:g}: a price is above zero")
    used, loss = small_vae(lam1)
    if used == 2:
        if lam1 not in tried:
            raise AssertionError(f"two latents at lambda_1 = {lam1:g}, but this price was never tried: a guess is no result")
        return f"Right: at lambda_1 = {lam1:.3g} two latents are in use, and the reconstruction costs {loss:.1f} nats."
    if used == 0:
        raise AssertionError(f"no latent is in use at lambda_1 = {lam1:g}, expected 2: the code is too dear, and the"
                             f" reconstruction, {loss:.1f} nats, is that of the mean image. Is the weight that of a mean"
                             " over pixels?")
    slip = "a cheaper code uses more latents, a dearer one fewer; " + ("raise" if used > 2 else "lower") + " the price"
    raise AssertionError(f"{used} of 8 latents are in use at lambda_1 = {lam1:g}, expected 2: {slip}")


@functools.cache
def small_vae(lam1: float) -> tuple[int, float]:
    """Latents in use, and nats an image of the reconstruction, of a small VAE that was trained at that price of a code."""
    images = nn.functional.avg_pool2d(load("mnist", source="embedded").train.images[:1000], 2)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.Softplus(), nn.Linear(64, 16))
        decoder = nn.Sequential(nn.Linear(8, 64), nn.Softplus(), nn.Linear(64, 196), nn.Unflatten(1, (1, 14, 14)))
    vae = VAE(encoder, decoder, 8, Bernoulli())
    optimizer = torch.optim.Adam(vae.parameters(), lr=5e-3)
    for _ in range(300):
        x = images[torch.randint(len(images), (100,), generator=generator)]
        out = vae(x, torch.randn(100, 8, generator=generator))
        loss = vae.likelihood(out.logits, x) + lam1 * kl_divergence(out.mu, out.logvar)  # P1 Eq. (4), weighted
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    with torch.no_grad():
        out = vae(images)
        each = (out.mu.square() + out.logvar.exp() - out.logvar - 1).mean(0) / 2
        return int((each >= 0.05).sum()), float(vae.likelihood(out.logits, images).mean())
