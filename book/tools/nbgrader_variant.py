"""The chapters as nbgrader assignments, made from the one source as the students' copies are.

    python book/tools/nbgrader_variant.py    # _build/nbgrader/source/NN_topic/NN_topic.ipynb and a configuration

A solution is a cell that nbgrader empties for the students; the check below it is worth as many points as the exercise is
difficult. Beside the visible check stands a hidden test: the same function on random inputs, against the book's solution
(`dbp.grading.elsewhere`), so that an answer made for the check's own inputs earns nothing. Then, in that folder:

    nbgrader generate_assignment 08_auddc    # release/: without solutions and hidden tests
    nbgrader autograde 08_auddc              # of submitted/STUDENT/08_auddc/08_auddc.ipynb
"""

import ast
import os
from pathlib import Path

import copies
import exercises
import nbformat
import students
from exercises import BEGIN, Exercise
from plain_markdown import Book

from dbp.grading.other_inputs import INPUTS

ROOT = exercises.ROOT
FOLDER = ROOT / "_build" / "nbgrader"
SCHEMA = 3  # of nbgrader's cell metadata, since its version 0.6
CONFIGURATION = '''"""Made by book/tools/nbgrader_variant.py."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "double-backpropagation"
c.ClearSolutions.code_stub = {
    "python": "# Your code goes here, in place of this error.\\n"
    "raise NotImplementedError('This exercise waits for your code: the text above says what to write.')"
}
c.ExecutePreprocessor.timeout = 600  # seconds a cell; an endless loop costs its own cell
'''


def variant(path: Path, known: Book) -> nbformat.NotebookNode:
    """The instructor's version of a chapter: the solutions are in it, and so are the hidden tests.

    Args:
        path: the chapter's text, notebooks/NN_topic.md.
        known: what it refers to, of `students.book`.
    """
    nb, todo = students.copy(path, known, solve=True), exercises.read(path)
    current = None
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        if BEGIN in cell.source:
            current = todo.pop(0)
            cell.metadata["nbgrader"] = _metadata(current.label, solution=True)
        elif current and current.check_name in exercises.check_calls(cell.source):
            cell.source = f"{cell.source}\n{hidden_test(current)}".strip()
            cell.metadata["nbgrader"] = _metadata(f"{current.label}-check", points=current.difficulty)
            current = None
    if todo or current:
        raise ValueError(f"{path.name}: exercise {(current or todo[0]).title!r} has no check")
    return nb


def hidden_test(exercise: Exercise) -> str:
    """What nbgrader runs and students do not see: their function beside the book's, on other inputs than the check's.

    Empty for an exercise that has none: where no input is given, or many answers are right.
    """
    if exercise.label not in INPUTS:
        return ""
    answer = exercise.answer
    name, answer.name = answer.name, "_reference"
    lines = [ast.unparse(answer), "", "from dbp.grading.elsewhere import agrees_elsewhere",
             f'agrees_elsewhere("{exercise.label}", {name}, _reference)']
    return "\n".join(["### BEGIN HIDDEN TESTS", *lines, "### END HIDDEN TESTS"])


def points(paths: list[Path]) -> dict[str, int]:
    """What a chapter is worth, by its name: the difficulties of its exercises, added up."""
    return {path.stem: sum(each.difficulty for each in exercises.read(path)) for path in paths}


def _metadata(grade_id: str, *, solution: bool = False, points: int = 0) -> dict:
    found = {"schema_version": SCHEMA, "grade_id": grade_id, "solution": solution, "grade": not solution,
             "locked": not solution, "task": False}
    return found if solution else found | {"points": points}


def build(folder: Path = FOLDER, paths: list[Path] | None = None) -> list[str]:
    """Write the assignments and the configuration into a folder; returns the assignments' names."""
    known, paths = students.book(), exercises.chapters() if paths is None else paths
    for path in paths:
        copies.write(variant(path, known), folder / "source" / path.stem / f"{path.stem}.ipynb")
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".nbgrader_config.py.tmp"
    temporary.write_text(CONFIGURATION, encoding="utf-8")
    os.replace(temporary, folder / "nbgrader_config.py")
    return [path.stem for path in paths]


def main() -> None:
    worth = points(exercises.chapters())
    for name in build():
        print(f"{name}: {worth[name]} points")
    print(f"in {FOLDER.relative_to(ROOT)}; call nbgrader there")


if __name__ == "__main__":
    main()
