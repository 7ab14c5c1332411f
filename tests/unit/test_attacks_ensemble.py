"""Auto-PGD, Square and the ensemble of both: right by hand, as strong as their peers, and through what hides a gradient."""

import pytest
import torch
from small_networks import Counting, Line, Scale, images, network
from torch import nn

from dbp import data
from dbp.attacks import apgd, fgsm, pgd, square, strongest
from dbp.attacks.ensemble import withstand
from dbp.attacks.losses import targeted_dlr
from dbp.attacks.square import _window
from dbp.models.classifiers import build_classifier


class Rounded(nn.Module):
    """A network behind pixels that are rounded to tenths: its gradient is zero everywhere."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model((x * 10).round() / 10)


class Balanced(nn.Module):
    """Four classes, each about as often right on random images."""

    def forward(self, x):
        weights = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
        return (x.flatten(1) - 0.5) @ weights


def right(model, x, y):
    with torch.no_grad():
        return model(x).argmax(1) == y


# Auto-PGD.

def test_apgd_reaches_the_corner_of_the_ball():
    x, y = torch.tensor([[0.5, 0.25]]), torch.tensor([1])  # class 1 is a - b
    torch.testing.assert_close(apgd(Line(), x, y, 0.125, steps=10), torch.tensor([[0.375, 0.375]]))


def test_apgd_begins_where_it_is_told_brought_into_the_ball():
    x, y = torch.full((2, 2), 0.5), torch.tensor([1, 1])
    counting = Counting(Line())
    flat = Scale(0.0)  # where nothing rises the first point stays the best
    start = torch.tensor([[0.55, 0.45], [0.9, 0.5]])
    found = apgd(nn.Sequential(counting, flat), x, y, 0.1, steps=3, start=start)
    torch.testing.assert_close(found, torch.tensor([[0.55, 0.45], [0.6, 0.5]]))
    for wrong, message in ((start[:1], r"start must be like x, \[2, 2\]"), (start + 1, r"start must lie in \[0.0, 1.0\]")):
        with pytest.raises(ValueError, match=message):
            apgd(Line(), x, y, 0.1, start=wrong)


def test_apgd_climbs_a_narrow_ridge_that_steps_of_one_length_jump_across():
    class Ridge(nn.Module):
        """Class 1 falls behind only within a thousandth of 0.5371."""

        def forward(self, x):
            height = 0.001 - (x.flatten(1)[:, 0] - 0.5371).abs()
            return torch.stack([height, torch.zeros_like(height), height - 9], dim=1)

    x, y = torch.tensor([[0.4]]), torch.tensor([1])
    long = pgd(Ridge(), x, y, 0.3, steps=40, step_size=0.02, random_start=False)
    assert right(Ridge(), long, y).all() and not right(Ridge(), apgd(Ridge(), x, y, 0.3, steps=60, start=x), y).any()


def test_an_example_is_attacked_alone_as_among_others():
    x, y = images(12)
    generator = torch.Generator().manual_seed(3)
    start = (x + 0.05 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    for settings in (dict(loss="cross_entropy"), dict(loss="dlr", targets=2)):
        together = apgd(network(), x, y, 0.03, steps=20, start=start, **settings)
        alone = [apgd(network(), x[[i]], y[[i]], 0.03, steps=20, start=start[[i]], **settings) for i in range(12)]
        torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)


def test_the_targeted_loss_by_hand():
    logits, y, target = torch.tensor([[3.0, 1.0, 0.0, -2.0]]), torch.tensor([0]), torch.tensor([2])
    assert targeted_dlr(logits, y, target).item() == pytest.approx(-3 / (3 - (0 - 2) / 2))  # (0 - 3) / 4
    assert targeted_dlr(50 * logits, y, target).item() == pytest.approx(-3 / 4)
    with pytest.raises(ValueError, match='loss "targeted_dlr" needs at least 4 classes, but the model has 3'):
        targeted_dlr(logits[:, :3], y, target)


@pytest.mark.parametrize(("change", "message"), [
    (dict(targets=2), "loss must be 'dlr' with targets, but is 'cross_entropy'"),
    (dict(loss="dlr", targets=4), "targets must be at most 3, the wrong classes, but is 4"),
    (dict(targets=-1), "targets must be at least 1, but is -1"),
    (dict(steps=0), "steps must be at least 1, but is 0"),
    (dict(restarts=0), "restarts must be at least 1, but is 0"),
])
def test_a_wrong_call_of_apgd_is_one_line(change, message):
    with pytest.raises(ValueError, match=message):
        apgd(network(), *images(), 0.1, **change)


# Square.

@pytest.mark.parametrize(("done", "side"), [(0.0, 25), (0.003, 18), (0.01, 13), (0.3, 3), (0.9, 1)])
def test_squares_shrink_as_the_paper_says(done, side):
    # 28 x 28 pixels: 0.8, halved after 10, 50, 200 ... of 10,000 queries: sqrt(784 * 0.8 / 2^k)
    window = _window(torch.zeros(50, 3, 28, 28), torch.arange(50), 0.8, done, torch.Generator().manual_seed(0))
    assert window.shape == (50, 1, 28, 28) and set(window.sum((1, 2, 3)).tolist()) == {side**2}
    rows = window.any(3).squeeze(1)
    assert set(rows.sum(1).tolist()) == {side} and (side == 28 or len(rows.unique(dim=0)) > 1)  # anywhere


def test_every_change_of_square_is_the_whole_budget_or_the_bound():
    x, y = images(20)
    change = square(network(), x, y, 0.1, queries=20) - x
    expected = torch.where(change > 0, (x + 0.1).clamp(max=1) - x, (x - 0.1).clamp(min=0) - x)
    torch.testing.assert_close(change, expected)


def test_square_keeps_what_helps_and_asks_no_more_once_the_model_is_fooled():
    x, y = images(40)
    model = Counting(Balanced())
    found = square(model, x, y, 0.02, queries=60)
    standing = int(right(Balanced(), found, y).sum())
    assert 0 < standing and model.seen == sorted(model.seen, reverse=True) and model.seen[-1] == standing < model.seen[0]
    few, many = (square(Balanced(), x, y, 0.02, queries=count) for count in (1, 60))
    assert right(Balanced(), many, y).sum() < right(Balanced(), few, y).sum()


def test_square_goes_through_a_mask_that_stops_every_gradient():
    x, _ = images(60)
    masked = Rounded(Balanced())
    y = masked(x).argmax(1)
    assert right(masked, fgsm(masked, x, y, 0.2), y).all()
    assert right(masked, square(masked, x, y, 0.2, queries=50), y).float().mean() < 0.8


@pytest.mark.parametrize(("change", "message"), [
    (dict(queries=0), "queries must be at least 1, but is 0"),
    (dict(share=0), "share must lie above 0 and be at most 1, but is 0"),
    (dict(x=torch.rand(6, 16)), r"x must be \[B, channels, height, width\], but has the shape \[6, 16\]"),
])
def test_a_wrong_call_of_square_is_one_line(change, message):
    x, y = images()
    with pytest.raises(ValueError, match=message):
        square(**{"model": network(), "x": x, "y": y, "eps": 0.1} | change)


# The ensemble.

def test_the_ensemble_says_what_broke_each_image_and_hands_over_only_what_stands():
    x, y = images(60)
    model = Counting(Balanced())
    found = strongest(model, x, y, 0.02, steps=10, targets=3, queries=10)
    clean = right(Balanced(), x, y)
    assert [name == "clean" for name in found.broken_by] == (~clean).tolist()
    assert torch.equal(found.standing, right(Balanced(), found.x_adv, y))
    assert torch.equal(found.x_adv[found.standing], x[found.standing])
    one_step = clean & ~right(Balanced(), fgsm(Balanced(), x, y, 0.02), y)
    assert [name == "fgsm" for name in found.broken_by] == one_step.tolist() and one_step.any()
    after = int((clean & ~one_step).sum())
    assert model.seen[0] == 60 and max(model.seen[3:]) == after  # clean, FGSM's step, its judgement; then fewer
    assert (found.x_adv - x).abs().max() <= 0.02 + 1e-6


def test_each_member_is_needed_for_some_model():
    x, _ = images(60)
    for model, name in ((Rounded(Balanced()), "square"), (nn.Sequential(Balanced(), Scale(1e4)), "apgd_targeted_dlr")):
        found = strongest(model, x, model(x).argmax(1), 0.05, steps=20, queries=50)
        assert name in found.broken_by
    with pytest.raises(ValueError, match="no member of the ensemble named 'apgd'"):
        strongest(Balanced(), *images(), 0.1, members=("apgd",))


def test_batches_change_nothing_but_the_random_starts():
    x, y = images(20)
    whole, parts = (strongest(Balanced(), x, y, 0.03, members=("fgsm",), batch_size=size) for size in (20, 7))
    assert whole.broken_by == parts.broken_by and torch.equal(whole.x_adv, parts.x_adv)


def test_a_model_that_computes_in_float64_is_attacked_with_restarts():
    x, y = images(20)
    for attack in (apgd, pgd):
        plain, other = (attack(model, x, y, 0.02, steps=5, restarts=3)
                        for model in (Balanced(), lambda images: Balanced()(images).double()))
        assert other.dtype == torch.float32 and torch.equal(right(Balanced(), plain, y), right(Balanced(), other, y))


# Budget after budget.

def test_what_has_fallen_at_a_smaller_budget_is_not_attacked_again_and_counts_at_the_larger():
    x = torch.tensor([[0.52, 0.48], [0.7, 0.3], [0.9, 0.1]])  # class 1 is a - b: lost from 0.02, 0.2 and 0.4 on
    y, seen = torch.ones(3, dtype=torch.long), []

    def attack(eps):
        def move(model, x, y):
            seen.append((eps, len(x)))
            return x + eps * torch.tensor([-1.0, 1.0])

        return move

    everyone = [torch.ones(3, dtype=torch.bool)] * 3
    left = withstand(Line(), x, y, (0.05, 0.25, 0.3), everyone, attack)
    assert [each.tolist() for each in left] == [[False, True, True], [False, False, True], [False, False, True]]
    assert seen == [(0.05, 3), (0.25, 2), (0.3, 1)]
    # What another attack has broken stays broken, from its budget on.
    before = [everyone[0], torch.tensor([True, True, False]), everyone[0]]
    left = withstand(Line(), x, y, (0.05, 0.1, 0.3), before, attack)
    assert [each.tolist() for each in left] == [[False, True, True], [False, True, False], [False, False, False]]


# As strong as others' own.

@pytest.fixture(scope="module")
def digits():
    return data.load("mnist", "embedded")


@pytest.mark.filterwarnings("ignore")  # of the other library
@pytest.mark.parametrize("name", ["C", "mlp", "lenet"])
def test_accuracy_under_each_attack_is_within_two_points_of_torchattacks(name, digits):
    torchattacks = pytest.importorskip("torchattacks", reason="torchattacks is not installed: make test installs it")
    model, optimizer = build_classifier(name, seed=0), None
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for batch in torch.arange(2000).repeat(3).split(50):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(digits.train.images[batch]), digits.train.labels[batch]).backward()
        optimizer.step()
    x, y, eps = digits.test.images[:200], digits.test.labels[:200], 0.05
    model.eval()
    box = dict(norm="Linf", eps=eps)
    pairs = {
        "cross-entropy": (apgd(model, x, y, eps, steps=30), torchattacks.APGD(model, **box, steps=30)(x, y)),
        "targeted": (apgd(model, x, y, eps, steps=15, loss="dlr", targets=3),
                     torchattacks.APGDT(model, **box, steps=15, n_classes=4)(x, y)),
        "square": (square(model, x, y, eps, queries=150), torchattacks.Square(model, **box, n_queries=150)(x, y)),
    }
    clean = right(model, x, y).float().mean()
    for attack, found in pairs.items():
        ours, theirs = (float(right(model, images, y).float().mean()) for images in found)
        # Random starts and squares differ: a margin of two points on 200 images is four of them.
        assert ours <= theirs + 0.02 and theirs < clean - 0.03, (attack, ours, theirs)
