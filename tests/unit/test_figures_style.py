"""What all figures share: an alt text that travels, labels that keep their distance, images as they are."""

import matplotlib.pyplot as plt
import pytest
import torch

from dbp import plots
from dbp.plots.style import end_labels, show_image


def test_quotes_in_an_alt_text_do_not_break_the_page():
    figure = plots.Figure(plt.figure(), 'a "quoted" word & a sign < here')
    assert "a &quot;quoted&quot; word &amp; a sign &lt; here" in figure._repr_html_()


def test_an_alt_text_that_says_nothing_is_refused():
    with pytest.raises(ValueError, match="what is seen"):
        plots.Figure(plt.figure(), "figure")


def test_labels_keep_their_distance():
    _, ax = plt.subplots()
    ax.set_ylim(0, 100)
    end_labels(ax, [(1, 50, "a", "k"), (1, 51, "b", "k"), (1, 90, "c", "k")], gap=0.1)
    heights = [text.xy[1] for text in ax.texts]
    assert heights == pytest.approx([50, 60, 90])
    plt.close()


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4), (3, 4, 3)])
def test_an_image_is_drawn_pixel_by_pixel_and_without_axes(shape):
    _, ax = plt.subplots()
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    shown = show_image(ax, image)
    assert torch.equal(torch.as_tensor(shown.get_array()), image.detach().squeeze())
    assert shown.get_interpolation() == "nearest" and shown.get_clim() == (0, 1)
    assert not any(side.get_visible() for side in ax.spines.values()) and len(ax.get_xticks()) == 0
    plt.close()


def test_a_signed_image_keeps_the_scale_that_it_is_given():
    _, ax = plt.subplots()
    shown = show_image(ax, torch.zeros(2, 2), cmap="PuOr", vmin=-3, vmax=3)
    assert shown.get_clim() == (-3, 3) and shown.get_cmap().name == "PuOr"
    plt.close()
