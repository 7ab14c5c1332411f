"""A page made ready for paper, without a browser."""

from pathlib import Path

import on_paper
import pytest

bs4 = pytest.importorskip("bs4")

PAGE = """<article class="bd-article"><section id="t"><h1>Title</h1><p>Lead.</p>
<section id="one"><h2>One</h2><p>See <a href="02_b.html#x">the other chapter</a>, twice: <a href="02_b.html#x">it</a>,
<a href="03_c.html">a lost one</a> and <a href="https://example.org">a site</a>.</p>
<div class="exercise admonition" id="e"><p class="admonition-title"><span>Exercise 1.1</span> (Add)</p></div>
<div class="hint dropdown admonition"><p class="admonition-title">Hint</p><p>Two.</p></div>
<div class="solution dropdown admonition" id="s"><p class="admonition-title">Solution</p>
<div class="cell"><div class="cell_input"><div class="highlight"><pre>def add():
    ### BEGIN SOLUTION
    return 2
    ### END SOLUTION
</pre></div></div></div></div>
<div class="cell"><div class="cell_input"><div class="highlight"><pre>checks.add(add)</pre></div></div></div>
<div class="cell"><details>folded</details><div class="cell_output"><img alt="Seen." src="x"></div></div></section>
<section id="cells"><h2>All cells</h2><details class="dbp-listing">many</details></section></section></article>"""
OTHER = """<article class="bd-article"><section id="o"><h1>Other</h1><section id="x"><h2>Deep</h2></section></section>
</article>"""


@pytest.fixture
def book():
    """Two chapters and the solutions, ready for paper, and the number of figures."""
    found = [on_paper.Chapter(name, "Part", bs4.BeautifulSoup(text, "html.parser").article)
             for name, text in (("notebooks/01_a", PAGE), ("notebooks/02_b", OTHER))]
    names, figure = {chapter.name: chapter.anchor for chapter in found}, 1
    for chapter in found:
        figure = on_paper.prepare(chapter, names, figure)
    found.append(on_paper.solutions(found))
    on_paper.cut_dead_links(found)
    return found, figure - 1


def test_a_solution_goes_to_the_end_and_the_exercise_says_where(book):
    (chapter, _, answers), _ = book
    assert "return 2" not in chapter.article.get_text() and "checks.add" not in chapter.article.get_text()
    place = chapter.article.select_one(".to-solution a")["href"]
    assert "return 2" in answers.article.select_one(place.replace("#", "[id='") + "']").get_text()
    assert "SOLUTION" not in answers.article.get_text() and "Exercise 1.1: Add" in answers.article.get_text()
    assert "Two." in chapter.article.select_one(".exercise").get_text()


def test_a_link_to_another_chapter_names_its_page_once_and_a_lost_one_is_text(book):
    (chapter, *_), _ = book
    there = "notebooks-02_b--x"
    assert [place["data-at"] for place in chapter.article.select(".at") if place["data-at"] == there] == [there]
    links = {link.get_text(): link.get("href") for link in chapter.article.select("a")}
    assert links["it"] == f"#{there}" and links["a lost one"] is None
    assert "a site (example.org)" in " ".join(chapter.article.get_text().split())


def test_a_list_to_unfold_is_a_line_and_a_picture_has_a_number(book):
    (chapter, *_), figures = book
    said = chapter.article.get_text()
    assert "many" not in said and "All cells is left out on paper" in " ".join(said.split())
    assert figures == 1 and chapter.article.select_one("figcaption").get_text() == "Figure 1"
    assert chapter.title.split() == ["1", "Title"] and [title for title, _ in chapter.sections()] == ["One"]


def test_a_page_of_results_is_no_chapter():
    assert on_paper.Chapter("notebooks/81_p1_table_1", "", None).number == ""
    assert on_paper.Chapter(str(Path("notebooks") / "12_x"), "", None).number == "12"
