"""What of a chapter is shown on a slide, and how high it is: sentences, boxes, formulas, exercises, and what cells show."""

import base64
import re
import struct
from dataclasses import dataclass

import exercises
import nbformat
import plain_markdown
import students

SERVING = {"setup", "settings", "check"}  # tags of cells whose outputs are for the page only
ABBREVIATIONS = re.compile(r"(?:\b(?:Eqs?|Figs?|Sec|et al|cf|vs|e\.g|i\.e|resp)|\b[A-Z])\.$")
TASK = re.compile(exercises.TASK.pattern + r"[^\n]*\n:::[ \t]*\n?", exercises.TASK.flags)
LETTERS = 82  # on a line of a slide
FIGURE = 500  # the most that a picture is high, in a slide's pixels


@dataclass(frozen=True)
class Part:
    """Something on a slide.

    Attributes:
        kind: heading, sentence, list, formula, box, exercise, code, figure, table or text.
        text: as Markdown; empty for what a cell shows.
        height: about how high it is, in a slide's pixels.
        output: of a cell, where it is one.
    """

    kind: str
    text: str
    height: int
    output: nbformat.NotebookNode | None = None

    @property
    def asks(self) -> bool:
        """Whether what follows answers it, and is to be seen later."""
        return self.kind == "box" and self.text.startswith("> **Predict")

    @property
    def leads(self) -> bool:
        """Whether it is said of the part that follows it."""
        return self.kind in ("sentence", "code", "heading")


def blocks(source: str, inside: bool, known: plain_markdown.Book) -> tuple[list[str], bool]:
    """The paragraphs of a Markdown cell as plain Markdown, without solutions, an exercise being one paragraph.

    Args:
        source: of the cell.
        inside: whether it begins in a solution.
        known: what the page refers to.

    Returns:
        The paragraphs, and whether the cell ends in a solution.
    """
    text, inside = students.outside_solutions(source, inside)
    text = TASK.sub(lambda task: _exercise(task, known), text)
    flat, found = plain_markdown.flatten(text, known), []
    for part in re.split(r"\n{2,}", flat):
        joined = found and (found[-1].count("$$") % 2 or found[-1].startswith("<details>") and "</details>" not in found[-1])
        if joined:
            found[-1] += f"\n\n{part}"
        elif part.strip():
            found.append(part.strip())
    return found, inside


def _exercise(task: re.Match, known: plain_markdown.Book) -> str:
    """An exercise in two lines: what it is called and costs, and how its task begins."""
    text = " ".join(task["task"].strip().split("\n\n")[0].split())
    head = exercises.HEAD.match(text)
    cost = f" ({head['minutes']} minutes)" if head else ""
    called = known.exercises.get(task["label"], task["title"])
    return f"#### Exercise {called}{cost}\n{beginning(text[head.end():] if head else text)}\n\n"


def of_block(block: str, following: str, fresh: bool) -> Part | None:
    """What of a paragraph is shown; None where it is for the notes alone.

    Args:
        block: the paragraph, as plain Markdown.
        following: the next one.
        fresh: whether no sentence was shown since the heading or the last cell.
    """
    lines = block.splitlines()
    if block.startswith("### "):
        return Part("heading", f"#{block}", 62)
    if block.startswith("#### "):
        return Part("exercise", block, 62 + 36 * _lines(" ".join(lines[1:])))
    if block.startswith(">"):
        return Part("box", block, 34 + sum(36 * _lines(line) for line in lines if line.strip("> ")))
    if block.startswith("$$"):
        rows = max(block.count("\\\\") + 1, 1)
        return Part("formula", block, 36 + 56 * rows)
    if re.match(r"(?:[-*]|\d+\.) ", block):
        return Part("list", block, 14 + sum(36 * _lines(line) for line in lines))
    if block.startswith("|"):
        return Part("table", block, 30 + 38 * len(lines))
    if block.startswith(("![", "[![", "<")):
        return None
    whole = " ".join(lines)
    if lead := re.match(r"\*\*[^*]+\*\*", whole):  # a heading within the line
        wanted = f"{lead[0]} {beginning(whole[lead.end():].strip())}".strip()
        return Part("sentence", wanted, 14 + 36 * _lines(wanted))
    if fresh:
        wanted = beginning(whole)
        return Part("sentence", wanted, 14 + 36 * _lines(wanted))
    if whole.endswith(":") and following.startswith(("$$", "- ", "1. ")):
        last = whole
        while (first := first_sentence(last)) != last:
            last = last[len(first):].strip()
        return Part("sentence", last, 14 + 36 * _lines(last))
    return None


def of_code(cell: nbformat.NotebookNode) -> list[Part]:
    """What a code cell shows, with its code folded where it belongs to the argument."""
    tags = set(cell.metadata.get("tags", []))
    if tags & SERVING or exercises.check_calls(cell.source) or exercises.BEGIN in cell.source:
        return []
    shown = [part for output in cell.outputs if (part := _output(output))]
    if "hide-input" in tags:
        return shown
    return [Part("code", f"```python\n{cell.source.strip()}\n```", 44), *shown]


def _output(output: nbformat.NotebookNode) -> Part | None:
    if output.output_type == "stream":
        lines = sum(_lines(line, 88) for line in output.text.rstrip().splitlines())
        return Part("text", "", 18 + 28 * lines, output) if lines else None
    data = output.get("data", {})
    if "text/html" in data:
        page = data["text/html"]
        if "<img " in page or "<svg" in page:
            png = re.search(r"image/png;base64,([A-Za-z0-9+/]{40})", page)
            wide, high = struct.unpack(">II", base64.b64decode(png[1])[16:24]) if png else (1120, FIGURE)
            return Part("figure", "", 10 + min(FIGURE, high, int(1120 * high / wide)), output)
        return Part("table", "", 30 + 36 * page.count("<tr"), output)
    if "text/plain" in data:
        return Part("text", "", 18 + 28 * len(data["text/plain"].splitlines()), output)
    return None


def first_sentence(text: str) -> str:
    """The first sentence of a paragraph; a full stop in a formula, in code or after an abbreviation ends none."""
    for end in re.finditer(r"[.!?:][\"”)*]*(?=\s|$)", text):
        begun = text[: end.end()]
        closed = begun.count("$") % 2 == begun.count("`") % 2 == 0 and begun.count("(") == begun.count(")")
        full_stop = end[0][0] != ":" or end.end() == len(text)
        if closed and full_stop and not ABBREVIATIONS.search(begun) and begun.count("**") % 2 == 0:
            return begun
    return text


def beginning(text: str) -> str:
    """The first sentence of a paragraph, or, where that says little, as many as say something."""
    begun = first_sentence(text)
    while len(begun) < 50 and begun != text:
        begun += f" {first_sentence(text[len(begun):].strip())}"
    return begun


def _lines(text: str, letters: int = LETTERS) -> int:
    """About how many lines a text takes; of a formula and of a link only what is seen counts."""
    seen = re.sub(r"\]\([^)]*\)|\\[a-zA-Z]+|[${}]", "", text)
    return max(1, -(-len(seen) // letters))
