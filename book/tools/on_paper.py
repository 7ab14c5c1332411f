"""A built page of the book made ready for paper: what a screen alone needs is left out, solutions go to the end."""

import copy
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]

# What a page has for a screen only. Folded code serves a figure or a check; a reader of paper cannot unfold it.
ON_A_SCREEN = "a.headerlink, button, script, details, .toggle-button, .prev-next-footer, .thebe-launch-button"
ON_THE_PAGE = "The list <em>{}</em> is left out on paper: the book's pages have it, with a file of the same numbers."
LIBRARY, WORDS = "book/api", ("book/glossary", "book/bibliography", "book/api")
# Headings that nearly every chapter has: they help nobody to find anything in a table of contents.
EVERYWHERE = ("References", "Exercises", "All cells", "The table", "Published against ours", "Every run")


@dataclass
class Chapter:
    """One page of the book as it is printed."""

    name: str  # as in _toc.yml, without the suffix
    part: str
    article: object  # of BeautifulSoup
    solutions: list = field(default_factory=list)  # (the exercise's title, its number, the box), taken out by `prepare`

    @property
    def anchor(self) -> str:
        """The prefix of its anchors: those of two pages may be the same."""
        return re.sub(r"\W", "-", self.name)

    @property
    def number(self) -> str:
        """As the text calls it, "3" for chapter 03; empty for pages that are no chapter."""
        found = re.match(r"notebooks/0*([1-9]|[1-7]\d)_", self.name)
        return found[1] if found else ""

    @property
    def title(self) -> str:
        """Its heading, with its number."""
        return self.article.find("h1").get_text(" ", strip=True)

    def sections(self) -> Iterator[tuple[str, str]]:
        """(title, anchor) of its sections that are worth a line of the contents."""
        for section in self.article.select("section section[id]"):
            heading = section.find("h2", recursive=False)
            if heading and heading.get_text(" ", strip=True) not in EVERYWHERE:
                yield heading.get_text(" ", strip=True), section["id"]


def _soup(text: str):
    from bs4 import BeautifulSoup

    return BeautifulSoup(text, "html.parser")


def chapters(site: Path, toc: dict) -> list[Chapter]:
    """Every page of the table of contents that is built."""
    parts = [(part["caption"], chapter["file"]) for part in toc["parts"] for chapter in part["chapters"]]
    found = []
    for part, name in [("", toc["root"]), *parts]:
        path = (site / name.removesuffix(".ipynb")).with_suffix(".html")
        if path.is_file():
            article = _soup(path.read_text(encoding="utf-8")).select_one("article.bd-article")
            found.append(Chapter(name.removesuffix(".ipynb"), part, article))
    return found


def prepare(chapter: Chapter, names: dict[str, str], first_figure: int) -> int:
    """Make a chapter ready for paper, in place; the number of the next figure is returned. `names`: anchors by page."""
    article = chapter.article
    _leave_out_lists(article)
    for element in article.select(ON_A_SCREEN):
        element.decompose()
    for cell in article.select("div.cell"):  # of which nothing is left; a heading before it would stand alone
        if not cell.get_text(strip=True) and not cell.select("img"):
            cell.decompose()
    for element in article.select(".dropdown"):
        element["class"] = [kind for kind in element["class"] if kind != "dropdown"]
    for element in article.select("[id]"):
        element["id"] = f"{chapter.anchor}--{element['id']}"
    article["id"] = chapter.anchor
    if chapter.number:
        article.find("h1").insert(0, f"{chapter.number}  ")
    said = set()
    for link in article.select("a[href]"):
        _relink(link, chapter, names, said)
    next_figure = first_figure + _number_figures(article, first_figure)
    for code in article.select("div.cell_input pre"):
        _plain_code(code)
    chapter.solutions = list(_taken_out(chapter))
    if chapter.name == LIBRARY:
        _summarise(article)
    return next_figure


def _leave_out_lists(article) -> None:
    """A section that is there for a list to unfold and to sort is left out; a line at the page's head says where it is."""
    for listing in article.select("details.dbp-listing"):
        section = listing.find_parent("section")
        if section and section.find("h2", recursive=False):
            for link in section.select("a.headerlink"):
                link.decompose()
            title = section.h2.get_text(" ", strip=True)
            section.decompose()
            article.find("p").insert_after(_soup(f"<p>{ON_THE_PAGE.format(html.escape(title))}</p>"))


def _relink(link, chapter: Chapter, names: dict[str, str], said: set) -> None:
    """A link to another page becomes one inside of the book, with its page number; one to what is not printed, text."""
    target, _, anchor = unquote(link["href"]).partition("#")
    if "://" in target:
        if "://" not in link.get_text():
            link.insert_after(f" ({target.partition('://')[2]})")
        return
    if target.startswith("mailto:"):
        return
    base = (ROOT / chapter.name).parent
    name = str((base / target).resolve().relative_to(ROOT)).removesuffix(".html") if target else chapter.name
    if name not in names:
        del link["href"]
        return
    link["href"] = "#" + names[name] + (f"--{anchor}" if anchor else "")
    place = id(link.find_parent("section")), link["href"]
    if name != chapter.name and name not in WORDS and not link.find_parent("td") and place not in said:
        said.add(place)  # once a section is enough
        link.insert_after(_soup(f'<span class="at" data-at="{html.escape(link["href"][1:])}"> (p. 000)</span>'))


def _number_figures(article, first: int) -> int:
    """Give every picture that code has drawn a number; how many there were. Its title says what is to be seen."""
    pictures = article.select(".cell_output img, .output.text_html img")
    for number, picture in enumerate(pictures, first):
        picture.wrap(_soup("<figure></figure>").figure)
        picture.insert_after(_soup(f"<figcaption>Figure {number}</figcaption>"))
    return len(pictures)


def _plain_code(code) -> None:
    """Without the marks between which students write; a long cell may be split by the end of a page."""
    text = str(code)
    lines = [line for line in text.split("\n") if not re.search(r"### (BEGIN|END) SOLUTION", line)]
    if len(lines) > 24:
        code.find_parent(class_="highlight")["class"].append("long")
    if len(lines) < text.count("\n") + 1:
        code.replace_with(_soup("\n".join(lines)).pre)


def _taken_out(chapter: Chapter) -> Iterator[tuple]:
    """Solutions, each taken out with the cell that checks it, which nobody runs on paper. The exercise says where it is."""
    for exercise in chapter.article.select("div.exercise"):
        title = exercise.select_one(".admonition-title")
        while "hint" in (exercise.find_next_sibling() or {}).get("class", []):  # beside the box instead of in it
            exercise.append(exercise.find_next_sibling().extract())
        solution = exercise.find_next_sibling("div")
        if not solution or "solution" not in solution.get("class", []):
            continue
        check = solution.find_next_sibling("div")
        if check and "cell" in check.get("class", []) and check.get_text().lstrip().startswith("checks."):
            check.extract()
        place = f"{exercise['id']}--solution"
        exercise.append(_soup(f'<p class="to-solution"><a href="#{place}">Solution</a>'
                              f'<span class="at" data-at="{place}"> (p. 000)</span></p>'))
        solution.extract()
        solution["id"] = place
        said = re.match(r"(Exercise [\d.]+)\s*(?:\((.*)\))?$", title.get_text(" ", strip=True), re.DOTALL)
        yield (said[2] or "").strip() if said else "", said[1] if said else title.get_text(" ", strip=True), solution


def solutions(found: list[Chapter]) -> Chapter | None:
    """The part of the book that has the solutions of all chapters; None where there are none."""
    if not any(chapter.solutions for chapter in found):
        return None
    article = _soup('<article class="bd-article" id="solutions"><section><h1>Solutions</h1></section></article>').article
    whole = article.section
    whole.append(_soup("<p>Yours may be another one: the check decides, which runs in the notebook.</p>"))
    for chapter in (chapter for chapter in found if chapter.solutions):
        part = _soup(f'<section id="solutions--{chapter.anchor}"><h2>{html.escape(chapter.title)}</h2></section>').section
        for title, number, box in chapter.solutions:
            head = box.select_one(".admonition-title")
            head.name, head["class"], head.string = "h3", [], f"{number}: {title}" if title else number
            part.append(box)
        whole.append(part)
    return Chapter("solutions", "Reference", article)


def _summarise(article) -> None:
    """The library on paper: the first sentence of each function and class. The rest is looked up on a screen."""
    for entry in article.select("section section > dl.py"):
        names = entry.find_previous_sibling()
        if not names or "names" not in names.get("class", []):
            names = _soup('<div class="names"></div>').div
            entry.insert_before(names)
        term, said = entry.find("dt", recursive=False), entry.find("dd", recursive=False)
        text = said.find("p", recursive=False) if said else None
        line = _soup(f'<p id="{term.get("id", "")}"><b>{html.escape(term.select_one(".descname").get_text())}</b> </p>').p
        for part in list(text.children) if text else []:
            line.append(copy.copy(part))
        names.append(line)
        entry.decompose()
    article.find("h1").insert_after(_soup(
        "<p>A sentence for each function and class. Arguments, shapes and errors are on the book's pages.</p>"))


def share_references(found: list[Chapter]) -> None:
    """Each work is listed once, in the bibliography; a chapter's own list of the same works is left out."""
    works = {work.p.get_text(" ", strip=True): work["id"] for chapter in found if chapter.name == "book/bibliography"
             for work in chapter.article.select("div.citation")}
    for chapter in found if works else ():
        moved = {}
        for work in chapter.article.select("div.citation") if chapter.name != "book/bibliography" else ():
            there = works.get(work.p.get_text(" ", strip=True))
            if there:
                moved[work["id"]] = there
                work.decompose()
        for link in chapter.article.select('a[href^="#"]'):
            link["href"] = "#" + moved.get(link["href"][1:], link["href"][1:])
        for section in chapter.article.select("section section"):
            heading = section.find("h2", recursive=False)
            if heading and heading.get_text(strip=True) == "References" and not section.select("p, li, div.citation"):
                section.decompose()


def cut_dead_links(found: list[Chapter]) -> None:
    """Links to what is not printed become text."""
    there = {element["id"] for chapter in found for element in chapter.article.select("[id]")}
    there |= {chapter.anchor for chapter in found}
    for chapter in found:
        for link in chapter.article.select('a[href^="#"]'):
            if link["href"][1:] not in there:
                del link["href"]
        for place in chapter.article.select("[data-at]"):
            if place["data-at"] not in there:
                place.decompose()
