"""Training by Algorithms 1 and 2: the schedule, the readings, resuming to the bit, and the experiment around it."""

import dataclasses

import pytest
import torch

from dbp import data, profiles
from dbp.data import PixelStore
from dbp.experiments import dbp_autoencoders
from dbp.metrics import autoencoder_gradients, reconstruction
from dbp.models.draw import DRAW
from dbp.models.vae import dense_vae
from dbp.runs import ensure, load, trained
from dbp.runs.checkpoints import Checkpoint
from dbp.runs.records import planned
from dbp.training import AutoencoderTraining, autoencoder_terms, fit_autoencoder


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# Twenty images that are bright on the left and twenty that are bright on the right, each with some noise.
IMAGES = torch.rand(40, 1, 4, 4, generator=generator(7)) * 0.2
IMAGES[::2, ..., :2] += 0.8
IMAGES[1::2, ..., 2:] += 0.8


def vae(seed=0):
    torch.manual_seed(seed)
    return dense_vae((1, 4, 4), latents=2, hidden=8)


def fit(model, checkpoint=None, **settings):
    chosen = AutoencoderTraining(**{"max_epochs": 4, "batch_size": 16} | settings)
    return fit_autoencoder(model, IMAGES, chosen, generator=generator(), checkpoint=checkpoint)


def test_penalty_begins_after_half_of_the_epochs():
    assert ["penalty" in row for row in fit(vae(), lam2=0.1)] == [False, False, False, True, True]
    assert ["penalty" in row for row in fit(vae(), lam2=0.1, max_epochs=3)] == [False, False, True, True]
    assert ["penalty" in row for row in fit(vae(), lam2=0.1, start=0.0)] == [False, True, True, True, True]
    assert ["penalty" in row for row in fit(vae())] == [False] * 5


def test_first_half_is_the_training_without_a_penalty():
    plain, penalised = fit(vae()), fit(vae(), lam2=0.1)
    assert plain[:3] == penalised[:3] and plain[3]["reconstruction"] != penalised[3]["reconstruction"]


def test_training_reduces_the_loss_and_the_penalty_what_it_penalises():
    history = fit(vae(), max_epochs=120, learning_rate=1e-2)
    assert sum(history[-1][t] for t in ("reconstruction", "kl")) < sum(history[1][t] for t in ("reconstruction", "kl")) - 1
    sizes = {}
    for lam2 in (0.0, 1.0):
        model = vae()
        fit(model, max_epochs=30, learning_rate=1e-2, lam2=lam2, start=0.0)
        settings = AutoencoderTraining(1, lam2=1.0)
        sizes[lam2] = float(autoencoder_terms(model, IMAGES, settings, generator())["penalty"].mean().detach())
    assert sizes[1.0] < sizes[0.0] / 3


@pytest.mark.parametrize("field", [
    "lam1", "lam2", "weight_decay", "input_noise", "clip", "learning_rate", "target", "reduction"])
def test_every_setting_reaches_the_training(field):
    value = {"target": "detached", "reduction": "mean"}.get(field, 0.3)
    shared = {"lam2": 0.1, "start": 0.0} if field in ("target", "reduction") else {"start": 0.0}
    assert fit(vae(), **shared)[-1] != fit(vae(), **shared | {field: value})[-1]


@pytest.mark.parametrize("build", [vae, lambda: DRAW((1, 4, 4), steps=2, size=4, per_step=2, window=2)])
def test_resumed_training_equals_unbroken_training_to_the_bit(tmp_path, build):
    settings = dict(lam2=0.1, max_epochs=4)
    torch.manual_seed(0)
    unbroken = build()
    expected = fit(unbroken, **settings)

    class Stop(Exception):
        pass

    def stop(row):
        if row["epoch"] == 3:
            raise Stop

    torch.manual_seed(0)
    broken, checkpoint = build(), Checkpoint(tmp_path / "c.safetensors")
    with pytest.raises(Stop):
        fit_autoencoder(broken, IMAGES, AutoencoderTraining(batch_size=16, **settings), generator=generator(),
                        checkpoint=checkpoint, report=stop)
    resumed = build()
    assert fit(resumed, checkpoint, **settings) == expected
    for ours, theirs in zip(resumed.parameters(), unbroken.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_stored_pixels_train_like_a_tensor_of_them():
    stored = PixelStore((255 * IMAGES).to(torch.uint8))
    found = [fit_autoencoder(vae(), images, AutoencoderTraining(2, batch_size=16), generator=generator())
             for images in (stored, stored[:])]
    assert found[0] == found[1]


@pytest.mark.parametrize(("field", "value", "message"), [
    ("max_epochs", 0, "max_epochs must be above 0, but is 0"),
    ("clip", 0, "clip must be above 0, but is 0"),
    ("lam2", -1, "lam2 must be at least 0, but is -1"),
    ("input_noise", float("nan"), "input_noise must be at least 0, but is nan"),
    ("target", "both", "target must be one of attached, detached, but is 'both'"),
    ("reduction", "pixel", "reduction must be one of sum, mean, but is 'pixel'"),
])  # fmt: skip
def test_wrong_settings_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderTraining(**{"max_epochs": 1} | {field: value})


def test_no_images_and_exploding_losses_stop_at_once():
    with pytest.raises(ValueError, match="images must not be empty"):
        fit_autoencoder(vae(), IMAGES[:0], AutoencoderTraining(1), generator=generator())
    model = vae()
    with torch.no_grad():
        model.decoder[-2].bias.fill_(1e9)
    with pytest.raises(FloatingPointError, match="in epoch 1, step 0: training has diverged"):
        fit(model)


# The experiment, P1 Table 1


def smoke(**fields):
    return next(config for config in dbp_autoencoders.plan(profiles.load("smoke"))
                if all(getattr(config, name) == value for name, value in fields.items()))


def test_plan_has_every_run_once_and_shares_the_plain_ones():
    for name in ("smoke", "laptop", "paper"):
        runs = dbp_autoencoders.plan(profiles.load(name))
        assert len(runs) == len(set(runs))
        known = [config for config in runs if config.dataset != "celeba"]
        assert len({planned(dbp_autoencoders, config).key for config in known}) == len(known)
    path = [c for c in dbp_autoencoders.plan(profiles.load("laptop")) if c.model == "VAE" and c.max_epochs == 4]
    assert {c.lam2 for c in path} == {0, 0.001, 0.003, 0.01, 0.03, 0.1, 1}
    assert {(c.target, c.seed) for c in path if c.lam2 == 1} == {(t, s) for t in ("attached", "detached") for s in range(3)}


def test_plan_of_a_data_set_that_is_not_on_disk_can_be_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("DBP_DATA", str(tmp_path))
    config = next(c for c in dbp_autoencoders.plan(profiles.load("paper")) if c.dataset == "celeba")
    assert planned(dbp_autoencoders, config).data == "not on disk"
    with pytest.raises(FileNotFoundError, match="celeba is not whole on disk"):
        dbp_autoencoders.run(config)


def test_run_measures_what_it_says():
    config = dataclasses.replace(smoke(model="VAE", target="detached"), train_size=128, gradient_images=5)
    found = dbp_autoencoders.run(config)
    assert set(found) == {"reconstruction", "squared_error", "kl", "whole", "encoder_path", "jacobian", "history"}
    assert [row["epoch"] for row in found["history"]] == [0, 1, 2]
    assert {"whole", "encoder_path", "jacobian", "reconstruction", "kl", "penalty"} <= set(found["history"][2])
    assert found == dbp_autoencoders.run(config)


@pytest.mark.parametrize(("fields", "message"), [
    ({"model": "GAN"}, "no autoencoder named 'GAN'; there are VAE"),
    ({"dataset": "minst"}, "no data set of autoencoders named 'minst'; .*did you mean 'mnist'"),
    ({"lam2": 0.0}, "target must be given where lam2 is above 0, and only there, but is 'detached' at lam2 0.0"),
    ({"target": "none"}, "target must be given where lam2 is above 0"),
    ({"reduction": "none"}, "reduction must be given where lam2 is above 0"),
    ({"target": "both"}, "target must be one of attached, detached, but is 'both'"),
    ({"clip": 0.0}, "clip must be above 0, but is 0.0"),
])  # fmt: skip
def test_wrong_configurations_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(smoke(model="VAE", target="detached"), **fields)


def test_unknown_method_is_named_with_the_nearest():
    profile = profiles.load("smoke")
    part = dataclasses.replace(profile.dbp_autoencoders.parts[0], methods=("DBP atached",))
    wrong = dataclasses.replace(profile, dbp_autoencoders=profiles.DBPAutoencodersScale((part,)))
    with pytest.raises(ValueError, match="no method named 'DBP atached'.*did you mean 'DBP attached'"):
        dbp_autoencoders.plan(wrong)


def test_trained_network_is_the_one_that_was_measured(store):
    wanted = {"model": "VAE", "target": "attached", "seed": 1}
    with pytest.raises(LookupError, match="`dbp run dbp_autoencoders` makes"):
        trained("dbp_autoencoders", "smoke", **wanted)
    frame = ensure("dbp_autoencoders", "smoke", only=wanted, progress=False)
    model = trained("dbp_autoencoders", "smoke", **wanted)
    found = reconstruction(model, data.load("mnist", "embedded").test.images[:100])
    assert found["reconstruction"] == pytest.approx(frame["reconstruction"].item(), rel=1e-6)


@pytest.mark.parametrize("fields", [
    {"model": "VAE", "lam2": 0.0}, {"model": "VAE", "target": "attached"}, {"model": "VAE", "target": "detached"},
    {"model": "DRAW16 (attention)", "lam2": 0.0}, {"model": "DRAW16 (attention)", "target": "attached"},
], ids=lambda fields: " ".join(map(str, fields.values())))  # fmt: skip
def test_committed_network_is_about_as_good_as_its_record_says(fields):
    """The record is of 10,000 digits in full precision, this of 200 others in half."""
    digits = data.load("mnist", "embedded").test.images[:200]
    model = trained("dbp_autoencoders", "laptop", dataset="mnist", **fields)
    frame = load("dbp_autoencoders", "laptop")
    row = frame[(frame["dataset"] == "mnist") & (frame[list(fields)] == list(fields.values())).all(axis=1)].iloc[0]
    assert reconstruction(model, digits)["reconstruction"] == pytest.approx(row["reconstruction"], rel=0.1)
    found = autoencoder_gradients(model, digits[:50], projections=4)
    for name in ("whole", "encoder_path", "jacobian"):
        assert float(found[name].mean()) == pytest.approx(row[name], rel=0.25)
