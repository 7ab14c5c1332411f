"""Which exercises has a chapter? What a notebook says of each: its task, difficulty, minutes, solution and check.

An exercise is written once, in `notebooks/NN_topic.md`: a gated `exercise-start` block with the task, a gated
`solution-start` block with a code cell whose answer stands between two marks, and a cell with the check. Student copies,
the variant for nbgrader and the teachers' plans are all made from what is read here.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TASK = re.compile(r"^:::\{exercise-start\} (?P<title>[^\n]+)\n:label: (?P<label>\S+)\n:::\n(?P<task>.*?)"
                  r"^:::\{exercise-end\}", re.M | re.S)
HEAD = re.compile(r"^\*{1,2}Difficulty (?P<difficulty>[1-5])(?: of 5)?, (?P<minutes>\d+) minutes\.\*{1,2}\s*")


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter.

    Attributes:
        number: as "8.2", the second one of chapter 08.
        label, title, task: the label, the heading, and the text as MyST Markdown without the line on difficulty.
        difficulty, minutes: from 1 to 5; how long it takes.
        code: the source of the cell that holds the solution.
        check: the line that calls the check, as `checks.area_under(area_under)`.
    """

    number: str
    label: str
    title: str
    task: str
    difficulty: int
    minutes: int
    code: str
    check: str

    @property
    def answer(self) -> ast.FunctionDef:
        """The function that a student writes, solved."""
        found = [node for node in ast.parse(self.code).body if isinstance(node, ast.FunctionDef)]
        marked = self.code[: self.code.index(BEGIN)].count("\n") + 1
        return next(node for node in found if node.lineno <= marked <= node.end_lineno)

    @property
    def signature(self) -> str:
        """What is called, as `area_under(distortion, distance)`."""
        return f"{self.answer.name}({ast.unparse(self.answer.args)})"

    @property
    def check_name(self) -> str:
        """The function of `dbp.checks` that judges it."""
        return check_calls(self.check)[0]


def chapters(root: Path = ROOT) -> list[Path]:
    """The texts of the chapters that teach, in order; pages from 80 on print records and have no exercises."""
    return sorted(path for path in (root / "notebooks").glob("[0-7][0-9]_*.md"))


def check_calls(source: str) -> list[str]:
    """Names of the checks that a cell calls as a statement of their own; a call within another statement is none."""
    lines = ["pass" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        body = ast.parse("\n".join(lines)).body
    except SyntaxError:
        return []
    calls = [node.value.func for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return [call.attr for call in calls if isinstance(call, ast.Attribute) and ast.unparse(call.value) == "checks"]


def read(path: Path) -> list[Exercise]:
    """The exercises of a chapter, in order.

    Raises:
        ValueError: one of them lacks its difficulty, its solution or its check; the message names it.
    """
    return of_notebook(jupytext.read(path), path.stem)


def of_notebook(nb, chapter: str) -> list[Exercise]:
    """The exercises of a notebook that is in memory; `chapter` is its name, as 08_auddc."""
    found = []
    for at, cell in enumerate(nb.cells):
        for match in TASK.finditer(cell.source) if cell.cell_type == "markdown" else ():
            later = [other.source for other in nb.cells[at + 1:] if other.cell_type == "code"]
            found.append(_exercise(match, later, f"{int(chapter[:2])}.{len(found) + 1}", chapter))
    return found


def _exercise(match: re.Match, later: list[str], number: str, chapter: str) -> Exercise:
    title, task = match["title"].strip(), match["task"].strip()
    head = HEAD.match(task)
    code = next((at for at, source in enumerate(later) if BEGIN in source), None)
    check = None if code is None else next((source for source in later[code + 1:] if check_calls(source)), None)
    for part, what in ((head, "a line on difficulty and minutes"), (check, f"a solution between {BEGIN!r} and a check")):
        if part is None:
            raise ValueError(f"{chapter}: exercise {title!r} lacks {what}")
    return Exercise(number, match["label"], title, task[head.end():], int(head["difficulty"]), int(head["minutes"]),
                    later[code], check.strip())
