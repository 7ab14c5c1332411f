"""Attacks on autoencoders: right by hand, as good as L-BFGS-B, each row for itself, nothing left behind."""

import math

import pytest
import torch

from dbp.attacks.autoencoder import attack_autoencoder, attack_by_lbfgs, straight_line
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


def digits(count, seed=0):
    return (torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed)) > 0.8).float()


@pytest.mark.parametrize("space, pull", [("latent", 0.5), ("output", 1.0)])
def test_where_the_code_is_the_image_the_answer_is_known(small, space, pull):
    x, target = small
    found = attack_autoencoder(Identity(), x, target, TRADE_OFFS, space=space, steps=300)
    # C d^2 + pull (0.4 - d)^2 is least at d = 0.4 pull / (C + pull).
    expected = torch.tensor([[0.4 * pull / (c + pull) for c in TRADE_OFFS]])
    torch.testing.assert_close(found.distortion, expected, rtol=0, atol=2e-3)
    value = torch.tensor([[c * d**2 + pull * (0.4 - d) ** 2 for c, d in zip(TRADE_OFFS, expected[0].tolist(), strict=True)]])
    torch.testing.assert_close(found.objective, value, rtol=0, atol=1e-4)


@pytest.mark.parametrize("space", ["latent", "output"])
def test_it_is_as_good_as_l_bfgs_b(vae, space):
    x, target = digits(1), digits(1, 1)
    fast = attack_autoencoder(vae, x, target, [0.001, 1.0], space=space, steps=200)
    slow = attack_by_lbfgs(vae, x, target, [0.001, 1.0], space=space, steps=300)
    assert bool((fast.objective <= slow.objective * 1.01 + 1e-3).all())


def test_images_stay_inside_and_the_distortion_is_that_of_what_the_network_sees(vae):
    x = digits(3)
    found = attack_autoencoder(vae, x, digits(3, 1), TRADE_OFFS, steps=20)
    assert found.x_adv.shape == (3, 4, 1, 28, 28) and float(found.x_adv.min()) >= 0 and float(found.x_adv.max()) <= 1
    torch.testing.assert_close(found.distortion, (found.x_adv - x[:, None]).flatten(2).norm(dim=2))
    assert not found.x_adv.requires_grad


def test_the_best_point_of_the_path_is_kept(vae):
    x, target = digits(1), digits(1, 1)
    short, wild = (attack_autoencoder(vae, x, target, [1.0], steps=1, learning_rate=rate) for rate in (1e-6, 1.0))
    assert float(wild.objective) <= float(short.objective) * (1 + 1e-4)  # a first step that is far too long is not taken


@pytest.mark.parametrize("space", ["latent", "output"])
def test_a_pair_alone_and_among_others_gives_the_same(vae, space):
    x, target = digits(40), digits(40, 1)
    among = attack_autoencoder(vae, x, target, TRADE_OFFS, space=space, steps=10)
    for pair in (0, 17, 39):
        alone = attack_autoencoder(vae, x[pair : pair + 1], target[pair : pair + 1], TRADE_OFFS, space=space, steps=10)
        torch.testing.assert_close(alone.x_adv[0], among.x_adv[pair], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone.objective[0], among.objective[pair], rtol=1e-6, atol=1e-6)


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
    (dict(learning_rate=0.0), "learning_rate must be above 0, but is 0.0"),
    (dict(autoencoder=Broken()), "the attack's objective or its gradient is NaN"),
])
def test_wrong_calls_get_one_line(small, change, words):
    x, target = small
    call = dict(autoencoder=Identity(), x=x, target=target, trade_offs=[1.0], space="output", steps=2) | change
    with pytest.raises(ValueError, match=words) as caught:
        attack_autoencoder(**call)
    assert "\n" not in str(caught.value)
