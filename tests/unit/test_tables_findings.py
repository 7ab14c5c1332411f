"""Findings: means, paired differences and factors with their intervals, on frames made by hand."""

import math

import pandas as pd
import pytest

from dbp.intervals import student
from dbp.tables import findings
from dbp.tables.frontier import interval


def runs(values):
    return pd.DataFrame([{"seed": seed, "value": value, "attack_images": 1000} for seed, value in enumerate(values)])


def test_a_share_is_in_percent_with_the_interval_over_seeds_and_images():
    found = findings.share(runs([0.8, 0.82, 0.84]), "value")
    low, high = interval([0.8, 0.82, 0.84], 1000)
    assert (found.value, found.low, found.high) == pytest.approx((82, 100 * low, 100 * high))
    assert found.seeds == 3 and str(found) == f"82 % [{100 * low:.0f}, {100 * high:.0f}]"
    narrower = findings.share(runs([0.8, 0.82, 0.84]), "value", images=10_000)
    assert found.low < narrower.low


def test_differences_are_seed_by_seed():
    one, other = runs([0.9, 0.8, 0.7]), runs([0.5, 0.41, 0.29])
    found = findings.difference(one, other.iloc[::-1], "value")  # the order of rows does not matter
    assert (found.value, found.low, found.high) == pytest.approx((40, *student([40, 39, 41])))
    assert str(found).startswith("40 points [")
    close = findings.Finding(-0.04, -0.6, 0.52, 3, "points")
    assert str(close) == "0.0 points [-0.6, 0.5]" and str(findings.Finding(-0.2, -9, 9, 3, "%")) == "0 % [-9, 9]"
    area = findings.difference(one, other.rename(columns={"value": "other"}), "value", "other", scale=1, unit="")
    assert str(area).startswith("0.40 [")
    alone = findings.difference(one, other.iloc[:2], "value")
    assert alone.seeds == 2  # those that are in both


def test_factors_are_geometric_means():
    found = findings.factor(runs([1.0, 4.0, 2.0]), runs([2.0, 2.0, 2.0]), "value")
    logs = [math.log(0.5), math.log(2), 0.0]
    assert found.value == pytest.approx(1) and found.low == pytest.approx(math.exp(student(logs)[0]))
    assert str(found).startswith("1 [0.18, ")


def test_a_seed_that_occurs_twice_is_refused():
    twice = pd.concat([runs([0.5]), runs([0.6])])
    with pytest.raises(ValueError, match=r"runs must be one a seed, but the seeds are \[0, 0\]"):
        findings.share(twice, "value")


def test_networks_of_p2_by_reading():
    def network(lam, outputs, reduction, experiment="l1_penalty", model="C"):
        return dict(lam=lam, outputs=outputs, reduction=reduction, experiment=experiment, model=model)

    frame = pd.DataFrame([network(0, "none", "none"), network(25, "logits", "mean"), network(25, "logits", "sum"),
                          network(25, "softmax", "mean"), network(25, "logits", "mean", model="A"),
                          network(25, "logits", "mean", experiment="l1_adversarial_training"),
                          network(0, "none", "none", experiment="l1_adversarial_training")])
    assert list(findings.penalised(frame, "logits", 25).index) == [1]
    assert list(findings.penalised(frame, "softmax", 25).index) == [3]
    assert list(findings.penalised(frame, "logits", 0).index) == [0]
