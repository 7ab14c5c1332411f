"""The figures of chapter 08: nothing that is given is left out, and what is named stands where it belongs."""

import math

import pandas
import pytest
import torch
from matplotlib.colors import to_hex

from dbp.plots import auddc
from dbp.plots.style import COLORS
from dbp.tables.cells import Cell

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def texts(ax):
    return {text.get_text(): text for text in ax.texts}


def test_grid_names_rows_at_the_left_and_columns_at_the_top():
    rows = {"in": torch.zeros(3, 1, 4, 4), "out": torch.ones(3, 3, 4, 4)}
    axes = auddc.image_grid(rows, ["a", "b", "c"], **WORDS).figure.axes
    assert [ax.get_ylabel() for ax in axes] == ["in", "", "", "out", "", ""]
    assert [ax.get_title() for ax in axes] == ["a", "b", "c", "", "", ""]
    assert [float(ax.images[0].get_array().mean()) for ax in axes] == [0, 0, 0, 1, 1, 1]


def test_grid_with_a_picture_too_few_is_refused():
    with pytest.raises(ValueError):
        auddc.image_grid({"in": torch.zeros(2, 1, 4, 4)}, ["a", "b", "c"], **WORDS)


def test_curves_are_named_shaded_and_marked_as_asked_and_fall_below_zero_in_sight():
    curves = {"straight line": ((0, 1), (1, 0)), "plain": ((0, 0.5, 1), (1.0, -0.2, -0.4))}
    (ax,) = auddc.distance_over_distortion(curves, shade="plain", points="plain", **WORDS).figure.axes
    line, plain = ax.lines
    assert line.get_linestyle() == "--" and to_hex(plain.get_color()) == COLORS["plain"].lower()
    assert plain.get_marker() == "o" and line.get_marker() in (None, "None")
    assert {"straight line", "plain"} <= set(texts(ax)) and len(ax.collections) == 1
    assert ax.get_ylim()[0] < -0.4 and ax.get_xlim() == (0, 1)


def table(detached):
    rows = []
    for space, shift in (("latent", 0.0), ("output", -0.1)):
        for target, ours, theirs in (("none", 0.3, 0.25), ("attached", 0.4, 0.5), ("detached", detached, 0.5)):
            rows.append({"model": "VAE", "space": space, "target": target, "theirs": Cell(theirs + shift),
                         "ours": None if ours is None else Cell(ours + shift, 0.01, 3), "pairs": (ours + shift - 0.05, 0.6)
                         if ours is not None else None})
    return pandas.DataFrame(rows)


def test_each_model_has_the_papers_arrow_and_our_marks_in_both_panels():
    latent, output = auddc.areas_by_model(table(0.45), ["VAE"], **WORDS).figure.axes
    for ax, shift in ((latent, 0.0), (output, -0.1)):
        marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
        assert marks == pytest.approx([0.3 + shift, 0.4 + shift, 0.45 + shift])
        (arrow,) = ax.texts
        assert (arrow.xyann[0], arrow.xy[0]) == pytest.approx((0.25 + shift, 0.5 + shift))
        assert sum(len(line.get_xdata()) == 2 for line in ax.lines) == 3
    assert latent.get_ylim()[0] > latent.get_ylim()[1]  # the first model on top


def test_what_was_not_run_has_no_mark():
    ax = auddc.areas_by_model(table(None), ["VAE"], **WORDS).figure.axes[0]
    assert sum(len(line.get_xdata()) == 1 for line in ax.lines) == 2


def runs(**columns):
    return pandas.DataFrame({"strength": [0.0, 0.0, 1.0, 1.0], "reconstruction": [0.1, 0.1, 0.2, 0.2], **columns})


def test_blur_has_a_line_a_method_named_at_its_end_and_a_star_for_none():
    paths = {"detached": runs(latent=[0.2, 0.4, 0.5, 0.7]), "KL weight": runs(latent=[0.2, 0.4, 0.1, 0.1])}
    (ax,) = auddc.area_over_blur(paths, {"latent": "latent space"}, **WORDS).figure.axes
    assert {"detached", "KL weight", "plain"} <= set(texts(ax))
    ends = [line.get_xydata()[-1] for line in ax.lines if len(line.get_xydata()) == 2]
    assert [tuple(end) for end in ends] == [pytest.approx((0.2, 0.6)), pytest.approx((0.2, 0.1))]
    assert texts(ax)["plain"].xy == pytest.approx((0.1, 0.3))


def test_methods_that_have_all_collapsed_are_left_out():
    paths = {"attached": runs(latent=[math.nan] * 4), "detached": runs(latent=[0.2, 0.4, 0.5, 0.7])}
    (ax,) = auddc.area_over_blur(paths, {"latent": "latent space"}, **WORDS).figure.axes
    assert "attached" not in texts(ax) and "detached" in texts(ax)
