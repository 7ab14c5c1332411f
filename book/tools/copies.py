"""What the copies for Colab and those for students have in common: what they refer to, their heads, how they are written.

Both are notebooks that are made from notebooks/NN_topic.md alone, without a kernel and without outputs, and committed,
since Colab opens only what is in the repository.
"""

import argparse
import os
import re
import sys
from pathlib import Path

import exercises
import nbformat
import plain_markdown
from plain_markdown import Book

ROOT = exercises.ROOT
COLAB, COURSE = "colab", "course"  # folders of the copies of all pages, and of those without the solutions
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
KEPT = ("kernelspec", "language_info")
PAPERS = {"P1": "sun2020", "P2": "seck2019"}  # as the pages call them


def pages(root: Path = ROOT) -> list[Path]:
    """The texts of every page with code, in order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.md"))


def book(root: Path = ROOT, folder: str = COLAB) -> Book:
    """What the pages refer to. Chapters are linked to in `folder`, other pages with code among the copies for Colab."""
    taught = {path.stem for path in exercises.chapters(root)}
    titles, places, numbers = {}, {}, {}
    for page in [*pages(root), *sorted((root / "book").glob("*.md"))]:
        heading = re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), re.M)
        titles[page.stem] = heading[1].strip() if heading else page.stem
        copy = f"{folder if page.stem in taught else COLAB}/{page.stem}.ipynb"
        places[page.stem] = copy if page.parent.name == "notebooks" else f"book/{page.name}"
    for path in exercises.chapters(root):
        numbers |= {each.label: f"{each.number}: {each.title}" for each in exercises.read(path)}
    return Book(plain_markdown.address(root), titles, places, numbers, plain_markdown.works(root))


def with_head(first: str, text: str, place: str, hint: str, known: Book) -> str:
    """The first cell, with the button for Colab, a word on the copy and the papers' names below its heading.

    Args:
        first: the source of the cell.
        text: the Markdown of the whole copy; the papers that it speaks of are named in full.
        place: of the copy in the repository.
        hint: what is said of the copy.
        known: of `book`.
    """
    heading, _, rest = first.partition("\n")
    button = known.link(place).replace("https://github.com/", "https://colab.research.google.com/github/")
    papers = [f"> **{name}** is {known.works[key][1]}" for name, key in PAPERS.items() if re.search(rf"\b{name}\b", text)]
    quoted = "\n>\n".join([f"> {hint}", *papers])
    return f"{heading}\n\n[![Open in Colab]({BADGE})]({button})\n\n{quoted}\n{rest}"


def code_cell(source: str, tags: list[str], fold: bool) -> nbformat.NotebookNode:
    """A code cell without outputs; `fold`: Colab and JupyterLab show it as one line to open, and still run it."""
    metadata = {"tags": tags} if tags else {}
    if fold:
        metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def notebook(cells: list, name: str, source: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The cells as a notebook whose file changes with its text only: a cell's id is the same at every run."""
    for number, cell in enumerate(cells):
        cell["id"] = f"{name[:2]}-{number:03}"
    metadata = {key: source.metadata[key] for key in KEPT if key in source.metadata}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def as_text(nb: nbformat.NotebookNode) -> str:
    """What stands in the file of a copy."""
    return nbformat.writes(nb) + "\n"


def write(nb: nbformat.NotebookNode, path: Path) -> bool:
    """Write a notebook whole, under a temporary name first, if it differs from what is there; returns whether it did."""
    text = as_text(nb)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return True


def out_of_step(due: dict[str, nbformat.NotebookNode], folder: Path) -> list[str]:
    """Names of copies that are missing in a folder, or are not what they should be, or whose page is gone."""
    texts = {name: as_text(nb) for name, nb in due.items()}
    there = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.ipynb")}
    return sorted(name for name in {*texts, *there} if texts.get(name) != there.get(name))


def main(description: str, due: dict[str, nbformat.NotebookNode], folder: Path, target: str) -> None:
    """The command line of both: bring a folder in step, or with --check only say what is not; `target`: of make."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a copy is out of step")
    if parser.parse_args().check:
        wrong = out_of_step(due, folder)
        sys.exit(f"out of step, call `make {target}`: {', '.join(wrong)}" if wrong else 0)
    written = [name for name, nb in due.items() if write(nb, folder / f"{name}.ipynb")]
    for path in folder.glob("*.ipynb"):
        if path.stem not in due:
            path.unlink()
    print("copies written: " + ", ".join(written) if written else f"every copy in {folder.name}/ is in step")
