"""Slope plots: a line a cell from theirs to ours, the verdict in its style, and every label within reach."""

import numpy as np
import pandas
import pytest

from dbp.plots import results as figures
from dbp.tables import Cell

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


OURS, THEIRS = Cell(50.0, 2.0, 3), Cell(60.0, 4.0, 10)


def row(line="a", ours=OURS, theirs=THEIRS, verdict="differs", panel="clean", **more):
    return {"panel": panel, "line": line, "ours": ours, "theirs": theirs, "verdict": verdict} | more


def drawn(*rows, **options):
    return figures.slopes(pandas.DataFrame(rows), panel="panel", line="line", **WORDS, **options).figure


def paths(ax):
    return [line for line in ax.lines if len(line.get_xdata()) == 2]


def test_a_line_runs_from_theirs_on_the_left_to_ours_on_the_right():
    figure = drawn(row(), row("b", Cell(1.0), Cell(2.0)), row(panel="FGSM"))
    clean, fgsm = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["clean", "FGSM"]
    assert [list(line.get_ydata()) for line in paths(clean)] == [[60, 50], [2, 1]] and len(paths(fgsm)) == 1
    assert [label.get_text() for label in clean.get_xticklabels()] == ["paper", "ours"]
    assert {text.get_text() for text in clean.texts} == {"a", "b"}


@pytest.mark.parametrize(("verdict", "style"), [("matches", "-"), ("same direction", "-"), ("neither moves", "-"),
                                                ("differs", "--"), ("undecided", ":")])
def test_the_style_says_the_verdict_without_colour(verdict, style):
    figure = drawn(row(verdict=verdict))
    assert paths(figure.axes[0])[0].get_linestyle() == style
    assert [text.get_text() for text in figure.legends[0].texts] == [figures.LEGEND[style]]


def test_bars_are_standard_deviations_and_missing_where_there_is_none():
    (ax,) = drawn(row(theirs=Cell(60.0))).axes
    bars = [segment for bars in ax.collections for segment in bars.get_segments()]
    assert len(bars) == 1 and bars[0][:, 1].tolist() == [48.0, 52.0]


def test_what_was_not_run_has_a_hollow_mark_on_the_left_and_says_so():
    (ax,) = drawn(row(ours=None, verdict="not run")).axes
    assert paths(ax) == [] and ax.texts[0].get_text() == "a: not run"
    assert any(line.get_markerfacecolor() == "white" for line in ax.lines)


def test_nothing_but_what_was_not_run_needs_no_legend():
    assert drawn(row(ours=None, verdict="not run")).legends == []


def test_rows_that_were_not_published_and_numbers_that_are_none_are_left_out():
    (ax,) = drawn(row(), row("b", theirs=None), row("c", Cell(float("nan"), None, 3))).axes
    assert len(paths(ax)) == 1 and {text.get_text() for text in ax.texts} == {"a", "c: not run"}


def test_colours_are_those_of_the_book_and_are_named():
    figure = drawn(row(kind="plain"), row("b", kind="other"), color="kind", colors={"other": "#123456"},
                   names={"other": "b's"})
    assert [line.get_color() for line in paths(figure.axes[0])] == [figures.COLORS["plain"], "#123456"]
    assert [text.get_text() for text in figure.legends[0].texts][:2] == ["plain", "b's"]


def test_an_unknown_colour_is_refused():
    with pytest.raises(KeyError):
        drawn(row(kind="plian"), color="kind")


def test_factors_are_marked_as_factors_from_a_hundredth_to_a_half_and_around_one():
    wide, narrow = drawn(row(theirs=Cell(np.log(0.005)), ours=Cell(np.log(1.4))),
                         row(panel="b", theirs=Cell(np.log(1.2)), ours=Cell(np.log(1.4))), factors=True).axes
    assert [label.get_text() for label in wide.get_yticklabels()] == ["×0.01", "×0.1", "×1"]
    assert [label.get_text() for label in narrow.get_yticklabels()] == ["×1.2", "×1.3", "×1.4"]
    assert wide.get_yticks() == pytest.approx(np.log([0.01, 0.1, 1]))


def test_an_axis_has_at_least_the_range_that_is_asked_for():
    (ax,) = drawn(row(ours=Cell(60.5)), least=20).axes
    low, high = ax.get_ylim()
    assert high - low == pytest.approx(20) and low < 60 < high


@pytest.mark.parametrize("heights", [[0.5] * 8, [0.0, 0.01, 0.02], [1.0, 0.99, 0.98, 0.5], [0.1, 0.15, 0.9], [0.3]])
def test_labels_keep_their_distance_their_order_and_the_axes(heights):
    found = figures._spread(heights, 0.06)
    assert all(np.diff(sorted(found)) >= 0.06 - 1e-9) and 0 < min(found) and max(found) < 1
    assert list(np.argsort(found, kind="stable")) == list(np.argsort(heights, kind="stable"))


def test_labels_that_have_room_stay_where_they_belong():
    assert figures._spread([0.2, 0.8], 0.06) == pytest.approx([0.2, 0.8])


def test_the_two_sides_may_have_other_names():
    (ax,) = drawn(row(), sides={"clean": ("paper, SVHN", "ours")}).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["paper, SVHN", "ours"]
