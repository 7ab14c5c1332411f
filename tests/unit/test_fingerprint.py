"""`dbp.runs.fingerprint`: what changes a hash, and what must not."""

import dataclasses
import importlib
import itertools
import json
import os
import subprocess
import sys
import textwrap

import pytest
import toy_experiment

from dbp.experiments import l1_penalty
from dbp.runs import fingerprint
from dbp.runs.fingerprint import changed, code_of, digest_of

NUMBER = itertools.count()


@pytest.fixture
def code(tmp_path, monkeypatch):
    """Write a module that counts as an experiment, import it, and take the code of its `run`."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source, *roots):
        name = f"written_{next(NUMBER)}"
        (tmp_path / f"{name}.py").write_text("IS_DBP_EXPERIMENT = True\n" + textwrap.dedent(source))
        importlib.invalidate_caches()
        module = importlib.import_module(name)
        found = code_of(module.run, *(getattr(module, root) for root in roots))
        return {key.replace(name, "module"): value for key, value in found.items()}

    return write


BASE = '''
LIMIT = 3

def helper(x: int) -> int:
    """Says one thing."""
    return x + LIMIT  # a comment

def plot(x):
    return "red"

def run(config):
    return helper(config)
'''


def test_closure_holds_functions_and_constants_and_nothing_unused(code):
    assert sorted(code(BASE)) == ["module.LIMIT", "module.helper", "module.run"]


@pytest.mark.parametrize("old, new", [
    ("Says one thing.", "Says another thing."),
    ('    """Says one thing."""\n', ""),
    ("  # a comment", "  # another comment\n\n"),
    ("x: int) -> int", "x: float) -> float"),
    ("x: int) -> int", "x)"),
    ('"red"', '"blue"'),
    ("return x + LIMIT", "return (x +\n            LIMIT)"),
])
def test_words_layout_and_unused_functions_leave_the_code_as_it_is(code, old, new):
    assert code(BASE) == code(BASE.replace(old, new))


@pytest.mark.parametrize("old, new, named", [
    ("x + LIMIT", "x - LIMIT", "module.helper"),
    ("LIMIT = 3", "LIMIT = 4", "module.LIMIT"),
    ("helper(config)", "helper(config + 0)", "module.run"),
])
def test_a_changed_line_is_named(code, old, new, named):
    assert changed(code(BASE), code(BASE.replace(old, new))) == [named]


def test_default_values_and_decorators_count(code):
    before = code("def run(config, steps=10):\n    return steps\n")
    assert changed(before, code("def run(config, steps=11):\n    return steps\n")) == ["module.run"]
    cached = "import functools\n\n@functools.cache\ndef run(config, steps=10):\n    return steps\n"
    assert changed(before, code(cached)) == ["module.run"]


def test_methods_and_base_classes_are_followed(code):
    source = '''
    class Base:
        def value(self):
            return 1

    class Derived(Base):
        pass

    def run(config):
        return Derived().value()
    '''
    assert changed(code(source), code(source.replace("return 1", "return 2"))) == ["module.Base"]


def test_functions_that_are_imported_within_a_function_are_followed(code):
    named = code("def run(config):\n    from dbp.data import subset\n    return subset(config, 1)\n")
    dotted = code("def run(config):\n    from dbp import data\n    return data.subset(config, 1)\n")
    assert "dbp.data.split.subset" in named and "dbp.data.split.subset" in dotted


REGISTRY = '''
def one(): return 1

def two(): return 2

KNOWN = {"one": one, "two": two}

def run(config):
    return KNOWN[config]()
'''


def test_only_the_used_entry_of_a_registry_counts(code):
    found = code(REGISTRY, "one")
    assert sorted(found) == ["module.one", "module.run"]
    assert found == code(REGISTRY.replace("return 2", "return 3"), "one")


def test_a_registry_whose_entry_is_not_given_is_refused(code):
    with pytest.raises(LookupError, match="KNOWN"):
        code(REGISTRY)


def test_a_constant_without_a_lasting_text_is_refused(code):
    with pytest.raises(TypeError, match="KNOWN"):
        code(REGISTRY.replace('{"one": one, "two": two}', "[one, two]"), "one")


def config(model="C", lam=1.0, reading=("mean", "softmax", "one_row")):
    return l1_penalty.Config(model, lam, *(reading if lam else ("none",) * 3), 0)


def test_code_of_the_experiment_leaves_out_what_the_data_pin_and_what_checks_the_call():
    found = code_of(l1_penalty.run, *l1_penalty.roots(config()))
    inside = {"dbp.training.fit.fit_classifier", "dbp.models.classifiers.ModelC", "dbp.attacks.classifier.fgsm"}
    assert inside <= found.keys()
    outside = ("dbp.data.mnist", "dbp.data.standins", "dbp.files", "dbp.profiles", "dbp.experiments.l1_penalty.Config")
    assert not [name for name in found if name.startswith(outside)]
    assert "dbp.models.classifiers.ModelA" not in found and "dbp.attacks.classifier.pgd" not in found


@pytest.mark.parametrize("name", [
    "dbp.data.pixels.PixelStore", "dbp.data.split.Split", "dbp.data.split.as_split", "dbp.data.split.partition",
    "dbp.data.split.take", "dbp.data.load.load",
])
def test_what_turns_stored_bytes_into_floats_and_splits_counts(name, monkeypatch):
    """The hash of the data covers stored bytes only: another `PixelStore` gives other images under the same hash."""
    before = code_of(l1_penalty.run, *l1_penalty.roots(config()))
    real = fingerprint._definition
    monkeypatch.setattr(fingerprint, "_definition", lambda thing: dataclasses.replace(real(thing), digest="changed") if
                        f"{thing.__module__}.{thing.__qualname__}" == name else real(thing))
    after = code_of(l1_penalty.run, *l1_penalty.roots(config()))
    assert changed(before, after) == [name] and digest_of(before) != digest_of(after)


def test_a_function_that_is_moved_to_another_file_is_the_same():
    before, after = {"dbp.data.take": "abc", "dbp.fit": "def"}, {"dbp.data.split.take": "abc", "dbp.fit": "def"}
    assert digest_of(before) == digest_of(after) and changed(before, after) == []
    assert changed(before, after | {"dbp.data.split.take": "abd"}) == ["dbp.data.split.take", "dbp.data.take"]


def test_another_model_has_other_code():
    runs = {name: config(name, 0.0) for name in ("B", "C")}
    found = {name: code_of(l1_penalty.run, *l1_penalty.roots(run)) for name, run in runs.items()}
    assert changed(found["B"], found["C"]) == ["dbp.models.classifiers.ModelB", "dbp.models.classifiers.ModelC"]


def test_hashes_are_the_same_in_a_fresh_process_with_another_hash_seed():
    program = "import json, toy_experiment, dbp.runs.fingerprint as f; print(json.dumps(f.code_of(toy_experiment.run)))"
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": os.path.dirname(__file__)}
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert json.loads(answer.stdout) == code_of(toy_experiment.run)


def test_sets_have_the_same_hash_whatever_their_order(code):
    source = 'CHOICES = {"a", "b", "c", "d"}\n\ndef run(config):\n    return config in CHOICES\n'
    assert code(source) == code(source.replace('"a", "b"', '"b", "a"'))
