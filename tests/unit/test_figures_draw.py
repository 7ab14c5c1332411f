"""The figures of chapter 07: windows where the painter put them, heavier lines where it looks sharply, a line a network."""

import pytest
import torch
from matplotlib.patches import Rectangle

from dbp import plots
from dbp.models.draw import Attention, Window

WORDS = dict(title="A sentence", alt="A canvas that gets darker, step by step")


def window(x=13.5, y=13.5, side=10.0, count=2):
    return Window(*(torch.full((count,), float(value)) for value in (x, y, side)))


def painting(windows, **options):
    canvases = [torch.full((2, 1, 28, 28), step / len(windows)) for step in range(len(windows))]
    return plots.painting(torch.zeros(2, 1, 28, 28), canvases, windows, **WORDS, **options).figure.axes


def frames(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def test_painting_has_a_row_an_image_and_shows_the_first_and_the_last_step():
    axes = painting([window() for _ in range(16)], columns=4)
    assert len(axes) == 2 * (1 + 4)
    assert [ax.get_title() for ax in axes[:5]] == ["image", "t = 1", "t = 6", "t = 11", "t = 16"]
    assert float(axes[4].images[0].get_array()[0, 0]) == pytest.approx(15 / 16)


@pytest.mark.parametrize("columns, shown", [(8, 3), (1, 1)])
def test_no_step_is_drawn_twice(columns, shown):
    assert len(painting([window()] * 3, columns=columns)) == 2 * (1 + shown)


def test_frame_lies_around_its_centre_with_its_side():
    (frame,) = frames(painting([window(10.0, 20.0, 6.0)])[1])
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (7.0, 17.0, 6.0, 6.0)


def test_windows_that_stick_out_are_seen_whole_and_all_cells_keep_one_scale():
    axes = painting([window(), window(20.0, 5.0, 30.0)])
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1
    (low, high), (bottom, top) = axes[0].get_xlim(), axes[0].get_ylim()
    assert low <= 5 and high >= 35 and top <= -10 and bottom >= 20


def test_sharper_filters_have_heavier_lines():
    sharp, soft = torch.full((2,), 1.0), torch.full((2,), 3.0)
    axes = painting([window(), window()], widths={"write": [sharp, soft]})
    assert frames(axes[1])[0].get_linewidth() > 1.5 * frames(axes[2])[0].get_linewidth()


def test_read_windows_are_dashed_and_named():
    axes = painting([window()], reads=[window(5.0)])
    assert [frame.get_linestyle() for frame in frames(axes[1])] == ["-", "--"]
    assert [text.get_text() for text in axes[0].figure.legends[0].get_texts()] == ["write window", "read window"]


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
    assert len(points.get_xdata()) == 25 and len(axes[1].lines) == 5
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
