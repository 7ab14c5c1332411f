"""One deck of slides a chapter, made from the page as it is executed: `make slides`, then open _build/slides/index.html.

    python book/tools/slides.py          # every chapter, into _build/slides
    python book/tools/slides.py 03 06    # some

There is no second text. A section of the chapter is a column of slides: its heading, the first sentence after it and after
each cell, boxes, formulas and exercises, and what its cells show. Code is folded. The section's whole text stands in the
notes, which the key S opens in a window of their own. reveal.js comes from an installed package, MathJax is the book's
own, and a deck asks nothing of other hosts.
"""

import html
import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import copies
import exercises
import nbformat
import plain_markdown
import slide_parts
from slide_parts import Part

ROOT = exercises.ROOT
OUT = ROOT / "_build" / "slides"
TEMPLATE = Path(__file__).with_name("slides_template")
WIDTH, HEIGHT = 1120, 700  # of a slide, in its own pixels
PACKAGE = "sphinx_revealjs"  # of which only the reveal.js that it brings along is used


@dataclass
class Section:
    """A column of slides.

    Attributes:
        title: as Markdown, with its number signs.
        parts: what is shown, in order.
        notes: the whole text, paragraph by paragraph.
    """

    title: str
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def reveal() -> Path | None:
    """The folder of reveal.js, with dist/ and plugin/; None where it is not installed."""
    package = importlib.util.find_spec(PACKAGE)
    folder = Path(package.origin).parent / "_static" / "revealjs" if package and package.origin else None
    return folder if folder and (folder / "dist" / "reveal.js").is_file() else None


def missing() -> str | None:
    """Why no deck can be made, in one line; None where one can."""
    return None if reveal() else f"there is no reveal.js: the package {PACKAGE.replace('_', '-')} is not installed"


def sections(nb: nbformat.NotebookNode, known: plain_markdown.Book) -> list[Section]:
    """The columns of a chapter: one for its title, one for each heading of the second level but the references."""
    found, inside, fresh = [], False, True
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            blocks, inside = slide_parts.blocks(cell.source, inside, known)
            for at, block in enumerate(blocks):
                if re.match(r"##? ", block):
                    found.append(Section(block))
                    fresh = True
                    continue
                found[-1].notes.append(block)
                part = slide_parts.of_block(block, "".join(blocks[at + 1: at + 2]), fresh)
                found[-1].parts += [part] if part else []
                fresh = fresh and not (part and part.kind == "sentence")
            continue
        if not inside:
            found[-1].parts += slide_parts.of_code(cell)
            fresh = True
    return [section for section in found if section.title != "## References"]


def packed(section: Section) -> list[list[Part]]:
    """The parts of a section, slide by slide, as far as they fit below the heading; each heading has a slide."""
    pages, room = [[]], HEIGHT - 90
    for part in section.parts:
        if part.kind == "code" and pages[-1] and pages[-1][-1].kind == "code":
            pages[-1][-1] = replace(part, text=f"{pages[-1][-1].text}\n\n{part.text}")
            continue
        answers = pages[-1] and pages[-1][-1].asks and part.kind != "code"
        if answers or pages[-1] and sum(each.height for each in pages[-1]) + part.height > room:
            led = []  # what leads to a part stays with it
            while len(pages[-1]) > 1 and pages[-1][-1].leads:
                led.insert(0, pages[-1].pop())
            pages.append(led)
            room = HEIGHT - 60
        pages[-1].append(part)
    if len(pages) > 1 and [part.kind for part in pages[-1]] == ["sentence"]:  # no slide for a last word
        last = pages.pop()
        pages[-1] += last
    return pages


def deck(nb: nbformat.NotebookNode, known: plain_markdown.Book) -> nbformat.NotebookNode:
    """A chapter as a notebook of slides, as nbconvert wants it."""
    cells = []
    for section in sections(nb, known):
        for number, page in enumerate(packed(section)):
            title = section.title if number == 0 else re.sub(r"^#+", "###", section.title)
            cells.append(_markdown(title, "subslide" if number else "slide"))
            cells += [_cell(part) for part in page]
            if number == 0 and section.notes:
                cells.append(_markdown("\n\n".join(section.notes), "notes"))
    return nbformat.v4.new_notebook(cells=cells)


def _markdown(text: str, kind: str = "-") -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def _cell(part: Part) -> nbformat.NotebookNode:
    if part.output is None:
        return _markdown(plain_markdown.folded("Code", part.text) if part.kind == "code" else part.text)
    return nbformat.v4.new_code_cell("", outputs=[part.output], metadata={"slideshow": {"slide_type": "-"}})


def write(paths: list[Path], out: Path = OUT) -> list[str]:
    """Write the decks of chapters, with all that they load, into a folder; returns their names.

    Args:
        paths: executed chapters, notebooks/NN_topic.ipynb.
        out: the folder; its index.html lists every deck in it.

    Raises:
        RuntimeError: reveal.js is not installed.
    """
    from nbconvert.exporters import SlidesExporter
    from traitlets.config import Config

    if missing():
        raise RuntimeError(f"{missing()}; call `make slides`")
    known = copies.book()
    settings = {"SlidesExporter": {"reveal_url_prefix": "reveal", "reveal_theme": "book", "reveal_width": str(WIDTH),
                                   "reveal_height": str(HEIGHT), "exclude_input": True, "exclude_output_prompt": True,
                                   "exclude_input_prompt": True, "exclude_anchor_links": True},
                "CSSHTMLHeaderPreprocessor": {"style": "tango"}}
    exporter = SlidesExporter(config=Config(settings), template_name=TEMPLATE.name,
                              extra_template_basedirs=[str(TEMPLATE.parent)])
    _assets(out)
    for path in paths:
        nb = nbformat.read(path, as_version=4)
        title = known.titles[path.stem]
        body, _ = exporter.from_notebook_node(deck(nb, known), {"metadata": {"name": title}})
        (out / f"{path.stem}.slides.html").write_text(body, encoding="utf-8")
    decks = sorted(out.glob("*.slides.html"))
    lines = [f'<li><a href="{deck.name}">{html.escape(known.titles[deck.name.split(".")[0]])}</a></li>' for deck in decks]
    (out / "index.html").write_text(f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Slides</title>'
                                    f"<h1>Slides</h1><ol>{''.join(lines)}</ol></html>\n", encoding="utf-8")
    return [path.stem for path in paths]


def _assets(out: Path) -> None:
    for name in ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js", "LICENSE"):
        target = out / "reveal" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(reveal() / name, target)
    (out / "reveal" / "dist" / "theme").mkdir(exist_ok=True)
    shutil.copy(TEMPLATE / "book.css", out / "reveal" / "dist" / "theme" / "book.css")
    shutil.copytree(ROOT / "vendor" / "mathjax", out / "mathjax", dirs_exist_ok=True)


def main() -> int:
    """The command line."""
    if missing():
        print(f"No slides: {missing()}.", file=sys.stderr)
        return 0
    chosen = [path.with_suffix(".ipynb") for path in exercises.chapters()
              if not sys.argv[1:] or any(path.name.startswith(name) for name in sys.argv[1:])]
    print(f"decks of {', '.join(write(chosen))}; open {OUT / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
