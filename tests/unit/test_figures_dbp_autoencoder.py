"""The figures of chapter 06: signed maps with one scale, a dot a seed, lines that start at the plain network."""

import pandas
import pytest
import torch

from dbp import plots

WORDS = dict(title="A sentence", alt="Two lines, the second one higher")


def runs(strengths, blur, norm, seeds=2):
    rows = [{"strength": s, "reconstruction": 0.1 + blur * s, "jacobian": 8 + norm * s, "whole": 300.0, "encoder_path": 20.0,
             "seed": seed} for s in strengths for seed in range(seeds)]
    return pandas.DataFrame(rows)


def test_ways_of_all_networks_share_one_scale_that_is_symmetric():
    image = torch.zeros(1, 4, 4)
    found = plots.gradient_ways(
        {"plain": (image, image, image + 1, image - 5), "attached": (image, image, image + 2, image - 2)}, **WORDS).figure
    maps = [ax.images[0] for ax in found.axes[:10] if ax.images[0].get_cmap().name == "PuOr_r"]
    assert len(maps) == 6
    assert {(m.norm.vmin, m.norm.vmax) for m in maps} == {(-5.0, 5.0)}


def test_ways_show_the_sum_and_the_lengths():
    image = torch.zeros(1, 2, 2)
    axes = plots.gradient_ways({"attached": (image, image, image + 3, image - 2)}, **WORDS).figure.axes
    assert axes[4].images[0].get_array().tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert [ax.get_xlabel() for ax in axes[2:5]] == ["length 6", "length 4", "length 2"]


def test_path_has_a_panel_a_measure_and_a_dot_a_seed():
    path = runs((0.0, 0.01, 1.0), 0.1, -1, seeds=3)
    found = plots.lambda2_paths({"attached": path, "detached": path}, mean_image=0.26, **WORDS).figure
    assert len(found.axes) == 4
    whole = found.axes[1]
    dots = [line for line in whole.lines if line.get_marker() in ("o", "s")]
    assert [len(line.get_xdata()) for line in dots] == [9, 9]
    nothing, little, most = sorted(set(dots[0].get_xdata()))
    assert (little, most) == (-2.0, 0.0) and nothing < little  # a logarithmic axis, with 0 apart
    assert [text.get_text() for text in found.axes[2].get_xticklabels()] == ["0", "0.01", "1"]


def test_courses_have_a_panel_a_measure_and_a_line_a_seed():
    course = pandas.DataFrame({"reconstruction": [0.2, 0.1], "whole": [9.0, 8.0], "encoder_path": [2.0, 3.0],
                               "jacobian": [1.0, 2.0]}, index=[1, 2])
    found = plots.over_epochs({"plain": [course, course], "attached": [course]}, **WORDS).figure
    drawn = [[line for line in ax.lines if len(line.get_xdata())] for ax in found.axes]
    assert [len(lines) for lines in drawn] == [3, 3, 3, 3]
    assert drawn[3][0].get_ydata().tolist() == [1.0, 2.0]
    assert "training" in found.axes[0].get_title() and "training" not in found.axes[1].get_title()


def test_trade_off_starts_at_the_plain_network_and_ends_at_the_limit():
    paths = {"detached": runs((0.0, 0.1, 0.2), 0.1, -10), "KL weight": runs((1.0, 1.5, 9.0), 0.1, -0.5)}
    ax = plots.trade_off(paths, most=0.3, **WORDS).figure.axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert "0.1" in texts and "9" not in texts
    assert {"plain", "detached", "KL weight, up to 1.5"} <= set(texts)
    star = next(line for line in ax.lines if line.get_marker() == "*")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == pytest.approx((0.2, 7.5))
