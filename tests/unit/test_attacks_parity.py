"""FGSM and PGD's path are those of torchattacks, foolbox and CleverHans, on networks trained a little on digits.

The others return the end of the path and we the best point on it, which must be at least as good for every image.
"""

import pytest
import torch

from dbp import data
from dbp.attacks import fgsm, pgd
from dbp.attacks.classifier import _path
from dbp.models.classifiers import build_classifier

EPS = 0.3
STEPS = dict(steps=40, step_size=EPS / 16)


@pytest.fixture(scope="module")
def digits():
    dataset = data.load("mnist", "embedded")
    return dataset.train, dataset.test[:64]  # a power of two: summing or averaging the loss then rounds alike


@pytest.fixture(scope="module", params=["C", "lenet"])
def model(request, digits):
    train, _ = digits
    model = build_classifier(request.param, seed=0)
    optimizer, generator = torch.optim.Adam(model.parameters(), lr=2e-3), torch.Generator().manual_seed(0)
    for _ in range(40):
        batch = torch.randint(len(train), (64,), generator=generator)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(train.images[batch]), train.labels[batch]).backward()
        optimizer.step()
    return model.eval()


def end_of_path(model, x, y, eps, *, steps, step_size, norm="linf"):
    """Where our PGD without a random start arrives."""
    budget, step = torch.full((len(x), 1, 1, 1), eps), torch.full((len(x), 1, 1, 1), step_size)
    path = _path(model, x, y, x, budget, step, steps=steps, norm=norm, loss="cross_entropy", targeted=False, samples=1,
                 bounds=(0.0, 1.0))
    return list(path)[-1].images


def assert_not_weaker(model, found, other, y):
    """Whatever the other fools we fool, and where neither does, ours has the higher loss."""
    ours, theirs = model(found), model(other)
    fooled, also = ours.argmax(1) != y, theirs.argmax(1) != y
    assert bool((fooled | ~also).all())
    losses = [torch.nn.functional.cross_entropy(logits, y, reduction="none")[fooled == also] for logits in (ours, theirs)]
    assert bool((losses[0] >= losses[1] - 1e-5).all())


def by_torchattacks(model, x, y):
    torchattacks = pytest.importorskip("torchattacks", reason="torchattacks is not installed: make test installs it")
    many = torchattacks.PGD(model, eps=EPS, alpha=STEPS["step_size"], steps=STEPS["steps"], random_start=False)
    return torchattacks.FGSM(model, eps=EPS)(x, y), many(x, y)


def by_foolbox(model, x, y):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed: make test installs it")
    judged = foolbox.PyTorchModel(model, bounds=(0, 1))
    one = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    many = foolbox.attacks.LinfPGD(abs_stepsize=STEPS["step_size"], steps=STEPS["steps"], random_start=False)
    return tuple(attack(judged, x, y, epsilons=EPS)[1] for attack in (one, many))


def by_cleverhans(model, x, y):
    reason = "cleverhans is not installed: make test installs it"
    one = pytest.importorskip("cleverhans.torch.attacks.fast_gradient_method", reason=reason).fast_gradient_method
    many = pytest.importorskip("cleverhans.torch.attacks.projected_gradient_descent", reason=reason)
    box = dict(norm=float("inf"), clip_min=0, clip_max=1, y=y)
    return one(model, x, EPS, **box), many.projected_gradient_descent(
        model, x, EPS, STEPS["step_size"], STEPS["steps"], rand_init=False, **box
    )


@pytest.mark.filterwarnings("ignore")  # of the other libraries
@pytest.mark.parametrize("peer", [by_torchattacks, by_foolbox, by_cleverhans])
def test_fgsm_is_equal_and_pgd_within_a_millionth(peer, model, digits):
    _, test = digits
    x, y = test.images, test.labels
    one, many = peer(model, x, y)
    assert (one - x).abs().amax() > 0.29  # the peer did attack
    assert torch.equal(fgsm(model, x, y, EPS), one)
    torch.testing.assert_close(end_of_path(model, x, y, EPS, **STEPS), many, rtol=0, atol=1e-6)
    assert_not_weaker(model, pgd(model, x, y, EPS, random_start=False, **STEPS), many, y)


@pytest.mark.filterwarnings("ignore")
def test_l2_pgd_is_foolbox_s(model, digits):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed: make test installs it")
    x, y = digits[1].images, digits[1].labels
    theirs = foolbox.attacks.L2PGD(abs_stepsize=0.1, steps=20, random_start=False)
    _, expected, _ = theirs(foolbox.PyTorchModel(model, bounds=(0, 1)), x, y, epsilons=1.0)
    found = end_of_path(model, x, y, 1.0, steps=20, step_size=0.1, norm="l2")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert_not_weaker(model, pgd(model, x, y, 1.0, steps=20, step_size=0.1, norm="l2", random_start=False), expected, y)
