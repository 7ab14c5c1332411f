"""The figures of chapter 07: windows where the painter put them, a line a network, a plan with all of its parts."""

import pytest
import torch
from matplotlib.patches import Rectangle

from dbp import plots
from dbp.models.draw import Attention, Window

WORDS = dict(title="A sentence", alt="A canvas that gets darker, step by step")


def window(x=13.5, y=13.5, side=10.0, count=2):
    return Window(*(torch.full((count,), float(value)) for value in (x, y, side)))


def painting(steps=16, windows=(), **options):
    canvases = [torch.full((2, 1, 28, 28), step / steps) for step in range(steps)]
    return plots.painting(torch.zeros(2, 1, 28, 28), canvases, windows, **WORDS, **options).figure.axes


def seen_through(*windows, width=0.5):
    return list(windows), [torch.full((2,), width)] * len(windows)


def test_painting_has_a_row_an_image_and_shows_the_first_and_the_last_step():
    axes = painting(columns=4)
    assert len(axes) == 2 * (1 + 4)
    assert [ax.get_title() for ax in axes[:5]] == ["image", "t = 1", "t = 6", "t = 11", "t = 16"]
    assert float(axes[4].images[0].get_array()[0, 0]) == pytest.approx(15 / 16)


@pytest.mark.parametrize("columns, shown", [(8, 3), (1, 1)])
def test_no_step_is_drawn_twice(columns, shown):
    assert len(painting(3, columns=columns)) == 2 * (1 + shown)


def test_map_of_the_windows_counts_points_where_they_lie():
    """Three by three points on pixels 4, 6 and 8 across and 14, 16 and 18 down, as sharp as needles."""
    axes = painting(1, {"where it looks": seen_through(window(6.0, 16.0, 4.0), width=0.2)}, points=3)
    drawn = torch.as_tensor(axes[5].images[0].get_array())
    assert drawn.shape == (28 + 16, 28 + 16) and axes[5].get_xlim() == (-8.5, 35.5)
    peaks = {(int(y) - 8, int(x) - 8) for y, x in (drawn > drawn.max() / 2).nonzero()}
    assert peaks == {(y, x) for y in (14, 16, 18) for x in (4, 6, 8)}


def test_soft_points_are_as_many_as_sharp_ones_and_maps_share_their_scale():
    sharp, soft = (seen_through(window(side=8.0), width=width) for width in (0.5, 1.5))
    axes = painting(1, {"where it looks": sharp, "where it paints": soft})
    maps = [ax.images[0] for ax in axes if ax.images and ax.images[0].get_cmap().name == "Blues"]
    assert [float(part.get_array().sum()) for part in maps] == pytest.approx([144.0, 144.0], rel=0.01)
    assert len({part.get_clim() for part in maps}) == 1


def test_frame_on_a_map_is_that_of_the_image():
    axes = painting(1, {"where it looks": seen_through(window())})
    (frame,) = [patch for patch in axes[5].patches if isinstance(patch, Rectangle)]
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (-0.5, -0.5, 28, 28)


def test_scheme_names_all_parts_of_a_step():
    texts = " ".join(text.get_text() for text in plots.draw_scheme(**WORDS).figure.axes[0].texts)
    assert all(part in texts for part in ("image", "error image", "read", "encoder", "code", "decoder", "write", "canvas"))


def test_glimpse_draws_the_points_where_the_filters_look():
    eye = Attention((1, 28, 28), 4, 5)
    with torch.no_grad():
        rows, columns, _, place = eye.filters(torch.tensor([[0.2, -0.3, 0.0, -1.0, 0.0]]))
    image = torch.rand(28, 28, generator=torch.Generator().manual_seed(0))
    axes = plots.glimpse(image, rows[0], columns[0], place, rows[0] @ image @ columns[0].T, **WORDS).figure.axes
    (points,) = axes[0].lines
    pixels = torch.arange(28.0)
    assert sorted(set(points.get_xdata())) == pytest.approx((columns[0] @ pixels).tolist(), abs=0.1)
    assert sorted(set(points.get_ydata())) == pytest.approx((rows[0] @ pixels).tolist(), abs=0.1)
    assert len(points.get_xdata()) == 25 and axes[1].images[0].get_array().shape == (5, 28)
    assert axes[2].images[0].get_array().shape == (5, 5)


def test_a_panel_a_measure_and_a_line_a_network():
    lines = {"plain": [1.0, 2.0, 3.0], "attached": [3.0, 2.0, 1.0]}
    found = plots.over_steps({"KL": lines, "loss": lines}, **WORDS).figure.axes
    assert [ax.get_title() for ax in found] == ["KL", "loss"]
    assert [list(line.get_xdata()) for line in found[0].lines] == [[1, 2, 3], [1, 2, 3]]
    assert {text.get_text() for text in found[1].texts} == {"plain", "attached"}
    assert {line.get_color() for line in found[0].lines} == {plots.COLORS["plain"], plots.COLORS["attached"]}


def test_measures_over_the_steps_have_a_panel_each_and_count_from_one():
    panels = {"KL divergence (nats)": {"plain": [0.5, 0.25]}, "loss (nats)": {"plain": [3.0, 2.0]}}
    first, second = plots.over_steps(panels, **WORDS).figure.axes
    assert [first.get_title(), second.get_title()] == list(panels)
    assert list(first.lines[0].get_xdata()) == [1, 2] and list(first.lines[0].get_ydata()) == [0.5, 0.25]
