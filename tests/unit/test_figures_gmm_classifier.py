"""The figures of chapter 09: nothing that is given is left out, and what is named stands where it belongs."""

import pytest
import torch
from matplotlib.colors import to_hex

from dbp.plots import gmm_classifier
from dbp.plots.style import COLORS
from dbp.tables.cells import Cell

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def texts(ax):
    return {text.get_text(): text for text in ax.texts}


def test_every_length_of_training_has_a_named_line_and_the_densities_another():
    z = torch.linspace(-1, 1, 5)
    figure = gmm_classifier.steps_and_slopes(
        z, {0: torch.tensor([-0.5]), 1: torch.tensor([0.5])}, {10: z.sigmoid(), 1000: (9 * z).sigmoid()},
        (3 * z).sigmoid(), **WORDS)
    (ax,) = figure.figure.axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["10 steps", "1,000 steps", "two densities"]
    lines = [line for line in ax.lines if len(line.get_xdata()) == 5]
    ends = torch.tensor([1.0, 9.0, 3.0]).sigmoid().tolist()
    assert [float(line.get_ydata()[-1]) for line in lines] == pytest.approx(ends)


def test_ellipses_are_two_standard_deviations_along_the_axes_of_the_covariance():
    covariance = torch.tensor([[[1.0, 0.0], [0.0, 9.0]]])
    step = torch.zeros(1, 2), covariance, torch.ones(1), -1.25
    axes = gmm_classifier.em_steps(torch.randn(5, 2), {0: step, 7: step}, **WORDS).figure.axes
    assert [ax.get_title() for ax in axes] == ["step 0\n-1.25 nats", "step 7\n-1.25 nats"]
    (ellipse,) = axes[0].patches
    assert (ellipse.width, ellipse.height) == pytest.approx((12, 4)) and abs(ellipse.angle) == pytest.approx(90)
    assert "100%" in texts(axes[0])


def test_maps_have_a_panel_each_with_all_codes_and_a_legend_of_the_classes():
    places, codes = torch.linspace(-1, 1, 4), torch.randn(6, 2)
    maps = {name: (places, places, torch.rand(4, 4), "unit") for name in ("how sure", "how dense")}
    figure = gmm_classifier.class_maps(maps, codes, torch.tensor([0, 0, 1, 1, 1, 0]), ["7", "9"], **WORDS).figure
    panels = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == ["how sure", "how dense"]
    assert [sum(len(line.get_xdata()) for line in ax.lines) for ax in panels] == [6, 6]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["7", "9"]


def test_each_measure_has_a_panel_and_each_covariance_a_named_line():
    lines = {"full": ((1, 2, 5), (3.0, 2.0, 4.0)), "diag": ((1, 2, 5), (6.0, 5.0, 4.5))}
    axes = gmm_classifier.scores_by_components({"BIC": lines, "right": lines}, **WORDS).figure.axes
    assert [ax.get_title() for ax in axes] == ["BIC", "right"]
    for ax in axes:
        assert [list(line.get_ydata()) for line in ax.lines] == [[3, 2, 4], [6, 5, 4.5]]
        assert set(texts(ax)) == {"full", "diag"}


def test_sharpness_has_a_mark_a_latent_and_head_and_the_line_between_used_and_idle():
    spread = torch.tensor([1.0, 0.02, 0.9])
    heads = {"means": torch.tensor([1.0, 50.0, 2.0]), "samples": torch.tensor([2.0, 1.0, 3.0])}
    (ax,) = gmm_classifier.sharpness_by_latent(spread, heads, 0.5, **WORDS).figure.axes
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[50, 2, 1], [1, 3, 2]]
    assert list(ax.lines[2].get_xdata()) == [0.5, 0.5] and {"means", "samples", "in use", "not in use"} <= set(texts(ax))


def test_accuracies_have_a_row_a_classifier_and_the_encoders_their_colours():
    cells = {("GMM", "plain"): Cell(96.0, 0.1, 3), ("GMM", "detached"): Cell(97.0, 0.1, 3), ("LDA", "plain"): Cell(91.0)}
    figure = gmm_classifier.clean_accuracies(cells, {"MLP": Cell(98.0, 0.1, 3)}, {"GMM": 95.28}, **WORDS)
    (ax,) = figure.figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["GMM", "LDA", "MLP"]
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1 and line.get_marker() in ("o", "x")]
    assert sorted(float(line.get_xdata()[0]) for line in marks) == [91.0, 95.28, 96.0, 97.0, 98.0]
    assert to_hex(marks[0].get_color()) == COLORS["plain"].lower() and {"plain", "detached", "the paper"} <= set(texts(ax))
