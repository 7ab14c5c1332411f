"""Flat codes: the penalties of the code by hand, the experiment's plan, and the three that build on its networks."""

import dataclasses
import math

import pytest
import torch
from small_gmm_runs import VAE
from torch import nn

from dbp import experiments, profiles
from dbp.experiments import dbp_autoencoders, flat_codes, flat_codes_auddc, flat_codes_classifier, flat_codes_transition
from dbp.models.heads import fit_nearest
from dbp.models.vae import VAE as TwoNetworks
from dbp.models.vae import Bernoulli, Output
from dbp.runs.runner import make
from dbp.training import AutoencoderTraining, autoencoder_terms
from dbp.training.objectives import AUTOENCODER_PENALTIES
from dbp.training.settings import PENALTIES

PIXELS, LATENTS = 6, 3
PLAIN = flat_codes.Config(**vars(VAE) | dict(max_epochs=2, train_size=200), penalty="none", start=0.0)
FLAT = dataclasses.replace(PLAIN, lam2=0.1, reduction="sum", penalty="code_l1", start=0.5)
AIMED = dataclasses.replace(FLAT, penalty="loss_gradient_l1", target="detached")


def linear_vae(rows):
    """An autoencoder of six pixels whose mean code is `rows` times the image, so that its slopes are known."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 2 * LATENTS))
    with torch.no_grad():
        encoder[1].weight[:LATENTS] = rows
    decoder = nn.Sequential(nn.Linear(LATENTS, PIXELS), nn.Unflatten(1, (1, 2, 3)))
    return TwoNetworks(encoder, decoder, LATENTS, Bernoulli())


def penalty_of(model, name, reduction="sum", lam2=2.0, batch=5):
    settings = AutoencoderTraining(1, lam2=lam2, penalty=name, reduction=reduction, target="detached")
    x = torch.rand(batch, 1, 2, 3, generator=torch.Generator().manual_seed(1))
    return autoencoder_terms(model, x, settings, torch.Generator().manual_seed(0))["penalty"]


# The slopes of mu = W x are W wherever one looks; where all rows have one norm, one row tells the norm of all exactly.

ROWS = torch.tensor([[1.0, -2, 0, 0, 0, 0], [0, 0, 3, 0, 0, 0], [0, 0, 0, 1, -1, 1]])  # L1 norm 3 each
EQUAL = torch.tensor([[3.0, 4, 0, 0, 0, 0], [0, 0, 5, 0, 0, 0], [0, 0, 0, 0, -5, 0]])  # orthogonal, squared norm 25 each


def test_the_code_s_l1_norm_is_the_sum_of_all_slopes():
    torch.testing.assert_close(penalty_of(linear_vae(ROWS), "code_l1"), torch.full((5,), 2.0 * 9))
    torch.testing.assert_close(penalty_of(linear_vae(ROWS), "code_l1", "mean"), torch.full((5,), 2.0 * 9 / (3 * 6)))


def test_the_contractive_penalty_is_the_sum_of_all_squared_slopes():
    torch.testing.assert_close(penalty_of(linear_vae(EQUAL), "code_frobenius2"), torch.full((5,), 2.0 * 75))
    torch.testing.assert_close(penalty_of(linear_vae(EQUAL), "code_frobenius2", "mean"), torch.full((5,), 2.0 * 75 / 18))


def test_one_row_is_right_on_average_where_rows_differ():
    uneven = torch.zeros(LATENTS, PIXELS)
    uneven[0] = 1.0  # L1 norm 6, 0, 0
    found = penalty_of(linear_vae(uneven), "code_l1", lam2=1.0, batch=6000).detach()
    assert set(found.round().tolist()) == {0.0, 18.0}  # three times the row that was drawn
    assert float(found.mean()) == pytest.approx(6.0, abs=4 * 8.5 / math.sqrt(6000))  # four standard errors


@pytest.mark.parametrize("name", ["code_l1", "code_frobenius2"])
def test_penalties_of_the_code_leave_the_decoder_alone(name):
    model = linear_vae(ROWS)
    penalty_of(model, name).sum().backward()
    assert model.encoder[1].weight.grad[:LATENTS].abs().sum() > 0
    assert all(weight.grad is None or not weight.grad.any() for weight in model.decoder.parameters())


def test_the_loss_gradient_s_two_norms_agree_with_autograd():
    model, generator = linear_vae(ROWS), torch.Generator().manual_seed(0)
    x = torch.rand(5, 1, 2, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    out = model(x, torch.randn(5, LATENTS, generator=generator))
    (gradient,) = torch.autograd.grad(model.likelihood(out.logits, x.detach()).sum(), x)
    torch.testing.assert_close(penalty_of(model, "loss_gradient_l1", lam2=1.0), gradient.flatten(1).abs().sum(1))
    torch.testing.assert_close(penalty_of(model, "loss_gradient_l2", lam2=1.0), gradient.flatten(1).square().sum(1))
    by_pixel = penalty_of(model, "loss_gradient_l2", "mean", lam2=1.0)
    torch.testing.assert_close(by_pixel, gradient.flatten(1).square().sum(1) / PIXELS**2)


def test_every_penalty_that_settings_accept_is_there():
    assert tuple(AUTOENCODER_PENALTIES) == PENALTIES
    with pytest.raises(ValueError, match="penalty must be one of loss_gradient_l2, .*, but is 'code_l3'"):
        AutoencoderTraining(1, penalty="code_l3")
    x = torch.rand(2, 1, 2, 3, requires_grad=True)
    with pytest.raises(ValueError, match="outputs must depend on x"):
        AUTOENCODER_PENALTIES["code_l1"](x.sum(), Output(x, torch.rand(2, 3).requires_grad_() * 2, None), x, "sum", None)


# The experiment.

@pytest.mark.parametrize("config, wrong, words", [
    (FLAT, dict(target="detached"), "target must be given where .* but is 'detached' with the penalty 'code_l1'"),
    (AIMED, dict(target="none"), "target must be given where .* but is 'none' with the penalty 'loss_gradient_l1'"),
    (FLAT, dict(penalty="none"), "penalty must be given where lam2 is above 0, .* but is 'none' at lam2 0.1"),
    (PLAIN, dict(penalty="code_l1"), "penalty must be given where lam2 is above 0, .* but is 'code_l1' at lam2 0.0"),
    (FLAT, dict(penalty="code_l2"), "no penalty named 'code_l2'; .*did you mean 'code_l1'"),
    (FLAT, dict(start=-1), "start must be at least 0, but is -1"),
    (FLAT, dict(lam2=-0.1), "lam2 must be at least 0, but is -0.1"),
])
def test_wrong_configuration_is_named(config, wrong, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(config, **wrong)


def test_settings_are_those_of_the_configuration():
    assert flat_codes.settings(FLAT) == AutoencoderTraining(
        2, learning_rate=0.005, lam1=0.01, lam2=0.1, clip=5.0, target="detached", penalty="code_l1", start=0.5)
    assert flat_codes.settings(PLAIN).lam2 == 0


def test_without_a_penalty_it_trains_what_the_autoencoders_experiment_trains(store, tmp_path):
    alike = dbp_autoencoders.Config(**{f.name: getattr(PLAIN, f.name) for f in dataclasses.fields(dbp_autoencoders.Config)})
    found, expected = make(flat_codes, PLAIN, store, tmp_path), make(dbp_autoencoders, alike, store, tmp_path)
    assert found.measures == expected.measures and found.weights == expected.weights


def test_p1_s_penalty_is_that_of_the_autoencoders_experiment(store, tmp_path):
    config = dataclasses.replace(AIMED, penalty="loss_gradient_l2", lam2=0.01)
    alike = dbp_autoencoders.Config(**{f.name: getattr(config, f.name) for f in dataclasses.fields(dbp_autoencoders.Config)})
    assert make(flat_codes, config, store, tmp_path).weights == make(dbp_autoencoders, alike, store, tmp_path).weights


def test_the_code_gets_flatter_and_only_when_the_penalty_s_turn_has_come(store, tmp_path):
    strong = dataclasses.replace(FLAT, lam2=1.0, max_epochs=4)
    plain, flat = (make(flat_codes, config, store, tmp_path).measures for config in
                   (dataclasses.replace(PLAIN, max_epochs=4), strong))
    assert flat["jacobian"] < 0.7 * plain["jacobian"]
    late, early = ([row.get("penalty") for row in make(flat_codes, dataclasses.replace(strong, start=start), store, tmp_path)
                    .measures["history"]] for start in (0.5, 0.0))
    assert [value is not None for value in late] == [False, False, False, True, True]
    assert [value is not None for value in early] == [False, True, True, True, True]


@pytest.mark.parametrize("name", profiles.NAMES)
def test_what_builds_on_flat_codes_builds_on_networks_of_the_plan(name):
    profile = profiles.load(name)
    trained = set(flat_codes.plan(profile))
    assert {config.penalty for config in trained} >= {"none", "code_l1"}
    for module in (flat_codes_classifier, flat_codes_auddc, flat_codes_transition):
        planned = module.plan(profile)
        assert planned and len(planned) == len(set(planned))
        for config in planned:
            (upstream, network), *_ = module.needs(config)
            assert upstream == flat_codes.NAME and network in trained
            assert experiments.get(upstream).network(network).latents


# A head.

def test_nearest_mean_code_by_hand():
    z = torch.arange(10.0)[:, None].repeat(3, 2) + torch.tensor([-0.5, 0, 0.5]).repeat_interleave(10)[:, None]
    layer = fit_nearest(z, torch.arange(10).repeat(3))
    asked = torch.tensor([[0.4, 0.4], [7.7, 8.2], [100.0, 100.0], [3.0, 4.2]])
    assert layer(asked).argmax(1).tolist() == [0, 8, 9, 4]
    assert not any(weight.requires_grad for weight in layer.parameters())
    with pytest.raises(ValueError, match="codes must be of all 10 classes, but the 2 are of 1"):
        fit_nearest(torch.rand(2, 3), torch.zeros(2, dtype=torch.long))
