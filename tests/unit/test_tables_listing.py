"""The long list: every cell in it, its file the same numbers, and headings that sort by numbers."""

import io
from urllib.parse import unquote

import pandas
import pytest

from dbp.tables import Cell
from dbp.tables.listing import Folded, Listing, list_numbers

TABLE = pandas.DataFrame([
    {"model": "C", "lam": 10.0, "ours": Cell(35.23456789, 2.0, 5), "theirs": Cell(18.24, 9.97, 10), "verdict": "differs",
     "uninformative": True, "counted": True},
    {"model": "a, <b>", "lam": 0.1, "ours": None, "theirs": Cell(13.66), "verdict": "not run", "uninformative": False,
     "counted": False},
])
LISTING = Listing(TABLE, ["model", "lam", "nothing"], "table")


def test_the_file_holds_every_cell_with_its_spread_and_its_seeds():
    found = pandas.read_csv(io.StringIO(LISTING.csv()))
    assert list(found) == ["model", "lam", "paper", "paper_std", "ours", "ours_std", "seeds", "verdict", "uninformative",
                           "counted"]
    assert found.loc[0, ["paper", "paper_std", "ours", "seeds"]].tolist() == pytest.approx([18.24, 9.97, 35.2346, 5])
    assert found.loc[1, "model"] == "a, <b>" and found.loc[1, ["ours", "ours_std", "seeds", "paper_std"]].isna().all()
    assert found["counted"].tolist() == [True, False]


def test_the_link_holds_the_file_itself_and_asks_nobody():
    text = LISTING._repr_html_()
    address = text.split('href="')[1].split('"')[0]
    assert address.startswith("data:text/csv;charset=utf-8,") and 'download="table.csv"' in text
    assert unquote(address.split(",", 1)[1]) == LISTING.csv()


def test_the_list_is_folded_and_its_columns_of_numbers_sort_by_numbers():
    text = LISTING._repr_html_()
    assert text.startswith("<details") and "<summary>All 2 cells" in text and "dbp-sortable" in text
    assert '<td data-value="18.24">18.2 ± 10.0</td>' in text and "<td>–</td>" in text and "<b>" not in text


def test_whether_a_row_is_counted_is_only_said_where_some_are_not():
    assert "counted" in repr(LISTING) and "counted" not in repr(Listing(TABLE.head(1), ["model"], "x"))
    line = repr(LISTING).splitlines()[1].split()
    assert line == ["C", "10", "18.2", "±", "10.0", "35.2", "±", "2.0", "5", "differs", "yes", "yes"]


def test_numbers_of_one_seed_have_no_spread():
    found = list_numbers(TABLE.head(1).assign(ours=[Cell(3.0, None, 1)]), ["model"])
    assert found.loc[0, "seeds"] == 1 and pandas.isna(found.loc[0, "ours_std"])


def test_any_table_of_texts_can_be_folded():
    folded = Folded(pandas.DataFrame({"run": ["a", "b"]}), "two & two runs")
    text = folded._repr_html_()
    assert "<summary>two &amp; two runs</summary>" in text and text.count("<tr>") == 3 and "data-value" not in text
    assert repr(folded).splitlines() == ["two & two runs", "run", "  a", "  b"]
