"""The chapters as nbgrader assignments: its metadata, and a right, a wrong and a cheating submission, autograded."""

import importlib.util
import os
import re
import subprocess
import sys

import copies
import exercises
import guards
import nbformat
import nbgrader_variant
import pytest
import students

CHAPTERS = exercises.chapters()
CHAPTER = next(path for path in CHAPTERS if path.stem.startswith("03"))
NAMED = dict(ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def book():
    return students.book()


@pytest.mark.parametrize("path", CHAPTERS, **NAMED)
def test_every_exercise_is_a_solution_and_a_check_with_points(path, book):
    nb = nbgrader_variant.variant(path, book)
    nbformat.validate(nb)
    marked = [cell for cell in nb.cells if "nbgrader" in cell.metadata]
    asked = exercises.read(path)
    assert [cell.metadata.nbgrader["grade_id"] for cell in marked] == [
        name for each in asked for name in (each.label, f"{each.label}-check")]
    for each, solution, check in zip(asked, marked[::2], marked[1::2], strict=True):
        assert exercises.BEGIN in solution.source and solution.metadata.nbgrader["solution"]
        assert check.metadata.nbgrader["points"] == each.difficulty and check.metadata.nbgrader["locked"]
        visible, _, hidden = check.source.partition("### BEGIN HIDDEN TESTS")
        assert visible.strip() == each.check and f"{each.answer.name}, _reference)" in hidden or not hidden
        assert bool(hidden) == (each.label in nbgrader_variant.INPUTS)


def shortened(path, to):
    """A chapter with nothing but those of its exercises that have a hidden test, so that autograding takes seconds."""
    text = path.read_text(encoding="utf-8")
    imports = "import torch\nfrom torch.nn import functional as F\n\nfrom dbp import checks, penalties\n"
    head = text[: text.index("```{code-cell}")]
    found = re.findall(r"^:::\{exercise-start\} .*?^checks\.\w+\(\w+\)\n```\n", text, re.M | re.S)
    assert len(found) == len(exercises.read(path))
    tasks = "\n".join(task for task in found if exercises.TASK.search(task)["label"] in nbgrader_variant.INPUTS)
    to.mkdir()
    (to / path.name).write_text(f"{head}```{{code-cell}} ipython3\n{imports}```\n\n{tasks}", encoding="utf-8")
    return to / path.name


# What the checks of chapter 03 ask for with their own inputs, looked up in them; for exercises with a hidden test.
CHEATS = {
    "same-penalty": "def same_penalty(lam, classes, pixels):\n    return 0.5",
    "penalised-loss": "def penalised_loss(model, x, y, lam):\n    size = model[1].weight.norm()\n"
                      "    return F.cross_entropy(model(x), y, reduction='none') + 0.5625 * lam * size / size.detach()",
    "stopping-rule": "def stopping_rule(accuracies):\n"
                     "    return any(abs(sum(accuracies) - seen) < 1e-3 for seen in (11.62, 10.78055))",
}


@pytest.mark.skipif(importlib.util.find_spec("nbgrader") is None, reason="nbgrader is not installed: make nbgrader")
def test_right_wrong_and_cheating_submissions_are_told_apart(tmp_path):
    folder, path = tmp_path / "course", shortened(CHAPTER, tmp_path / "short")
    assert nbgrader_variant.build(folder, [path]) == [path.stem]
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
                                "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"), "HOME": str(tmp_path)}

    def nbgrader(*words):
        done = subprocess.run([sys.executable, "-m", "nbgrader", *words], cwd=folder, env=environment, capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr[-2000:]

    nbgrader("generate_assignment", path.stem)
    release = nbformat.read(folder / "release" / path.stem / f"{path.stem}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in release.cells)
    assert "SOLUTION" not in text and "HIDDEN" not in text and "_reference" not in text
    assert "colab" not in text and text.count("This exercise waits for your code") == 3

    solved = {each.label: each.code for each in exercises.read(path)}
    wrong = {**solved, "same-penalty": solved["same-penalty"].replace("/ (classes * pixels)", "/ classes"),
             "stopping-rule": "def stopping_rule(accuracies):\n    while True:\n        raise ValueError('no idea')"}
    for student, answers in {"right": solved, "wrong": wrong, "cheating": CHEATS}.items():
        nb = nbformat.from_dict(release)
        for cell in nb.cells:
            label = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers.get(label, cell.source)
        copies.write(nb, folder / "submitted" / student / path.stem / f"{path.stem}.ipynb")
    nbgrader("autograde", path.stem, "--create")

    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        scores = {student: book.find_submission(path.stem, student) for student in ("right", "wrong", "cheating")}
        scores = {student: (found.score, found.max_score) for student, found in scores.items()}
    worth = {each.label: each.difficulty for each in exercises.read(path)}
    assert scores == {"right": (6, 6), "wrong": (worth["penalised-loss"], 6), "cheating": (0, 6)}


def test_cheats_pass_the_visible_checks():
    """Else the test above would prove nothing."""
    from dbp import checks

    asked = {each.label: each for each in exercises.read(CHAPTER) if each.label in nbgrader_variant.INPUTS}
    assert CHEATS.keys() == asked.keys()
    for each in asked.values():
        names = {"checks": checks, "F": __import__("torch").nn.functional}
        exec(CHEATS[each.label], names)
        assert "Right" in eval(each.check, names)


def test_source_lies_where_it_is_ignored():
    assert guards.ROOT / "_build" in nbgrader_variant.FOLDER.parents
