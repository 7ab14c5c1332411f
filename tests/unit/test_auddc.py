"""AUDDC on curves that a person can check: to the letter of the reference definition, and the envelope over attacks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dbp.metrics import DistortionCurves, auddc, distortion_curves
from dbp.models.autoencoders import build_autoencoder


def curves(*points):
    """One pair's curve from (distortion, distance) points."""
    table = torch.tensor(points, dtype=torch.float64)
    return DistortionCurves(table[None, :, 0], table[None, :, 1], torch.ones(1))


@pytest.mark.parametrize("points, area", [
    ([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)], 0.5),
    ([(0.0, 1.0), (0.5, 0.25)], 0.5 * 1.25 / 2 + 0.5 * 0.25),  # extended flat to 1
    ([(0.2, 1.0), (0.6, 0.5)], 0.4 * 0.75 + 0.4 * 0.5),  # nothing is counted before the first point
    ([(0.3, 0.4)], 0.7 * 0.4),  # a single point
    ([(0.3, 0.4), (1.2, 0.0), (7.0, -3.0)], 0.7 * 0.4),  # all others dropped
    ([(0.6, 0.5), (0.2, 1.0)], 0.4 * 0.75 + 0.4 * 0.5),  # not sorted
    ([(0.0, 1.0), (0.5, -0.5), (1.0, -0.5)], 0.5 * 0.25 - 0.5 * 0.5),  # nearer than the target's own reconstruction
    ([(0.0, 1.0), (1.0, 1.5)], 1.25),  # above 1: the attack moved away
])
def test_reference_value_by_hand(points, area):
    assert float(auddc(curves(*points))) == pytest.approx(area, abs=1e-12)


def test_no_point_is_left():
    assert math.isnan(float(auddc(curves((1.5, 0.0), (2.0, -1.0)))))


def test_envelope_begins_at_one_never_rises_and_takes_the_lowest():
    rising = curves((0.5, 0.2), (0.75, 0.9))  # the second point is a failure: the first one is allowed there too
    assert float(auddc(rising, envelope=True)) == pytest.approx(0.5 * 0.6 + 0.5 * 0.2, abs=1e-12)
    early, late = curves((0.0, 1.0), (0.25, 0.5), (1.0, 0.5)), curves((0.0, 1.0), (1.0, 0.0))
    # Lowest at 0, 1/4 and 1: 1, 1/2 and 0. Between the last two the lines cross; trapezoids of the lower ends are taken.
    assert float(auddc(early, late, envelope=True)) == pytest.approx(0.25 * 0.75 + 0.75 * 0.25, abs=1e-12)


POINT = st.tuples(st.floats(0, 2), st.floats(-1, 2))


@settings(max_examples=100, deadline=None)
@given(st.lists(POINT, min_size=1, max_size=8), st.lists(POINT, min_size=1, max_size=8))
def test_envelope_is_never_above_one_of_its_attacks(one, other):
    one, other = (curves(*[(0.0, 1.0), *points]) for points in (one, other))
    both = float(auddc(one, other, envelope=True))
    assert both <= min(float(auddc(one, envelope=True)), float(auddc(other, envelope=True))) + 1e-12


def test_several_attacks_need_the_envelope_and_the_same_pairs():
    one = curves((0.0, 1.0))
    with pytest.raises(ValueError, match="envelope must be True for several attacks, but is False for 2"):
        auddc(one, one)
    two = DistortionCurves(torch.zeros(2, 1), torch.zeros(2, 1), torch.ones(2))
    with pytest.raises(ValueError, match="every attack must have the 1 pairs of the first"):
        auddc(one, two, envelope=True)


@pytest.fixture(scope="module")
def vae():
    return build_autoencoder("VAE", seed=0).eval()


def digits(count, seed=0):
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def test_curves_follow_the_definition():
    vae = build_autoencoder("VAE", seed=0).double().eval()
    x, target, x_adv = digits(3).double(), digits(3, 1).double(), digits(12, 2).double().unflatten(0, (3, 4))
    found = distortion_curves(vae, x, target, x_adv, batch_size=5)
    rec = lambda image: vae.reconstruct(image).detach()  # noqa: E731
    own, before = (float((rec(image[1:2]) - target[1:2]).norm()) for image in (target, x))
    expected = (float((rec(x_adv[1, 2:3]) - target[1:2]).norm()) - own) / (before - own)
    assert float(found.distance[1, 2]) == pytest.approx(expected, rel=1e-8)
    share = float((x_adv[1, 2] - x[1]).norm() / (target[1] - x[1]).norm())
    assert float(found.distortion[1, 2]) == pytest.approx(share, rel=1e-12)
    ends = distortion_curves(vae, x, target, torch.stack([x, target], 1))
    assert np.allclose(ends.distortion, [[0, 1]] * 3) and np.allclose(ends.distance, [[1, 0]] * 3, atol=1e-4)


def test_a_network_that_shows_every_image_the_same_has_collapsed(vae):
    class Constant(torch.nn.Module):
        def reconstruct(self, x):
            return torch.full_like(x, 0.5)

    x, target = digits(2), digits(2, 1)
    found = distortion_curves(Constant(), x, target, torch.stack([x, target], 1))
    assert found.collapsed().tolist() == [True, True]


def test_wrong_calls_get_one_line(vae):
    x = digits(2)
    with pytest.raises(ValueError, match=r"x, target and x_adv must be \[P, ...\]"):
        distortion_curves(vae, x, digits(3), x[:, None])
    with pytest.raises(ValueError, match="target must differ from x, but pair 1 is twice the same image"):
        distortion_curves(vae, x, torch.cat([digits(1, 5), x[1:]]), x[:, None])
