"""The notebooks as files: paired, within the rules, showing what the records say."""

import copy
import os
import re
import shutil
import subprocess
import sys

import guards
import nbformat
import pytest

from dbp import experiments, runs
from dbp.tables import areas, attacks, controls, format_cell, p2

CHAPTERS = guards.chapters()
FOLDS = guards.tool("folds")
NOTEBOOKS = CHAPTERS.notebooks()
TAUGHT = [path for path in NOTEBOOKS if path.name < "80"]  # the others print records and have no exercises
NAMED = dict(ids=lambda path: path.stem)


@pytest.mark.parametrize("path", NOTEBOOKS, **NAMED)
def test_pair_is_in_step(path):
    assert CHAPTERS.drift(path) == []


@pytest.mark.parametrize("path", NOTEBOOKS, **NAMED)
def test_page_keeps_the_rules(path):
    assert guards.breaches(CHAPTERS.read(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, **NAMED)
def test_code_that_serves_is_folded(path):
    assert FOLDS.missing(CHAPTERS.read(path).cells, path.stem) == [], "call: python book/tools/folds.py"


@pytest.mark.parametrize("path", NOTEBOOKS, **NAMED)
def test_open_code_fits_the_page(path):
    assert FOLDS.too_wide(CHAPTERS.read(path).cells, path.stem) == []


def test_a_line_that_does_not_fit_is_noticed_unless_it_is_folded():
    long = "x = " + "1 + " * 20 + "1"
    assert "has a line of 85 characters, at most 78" in FOLDS.too_wide([cell("y = 1"), cell(long)])[0]
    assert FOLDS.too_wide([cell(long, "hide-input", "check")]) == []


def cell(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


IMPORTS = cell("import x", "hide-input", "setup"), cell("seed = 0", "parameters", "hide-input", "settings")


@pytest.mark.parametrize(("source", "kind"), [
    ("x = 1\nplots.lines(x, alt='x')", "figure"), ("rows = f()\nareas.lay_out(rows)", "table"), ("assert x > 1", "check"),
    ("low = f(x)\nif profile != 'smoke':\n    assert low > 0\n    assert x", "check"), ("checks.area(area)", None),
    ("x = f(y)\nx.mean()", None), ("a = 1\nb = 2\nc = 3\nassert a", None), ("def f():\n    assert x\n    return x", None),
    ("def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\nplots.lines(f())", None),
])
def test_a_cell_that_serves_is_told_from_one_that_explains(source, kind):
    assert FOLDS.kind(source, 5) == kind
    found = FOLDS.missing([*IMPORTS, cell(source)])
    assert found == ([f"code cell 2 is a {kind} and is not folded: {source.splitlines()[0]}"] if kind else [])
    assert FOLDS.missing([*IMPORTS, cell(source, "open")]) == []
    assert FOLDS.missing([*IMPORTS, cell(source, "hide-input", kind or "x")]) == []
    text = f"```{{code-cell}} ipython3\n:tags: [nbval-check-output]\n\n{source}\n```\n"
    tags = f"nbval-check-output, hide-input, {kind}" if kind else "nbval-check-output"
    before = "```{code-cell} ipython3\nimport x\n```\n" * 2
    assert FOLDS.tagged(before + text, "06_x").endswith(text.replace("nbval-check-output", tags))
    assert FOLDS.kind(source, 5, "91_scorecard") is not None or "SOLUTION" in source


@pytest.mark.parametrize("path", TAUGHT, **NAMED)
def test_exercises_of_a_chapter_are_finished(path):
    assert guards.unfinished_exercises(CHAPTERS.read(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, **NAMED)
def test_stored_outputs_belong_to_the_code_and_the_records(path):
    assert not CHAPTERS.is_stale(path), f"call: make execute NOTEBOOKS={path.name[:2]}"


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_laptop_run_is_on_record_by_the_present_code(name):
    assert [f"{state.planned.key}: {state.reason}" for state in runs.survey(name, "laptop") if state.record is None] == []


def table2():
    """What the records say about P2 Table 2, as chapter 03 prints it."""
    table = p2.compare_table2(runs.load("l1_penalty", "laptop"))
    printed = [("clean", "softmax"), ("adv", "softmax"), ("adv", "logits")]
    return [repr(p2.lay_out(table, "C", measure, {("mean", outputs): "ours"})) for measure, outputs in printed]


def chapter_03():
    return CHAPTERS.read(guards.ROOT / "notebooks" / "03_l1_penalty.ipynb")


def test_published_numbers_are_those_of_the_records():
    assert guards.numbers_off(chapter_03(), table2()) == []


def test_published_numbers_of_chapter_04_are_those_of_the_records():
    """What Tables 3 and 4 hold of model C under attack, as the page prints it; the rest is on the results pages."""
    nb = CHAPTERS.read(guards.ROOT / "notebooks" / "04_l1_adversarial_training.ipynb")
    texts = "\n".join(output.data["text/plain"] for cell in nb.cells if cell.cell_type == "code"
                      for output in cell.outputs if "data" in output)
    lines = {" ".join(line.split()) for line in texts.splitlines()}
    for number, table in p2.compare_tables_3_and_4(runs.load("l1_adversarial_training", "laptop")).items():
        for row in table[(table.model == "C") & (table.measure == "adv")].itertuples():
            key = f"{row.eps if number == 3 else row.lam:g}"
            assert " ".join([key, format_cell(row.theirs), format_cell(row.ours), row.verdict]) in lines


@pytest.mark.parametrize("strength", [0.01, 0.1])
@pytest.mark.parametrize(("page", "experiment", "measures"), [
    ("06_dbp_autoencoder", "dbp_autoencoders", ("reconstruction", "jacobian", "encoder_path")),
    ("08_auddc", "auddc", ("reconstruction", "latent", "output")),
])  # fmt: skip
def test_published_numbers_at_equal_blur_are_those_of_the_records(page, experiment, measures, strength):
    frame = runs.load(experiment, "laptop")
    frame = frame[(frame["dataset"] == "mnist") & (frame["model"] == "VAE")].astype(dict.fromkeys(measures, float))
    table = controls.match_reconstruction(frame, strength=strength, measures=measures)
    nb = CHAPTERS.read(guards.ROOT / "notebooks" / f"{page}.ipynb")
    assert guards.numbers_off(nb, [repr(controls.lay_out(table, measures, "short plain"))]) == []


def test_published_areas_are_those_of_the_records():
    table = areas.compare_table2(runs.load("auddc", "laptop"))
    nb = CHAPTERS.read(guards.ROOT / "notebooks" / "08_auddc.ipynb")
    models = ["VAE", "DRAW1", "DRAW16", "DRAW16 (attention)"]
    assert guards.numbers_off(nb, [repr(areas.lay_out(table, models))]) == []


@pytest.mark.parametrize("on", ["MNIST", "colour-digits"])
@pytest.mark.parametrize("number", [3, 4])
def test_published_accuracies_under_attack_are_those_of_the_records(number, on):
    table = attacks.compare_tables_3_and_4(runs.load("gmm_classifier", "laptop"))[number]
    nb = CHAPTERS.read(guards.ROOT / "notebooks" / "11_white_and_black_box.ipynb")
    assert guards.numbers_off(nb, [repr(attacks.lay_out(table, on))]) == []


def test_guard_notices_a_number_that_was_changed_on_the_page():
    nb = copy.deepcopy(chapter_03())
    outputs = [output for cell in nb.cells if cell.cell_type == "code" for output in cell.outputs if "data" in output]
    table = next(output for output in outputs if "the paper" in str(output.data.get("text/plain", "")))
    text = table.data["text/plain"]
    place = text.rindex(" ± ") - 1
    table.data["text/plain"] = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1:]
    assert len(guards.numbers_off(nb, table2())) == 1


def test_what_a_page_depends_on_includes_relative_imports():
    found = {path.name for path in CHAPTERS.reached("from dbp import checks")}
    assert {"l1_penalty.py", "comparing.py"} <= found


def test_guard_notices_a_pair_that_drifted(tmp_path):
    source = TAUGHT[0]
    for suffix in (".ipynb", ".md"):
        shutil.copy(source.with_suffix(suffix), tmp_path / f"01_copy{suffix}")
    assert CHAPTERS.drift(tmp_path / "01_copy.ipynb") == []
    text = (tmp_path / "01_copy.md").read_text(encoding="utf-8")
    (tmp_path / "01_copy.md").write_text(text.replace("network", "net", 1), encoding="utf-8")
    assert len(CHAPTERS.drift(tmp_path / "01_copy.ipynb")) == 1


def test_guard_notices_a_chapter_that_breaks_the_rules():
    nb = copy.deepcopy(CHAPTERS.read(TAUGHT[0]))
    nb.cells = [cell for cell in nb.cells if "parameters" not in cell.metadata.get("tags", [])]
    nb.cells.append(nbformat.v4.new_code_cell("\n".join("x = 1" for _ in range(40))))
    nb.cells.append(nbformat.v4.new_markdown_cell(":::{exercise-start} Unfinished\n:::\nDo something."))
    assert {"has 40 lines" in line or "not tagged" in line for line in guards.breaches(nb)} == {True}
    assert any("'Unfinished' lacks a check" in line for line in guards.unfinished_exercises(nb))


def checked(shown):
    """A cell that prints 42 and whose stored output is another, perhaps; nbval compares the two."""
    output = nbformat.v4.new_output("stream", name="stdout", text=shown)
    tags = {"tags": ["nbval-check-output"]}
    return nbformat.v4.new_code_cell("print(6 * 7)", outputs=[output], metadata=tags, execution_count=1)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """What nbval says of a notebook that fails, of one whose stored number is right, and of one where it was changed."""
    folder = tmp_path_factory.mktemp("nbval")
    for name, cell in {"fails": nbformat.v4.new_code_cell("assert 1 + 1 == 3"), "right": checked("42\n"),
                       "wrong": checked("43\n")}.items():
        nb = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}, cells=[cell])
        nbformat.write(nb, folder / f"{name}.ipynb")
    # Of the plugins, nbval alone: the others take seconds to load.
    command = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", "no:cacheprovider", "-rA", "--nbval-lax"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 1, done.stdout
    return {name: verdict for verdict, name in re.findall(r"^(PASSED|FAILED) (\w+)\.ipynb", done.stdout, re.M)}


def test_nbval_notices_a_notebook_that_fails(verdicts):
    assert verdicts["fails"] == "FAILED"


def test_nbval_notices_a_number_that_was_changed_in_a_checked_cell(verdicts):
    assert (verdicts["right"], verdicts["wrong"]) == ("PASSED", "FAILED")
