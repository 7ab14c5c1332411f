"""The students' copies of the chapters, made from the one source.

    python book/tools/students.py            # course/NN_topic.ipynb from notebooks/NN_topic.md, where it differs
    python book/tools/students.py --check    # write nothing; exit 1 and name the copies that are out of step

In a copy each solution is a stub that says what to write, the prose of the solutions is gone, the checks are kept, and
MyST is plain Markdown. The copies are committed, since the button at their top opens them from the repository: Colab
cannot open what is only in somebody's build folder. A test keeps them in step.
"""

import argparse
import json
import os
import re
import sys
import textwrap
from pathlib import Path

import exercises
import jupytext
import nbformat
import plain_markdown
from exercises import BEGIN, END, Exercise
from plain_markdown import Book

ROOT = exercises.ROOT
FOLDER = "course"
WIDTH = 78  # of a line that nobody has to scroll
SOLUTION = re.compile(rf"^(?P<indent>[ \t]*){re.escape(BEGIN)}\n.*?^[ \t]*{re.escape(END)}[^\n]*", re.M | re.S)
GATE = re.compile(r"^:::\{solution-(?P<edge>start|end)\}[^\n]*\n(?::[\w-]+:[^\n]*\n)*:::[ \t]*(?:\n|\Z)", re.M)
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
KEPT = ("kernelspec", "language_info")
TAGS = ("parameters",)  # those of the pages, as what is folded there, mean nothing in a copy


def book(root: Path = ROOT, folder: str = FOLDER) -> Book:
    """What the chapters refer to; a chapter that students get is linked to in `folder`, every other page where it lies."""
    taught = {path.stem for path in exercises.chapters(root)}
    pages = [*sorted((root / "notebooks").glob("[0-9][0-9]_*.md")), *sorted((root / "book").glob("*.md"))]
    titles, places, numbers = {}, {}, {}
    for page in pages:
        heading = re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), re.M)
        titles[page.stem] = heading[1].strip() if heading else page.stem
        places[page.stem] = f"{folder}/{page.stem}.ipynb" if page.stem in taught else f"{page.parent.name}/{page.name}"
        if page.parent.name == "notebooks" and page.stem not in taught:
            places[page.stem] = f"notebooks/{page.stem}.ipynb"
    for path in exercises.chapters(root):
        numbers |= {each.label: f"{each.number}: {each.title}" for each in exercises.read(path)}
    return Book(plain_markdown.address(root), titles, places, numbers, plain_markdown.works(root))


def copy(path: Path, known: Book, *, solve: bool = False) -> nbformat.NotebookNode:
    """The student's copy of a chapter, in memory.

    Args:
        path: the chapter's text, notebooks/NN_topic.md.
        known: what it refers to, of `book`.
        solve: keep the code of the solutions, with its marks, as nbgrader wants it; their prose goes all the same, and so
            do the button and the word to the student.

    Raises:
        ValueError: a solution has no mark, or a gate has no partner, or Markdown that has no plain form.
    """
    source = jupytext.read(path)
    todo, inside, cells = exercises.of_notebook(source, path.stem), False, []
    keys = plain_markdown.cited("\n".join(cell.source for cell in source.cells if cell.cell_type == "markdown"))
    for cell in source.cells:
        if cell.cell_type == "markdown":
            text, inside = outside_solutions(cell.source, inside)
            cells += [nbformat.v4.new_markdown_cell(text)] if (text := plain_markdown.flatten(text, known, keys)) else []
        elif not inside or BEGIN in cell.source:
            text = stub(cell.source, todo.pop(0)) if BEGIN in cell.source and not solve else cell.source
            tags = [tag for tag in cell.metadata.get("tags", []) if tag in TAGS]
            cells.append(nbformat.v4.new_code_cell(text, metadata={"tags": tags} if tags else {}))
    if inside:
        raise ValueError(f"{path.name}: the last solution-start has no solution-end")
    if not solve:
        cells[0].source = with_head(cells[0].source, path.stem, known)
    for number, cell in enumerate(cells):
        cell["id"] = f"{path.stem[:2]}-{number:03}"  # the same at every run, so that the file changes with its text only
    return nbformat.v4.new_notebook(cells=cells, metadata={name: source.metadata[name] for name in KEPT
                                                           if name in source.metadata})


def outside_solutions(text: str, inside: bool) -> tuple[str, bool]:
    """The part of a Markdown cell that is in no solution, and whether the cell ends in one; `inside`: it began in one.

    Raises:
        ValueError: a gate that opens what is open, or closes what is closed.
    """
    kept, at = [], 0
    for gate in GATE.finditer(text):
        if (gate["edge"] == "start") == inside:
            raise ValueError(f"expected the other gate than {gate[0].splitlines()[0]!r}")
        kept += [] if inside else [text[at:gate.start()]]
        inside, at = not inside, gate.end()
    return "".join([*kept, "" if inside else text[at:]]), inside


def stub(code: str, exercise: Exercise) -> str:
    """A solution's cell with an error that teaches in place of what stands between the marks."""
    message = f"Exercise {exercise.number} ({exercise.title}) waits for your code. {task_in_short(exercise)}"

    def lines(match: re.Match) -> str:
        indent = match["indent"]
        parts = textwrap.wrap(message, WIDTH - len(indent) - 8, break_on_hyphens=False)
        quoted = [json.dumps(f"{part} ", ensure_ascii=False) for part in parts[:-1]]
        quoted += [json.dumps(parts[-1], ensure_ascii=False)]
        body = "\n".join(f"{indent}    {part}" for part in quoted)
        return f"{indent}# Your code goes here, in place of this error.\n{indent}raise NotImplementedError(\n{body})"

    return SOLUTION.sub(lines, code)


def task_in_short(exercise: Exercise) -> str:
    """The sentence of the task that says what to write, as plain text, with a neighbour where it is short."""
    paragraphs = [" ".join(part.split()) for part in exercise.task.split("\n\n")]
    sentences = [sentence for part in paragraphs for sentence in re.split(r"(?<=[.?!]) (?=[A-Z`\"($])", part)]
    wanted = (f"rite `{exercise.answer.name}(", f"`{exercise.answer.name}(", "Write", "Find", " return ", "Which")
    at = next((number for word in wanted for number, text in enumerate(sentences) if word in text), 0)
    if len(sentences[at]) > WIDTH:
        return plain_text(sentences[at])
    last = at == len(sentences) - 1
    return plain_text(" ".join(sentences[max(at - 1, 0):] if last else sentences[at: at + 2]))


def plain_text(text: str) -> str:
    """Markdown with formulas as text for an error message: *not* is not, $\\lambda_2$ is lambda_2, `x` stays."""
    text = re.sub(r"\\mathrm\{([^}]*)\}", r"\1", text)
    text = re.sub(r"\\[,;! ]", " ", text)
    text = re.sub(r"\\(?:tilde|hat|mathbf) ?", "", text)
    text = re.sub(r"\\([a-zA-Z]+)", r"\1", text)
    return re.sub(r"(\*{1,2})(\w[^*]*)\1", r"\2", text.replace("$", ""))


def with_head(first: str, chapter: str, known: Book) -> str:
    """The first cell, with the button for Colab and a word on how to use the copy below its heading."""
    heading, _, rest = first.partition("\n")
    place = known.link(known.places[chapter]).replace("https://github.com/", "https://colab.research.google.com/github/")
    hint = ("> **Your copy.** Work from top to bottom. Where a cell stops with `NotImplementedError`, an exercise waits for "
            "your code: write it in place of the error, run the cell, then the check below it. A check says what it found, "
            "what it expected, and what probably slipped.")
    return f"{heading}\n\n[![Open in Colab]({BADGE})]({place})\n\n{hint}\n{rest}"


def write(nb: nbformat.NotebookNode, path: Path) -> bool:
    """Write a notebook whole, under a temporary name first, if it differs from what is there; returns whether it did."""
    text = nbformat.writes(nb) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return True


def out_of_step(root: Path = ROOT) -> list[str]:
    """Copies that are missing, or are not what the chapters give now, or whose chapter is gone."""
    known, folder = book(root), root / FOLDER
    due = {path.stem: nbformat.writes(copy(path, known)) + "\n" for path in exercises.chapters(root)}
    there = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.ipynb")}
    return sorted(name for name in {*due, *there} if due.get(name) != there.get(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a copy is out of step")
    if parser.parse_args().check:
        wrong = out_of_step()
        sys.exit(f"out of step, call `make students`: {', '.join(wrong)}" if wrong else 0)
    known, folder = book(), ROOT / FOLDER
    written = [path.stem for path in exercises.chapters() if write(copy(path, known), folder / f"{path.stem}.ipynb")]
    for path in folder.glob("*.ipynb"):
        if path.stem not in {chapter.stem for chapter in exercises.chapters()}:
            path.unlink()
    print("copies written: " + ", ".join(written) if written else f"every copy in {FOLDER}/ is in step")


if __name__ == "__main__":
    main()
