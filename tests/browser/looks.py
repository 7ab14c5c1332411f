"""What must hold of a page in a browser: functions that return what is wrong, for the book and for pages broken on purpose.

A check takes a Playwright page that shows the page (`Visit` has listened since before it was asked for) and returns lines.
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

WORST = ("critical", "serious")

# Findings of axe-core that are left, as (rule, part of the element's HTML): reason. Empty: nothing is left.
KNOWN: dict[tuple[str, str], str] = {}

# Contrast is a matter of an element's style, and the longest pages have ten thousands of elements in a few hundred
# styles; axe-core takes milliseconds for each. Of those whose ancestors' tags, classes and colours agree, two are looked at.
SAMPLE = """() => {
  const chains = new Map([[null, ''], [document.documentElement, '']]), seen = new Map();
  const chain = (e) => {
    if (!chains.has(e)) chains.set(e, `${chain(e.parentElement)}>${e.tagName}.${e.className}${e.getAttribute('style')}`);
    return chains.get(e);
  };
  for (const e of document.body.querySelectorAll('*')) {
    e.removeAttribute('data-sample');
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e), key = chain(e) + style.color + style.backgroundColor;
    seen.set(key, (seen.get(key) || 0) + 1);
    if (seen.get(key) <= 2) e.setAttribute('data-sample', '');
  }
  return seen.size;
}"""

# Preloading is off because axe-core resolves a style's @import against the page and then asks for a file that is not there.
AXE = """async ([worst, structure]) => {
  const rules = axe._audit.rules.filter((r) => r.enabled && r.id !== 'color-contrast' && worst.includes(r.impact));
  const options = { resultTypes: ['violations'], preload: false, selectors: false }, found = [];
  if (structure) found.push(await axe.run(document, { ...options, runOnly: rules.map((r) => r.id) }));
  if (document.querySelector('[data-sample]'))
    found.push(await axe.run({ include: [['[data-sample]']] }, { ...options, runOnly: ['color-contrast'] }));
  return found.flatMap((f) => f.violations).flatMap((v) => v.nodes.map((n) => [v.impact, v.id, n.html]));
}"""

DRAWN = """async () => {
  if (window.MathJax?.startup) await MathJax.startup.promise;
  if (document.fonts) await document.fonts.ready;
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
        """Show a page of the book, from its first request to its last formula."""
        for heard in (self.errors, self.failed, self.elsewhere):
            heard.clear()
        self.page.goto(self.home + name)
        self.page.evaluate(DRAWN)


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
    link = visit.page.locator('link[rel~="icon"]')
    if not link.count():
        return ["no icon is named: a browser asks for favicon.ico at the root"]
    address = link.first.evaluate("e => e.href")
    answer = visit.page.request.get(address)
    return [] if answer.ok else [f"icon: {address}: {answer.status}"]


def sideways(visit: Visit) -> list[str]:
    """Whether the document as a whole scrolls sideways, and what makes it."""
    width, room, widest = visit.page.evaluate(WIDE)
    return [f"{width} pixels wide in a window of {room}: {widest}"] if width > room else []


def barriers(visit: Visit, axe: str, structure: bool = True) -> list[str]:
    """What axe-core calls critical or serious, but for KNOWN. `axe` is its source.

    Without `structure` it looks at contrasts alone: all that a page seen before has new in other colours.
    """
    if not visit.page.evaluate("() => 'axe' in window"):
        visit.page.evaluate(axe + "; 0")
    visit.page.evaluate(SAMPLE)
    found = visit.page.evaluate(AXE, [list(WORST), structure])
    return [f"{impact}: {rule}: {html[:160]}" for impact, rule, html in found
            if not any(rule == known and part in html for known, part in KNOWN)]


def closed_solutions(visit: Visit) -> list[str]:
    """Folded boxes that the keyboard cannot reach, or cannot open and close."""
    wrong = []
    for title, button, content in _folded(visit.page):
        button.focus()
        if not button.evaluate("e => e === document.activeElement"):
            wrong.append(f"{title}: the keyboard does not reach it")
            continue
        states = [content.is_visible()]
        for key in ("Enter", "Space"):
            visit.page.keyboard.press(key)
            states.append(content.is_visible())
        if states != [False, True, False]:
            wrong.append(f"{title}: seen before, after Enter, after Space: {states}")
    return wrong


def _folded(page, cells: int = 3) -> list[tuple]:
    """Each folded solution and the first few cells: its title, what opens it, what it hides. A cell is the browser's own."""
    boxes = [(box, box.locator(".toggle-button").first, box.locator(":scope > :not(.admonition-title)").first)
             for box in page.locator(".admonition.dropdown").all()]
    shut = [box for box in page.locator("details").all() if box.is_visible() and box.get_attribute("open") is None]
    boxes += [(box, box.locator("summary").first, box.locator(":scope > :not(summary)").first) for box in shut[:cells]]
    return [(" ".join(box.inner_text().split())[:40], button, content) for box, button, content in boxes]


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


def search(visit: Visit, word: str) -> list[str]:
    """Whether the book's search finds a word, and its first hit is a page that is there."""
    visit.open(f"search.html?q={word}")
    hits = visit.page.locator("ul.search li a")
    try:
        hits.first.wait_for(timeout=5000)
    except Exception:  # Playwright's own, which this file can do without
        return [f"search finds nothing for {word}"]
    answer = visit.page.request.get(hits.first.evaluate("e => e.href"))
    return [] if answer.ok else [f"search for {word} leads to {answer.url}: {answer.status}"]
