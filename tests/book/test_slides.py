"""The decks of slides: as many as the chapter has headings, with its pictures, and nothing asked of other hosts."""

import re
from html.parser import HTMLParser

import chromium
import copies
import exercises
import guards
import nbformat
import pytest
import slide_parts
import slides

CHAPTER = next(path for path in exercises.chapters() if path.stem.startswith("03")).with_suffix(".ipynb")

# Of each slide: how high it is, how much smaller it was made, and how far its widest thing stands out at the right.
SIZES = """() => {
  document.body.classList.add("measuring");
  return [...document.querySelectorAll(".slides > section > section > div")].map((inside) => {
    const edge = inside.getBoundingClientRect().right;
    const things = [...inside.querySelectorAll("img, table, svg, pre, p")].filter((e) => !e.closest("details"));
    const beyond = things.map((e) => e.getBoundingClientRect().right - edge);
    return [inside.getBoundingClientRect().height, Number(inside.style.zoom || 1), Math.max(0, ...beyond)];
  });
}"""


class Deck(HTMLParser):
    """The slides of a deck: columns, and what lies in them."""

    def __init__(self, text):
        super().__init__()
        self.depth, self.columns, self.slides, self.pictures, self.loads = 0, 0, 0, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "section":
            self.depth += 1
            self.columns += self.depth == 1
            self.slides += self.depth == 2
        if tag == "img":
            self.pictures.append(found.get("alt") or "")
        if tag == "script" and "src" in found or tag == "link":
            self.loads.append(found.get("src") or found.get("href"))

    def handle_endtag(self, tag):
        self.depth -= tag == "section"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The deck of chapter 03 with what it loads."""
    if slides.missing():
        pytest.skip(slides.missing())
    out = tmp_path_factory.mktemp("slides")
    assert slides.write([CHAPTER], out) == [CHAPTER.stem]
    return out


@pytest.fixture(scope="module")
def text(folder):
    return (folder / f"{CHAPTER.stem}.slides.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def chapter():
    return nbformat.read(CHAPTER, as_version=4)


def test_a_deck_loads_only_what_lies_beside_it(folder, text):
    assert guards.external_requests(folder) == []
    loads = [place for place in Deck(text).loads if not place.startswith("data:")]
    assert any("reveal.js" in place for place in loads) and any("mathjax" in place for place in loads)
    assert [place for place in loads if not (folder / place).is_file()] == []
    scripts = re.sub(r"base64,[\w+/=]+", "", text)
    assert re.findall(r"(?:unpkg|cdnjs|jsdelivr|cloudflare|googleapis)[\w.]*", scripts) == []


def test_every_heading_but_the_references_is_a_column_of_slides(text, chapter):
    prose = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^##? (.+)$", prose, re.M)
    assert headings[-1] == "References" and Deck(text).columns == len(headings) - 1
    assert Deck(text).slides > Deck(text).columns


def test_every_picture_of_the_chapter_is_on_a_slide_with_its_alt_text(text, chapter):
    shown = [alt for cell in chapter.cells if cell.cell_type == "code" for output in cell.outputs
             for alt in re.findall(r'<img alt="([^"]*)"', output.get("data", {}).get("text/html", ""))]
    assert shown and Deck(text).pictures == [alt.replace("&#x27;", "'") for alt in shown]


def test_no_solution_and_no_open_code_is_on_a_slide(text):
    assert exercises.BEGIN not in text and "checks." not in re.sub(r"<details>.*?</details>", "", text, flags=re.S)
    assert "jacobian_l1" in text  # folded
    assert "<pre" in text and "highlight" not in re.sub(r"<style.*?</style>|<details>.*?</details>", "", text, flags=re.S)


def test_a_deck_in_a_browser_asks_nothing_of_others_and_nothing_is_cut_off(folder, text):
    """Formulas, pictures and tables of every slide end within it, and no slide had to be made smaller by half."""
    if chromium.missing():
        pytest.skip(chromium.missing())
    with chromium.running() as browser, chromium.served(folder) as home:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{home}{CHAPTER.stem}.slides.html")
        page.wait_for_selector("body[data-ready]", timeout=120_000)
        assert wrong == [] and [url for url in asked if not url.startswith((home, "data:"))] == []
        assert page.locator(".slides mjx-container svg").count() > 10
        sizes = page.evaluate(SIZES)
        assert len(sizes) == Deck(text).slides
        assert [size for size in sizes if size[0] > slides.HEIGHT + 2 or size[1] < 0.6 or size[2] > 2] == []


@pytest.mark.parametrize("text, first", [
    ("It is Eq. (3). Then more.", "It is Eq. (3)."), ("By $x. y$ it is. More.", "By $x. y$ it is."),
    ("Sun et al. 2020 say so. We do not.", "Sun et al. 2020 say so."),
    ("(A word. And another.) More.", "(A word. And another.)"),
    ('He said "no." She left.', 'He said "no."'), ("One number 3.5 is. Two.", "One number 3.5 is."), ("No end", "No end"),
    ("So it is: one. Two.", "So it is: one."), ("**Bold. Words.** More.", "**Bold. Words.**"),
])  # fmt: skip
def test_the_first_sentence_of_a_paragraph(text, first):
    assert slide_parts.first_sentence(text) == first


def test_a_short_first_sentence_takes_the_next_with_it():
    assert slide_parts.beginning("Now the records. They say " + "much " * 10 + "more. End.") == (
        "Now the records. They say " + "much " * 10 + "more.")


def part(kind, height, text=""):
    return slide_parts.Part(kind, text, height)


def test_what_leads_to_a_picture_goes_with_it_and_a_prediction_stands_before_its_answer():
    section = slides.Section("## A", [part("sentence", 50), part("figure", 500), part("sentence", 50), part("code", 44),
                                      part("figure", 400)])
    assert [[each.kind for each in page] for page in slides.packed(section)] == [
        ["sentence", "figure"], ["sentence", "code", "figure"]]
    section.parts.append(part("sentence", 300))  # a last word gets no slide of its own
    assert [len(page) for page in slides.packed(section)] == [2, 4]
    asked = slides.Section("## B", [part("box", 100, "> **Predict.**\n>\n> What?"), part("figure", 100)])
    assert [len(page) for page in slides.packed(asked)] == [1, 1] and slides.packed(slides.Section("## C")) == [[]]


def test_a_solution_is_on_no_slide_and_an_exercise_is_two_lines():
    known = copies.book()
    source = (":::{exercise-start} Flat\n:label: no-such\n:::\n**Difficulty 2, 15 minutes.** Write a function that returns "
              "nothing at all for every input. Then more.\n:::{exercise-end}\n:::\n\n"
              ":::{solution-start} no-such\n:class: dropdown\n:::\nSecret.\n")
    assert slide_parts.blocks(source, False, known) == (
        ["#### Exercise Flat (15 minutes)\nWrite a function that returns nothing at all for every input."], True)
