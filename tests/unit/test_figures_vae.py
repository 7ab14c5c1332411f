"""The figures of chapter 05: nothing that is given is left out, and what is named stands where it belongs."""

import pytest
import torch

from dbp.plots import vae

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def texts(ax):
    return {text.get_text(): text for text in ax.texts}


def test_bound_has_a_named_line_a_width_and_the_level_above_them():
    mu = torch.linspace(-1, 1, 5)
    (ax,) = vae.bound(mu, {0.5: -mu**2 - 2, 1.0: -mu**2 - 1}, -0.5, **WORDS).figure.axes
    level, *lines = ax.lines
    assert len(lines) == 2 and {"σ = 0.5", "σ = 1", "log p(x)"} <= set(texts(ax))
    assert set(level.get_ydata()) == {-0.5} and ax.get_ylim()[1] > -0.5


def test_learning_curve_stacks_the_two_terms_and_leaves_out_what_was_before_training():
    history = [{"epoch": 0, "test": 900.0}] + [
        {"epoch": epoch, "reconstruction": 100.0, "kl": 20.0, "test": 130.0} for epoch in (1, 2)]
    (ax,) = vae.learning_curve(history, 200.0, **WORDS).figure.axes
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in ax.collections]
    assert tops == [100.0, 120.0]
    assert list(ax.lines[0].get_xdata()) == [1, 2] and ax.get_ylim()[1] > 200


def test_knobs_sorts_the_latents_and_tells_idle_ones_apart():
    kl = torch.tensor([0.0, 2.0, 0.01, 1.0])
    walks = {1: torch.zeros(3, 1, 4, 4), 0: torch.ones(3, 1, 4, 4)}
    bars, *strips = vae.knobs(kl, 0.05, walks, **WORDS).figure.axes
    assert [bar.get_height() for bar in bars.patches] == pytest.approx([2, 1, 0.01, 0])
    used, idle = bars.patches[1].get_facecolor(), bars.patches[2].get_facecolor()
    assert used != idle and bars.patches[0].get_facecolor() == used and "2 idle" in texts(bars)
    assert [strip.get_ylabel() for strip in strips] == ["latent\n1", "latent\n4"]
    assert strips[1].images[0].get_array().shape == (4, 12)


def test_knobs_with_no_idle_latent_says_nothing_of_them():
    bars, _ = vae.knobs(torch.ones(2), 0.05, {0: torch.zeros(2, 1, 4, 4)}, **WORDS).figure.axes
    assert not bars.texts


def test_neighbours_draws_each_image_over_its_reconstruction_and_a_line_at_its_distance():
    picture = torch.zeros(1, 4, 4)
    pictures = {"the digit": (picture, picture, 0.0), "near": (picture + 0.5, picture + 1, 2.5),
                "noise": (picture, picture, 1.0)}
    pairs = {"same": torch.rand(100) + 3, "other": torch.rand(100) + 5}
    *grid, below = vae.neighbours(pictures, pairs, **WORDS).figure.axes
    assert [ax.get_title() for ax in grid if ax.get_title()] == list(pictures)
    assert [float(ax.images[0].get_array().max()) for ax in grid] == [0, 0, 0.5, 1, 0, 0]
    assert [line.get_xdata()[0] for line in below.lines] == [1.0, 2.5]
    assert texts(below)["noise"].get_ha() == "right" and texts(below)["near"].get_ha() == "left"
    assert texts(below)["same"].xy[0] < texts(below)["other"].xy[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions_stand_side_by_side(channels):
    images = torch.rand(5, channels, 8, 8)
    found = vae.reconstruction_rows({"digits": images, "plain": images}, **WORDS).figure
    assert [ax.get_ylabel() for ax in found.axes] == ["digits", "plain"]
    shown = found.axes[0].images[0].get_array()
    assert shown.shape[:2] == (8, 40)
    assert torch.as_tensor(shown[:, 8:16]).reshape(8, 8, -1)[..., 0].tolist() == images[1, 0].tolist()
