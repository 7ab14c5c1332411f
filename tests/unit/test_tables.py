"""Records become table cells: right group, right spread, right verdict."""

import pandas
import pytest

from dbp.tables import p2 as tables
from dbp.tables.paper import Cell


def frame(**columns):
    base = {"model": "C", "lam": 10.0, "unit": "mean", "outputs": "softmax", "seed": range(3), "clean": 0.98}
    return pandas.DataFrame(base | {"fgsm_0.3": [0.30, 0.32, 0.34]} | columns)


def baseline():
    return frame(lam=0.0, unit="none", outputs="none", **{"fgsm_0.3": [0.05, 0.06, 0.07]})


def cell(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_mean_and_spread_are_in_percent_with_the_number_of_seeds():
    found = tables.summarise(frame(), ["lam"], "fgsm_0.3")[(10.0,)]
    assert (found.mean, found.std, found.n) == (pytest.approx(32.0), pytest.approx(2.0), 3)


def test_one_seed_has_no_spread():
    assert tables.summarise(frame().head(1), ["lam"], "clean")[(10.0,)].std is None


def test_a_seed_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="a seed twice"):
        tables.summarise(pandas.concat([frame(), frame()]), ["lam"], "clean")


def test_table_2_has_a_row_for_each_lambda_and_the_missing_zero():
    table = tables.p2_table2(pandas.concat([frame(), baseline()]))
    part = table[table["measure"] == "adv"]
    assert sorted(part["lam"]) == [0.0, 0.1, 1.0, 10.0, 25.0, 50.0]
    assert cell(part, lam=0.0)["verdict"] == "not in the paper"
    assert cell(part, lam=0.0)["ours"].mean == pytest.approx(6.0)
    assert cell(part, lam=50.0)["verdict"] == "not run"
    assert cell(part, lam=10.0)["theirs"] == Cell(18.24, 9.97, 10)


def test_direction_is_counted_from_lambda_one_tenth():
    low, high = {"fgsm_0.3": [0.10, 0.11, 0.12]}, {"fgsm_0.3": [0.80, 0.82, 0.81]}
    records = pandas.concat([frame(lam=0.1, **low), frame(lam=50.0, **high)])
    assert cell(tables.p2_table2(records), measure="adv", lam=50.0)["verdict"] == "same direction"
    records["fgsm_0.3"] = [0.10, 0.11, 0.12, 0.01, 0.02, 0.01]
    assert cell(tables.p2_table2(records), measure="adv", lam=50.0)["verdict"] == "differs"


def test_readings_without_records_are_left_out():
    assert set(tables.p2_table2(frame())["unit"]) == {"mean"}


@pytest.mark.parametrize("found, text", [
    (Cell(18.24, 9.97, 10), "18.2 ± 10.0"),
    (Cell(98.567, 0.043, 3), "98.57 ± 0.04"),
    (Cell(18.24, None, 1), "18.2 (one seed)"),
    (None, "–"),
])
def test_a_cell_is_printed_with_the_decimals_that_its_spread_allows(found, text):
    assert tables.as_text(found) == text


def test_wide_table_stands_beside_the_paper():
    table = tables.p2_table2(pandas.concat([frame(), baseline()]))
    printed = tables.wide(table, "C", "adv", {("mean", "softmax"): "softmax", ("sum", "logits"): "never run"})
    row = printed.frame[printed.frame["λ"] == "10"].iloc[0]
    assert row["the paper"] == "18.2 ± 10.0" and row["softmax"] == "32.0 ± 2.0"
    assert list(printed.frame["λ"]) == ["0", "0.1", "1", "10", "25", "50"]
    assert "never run" not in repr(printed) and "32.0 ± 2.0" in printed._repr_html_()


def test_the_reference_cell_has_no_direction_of_its_own():
    table = tables.p2_table2(frame(lam=0.1, **{"fgsm_0.3": [0.80, 0.82, 0.81]}))
    assert cell(table, measure="adv", lam=0.1)["verdict"] == "differs"


def test_a_collapsed_network_is_no_match():
    collapsed = frame(lam=10.0, clean=0.1135, **{"fgsm_0.3": [0.1135] * 3})
    found = cell(tables.p2_table2(collapsed), measure="adv", lam=10.0)
    assert found["collapsed"] and found["verdict"] == "differs"
    printed = tables.wide(tables.p2_table2(collapsed), "C", "adv", {("mean", "softmax"): "softmax"})
    assert "11.35 ± 0.00, collapsed" in repr(printed)
