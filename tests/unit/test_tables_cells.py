"""Records become the cells of a table, the same way for every table: right group, right spread, right text."""

import math

import pandas
import pytest

from dbp.tables import Cell, Printed, format_cell, make_cell, make_cells


def frame(seeds=(0, 1, 2)):
    return pandas.DataFrame({"lam": 10.0, "seed": list(seeds), "fgsm_0.3": [0.30, 0.32, 0.34][: len(seeds)]})


def test_mean_and_spread_are_in_percent_with_the_number_of_seeds():
    found = make_cells(frame(), ["lam"], "fgsm_0.3")[(10.0,)]
    assert (found.mean, found.std, found.n) == (pytest.approx(32.0), pytest.approx(2.0), 3)


def test_what_is_no_share_keeps_its_unit():
    found = make_cells(frame(), ["lam"], "fgsm_0.3", percent=False)[(10.0,)]
    assert found == make_cell([0.30, 0.32, 0.34]) and found.mean == pytest.approx(0.32)


def test_one_seed_has_no_spread():
    assert make_cells(frame([0]), ["lam"], "fgsm_0.3")[(10.0,)].std is None


def test_a_run_that_diverged_is_not_averaged_away():
    found = make_cell([0.1, float("nan"), 0.3])
    assert math.isnan(found.mean) and math.isnan(found.std) and found.n == 3


def test_a_seed_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match=r"the records of lam 10.0 hold a seed twice: \[0, 0, 1\]"):
        make_cells(frame([0, 1, 0]), ["lam"], "fgsm_0.3")


def test_a_column_that_is_missing_is_named():
    with pytest.raises(ValueError, match="the records have no column 'model', 'worst'; there are lam, seed"):
        make_cells(frame(), ["lam", "model"], "worst")


@pytest.mark.parametrize("found, text", [
    (Cell(18.24, 9.97, 10), "18.2 ± 10.0"),
    (Cell(98.567, 0.043, 3), "98.57 ± 0.04"),
    (Cell(18.24, None, 1), "18.2 (one seed)"),
    (Cell(18.24), "18.2"),
    (None, "–"),
])
def test_a_percentage_has_the_decimals_that_its_spread_allows(found, text):
    assert format_cell(found) == text


@pytest.mark.parametrize("found, text", [
    (None, "–"),
    (Cell(0.0512), "0.0512"),
    (Cell(12.345, 0.678, 3), "12.3 ± 0.7"),
    (Cell(9.535, None, 1), "9.54 (one seed)"),
    (Cell(1008.7, 13.2, 2), "1010 ± 10"),
    (Cell(9.4967, 0.0412, 3), "9.50 ± 0.04"),
    (Cell(237.04, 0.62, 3), "237.0 ± 0.6"),
])
def test_another_number_has_three_digits_and_its_spread_one(found, text):
    assert format_cell(found, percent=False) == text


def test_a_printed_table_shows_no_index_and_no_name_of_its_columns():
    texts = pandas.DataFrame({"λ": ["0.1"], "ours": ["18.2 ± 10.0"]}).rename_axis(columns="a name")
    assert repr(Printed(texts)).split() == ["λ", "ours", "0.1", "18.2", "±", "10.0"]
    assert "a name" not in Printed(texts)._repr_html_()
