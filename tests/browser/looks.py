"""What must hold of a page in a browser: functions that return what is wrong, for the book and for pages broken on purpose.

A check takes a Playwright page that shows the page (`Visit` has listened since before it was asked for) and returns lines.
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

WORST = ("critical", "serious")
HEIGHT = 900  # of a window, in pixels

# Findings of axe-core that are left, as (rule, part of the element's HTML): reason. Empty: nothing is left.
KNOWN: dict[tuple[str, str], str] = {}

BARRIERS = Path(__file__).with_name("barriers.js").read_text(encoding="utf-8")

FORGOTTEN = "() => { try { localStorage.clear(); } catch { /* there is no page yet */ } }"

# From the last formula on nothing moves of itself. A window of another width or mode is drawn anew, and most scripts have
# heard of it, before the second frame from now; one that fades makes others fade. Nothing of this is waited for. The theme
# lets the keyboard scroll what has to be scrolled a third of a second later, which is.
DRAWN = """async () => {
  if (window.MathJax?.startup) await MathJax.startup.promise;
  if (document.fonts) await document.fonts.ready;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame();
  for (let turns = 0; turns < 20; turns += 1) {
    await frame();
    const fading = document.getAnimations().filter((a) => a instanceof CSSTransition && a.playState === 'running');
    if (!fading.length) break;
    for (const each of fading) each.finish();
  }
  const unsaid = () => [...document.querySelectorAll('[tabindex="-1"]')].some((e) =>
    e.scrollWidth > e.clientWidth && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX));
  const end = performance.now() + 5000;
  while (unsaid() && performance.now() < end) await new Promise((done) => setTimeout(done, 50));
}"""

# Boxes that unfold: the solutions, and the first few of the browser's own, which are all alike. Marks of each what opens it
# and what it hides, and returns its beginning.
FOLDED = """(few) => {
  const boxes = [...document.querySelectorAll('.admonition.dropdown')].map((box) =>
    [box, box.querySelector('.toggle-button'), box.querySelector(':scope > :not(.admonition-title)')]);
  const shut = [...document.querySelectorAll('details:not([open])')].filter((box) => box.getClientRects().length);
  boxes.push(...shut.slice(0, few).map((box) =>
    [box, box.querySelector('summary'), box.querySelector(':scope > :not(summary)')]));
  window.folded = boxes;
  return boxes.map(([box]) => box.innerText.replace(/\\s+/g, ' ').trim().slice(0, 40));
}"""
REACHED = "(n) => { const button = window.folded[n][1]; button?.focus(); return button === document.activeElement; }"
SEEN = """(n) => {
  const hidden = window.folded[n][2], { width, height } = hidden.getBoundingClientRect();
  return hidden.checkVisibility({ visibilityProperty: true }) && width > 0 && height > 0;
}"""

# Links into this page, as the browser resolves them, with what the page has to jump to.
LINKS = """() => [
  [...document.querySelectorAll('a[href]')].map((a) => a.href),
  [...document.querySelectorAll('[id], a[name]')].flatMap((e) => [e.id, e.getAttribute('name')]).filter(Boolean),
]"""

WIDE = """() => {
  const room = document.documentElement.clientWidth, inside = (e) => {
    for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== 'visible') return true;
    return false;
  };
  if (document.documentElement.scrollWidth <= room) return [0, room, []];
  const out = [...document.body.querySelectorAll('*')]
    .filter((e) => e.getBoundingClientRect().right > room + 1 && !inside(e));
  return [document.documentElement.scrollWidth, room, out.slice(0, 3).map((e) => e.outerHTML.slice(0, 80))];
}"""


@dataclass
class Visit:
    """What a page asks for and complains of, heard from before it is opened. `home` is the address of the book."""

    page: object
    home: str
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    icons: dict[str, int] = field(default_factory=dict)  # asked for once, with the answers

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("requestfailed", lambda request: self.failed.append(f"{request.url}: {request.failure}"))
        self.page.on("response", self._answered)
        self.page.on("request", self._asked)

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.url}: {response.status}")

    def _asked(self, request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and not request.url.startswith(self.home):
            self.elsewhere.append(request.url)

    def open(self, name: str) -> None:
        """Show a page of the book to a reader who was never there, from its first request to its last formula."""
        self.page.evaluate(FORGOTTEN)
        self._forget()
        self.page.goto(self.home + name)
        self.page.evaluate(DRAWN)

    def turn(self, size: int, scheme: str) -> None:
        """Show the same page in another width or mode, to a reader who has scrolled down by a screen."""
        self._forget()
        self.page.set_viewport_size({"width": size, "height": HEIGHT})
        self.page.emulate_media(color_scheme=scheme)
        self.page.evaluate("() => scrollTo(0, innerHeight)")
        self.page.evaluate(DRAWN)

    def _forget(self) -> None:
        for heard in (self.errors, self.failed, self.elsewhere):
            heard.clear()


def failed_requests(visit: Visit) -> list[str]:
    """Requests that were not answered with what was asked for."""
    return [f"failed request: {line}" for line in visit.failed]


def console_errors(visit: Visit) -> list[str]:
    """Errors of scripts. A failed request is reported as such, not as the console's line about it."""
    return [f"console error: {line}" for line in visit.errors if "Failed to load resource" not in line]


def other_hosts(visit: Visit) -> list[str]:
    """Requests to anyone but the book."""
    return [f"asks another host: {line}" for line in visit.elsewhere]


def icon(visit: Visit) -> list[str]:
    """A page without an icon of its own, or with one that is not there. A browser without a window never asks for it."""
    address = visit.page.evaluate("() => document.querySelector('link[rel~=icon]')?.href")
    if not address:
        return ["no icon is named: a browser asks for favicon.ico at the root"]
    if address not in visit.icons:
        visit.icons[address] = visit.page.request.get(address).status
    return [] if visit.icons[address] == 200 else [f"icon: {address}: {visit.icons[address]}"]


def sideways(visit: Visit) -> list[str]:
    """Whether the document as a whole scrolls sideways, and what makes it."""
    width, room, widest = visit.page.evaluate(WIDE)
    return [f"{width} pixels wide in a window of {room}: {widest}"] if width > room else []


def barriers(visit: Visit, axe: str, styles: dict[str, int] | None = None) -> list[str]:
    """What axe-core calls critical or serious, but for KNOWN, in what is new since it last looked at this page.

    Args:
        axe: its source.
        styles: how many elements of each style were looked at before, on any page: of each, two are enough to tell its
            contrast. It is brought up to date.
    """
    if not visit.page.evaluate("() => 'axe' in window"):
        visit.page.evaluate(axe + "; 0")
    styles = {} if styles is None else styles
    found, seen = visit.page.evaluate(BARRIERS, [list(WORST), styles])
    styles |= seen
    return [f"{impact}: {rule}: {html[:160]}" for impact, rule, html in found
            if not any(rule == known and part in html for known, part in KNOWN)]


def closed_solutions(visit: Visit, cells: int = 3) -> list[str]:
    """Folded boxes that the keyboard cannot reach, or cannot open and close: every solution, and the first few cells."""
    wrong = []
    for number, title in enumerate(visit.page.evaluate(FOLDED, cells)):
        if not visit.page.evaluate(REACHED, number):
            wrong.append(f"{title}: the keyboard does not reach it")
            continue
        states = [visit.page.evaluate(SEEN, number)]
        for key in ("Enter", "Space"):
            visit.page.keyboard.press(key)
            states.append(visit.page.evaluate(SEEN, number))
        if states != [False, True, False]:
            wrong.append(f"{title}: seen before, after Enter, after Space: {states}")
    return wrong


def links(visit: Visit) -> tuple[list[str], list[str]]:
    """A page's links and anchors, as the browser sees them after every script has run."""
    return tuple(visit.page.evaluate(LINKS))


def dead_links(seen: dict[str, tuple[list[str], list[str]]], home: str, site: Path) -> list[str]:
    """Links inside of the book that lead nowhere. `seen`: the links and anchors of each page, by its name."""
    wrong = []
    for name, (addresses, _) in seen.items():
        for address in dict.fromkeys(addresses):
            if not address.startswith(home):
                continue
            target, _, anchor = address.removeprefix(home).partition("#")
            target = target.partition("?")[0] or "index.html"
            if not (site / target).is_file():
                wrong.append(f"{name}: {target} is not there")
            elif anchor and target in seen and anchor not in seen[target][1]:
                wrong.append(f"{name}: {target} has no anchor #{anchor}")
    return wrong


def search(visit: Visit, word: str, patience: float = 5000) -> list[str]:
    """Whether the book's search finds a word within so many milliseconds, and its first hit is a page that is there."""
    visit.open(f"search.html?q={word}")
    hits = visit.page.locator("ul.search li a")
    try:
        hits.first.wait_for(timeout=patience)
    except Exception:  # Playwright's own, which this file can do without
        return [f"search finds nothing for {word}"]
    answer = visit.page.request.get(hits.first.evaluate("e => e.href"))
    return [] if answer.ok else [f"search for {word} leads to {answer.url}: {answer.status}"]
