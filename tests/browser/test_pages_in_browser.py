"""Every page of the book as readers meet it: wide and narrow, light and dark, by mouse, by keyboard, by ear."""

from collections import defaultdict
from dataclasses import dataclass, field

import chromium
import looks
import pytest

WORDS = ("DRAW", "one_row", "Jacobian")
WIDE, NARROW = 1300, 400  # a screen with a keyboard, and a telephone
# In a ring, so that from each way to the next one thing changes.
WAYS = [(WIDE, "light"), (WIDE, "dark"), (NARROW, "dark"), (NARROW, "light")]
CHECKS = [looks.failed_requests, looks.console_errors, looks.other_hosts, looks.icon, looks.sideways]
EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[1]}")


@dataclass
class Seen:
    """What was found on all pages: lines by way and check, which pages were opened in each way, and the links of each."""

    found: dict = field(default_factory=lambda: defaultdict(list))
    opened: dict = field(default_factory=lambda: defaultdict(list))
    links: dict = field(default_factory=dict)


@pytest.fixture(scope="module")
def home(site):
    """The address of the book."""
    with chromium.served(site) as address:
        yield address


@pytest.fixture(scope="module")
def visit(browser, home):
    """A page of a browser, listened to."""
    context = browser.new_context()
    context.set_default_navigation_timeout(120_000)
    yield looks.Visit(context.new_page(), home)
    context.close()


def names(site):
    """Every page but the redirect at the root."""
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html")
                  if "_static" not in path.parts and path != site / "index.html")


@pytest.fixture(scope="module")
def seen(visit, site, axe):
    """What every check says of every page in all four ways.

    A page is opened in one of them, by a reader who was never there, and then turned to the others; the next page is opened
    where this one ended, so that a quarter of the pages is opened in each way.
    """
    seen, styles, start = Seen(), {}, 0
    visit.turn(*WAYS[start])
    for name in names(site):
        for at in range(start, start + len(WAYS)):
            way = WAYS[at % len(WAYS)]
            if at == start:
                visit.open(name)
                seen.opened[way].append(name)
                seen.links[name] = looks.links(visit)
            else:
                visit.turn(*way)
            for check in CHECKS:
                seen.found[way, check] += [f"{name}: {line}" for line in check(visit)]
            seen.found[way, _theme] += [] if _theme(visit) == way[1] else [f"{name}: shown {_theme(visit)}"]
            seen.found[way, looks.barriers] += [f"{name}: {line}" for line in looks.barriers(visit, axe, styles)]
            if way == (WIDE, "light"):
                seen.found[way, looks.closed_solutions] += [f"{name}: {line}" for line in looks.closed_solutions(visit)]
        start = at
    return seen


def _theme(visit):
    return visit.page.evaluate("document.documentElement.dataset.theme")


def assert_none(lines):
    """No findings; a failure names the first of them and how many there are."""
    assert not lines, "\n".join([f"{len(lines)} findings:", *lines[:20]])


@EVERY_WAY
def test_some_chapters_and_some_other_pages_were_opened_in_this_way(seen, way):
    assert {name[:11] for name in seen.opened[way]} >= {"notebooks/0", "notebooks/8"} and any(
        name.startswith("book/") for name in seen.opened[way])


@EVERY_WAY
def test_nothing_is_asked_for_in_vain(seen, way):
    assert_none(seen.found[way, looks.failed_requests])


@EVERY_WAY
def test_no_script_fails(seen, way):
    assert_none(seen.found[way, looks.console_errors])


@EVERY_WAY
def test_nobody_else_is_asked(seen, way):
    assert_none(seen.found[way, looks.other_hosts])


@EVERY_WAY
def test_every_page_has_its_icon(seen, way):
    assert_none(seen.found[way, looks.icon])


@EVERY_WAY
def test_the_document_does_not_scroll_sideways(seen, way):
    assert_none(seen.found[way, looks.sideways])


@EVERY_WAY
def test_the_page_is_as_dark_as_its_reader_likes(seen, way):
    assert_none(seen.found[way, _theme])


@EVERY_WAY
def test_axe_finds_nothing_critical_or_serious(seen, way):
    assert_none(seen.found[way, looks.barriers])


def test_folded_solutions_open_by_keyboard(seen):
    assert_none(seen.found[(WIDE, "light"), looks.closed_solutions])


def test_every_link_and_anchor_inside_of_the_book_resolves(seen, home, site):
    assert looks.dead_links(seen.links, home, site) == []


def test_the_root_leads_to_the_first_page(visit, home):
    visit.page.goto(home)
    visit.page.wait_for_url("**/book/intro.html")
    assert looks.failed_requests(visit) == []


@pytest.mark.parametrize("word", WORDS)
def test_search_finds(visit, word):
    assert looks.search(visit, word) == []
