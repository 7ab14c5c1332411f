"""What is minimised: P2 Eq. (3) with its readings and its copies, P1 Eq. (10) with its noise; by hand where it can be."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dbp import penalties
from dbp.attacks import fgsm
from dbp.models.vae import dense_vae
from dbp.training import AutoencoderTraining, autoencoder_terms, penalised_cross_entropy, smoothed_cross_entropy

X, Y = torch.full((3, 1, 2, 2), 0.5), torch.tensor([0, 1, 0])
SPREAD = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
PENALTIES = (*penalties.JACOBIAN_L1, "loss_gradient_l1")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def linear():
    """Two logits on four pixels, whose Jacobian is the weight."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    model[1].weight.data = torch.tensor([[1.0, -2.0, 0.0, 1.0], [0.0, 1.0, 3.0, -1.0]])
    return model


def copies(model, x, y, generator):
    return fgsm(model, x, y, 0.3)


def terms(model, lam, x=X, y=Y, seed=0, **options):
    return penalised_cross_entropy(lam, **options)(model, x.clone(), y, generator(seed))


def test_label_smoothing_spreads_a_tenth_over_the_classes():
    x, y = torch.zeros(1, 1, 1, 4), torch.tensor([0])
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    nn.init.zeros_(model[1].weight)
    model[1].bias.data = torch.tensor([1.0, 0.0])
    log_p = model[1].bias.log_softmax(0)
    expected = -(0.95 * log_p[0] + 0.05 * log_p[1])  # 0.9 + 0.1 / 2 on the true class, 0.1 / 2 on the other
    found = smoothed_cross_entropy(0.1)(model, x, y, generator())["loss"]
    assert torch.allclose(found, expected.reshape(1))


def test_without_lambda_the_objective_is_smoothed_cross_entropy_alone(linear):
    found = terms(linear, 0.0, SPREAD)
    assert set(found) == {"loss"}
    assert torch.equal(found["loss"], F.cross_entropy(linear(SPREAD), Y, label_smoothing=0.1, reduction="none"))
    assert torch.equal(found["loss"], smoothed_cross_entropy()(linear, SPREAD, Y, generator())["loss"])


@pytest.mark.parametrize("reduction, divisor", [("sum", 1), ("mean", 8)])
def test_jacobian_penalty_has_the_reduction_that_is_written(linear, reduction, divisor):
    found = terms(linear, 10.0, torch.zeros(3, 1, 2, 2), penalty="exact", outputs="logits", reduction=reduction)
    assert found["penalty"].tolist() == pytest.approx([10 * 9 / divisor] * 3)  # |1|+|2|+|0|+|1| + |0|+|1|+|3|+|1| = 9
    assert found["loss"].tolist() == pytest.approx([0.6931] * 3, abs=1e-4)


@pytest.mark.parametrize("reduction, divisor", [("sum", 1), ("mean", 4)])
def test_footnote_adds_the_rows_before_their_absolute_values(linear, reduction, divisor):
    found = terms(linear, 10.0, penalty="summed", outputs="logits", reduction=reduction)
    assert found["penalty"].tolist() == pytest.approx([10 * 5 / divisor] * 3)  # |1+0| + |-2+1| + |0+3| + |1-1|


def test_one_row_is_drawn_from_the_generator_and_is_right_on_average(linear):
    fields = dict(penalty="one_row", outputs="logits", reduction="sum")
    drawn = torch.stack([terms(linear, 1.0, seed=seed, **fields)["penalty"] for seed in range(100)])
    assert sorted(drawn.unique().tolist()) == [8, 10]  # twice a row: 2 (1 + 2 + 0 + 1) and 2 (0 + 1 + 3 + 1)
    assert abs(drawn.mean() - 9) < 0.2
    assert torch.equal(drawn[3], terms(linear, 1.0, seed=3, **fields)["penalty"])


def test_footnote_on_the_softmax_is_zero_and_changes_no_step(linear):
    found = terms(linear, 10.0, penalty="summed", points="both", copies=copies)
    assert found["penalty"].abs().max() < 1e-5
    (with_it,) = torch.autograd.grad(sum(term.mean() for term in found.values()), linear[1].weight)
    (without,) = torch.autograd.grad(terms(linear, 0.0, copies=copies)["loss"].mean(), linear[1].weight)
    assert torch.allclose(with_it, without, atol=1e-5)


def test_copies_join_the_batch_under_the_labels_of_their_originals(linear):
    found = terms(linear, 0.0, copies=copies)
    both = torch.cat([X, fgsm(linear, X, Y, 0.3)])
    expected = F.cross_entropy(linear(both), Y.repeat(2), label_smoothing=0.1, reduction="none")
    assert set(found) == {"loss"} and torch.equal(found["loss"], expected)


def test_a_penalty_leaves_the_loss_of_images_and_copies_as_it_is(linear):
    expected = terms(linear, 0.0, copies=copies)["loss"]
    for points in ("clean", "adversarial", "both"):
        assert torch.equal(terms(linear, 10.0, points=points, copies=copies)["loss"], expected)


@pytest.mark.parametrize("points", ["clean", "adversarial"])
@pytest.mark.parametrize("penalty", ["exact", "loss_gradient_l1"])
def test_penalty_is_taken_at_the_chosen_points_only(linear, points, penalty):
    fields = dict(penalty=penalty, outputs="softmax", reduction="sum", copies=copies)
    found = terms(linear, 10.0, points=points, **fields)
    x = (X if points == "clean" else fgsm(linear, X, Y, 0.3)).clone().requires_grad_()
    logits = linear(x)
    if penalty == "exact":
        expected = penalties.jacobian_l1(logits.softmax(1), x)
    else:
        loss = F.cross_entropy(logits, Y, label_smoothing=0.1, reduction="none")
        expected = penalties.loss_gradient_l1(loss, x)
    assert torch.allclose(found["penalty"], 10 * expected) and found["loss"].shape == (6,)
    whole = terms(linear, 10.0, points="both", **fields)["penalty"]
    assert torch.allclose(whole[slice(0, 3) if points == "clean" else slice(3, 6)], 10 * expected)


def test_loss_gradient_penalty_is_to_first_order_what_fgsm_adds(linear):
    found = terms(linear, 0.3, penalty="loss_gradient_l1", reduction="sum", label_smoothing=0.0)
    eps = 1e-3
    risen = F.cross_entropy(linear(fgsm(linear, X, Y, eps)), Y, reduction="none") - found["loss"]
    assert torch.allclose(found["penalty"] / 0.3 * eps, risen, rtol=1e-2)
    mean = terms(linear, 0.3, penalty="loss_gradient_l1", reduction="mean", label_smoothing=0.0)
    assert torch.allclose(4 * mean["penalty"], found["penalty"])  # four pixels


@pytest.mark.parametrize("penalty", PENALTIES)
def test_penalty_moves_the_parameters_and_leaves_the_images_alone(penalty):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)), SPREAD.clone()
    found = terms(model, 1.0, x, penalty=penalty, outputs="logits", points="both", copies=copies)
    (slope,) = torch.autograd.grad(found["penalty"].sum(), model[1].weight)
    assert slope.abs().max() > 0 and not x.requires_grad and x.grad is None


@pytest.mark.parametrize("options, words", [
    (dict(lam=-1.0), "lam must be at least 0, but is -1.0"),
    (dict(lam=float("nan")), "lam must be at least 0, but is nan"),
    (dict(label_smoothing=1.0), r"label_smoothing must lie in \[0, 1\), but is 1.0"),
    (dict(penalty="onerow"), "penalty must be one of exact, one_row, summed, loss_gradient_l1, but is 'onerow'"),
    (dict(outputs="probabilities"), "outputs must be one of softmax, logits, but is 'probabilities'"),
    (dict(reduction="median"), "reduction must be one of mean, sum, but is 'median'"),
    (dict(points="everywhere", copies=copies), "points must be one of clean, adversarial, both, but is 'everywhere'"),
    (dict(points="both"), "points must be 'clean' where no adversarial copies are made, but is 'both'"),
])
def test_what_cannot_be_meant_is_named_before_anything_runs(options, words):
    with pytest.raises(ValueError, match=words):
        penalised_cross_entropy(**{"lam": 1.0} | options)


def test_at_lambda_zero_a_reading_says_nothing():
    assert callable(penalised_cross_entropy(0.0, penalty="none", outputs="none", reduction="none", points="none"))


# P1 Eq. (10)-(12)


class Spy(nn.Module):
    """An autoencoder that remembers what its encoder sees and what it is to reproduce."""

    latents = 2

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.seen = dense_vae((1, 2, 2), latents=2, hidden=5), []

    def forward(self, x, noise=None):
        self.seen.append(x)
        return self.inner(x, noise)

    def likelihood(self, logits, target):
        self.seen.append(target)
        return self.inner.likelihood(logits, target)


def test_input_noise_is_for_the_encoder_only():
    spy = Spy()
    autoencoder_terms(spy, SPREAD, AutoencoderTraining(1, input_noise=0.5), generator())
    noisy, target = spy.seen
    assert torch.equal(target, SPREAD) and not torch.equal(noisy, SPREAD)
    assert 0 <= noisy.min() and noisy.max() <= 1


def test_terms_of_an_autoencoder_are_weighed_and_one_an_image():
    plain = autoencoder_terms(Spy(), SPREAD, AutoencoderTraining(1), generator())
    weighed = autoencoder_terms(Spy(), SPREAD, AutoencoderTraining(1, lam1=3.0, lam2=0.1), generator())
    doubled = autoencoder_terms(Spy(), SPREAD, AutoencoderTraining(1, lam1=3.0, lam2=0.2), generator())
    assert set(plain) == {"reconstruction", "kl"} and all(term.shape == (3,) for term in weighed.values())
    assert torch.allclose(weighed["kl"], 3 * plain["kl"])
    assert torch.equal(weighed["reconstruction"], plain["reconstruction"])
    assert torch.allclose(doubled["penalty"], 2 * weighed["penalty"]) and (weighed["penalty"] > 0).all()


def test_mean_over_pixels_divides_the_penalty_by_their_number_squared():
    found = [autoencoder_terms(Spy(), SPREAD, AutoencoderTraining(1, lam2=1.0, reduction=reduction), generator())["penalty"]
             for reduction in ("sum", "mean")]
    assert torch.allclose(found[0], 16 * found[1])  # four pixels


def test_detached_target_differentiates_the_encoder_s_path_only():
    settings = dict(lam2=1.0, target="detached")
    found = autoencoder_terms(Spy(), SPREAD, AutoencoderTraining(1, **settings), generator())["penalty"]
    spy, x = Spy(), SPREAD.clone().requires_grad_()
    out = spy(x, torch.randn(3, 2, generator=generator()))
    (slope,) = torch.autograd.grad(spy.likelihood(out.logits, SPREAD).sum(), x)
    assert torch.allclose(found, slope.flatten(1).square().sum(1))
    attached = autoencoder_terms(Spy(), SPREAD, AutoencoderTraining(1, **settings | {"target": "attached"}), generator())
    assert not torch.allclose(found, attached["penalty"])


def test_the_penalty_waits_for_its_turn():
    found = autoencoder_terms(Spy(), SPREAD, AutoencoderTraining(1, lam2=1.0), generator(), penalised=False)
    assert set(found) == {"reconstruction", "kl"}
