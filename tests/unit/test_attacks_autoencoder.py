"""Attacks on autoencoders: right by hand, as good as L-BFGS-B, each row for itself, nothing left behind."""

import math
import subprocess
import sys

import pytest
import torch

from dbp.attacks.autoencoder import (
    attack_autoencoder,
    damage_autoencoder,
    straight_line,
)
from dbp.attacks.lbfgs import attack_by_lbfgs
from dbp.models.autoencoders import build_autoencoder
from dbp.models.vae import Autoencoder, Bernoulli, Output

TRADE_OFFS = [0.0, 0.1, 1.0, 100.0]


class Identity(Autoencoder):
    """Code and reconstruction are the image itself; the code's variance is 1."""

    def __init__(self):
        super().__init__(4, Bernoulli())

    def forward(self, x, noise=None):
        mu = x.flatten(1) if noise is None else x.flatten(1) + noise
        return Output(mu.clamp(1e-4, 1 - 1e-4).logit().reshape(x.shape), x.flatten(1), torch.zeros(len(x), 4))


@pytest.fixture
def small():
    x, target = torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), 0.5)
    target[0, 0, 0, 0] = 0.9
    return x, target


@pytest.fixture(scope="module")
def vae():
    return build_autoencoder("VAE", seed=0).eval()


@pytest.fixture(scope="module")
def lively():
    """A network that reacts: trained ones have weights about as large."""
    network = build_autoencoder("VAE", seed=0).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 4
    return network


def objective(found, trade_offs, sign=1):
    return torch.tensor(trade_offs) * found.distortion.square() + sign * found.distance


def digits(count, seed=0):
    return (torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed)) > 0.8).float()


@pytest.mark.parametrize("space, pull", [("latent", 0.5), ("output", 1.0)])
def test_where_the_code_is_the_image_the_answer_is_known(small, space, pull):
    x, target = small
    found = attack_autoencoder(Identity(), x, target, TRADE_OFFS, space=space, steps=300)
    # C d^2 + pull (0.4 - d)^2 is least at d = 0.4 pull / (C + pull).
    expected = torch.tensor([[0.4 * pull / (c + pull) for c in TRADE_OFFS]])
    torch.testing.assert_close(found.distortion, expected, rtol=0, atol=2e-3)
    torch.testing.assert_close(found.distance, pull * (0.4 - expected).square(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("space", ["latent", "output"])
def test_it_is_as_good_as_l_bfgs_b(vae, space):
    x, target = digits(1), digits(1, 1)
    fast = attack_autoencoder(vae, x, target, [0.001, 1.0], space=space, steps=200)
    slow = attack_by_lbfgs(vae, x, target, [0.001, 1.0], space=space, steps=300)
    reached, least = (objective(found, [0.001, 1.0]) for found in (fast, slow))
    assert bool((reached <= least * 1.01 + 1e-3).all())


def test_images_stay_inside_and_the_distortion_is_that_of_what_the_network_sees(vae):
    x = digits(3)
    found = attack_autoencoder(vae, x, digits(3, 1), TRADE_OFFS, steps=20)
    assert found.x_adv.shape == (3, 4, 1, 28, 28) and float(found.x_adv.min()) >= 0 and float(found.x_adv.max()) <= 1
    torch.testing.assert_close(found.distortion, (found.x_adv - x[:, None]).flatten(2).norm(dim=2))
    assert not found.x_adv.requires_grad


def test_the_best_point_of_the_path_is_kept(vae):
    x, target = digits(1), digits(1, 1)
    short, wild = (attack_autoencoder(vae, x, target, [1.0], steps=1, learning_rate=rate) for rate in (1e-6, 1.0))
    # A first step that is far too long is not taken.
    assert float(objective(wild, [1.0])) <= float(objective(short, [1.0])) * (1 + 1e-4)


def test_after_a_round_no_row_has_a_better_point_in_its_pair(vae):
    trade_offs = [0.0, 1e-4, 1e-3, 1e-2, 0.1]
    found = attack_autoencoder(vae, digits(2), digits(2, 1), trade_offs, steps=12, rounds=2)
    cost = torch.tensor(trade_offs)[:, None] * found.distortion.square()[:, None] + found.distance[:, None]
    own = cost.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(cost.min(2).values, own)
    each = attack_autoencoder(vae, digits(2), digits(2, 1), trade_offs, steps=12, rounds=1)
    assert bool((own <= objective(each, trade_offs) * 1.2 + 1e-4).all())


@pytest.mark.parametrize("space", ["latent", "output"])
def test_damage_is_larger_than_that_of_noise_of_the_same_length(lively, space):
    x, generator = digits(3), torch.Generator().manual_seed(1)
    found = damage_autoencoder(lively, x, [0.01, 0.1], space=space, steps=60)
    assert float(found.x_adv.min()) >= 0 and float(found.x_adv.max()) <= 1 and bool((found.distance >= 0).all())
    noise = torch.randn(found.x_adv.shape, generator=generator)
    noise *= (found.distortion / noise.flatten(2).norm(dim=2))[..., None, None, None]
    with torch.no_grad():
        def moved(images):
            new, old = lively(images.flatten(0, 1)), lively(x.repeat_interleave(2, 0))
            pair = (new.mu, old.mu) if space == "latent" else (new.logits.sigmoid(), old.logits.sigmoid())
            return (pair[0] - pair[1]).flatten(1).norm(dim=1)

        assert bool((moved(found.x_adv) > moved(x[:, None] + noise)).all())


def test_damage_costs_less_where_changes_are_dear(lively):
    found = damage_autoencoder(lively, digits(2), [0.01, 1.0], steps=60)
    assert bool((found.distortion[:, 1] < found.distortion[:, 0]).all())
    assert bool((found.distance[:, 1] < found.distance[:, 0]).all())


def test_memory_does_not_grow_with_the_rows_beyond_what_is_returned(vae):
    """Chunks: 64 times as many rows may hold 64 times the result, a few times over, and no more graph."""
    script = ("import torch; from dbp.attacks.autoencoder import attack_autoencoder\n"
              "from dbp.models.autoencoders import build_autoencoder\n"
              "from dbp.runs.provenance import peak_memory\n"
              "vae = build_autoencoder('VAE', seed=0)\n"
              "for pairs in (32, 2048):\n"
              "    x = torch.rand(pairs, 1, 28, 28)\n"
              "    attack_autoencoder(vae, x, 1 - x, [0.1] * 4, steps=2, rounds=1); print(peak_memory())")
    few, many = map(float, subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                                          check=True).stdout.split())
    images = 4 * 2048 * 784 * 4 / 2**20  # MiB
    assert many - few < 6 * images

@pytest.mark.parametrize("space", ["latent", "output"])
def test_a_pair_alone_and_among_others_gives_the_same(vae, space):
    x, target = digits(40), digits(40, 1)
    among = attack_autoencoder(vae, x, target, TRADE_OFFS, space=space, steps=10)
    for pair in (0, 17, 39):
        alone = attack_autoencoder(vae, x[pair : pair + 1], target[pair : pair + 1], TRADE_OFFS, space=space, steps=10)
        torch.testing.assert_close(alone.x_adv[0], among.x_adv[pair], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone.distance[0], among.distance[pair], rtol=1e-6, atol=1e-6)


def test_nothing_is_left_behind(vae):
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    vae.train()
    attack_autoencoder(vae, digits(1), digits(1, 1), [1.0], steps=2)
    assert vae.training and all(torch.equal(before[name], value) for name, value in vae.state_dict().items())
    assert all(parameter.grad is None for parameter in vae.parameters())
    vae.eval()


def test_sampled_codes_are_repeatable_and_another_seed_gives_others(vae):
    def attack(seed):
        return attack_autoencoder(vae, digits(1), digits(1, 1), [0.1], space="output", steps=3, samples=2,
                                  generator=torch.Generator().manual_seed(seed)).x_adv

    assert torch.equal(attack(0), attack(0)) and not torch.equal(attack(0), attack(1))


def test_sampled_codes_are_the_same_for_a_pair_alone(vae):
    x, target = digits(40), digits(40, 1)
    call = dict(trade_offs=TRADE_OFFS, space="output", steps=6, samples=2)
    among, alone = attack_autoencoder(vae, x, target, **call), attack_autoencoder(vae, x[39:], target[39:], **call)
    torch.testing.assert_close(alone.distance[0], among.distance[39], rtol=1e-6, atol=1e-6)


def test_straight_line_goes_from_the_image_to_the_target():
    x, target = digits(2), digits(2, 1)
    line = straight_line(x, target, 5)
    assert torch.equal(line[:, 0], x) and torch.equal(line[:, 4], target)
    torch.testing.assert_close(line[:, 2], (x + target) / 2)


class Broken(Identity):
    def forward(self, x, noise=None):
        return super().forward(x * math.nan, noise)


@pytest.mark.parametrize("change, words", [
    (dict(target=torch.zeros(1, 1, 3, 3)), r"target must have the shape of x, \[1, 1, 2, 2\], but has \[1, 1, 3, 3\]"),
    (dict(target=torch.full((1, 1, 2, 2), 0.5)), "target must differ from x, but pair 0 is twice the same image"),
    (dict(target=torch.full((1, 1, 2, 2), 2.0)), r"target must lie in \[0.0, 1.0\]"),
    (dict(x=torch.full((1, 1, 2, 2), -1.0)), r"x must lie in \[0.0, 1.0\]"),
    (dict(trade_offs=[-1.0]), "trade_offs must be finite and at least 0, but hold -1.0"),
    (dict(trade_offs=[]), r"trade_offs must be \[L\] and not empty"),
    (dict(space="pixel"), "space must be one of latent, output"),
    (dict(steps=0), "steps must be at least 1, but is 0"),
    (dict(rounds=0), "rounds must be at least 1, but is 0"),
    (dict(learning_rate=0.0), "learning_rate must be above 0, but is 0.0"),
    (dict(autoencoder=Broken()), "the attack's objective or its gradient is NaN"),
])
def test_wrong_calls_get_one_line(small, change, words):
    x, target = small
    call = dict(autoencoder=Identity(), x=x, target=target, trade_offs=[1.0], space="output", steps=2) | change
    with pytest.raises(ValueError, match=words) as caught:
        attack_autoencoder(**call)
    assert "\n" not in str(caught.value)
