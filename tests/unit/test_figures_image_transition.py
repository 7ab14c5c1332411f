"""The figures of chapter 10: nothing that is given is left out, and what is named stands where it belongs."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from dbp.plots import image_transition as figures
from dbp.plots.style import COLORS

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def texts(ax):
    return {text.get_text(): text for text in ax.texts}


def test_a_pull_that_becomes_zero_ends_in_a_cross_and_one_that_does_not_has_none():
    margins = np.array([0.0, 1.0, 2.0, 3.0])
    pulls = {"on probabilities": (margins, np.array([1.0, 0.1, 0.0, 0.0])), "on log densities": (margins, np.ones(4))}
    (ax,) = figures.pull_over_margin(pulls, **WORDS).figure.axes
    falling, cross, level = ax.lines
    assert falling.get_xdata().tolist() == [0, 1] and level.get_xdata().tolist() == margins.tolist()
    assert cross.get_marker() == "X" and (cross.get_xdata()[0], cross.get_ydata()[0]) == (1, 0.1)
    assert set(pulls) < set(texts(ax)) and ax.get_yscale() == "log"


def walk(shade):
    rising = torch.linspace(0, 1, 5)
    return torch.full((5, 1, 4, 4), shade), torch.full((5, 1, 4, 4), 1 - shade), 1 - rising, rising, rising / 2


def test_strips_show_the_steps_that_are_asked_for_and_three_named_curves_an_encoder():
    walks = {"plain": walk(0.25), "detached": walk(0.5)}
    walks["plain"][0][4] = 1.0
    axes = figures.walk_strips(walks, [0, 2, 4], (9, 7), **WORDS).figure.axes
    pictures, curves = [ax for ax in axes if ax.images], [ax for ax in axes if ax.lines]
    shades = [float(ax.images[0].get_array().mean()) for ax in pictures]
    assert shades == [0.25, 0.25, 1, 0.75, 0.75, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert [ax.get_ylabel() for ax in pictures[::3]] == ["plain", "comes out", "detached", "comes out"]
    assert [ax.get_title() for ax in pictures[:3]] == ["step 0", "2", "4"]
    assert len(curves) == 2
    for ax, name in zip(curves, walks, strict=True):
        assert set(texts(ax)) == {"9", "7", "LeNet: 7"}
        old, new, judge = ax.lines
        assert to_hex(new.get_color()) == COLORS[name].lower() and list(new.get_ydata()) == [0, 0.25, 0.5, 0.75, 1]
        assert list(old.get_ydata()) == [1, 0.75, 0.5, 0.25, 0] and judge.get_linestyle() == "--"
        assert new.get_linewidth() > old.get_linewidth()


def test_grid_frames_exactly_the_pictures_that_are_read_as_wanted():
    rows = {"in": torch.zeros(2, 1, 4, 4), "out": torch.ones(2, 3, 4, 4)}
    read = {"in": torch.tensor([9, 4]), "out": torch.tensor([7, 4])}
    axes = figures.readings_grid(rows, ["9 → 7", "4 → 1"], read, torch.tensor([7, 1]), **WORDS).figure.axes
    assert [ax.get_xlabel() for ax in axes] == ["reads 9", "reads 4", "reads 7 ✓", "reads 4"]
    assert [ax.spines["left"].get_visible() for ax in axes] == [False, False, True, False]
    assert [ax.get_ylabel() for ax in axes] == ["in", "", "out", ""]
    assert [ax.get_title() for ax in axes] == ["9 → 7", "4 → 1", "", ""]


def test_grid_with_a_heading_too_few_is_refused():
    with pytest.raises(ValueError):
        figures.readings_grid({"in": torch.zeros(2, 1, 4, 4)}, ["a"], {"in": torch.arange(2)}, torch.arange(2), **WORDS)


def test_seeds_are_drawn_thin_and_their_mean_thick():
    lines = {"plain": [((0, 1), (0.0, 0.2)), ((0, 3), (0.0, 0.6))], "straight line": [((0, 2), (0.0, 1.0))]}
    (ax,) = figures.seen_over_distance({"judge": lines}, xlabel="distance", **WORDS).figure.axes
    thick = [line for line in ax.lines if line.get_linewidth() == 2]
    assert len(ax.lines) == 4 and len(thick) == 2
    assert thick[0].get_xydata()[-1].tolist() == pytest.approx([2, 0.4])
    assert to_hex(thick[0].get_color()) == COLORS["plain"].lower() and thick[1].get_linestyle() == "--"
    assert set(texts(ax)) == {"plain", "straight line"} and ax.get_title() == "judge"


def test_one_seed_is_its_own_mean_and_panels_share_their_height():
    lines = {"detached": [((0, 1), (0.0, 0.2))]}
    axes = figures.seen_over_distance({"a": lines, "b": lines}, xlabel="distance", **WORDS).figure.axes
    assert [len(ax.lines) for ax in axes] == [1, 1] and axes[0].get_ylim() == axes[1].get_ylim()
    for ax in axes:  # the name lies within its panel
        assert texts(ax)["detached"].xy[0] < ax.get_xlim()[1]
