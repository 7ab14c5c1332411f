"""The copies of the pages that the book's buttons open on Colab, made from the one source.

    python book/tools/colab.py            # colab/NN_topic.ipynb from notebooks/NN_topic.md, where it differs
    python book/tools/colab.py --check    # write nothing; exit 1 and name the copies that are out of step

The code is that of the page, cell by cell; what the page folds is folded, and so are the solutions. MyST is plain
Markdown. Outputs are left out: pictures would make the repository grow by as much as the pages each time that one is
executed, and who opens a copy wants to run it. GitHub shows the pictures in the page itself, which the copy links to.
"""

from pathlib import Path

import copies
import jupytext
import nbformat
import plain_markdown
import students
from plain_markdown import Book

ROOT = copies.ROOT
FOLDER = copies.COLAB


def copy(path: Path, known: Book) -> nbformat.NotebookNode:
    """The copy of a page for Colab, in memory.

    Args:
        path: the page's text, notebooks/NN_topic.md.
        known: what it refers to, of `copies.book`.

    Raises:
        ValueError: the gates of a solution have no partner, or Markdown has no plain form.
    """
    source, inside, cells = jupytext.read(path), False, []
    prose = "\n".join(cell.source for cell in source.cells if cell.cell_type == "markdown")
    keys = plain_markdown.cited(prose)
    for cell in source.cells:
        if cell.cell_type == "markdown":
            text, inside = with_folded_solutions(cell.source, inside, known, keys)
            cells += [nbformat.v4.new_markdown_cell(text)] if text else []
        else:
            tags = list(cell.metadata.get("tags", []))
            cells.append(copies.code_cell(cell.source, tags, fold="hide-input" in tags or inside))
    if inside:
        raise ValueError(f"{path.name}: the last solution-start has no solution-end")
    hint = ("**This copy is for Colab.** Run its cells from top to bottom; a folded one opens with a click. Its figures and "
            f"tables appear as you run it; [the page]({known.link(f'notebooks/{path.stem}.ipynb')}) has them already.")
    cells[0].source = copies.with_head(cells[0].source, prose, f"{FOLDER}/{path.stem}.ipynb", hint, known)
    return copies.notebook(cells, path.stem, source)


def with_folded_solutions(text: str, inside: bool, known: Book, keys: list[str]) -> tuple[str, bool]:
    """A Markdown cell as plain Markdown, words of solutions folded, and whether it ends in one (`inside`: it began so)."""
    plain = []
    for part, solves, opens in students.parts(text, inside):
        plain += ["**Solution.** Try it yourself first."] if opens else []
        flat = plain_markdown.flatten(part, known, keys)
        plain += [plain_markdown.folded("What the solution shows", flat) if solves else flat] if flat else []
        inside = solves
    return "\n\n".join(part.strip() for part in plain), inside


def due(root: Path = ROOT) -> dict[str, nbformat.NotebookNode]:
    """Every copy, by its name."""
    known = copies.book(root)
    return {path.stem: copy(path, known) for path in copies.pages(root)}


def out_of_step(root: Path = ROOT) -> list[str]:
    """Copies that are missing, or are not what the pages give now, or whose page is gone."""
    return copies.out_of_step(due(root), root / FOLDER)


if __name__ == "__main__":
    copies.main(__doc__, due(), ROOT / FOLDER, "colab")
