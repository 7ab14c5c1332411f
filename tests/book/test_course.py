"""The teachers' kit: copies in step and without solutions, each exercise with a hidden test, and plans that add up."""

import ast
import functools
import inspect
import re
import shutil

import copies
import exercises
import guards
import jupytext
import nbformat
import plain_markdown
import plans
import pytest
import students

from dbp import checks
from dbp.grading import grade
from dbp.grading.elsewhere import agrees_elsewhere
from dbp.grading.other_inputs import INPUTS, WITHOUT

CHAPTERS = exercises.chapters()
NAMED = dict(ids=lambda path: path.stem)
COURSE = guards.ROOT / students.FOLDER
PAGE = (guards.ROOT / "book" / "teaching.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def book():
    return students.book()


def read(path):
    return nbformat.read(COURSE / f"{path.stem}.ipynb", as_version=4)


def code(nb):
    return [cell.source for cell in nb.cells if cell.cell_type == "code"]


def test_copies_are_in_step_with_the_chapters():
    assert students.out_of_step() == [], "call: make students"


def test_copy_that_is_out_of_step_is_noticed(tmp_path):
    for name in ("_config.yml", "book/references.bib", f"notebooks/{CHAPTERS[2].name}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(guards.ROOT / name, tmp_path / name)
    for path in guards.ROOT.glob("notebooks/*.md"):  # a chapter may link to any other
        (tmp_path / "notebooks" / path.name).write_bytes(path.read_bytes() if path == CHAPTERS[2] else b"")
    for path in guards.ROOT.glob("book/*.md"):
        shutil.copy(path, tmp_path / "book" / path.name)
    chapter, known = tmp_path / "notebooks" / CHAPTERS[2].name, students.book(tmp_path)
    for path in exercises.chapters(tmp_path):
        if path != chapter:
            path.rename(path.with_suffix(".txt"))
    assert copies.write(students.copy(chapter, known), tmp_path / "course" / f"{chapter.stem}.ipynb")
    assert not copies.write(students.copy(chapter, known), tmp_path / "course" / f"{chapter.stem}.ipynb")
    chapter.write_text(chapter.read_text(encoding="utf-8").replace("**Next.**", "**Then.**"), encoding="utf-8")
    (tmp_path / "course" / "12_gone.ipynb").write_text("{}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(students, "book", lambda root: known)
        assert students.out_of_step(tmp_path) == ["12_gone", chapter.stem][:: 1 if "12" < chapter.stem else -1]


@pytest.mark.parametrize("path", CHAPTERS, **NAMED)
def test_copy_is_plain_without_outputs_or_solutions_and_has_every_check(path, book):
    nb, asked = read(path), exercises.read(path)
    nbformat.validate(nb)
    prose = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    assert plain_markdown.leftovers(prose) == [] and "SOLUTION" not in prose + "\n".join(code(nb))
    assert all(cell.outputs == [] and cell.execution_count is None for cell in nb.cells if cell.cell_type == "code")
    assert [name for source in code(nb) for name in exercises.check_calls(source)] == [each.check_name for each in asked]
    assert re.findall(r"^### Exercise ([\d.]+): ", prose, re.M) == [each.number for each in asked]
    start = book.address.replace("github.com", "colab.research.google.com/github")
    assert f"]({start}/blob/main/course/{path.stem}.ipynb)" in nb.cells[0].source
    assert set(re.findall(r"/blob/main/([^)]+)\)", prose)) <= {place for place in book.places.values()
                                                             if (guards.ROOT / place).is_file()}


@pytest.mark.parametrize("path", CHAPTERS, **NAMED)
def test_copy_with_its_solutions_put_back_is_the_chapter(path, book):
    """What runs through as a chapter runs through as a copy: cell by cell the same code, but for the stubs."""
    ours, solved = code(read(path)), code(students.copy(path, book, solve=True))
    chapter = code(jupytext.read(path))
    assert solved == chapter and len(ours) == len(chapter)
    assert [ours[at] for at, source in enumerate(chapter) if exercises.BEGIN not in source] == [
        source for source in chapter if exercises.BEGIN not in source]


@functools.cache
def namespace(path):
    """What the first cell of a chapter imports."""
    lines = code(read(path))[0].splitlines()
    lines = [line[: len(line) - len(line.lstrip())] + "pass" if line.lstrip().startswith("%") else line for line in lines]
    names = {}
    exec("\n".join(lines), names)
    return names


def functions(source, path):
    """The functions and imports of a cell, run beside what the chapter imports; what uses them is left out."""
    names, tree = dict(namespace(path)), ast.parse(source)
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)]
    exec(compile(tree, path.name, "exec"), names)
    return names


@pytest.mark.parametrize("path", CHAPTERS, **NAMED)
def test_stub_says_what_to_write_when_it_is_checked(path):
    stubs = [source for source in code(read(path)) if "NotImplementedError" in source]
    for each, source in zip(exercises.read(path), stubs, strict=True):
        with pytest.raises(NotImplementedError, match="waits for your code") as raised:
            eval(each.check, functions(source, path))
        told = str(raised.value)
        assert each.number in told and each.title in told and len(told.split("code. ")[1].split()) >= 6
        assert max(map(len, source.split("raise")[1].split(")\n")[0].splitlines())) <= students.WIDTH


@pytest.mark.parametrize("path", CHAPTERS, **NAMED)
def test_hidden_test_passes_the_solution_and_fails_who_answers_the_visible_inputs_alone(path):
    for each in exercises.read(path):
        assert (each.label in INPUTS) != (each.label in WITHOUT), f"{each.label}: other_inputs.py says how it is tried"
        if each.label in WITHOUT:
            continue
        solution, seen = functions(each.code, path)[each.answer.name], []

        def recorded(*given, solution=solution, seen=seen):
            seen.append(solution(*given))
            return seen[-1]

        getattr(checks, each.check_name)(recorded)
        agrees_elsewhere(each.label, solution, solution)
        for answer in (seen[0], seen[-1]):
            with pytest.raises(AssertionError, match="on other inputs"):
                agrees_elsewhere(each.label, lambda *given, answer=answer: answer, solution)


def test_copy_is_graded_with_nothing_and_with_everything(tmp_path, book):
    """Chapter 02 as it is given out, and solved: each in its own process, from the first cell to the last."""
    path = next(path for path in CHAPTERS if path.stem.startswith("02"))
    copies.write(students.copy(path, book, solve=True), tmp_path / "anna" / f"{path.stem}.ipynb")
    copies.write(read(path), tmp_path / "ben" / f"{path.stem}.ipynb")
    anna, ben = grade(tmp_path, "smoke", 900, copies=COURSE, jobs=2)
    assert (anna.passed, anna.checks, anna.remark) == (6, 6, "")
    assert (ben.passed, ben.checks) == (0, 6)
    assert ben.remark.startswith("first error: NotImplementedError: Exercise 2.1 (The penalty) waits")


def test_links_of_a_copy_lead_to_the_other_copies(book):
    assert plain_markdown.flatten("{doc}`05_vae`", book).endswith(f"({book.address}/blob/main/course/05_vae.ipynb)")


def test_text_of_a_solution_is_left_out_across_cells():
    open_gate, close_gate = ":::{solution-start} a\n:class: dropdown\n:::\n", ":::{solution-end}\n:::\n"
    assert students.outside_solutions(f"before\n{open_gate}secret", False) == ("before\n", True)
    assert students.outside_solutions("secret", True) == ("", True)
    assert students.outside_solutions(f"secret\n{close_gate}after", True) == ("after", False)
    with pytest.raises(ValueError, match="solution-end"):
        students.outside_solutions(close_gate, False)


@pytest.fixture(scope="module")
def known():
    return plans.chapters()


def test_tables_of_the_teachers_page_are_those_of_the_chapters(known):
    assert plans.filled(PAGE, plans.tables(known)) == PAGE, "call: make students"


def test_table_that_was_changed_by_hand_is_noticed(known):
    changed = {**known, "01": known["01"]._replace(to_read=31)}
    assert plans.filled(PAGE, plans.tables(changed)) != PAGE


def test_plans_name_exercises_of_chapters_that_are_read(known):
    every = {each.label for chapter in known.values() for each in chapter.exercises}
    for name, parts in plans.PLANS.items():
        read_in = [number for part in parts for number in part.chapters]
        chosen = [label for part in parts for label in part.exercises]
        assert set(chosen) <= every and len(chosen) == len(set(chosen)) and set(read_in) <= set(known), name
        taught = {each.label for number in read_in for each in known[number].exercises}
        assert set(chosen) <= taught, name


@pytest.mark.parametrize("text, minutes", [
    ("**Time.** Thirty minutes to read, an hour with all.", (30, False)), ("Fifty minutes to read and do.", (50, True)),
    ("25 minutes to read.", (25, False)), ("It is short.", (None, False)),
    ("Short.\n## Later\nTen minutes to read", (None, False))])  # fmt: skip
def test_minutes_are_read_from_the_chapter(text, minutes):
    assert plans.minutes_to_read(text) == minutes


def test_slips_on_the_teachers_page_are_the_words_of_the_checks():
    quoted = re.findall(r'^- `checks\.(\w+)`: "([^"]+)"$', PAGE, re.M)
    assert len(quoted) >= 10
    for name, text in quoted:
        tree = ast.parse(inspect.getsource(inspect.getmodule(getattr(checks, name))))
        words = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        assert any(text in word for word in words), f"{name} does not say {text!r}"


def test_self_test_has_the_questions_of_the_page_and_explains_each_wrong_answer():
    part = PAGE[PAGE.index("## Before you begin"):PAGE.index("## One lecture")]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", part, re.M)]
    options = re.findall(r"^ +a\) .+ b\) .+ c\) .+ d\) .+$", part, re.M)
    right = "cabdbacdba"
    assert numbers == list(range(1, 11)) and len(options) == 10
    assert checks.self_test(f"{right[:4]} {right[4:]}").startswith("All 10 are right")
    for at, letter in enumerate(right):
        wrong = right[:at] + "abcd"["abcd".index(letter) - 1] + right[at + 1:]
        with pytest.raises(AssertionError, match=rf"9 of 10 are right. question {at + 1}: you said ., it is {letter}: \w+"):
            checks.self_test(wrong)
    for answers in ("", "abc", "abcd abcd ae", right + "a"):
        with pytest.raises(AssertionError, match="expected 10 letters"):
            checks.self_test(answers)
