"""The copies that Colab opens: in step with the pages, of plain Markdown, with the page's code, opened by every button."""

import re
import shutil

import colab
import copies
import exercises
import guards
import jupytext
import nbformat
import plain_markdown
import pytest

PAGES = copies.pages()
NAMED = dict(ids=lambda path: path.stem)
SUN = "[Sun et al. 2020](https://arxiv.org/abs/2003.01895)"


@pytest.fixture(scope="module")
def book():
    return copies.book()


def read(path):
    return nbformat.read(guards.ROOT / colab.FOLDER / f"{path.stem}.ipynb", as_version=4)


def prose(nb):
    return "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")


def code(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def test_copies_are_in_step_with_the_pages():
    assert colab.out_of_step() == [], "call: make colab"


@pytest.fixture
def small(tmp_path):
    """A repository of one page, without links to others, and its copy."""
    for name in ("_config.yml", "book/references.bib"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(guards.ROOT / name, tmp_path / name)
    text = ("# A page\n\nOf P2, as {cite}`c01-sun2020` has it.\n\n"
            "```{code-cell} ipython3\n:tags: [hide-input]\n\n1 + 1\n```\n\n"
            ":::{admonition} Ours\n:class: ours\nA word.\n:::\n")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "98_page.md").write_text(f"---\nauthor: nobody\n---\n\n{text}", encoding="utf-8")
    for name, nb in colab.due(tmp_path).items():
        copies.write(nb, tmp_path / "colab" / f"{name}.ipynb")
    return tmp_path


def test_copy_that_is_out_of_step_is_noticed(small):
    page, copy = small / "notebooks" / "98_page.md", small / "colab" / "98_page.ipynb"
    assert colab.out_of_step(small) == []
    before = page.read_text(encoding="utf-8")
    page.write_text(before.replace("A word", "Two words"), encoding="utf-8")
    assert colab.out_of_step(small) == ["98_page"]
    page.write_text(before, encoding="utf-8")
    copy.write_text(copy.read_text(encoding="utf-8").replace("1 + 1", "1 + 2"), encoding="utf-8")
    shutil.copy(copy, small / "colab" / "99_gone.ipynb")
    assert colab.out_of_step(small) == ["98_page", "99_gone"]


def test_copy_names_the_paper_it_speaks_of_and_no_other(small):
    nb = nbformat.read(small / "colab" / "98_page.ipynb", as_version=4)
    head, cell = nb.cells[0].source, code(nb)[0]
    assert "> **P2** is Ismaïla Seck, Gaëlle Loosli and Stéphane Canu (2019)." in head and "**P1**" not in head
    assert f"as ({SUN}) has it" in head and "> **Ours.**\n>\n> A word." in prose(nb)
    assert cell.metadata.cellView == "form" and cell.metadata.jupyter.source_hidden and cell.source == "1 + 1"


@pytest.mark.parametrize("path", PAGES, **NAMED)
def test_copy_is_plain_and_has_the_code_of_the_page_and_its_tags(path, book):
    nb, page = read(path), jupytext.read(path)
    nbformat.validate(nb)
    text = prose(nb)
    assert plain_markdown.leftovers(text) == []
    assert [(cell.source, cell.metadata.get("tags", [])) for cell in code(nb)] == [
        (cell.source, cell.metadata.get("tags", [])) for cell in code(page)]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code(nb))
    for cell in code(nb):
        folds = "hide-input" in cell.metadata.get("tags", []) or exercises.BEGIN in cell.source
        assert (cell.metadata.get("cellView") == "form") == folds or not folds  # a solution may have a second cell
    for name in ("P1", "P2"):
        assert (f"> **{name}** is " in nb.cells[0].source) == bool(re.search(rf"\b{name}\b", prose(page)))
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
    start = book.address.replace("github.com", "colab.research.google.com/github")
    assert f"]({start}/blob/main/colab/{path.stem}.ipynb)" in nb.cells[0].source
    named = re.findall(r"/(?:blob|raw)/main/([^)]+)\)", text)
    assert [place for place in named if not (guards.ROOT / place).is_file()] == []


@pytest.mark.parametrize("raw", [
    ":::{admonition} Paper\n:class: paper\nA word.\n:::", "```{figure} a.png\n```", "As {cite}`c01-sun2020`.",
    "(here)=\nText.", "See {term}`a term <record>`.", "$$\na\n$$ (label)", ":keyprefix: c01-",
    "{cite:t}`c01-sun2020`"])  # fmt: skip
def test_what_only_myst_understands_is_noticed_in_a_copy(raw, small):
    """The copy that a test above reads, spoilt on purpose."""
    nb = nbformat.read(small / "colab" / "98_page.ipynb", as_version=4)
    assert plain_markdown.leftovers(prose(nb)) == []
    nb.cells[-1].source += f"\n\n{raw}"
    assert plain_markdown.leftovers(prose(nb)) != []


def test_a_solution_is_folded_words_and_code_and_the_check_is_not(book):
    path = next(path for path in PAGES if path.stem.startswith("03"))
    cells = read(path).cells
    for at, cell in enumerate(cells):
        if cell.cell_type == "code" and exercises.BEGIN in cell.source:
            assert cells[at - 1].source.endswith("**Solution.** Try it yourself first.") and cell.metadata.cellView == "form"
            after = next(other for other in cells[at:] if exercises.check_calls(other.source))
            assert "cellView" not in after.metadata
    assert "<summary>What the solution shows</summary>\n\nOn 5,000 images" in prose(read(path))


def test_readme_opens_the_copy_of_every_chapter_on_colab():
    readme = (guards.ROOT / "README.md").read_text(encoding="utf-8")
    opened = re.findall(r"colab\.research\.google\.com/github/[\w-]+/[\w-]+/blob/main/([^)]+)\)", readme)
    assert opened == [f"colab/{path.stem}.ipynb" for path in exercises.chapters()]


@pytest.mark.parametrize("text, plain", [
    (":::{admonition} Paper\n:class: paper\nA quote,\n\nin two.\n:::\n", "> **Paper.**\n>\n> A quote,\n>\n> in two."),
    (":::{admonition} Which one?\nSay.\n:::\n", "> **Which one?**\n>\n> Say."),
    ("```{note}\nSee {cite}`c08-sun2020`.\n```\n", f"> **Note.**\n>\n> See ({SUN})."),
    (":::{dropdown} More\nA word.\n:::\n", "<details>\n<summary>More</summary>\n\nA word.\n\n</details>"),
    ("::::{tip}\n:class: dropdown\n:::{note}\nIn.\n:::\n::::\n",
     "<details>\n<summary>Tip</summary>\n\n> **Note.**\n>\n> In.\n\n</details>"),
    ("As {cite}`c08-sun2020` and {cite}`c08-drucker1992,c08-sun2020`.",
     f"As ({SUN}) and (Drucker and Le Cun 1992; {SUN})."),
    ("P1 (Sun et al. 2020) {cite}`c08-sun2020`.", f"P1 ({SUN})."),
    ("{cite:t}`c08-sun2020` say", f"{SUN} say"),
    ("In {ref}`an exercise <ex-flat-ends>`.", "In an exercise (exercise 2.4: A cliff between two meadows)."),
    ("$$\na = b\n$$", "$$\na = b\n$$"),
    ("$$\na = b\n$$ (eq-x)\n\nBy {eq}`eq-x`", "$$\na = b\n\\tag{eq-x}\n$$\n\nBy (eq-x)"),
    ("```{math}\n:label: eq-y\na = b\n```\n", "$$\na = b\n\\tag{eq-y}\n$$"),
    ("$$\na\n$$\n\nand\n\n$$\nb\n$$ (b)", "$$\na\n$$\n\nand\n\n$$\nb\n\\tag{b}\n$$"),
    ("An {math}`x^2`.", "An $x^2$."),
    ("(anchor)=\n## Title", "## Title"),
    (":::{glossary}\nrecord\n  A file.\n\nprofile\n  A scale.\n:::\n", "**record**: A file.\n\n**profile**: A scale."),
])  # fmt: skip
def test_myst_becomes_plain_markdown(text, plain, book):
    flat = plain_markdown.flatten(text, book)
    assert flat == plain and plain_markdown.leftovers(flat) == []


def test_pictures_and_terms_lead_to_where_they_lie_in_the_repository(book):
    figure = ":::{figure} ../book/images/a.png\n:alt: Two lines\n:width: 80%\n\nA *caption*.\n:::\n"
    assert plain_markdown.flatten(figure, book) == (
        f"![Two lines]({book.address}/raw/main/book/images/a.png)\n\n*A *caption*.*")
    known = plain_markdown.Book("https://github.com/a/b", {}, {"glossary": "book/glossary.md"})
    assert plain_markdown.flatten("{term}`records <record>`", known) == (
        "[records](https://github.com/a/b/blob/main/book/glossary.md)")


def test_links_lead_to_the_copies_and_to_other_pages_where_they_lie(book):
    start = f"{book.address}/blob/main"
    assert plain_markdown.flatten("{doc}`05_vae`", book).endswith(f"({start}/colab/05_vae.ipynb)")
    assert plain_markdown.flatten("{doc}`it <91_scorecard>`", book) == f"[it]({start}/colab/91_scorecard.ipynb)"
    assert plain_markdown.flatten("{doc}`../book/how_to_run`", book) == f"[How to run]({start}/book/how_to_run.md)"


@pytest.mark.parametrize("text, message", [
    (":::{toctree} a\n:::\n", "no plain form of the directive 'toctree'"), ("{numref}`a`", "no plain form of the role"),
    ("{cite}`c01-nobody1900`", "no work named 'nobody1900'"), ("{doc}`12_nowhere`", "no page named")])
def test_what_has_no_plain_form_is_named(text, message, book):
    with pytest.raises(ValueError, match=message):
        plain_markdown.flatten(text, book)
