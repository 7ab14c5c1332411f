"""The figures of chapter 11: nothing that is given is left out, and what is named stands where it belongs."""

import pandas
import pytest
import torch
from matplotlib.colors import to_hex

from dbp.plots import white_and_black_box as figures
from dbp.plots.style import COLORS
from dbp.tables.cells import Cell

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def color(line):
    return to_hex(line.get_color()).lower()


def test_each_panel_has_the_seeds_thin_their_mean_thick_and_the_papers_crosses():
    lines = {"attached": [((0, 0.1), (90, 10)), ((0, 0.1), (100, 30))], "LeNet": [((0, 0.1), (99, 50))]}
    figure = figures.accuracy_over_budget({"FGSM": lines, "PGD": lines}, {"PGD": [(0.1, 93.56)]}, **WORDS).figure
    fgsm, pgd = figure.axes
    assert [ax.get_title() for ax in (fgsm, pgd)] == ["FGSM", "PGD"]
    thick = [line for line in fgsm.lines if line.get_linewidth() > 1.5]
    assert len(fgsm.lines) == 4 and [list(line.get_ydata()) for line in thick] == [[95, 20], [99, 50]]
    assert color(thick[0]) == COLORS["attached"].lower() and thick[1].get_linestyle() == "--"
    (cross,) = [line for line in pgd.lines if line.get_marker() == "x"]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (0.1, 93.56) and len(pgd.texts) == 1
    assert [text.get_text() for text in figure.legends[0].texts] == ["attached", "LeNet"]


def test_undefended_networks_look_unlike_each_other_and_unlike_encoders():
    lines = {name: [((0, 1), (1, 0))] for name in ("plain", "MLP", "LeNet", "CvNet")}
    (ax,) = figures.accuracy_over_budget({"PGD": lines}, {}, **WORDS).figure.axes
    looks = {(color(line), line.get_linestyle()) for line in ax.lines}
    assert len(looks) == 4


def test_attackers_stand_from_top_to_bottom_with_interval_share_and_kind():
    rows = pandas.DataFrame({"attack": ["PGD", "Square"], "kind": ["literal", "black box"], "right": [25.0, 2.4],
                             "low": [19.0, 1.0], "high": [31.0, 6.0]})
    (ax,) = figures.attackers(rows, **WORDS).figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["PGD", "Square"] and ax.get_ylim()[0] > ax.get_ylim()[1]
    assert [text.get_text() for text in ax.texts] == ["25  literal", "2  black box"]
    bars = [list(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert bars == [[19.0, 31.0], [1.0, 6.0]] and ax.get_xlim()[1] > 31


def test_attacker_of_an_unknown_kind_is_refused():
    rows = pandas.DataFrame({"attack": ["PGD"], "kind": ["grey box"], "right": [1.0], "low": [0.0], "high": [2.0]})
    with pytest.raises(KeyError):
        figures.attackers(rows, **WORDS)


def test_steps_are_drawn_in_budgets_beside_what_still_stands():
    fooled = torch.tensor([[False, False], [True, False]])
    path = list(zip(fooled, torch.tensor([[0.2, 0.2], [0.1, 0.1]]), strict=True))
    left, right = figures.step_lengths({"halved where stuck": path}, 0.1, **WORDS).figure.axes
    assert list(left.lines[0].get_ydata()) == [100, 50] and left.texts[0].get_text() == "halved where stuck"
    assert list(right.lines[0].get_ydata()) == pytest.approx([2, 1]) and right.get_yscale() == "log"


def test_heads_have_a_mark_an_encoder_and_lines_for_networks_without_one():
    cells = {("GMM", "plain"): Cell(5.0, 0.6, 3), ("GMM", "detached"): Cell(57.0, 3.5, 3), ("LDA", "plain"): Cell(4.0)}
    (ax,) = figures.heads_under_attack(cells, {"LeNet": Cell(88.0, 1.0, 3)}, **WORDS).figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["GMM", "LDA"]
    marks = sorted(float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o")
    assert marks == [4.0, 5.0, 57.0]
    assert {text.get_text() for text in ax.texts} == {"plain", "detached", "LeNet"}
    assert any(line.get_linestyle() == "--" and set(line.get_xdata()) == {88.0} for line in ax.lines)
