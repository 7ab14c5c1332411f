"""The figures of chapter 12: a line a network, an interval a point, a mark a head."""

import pandas
import pytest
import torch

from dbp.plots import flat_codes as figures
from dbp.tables.findings import Finding

WORDS = dict(title="A sentence", alt="What is seen, in a few words")


def test_pushes_rise_to_all_images_and_the_nearest_other_class_is_marked():
    shifts = {"plain": torch.tensor([2.0, 1.0, 4.0, 3.0]), "flat": torch.tensor([0.2, 0.1])}
    (ax,) = figures.code_shifts(shifts, **WORDS).figure.axes
    plain, flat, mark = ax.lines
    assert list(plain.get_xdata()) == [0, 1, 2, 3, 4] and list(plain.get_ydata()) == [0, 25, 50, 75, 100]
    assert list(flat.get_ydata()) == [0, 50, 100] and set(mark.get_xdata()) == {1}
    assert {"plain", "flat"} <= {text.get_text() for text in ax.texts}
    assert plain.get_color() != flat.get_color() and plain.get_linestyle() != flat.get_linestyle()


def test_a_strength_of_zero_has_a_place_and_each_point_its_interval():
    table = pandas.DataFrame({"strength": [0.0, 0.3], "value": [2.0, 60.0], "low": [1.0, 55.0], "high": [4.0, 66.0]})
    panels = {"mean codes": {"ε = 0.1": table}, "sampled codes": {"ε = 0.1": table, "ε = 0.2": table}}
    left, right = figures.accuracy_over_strength(panels, xlabel="λ", **WORDS).figure.axes
    assert left.get_xscale() == "log" and [text.get_text() for text in left.get_xticklabels()] == ["0", "0.3"]
    assert left.get_title() == "mean codes" and len(right.containers) == 2
    (bars,) = left.containers[0].lines[2]
    assert [tuple(ends[:, 1]) for ends in (path.vertices for path in bars.get_paths())] == [
        pytest.approx((1, 4)), pytest.approx((55, 66))]


def test_each_head_and_encoder_has_a_mark_and_the_encoders_are_named_once():
    found = {("GMM", "plain"): Finding(1.0, 0.0, 2.0, 3, "%"), ("GMM", "flat"): Finding(60.0, 55.0, 66.0, 3, "%"),
             ("LDA", "flat"): Finding(50.0, 45.0, 52.0, 3, "%")}
    (ax,) = figures.heads_and_encoders(found, **WORDS).figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["GMM", "LDA"]
    assert sorted(text.get_text() for text in ax.texts) == ["flat", "plain"]
    assert len(ax.containers) == 3
    ends = sorted(tuple(path.vertices[:, 0]) for bar in ax.containers for path in bar.lines[2][0].get_paths())
    assert ends == [(0, 2), (45, 52), (55, 66)]
