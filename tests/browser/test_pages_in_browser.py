"""Every page of the book as readers meet it: wide and narrow, light and dark, by mouse, by keyboard, by ear."""

from collections import defaultdict

import chromium
import looks
import pytest

WORDS = ("DRAW", "one_row", "Jacobian")


@pytest.fixture(scope="module")
def home(site):
    """The address of the book."""
    with chromium.served(site) as address:
        yield address


def names(site):
    """Every page but the redirect at the root."""
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html")
                  if "_static" not in path.parts and path != site / "index.html")


def _visited(browser, home, size, scheme):
    """A page of a browser of this size and scheme, listened to."""
    context = browser.new_context(viewport={"width": size, "height": 900}, color_scheme=scheme)
    context.set_default_navigation_timeout(120_000)
    return looks.Visit(context.new_page(), home)


@pytest.fixture(scope="class", params=["light", "dark"])
def findings(request, browser, home, site, axe):
    """What every check says of every page in one mode: each page is opened once for all of them."""
    visit, found = _visited(browser, home, request.cls.width, request.param), defaultdict(list)
    for name in names(site):
        visit.open(name)
        checks = [looks.failed_requests, looks.console_errors, looks.other_hosts, looks.icon, looks.sideways]
        for check in checks:
            found[check.__name__] += [f"{name}: {line}" for line in check(visit)]
        found["theme"] += [] if _theme(visit) == request.param else [f"{name}: shown {_theme(visit)}"]
        found["barriers"] += [f"{name}: {line}" for line in looks.barriers(visit, axe, request.param == "light")]
        if request.cls.keyboard and request.param == "light":
            found["closed"] += [f"{name}: {line}" for line in looks.closed_solutions(visit)]
    visit.page.context.close()
    return found


def _theme(visit):
    return visit.page.evaluate("document.documentElement.dataset.theme")


def assert_none(lines):
    """No findings; a failure names the first of them and how many there are."""
    assert not lines, "\n".join([f"{len(lines)} findings:", *lines[:20]])


class Looks:
    """The checks of one width."""

    def test_nothing_is_asked_for_in_vain(self, findings):
        assert_none(findings["failed_requests"])

    def test_no_script_fails(self, findings):
        assert_none(findings["console_errors"])

    def test_nobody_else_is_asked(self, findings):
        assert_none(findings["other_hosts"])

    def test_every_page_has_its_icon(self, findings):
        assert_none(findings["icon"])

    def test_the_document_does_not_scroll_sideways(self, findings):
        assert_none(findings["sideways"])

    def test_the_page_is_as_dark_as_its_reader_likes(self, findings):
        assert_none(findings["theme"])

    def test_axe_finds_nothing_critical_or_serious(self, findings):
        assert_none(findings["barriers"])


class TestWide(Looks):
    """A screen with a keyboard."""

    width, keyboard = 1300, True

    def test_folded_solutions_open_by_keyboard(self, findings):
        assert_none(findings["closed"])


class TestNarrow(Looks):
    """A telephone."""

    width, keyboard = 400, False


def test_every_link_and_anchor_inside_of_the_book_resolves(browser, home, site):
    visit, seen = _visited(browser, home, 1300, "light"), {}
    for name in names(site):
        visit.open(name)
        seen[name] = looks.links(visit)
    visit.page.context.close()
    assert looks.dead_links(seen, home, site) == []


def test_the_root_leads_to_the_first_page(browser, home, site):
    visit = _visited(browser, home, 1300, "light")
    visit.page.goto(home)
    visit.page.wait_for_url("**/book/intro.html")
    assert looks.failed_requests(visit) == []
    visit.page.context.close()


@pytest.mark.parametrize("word", WORDS)
def test_search_finds(browser, home, word):
    visit = _visited(browser, home, 1300, "light")
    assert looks.search(visit, word) == []
    visit.page.context.close()
