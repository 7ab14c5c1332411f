"""Intervals agree with tables, hold the truth as often as they say, and are refused where there is only one seed."""

import numpy as np
import pytest
from scipy import stats

from dbp.intervals import bootstrap, student, wilson


def test_wilson_agrees_with_scipy_and_stays_inside_zero_and_one():
    for successes, n, level in ((0, 10, 0.95), (8, 10, 0.95), (82, 100, 0.9), (10_000, 10_000, 0.99)):
        expected = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
        assert wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(0, 5)[0] >= 0 and wilson(5, 5)[1] <= 1


def test_wilson_holds_the_truth_about_as_often_as_it_says():
    drawn = np.random.default_rng(0).binomial(100, 0.9, size=4000)
    intervals = {successes: wilson(int(successes), 100) for successes in set(drawn)}
    covered = np.mean([intervals[s][0] <= 0.9 <= intervals[s][1] for s in drawn])
    assert 0.93 < covered < 0.97


def test_student_by_hand():
    # mean 2, standard deviation 1, t(0.975, 2) = 4.3027 over the root of 3
    assert student([1, 2, 3]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)
    assert student([1, 2, 3], level=0.5)[1] < student([1, 2, 3])[1]


def test_bootstrap_agrees_with_student_where_values_are_normal_and_many():
    values = np.random.default_rng(1).normal(5, 2, size=200)
    assert bootstrap(values) == pytest.approx(student(values), abs=0.05)
    assert bootstrap(values) == bootstrap(values)
    low, high = bootstrap(values, statistic=np.median)
    assert low < np.median(values) < high


@pytest.mark.parametrize("interval", [student, bootstrap])
@pytest.mark.parametrize(("values", "message"), [
    ([98.4], "values must be at least 2 numbers, one a seed"), ([], "at least 2"),
    ([1.0, float("nan")], "values must be finite"),
])
def test_no_interval_from_one_seed(interval, values, message):
    with pytest.raises(ValueError, match=message):
        interval(values)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: wilson(3, 0), "n must be at least 1, but is 0"),
    (lambda: wilson(11, 10), r"successes must lie in \[0, 10\], but is 11"),
    (lambda: wilson(-1, 10), r"successes must lie in \[0, 10\], but is -1"),
    (lambda: wilson(1, 10, level=95), r"level must lie in \(0, 1\), but is 95"),
    (lambda: student([1, 2], level=1), r"level must lie in \(0, 1\), but is 1"),
    (lambda: bootstrap([1, 2], resamples=0), "resamples must be at least 1, but is 0"),
])
def test_a_wrong_interval_is_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
