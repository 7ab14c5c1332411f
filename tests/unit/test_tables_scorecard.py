"""The rows of the scorecard: no published cell may be lost, and none may be counted twice."""

import pandas
import pytest

from dbp.tables import Cell, paper, scorecard


def test_a_cell_stands_beside_ours_with_its_seeds_and_verdict():
    table = pandas.DataFrame([
        {"model": "C", "lam": 10.0, "ours": Cell(37.04, 2.0, 5), "theirs": Cell(18.2, 10.0, 10), "verdict": "differs"},
        {"model": "C", "lam": 0.1, "ours": None, "theirs": Cell(13.7, 0.5, 10), "verdict": "not run"},
    ])
    rows = scorecard.list_cells(table, ["model", "lam"])
    assert list(rows) == ["model", "lam", "the paper", "ours", "seeds", "verdict"]
    assert rows.to_numpy().tolist() == [["C", "10", "18.2 ± 10.0", "37.0 ± 2.0", "5", "differs"],
                                        ["C", "0.1", "13.7 ± 0.5", "–", "–", "not run"]]
    marked = scorecard.list_cells(table.assign(uninformative=[True, False]), ["model", "lam"])
    assert list(marked) == [*rows, "uninformative"] and marked["uninformative"].tolist() == [True, False]


@pytest.mark.parametrize(("name", "number"), [("P1", n) for n in (1, 2, 3, 4)] + [("P2", n) for n in (1, 2, 3, 4)])
def test_a_table_that_was_not_run_has_all_its_published_cells_each_once(name, number):
    rows, published = scorecard.list_not_run(name, number), paper.read_table(name, number)
    assert len(rows) == len(published) and set(rows["verdict"]) == {"not run"}
    where = rows.drop(columns=["the paper", "ours", "seeds", "verdict"])
    assert len(where.columns) and not where.duplicated().any()
    assert [float(text.split(" ± ")[0]) for text in rows["the paper"]] == list(published["mean"])


def test_the_count_is_over_all_verdicts_and_loses_no_cell():
    parts = {"one": pandas.DataFrame({"verdict": ["differs", "differs", "not run"]}),
             "two": pandas.DataFrame({"verdict": list(paper.VERDICTS)})}
    counts = scorecard.count_verdicts(parts)
    assert list(counts) == ["table", *paper.VERDICTS, "uninformative"] and list(counts["table"]) == ["one", "two"]
    assert counts.set_index("table").loc["one", ["differs", "not run"]].tolist() == [2, 1]
    assert counts.set_index("table").loc["two", list(paper.VERDICTS)].tolist() == [1] * 6
    assert counts[list(paper.VERDICTS)].to_numpy().sum() == 9


def test_marked_cells_are_counted_beside_the_verdicts_and_tables_without_the_mark_have_none():
    marked = pandas.DataFrame({"verdict": ["matches", "matches", "differs"], "uninformative": [True, False, True]})
    plain = pandas.DataFrame({"verdict": ["not run"]})
    counts = scorecard.count_verdicts({"marked": marked, "plain": plain, "both": pandas.concat([marked, plain])})
    assert counts["uninformative"].tolist() == [2, 0, 2] and counts["matches"].tolist() == [2, 0, 2]


def test_the_count_of_all_links_each_table_to_its_page_and_adds_up():
    marks = [True, False, False]
    parts = {"P1, Table 1": pandas.DataFrame({"verdict": ["differs", "differs", "not run"], "uninformative": marks}),
             "P2, Table 1": pandas.DataFrame({"verdict": ["matches"]})}
    count = scorecard.Count(scorecard.count_verdicts(parts), {"P1, Table 1": "81_p1_table_1.ipynb"})
    lines = count._repr_markdown_().splitlines()
    assert "✗ differs" in lines[0] and lines[2] == "| [P1, Table 1](81_p1_table_1.ipynb) | 3 |  |  |  |  | 2 | 1 | 1 |"
    assert lines[3] == "| P2, Table 1 | 1 | 1 |  |  |  |  |  |  |"
    assert lines[4] == "| all | 4 | 1 |  |  |  | 2 | 1 | 1 |"
    assert repr(count).splitlines()[-1].split() == ["all", "4", "1", "0", "0", "0", "2", "1", "1"]
