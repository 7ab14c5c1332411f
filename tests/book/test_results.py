"""The results pages: every table as the records give it, before all else, with its slope plot, its list and its file."""

import copy
import functools
from urllib.parse import unquote

import guards
import pytest

from dbp import runs
from dbp.tables import beside, layouts

CHAPTERS = guards.chapters()
FOLDS = guards.tool("folds")
PAGES = {key: f"{number}_{key[0].lower()}_table_{key[1]}" for number, key in enumerate(beside.SOURCES, start=81)}
TABLES = pytest.mark.parametrize("key", list(PAGES), ids=lambda key: f"{key[0]}-table-{key[1]}")


@functools.cache
def records(experiment):
    return runs.load(experiment, "laptop")


def compared(key):
    return beside.compare(*key, records(beside.source(*key).experiment))


def page(key):
    return CHAPTERS.read(guards.ROOT / "notebooks" / f"{PAGES[key]}.ipynb")


def arranged(key):
    """What the page of a table has to show, as texts: its table for each set of images that has cells, and the long list."""
    table = compared(key)
    seen = list(table.loc[table["ours"].notna(), "on"].unique()) if "on" in table else [None]
    return [repr(layouts.arrange(*key, table, on)) for on in seen] + [repr(layouts.list_all(*key, table))]


def outputs(nb, mime):
    return [output.data[mime] for cell in nb.cells if cell.cell_type == "code" for output in cell.outputs
            if output.output_type != "stream" and mime in output.get("data", {})]


def test_each_table_of_the_papers_but_the_count_of_weights_has_a_page():
    stems = {path.stem for path in CHAPTERS.notebooks() if "81" <= path.name < "90"}
    assert set(PAGES.values()) == stems and set(FOLDS.RESULTS) == stems | {"91_scorecard", "92_status"}


@TABLES
def test_a_page_shows_its_table_and_every_cell_as_the_records_have_them(key):
    assert guards.numbers_off(page(key), arranged(key)) == []


@TABLES
def test_the_file_of_a_page_holds_the_numbers_of_the_records(key):
    texts = [text for text in outputs(page(key), "text/html") if "data:text/csv" in text]
    assert len(texts) == 1 and "<details" in texts[0]
    file = unquote(texts[0].split('href="data:text/csv;charset=utf-8,')[1].split('"')[0])
    assert file == layouts.list_all(*key, compared(key)).csv()


@TABLES
def test_the_table_comes_first_and_the_list_last(key):
    shown = outputs(page(key), "text/html")
    assert "dbp-beside" in shown[0] and "<details" in shown[-1] and sum("<img" in text for text in shown) == 1


@pytest.mark.parametrize("stem", sorted(FOLDS.RESULTS))
def test_all_code_of_a_page_of_results_is_folded(stem):
    cells = CHAPTERS.read(guards.ROOT / "notebooks" / f"{stem}.ipynb").cells
    assert all("hide-input" in cell.metadata.get("tags", []) for cell in cells if cell.cell_type == "code")


def test_the_scorecard_begins_with_a_count_that_leads_to_every_page():
    found = outputs(CHAPTERS.read(guards.ROOT / "notebooks" / "91_scorecard.ipynb"), "text/markdown")
    assert len(found) == 1 and all(f"]({stem}.ipynb)" in found[0] for stem in PAGES.values())
    total = sum(len(compared(key)[compared(key)["counted"]]) for key in PAGES)
    assert f"| all | {total + 3} |" in found[0]                       # and the three networks of P2 Table 1


def test_a_verdict_that_was_changed_on_a_page_is_noticed():
    key = ("P2", 4)
    nb = copy.deepcopy(page(key))
    table = next(output for cell in nb.cells if cell.cell_type == "code" for output in cell.outputs if "data" in output)
    assert "✗" in table.data["text/plain"]
    table.data["text/plain"] = table.data["text/plain"].replace("✗", "✓", 1)
    assert len(guards.numbers_off(nb, arranged(key))) == 1
