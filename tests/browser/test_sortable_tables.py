"""The long lists of the results pages in a browser: unfolded, sorted by mouse and by keyboard, and taken home as a file."""

from pathlib import Path

import chromium
import looks
import pandas
import pytest

from dbp.tables import Cell
from dbp.tables.listing import Listing

SCRIPT = (Path(__file__).resolve().parents[2] / "book" / "_static" / "tables.js").read_text(encoding="utf-8")
PAGE = """<!DOCTYPE html><html lang="en"><head><title>A list</title><link rel="icon" href="icon.png"></head>
<body><main><h1>A list</h1>{list}</main><script>{script}</script></body></html>"""
MEANS = {"b": 9.0, "a": 10.0, "c": None, "d": 2.5}
LISTING = Listing(pandas.DataFrame([
    {"model": model, "ours": Cell(mean, 0.5, 3) if mean else None, "theirs": Cell(1.0), "verdict": "differs"}
    for model, mean in MEANS.items()]), ["model"], "some_table")


@pytest.fixture
def visit(browser, tmp_path):
    """A page with a list, opened and unfolded by the keyboard."""
    (tmp_path / "icon.png").write_bytes(b"")
    (tmp_path / "page.html").write_text(PAGE.format(list=LISTING._repr_html_(), script=SCRIPT), encoding="utf-8")
    context = browser.new_context()
    with chromium.served(tmp_path) as home:
        visit = looks.Visit(context.new_page(), home)
        visit.open("page.html")
        visit.page.locator("summary").focus()
        visit.page.keyboard.press("Enter")
        yield visit
    context.close()


def order(visit):
    return visit.page.locator("tbody tr td:first-child").all_inner_texts()


def heading(visit, name):
    return visit.page.locator("th", has=visit.page.get_by_role("button", name=name))


def test_it_stands_in_the_order_of_the_paper_until_a_heading_is_pressed(visit):
    assert order(visit) == list("bacd") and visit.page.locator("th[aria-sort]").count() == 0


def test_numbers_are_sorted_as_numbers_and_what_was_not_run_stays_last(visit):
    button = heading(visit, "ours").get_by_role("button")
    button.click()
    assert order(visit) == list("dbac") and heading(visit, "ours").get_attribute("aria-sort") == "ascending"
    button.click()
    assert order(visit) == list("abdc") and heading(visit, "ours").get_attribute("aria-sort") == "descending"


def test_the_keyboard_sorts_too_and_only_the_last_heading_says_so(visit):
    heading(visit, "ours").get_by_role("button").click()
    for key in ("Enter", "Space"):
        heading(visit, "model").get_by_role("button").focus()
        visit.page.keyboard.press(key)
    assert order(visit) == list("dcba") and visit.page.locator("th[aria-sort]").all_inner_texts() == ["model"]


def test_equal_rows_stay_as_they_are(visit):
    heading(visit, "verdict").get_by_role("button").click()
    assert order(visit) == list("bacd")


def test_the_file_is_the_list_and_nobody_is_asked(visit):
    with visit.page.expect_download() as asked:
        visit.page.get_by_role("link", name="Download some_table.csv").click()
    assert Path(asked.value.path()).read_text(encoding="utf-8") == LISTING.csv()
    assert asked.value.suggested_filename == "some_table.csv" and looks.other_hosts(visit) == []


def test_axe_finds_nothing_in_an_open_list(visit, axe):
    assert looks.barriers(visit, axe) == [] and looks.console_errors(visit) == []
