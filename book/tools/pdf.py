"""The whole book as one PDF, printed by Chromium from the built pages: `make pdf`.

Without a browser it says so and leaves, with exit status 0: a PDF is an extra.
"""

import argparse
import html
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import chromium
import yaml

ROOT = Path(__file__).resolve().parents[2]

# What a page has for a screen only. Folded code serves a figure or a check; a reader of paper cannot unfold it.
ON_A_SCREEN = "a.headerlink, button, script, details, .toggle-button, .prev-next-footer, .thebe-launch-button"

STYLES = """
body { display: block; margin: 0; font-size: 10pt; }
article { break-before: page; max-width: none; padding: 0; }
.cover { break-after: page; padding-top: 60mm; text-align: center; }
.cover h1 { font-size: 30pt; } .cover p { font-size: 11pt; margin: 4mm 18mm; }
.book-contents ol { list-style: none; padding: 0; margin: 0; }
.book-contents li { display: flex; align-items: baseline; gap: 2mm; break-inside: avoid; }
.book-contents li a { color: inherit; text-decoration: none; }
.book-contents li span.dots { flex: 1; border-bottom: 0.3mm dotted #999; }
.book-contents li span.page { min-width: 9mm; text-align: right; font-variant-numeric: tabular-nums; }
.book-contents li.part { font-weight: 700; margin-top: 3.5mm; break-after: avoid; }
.book-contents li.chapter { margin-top: 1mm; }
.book-contents li.section { padding-left: 7mm; font-size: 8.5pt; }
figure { margin: 3mm 0; } figcaption { font-size: 8pt; color: #333 !important; break-before: avoid; }
article h1 { font-size: 19pt; }
#book-api { font-size: 7pt; column-count: 2; column-gap: 6mm; } /* the library: 180 pages otherwise */
#book-api h1, #book-api table { column-span: all; } #book-api h2 { font-size: 11pt; } #book-api dd { margin-left: 4mm; }
#book-api dl, #book-api p, #book-api ul, #book-api dd { margin-bottom: 0.8mm; margin-top: 0; }
"""
SHEETS = ("styles/theme", "styles/pydata-sphinx-theme", "styles/sphinx-book-theme", "pygments", "exercise",
          "sphinx-design.min", "togglebutton", "book", "print")
MATHJAX = '{"options": {"processHtmlClass": "tex2jax_process|mathjax_process|math", "enableAssistiveMml": false}}'
FONT = "font: 8pt sans-serif; color: #666;"

# A table or a formula wider than the paper is made smaller, as a whole, until it fits.
FIT = """() => {
  const out = [];
  for (const e of document.querySelectorAll('article table, article mjx-container[display="true"] > svg')) {
    const room = (e.closest('.cell_output, .math, dd, li, section') || document.body).clientWidth;
    const wide = e.getBoundingClientRect().width;
    if (room && wide > room + 1) { e.style.zoom = room / wide; out.push(wide); }
  }
  return out.length;
}"""

# What would still be cut off: text, pictures and tables beyond the right edge of the paper.
CUT = """() => [...document.querySelectorAll('article *')]
  .filter((e) => e.getBoundingClientRect().right > document.body.clientWidth + 1 && e.getClientRects().length
    && !e.closest('mjx-assistive-mml') && getComputedStyle(e).visibility === 'visible')
  .map((e) => e.outerHTML.slice(0, 100))"""


# The pages of the contents, known after a first print.
FILL = """(pages) => document.querySelectorAll('.book-contents li').forEach((line) => {
  const link = line.querySelector('a');
  if (link) line.querySelector('.page').textContent = pages[decodeURIComponent(link.hash.slice(1))] ?? '';
})"""


@dataclass
class Chapter:
    """One page of the book as it is printed."""

    name: str  # as in _toc.yml, without the suffix
    part: str
    article: object  # of BeautifulSoup

    @property
    def anchor(self) -> str:
        """The prefix of its anchors: those of two pages may be the same."""
        return re.sub(r"\W", "-", self.name)

    @property
    def title(self) -> str:
        """Its heading."""
        return self.article.find("h1").get_text(" ", strip=True)


def chapters(site: Path, toc: dict) -> list[Chapter]:
    """Every page of the table of contents that is built."""
    from bs4 import BeautifulSoup

    parts = [(part["caption"], chapter["file"]) for part in toc["parts"] for chapter in part["chapters"]]
    found = []
    for part, name in [("", toc["root"]), *parts]:
        path = (site / name.removesuffix(".ipynb")).with_suffix(".html")
        if path.is_file():
            article = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("article.bd-article")
            found.append(Chapter(name.removesuffix(".ipynb"), part, article))
    return found


def prepare(chapter: Chapter, names: dict[str, str], first_figure: int) -> int:
    """Make a chapter ready for paper, in place; the number of the next figure is returned. `names`: anchors by page."""
    article = chapter.article
    for element in article.select(ON_A_SCREEN):
        element.decompose()
    for element in article.select(".dropdown"):
        element["class"] = [kind for kind in element["class"] if kind != "dropdown"]
    for element in article.select("[id]"):
        element["id"] = f"{chapter.anchor}--{element['id']}"
    article["id"] = chapter.anchor
    for link in article.select("a[href]"):
        relink(link, chapter, names)
    return first_figure + number_figures(article, first_figure)


def relink(link, chapter: Chapter, names: dict[str, str]) -> None:
    """A link to another page becomes one inside of the book; one to a page that is not printed becomes text."""
    target, _, anchor = unquote(link["href"]).partition("#")
    if "://" in target or target.startswith("mailto:"):
        return
    base = (ROOT / chapter.name).parent
    name = str((base / target).resolve().relative_to(ROOT)).removesuffix(".html") if target else chapter.name
    if name not in names:
        del link["href"]
        return
    link["href"] = "#" + names[name] + (f"--{anchor}" if anchor else "")


def number_figures(article, first: int) -> int:
    """Give every picture that code has drawn a number and the first sentence of what is seen on it; how many there were."""
    from bs4 import BeautifulSoup

    pictures = article.select(".cell_output img")
    for number, picture in enumerate(pictures, first):
        says = re.match(r".*?[.!?](?=\s|$)|.*", picture.get("alt") or "", re.DOTALL)[0]
        caption = f'<figcaption><b>Figure {number}.</b> {html.escape(says)}</figcaption>'
        picture.wrap(BeautifulSoup("<figure></figure>", "html.parser").figure)
        picture.insert_after(BeautifulSoup(caption, "html.parser"))
    return len(pictures)


def contents(found: list[Chapter]) -> str:
    """The table of contents, the pages left open."""
    lines, part = [], ""
    for chapter in found:
        if chapter.part != part:
            part = chapter.part
            lines.append(f'<li class="part">{html.escape(part)}</li>')
        lines.append(_line("chapter", chapter.title, chapter.anchor))
        if chapter.part != "Reference":  # whose sections are many
            for section in chapter.article.select("section section[id]"):
                heading = section.find("h2", recursive=False)
                if heading:
                    lines.append(_line("section", heading.get_text(" ", strip=True), section["id"]))
    return f'<nav class="book-contents"><h1 id="contents">Contents</h1><ol>{"".join(lines)}</ol></nav>'


def _line(kind: str, title: str, anchor: str) -> str:
    return (f'<li class="{kind}"><a href="#{html.escape(anchor)}">{html.escape(title)}</a>'
            f'<span class="dots"></span><span class="page"></span></li>')


def whole(found: list[Chapter], config: dict, site: Path) -> str:
    """The book as one page of HTML, with the styles of its own pages."""
    heads = "".join(f"@page {chapter.anchor} {{ @top-left {{ content: {_quoted(chapter.title)}; {FONT} }} }}\n"
                    f"#{chapter.anchor} {{ page: {chapter.anchor}; }}\n" for chapter in found)
    sheets = [*SHEETS[:-2], *(path.stem for path in (site / "_static").glob("mystnb*.css")), *SHEETS[-2:]]
    body = "".join(str(chapter.article) for chapter in found)
    return f"""<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">
<title>{html.escape(config["title"])}</title>
{"".join(f'<link rel="stylesheet" href="_static/{sheet}.css">' for sheet in sheets)}
<style>{STYLES} @page {{ @bottom-right {{ content: counter(page); {FONT} }} }}
@page :first {{ @bottom-right {{ content: none }} }}
{heads}</style>
<script>window.MathJax = {MATHJAX}</script><script defer src="mathjax/tex-svg-full.js"></script></head><body>
<div class="cover"><h1>{html.escape(config["title"])}</h1><p>{html.escape(config["author"])}, {config["copyright"]}</p>
<p>The printed book: solutions are open; code that only draws a figure or checks a number is left out, and is unfolded in the
book's pages at {config["repository"]["url"]}</p></div>
{contents(found)}{body}</body></html>"""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def page_numbers(pdf: bytes) -> dict[str, int]:
    """On which page each anchor of a PDF is, counted from 1."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(pdf))
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
    return {unquote(name.removeprefix("/")): numbers[destination.page.idnum]
            for name, destination in reader.named_destinations.items()}


def printed(browser, home: str, body: str) -> tuple[bytes, list[str]]:
    """The PDF, and what of it is cut off. Printed twice: only then the contents know the pages."""
    page = browser.new_page(viewport={"width": 672, "height": 950})  # A4 without its margins, at 96 dots an inch
    page.set_default_timeout(1_800_000)  # a busy machine prints too
    page.emulate_media(media="print", color_scheme="light")
    page.route(home + "whole.html", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(home + "whole.html")
    page.evaluate("async () => { await MathJax.startup.promise; await document.fonts.ready; }")
    page.evaluate(FIT)
    cut = page.evaluate(CUT)

    def pdf() -> bytes:
        return page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)

    page.evaluate(FILL, page_numbers(pdf()))
    return pdf(), cut


def main(words: list[str] | None = None) -> int:
    """The command line: `python book/tools/pdf.py [--site FOLDER] [--out FILE]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html", help="the built pages")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "double-backpropagation.pdf")
    asked = parser.parse_args(words)
    reason = chromium.missing()
    if reason:
        print(f"No PDF: {reason}.", file=sys.stderr)
        return 0
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    found = chapters(asked.site, yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    names, figure = {chapter.name: chapter.anchor for chapter in found}, 1
    for chapter in found:
        figure = prepare(chapter, names, figure)
    with chromium.running() as browser, chromium.served(asked.site) as home:
        pdf, cut = printed(browser, home, whole(found, config, asked.site))
    asked.out.write_bytes(pdf)
    for line in cut:
        print(f"cut off at the paper's edge: {line}", file=sys.stderr)
    print(f"{asked.out}: {len(found)} chapters, {figure - 1} figures, {len(pdf) / 1e6:.1f} MB")
    return 1 if cut else 0


if __name__ == "__main__":
    sys.exit(main())
