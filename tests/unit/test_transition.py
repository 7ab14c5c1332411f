"""Image transition, P1 Eq. (15): it arrives where the answer is known, and where it stalls it says so."""

import math

import pytest
import torch
from torch import nn

from dbp.attacks.transition import transition
from dbp.models.autoencoders import build_autoencoder
from dbp.models.gmm import ClassConditionalGMM, EncoderClassifier


class Pixels(nn.Module):
    """The code is the image."""

    latents = 2

    def encode(self, x):
        return x.flatten(1), torch.zeros_like(x.flatten(1))


def classes(means, scale):
    """One round Gaussian a class, in two pixels."""
    means = torch.tensor(means, dtype=torch.float64)[:, None]
    mixtures = ClassConditionalGMM(means, torch.full_like(means, 1 / scale), torch.zeros(len(means), 1))
    return EncoderClassifier(Pixels(), mixtures)


def near_and_far(scale):
    """Class 0 at (0.2, 0.3), class 1 at (0.8, 0.6): the way from one to the other rises in both pixels."""
    return classes([[0.2, 0.3], [0.8, 0.6]], scale)


START = torch.tensor([[[[0.2, 0.3]]], [[[0.3, 0.2]]], [[[0.1, 0.1]]]])


@pytest.mark.parametrize("on", ["probabilities", "log densities"])
def test_two_gaussians_the_path_goes_to_the_target_and_its_probability_rises_at_each_step(on):
    found = transition(near_and_far(0.2), START, 1, steps=55, step_size=0.01, on=on)
    target = found.probabilities[:, :, 1]
    assert target[0].max() < 0.05 and target[-1].min() > 0.9 and bool((target.diff(dim=0) > 0).all())
    # The gradient of the log odds is (0.6, 0.3) / 0.04 everywhere: each step adds 0.01 to both pixels.
    torch.testing.assert_close(found.path, START + 0.01 * torch.arange(56).reshape(-1, 1, 1, 1, 1), rtol=0, atol=1e-5)
    assert found.path.shape == (56, 3, 1, 1, 2) and found.probabilities.shape == (56, 3, 2)
    assert torch.equal(found.path[0], START) and not found.stalled.any() and found.reconstructions is None
    torch.testing.assert_close(found.probabilities.sum(2), torch.ones(56, 3))
    torch.testing.assert_close(found.probabilities[7], near_and_far(0.2)(found.path[7]).softmax(1))


def test_far_from_the_target_probabilities_stall_and_log_densities_arrive():
    model = near_and_far(0.02)  # 0.45 / 0.02^2 / 2 = 562 nats apart
    stuck = transition(model, START, 1, steps=40, step_size=0.01)
    assert bool(stuck.stalled.all()) and stuck.stalled.shape == (40, 3)
    assert torch.equal(stuck.path[-1], START) and float(stuck.probabilities[-1, :, 1].max()) == 0
    found = transition(model, START, 1, steps=40, step_size=0.01, on="log densities")
    assert not found.stalled.any() and float(found.probabilities[-1, :, 1].min()) > 0.99


def test_the_paper_s_step_can_end_between_two_other_classes_where_log_densities_reach_the_target():
    """The norm falls fastest as the other classes become alike. The image is of class 0, in the middle of a line, on the
    side of class 1, and is to become class 2, at the other end: it goes to where classes 0 and 1 are as likely, at 0.7."""
    model, x = classes([[0.5, 0.5], [0.5, 0.9], [0.5, 0.1]], 0.1), torch.tensor([[[[0.5, 0.6]]]])
    paper, ours = (transition(model, x, 2, steps=50, step_size=0.01, on=on) for on in ("probabilities", "log densities"))
    torch.testing.assert_close(paper.path[-1].flatten(), torch.tensor([0.5, 0.7]), rtol=0, atol=0.011)
    assert float(paper.probabilities[-1, 0, 2]) < 1e-6 and not paper.stalled[:10].any()
    torch.testing.assert_close(ours.path[-1].flatten(), torch.tensor([0.5, 0.1]), rtol=0, atol=1e-5)
    assert float(ours.probabilities[-1, 0, 2]) > 0.999


def test_a_step_is_the_sign_of_the_gradient_of_the_norm():
    model, x = near_and_far(0.2).double(), START.double().requires_grad_()
    wanted = torch.tensor([0.0, 1.0])
    (gradient,) = torch.autograd.grad((wanted - model(x).softmax(1)).norm(dim=1).sum(), x)
    found = transition(model, START.double(), 1, steps=1, step_size=0.02)
    torch.testing.assert_close(found.path[1], START.double() - 0.02 * gradient.sign(), rtol=0, atol=1e-12)


def test_log_densities_climb_the_log_of_the_target_s_probability():
    """Not against the first of the others alone: class 0 is ahead of class 1 and pulls up, class 1 pulls down harder."""
    def model(x):
        a = x.flatten(1)[:, 0] - 0.5
        return torch.stack([0.1 + a, -3 * a, 0 * a - 50], 1)

    x = torch.full((1, 1, 1, 2), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(x).log_softmax(1)[0, 2], x)
    found = transition(model, x, 2, steps=1, step_size=0.1, on="log densities").path[1] - x.detach()
    assert found.flatten().tolist() == [pytest.approx(0.1), 0.0]
    assert torch.equal(found.sign(), gradient.sign())


@pytest.mark.parametrize("on", ["probabilities", "log densities"])
def test_images_stay_images(on):
    found = transition(near_and_far(0.3), START, 1, steps=30, step_size=0.1, on=on)
    assert float(found.path.min()) >= 0 and float(found.path.max()) == 1 and not found.path.requires_grad


def test_each_image_goes_its_own_way_to_its_own_class():
    model, target = near_and_far(0.2), torch.tensor([1, 0, 1])
    among = transition(model, START, target, steps=5, step_size=torch.tensor([0.01, 0.02, 0.03]))
    for row, step_size in enumerate((0.01, 0.02, 0.03)):
        alone = transition(model, START[row : row + 1], int(target[row]), steps=5, step_size=step_size)
        torch.testing.assert_close(alone.path[:, 0], among.path[:, row], rtol=0, atol=1e-6)
    assert float(among.path[-1, 1].sum()) < float(START[1].sum()) and float(among.path[-1, 0].sum()) > float(START[0].sum())


def test_reconstructions_are_those_of_the_path():
    vae = build_autoencoder("VAE", seed=0).eval()
    x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = transition(EncoderClassifier(vae, nn.Linear(32, 3)), x, 1, steps=3, step_size=0.01, autoencoder=vae)
    assert found.reconstructions.shape == found.path.shape and not found.reconstructions.requires_grad
    torch.testing.assert_close(found.reconstructions[2], vae.reconstruct(found.path[2]))


class Moves(nn.Module):
    """In training mode its buffers follow what it sees."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(2, 3))

    def forward(self, x):
        return self.layers(x)

    def reconstruct(self, x):
        return self.layers[0](x)


def test_nothing_is_left_behind():
    model, x = Moves().train(), START.clone().requires_grad_()
    model(x).sum().backward()
    x.grad = None
    before = {name: value.clone() for name, value in model.state_dict().items()}
    slopes = [parameter.grad.clone() for parameter in model.parameters()]
    for on in ("probabilities", "log densities"):
        found = transition(model, x, 2, steps=3, step_size=0.05, on=on, autoencoder=model)
        assert not found.path.requires_grad and not found.probabilities.requires_grad
    assert model.training and all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(torch.equal(old, new.grad) for old, new in zip(slopes, model.parameters(), strict=True))
    assert x.requires_grad and x.grad is None and torch.equal(x.detach(), START)
    with torch.no_grad():  # and gradients are on within
        assert not transition(model, START, 2, steps=1, step_size=0.05).stalled.any()


@pytest.mark.parametrize("change, error, words", [
    (dict(x=START * 10), ValueError, r"x must lie in \[0.0, 1.0\]"),
    (dict(x=START[0, 0, 0, 0]), ValueError, r"x must be \[B, ...\] and not empty"),
    (dict(x=[0.0]), TypeError, "x must be a floating-point tensor, but is list"),
    (dict(steps=0), ValueError, "steps must be at least 1, but is 0"),
    (dict(steps=1.5), TypeError, "steps must be a whole number, but is 1.5"),
    (dict(step_size=0.0), ValueError, "step_size must be above 0, but is 0.0"),
    (dict(step_size=-1.0), ValueError, "step_size must be finite and at least 0, but holds -1"),
    (dict(on="log density"), ValueError, "on must be one of probabilities, log densities, but is 'log density'"),
    (dict(target_class=2), ValueError, "target_class must lie from 0 to 1, but holds 2"),
    (dict(target_class=-1), ValueError, "target_class must lie from 0 to 1, but holds -1"),
    (dict(target_class=1.0), TypeError, "target_class must be a whole number or an int64 tensor, but is 1.0"),
    (dict(target_class=torch.tensor([1])), ValueError, r"target_class must be one number, or \[3\] on cpu, but is \[1\]"),
    (dict(model=lambda x: x), ValueError, r"model must return logits \[3, C >= 2\], but returned the shape \[3, 1, 1, 2\]"),
    (dict(model=lambda x: x.flatten(1)[:, :1]), ValueError, r"model must return logits \[3, C >= 2\]"),
    (dict(model=lambda x: x.flatten(1) * math.nan), ValueError, "model must not give NaN, but at step 0 it does"),
    (dict(model=lambda x: (x - x).flatten(1).sqrt()), ValueError, "at step 0 its gradient on prob"),
])
def test_wrong_calls_get_one_line(change, error, words):
    call = dict(model=near_and_far(0.2), x=START, target_class=1, steps=2, step_size=0.01) | change
    with pytest.raises(error, match=words) as caught:
        transition(**call)
    assert "\n" not in str(caught.value)
