"""`dbp.profiles`: a profile that cannot be meant gets one line with the nearest right name."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from dbp import experiments, profiles
from dbp.experiments import l1_penalty, worst_case
from dbp.profiles import NAMES, ProfileError

SMOKE = Path(profiles.__file__).with_name("smoke.yaml")


@pytest.fixture
def written(tmp_path):
    """The smoke profile with one field changed, as a file."""
    def write(**changes):
        content = yaml.safe_load(SMOKE.read_text())
        for name, value in changes.items():
            scale = content["l1_penalty"]
            section = content if name in content or name == "l1_penalti" else scale if name in scale else scale["parts"][0]
            section[name] = value
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not ...}))
        return path

    return write


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_of_the_package_is_sound(name):
    assert profiles.load(name).name == name


def test_profile_is_read_from_a_file_and_a_profile_is_itself(written):
    mine = profiles.load(written(seeds=7, lambdas=[0, 2]))
    assert mine.name == "mine" and mine.l1_penalty.parts[0].seeds == 7
    assert mine.l1_penalty.lambdas == (0.0, 2.0) and all(type(value) is float for value in mine.l1_penalty.lambdas)
    assert profiles.load(mine) is mine


@pytest.mark.parametrize("change, words", [
    ({"seedz": 3}, "no field 'seedz'; .*did you mean 'seeds'"),
    ({"l1_penalti": {}}, "no field 'l1_penalti'; .*did you mean 'l1_penalty'"),
    ({"seeds": 0}, "seeds must be at least 1, but is 0"),
    ({"seeds": "3"}, "seeds must be of type int, but is '3'"),
    ({"seeds": 2.5}, "seeds must be of type int, but is 2.5"),
    ({"seeds": True}, "seeds must be of type int, but is True"),
    ({"models": "C"}, "models must be a list, but is 'C'"),
    ({"models": []}, r"models must be a list of at least one, but is \(\)"),
    ({"lambdas": ["10"]}, "lambdas must be of type float, but is '10'"),
    ({"reductions": []}, "reductions must be a list of at least one"),
    ({"units": ["mean"]}, "no field 'units'; there are models, reductions, outputs"),
    ({"source": "auto"}, "source must be one of full, embedded, but is 'auto'"),
    ({"attack": 3}, "attack must hold named fields, but is 3"),
    ({"attack": dict(attack_images=0, pgd_steps=3, pgd_restarts=2, apgd_steps=1, targets=1, queries=1, eps=[1])},
     "attack_images must be at least 1, but is 0"),
    ({"attack": {"pgd_stepz": 3}}, "no field 'pgd_stepz'; .*did you mean 'pgd_steps'"),
    ({"l1_penalty": 3}, "l1_penalty must hold named fields, but is 3"),
    ({"parts": [3]}, "parts must hold named fields, but is 3"),
    ({"parts": []}, "parts must be a list of at least one"),
    ({"sizes": {"trainsize": 3}}, "no field 'trainsize'; .*did you mean 'train_size'"),
])
def test_what_cannot_be_meant_is_named_in_one_line(written, change, words):
    with pytest.raises(ProfileError, match=words) as caught:
        profiles.load(written(**change))
    assert "\n" not in str(caught.value) and "mine.yaml" in str(caught.value)


# What a value means is checked by the configuration that is made of it, when a profile is planned: before anything runs.
@pytest.mark.parametrize("change, words", [
    ({"models": ["D"]}, "no classifier named 'D'; there are A, B, C"),
    ({"lambdas": [-1]}, "but are .* at lam -1.0|lam must be at least 0"),
    ({"reductions": ["median"]}, "reduction must be one of mean, sum, but is 'median'"),
    ({"outputs": ["probabilities"]}, "outputs must be one of softmax, logits, but is 'probabilities'"),
    ({"estimator": "exakt"}, "no estimator named 'exakt'; .*did you mean 'exact'"),
])
def test_value_that_cannot_be_meant_is_named_by_the_plan(written, change, words):
    profile = profiles.load(written(**change))
    for module in (l1_penalty, worst_case):
        with pytest.raises(ValueError, match=words) as caught:
            module.plan(profile)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("section, field, value, words", [
    ("l1_adversarial_training", "eps", [-0.1], "eps must be at least 0, but is -0.1"),
    ("l1_adversarial_training", "methods", ["adv_trian"], "no method named 'adv_trian'.*did you mean 'adv_train'"),
    ("dbp_autoencoders", "models", ["VEA"], "no autoencoder named 'VEA'; .*did you mean 'VAE'"),
    ("dbp_autoencoders", "dataset", "minst", "no data set of autoencoders named 'minst'; .*did you mean 'mnist'"),
    ("dbp_autoencoders", "reduction", "median", "reduction must be one of sum, mean, but is 'median'"),
    ("dbp_autoencoders", "strengths", [-1], "lam2 must be at least 0|given where lam2 is above 0"),
])
def test_part_that_cannot_be_meant_is_named_by_its_plan(tmp_path, section, field, value, words):
    content = yaml.safe_load(SMOKE.read_text())
    content[section]["parts"][0][field] = value
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    profile = profiles.load(tmp_path / "mine.yaml")
    with pytest.raises(ValueError, match=words):
        experiments.get(section).plan(profile)


@pytest.fixture
def attacked(tmp_path):
    """The smoke profile with fields changed in its first part of `auddc`, as a file."""
    def write(inner, **changes):
        content = yaml.safe_load(SMOKE.read_text())
        part = content["auddc"]["parts"][0]
        part[inner] = {name: value for name, value in (part[inner] | changes).items() if value is not ...}
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize("inner, change, words", [
    ("attack", {"pairs": 0}, "auddc, parts, attack, pairs must be at least 1, but is 0"),
    ("attack", {"trade_offs": 2}, "auddc, parts, attack, trade_offs must be at least 3, but is 2"),
    ("attack", {"steps": 2.5}, "auddc, parts, attack, steps must be of type int, but is 2.5"),
    ("attack", {"checked_pair": 1}, "no field 'checked_pair'; .*did you mean 'checked_pairs'"),
    ("attack", {"checked_pairs": ...}, "auddc, parts, attack lacks checked_pairs"),
    ("networks", {"modles": ["VAE"]}, "auddc, parts, networks has no field 'modles'; .*did you mean 'models'"),
    ("networks", {"sizes": ...}, "auddc, parts, networks lacks sizes"),
])
def test_attack_on_autoencoders_that_cannot_be_meant_is_named_in_one_line(attacked, inner, change, words):
    with pytest.raises(ProfileError, match=words) as caught:
        profiles.load(attacked(inner, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inner, change, words", [
    ("attack", {"pairs": 3, "checked_pairs": 4}, "checked_pairs must be at most pairs, 3, but is 4"),
    ("networks", {"models": ["VEA"]}, "no autoencoder named 'VEA'; .*did you mean 'VAE'"),
    ("networks", {"methods": ["DBP atached"]}, "no method named 'DBP atached'; .*did you mean 'DBP attached'"),
])
def test_attack_on_autoencoders_that_cannot_be_meant_is_named_by_its_plan(attacked, inner, change, words):
    profile = profiles.load(attacked(inner, **change))
    with pytest.raises(ValueError, match=words):
        experiments.get("auddc").plan(profile)


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_can_be_planned_by_every_experiment(name):
    profile = profiles.load(name)
    assert all(experiments.get(experiment).plan(profile) for experiment in experiments.NAMES)


def test_parts_run_seed_by_seed_and_share_what_they_have_in_common():
    parts = [SimpleNamespace(seeds=2, names="ab"), SimpleNamespace(seeds=1, names="bc")]
    found = profiles.seed_by_seed(parts, lambda part, seed: [(name, seed) for name in part.names])
    assert found == [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("b", 1)]


@pytest.mark.parametrize("inner, field", [("sizes", "train_size"), ("attack", "pgd_restarts")])
def test_missing_field_is_named(tmp_path, inner, field):
    content = yaml.safe_load(SMOKE.read_text())
    del content["l1_penalty"]["parts"][0][inner][field]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ProfileError, match=f"mine.yaml, l1_penalty, parts, {inner} lacks {field}"):
        profiles.load(tmp_path / "mine.yaml")


def test_part_without_an_attack_is_named(tmp_path):
    content = yaml.safe_load(SMOKE.read_text())
    del content["l1_adversarial_training"]["parts"][1]["attack"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ProfileError, match="mine.yaml, l1_adversarial_training, parts lacks attack"):
        profiles.load(tmp_path / "mine.yaml")


@pytest.mark.parametrize("text, words", [("- 1\n- 2\n", "must hold named sections"), ("a: [1\n", "is not YAML")])
def test_file_that_is_no_profile(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ProfileError, match=words):
        profiles.load(tmp_path / "mine.yaml")


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="no profile named 'labtop'; there are smoke, laptop, paper .did you mean 'laptop'"):
        profiles.load("labtop")
