"""Tables for persons: the right number in the right place, a mark that can be heard, and nothing that is not there."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas
import pytest

from dbp.tables import Cell
from dbp.tables.readable import MARKS, SideBySide, difference, side_by_side

OURS, THEIRS = Cell(19.6, 3.3, 5), Cell(20.0, 5.6, 10)


def row(model="C", lam=1.0, ours=OURS, theirs=THEIRS, verdict="matches", **more):
    return {"model": model, "lam": lam, "ours": ours, "theirs": theirs, "verdict": verdict, "uninformative": False} | more


def laid_out(*rows, rows_by=("lam",), across="model", **options) -> SideBySide:
    return side_by_side(pandas.DataFrame(rows), rows_by, across, **options)


class Cells(HTMLParser):
    """The texts of each row of a table, with the style and the spoken names of its cells."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.styles, self.said, self.inside = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "tr":
            self.rows.append([])
            self.styles.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.styles[-1].append(found.get("style", ""))
            self.inside = True
        if tag == "span" and found.get("role") == "img":
            self.said.append(found["aria-label"])

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data.replace("\xa0", " ")


def shown(table: SideBySide) -> Cells:
    return Cells(table._repr_html_())


def test_paper_and_ours_stand_side_by_side_under_their_model():
    seen = shown(laid_out(row("A", 0.1), row("A", 1.0, ours=Cell(1.0, 0.5, 5)), row("C", 0.1, theirs=Cell(2.0, 1.0, 10)),
                          row("C", 1.0), names={"lam": "λ", "A": "model A"}))
    assert seen.rows[0] == ["λ", "model A", "C"]
    assert seen.rows[1] == ["paper, n = 10", "ours, n = 5"] * 2
    assert seen.rows[2] == ["0.1", "20.0 ± 5.6", "19.6 ± 3.3 ✓−0.4", "2.0 ± 1.0", "19.6 ± 3.3 ✓+17.6"]
    assert seen.rows[3] == ["1", "20.0 ± 5.6", "1.0 ± 0.5 ✓−19.0", "20.0 ± 5.6", "19.6 ± 3.3 ✓−0.4"]


@pytest.mark.parametrize("verdict", list(MARKS))
def test_every_verdict_has_a_mark_of_its_own_that_can_be_heard(verdict):
    seen = shown(laid_out(row(verdict=verdict)))
    assert seen.said == [verdict] and MARKS[verdict] in seen.rows[2][2]
    assert sum(mark == MARKS[verdict] for mark in MARKS.values()) == 1


def test_an_uninformative_cell_says_so_beside_its_verdict_and_in_the_legend():
    wide = laid_out(row(uninformative=True))
    assert shown(wide).said == ["matches", "uninformative"] and "✓ ↔" in repr(wide)
    assert "uninformative" in wide._repr_html_().split("dbp-legend")[1]
    assert "uninformative" not in laid_out(row())._repr_html_()


def test_what_was_not_run_is_a_dash_without_a_mark_or_a_colour():
    seen = shown(laid_out(row(ours=None, verdict="not run"), row(lam=2.0)))
    assert seen.rows[2] == ["1", "20.0 ± 5.6", "–"] and seen.styles[2][2] == ""
    assert seen.rows[1] == ["paper, n = 10", "ours, n = 5"]  # of those that were run


def test_a_place_without_a_row_stays_empty_in_html_and_text():
    table = laid_out(row("A", 0.1), row("C", 1.0))
    assert shown(table).rows[2][3:] == ["", ""] and shown(table).rows[3][1:3] == ["", ""]
    assert "NaN" not in repr(table)


def test_one_seed_is_named_once_and_has_no_spread():
    seen = shown(laid_out(row(ours=Cell(19.6, None, 1), verdict="undecided")))
    assert seen.rows[1][1] == "ours, one seed" and seen.rows[2][2] == "19.6 ?−0.4"


def test_where_the_numbers_of_seeds_differ_each_cell_has_its_own():
    seen = shown(laid_out(row(), row(lam=2.0, ours=Cell(20.0, None, 1))))
    assert seen.rows[1][1] == "ours"
    assert [line[2] for line in seen.rows[2:]] == ["19.6 ± 3.3 ✓−0.4, n = 5", "20.0 ✓+0.0, one seed"]


def test_a_published_number_without_a_spread_stands_as_it_was_printed():
    seen = shown(laid_out(row(theirs=Cell(94.83)), row(lam=2.0, theirs=Cell(9.535)), row(lam=3.0, theirs=Cell(1061.1))))
    assert [line[1] for line in seen.rows[2:]] == ["94.83", "9.535", "1061.1"] and seen.rows[1][0] == "paper"


@pytest.mark.parametrize(("ours", "color"), [(20.9, ""), (21.0, "0,114,178,0.13"), (19.0, "213,94,0,0.13"),
                                             (26.0, "0,114,178,0.26"), (14.0, "213,94,0,0.26"), (41.0, "0,114,178,0.42")])
def test_the_colour_says_the_sign_and_the_size_of_the_difference(ours, color):
    style = shown(laid_out(row(ours=Cell(ours, 0.5, 3)))).styles[2][2]
    assert (f"rgba({color})" in style) if color else style == ""


def test_between_two_sets_of_images_there_is_no_difference():
    table = laid_out(row(), comparable=False, sides=("paper, SVHN", "ours, colour digits"))
    assert shown(table).rows[2][2] == "19.6 ± 3.3 ✓" and "Colour:" not in table._repr_html_()
    assert shown(table).rows[1][0] == "paper, SVHN, n = 10"


def test_factors_are_compared_where_a_unit_is_unknown():
    with_dbp = row(target="attached", ours=Cell(5.0, 0.1, 3), theirs=Cell(0.05), ratio=Cell(np.log(0.5), 0.1, 3),
                   their_ratio=np.log(0.005), verdict="same direction")
    without = row(target="none", ours=Cell(10.0, 0.1, 3), theirs=Cell(10.0), ratio=None, their_ratio=None,
                  verdict="undecided")
    table = laid_out(without, with_dbp, across="target", scale="factor")
    seen = shown(table)
    assert seen.rows[2][1:] == ["10", "10.0 ± 0.1 ?", "0.05×\u202f0.005", "5.0 ± 0.1 ⇈×\u202f0.5"]
    assert seen.styles[2][2] == "" and "0,114,178,0.42" in seen.styles[2][4]       # a hundred times the paper's factor
    assert difference(pandas.Series(with_dbp), table) == pytest.approx(np.log(100))


def test_a_row_that_was_not_published_has_no_mark():
    seen = shown(laid_out(row(lam=0.0, theirs=None, verdict="not in the paper"), row()))
    assert seen.rows[2][1:] == ["–", "19.6 ± 3.3"] and seen.said == ["matches"]


def test_rows_in_groups_and_tables_apart():
    rows = [row(model, lam, measure=measure) for model in "AC" for measure in ("clean", "adv") for lam in (1.0, 2.0)]
    table = laid_out(*rows, rows_by=("measure", "lam"), across="model", split="model")
    text = table._repr_html_()
    assert text.count("<table") == 2 and text.count("dbp-legend") == 1 and re.findall("<caption>(.)<", text) == ["A", "C"]
    assert [line[0] for line in Cells(text).rows[2:8]] == ["clean", "1", "2", "adv", "1", "2"]


def test_a_second_column_of_ours_alone_repeats_no_published_number():
    rows = [row(target=target) for target in ("attached", "detached")]
    seen = shown(laid_out(*rows, across="target", ours_only=("detached",)))
    assert seen.rows[1] == ["paper, n = 10", "ours, n = 5", "ours, n = 5"] and len(seen.rows[2]) == 4


def test_two_cells_for_one_place_and_tables_that_are_too_wide_are_refused():
    with pytest.raises(ValueError, match="two cells have one place: {'lam': 1.0, 'model': 'C'}"):
        laid_out(row(), row())
    with pytest.raises(ValueError, match="at most 8 columns, but this would have 9"):
        laid_out(*[row(model) for model in "ABCD"])
    with pytest.raises(ValueError, match="scale"):
        laid_out(row(), scale="pionts")


def test_texts_from_elsewhere_do_not_break_the_page():
    assert "<b>" not in laid_out(row("<b>"))._repr_html_()


def test_a_table_of_nothing_says_so():
    empty = side_by_side(pandas.DataFrame([row()]).iloc[:0], ["lam"], "model", split="model")
    assert repr(empty) == "not run" and "not run" in empty._repr_html_()
