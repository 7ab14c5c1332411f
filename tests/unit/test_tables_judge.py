"""The verdict says what its words mean: each rule of `judge`, on cells whose intervals can be checked by hand.

Student's factors for 95 %: 12.7 with one degree of freedom, 4.30 with two, 2.78 with four, 2.26 with nine.
"""

import math

import pytest
from scipy.stats import ttest_ind

from dbp.tables import Cell, make_cell
from dbp.tables.paper import VERDICTS, judge, welch

# Ours goes from 10 up to 80, theirs from 14 up to 40: far beyond the noise of either.
RISING = dict(our_reference=Cell(10.0, 0.5, 3), their_reference=Cell(14.0, 6.0, 10))
HIGH, LOW = Cell(80.0, 0.5, 3), Cell(5.0, 0.5, 3)


def test_the_interval_is_welchs():
    a, b = [1.0, 2.0, 4.0], [3.0, 3.1, 3.3, 2.9]
    expected = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert welch(make_cell(a), make_cell(b)) == pytest.approx((expected.low, expected.high))


def test_the_interval_is_made_from_the_one_side_that_has_a_spread():
    low, high = welch(Cell(20.0, 3.0, 9), Cell(25.0))
    assert (low, high) == pytest.approx((-5 - 2.306, -5 + 2.306), abs=1e-3)  # eight degrees of freedom, 3 / sqrt(9) = 1
    assert welch(Cell(25.0), Cell(20.0, 3.0, 9)) == pytest.approx((-high, -low))
    assert welch(Cell(20.0, None, 1), Cell(25.0)) == (-5.0, -5.0)


def test_a_missing_run_is_not_run():
    assert judge(None, Cell(1.0)) == "not run"


def test_three_seeds_within_the_noise_match():
    assert judge(Cell(20.0, 5.0, 3), Cell(24.0, 6.0, 10)) == "matches"


def test_a_huge_published_spread_matches_three_seeds_and_no_fewer():
    theirs = Cell(60.0, 100.0, 10)
    assert judge(Cell(20.0, 1.0, 3), theirs) == "matches"
    assert judge(Cell(20.0, 1.0, 2), theirs) == judge(Cell(20.0, None, 1), theirs) == "undecided"


@pytest.mark.parametrize("ours", [Cell(20.0, None, 1), Cell(20.0, 4.0, 2), Cell(20.0, None, 3), Cell(20.0, 4.0, None)])
def test_one_or_two_seeds_never_match_even_the_same_number(ours):
    assert judge(ours, Cell(20.0, 5.0, 10)) == "undecided"


def test_without_a_published_spread_the_interval_is_students():
    ours = Cell(0.30, 0.01, 3)  # 4.30 * 0.01 / sqrt(3) = 0.025
    assert judge(ours, Cell(0.32)) == "matches"
    assert judge(ours, Cell(0.33)) == "differs"


def test_a_match_counts_before_any_direction():
    assert judge(Cell(20.0, 5.0, 3), Cell(24.0, 6.0, 10), our_reference=Cell(90.0, 0.5, 3),
                 their_reference=Cell(1.0, 0.5, 10)) == "matches"


def test_steps_of_the_same_sign_are_the_same_direction():
    assert judge(HIGH, Cell(40.0, 5.0, 10), **RISING) == "same direction"
    assert judge(LOW, Cell(1.0, 1.0, 10), **RISING) == "same direction"


def test_two_seeds_are_enough_for_a_direction():
    references = RISING | {"our_reference": Cell(10.0, 0.5, 2)}
    assert judge(Cell(80.0, 0.5, 2), Cell(40.0, 5.0, 10), **references) == "same direction"


def test_steps_of_opposite_signs_differ():
    assert judge(LOW, Cell(40.0, 5.0, 10), **RISING) == "differs"
    assert judge(HIGH, Cell(1.0, 1.0, 10), **RISING) == "differs"


@pytest.mark.parametrize("ours, reference", [
    (Cell(80.0, None, 1), Cell(10.0, 0.5, 3)), (HIGH, Cell(10.0, None, 1)), (HIGH, None),
    (HIGH, Cell(math.nan, math.nan, 3)),
])
def test_a_step_of_ours_without_two_seeds_on_both_ends_is_undecided(ours, reference):
    assert judge(ours, Cell(40.0, 5.0, 10), **RISING | {"our_reference": reference}) == "undecided"


def test_without_a_reference_of_ours_a_match_is_still_one():
    assert judge(Cell(20.0, 5.0, 3), Cell(24.0, 6.0, 10), their_reference=Cell(1.0, 0.5, 10)) == "matches"


def test_where_noise_covers_both_steps_neither_moves():
    ours, theirs = dict(our_reference=Cell(50.5, 1.0, 3)), dict(their_reference=Cell(90.5, 1.0, 10))
    assert judge(Cell(50.0, 1.0, 3), Cell(90.0, 1.0, 10), **ours, **theirs) == "neither moves"
    assert judge(Cell(51.0, 1.0, 3), Cell(90.0, 1.0, 10), **ours, **theirs) == "neither moves"  # whatever the signs


@pytest.mark.parametrize("step, verdict", [(1.0, "undecided"), (2.0, "differs")])
def test_a_sign_flipped_within_our_noise_differs_only_if_the_noise_could_not_hide_their_step(step, verdict):
    """Ours falls by 1, but its interval is 1 ± 2.78 * sqrt(2 / 3) = from -3.3 to 1.3; theirs rises."""
    references = dict(our_reference=Cell(10.0, 1.0, 3), their_reference=Cell(90.0, 0.1, 10))
    assert judge(Cell(9.0, 1.0, 3), Cell(90.0 + step, 0.1, 10), **references) == verdict


@pytest.mark.parametrize("step, verdict", [(0.3, "undecided"), (1.0, "differs")])
def test_their_noise_can_hide_our_step_as_well(step, verdict):
    """Theirs falls by 0.5, with an interval from -1.4 to 0.4; ours rises, by more than its noise of 0.23."""
    references = dict(our_reference=Cell(30.0, 0.1, 3), their_reference=Cell(90.5, 1.0, 10))
    assert judge(Cell(30.0 + step, 0.1, 3), Cell(90.0, 1.0, 10), **references) == verdict


def test_any_step_counts_where_the_paper_gives_no_spread():
    ours = dict(our_reference=Cell(10.0, 0.5, 3))
    assert judge(HIGH, Cell(40.1), **ours, their_reference=Cell(40.0)) == "same direction"
    assert judge(HIGH, Cell(39.9), **ours, their_reference=Cell(40.0)) == "differs"
    assert judge(HIGH, Cell(40.0), **ours, their_reference=Cell(40.0)) == "differs"
    assert judge(Cell(10.1, 0.5, 3), Cell(40.0), **ours, their_reference=Cell(40.0)) == "neither moves"


def test_one_published_spread_makes_the_interval_of_their_step():
    theirs = dict(their_reference=Cell(39.0, 3.0, 10))  # 2.26 * 3 / sqrt(10) = 2.1, more than the step of 1
    assert judge(Cell(10.1, 0.5, 3), Cell(40.0), our_reference=Cell(10.0, 0.5, 3), **theirs) == "neither moves"
    assert judge(HIGH, Cell(40.0), our_reference=Cell(10.0, 0.5, 3), **theirs) == "differs"


@pytest.mark.parametrize("ours, theirs, verdict", [
    (Cell(90.0, 0.1, 3), Cell(95.0, 0.1, 10), "differs"),
    (Cell(90.0, 0.1, 2), Cell(95.0), "differs"),
    (Cell(90.0, None, 1), Cell(95.0, 0.1, 10), "differs"),  # by the paper's spread alone
    (Cell(20.0, None, 1), Cell(24.0, 14.0, 10), "undecided"),
    (Cell(90.0, None, 1), Cell(95.0), "undecided"),  # nothing is known of the noise
])
def test_without_references_what_is_outside_the_noise_differs(ours, theirs, verdict):
    assert judge(ours, theirs) == verdict
    assert judge(ours, theirs, our_reference=Cell(0.0, 0.1, 3)) == verdict  # theirs is missing: no direction to compare


def test_in_an_unknown_unit_neither_equal_nor_far_numbers_say_anything():
    for theirs in (Cell(0.30), Cell(0.30, 0.01, 10), Cell(900.0, 0.01, 10)):
        assert judge(Cell(0.30, 0.01, 3), theirs, unit_known=False) == "undecided"


def test_a_direction_needs_no_unit_but_a_step_hidden_by_noise_does():
    assert judge(HIGH, Cell(0.4, 0.05, 10), our_reference=Cell(10.0, 0.5, 3), their_reference=Cell(0.14, 0.06, 10),
                 unit_known=False) == "same direction"
    ours, their_reference = dict(our_reference=Cell(10.0, 1.0, 3)), Cell(90.0, 0.1, 10)
    assert judge(Cell(9.0, 1.0, 3), Cell(92.0, 0.1, 10), **ours, their_reference=their_reference) == "differs"
    assert judge(Cell(9.0, 1.0, 3), Cell(92.0, 0.1, 10), **ours, their_reference=their_reference,
                 unit_known=False) == "undecided"


def test_runs_that_agree_have_a_spread_of_zero():
    assert judge(Cell(98.0, 0.0, 3), Cell(98.1, 0.2, 10)) == "matches"
    assert judge(Cell(98.0, 0.0, 3), Cell(98.0)) == "matches"
    assert judge(Cell(98.0, 0.0, 3), Cell(98.1)) == "differs"


def test_a_spread_over_nobody_knows_how_many_runs_is_none():
    assert judge(Cell(91.0, 0.1, 3), Cell(90.0, 5.0, None)) == "differs"
    assert judge(Cell(91.0, 0.1, 3), Cell(90.0, 5.0, 10)) == "matches"


@pytest.mark.parametrize("mean", [math.nan, math.inf])
def test_a_mean_that_is_not_finite_is_undecided(mean):
    assert judge(Cell(mean, math.nan, 3), Cell(90.0, 5.0, 10)) == "undecided"
    assert judge(Cell(mean, math.nan, 3), Cell(40.0, 5.0, 10), **RISING) == "undecided"


def test_there_are_six_words():
    assert VERDICTS == ("matches", "same direction", "neither moves", "undecided", "differs", "not run")
