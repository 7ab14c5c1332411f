"""The figures of the frontier: every defence in every panel, its interval, and strength 0 on a logarithmic axis."""

import pandas
import pytest

from dbp.plots import worst_case as figures

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def table(*rows):
    names = ["family", "strength", "clean", "accuracy"]
    found = pandas.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    return found.assign(low=found.accuracy - 0.02, high=found.accuracy + 0.02, clean_low=found.clean - 0.01,
                        clean_high=found.clean + 0.005)


def test_a_defence_is_a_line_along_its_strength_with_an_interval_at_each_point():
    found = table(("b", 2.0, 0.97, 0.8), ("b", 1.0, 0.98, 0.6), ("a", 0.0, 0.99, 0.1), ("left out", 0.0, 0.9, 0.9))
    figure = figures.frontier({"ε = 0.1": found, "ε = 0.2": found}, {"a": "none", "b": "flat"}, **WORDS).figure
    assert [ax.get_title() for ax in figure.axes] == ["ε = 0.1", "ε = 0.2"]
    lines = {line.get_label(): line for line in figure.axes[1].lines if not line.get_label().startswith("_")}
    assert list(lines) == ["none", "flat"]
    assert list(lines["flat"].get_xdata()) == pytest.approx([98, 97])
    assert list(lines["flat"].get_ydata()) == pytest.approx([60, 80])
    assert len({(line.get_color(), line.get_marker()) for line in lines.values()}) == 2
    bars = [path.vertices for bar in figure.axes[0].collections for path in bar.get_paths()]
    assert any(ends[:, 1] == pytest.approx([58, 62]) for ends in bars)
    assert any(ends[:, 0] == pytest.approx([98, 99.5]) for ends in bars)


def test_a_defence_that_nobody_ran_leaves_an_empty_line_and_no_error():
    (ax,) = figures.frontier({"ε = 0.1": table(("a", 0.0, 0.99, 0.1))}, {"a": "none", "z": "missing"}, **WORDS).figure.axes
    assert [len(line.get_xdata()) for line in ax.lines if not line.get_label().startswith("_")] == [1, 0]


def test_strength_zero_has_a_place_and_its_own_label():
    lines = {"PGD": {0: 10.0, 0.1: 20.0, 50: 60.0}, "Auto-PGD": {0: 10.0, 0.1: 18.0, 50: 30.0}}
    (ax,) = figures.what_each_attack_adds({"softmax": lines}, xlabel="λ", **WORDS).figure.axes
    assert ax.get_xscale() == "log" and [text.get_text() for text in ax.get_xticklabels()] == ["0", "0.1", "50"]
    places = list(ax.lines[0].get_xdata())
    assert 0 < places[0] < places[1] == 0.1 and list(ax.lines[1].get_ydata()) == [10, 18, 30]
    with pytest.raises(KeyError):
        figures.what_each_attack_adds({"softmax": {"Square": {0.1: 1.0}}}, xlabel="λ", **WORDS)
