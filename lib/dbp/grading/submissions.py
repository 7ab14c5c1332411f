"""Every notebook of a folder, each in a process of its own with a time limit: which checks does it pass?

A crash, an endless loop or a damaged file costs that notebook what comes after it, and no other notebook anything. The
students' code runs with your rights: use an account or a container of its own where you do not trust it.
"""

import ast
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TextIO

SEPARATORS = "_- "  # between a student's name and a chapter's in the name of a file
LONGEST = 300  # characters of an error in a remark


@dataclass(frozen=True)
class Row:
    """One notebook that was handed in.

    Attributes:
        student, notebook: who, by the folder or the name of the file, and which chapter.
        passed, checks: how many checks passed, out of how many.
        failed: names of the others, in order.
        seconds: how long it ran.
        remark: why it did not run to its end, what is odd, and the first error; empty where there is nothing to say.
    """

    student: str
    notebook: str
    passed: int
    checks: int
    failed: str
    seconds: float
    remark: str


def grade(
    folder: Path, profile: str = "laptop", limit: float = 600.0, copies: Path | None = None, jobs: int = 1,
    report: Callable[[str], None] | None = None,
) -> list[Row]:
    """One row for each notebook below a folder, ordered by student and notebook.

    Args:
        folder: what was handed in: FOLDER/STUDENT/NN_topic.ipynb, or notebooks named after the students.
        profile: smoke, laptop or paper; put in place of the one that the notebook names.
        limit: seconds a notebook may take; it is killed then, and keeps the checks that it had passed.
        copies: the students' copies as they were given out. Their check cells are run in place of the students' own,
            so that a check that was deleted or edited is a check not passed.
        jobs: notebooks at once.
        report: gets a line for each notebook that is done.

    Raises:
        ValueError: there is no notebook, or the profile is unknown, or a limit that is no time; one line.
    """
    from dbp import profiles

    profiles.load(profile)
    folder = Path(folder)
    found = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not found:
        raise ValueError(f"no notebook in {str(folder)!r}; expected FOLDER/STUDENT/NN_topic.ipynb")
    if limit <= 0:
        raise ValueError(f"a limit of {limit:g} seconds; expected more than 0")
    given = {path.stem: check_cells(path) for path in sorted(Path(copies).glob("*.ipynb"))} if copies else {}
    if copies and not given:
        raise ValueError(f"no student copies in {str(copies)!r}; expected NN_topic.ipynb")

    def one(path: Path) -> Row:
        row = _grade_one(path, *whose(path, folder, given), given, profile, limit)
        if report:
            report(f"{row.student}, {row.notebook}: {row.passed} of {row.checks}" + (row.remark and f"; {row.remark}"))
        return row

    with ThreadPoolExecutor(jobs) as pool:
        return sorted(pool.map(one, found), key=lambda row: (row.student, row.notebook))


def write_csv(rows: Iterable[Row], file: TextIO) -> None:
    """Write rows as CSV with a heading; `file` is open for text, as sys.stdout."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    writer.writerows(astuple(row) for row in rows)


def whose(path: Path, folder: Path, given: Iterable[str] = ()) -> tuple[str, str]:
    """The student and the chapter of a notebook: by its folder, else by its name without the chapter's.

    Args:
        path: the notebook.
        folder: what was handed in.
        given: names of the chapters that were given out.
    """
    chapter = next((name for name in given if name in path.stem), path.stem)
    parents = path.relative_to(folder).parts[:-1]
    student = "/".join(parents) or path.stem.replace(chapter, "").strip(SEPARATORS) or path.stem
    return student, chapter


def check_cells(path: Path) -> dict[str, str]:
    """The cells of a notebook that call a check as a statement of their own: name of the check to source."""
    return {name: source for source in code_cells(path) for name in check_calls(source)}


def check_calls(source: str) -> list[str]:
    """The checks that a cell calls in the open, as `checks.area_under(area_under)`; a call inside of a `try` is none."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []  # a cell with a magic, or with a mistake; it calls no check of ours
    calls = [node.value.func for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return [call.attr for call in calls if isinstance(call, ast.Attribute) and ast.unparse(call.value) == "checks"]


def code_cells(path: Path) -> list[str]:
    """The sources of a notebook's code cells, in order.

    Raises:
        ValueError: the file is no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path.name} is no notebook") from None


def prepared(cells: list[str], profile: str, given: dict[str, str]) -> list[str]:
    """The cells as they will run.

    Args:
        cells: the student's, in order.
        profile: set wherever a cell sets the notebook's own.
        given: the check cells that were given out: each takes the place of the student's first cell that calls its check,
            or comes last; the student's other cells with a check in them are left out.
    """
    ready, todo = [], dict(given)
    for source in cells:
        names = check_calls(source)
        if given and names:
            ready += [todo.pop(name) for name in names if name in todo]
        else:
            ready.append(source)
            if any(line.startswith("profile =") for line in source.splitlines()):
                ready.append(f"profile = {profile!r}")
    return ready + list(todo.values())


def _grade_one(path: Path, student: str, chapter: str, given: dict[str, dict], profile: str, limit: float) -> Row:
    start, asked = time.monotonic(), given.get(chapter, {})
    try:
        cells = prepared(code_cells(path), profile, asked)
    except ValueError as error:
        return Row(student, chapter, 0, len(asked), " ".join(asked), 0.0, str(error))
    names = [name for source in cells for name in check_calls(source)]
    lines, remark = _run(cells, limit)
    results = {line["check"]: line["passed"] for line in lines if "check" in line}
    failed = [name for name in dict.fromkeys(names) if not results.get(name)]
    if given and not asked:
        remark = remark or f"no copy named {chapter!r} was given out"
    if not names:
        remark = remark or "it calls no check"
    first = next((line["error"] for line in lines if "error" in line), "")
    remark = "; ".join(part for part in (remark, first and f"first error: {first[:LONGEST]}") if part)
    count = len(dict.fromkeys(names))
    return Row(student, chapter, count - len(failed), count, " ".join(failed), round(time.monotonic() - start, 1), remark)


def _run(cells: list[str], limit: float) -> tuple[list[dict], str]:
    """Run cells in a process of their own: what it found, line by line, and a remark if it did not come to the end."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "cells.json").write_text(json.dumps(cells), encoding="utf-8")
        environment = os.environ | {"MPLBACKEND": "Agg", "IPYTHONDIR": str(place / "ipython")}
        command = [sys.executable, "-m", "dbp.grading.execution", "cells.json", "results.jsonl"]
        process = subprocess.Popen(command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        remark = ""
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code, remark = None, f"stopped after {limit:g} seconds"
        finally:
            _kill(process)  # and what it started
        lines = _lines(place / "results.jsonl")
    if code is not None and not any("end" in line for line in lines):
        remark = f"crashed (exit code {code})"
    return lines, remark


def _kill(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    except (ProcessLookupError, PermissionError):
        pass  # all of it has ended
    process.wait()


def _lines(path: Path) -> list[dict]:
    """What the process wrote; a line that a kill has cut short is left out."""
    lines, found = path.read_text(encoding="utf-8").splitlines() if path.is_file() else [], []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found
