"""Checks passed a notebook: what one student did costs no other anything, and an answer must hold on other inputs too."""

import csv
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from dbp import grading
from dbp.cli import app
from dbp.grading import submissions
from dbp.grading.elsewhere import agrees_elsewhere, same
from dbp.grading.other_inputs import INPUTS, WITHOUT

LIMIT = 300  # seconds; the notebooks below take one or two, but the machine may be busy
SHORT = 8  # for the one that never ends
# Stands in for dbp.checks, which takes seconds to import.
SETUP = """class checks:
    def one(answer):
        assert answer == 1, f"found {answer}, expected 1"
    def two(answer):
        assert answer == 2, f"found {answer}, expected 2"
"""
HANDED_IN = {
    "anna/03_topic": [SETUP, 'profile = "paper"', "answer = 1", "checks.one(answer)", "checks.two(2)"],
    "ben/03_topic": [SETUP, "assert profile == 'smoke'", 'profile = "paper"', "assert profile == 'smoke'", "checks.one(1)"],
    "cleo/03_topic": [SETUP, "checks.one(1)", "import os\nos._exit(3)", "checks.two(2)"],
    "dan/03_topic": [SETUP, "try:\n    checks.one(5)\nexcept Exception:\n    pass", "checks.two(5)", "exit()", "1 / 0"],
    "eve/03_topic": [SETUP, "import socket\nsocket.socket = None", "checks.one(1)", "import subprocess, sys",
                     "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', 'left-behind'])",
                     "checks.two(2)"],
    "03_topic_finn": [SETUP, "checks.one(1)", "checks.two(2)"],
}


def write(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "checks.none()"}, *cells]}), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handed-in")
    for name, cells in HANDED_IN.items():
        write(folder / f"{name}.ipynb", cells)
    (folder / "gwen").mkdir()
    (folder / "gwen" / "03_topic.ipynb").write_text("{cut sho", encoding="utf-8")
    write(folder / "anna" / ".ipynb_checkpoints" / "03_topic-checkpoint.ipynb", ["1"])
    return folder


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """The rows of a notebook that never ends, to come: it is waited for beside the others."""
    folder = tmp_path_factory.mktemp("endless")
    write(folder / "ida" / "03_topic.ipynb", [SETUP, "checks.one(1)", "while True:\n    pass",
                                              "checks.two(2)"])
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(grading.grade, folder, "smoke", SHORT)


@pytest.fixture(scope="module")
def rows(folder, endless):
    return {row.student: row for row in grading.grade(folder, "smoke", LIMIT, jobs=2)}


def test_every_notebook_has_a_row(rows):
    assert sorted(rows) == ["03_topic_finn", "anna", "ben", "cleo", "dan", "eve", "gwen"]


def test_right_notebook_passes_every_check(rows):
    assert (rows["anna"].passed, rows["anna"].checks, rows["anna"].failed, rows["anna"].remark) == (2, 2, "", "")


def test_endless_loop_is_stopped_and_keeps_what_was_passed_before(endless):
    (row,) = endless.result()
    assert (row.passed, row.checks, row.failed) == (1, 2, "two") and row.seconds < SHORT + 20
    assert row.remark == f"stopped after {SHORT} seconds"


def test_profile_is_set_where_the_notebook_sets_its_own(rows):
    assert rows["ben"].passed == 1
    assert rows["ben"].remark == "first error: NameError: name 'profile' is not defined"  # the second assert holds


def test_crash_keeps_what_was_passed_before(rows):
    assert (rows["cleo"].passed, rows["cleo"].checks, rows["cleo"].failed) == (1, 2, "two")
    assert rows["cleo"].remark == "crashed (exit code 3)"


def test_check_that_is_hidden_in_a_try_does_not_count_and_the_first_error_is_told(rows):
    assert (rows["dan"].passed, rows["dan"].checks, rows["dan"].failed) == (0, 1, "two")
    assert rows["dan"].remark == "first error: AssertionError: found 5, expected 2"


def test_no_network_is_needed_and_no_process_is_left_behind(rows):
    assert (rows["eve"].passed, rows["eve"].remark) == (2, "")
    if os.path.isdir("/proc"):
        running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
        assert not any(line.endswith(b"left-behind\0") for line in running)


def test_damaged_file_costs_its_student_only(rows):
    assert (rows["gwen"].passed, rows["gwen"].remark) == (0, "03_topic.ipynb is no notebook")


def test_checks_of_the_copies_take_the_place_of_the_students(folder, tmp_path):
    write(tmp_path / "given" / "03_topic.ipynb", [SETUP, "answer = None", "checks.one(answer)", "checks.two(answer)"])
    write(tmp_path / "in" / "anna" / "03_topic.ipynb", [SETUP, "answer = 1", "checks.one(1)", "checks.two(2)"])
    write(tmp_path / "in" / "03_topic_finn.ipynb", [SETUP, "answer = 2"])
    rows = grading.grade(tmp_path / "in", "smoke", LIMIT, copies=tmp_path / "given", jobs=2)
    assert [(row.student, row.passed, row.checks, row.failed) for row in rows] == [
        ("anna", 1, 2, "two"), ("finn", 1, 2, "one")]


def test_cells_of_the_copies_run_where_the_students_stood_or_last():
    given = {"one": "checks.one(a)", "two": "checks.two(b)"}
    cells = ["a = 1", "checks.one(1)", "profile = 'paper'", "checks.one(2)"]
    assert submissions.prepared(cells, "smoke", given) == [
        "a = 1", "checks.one(a)", "profile = 'paper'", "profile = 'smoke'", "checks.two(b)"]


@pytest.mark.parametrize("name, student", [
    ("anna/08_auddc.ipynb", "anna"), ("group/anna/08_auddc.ipynb", "group/anna"), ("08_auddc_anna.ipynb", "anna"),
    ("anna - 08_auddc.ipynb", "anna"), ("08_auddc.ipynb", "08_auddc"), ("Copy of 08_auddc.ipynb", "Copy of")])
def test_who_handed_it_in(tmp_path, name, student):
    assert submissions.whose(tmp_path / name, tmp_path, ["08_auddc"]) == (student, "08_auddc")


def test_command_prints_a_csv_and_progress_beside_it(tmp_path):
    write(tmp_path / "anna" / "03_topic.ipynb", [SETUP, "checks.one(1)", "checks.two(2)"])
    done = CliRunner().invoke(app, ["grade", str(tmp_path), "--profile", "smoke", "--limit", str(LIMIT)])
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert done.exit_code == 0 and (row["student"], row["notebook"], row["passed"], row["checks"]) == (
        "anna", "03_topic", "2", "2")
    assert "anna, 03_topic: 2 of 2" in done.stderr


@pytest.mark.parametrize("words, message", [
    (["--profile", "smke"], "did you mean 'smoke'"), (["--limit", "0"], "more than 0"), ([], "no notebook in"),
    (["--copies", "nowhere"], "no student copies in 'nowhere'")])
def test_wrong_call_is_one_line(tmp_path, words, message):
    if words:
        write(tmp_path / "anna.ipynb", ["1"])
    done = CliRunner().invoke(app, ["grade", str(tmp_path), *words])
    assert done.exit_code == 1 and message in done.stderr and len(done.stderr.splitlines()) == 1


def right(lam, classes, pixels):
    return lam / (classes * pixels)


def test_answer_that_holds_everywhere_passes():
    agrees_elsewhere("same-penalty", lambda lam, classes, pixels: torch.tensor([lam / classes / pixels]), right)


@pytest.mark.parametrize("student", [lambda lam, classes, pixels: 0.5, lambda lam, classes, pixels: None,
                                     lambda lam, classes, pixels: lam / classes])
def test_answer_to_the_visible_inputs_alone_fails(student):
    with pytest.raises(AssertionError, match="on other inputs than the check's, found .*, expected"):
        agrees_elsewhere("same-penalty", student, right)


def test_answer_that_changes_its_inputs_spoils_nothing():
    def changing(A, x):
        answer = A.T @ (A @ x - x), x - A @ x
        A.zero_()
        return answer

    agrees_elsewhere("linear-paths", changing, lambda A, x: (A.T @ (A @ x - x), x - A @ x))


def test_unknown_exercise_is_named():
    with pytest.raises(ValueError, match="no exercise named 'same-penalti'.*did you mean 'same-penalty'"):
        agrees_elsewhere("same-penalti", right, right)


def test_answers_are_compared_entry_by_entry():
    nan = torch.tensor([1.0, torch.nan])
    assert same((nan, [1, True]), (nan.clone(), [1.0, 1]), 1e-6) and same({"a": "b"}, {"a": "b"}, 1e-6)
    assert not same(nan, nan[:1], 1e-6) and not same([1, 2], [1], 1e-6) and not same({"a": 1}, {"b": 1}, 1e-6)
    assert not same(None, 1.0, 1e-6) and not same("b", "a", 1e-6)


def test_no_exercise_has_both_inputs_and_a_reason_for_none():
    assert not INPUTS.keys() & WITHOUT.keys()
