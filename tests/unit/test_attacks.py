"""The attacks: right by hand, inside ball and bounds, repeatable, and the stronger for restarts and samples."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import ATTACKS, Counting, Line, Scale, images, network
from torch import nn

from dbp.attacks import apgd, bim, evaluate, fgsm, pgd, random_noise, square, transfer
from dbp.attacks.losses import attack_loss, margin

# By hand.

def test_fgsm_moves_every_pixel_by_eps_along_the_sign():
    x, y = torch.tensor([[0.5, 0.25]]), torch.tensor([1])  # class 1 is a - b: to lose it, a goes down and b up
    torch.testing.assert_close(fgsm(Line(), x, y, 0.125), torch.tensor([[0.375, 0.375]]))


def test_fgsm_stops_at_the_bounds():
    x, y = torch.tensor([[0.1, 0.95]]), torch.tensor([1])
    torch.testing.assert_close(fgsm(Line(), x, y, 0.3), torch.tensor([[0.0, 1.0]]))


def test_a_budget_for_every_example():
    x, y = torch.full((3, 2), 0.5), torch.tensor([1, 1, 1])
    moved = fgsm(Line(), x, y, torch.tensor([0.0, 0.1, 0.2])) - x
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0.0], [-0.1, 0.1], [-0.2, 0.2]]))


def test_pgd_reaches_the_corner_of_the_ball():
    x, y = torch.tensor([[0.5, 0.5]]), torch.tensor([1])
    found = pgd(Line(), x, y, 0.1, steps=10, random_start=False)
    torch.testing.assert_close(found, torch.tensor([[0.4, 0.6]]))


def test_l2_pgd_goes_straight_and_its_length_is_eps():
    x, y = torch.tensor([[0.5, 0.5]]), torch.tensor([1])
    found = pgd(Line(), x, y, 0.1, steps=10, norm="l2", random_start=False)
    torch.testing.assert_close(found - x, torch.tensor([[-0.1, 0.1]]) / math.sqrt(2))


def test_a_targeted_attack_goes_to_the_class_it_is_given():
    x, target = torch.tensor([[0.5, 0.5]]), torch.tensor([1])
    found = pgd(Line(), x, target, 0.1, steps=10, random_start=False, targeted=True)
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.4]]))


def test_bim_takes_steps_of_eps_over_steps():
    x, y = torch.tensor([[0.5, 0.5]]), torch.tensor([1])
    torch.testing.assert_close(bim(Line(), x, y, 0.1, steps=4), torch.tensor([[0.4, 0.6]]))
    torch.testing.assert_close(bim(Line(), x, y, 0.1, steps=4, step_size=0.01), torch.tensor([[0.46, 0.54]]))


def test_losses_by_hand():
    logits = torch.tensor([[3.0, 1.0, 0.0, -2.0]])
    right, wrong = torch.tensor([0]), torch.tensor([1])
    assert attack_loss("margin", logits, right).item() == -2.0
    assert attack_loss("margin", logits, wrong).item() == 2.0
    assert attack_loss("dlr", logits, right).item() == pytest.approx(-2 / 3)  # -(3 - 1) / (3 - 0)
    assert attack_loss("dlr", 100 * logits, right).item() == pytest.approx(-2 / 3)  # which no scale can hide
    expected = math.log(math.exp(3) + math.exp(1) + 1 + math.exp(-2)) - 3
    assert attack_loss("cross_entropy", logits, right).item() == pytest.approx(expected, rel=1e-5)


def test_the_margin_gets_through_where_cross_entropy_has_run_out():
    sharp = nn.Sequential(network(), Scale(1e4))
    x, _ = images(40)
    y = sharp(x).argmax(1)
    stuck = (fgsm(sharp, x, y, 0.1) == x).flatten(1).all(1)
    assert stuck.float().mean() > 0.5
    assert not (fgsm(sharp, x, y, 0.1, loss="margin") == x).flatten(1).all(1).any()


# Ball and bounds.

@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    name=st.sampled_from(sorted(ATTACKS)), seed=st.integers(0, 1000), batch=st.integers(1, 4),
    shape=st.sampled_from([(3,), (1, 4, 4), (3, 2, 5)]), low=st.floats(-3, 0), width=st.floats(0.1, 5),
    eps=st.floats(0, 2), each=st.booleans(),
)
def test_results_lie_in_the_ball_and_in_the_bounds(name, seed, batch, shape, low, width, eps, each):
    generator = torch.Generator().manual_seed(seed)
    shape = shape if name != "square" or len(shape) == 3 else (1, 1, 3)  # squares need an image
    bounds = (low, low + width)
    x = (low + width * torch.rand(batch, *shape, generator=generator)).clamp(*bounds)
    y = torch.randint(4, (batch,), generator=generator)
    budget = eps * torch.rand(batch, generator=generator) if each else eps
    found = ATTACKS[name](network(size=math.prod(shape)), x, y, budget, bounds=bounds)
    limit = torch.as_tensor(budget).expand(batch)
    change = (found - x).flatten(1)
    size = change.norm(dim=1) if name.endswith("l2") else change.abs().amax(1)
    assert found.shape == x.shape and found.dtype == x.dtype
    assert (size <= limit + 1e-6 * (1 + max(map(abs, bounds)))).all()  # a few roundings of float32
    assert (found >= torch.tensor(bounds[0])).all() and (found <= torch.tensor(bounds[1])).all()


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("eps", [0, 0.0, torch.zeros(6)])
def test_no_budget_returns_the_input_exactly(name, eps):
    x, y = images()
    found = ATTACKS[name](network(), x, y, eps)
    assert torch.equal(found, x) and found is not x


def test_an_example_with_no_budget_stays_while_its_neighbours_move():
    x, y = images()
    eps = torch.tensor([0.0, 0.1, 0.0, 0.1, 0.1, 0.1])
    for name, attack in ATTACKS.items():
        still = (attack(network(), x, y, eps) == x).flatten(1).all(1)
        assert still[0] and still[2] and not still[[1, 3, 4, 5]].any(), name


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_fill_the_ball(norm):
    x = torch.full((2000, 1, 2), 0.5)
    start = pgd(Line(), x, torch.zeros(2000, dtype=torch.int64), 0.2, steps=1, step_size=1e-9, norm=norm)
    change = (start - x).flatten(1)
    size = change.norm(dim=1) if norm == "l2" else change.abs().amax(1)
    # in two dimensions the size of a uniform point of the ball has the median eps / sqrt(2), for both norms
    assert size.median().item() == pytest.approx(0.2 / math.sqrt(2), rel=0.05)
    assert change.mean(0).abs().max() < 0.01


# The same generator, the same result.

@pytest.mark.parametrize("attack", [
    partial(pgd, steps=2), partial(pgd, steps=2, norm="l2"), partial(pgd, steps=2, restarts=3), random_noise,
    partial(random_noise, norm="l2"), partial(apgd, steps=2), partial(square, queries=3),
])
def test_the_same_generator_gives_the_same_result(attack):
    x, y = images()
    one, two, other = (attack(network(), x, y, 0.1, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_torch_s_own_random_state_is_neither_used_nor_moved():
    x, y = images()
    torch.manual_seed(1)
    expected, state = pgd(network(), x, y, 0.1, steps=2), torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(pgd(network(), x, y, 0.1, steps=2), expected)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


# Restarts, samples, noise, transfer.

def test_an_example_that_is_fooled_is_not_attacked_again():
    x = torch.tensor([[0.5, 0.45], [0.9, 0.1]])  # class 1; the first can be lost within 0.1, the second cannot
    model = Counting(Line())
    found = pgd(model, x, torch.tensor([1, 1]), 0.1, steps=5, restarts=3)
    assert model.seen == [2] * 5 + [2] + ([1] * 5 + [1]) * 2
    assert Line()(found).argmax(1).tolist() == [2, 1]


def test_all_fooled_ends_the_restarts():
    model = Counting(Line())
    pgd(model, torch.tensor([[0.5, 0.45]]), torch.tensor([1]), 0.1, steps=5, restarts=50)
    assert len(model.seen) == 6


def test_more_restarts_never_fool_fewer():
    model = network(Scale(30), Ripple())
    x, _ = images(60)
    y = model(x).argmax(1)
    left = [(model(pgd(model, x, y, 0.02, steps=3, restarts=r)).argmax(1) == y).sum().item() for r in (1, 2, 4, 8)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0]


class Ripple(nn.Module):
    def forward(self, x):
        return x + torch.sin(3 * x)


class Coin(nn.Module):
    """A gradient of random sign, 3 in 4 of them honest: one sample is often wrong, the mean of many is not."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, x):
        honest = torch.rand(len(x), generator=self.generator) < 0.75
        return Line()(x) * torch.where(honest, 1.0, -1.0)[:, None]


def test_samples_average_the_gradient_of_a_stochastic_model():
    x, y = torch.full((400, 2), 0.5), torch.ones(400, dtype=torch.int64)
    right = []
    for samples in (1, 25):
        found = pgd(Coin(), x, y, 0.1, steps=1, random_start=False, samples=samples)
        right.append((found[:, 0] < 0.5).float().mean().item())
    assert right[0] < 0.85  # one coin in four points the wrong way
    assert right[1] > 0.97


class Hill(torch.nn.Module):
    """Class 0 wins on a thin ring around 0.6 only: a long step jumps over it."""

    def forward(self, x):
        return torch.cat([0.02 - (x - 0.6).abs(), x * 0], 1)


def test_pgd_returns_the_point_of_the_path_that_fools_wherever_it_lies():
    x, y = torch.tensor([[0.5]]), torch.tensor([1])
    options = dict(step_size=0.1, random_start=False)
    found = pgd(Hill(), x, y, 0.3, steps=3, loss=lambda logits, y: logits.sum(1) * 0 + x[:, 0], **options)
    assert float(found) == pytest.approx(0.5)  # a loss without a slope: no point fools
    found = pgd(Hill(), x, y, 0.3, steps=2, loss="margin", **options)
    assert float(found) == pytest.approx(0.6)  # the path is 0.5, 0.6, 0.5 or 0.7


def test_of_points_that_do_not_fool_the_highest_is_returned():
    x, y = torch.tensor([[0.5]]), torch.tensor([1])
    found = pgd(Hill(), x, y, 0.5, steps=1, step_size=0.4, random_start=False, loss="margin")
    assert float(found) == pytest.approx(0.5)  # the only step, to 0.9, is farther from the ring


def test_a_later_restart_replaces_a_failure_by_a_higher_one():
    x, y = torch.full((64, 1), 0.1), torch.ones(64, dtype=torch.int64)
    options = dict(steps=1, step_size=1e-4, loss="margin")
    far = [(pgd(Hill(), x, y, 0.3, restarts=count, **options) - 0.6).abs().mean() for count in (1, 5)]
    # Starts are uniform in (-0.2, 0.4), clipped at 0; the largest of five is 0.3 on average.
    assert float(far[0]) == pytest.approx(0.467, abs=0.05) and float(far[1]) == pytest.approx(0.3, abs=0.05)


def test_a_loss_may_be_a_function():
    x, y = images()
    model = network()
    named, given = (pgd(model, x, y, 0.1, steps=3, loss=loss) for loss in ("margin", margin))
    assert torch.equal(named, given)
    assert torch.equal(fgsm(model, x, y, 0.1, loss="margin"), fgsm(model, x, y, 0.1, loss=margin))


def test_noise_keeps_the_first_draw_that_fools():
    x, y = torch.tensor([[0.5, 0.45]] * 50), torch.ones(50, dtype=torch.int64)
    left = [(Line()(random_noise(Line(), x, y, 0.1, draws=d)).argmax(1) == 1).float().mean().item() for d in (1, 20)]
    assert 0.5 < left[0] < 1  # only one sign in four, (-, +), crosses the border
    assert left[1] < 0.1
    moved = random_noise(Line(), x, y, 0.1) - x
    torch.testing.assert_close(moved.abs(), torch.full_like(moved, 0.1))


def test_transfer_never_looks_at_its_victim():
    x, y = images()
    source, victim = network(seed=1), Counting(network(seed=2))
    found = transfer(source, partial(fgsm, eps=0.1))(victim, x, y)
    assert torch.equal(found, fgsm(source, x, y, 0.1))
    assert victim.seen == []


# Evaluation.

def test_evaluation_keeps_the_worst_of_every_image():
    x = torch.tensor([[0.9, 0.1], [0.5, 0.45], [0.1, 0.9], [0.6, 0.3]])
    y = torch.tensor([1, 1, 1, 1])  # the third is wrong from the start

    def up(model, x, y):  # spoils the second
        return x + torch.tensor([[0.0, 0.1]]) * (x[:, :1] == 0.5)

    def swap(model, x, y):  # spoils the first, and rights the third
        return torch.where((x - 0.5).abs().amin(1, keepdim=True) > 0.35, x.flip(1), x)

    found = evaluate(Line(), x, y, {"up": up, "swap": swap}, batch_size=3)
    assert found.clean.tolist() == [True, True, False, True]
    assert found.correct["up"].tolist() == [True, False, False, True]
    assert found.correct["swap"].tolist() == [False, True, False, True]
    assert found.worst.tolist() == [False, False, False, True]
    assert (found.accuracy("up"), found.accuracy("swap")) == (0.5, 0.5)


def test_evaluation_does_not_depend_on_the_batch_size():
    x, y = images(50)
    attacks = {"fgsm": partial(fgsm, eps=0.05), "bim": partial(bim, eps=0.05)}
    one, many = (evaluate(network(), x, y, attacks, batch_size=size) for size in (50, 7))
    assert torch.equal(one.worst, many.worst)
    assert all(torch.equal(one.correct[name], many.correct[name]) for name in attacks)
