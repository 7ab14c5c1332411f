"""The drawings: sizes are those of the networks, and the second pass reaches the weights in two ways."""

import pytest
import torch

from dbp import plots
from dbp.models.classifiers import build_classifier

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def texts(figure):
    return [text.get_text() for text in figure.figure.axes[0].texts]


def test_layers_are_written_with_the_sizes_that_the_network_has():
    found = texts(plots.network_layers({"A": build_classifier("A", seed=0), "C": build_classifier("C", seed=0)},
                                       torch.zeros(1, 1, 28, 28), **WORDS))
    assert "A  (710,218 weights)" in found and "C  (567,434 weights)" in found
    assert [text for text in found if "maps" in text] == ["64 maps\n14×14", "128 maps\n5×5", "128 maps\n1×1"]
    assert [text for text in found if text in ("512", "256", "128")] == ["512", "256", "128"]
    assert found.count("28×28") == 2 and found.count("10") == 2 and "convolution\n8×8, step 2, ReLU" in found


def test_pooling_is_told_with_its_layer_and_changes_the_size():
    found = texts(plots.network_layers({"LeNet": build_classifier("lenet", seed=0)}, torch.zeros(1, 1, 28, 28), **WORDS))
    assert "6 maps\n14×14" in found and sum("pooled" in text for text in found) == 2


def test_a_colour_image_says_its_channels():
    found = texts(plots.network_layers({"CvNet": build_classifier("cvnet", seed=0)}, torch.zeros(1, 3, 32, 32), **WORDS))
    assert "3 maps\n32×32" in found


def test_second_pass_reaches_the_weights_through_the_loss_and_through_the_slopes():
    figure = plots.two_backward_passes(**WORDS)
    assert texts(figure).count("to $w$") == 2
    (ax,) = figure.figure.axes
    boxes = {text.get_text(): text.get_position() for text in ax.texts}
    ends = [text.xy for text in ax.texts if text.get_text() == "" and text.arrow_patch.get_linestyle() != "-"]
    for network in ("network\nwith weights $w$", "the same network,\nbackwards, same $w$"):
        x, y = boxes[network]
        assert any(abs(end[0] - x) <= 1.1 + 1e-9 and abs(end[1] - y) <= 0.42 + 1e-9 for end in ends), network


@pytest.mark.parametrize("latents", [2, 32])
def test_scheme_of_an_autoencoder_names_both_sizes(latents):
    found = " ".join(texts(plots.autoencoder_scheme(784, latents, **WORDS)))
    assert found.count("784 pixels") == 2 and f"{latents} numbers" in found
