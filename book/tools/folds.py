"""Code that explains stays open, code that serves is folded: which cells of a page, and behind which line.

    python book/tools/folds.py         # tags the cells of every notebooks/*.md that are to be folded and are not yet

As a Sphinx extension it gives each folded cell the line that it is folded behind. A cell that serves and is to stay open
all the same, since the text is about its code, has the tag "open".
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HIDE, OPEN = "hide-input", "open"
WIDTH = 78  # characters of a line of code that a page of the book shows without scrolling

# The tag of a kind of cell, and the line that it is folded behind.
PROMPTS = {
    "setup": "Show the imports",
    "settings": "Show the settings",
    "figure": "Show the figure's code",
    "table": "Show the table's code",
    "check": "What this cell checks",
    "work": "Show the code",
}
# Pages of results: nobody comes for their code.
RESULTS = ("81_p1_table_1", "82_p1_table_2", "83_p1_table_3", "84_p1_table_4", "85_p2_table_2", "86_p2_table_3",
           "87_p2_table_4", "91_scorecard", "92_status")

TABLES = {"Printed", "DataFrame", "lay_out", "compare", "concat", "display"}


def kind(source: str, index: int, page: str = "") -> str | None:
    """What a code cell is for, a key of `PROMPTS`; None where its code belongs to the argument.

    Args:
        source: of the cell.
        index: of the cell among the page's code cells, from 0.
        page: the notebook's stem.
    """
    if index < 2:
        return ("setup", "settings")[index]
    lines = ["pass" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        body = ast.parse("\n".join(lines)).body
    except SyntaxError:
        return None
    if not body or "### BEGIN SOLUTION" in source:
        return None
    last = body[-1]
    called = _called(last.value) if isinstance(last, ast.Expr) else ""
    if called.startswith("plots."):
        return "figure"
    checked = sum(_length(part) for part in body if _asserts(part))
    if checked and 2 * checked >= sum(map(_length, body)) and (_asserts(last) or page in RESULTS):
        return "check"
    if called.rpartition(".")[2] in TABLES and not called.startswith("checks."):
        return "table"
    return "table" if page in RESULTS else None


def missing(cells: list, page: str = "") -> list[str]:
    """Code cells of a notebook that should be folded and are not, or are folded behind the wrong line.

    Args:
        cells: of a notebook, as nbformat has them.
        page: its stem.
    """
    code, wrong = [cell for cell in cells if cell.cell_type == "code"], []
    for index, cell in enumerate(code):
        tags, wanted = set(cell.metadata.get("tags", [])), kind(cell.source, index, page)
        if wanted and OPEN not in tags and not {HIDE, wanted} <= tags:
            wrong.append(f"code cell {index} is a {wanted} and is not folded: {cell.source.strip().splitlines()[0][:60]}")
    return wrong


def too_wide(cells: list, page: str = "") -> list[str]:
    """Open code cells with lines that do not fit the width of a page, which would have to be scrolled."""
    code, wrong = [cell for cell in cells if cell.cell_type == "code"], []
    for index, cell in enumerate(code):
        longest = max(cell.source.splitlines(), key=len, default="")
        if HIDE not in cell.metadata.get("tags", []) and len(longest) > WIDTH:
            long = f"{len(longest)} characters, at most {WIDTH}"
            wrong.append(f"code cell {index} has a line of {long}: {longest.strip()[:60]}")
    return wrong


def tagged(text: str, page: str) -> str:
    """The text of a .md twin with the tags that are missing."""
    index = -1

    def fold(match: re.Match) -> str:
        nonlocal index
        index += 1
        head, tags, source = match.group(1), match.group(2), match.group(3)
        listed = [tag.strip() for tag in tags.split(",")] if tags else []
        wanted = kind(source, index, page)
        if not wanted or OPEN in listed:
            return match.group(0)
        listed = list(dict.fromkeys([*(tag for tag in listed if tag not in PROMPTS), HIDE, wanted]))
        return f"{head}:tags: [{', '.join(listed)}]\n\n{source}```\n"

    return re.sub(r"(```\{code-cell\} ipython3\n)(?::tags: \[([^\]]*)\]\n\n?)?(.*?)```\n", fold, text, flags=re.S)


def setup(app) -> dict:
    """Give each folded cell its line."""
    app.connect("doctree-read", _prompt)
    return {"parallel_read_safe": True}


def _prompt(app, doctree) -> None:
    from docutils import nodes

    for cell in doctree.findall(nodes.container):
        for tag, prompt in PROMPTS.items():
            if f"tag_{tag}" in cell.get("classes", ()) and "prompt_show" in cell:
                cell["prompt_show"] = prompt


def _called(value: ast.expr) -> str:
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ""


def _asserts(part: ast.stmt) -> bool:
    return not isinstance(part, ast.FunctionDef) and any(isinstance(node, ast.Assert) for node in ast.walk(part))


def _length(part: ast.stmt) -> int:
    return part.end_lineno - part.lineno + 1


if __name__ == "__main__":
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.md")):
        before = path.read_text(encoding="utf-8")
        after = tagged(before, path.stem)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.name}: tagged", file=sys.stderr)
