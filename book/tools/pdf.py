"""The whole book as one PDF, printed by Chromium from the built pages: `make pdf`.

Without a browser it says so and leaves, with exit status 0: a PDF is an extra.
"""

import argparse
import html
import io
import logging
import sys
from pathlib import Path
from urllib.parse import unquote

import chromium
import on_paper
import yaml
from on_paper import Chapter

ROOT = Path(__file__).resolve().parents[2]

# What the book as a whole needs beyond book/_static/print.css, which every page has when it is printed alone.
STYLES = """
body { display: block; margin: 0; }
article { break-before: page; max-width: none; padding: 0; }
.cover { break-after: page; padding-top: 60mm; text-align: center; }
.cover h1 { font-size: 30pt; } .cover p { font-size: 11pt; margin: 4mm 18mm; }
.book-contents ol { list-style: none; padding: 0; margin: 0; column-count: 2; column-gap: 9mm; }
.book-contents li { display: flex; align-items: baseline; gap: 1.5mm; break-inside: avoid; line-height: 1.3; }
.book-contents li a { color: inherit; text-decoration: none; }
.book-contents li span.dots { flex: 1; border-bottom: 0.3mm dotted #999; }
.book-contents li span.page { min-width: 7mm; text-align: right; font-variant-numeric: tabular-nums; }
.book-contents li.part { font-weight: 700; margin-top: 3mm; break-after: avoid; }
.book-contents li.chapter { margin-top: 1.2mm; font-weight: 600; font-size: 9pt; break-after: avoid; }
.book-contents li.section { padding-left: 5mm; font-size: 8pt; }
.at { font-size: 0.85em; white-space: nowrap; color: #444; }
p.to-solution { text-align: right; margin: 0; font-size: 8.5pt; }
#solutions h3 { margin-top: 3mm; } #solutions .solution { break-inside: auto; }
dl.glossary { column-count: 2; column-gap: 8mm; font-size: 8.5pt; }
dl.glossary :is(dt, dd) { margin: 0 0 0.8mm; } dl.glossary dd { margin-left: 4mm; } dl.glossary dd p { margin: 0; }
#book-intro img { max-height: 78mm; object-fit: contain; }
.names { column-count: 2; column-gap: 8mm; font-size: 8pt; }
.names p { margin: 0 0 1mm; padding-left: 3mm; text-indent: -3mm; line-height: 1.3; break-inside: avoid; }
#book-api section > p { font-size: 8.5pt; }
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


# The pages of the contents and of the links, known after a first print.
FILL = """(pages) => {
  document.querySelectorAll('.book-contents li').forEach((line) => {
    const link = line.querySelector('a');
    if (link) line.querySelector('.page').textContent = pages[decodeURIComponent(link.hash.slice(1))] ?? '';
  });
  document.querySelectorAll('.at').forEach((place) => {
    const page = pages[place.dataset.at];
    place.textContent = page ? ` (p. ${page})` : '';
  });
}"""
PRINTS = 4  # a line that its page number breaks may move what follows


def contents(found: list[Chapter]) -> str:
    """The table of contents, the pages left open."""
    lines, part = [], ""
    for chapter in found:
        if chapter.part != part:
            part = chapter.part
            lines.append(f'<li class="part">{html.escape(part)}</li>')
        lines.append(_line("chapter", chapter.title, chapter.anchor))
        if chapter.part != "Reference":  # whose sections are many
            lines += [_line("section", title, anchor) for title, anchor in chapter.sections()]
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
<p>The printed book. Chapter 3 is the notebook 03, and so on. Solutions are at the end. Code that only draws a figure or a
table, or checks a number, is left out, and so are the long lists of cells and runs: the book's pages unfold them.</p>
<p>{config["repository"]["url"]}</p></div>
{contents(found)}{body}</body></html>"""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def page_numbers(pdf: bytes) -> dict[str, int]:
    """On which page each anchor of a PDF is, counted from 1."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it counts Chromium's objects otherwise than Chromium does
    reader = PdfReader(io.BytesIO(pdf))
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
    return {unquote(name.removeprefix("/")): numbers[destination.page.idnum]
            for name, destination in reader.named_destinations.items()}


def with_bookmarks(pdf: bytes, found: list[Chapter]) -> bytes:
    """The PDF with its parts, chapters and sections as bookmarks. Chromium's own double a heading that it lays out twice."""
    from pypdf import PdfReader, PdfWriter

    pages, part, above = page_numbers(pdf), "", None
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.add_outline_item(title="Contents", page_number=1)  # behind the cover
    for chapter in found:
        if chapter.part != part:
            part = chapter.part
            above = writer.add_outline_item(title=part, page_number=pages[chapter.anchor] - 1, is_open=False)
        place = pages[chapter.anchor] - 1
        line = writer.add_outline_item(title=chapter.title, page_number=place, parent=above, is_open=False)
        for title, anchor in chapter.sections():
            if anchor in pages:
                writer.add_outline_item(title=title, page_number=pages[anchor] - 1, parent=line)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def printed(browser, home: str, body: str) -> tuple[bytes, list[str]]:
    """The PDF, and what of it is cut off. Printed again until every number that it names is that of the page."""
    page = browser.new_page(viewport={"width": 672, "height": 950})  # A4 without its margins, at 96 dots an inch
    page.set_default_timeout(1_800_000)  # a busy machine prints too
    page.emulate_media(media="print", color_scheme="light")
    page.route(home + "whole.html", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(home + "whole.html")
    page.evaluate("async () => { await MathJax.startup.promise; await document.fonts.ready; }")
    page.evaluate(FIT)
    cut, named = page.evaluate(CUT), {}
    for _ in range(PRINTS):
        pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True)
        pages = page_numbers(pdf)
        if pages == named:
            return pdf, cut
        page.evaluate(FILL, named := pages)
    return pdf, [*cut, "the numbers of the pages do not come to rest"]


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
    found = on_paper.chapters(asked.site, yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    names, figure = {chapter.name: chapter.anchor for chapter in found}, 1
    for chapter in found:
        figure = on_paper.prepare(chapter, names, figure)
    answers = on_paper.solutions(found)
    found += [answers] if answers else []
    on_paper.share_references(found)
    on_paper.cut_dead_links(found)
    with chromium.running() as browser, chromium.served(asked.site) as home:
        pdf, cut = printed(browser, home, whole(found, config, asked.site))
    asked.out.write_bytes(with_bookmarks(pdf, found))
    for line in cut:
        print(f"cut off at the paper's edge: {line}", file=sys.stderr)
    print(f"{asked.out}: {len(found)} chapters, {figure - 1} figures, {len(pdf) / 1e6:.1f} MB")
    return 1 if cut else 0


if __name__ == "__main__":
    sys.exit(main())
