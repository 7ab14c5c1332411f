"""Networks and images that the tests of attacks and autoencoders share: small enough to work out by hand."""

from functools import partial

import torch
from torch import nn

from dbp.attacks import apgd, bim, fgsm, pgd, random_noise, square
from dbp.models.draw import DRAW
from dbp.models.vae import dense_vae

ATTACKS = {
    "fgsm": fgsm,
    "bim": partial(bim, steps=3),
    "pgd": partial(pgd, steps=3),
    "pgd_restarts": partial(pgd, steps=2, restarts=3),
    "pgd_l2": partial(pgd, steps=3, norm="l2"),
    "pgd_margin": partial(pgd, steps=3, loss="margin"),
    "pgd_dlr": partial(pgd, steps=3, loss="dlr"),
    "pgd_targeted": partial(pgd, steps=3, targeted=True),
    "pgd_samples": partial(pgd, steps=2, samples=2),
    "apgd": partial(apgd, steps=5),
    "apgd_restarts": partial(apgd, steps=3, restarts=2, loss="margin"),
    "apgd_targets": partial(apgd, steps=5, loss="dlr", targets=2),
    "square": partial(square, queries=4),
    "noise": random_noise,
    "noise_l2": partial(random_noise, norm="l2", draws=3),
}


class Line(nn.Module):
    """Three classes on two pixels: logits (0, a - b, b - a), so that everything about it can be worked out by hand."""

    def forward(self, x):
        gap = x.flatten(1)[:, 0] - x.flatten(1)[:, 1]
        return torch.stack([torch.zeros_like(gap), gap, -gap], dim=1)


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class Counting(nn.Module):
    """Counts the images that it sees."""

    def __init__(self, model):
        super().__init__()
        self.model, self.seen = model, []

    def forward(self, x):
        self.seen.append(len(x))
        return self.model(x)


def network(*before, size=16, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(*before, nn.Flatten(), nn.Linear(size, 12), nn.ReLU(), nn.Linear(12, 4))


def images(batch=6, shape=(1, 4, 4), seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, *shape, generator=generator), torch.arange(batch) % 4


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
