"""`dbp.profiles`: a profile that cannot be meant gets one line with the nearest right name."""

from pathlib import Path

import pytest
import yaml

from dbp import profiles
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
    ({"models": []}, "models must be a list of values, each one of A, B, C, but is"),
    ({"models": ["D"]}, "models must be a list of values, each one of A, B, C, but is"),
    ({"lambdas": [-1]}, "lambdas must be a list of values, each at least 0"),
    ({"estimator": "exakt"}, "estimator must be one of exact, one_row, summed, but is 'exakt'"),
    ({"l1_penalty": 3}, "l1_penalty must hold named fields, but is 3"),
    ({"parts": [3]}, "parts must hold named fields, but is 3"),
    ({"parts": []}, "parts must be a list of at least one"),
    ({"sizes": {"trainsize": 3}}, "no field 'trainsize'; .*did you mean 'train_size'"),
])
def test_what_cannot_be_meant_is_named_in_one_line(written, change, words):
    with pytest.raises(ProfileError, match=words) as caught:
        profiles.load(written(**change))
    assert "\n" not in str(caught.value) and "mine.yaml" in str(caught.value)


def test_missing_field_is_named(tmp_path):
    content = yaml.safe_load(SMOKE.read_text())
    del content["l1_penalty"]["parts"][0]["sizes"]["train_size"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ProfileError, match="mine.yaml, l1_penalty, parts, sizes lacks train_size"):
        profiles.load(tmp_path / "mine.yaml")


@pytest.mark.parametrize("text, words", [("- 1\n- 2\n", "must hold named sections"), ("a: [1\n", "is not YAML")])
def test_file_that_is_no_profile(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ProfileError, match=words):
        profiles.load(tmp_path / "mine.yaml")


def test_unknown_name_gets_the_nearest():
    with pytest.raises(KeyError, match="no profile named 'labtop'; there are smoke, laptop, paper .did you mean 'laptop'"):
        profiles.load("labtop")
