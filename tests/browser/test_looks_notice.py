"""Each check of looks.py on a page broken on purpose, and on a sound one: a check that never fails checks nothing."""

import itertools

import chromium
import looks
import pytest

SOUND = """<!DOCTYPE html><html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="icon.png"></head><body><main><h1 id="top">A page</h1>{body}</main></body></html>"""
SOLUTION = """<div class="admonition dropdown">
<p class="admonition-title">Solution {button}</p><section {hidden}>Because.</section>
</div><script>function flip(b) {{ const s = b.parentElement.nextElementSibling; s.hidden = !s.hidden; }}</script>"""


FONT = "<style>@font-face {{ font-family: f; src: url({}f.woff2) }} h1 {{ font-family: f }}</style>"
UNFOLDABLE = '<details><summary tabindex="-1" onclick="return false">Code</summary><pre>x</pre></details>'
TURNED = """<style>.wide, .night { display: none } @media (min-width: 900px) { .wide { display: block } }
@media (prefers-color-scheme: dark) { .night { display: block } .fades { color: #aaa } }</style>
<img class="wide" src="icon.png"> <div class="night" role="list"><p role="note">x</p></div> <p class="fades">Letters</p>
<script>matchMedia("(prefers-color-scheme: dark)").onchange = (e) => {
  if (!e.matches) return;
  console.error("it is night");
  new Image().src = "http://127.0.0.2:9/night.png";
};</script>"""
GONE = '<ul class="search"><li><a href="gone.html">x</a></li></ul>'


@pytest.fixture(scope="module")
def page(browser):
    """One page for all tests of this file."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def shown(page, tmp_path):
    """A function that serves a page with a given body, and opens it narrow and dark."""
    (tmp_path / "icon.png").write_bytes(b"")
    page.set_viewport_size({"width": 400, "height": 900})
    page.emulate_media(color_scheme="dark")
    asked = itertools.count()
    with chromium.served(tmp_path) as home:
        def show(body="", whole=SOUND):
            (tmp_path / "page.html").write_text(whole.format(body=body), encoding="utf-8")
            visit = looks.Visit(page, home)
            visit.open(f"page.html?{next(asked)}")  # or a second page of the same second is taken from the cache
            return visit

        yield show
        page.goto("about:blank")  # what it still asks for is of no other test


def only(lines, words):
    """The lines are one, and it says these words."""
    assert len(lines) == 1 and words in lines[0], lines
    return True


def test_a_sound_page_has_no_findings(shown, axe):
    visit = shown('<p><a href="#top">Up</a> <a href="page.html#top">Here</a></p>'
                  + SOLUTION.format(hidden="hidden", button='<button class="toggle-button" onclick="flip(this)">+</button>'))
    for check in (looks.failed_requests, looks.console_errors, looks.other_hosts, looks.icon, looks.sideways,
                  looks.closed_solutions):
        assert check(visit) == [], check.__name__
    assert looks.barriers(visit, axe) == []


def test_a_missing_file_is_noticed(shown):
    only(looks.failed_requests(shown('<img alt="none" src="nowhere.png">')), "nowhere.png: 404")


def test_a_missing_icon_is_noticed(shown):
    only(looks.icon(shown(whole=SOUND.replace("icon.png", "favicon.ico"))), "favicon.ico: 404")
    only(looks.icon(shown(whole=SOUND.replace('rel="icon"', 'rel="next"'))), "no icon")


def test_a_name_declared_twice_is_noticed(shown):
    lines = looks.console_errors(shown("<script>const TWICE = 1;</script><script>const TWICE = 1;</script>"))
    only(lines, "'TWICE' has already been declared")


def test_an_error_on_the_console_is_noticed(shown):
    only(looks.console_errors(shown("<script>console.error('oh');</script>")), "oh")


@pytest.mark.parametrize("request_", ['<script src="{}x.js"></script>', '<link rel="stylesheet" href="{}x.css">', FONT])
def test_a_request_to_another_host_is_noticed(shown, request_):
    visit = shown(request_.format("http://127.0.0.2:9/"))
    assert any("127.0.0.2" in line for line in looks.other_hosts(visit))


def test_a_page_that_scrolls_sideways_is_noticed(shown):
    only(looks.sideways(shown('<pre style="width: 600px">wide</pre>')), "in a window of 400")
    assert looks.sideways(shown('<div style="overflow-x: auto"><pre style="width: 600px">wide</pre></div>')) == []


@pytest.mark.parametrize("body, rule", [
    ('<img src="icon.png">', "image-alt"),
    ('<div role="list"><p role="note">x</p></div>', "aria-required-children"),
    ('<button aria-label="Mode">Dark</button>', "label-content-name-mismatch"),
    ("<dl><span>x</span></dl>", "definition-list"),
    ('<p style="color: #aaa; background: #fff">pale</p>', "color-contrast"),
    ('<pre style="overflow-x: auto">' + "x" * 900 + "</pre>", "scrollable-region-focusable"),
])
def test_what_a_screen_reader_stumbles_over_is_noticed(shown, axe, body, rule):
    only(looks.barriers(shown(body), axe), f": {rule}: ")


def test_the_third_of_many_alike_is_noticed_if_its_colour_is_another(shown, axe):
    rows = "<p>plain</p>" * 5 + '<p style="color: #aaa; background: #fff">pale</p>'
    only(looks.barriers(shown(rows), axe), "pale")


@pytest.mark.parametrize("alike, other", [
    ("<p>dark</p>", '<div style="background: #333"><p>other</p></div>'),
    ("<p>dark</p>", '<div style="opacity: 0.5"><p>other</p></div>'),
    ('<p style="color: #888; font-size: 30px">large</p>', '<p style="color: #888">other</p>'),
    ('<p style="color: #888; font-size: 20px; font-weight: 700">bold</p>',
     '<p style="color: #888; font-size: 20px">other</p>'),
    ('<p style="color: #aaa; visibility: hidden">not seen</p>', '<p style="color: #aaa">other</p>'),
    ('<p style="color: #aaa" aria-disabled="true">off</p>', '<p style="color: #aaa">other</p>'),
    ('<div style="background: #333"><p style="color: #ddd">lies there</p></div>',
     '<div style="background: #333; height: 30px"><p style="color: #ddd; position: absolute; top: 300px">other</p></div>'),
])  # fmt: skip
def test_what_an_element_is_painted_on_and_how_large_it_is_makes_its_style(shown, axe, alike, other):
    only(looks.barriers(shown(alike * 3 + other), axe), "other")


def test_a_style_is_looked_at_once_for_all_pages(shown, axe):
    pale, seen = '<p style="color: #aaa">pale</p>', {}
    assert len(looks.barriers(shown(pale * 3), axe, seen)) == 2 and looks.barriers(shown(pale), axe, seen) == []
    only(looks.barriers(shown('<p style="color: #bbb">pale</p>'), axe, seen), "pale")


def test_what_another_width_or_mode_brings_is_noticed_and_nothing_twice(shown, axe):
    """A picture without a text is shown to a wide window, a list without an item at night, when letters grow pale too."""
    visit = shown(TURNED)
    visit.turn(400, "light")
    assert looks.barriers(visit, axe) == [] and looks.sideways(visit) == []
    visit.turn(1300, "light")
    only(looks.barriers(visit, axe), "image-alt")
    visit.turn(1300, "dark")
    lines = sorted(line.split(": ")[1] for line in looks.barriers(visit, axe))
    assert lines == ["aria-required-children", "color-contrast"]
    visit.turn(400, "dark")
    assert looks.barriers(visit, axe, {}) == []


def test_what_scrolls_in_a_narrow_window_only_is_noticed_after_turning(shown, axe):
    visit = shown('<div style="overflow-x: auto"><pre>' + "x" * 120 + "</pre></div>")
    visit.turn(1300, "dark")
    assert looks.barriers(visit, axe) == []
    visit.turn(400, "dark")
    only(looks.barriers(visit, axe), "scrollable-region-focusable")


def test_letters_that_fade_are_looked_at_when_they_have_faded(shown, axe):
    fades = ("<style>div, p { transition: color 60s } @media (prefers-color-scheme: dark) { div { color: #aaa } }</style>"
             "<div><p>Letters</p></div>")
    visit = shown(fades)
    visit.turn(1300, "light")
    assert looks.barriers(visit, axe) == []
    visit.turn(1300, "dark")
    only(looks.barriers(visit, axe), "color-contrast")


def test_what_a_script_lets_the_keyboard_scroll_a_little_later_is_waited_for(shown, axe):
    late = """<script>onresize = () => {
      const box = document.querySelector("[tabindex]");
      box.tabIndex = -1;
      setTimeout(() => { box.tabIndex = 0; }, 900);
    };</script>"""
    wide = '<div style="overflow-x: auto" tabindex="0"><pre>' + "x" * 120 + "</pre></div>"
    visit = shown(wide + late)
    visit.turn(1300, "dark")
    assert looks.barriers(visit, axe) == []
    visit.turn(400, "dark")
    assert looks.barriers(visit, axe) == []


def test_what_appears_when_a_screen_was_read_is_noticed(shown, axe):
    button = '<button style="display: none; position: fixed; top: 9px; color: #aaa; background: #fff">Top</button>'
    visit = shown(button + '<p style="height: 3000px">Long</p>'
                  + '<script>onscroll = () => { document.querySelector("button").style.display = "block"; }</script>')
    assert looks.barriers(visit, axe) == []
    visit.turn(400, "light")
    only(looks.barriers(visit, axe), "Top")


def test_a_page_that_fails_when_it_is_turned_is_noticed(shown):
    visit = shown(TURNED)
    visit.turn(1300, "light")
    assert looks.console_errors(visit) == looks.failed_requests(visit) == looks.other_hosts(visit) == []
    visit.turn(1300, "dark")
    only(looks.console_errors(visit), "it is night")
    assert looks.other_hosts(visit) == ["asks another host: http://127.0.0.2:9/night.png"]
    visit.turn(400, "dark")
    assert looks.console_errors(visit) == looks.other_hosts(visit) == []


def test_a_page_is_opened_by_a_reader_who_was_never_there(shown):
    keeps = "<script>console.error('kept ' + localStorage.length); localStorage.setItem('a', 1)</script>"
    shown(keeps)
    only(looks.console_errors(shown(keeps)), "kept 0")


def test_a_known_finding_is_left_out(shown, axe, monkeypatch):
    monkeypatch.setitem(looks.KNOWN, ("image-alt", "icon.png"), "the test's")
    assert looks.barriers(shown('<img src="icon.png">'), axe) == []


@pytest.mark.parametrize("button, hidden, words", [
    ('<span class="toggle-button">+</span>', "hidden", "does not reach it"),
    ('<button class="toggle-button">+</button>', "hidden", "[False, False, False]"),
    ('<button class="toggle-button" onclick="flip(this)">+</button>', "", "[True, False, True]"),
])
def test_a_solution_that_no_key_opens_is_noticed(shown, button, hidden, words):
    only(looks.closed_solutions(shown(SOLUTION.format(button=button, hidden=hidden))), words)


def test_a_folded_cell_is_opened_by_a_key_too(shown):
    assert looks.closed_solutions(shown("<details><summary>Code</summary><pre>x = 1</pre></details>")) == []
    only(looks.closed_solutions(shown(UNFOLDABLE)), "[False, False, False]")


def test_dead_links_are_noticed(shown, tmp_path):
    visit = shown('<a href="nowhere.html">x</a> <a href="#nothing">y</a> <a href="#top">z</a> <a href="https://a.org/b">w</a>')
    lines = looks.dead_links({"page.html": looks.links(visit)}, visit.home, tmp_path)
    assert lines == ["page.html: nowhere.html is not there", "page.html: page.html has no anchor #nothing"]


@pytest.mark.parametrize("hits, words", [("", "finds nothing"), (GONE, "404")])
def test_a_search_that_finds_nothing_is_noticed(shown, tmp_path, hits, words):
    visit = shown()
    (tmp_path / "search.html").write_text(SOUND.format(body=hits), encoding="utf-8")
    only(looks.search(visit, "DRAW", patience=500), words)
