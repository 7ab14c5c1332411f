"""The figures of chapter 01: a panel for each thing that is compared, wrong readings marked, dots where the numbers are."""

import pandas
import pytest
import torch

from dbp import plots

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def test_one_step_is_shown_in_four_panels_and_its_gradient_on_a_symmetric_scale():
    image, gradient = torch.zeros(1, 4, 4), torch.full((1, 4, 4), -0.5)
    axes = plots.gradient_step(image, gradient, image, ("a", "b", "c", "d"), **WORDS).figure.axes
    assert [ax.get_title() for ax in axes] == ["a", "b", "c", "d"]
    assert [ax.images[0].get_clim() for ax in axes] == [(0, 1), (-0.5, 0.5), (-1.4, 1.4), (0, 1)]


def test_a_wrong_reading_is_marked_by_a_cross_and_a_frame():
    rows, read = {"FGSM": torch.zeros(2, 1, 4, 4)}, {"FGSM": torch.tensor([7, 1])}
    right, wrong = plots.epsilon_rows(rows, read, (0.0, 0.1), 7, **WORDS).figure.axes
    assert (right.get_xlabel(), wrong.get_xlabel()) == ("reads 7 ✓", "reads 1 ✗")
    assert wrong.spines["left"].get_visible() and not right.spines["left"].get_visible()


def test_a_single_loss_is_a_level_line_beside_a_course_of_steps():
    (ax,) = plots.loss_over_steps({"PGD": [1.0, 2.0, 3.0], "FGSM": [2.5]}, **WORDS).figure.axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 2, 3], [2.5, 2.5]]


def test_curves_have_a_panel_a_model_a_line_an_attack_and_the_published_level():
    rows = [(model, attack, eps, 90.0 - eps, 80.0, 95.0)
            for model in ("MLP", "LeNet") for attack in ("FGSM", "PGD") for eps in (0.0, 0.1)]
    curves = pandas.DataFrame(rows, columns=["model", "attack", "eps", "accuracy", "low", "high"])
    published = pandas.DataFrame([("MLP", "FGSM", 19.0, 0.07)], columns=["model", "attack", "accuracy", "crossing"])
    left, right = plots.accuracy_over_eps(curves, published, **WORDS).figure.axes
    assert [ax.get_title() for ax in (left, right)] == ["MLP", "LeNet"]
    assert len(right.lines) == 2 and len(left.lines) == 4  # a level and a diamond more
    assert "P1 FGSM 19" in [text.get_text() for text in left.texts]


def test_ledger_runs_from_top_to_bottom_and_names_both_dots():
    ledger = pandas.DataFrame([("first", 90.0, 10.0), ("second", 50.0, 40.0)], columns=["mistake", "reported", "true"])
    (ax,) = plots.reported_and_true(ledger, labels=("worst case", "FGSM"), **WORDS).figure.axes
    assert ax.collections[1].get_offsets().tolist() == [[10, 1], [40, 0]]
    assert {text.get_text() for text in ax.texts} == {"worst case", "FGSM"}


@pytest.mark.parametrize("chance", [10, 25])
def test_the_fall_is_drawn_down_to_the_level_of_chance(chance):
    found = plots.falls_to_chance({"honest": {0.1: 50.0, 0.5: 0.0}}, chance, **WORDS).figure.axes[0]
    assert set(found.lines[1].get_ydata()) == {chance} and list(found.lines[0].get_ydata()) == [50, 0]
