"""The figures of chapter 02: a gradient's sign has its colour, a tangent its slope, and nothing given is left out."""

import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.quiver import QuiverKey

from dbp import plots

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def test_slopes_have_a_symmetric_scale_with_words_for_its_ends():
    gradient = torch.full((1, 4, 4), -0.5)
    _, slopes, bar = plots.input_gradient(torch.zeros(1, 4, 4), gradient, **WORDS).figure.axes
    assert slopes.images[0].get_clim() == (-0.5, 0.5)
    assert "loss falls" in bar.get_yticklabels()[0].get_text()


def test_fields_have_a_panel_a_network_with_the_points_of_both_classes():
    axis = torch.linspace(-1, 1, 7)
    grid, labels = torch.cartesian_prod(axis, axis), torch.tensor([0, 0, 1])
    plane = (torch.full((49,), 0.5), torch.ones(49, 2))
    axes = plots.fields({"plain": plane, "flat": plane}, grid, torch.zeros(3, 2), labels, **WORDS).figure.axes
    assert [ax.get_title() for ax in axes] == ["plain", "flat"]
    points = [part for part in axes[0].collections if isinstance(part, PathCollection)]
    assert [len(part.get_offsets()) for part in points] == [2, 1]
    assert [axes[0].get_xlabel(), axes[0].get_ylabel()] == ["$x_1$", "$x_2$"] and len(axes[0].get_xticks()) > 2
    key = next(part for part in axes[-1].artists if isinstance(part, QuiverKey))
    assert key.U == 0.7 and "0.7 a unit" in key.text.get_text()  # half of the longest, sqrt(2), in one digit


def test_tangent_starts_at_the_output_with_its_slope():
    t = torch.linspace(0, 0.5, 11)
    above, _ = plots.first_order(t, 2 - t.square(), -3.0, 5.0, **WORDS).figure.axes
    tangent, output = above.lines
    assert tangent.get_ydata()[0] == output.get_ydata()[0] == 2
    assert tangent.get_ydata()[-1] == pytest.approx(2 - 3 * 0.5)


@pytest.mark.parametrize(("norm", "outside"), [(0.2, True), (0.6, False)])
def test_a_way_out_of_the_cone_shows_however_small(norm, outside):
    t = torch.linspace(0, 0.5, 11)
    _, room = plots.first_order(t, 2 - t.square(), -0.1, norm, **WORDS).figure.axes
    left = room.lines[1].get_ydata()
    assert left[-1] == pytest.approx(norm * 0.5 - 0.25) and (left.min() < 0) == outside
    assert [text.get_text() for text in room.texts] == ["outside"] * outside
    assert room.get_ylim()[0] <= 4 * min(left.min(), 0) and room.get_ylim()[0] < 0 < room.get_ylim()[1]


def test_cliff_shows_four_images_of_the_way_and_both_ends_of_the_norm():
    t = torch.linspace(0, 1, 10)
    images = t.view(-1, 1, 1, 1).expand(10, 1, 4, 4)
    strip, _, below = plots.hidden_cliff(t, 1 - t, t + 1, images, **WORDS).figure.axes
    assert [float(inset.images[0].get_array().max()) for inset in strip.child_axes] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert below.lines[1].get_ydata().tolist() == [1, 2]
    assert {text.get_text() for text in below.texts} == {"at x:\n1.00", "at the adversarial twin:\n2.00"}


def test_rows_have_a_bar_each_and_their_mean_as_a_level():
    (ax,) = plots.row_estimates(torch.tensor([1.0, 3.0]), 2.0, **WORDS).figure.axes
    assert [bar.get_height() for bar in ax.patches] == [1, 3] and set(ax.lines[0].get_ydata()) == {2}
