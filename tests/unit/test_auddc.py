"""AUDDC on curves that a person can check: to the letter of the reference definition, and the envelope over attacks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from dbp.attacks.autoencoder import straight_line
from dbp.metrics import DistortionCurves, auddc, distance_at, distortion_curves
from dbp.models.autoencoders import build_autoencoder


def pairs_of(*rows):
    """The curve of each pair from its (distortion, distance) points."""
    table = torch.tensor(rows, dtype=torch.float64)
    return DistortionCurves(table[..., 0], table[..., 1], torch.ones(len(rows)))


def curves(*points):
    """One pair's curve."""
    return pairs_of(points)


@pytest.mark.parametrize("points, area", [
    ([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)], 0.5),
    ([(0.0, 1.0), (0.5, 0.25)], 0.5 * 1.25 / 2 + 0.5 * 0.25),  # extended flat to 1
    ([(0.2, 1.0), (0.6, 0.5)], 0.4 * 0.75 + 0.4 * 0.5),  # nothing is counted before the first point
    ([(0.3, 0.4)], 0.7 * 0.4),  # a single point
    ([(0.3, 0.4), (1.2, 0.0), (7.0, -3.0)], 0.7 * 0.4),  # all others dropped
    ([(0.6, 0.5), (0.2, 1.0)], 0.4 * 0.75 + 0.4 * 0.5),  # not sorted
    ([(0.0, 1.0), (0.5, -0.5), (1.0, -0.5)], 0.5 * 0.25 - 0.5 * 0.5),  # nearer than the target's own reconstruction
    ([(0.0, 1.0), (1.0, 1.5)], 1.25),  # above 1: the attack moved away
    ([(0.0, -0.2), (1.0, -0.4)], -0.3),  # all below zero: so is the area
    ([(1.0, 0.3)], 0.0),  # a single point at 1 is kept, and nothing comes after it
    ([(1.4, -9.0), (0.8, -0.5), (0.0, 1.0), (0.4, 0.25)], 0.4 * 0.625 - 0.4 * 0.125 - 0.2 * 0.5),  # all of it at once
    ([(0.0, 1.0), (0.5, 0.75), (0.5, 0.25)], 0.5 * 0.875 + 0.5 * 0.25),  # of two at one distortion the later one goes on
])
def test_reference_value_by_hand(points, area):
    assert float(auddc(curves(*points))) == pytest.approx(area, abs=1e-12)


def test_no_point_is_left():
    assert math.isnan(float(auddc(curves((1.5, 0.0), (2.0, -1.0)))))


POINT = st.tuples(st.floats(0, 2), st.floats(-1, 2))
POINTS = st.lists(POINT, min_size=1, max_size=8)
DISTINCT = st.lists(POINT, min_size=1, max_size=8, unique_by=lambda point: point[0])


@settings(max_examples=100, deadline=None)
@given(DISTINCT, st.randoms(use_true_random=False))
def test_reference_value_is_scipy_s_trapezoid_whatever_the_order_of_the_points(points, random):
    kept = [point for point in sorted(points) if point[0] <= 1]
    shuffled = float(auddc(curves(*random.sample(points, len(points)))))
    if kept:
        x, y = zip(*kept, (1.0, kept[-1][1]), strict=True)
        assert shuffled == pytest.approx(trapezoid(y, x), abs=1e-12)
    else:
        assert math.isnan(shuffled)


def test_pairs_do_not_touch_each_other():
    rows = [[(0.0, 1.0), (0.5, 0.5)], [(1.5, 0.0), (2.0, 0.0)], [(0.6, 0.5), (0.2, 1.0)]]
    together = pairs_of(*rows)
    for area in (auddc, lambda each: auddc(each, envelope=True)):
        np.testing.assert_array_equal(area(together), [float(area(curves(*row))) for row in rows])


def test_envelope_begins_at_one_never_rises_and_takes_the_lowest():
    rising = curves((0.5, 0.2), (0.75, 0.9))  # the second point is a failure: the first one is allowed there too
    assert float(auddc(rising, envelope=True)) == pytest.approx(0.5 * 0.6 + 0.5 * 0.2, abs=1e-12)
    early, late = curves((0.0, 1.0), (0.25, 0.5), (1.0, 0.5)), curves((0.0, 1.0), (1.0, 0.0))
    # Lowest at 0, 1/4 and 1: 1, 1/2 and 0. Between the last two the lines cross, at (1/2, 1/2).
    assert float(auddc(early, late, envelope=True)) == pytest.approx(0.25 * 0.75 + 0.25 * 0.5 + 0.5 * 0.25, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(POINTS, POINTS, POINTS)
def test_a_further_attack_never_raises_the_envelope(one, two, three):
    one, two, three = (curves(*[(0.0, 1.0), *points]) for points in (one, two, three))
    area = [float(auddc(*some, envelope=True)) for some in ((one,), (one, two), (one, two, three))]
    assert area[1] <= area[0] + 1e-12 and area[2] <= area[1] + 1e-12


def test_an_attack_that_is_never_the_best_leaves_the_envelope_as_it_is():
    early, late = curves((0.0, 1.0), (0.25, 0.5), (1.0, 0.5)), curves((0.0, 1.0), (1.0, 0.0))
    useless = curves((0.0, 1.0), (0.5, 1.0))  # with a point where the others cross
    assert float(auddc(early, late, useless, envelope=True)) == pytest.approx(float(auddc(early, late, envelope=True)))


def test_area_of_an_envelope_is_the_area_under_distance_at():
    early, late = curves((0.0, 1.0), (0.25, 0.5), (1.0, 0.5)), curves((0.0, 1.0), (1.0, 0.0))
    grid = np.linspace(0, 1, 101)  # holds the crossing at 1/2
    area = trapezoid(distance_at(early, late, distortion=grid)[0], grid)
    assert float(auddc(early, late, envelope=True)) == pytest.approx(area, abs=1e-12)


def test_a_distance_that_is_not_finite_gives_nan():
    for envelope in (False, True):
        assert math.isnan(float(auddc(curves((0.0, 1.0), (0.5, math.inf)), envelope=envelope)))


def test_an_attack_without_a_point_in_reach_leaves_the_envelope_of_the_others():
    assert float(auddc(curves((0.0, 1.0), (1.0, 0.0)), curves((1.5, 0.0)), envelope=True)) == pytest.approx(0.5)


def test_distance_at_needs_the_same_pairs():
    with pytest.raises(ValueError, match="every attack must have the 1 pairs of the first"):
        distance_at(curves((0.0, 1.0)), pairs_of([(0.0, 1.0)], [(0.0, 0.0)]), distortion=[0.5])


def test_several_attacks_need_the_envelope_and_the_same_pairs():
    one = curves((0.0, 1.0))
    with pytest.raises(ValueError, match="envelope must be True for several attacks, but is False for 2"):
        auddc(one, one)
    two = DistortionCurves(torch.zeros(2, 1), torch.zeros(2, 1), torch.ones(2))
    with pytest.raises(ValueError, match="every attack must have the 1 pairs of the first"):
        auddc(one, two, envelope=True)


@pytest.mark.parametrize("points, at, distances", [
    ([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)], [0, 0.25, 0.5, 0.75, 1], [1, 0.75, 0.5, 0.25, 0]),  # between its points
    ([(0.5, 0.2)], [0, 0.25, 0.5, 0.75, 1], [1, 0.6, 0.2, 0.2, 0.2]),  # from (0, 1) on, and flat to 1
    ([(0.25, 0.5), (0.5, 0.9), (1.0, 0.1)], [0.375, 0.5, 0.75], [0.5, 0.5, 0.3]),  # the failure in between is passed over
    ([(0.5, 1.5), (0.75, 2.0)], [0, 0.5, 1], [1, 1, 1]),  # an attack that moves away is not used
    ([(1.5, -1.0), (0.5, 0.5)], [0.5, 1], [0.5, 0.5]),  # not sorted, and one that goes too far
    ([(0.5, -0.5)], [0.25, 1], [0.25, -0.5]),  # below zero
])
def test_distance_at_by_hand(points, at, distances):
    np.testing.assert_allclose(distance_at(curves(*points), distortion=at), [distances], rtol=0, atol=1e-12)


def test_distance_at_takes_the_lowest_of_two_attacks_on_each_pair():
    early, late = [(0.0, 1.0), (0.25, 0.5), (1.0, 0.5)], [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]  # they cross at 1/2
    found = distance_at(pairs_of(early, early), pairs_of(late, early), distortion=[0.25, 0.375, 0.5, 0.75])
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.5, 0.25], [0.5] * 4], rtol=0, atol=1e-12)


GRID = np.linspace(0, 1, 41)


@settings(max_examples=100, deadline=None)
@given(POINTS, POINTS)
def test_distance_at_is_never_above_one_never_rises_and_that_of_two_is_the_lower_one(one, other):
    one, other = (curves(*[(0.0, 1.0), *points]) for points in (one, other))
    each, both = [distance_at(attack, distortion=GRID) for attack in (one, other)], distance_at(one, other, distortion=GRID)
    assert bool((both <= 1).all()) and bool((both.diff() <= 0).all())
    assert torch.equal(both, torch.minimum(*each))


@settings(max_examples=100, deadline=None)
@given(DISTINCT)
def test_area_of_the_envelope_is_the_area_under_distance_at(points):
    attack = curves((0.0, 1.0), *[point for point in points if point[0]])
    grid = np.unique([*GRID, *(x for x, _ in points if x <= 1)])
    area = trapezoid(distance_at(attack, distortion=grid)[0], grid)
    assert float(auddc(attack, envelope=True)) == pytest.approx(area, abs=1e-12)


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


class Affine(torch.nn.Module):
    """Reconstructs an image as `scale` times itself, plus `shift`."""

    def __init__(self, scale, shift=0.0):
        super().__init__()
        self.scale, self.shift = scale, shift

    def reconstruct(self, x):
        return self.scale * x + self.shift


def test_a_network_that_shows_every_image_the_same_has_collapsed():
    x, target = digits(2), digits(2, 1)
    found = distortion_curves(Affine(0.0, 0.5), x, target, torch.stack([x, target], 1))
    assert found.collapsed().tolist() == [True, True] and found.gap.tolist() == [0, 0]


def test_where_images_are_reproduced_exactly_the_gap_is_one_and_the_straight_line_falls_evenly():
    x, target = digits(2).double(), digits(2, 1).double()
    found = distortion_curves(Affine(1.0), x, target, straight_line(x, target, 11))
    assert found.collapsed(0.999).tolist() == [False, False]
    np.testing.assert_allclose(found.gap, 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.distance, 1 - found.distortion, rtol=0, atol=1e-12)
    np.testing.assert_allclose(auddc(found), 0.5, rtol=0, atol=1e-12)


@pytest.mark.parametrize("brightness", [1.0, 0.01])
def test_the_margin_of_a_collapse_is_a_share_of_the_way_to_the_target(brightness):
    """At half the contrast a black image is shown black, a whole way off; the target is shown half a way off itself."""
    target = brightness * digits(1)
    found = distortion_curves(Affine(0.5), torch.zeros_like(target), target, target[:, None])
    assert float(found.gap) == pytest.approx(0.5, abs=1e-6)
    assert (bool(found.collapsed(0.49)), bool(found.collapsed(0.51))) == (False, True)


def test_a_pair_at_the_margin_has_collapsed():
    found = DistortionCurves(torch.zeros(4, 1), torch.zeros(4, 1), torch.tensor([-0.5, 0.05, 0.0501, 1.0]))
    assert found.collapsed().tolist() == [True, True, False, False]


def test_wrong_calls_get_one_line(vae):
    x = digits(2)
    with pytest.raises(ValueError, match=r"x, target and x_adv must be \[P, ...\]"):
        distortion_curves(vae, x, digits(3), x[:, None])
    with pytest.raises(ValueError, match="target must differ from x, but pair 1 is twice the same image"):
        distortion_curves(vae, x, torch.cat([digits(1, 5), x[1:]]), x[:, None])
