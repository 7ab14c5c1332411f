"""Training by Algorithms 1 and 2: the schedule, the readings, resuming to the bit, and the experiment around it."""

import dataclasses

import pytest
import torch

from dbp import profiles
from dbp.experiments import dbp_autoencoders
from dbp.files import Checkpoint
from dbp.models.draw import DRAW
from dbp.models.vae import dense_vae
from dbp.runs import records
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


@pytest.mark.parametrize("field", ["lam1", "lam2", "weight_decay", "input_noise", "clip", "learning_rate", "target", "unit"])
def test_every_setting_reaches_the_training(field):
    value = {"target": "detached", "unit": "mean"}.get(field, 0.3)
    shared = {"lam2": 0.1, "start": 0.0} if field in ("target", "unit") else {"start": 0.0}
    assert fit(vae(), **shared)[-1] != fit(vae(), **shared | {field: value})[-1]


def test_input_noise_is_for_the_encoder_only():
    seen = []

    class Spy(torch.nn.Module):
        latents = 2

        def forward(self, x, noise=None):
            seen.append(x)
            return inner(x, noise)

        def likelihood(self, logits, target):
            seen.append(target)
            return inner.likelihood(logits, target)

    inner = vae()
    autoencoder_terms(Spy(), IMAGES, AutoencoderTraining(1, input_noise=0.5), generator())
    assert torch.equal(seen[1], IMAGES) and not torch.equal(seen[0], IMAGES)
    assert 0 <= seen[0].min() and seen[0].max() <= 1


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


class Lazy:
    """Stored pixels as `dbp.data.pixels.PixelStore` offers them."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return Lazy(self.images[index])

    def tensor(self):
        return self.images


def test_stored_pixels_train_like_a_tensor():
    stored = fit_autoencoder(vae(), Lazy(IMAGES), AutoencoderTraining(2, batch_size=16), generator=generator())
    assert stored == fit_autoencoder(vae(), IMAGES, AutoencoderTraining(2, batch_size=16), generator=generator())


@pytest.mark.parametrize(("field", "value", "message"), [
    ("max_epochs", 0, "max_epochs must be above 0, but is 0"),
    ("clip", 0, "clip must be above 0, but is 0"),
    ("lam2", -1, "lam2 must be at least 0, but is -1"),
    ("input_noise", float("nan"), "input_noise must be at least 0, but is nan"),
    ("target", "both", "target must be one of attached, detached, but is 'both'"),
    ("unit", "pixel", "unit must be one of sum, mean, but is 'pixel'"),
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


# --- the experiment -------------------------------------------------------------------------------------------------


def smoke(**fields):
    return next(config for config in dbp_autoencoders.plan(profiles.load("smoke"))
                if all(getattr(config, name) == value for name, value in fields.items()))


def test_plan_has_every_run_once_and_shares_the_plain_ones():
    for name in ("smoke", "laptop", "paper"):
        runs = dbp_autoencoders.plan(profiles.load(name))
        assert len(runs) == len(set(runs))
        assert len({records.key_of(dbp_autoencoders, config) for config in runs if config.dataset != "celeba"}) == len(
            [config for config in runs if config.dataset != "celeba"])
    path = [c for c in dbp_autoencoders.plan(profiles.load("laptop")) if c.model == "VAE" and c.max_epochs == 4]
    assert {c.lam2 for c in path} == {0, 0.001, 0.003, 0.01, 0.03, 0.1, 1}
    assert {(c.target, c.seed) for c in path if c.lam2 == 1} == {(t, s) for t in ("attached", "detached") for s in range(3)}


def test_plan_of_a_data_set_that_is_not_on_disk_can_be_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("DBP_DATA", str(tmp_path))
    config = next(c for c in dbp_autoencoders.plan(profiles.load("paper")) if c.dataset == "celeba")
    assert records.planned(dbp_autoencoders, config).data == "not on disk"
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
    ({"model": "GAN"}, "model must be one of VAE"),
    ({"lam2": 0.0}, "target must be given where lam2 is above 0, and only there, but is 'detached' at lam2 0.0"),
    ({"target": "none"}, "target must be given where lam2 is above 0"),
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


def test_trained_network_is_the_one_that_was_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("DBP_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv("DBP_CACHE", str(tmp_path / "cache"))
    wanted = {"model": "VAE", "target": "attached", "seed": 1}
    with pytest.raises(LookupError, match="`dbp run dbp_autoencoders` makes"):
        dbp_autoencoders.trained("smoke", **wanted)
    frame = dbp_autoencoders.results("smoke", only=wanted, progress=False)
    from dbp import data
    from dbp.metrics import reconstruction

    model = dbp_autoencoders.trained("smoke", **wanted)
    found = reconstruction(model, data.load("mnist", "embedded").test.images[:100])
    assert found["reconstruction"] == pytest.approx(frame["reconstruction"].item(), rel=1e-6)


@pytest.mark.parametrize("fields", [
    {"model": "VAE", "lam2": 0.0}, {"model": "VAE", "target": "attached"}, {"model": "VAE", "target": "detached"},
    {"model": "DRAW16 (attention)", "lam2": 0.0}, {"model": "DRAW16 (attention)", "target": "attached"},
], ids=lambda fields: " ".join(map(str, fields.values())))  # fmt: skip
def test_committed_network_is_about_as_good_as_its_record_says(fields):
    """The record is of 10,000 digits in full precision, this of 200 others in half."""
    from dbp import data
    from dbp.metrics import autoencoder_gradients, reconstruction

    digits = data.load("mnist", "embedded").test.images[:200]
    model = dbp_autoencoders.trained("laptop", dataset="mnist", **fields)
    frame = records.load("dbp_autoencoders", "laptop")
    row = frame[(frame["dataset"] == "mnist") & (frame[list(fields)] == list(fields.values())).all(axis=1)].iloc[0]
    assert reconstruction(model, digits)["reconstruction"] == pytest.approx(row["reconstruction"], rel=0.1)
    found = autoencoder_gradients(model, digits[:50], projections=4)
    for name in ("whole", "encoder_path", "jacobian"):
        assert float(found[name].mean()) == pytest.approx(row[name], rel=0.25)
