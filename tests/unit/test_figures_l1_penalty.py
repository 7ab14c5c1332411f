"""The figures of chapter 03: one panel or several, a line a method, an alt text that travels."""

import pytest

from dbp import plots
from dbp.tables.cells import Cell

CELLS = {0.0: Cell(10.0, None, 1), 1.0: Cell(20.0, 2.0, 3)}
WORDS = dict(title="A sentence", alt="Two points, the second one higher")


@pytest.mark.parametrize("readings", [1, 3])
def test_lambda_path_has_a_panel_a_reading(readings):
    ours = {f"reading {i}": CELLS for i in range(readings)}
    found = plots.lambda_path(CELLS, ours, ylabel="accuracy in %", **WORDS)
    assert len(found.figure.axes) == readings


def test_figure_carries_its_alt_text_and_stands_on_a_light_ground():
    html = plots.attack_ladder({("softmax", "FGSM"): CELLS}, **WORDS)._repr_html_()
    assert 'alt="Two points, the second one higher"' in html and "background:white" in html


def test_the_same_figure_gives_the_same_bytes():
    first, second = (plots.lambda_path(CELLS, {"a": CELLS}, ylabel="%", **WORDS).png() for _ in range(2))
    assert first == second


def test_a_segment_has_a_panel_an_epoch_and_a_line_a_method():
    curves = {name: {0: [0.1, 0.1], 3: [0.9, 0.2]} for name in ("plain", "penalised")}
    found = plots.segment(curves, 0.3, **WORDS).figure
    assert [ax.get_title() for ax in found.axes] == ["epoch 0", "epoch 3"]
    assert [len(ax.lines) for ax in found.axes] == [2, 2]
    assert found.axes[1].lines[0].get_xdata()[-1] == pytest.approx(0.3)


def test_progress_shows_the_measures_that_are_asked_for():
    history = [{"epoch": epoch, "fgsm_accuracy": 0.1 * epoch} for epoch in range(3)]
    found = plots.ideal_progress({"plain": history}, panels={"fgsm_accuracy": "share right"}, **WORDS).figure
    assert [ax.get_title() for ax in found.axes] == ["share right"]


def test_lines_of_a_ladder_can_be_named():
    key = ("logits", "FGSM")
    found = plots.attack_ladder({key: CELLS}, labels={key: "one step"}, **WORDS).figure
    assert "one step" in [text.get_text() for text in found.axes[0].texts]
