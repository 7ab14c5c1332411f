"""Training a classifier: it learns, resumes to the bit, stops by the rule, and refuses to go on with a broken loss."""

import pytest
import torch
from torch import nn

from dbp import data
from dbp.data import Split
from dbp.files import digest_of_tensors
from dbp.metrics import accuracy
from dbp.models.classifiers import build_classifier
from dbp.runs import weights
from dbp.runs.records import Record
from dbp.training import ClassifierTraining, fit_classifier, should_stop, smoothed_cross_entropy


class Memory:
    """A checkpoint that lives in memory, with the two methods that the loop calls."""

    def __init__(self):
        self.state = None

    def save(self, tensors, meta):
        self.state = {name: value.clone() for name, value in tensors.items()}, {"history": list(meta["history"])}

    def load(self):
        return self.state


def two_blobs(count=200, seed=0):
    """Two classes that a line separates, as images of one pixel row."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    images = (0.25 + 0.5 * labels[:, None] + 0.05 * torch.randn(count, 4, generator=generator)).clamp(0, 1)
    return Split(images.reshape(count, 1, 1, 4), labels)


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def train(epochs, checkpoint=None, model=None, objective=None, seed=0):
    model = model or network()
    history = fit_classifier(
        model, two_blobs(), two_blobs(60, seed=1), ClassifierTraining(max_epochs=epochs, batch_size=16),
        objective=objective or smoothed_cross_entropy(), checkpoint=checkpoint,
        generator=torch.Generator().manual_seed(seed),
    )
    return model.cpu(), history


def test_training_separates_two_blobs():
    _, history = train(8)
    assert history[0]["validation_accuracy"] < 0.9 < history[-1]["validation_accuracy"]
    assert history[-1]["loss"] < history[1]["loss"]


def test_resumed_training_equals_unbroken_training_to_the_bit():
    unbroken, history = train(4)
    checkpoint = Memory()
    train(2, checkpoint)
    resumed, again = train(4, checkpoint)
    assert again == history
    assert all(torch.equal(a, b) for a, b in zip(unbroken.state_dict().values(), resumed.state_dict().values(), strict=True))


def test_a_checkpoint_of_the_last_epoch_is_not_trained_again():
    checkpoint = Memory()
    first, history = train(3, checkpoint)
    again, same = train(3, checkpoint)
    assert same == history
    assert torch.equal(first[1].weight, again[1].weight)


def test_another_seed_gives_other_weights():
    assert not torch.equal(train(1, seed=0)[0][1].weight, train(1, seed=1)[0][1].weight)


def test_global_random_state_is_untouched():
    before = torch.get_rng_state()
    train(1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 1e9])
def test_a_broken_loss_stops_the_run_and_names_epoch_and_step(broken):
    def objective(model, x, y, generator):
        return {"loss": model(x).sum(1) * 0 + broken}

    with pytest.raises(FloatingPointError, match="in epoch 1, step 0"):
        train(3, objective=objective)


def test_a_step_is_one_fused_adam(monkeypatch):
    made, adam = [], torch.optim.Adam

    def remembered(*arguments, **options):
        made.append(adam(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(torch.optim, "Adam", remembered)
    model, _ = train(1)
    (optimizer,) = made
    (group,) = optimizer.param_groups
    assert group["fused"] is True and (group["betas"], group["eps"], group["lr"]) == ((0.9, 0.999), 1e-8, 1e-3)
    assert len(group["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize("name", ["A", "B", "cvnet"])
def test_convolutions_lie_channels_last_and_stay_so_in_a_training(name):
    model = build_classifier(name, seed=0)
    size = (3, 32, 32) if name == "cvnet" else (1, 28, 28)
    part = Split(torch.rand(4, *size, generator=torch.Generator().manual_seed(0)), torch.arange(4))
    before = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d)]
    fit_classifier(model, part, part, ClassifierTraining(max_epochs=1), objective=smoothed_cross_entropy(),
                   generator=torch.Generator())
    after = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d)]
    for weight in before + after:
        assert weight.is_contiguous(memory_format=torch.channels_last)
    assert any(not weight.is_contiguous() for weight in after)


@pytest.mark.parametrize("name", ["A", "B", "C", "cvnet"])
def test_a_network_that_was_kept_and_loaded_gives_the_same_logits_to_the_bit(tmp_path, name):
    model = build_classifier(name, seed=0).eval()
    images = torch.rand(5, *((3, 32, 32) if name == "cvnet" else (1, 28, 28)), generator=torch.Generator().manual_seed(1))
    tensors = model.state_dict()
    run = Record("toy", {"name": name}, "data", (), "0" * 16, {}, {}, digest_of_tensors(tensors))
    weights.keep(run, tensors, tmp_path)
    again = weights.load_into(build_classifier(name, seed=7), weights.kept(run, tmp_path))
    assert torch.equal(again(images), model(images))
    for ours, theirs in zip(again.parameters(), model.parameters(), strict=True):
        assert ours.stride() == theirs.stride()


def test_a_colour_set_is_trained_on_and_measured_as_it_is_stored():
    digits = data.load("colour-digits")
    part, held_out = digits.train[:256], digits.test[:100]
    assert isinstance(part.images, data.PixelStore) and isinstance(held_out.images, data.PixelStore)
    model, settings = build_classifier("cvnet", seed=0), ClassifierTraining(max_epochs=1, batch_size=32)
    history = fit_classifier(model, part, held_out, settings, objective=smoothed_cross_entropy(),
                             generator=torch.Generator().manual_seed(0))
    model.cpu()
    assert [row["epoch"] for row in history] == [0, 1] and 0 < history[1]["loss"] < 2.5
    found = accuracy(model, held_out.images, held_out.labels)
    assert found == accuracy(model, held_out.images[:], held_out.labels)
    assert found == pytest.approx(history[1]["validation_accuracy"], abs=0.02)  # that was on the device of the training


def test_stored_pixels_train_like_a_tensor_of_them():
    part = data.load("colour-digits").train[:64]
    floats, found = Split(part.images[:], part.labels), []
    for split in (part, floats):
        model = build_classifier("cvnet", seed=0)
        found.append(fit_classifier(model, split, split[:20], ClassifierTraining(max_epochs=1, batch_size=32),
                                    objective=smoothed_cross_entropy(), generator=torch.Generator().manual_seed(0)))
    assert found[0] == found[1]


def test_empty_split_is_refused():
    empty = two_blobs()[:0]
    with pytest.raises(ValueError, match="must not be empty, but hold 0 and 200"):
        fit_classifier(network(), empty, two_blobs(), ClassifierTraining(), objective=smoothed_cross_entropy(),
                       generator=torch.Generator())


def rule(stopping, patience=2, max_epochs=100):
    return ClassifierTraining(stopping=stopping, patience=patience, max_epochs=max_epochs)


def test_patience_counts_epochs_since_the_best():
    assert not should_stop([0.5, 0.6, 0.6], rule("patience"))
    assert should_stop([0.5, 0.6, 0.6, 0.59], rule("patience"))
    assert not should_stop([0.5, 0.6, 0.6, 0.61], rule("patience"))


def test_a_gain_below_min_delta_is_no_gain():
    assert should_stop([0.6, 0.60005, 0.60009], rule("patience"))


def test_equal_stops_only_where_two_successive_accuracies_agree():
    assert not should_stop([0.5, 0.6, 0.58], rule("equal"))
    assert should_stop([0.5, 0.6, 0.6], rule("equal"))


def test_no_increase_stops_at_the_first_loss_of_accuracy_after_the_patience():
    assert not should_stop([0.6, 0.5], rule("no_increase"))
    assert should_stop([0.5, 0.6, 0.58], rule("no_increase"))


def test_max_epochs_ends_it_whatever_the_rule():
    assert should_stop([0.1, 0.2, 0.3], rule("patience", patience=50, max_epochs=3))


@pytest.mark.parametrize("wrong, words", [
    (dict(max_epochs=0), "max_epochs must be above 0, but is 0"),
    (dict(learning_rate=-1.0), "learning_rate must be above 0, but is -1.0"),
    (dict(stopping="never"), "stopping must be one of patience, equal, no_increase, but is 'never'"),
])
def test_wrong_settings_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        ClassifierTraining(**wrong)
