"""The students' copies of the chapters, made from the one source.

    python book/tools/students.py            # course/NN_topic.ipynb from notebooks/NN_topic.md, where it differs
    python book/tools/students.py --check    # write nothing; exit 1 and name the copies that are out of step

In a copy each solution is a stub that says what to write, the prose of the solutions is gone, the checks are kept, and
MyST is plain Markdown. The copies are committed, since the button at their top opens them from the repository: Colab
cannot open what is only in somebody's build folder. A test keeps them in step.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import copies
import exercises
import jupytext
import nbformat
import plain_markdown
from exercises import BEGIN, END, Exercise
from plain_markdown import Book

ROOT = exercises.ROOT
FOLDER = copies.COURSE
WIDTH = 78  # of a line that nobody has to scroll
SOLUTION = re.compile(rf"^(?P<indent>[ \t]*){re.escape(BEGIN)}\n.*?^[ \t]*{re.escape(END)}[^\n]*", re.M | re.S)
GATE = re.compile(r"^:::\{solution-(?P<edge>start|end)\}[^\n]*\n(?::[\w-]+:[^\n]*\n)*:::[ \t]*(?:\n|\Z)", re.M)
TAGS = ("parameters",)  # those that say how the book shows a cell mean nothing in a copy
HINT = ("**Your copy.** Work from top to bottom. Where a cell stops with `NotImplementedError`, an exercise waits for "
        "your code: write it in place of the error, run the cell, then the check below it. A check says what it found, "
        "what it expected, and what probably slipped.")


def book(root: Path = ROOT) -> Book:
    """What the chapters refer to, as `copies.book` tells it: the chapters that students get in their folder."""
    return copies.book(root, FOLDER)


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
            tags = cell.metadata.get("tags", [])
            cells.append(copies.code_cell(text, [tag for tag in tags if tag in TAGS], fold="hide-input" in tags))
    if inside:
        raise ValueError(f"{path.name}: the last solution-start has no solution-end")
    if not solve:
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        cells[0].source = copies.with_head(cells[0].source, prose, known.places[path.stem], HINT, known)
    return copies.notebook(cells, path.stem, source)


def parts(text: str, inside: bool) -> Iterator[tuple[str, bool, bool]]:
    """A Markdown cell between the gates of solutions: (text, whether it is in a solution, whether one opens there).

    Args:
        text: of the cell.
        inside: whether it begins in a solution.

    Raises:
        ValueError: a gate that opens what is open, or closes what is closed.
    """
    at, opens = 0, False
    for gate in GATE.finditer(text):
        if (gate["edge"] == "start") == inside:
            raise ValueError(f"expected the other gate than {gate[0].splitlines()[0]!r}")
        yield text[at:gate.start()], inside, opens
        inside, at, opens = not inside, gate.end(), not inside
    yield text[at:], inside, opens


def outside_solutions(text: str, inside: bool) -> tuple[str, bool]:
    """The part of a Markdown cell that is in no solution, and whether the cell ends in one; `inside`: it began in one."""
    found = list(parts(text, inside))
    return "".join(part for part, solves, _ in found if not solves), found[-1][1]


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


def due(root: Path = ROOT) -> dict[str, nbformat.NotebookNode]:
    """Every copy, by its name."""
    known = book(root)
    return {path.stem: copy(path, known) for path in exercises.chapters(root)}


def out_of_step(root: Path = ROOT) -> list[str]:
    """Copies that are missing, or are not what the chapters give now, or whose chapter is gone."""
    return copies.out_of_step(due(root), root / FOLDER)


if __name__ == "__main__":
    copies.main(__doc__, due(), ROOT / FOLDER, "students")
