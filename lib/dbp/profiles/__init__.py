"""At which scale? `smoke`, `laptop` and `paper`: YAML files beside this one, read into the dataclasses of `scales`.

Here it is only seen that every field is there, has its type, and that counts are counts; what a value means is checked
by the configuration that is made of it, before anything runs.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dbp.profiles.scales import (
    AdversarialExamplesScale,
    AttackSizes,
    AuddcRuns,
    AuddcScale,
    AuddcSizes,
    AutoencoderSizes,
    DBPAutoencodersRuns,
    DBPAutoencodersScale,
    GMMClassifierRuns,
    GMMClassifierScale,
    ImageTransitionRuns,
    ImageTransitionScale,
    L1AdversarialTrainingRuns,
    L1AdversarialTrainingScale,
    L1PenaltyRuns,
    L1PenaltyScale,
    MixtureSizes,
    Profile,
    Sizes,
    UndefendedClassifiersRuns,
    UndefendedClassifiersScale,
    WalkSizes,
)
from dbp.spelling import nearest

__all__ = [
    "NAMES", "ProfileError", "load", "seed_by_seed",
    "AdversarialExamplesScale", "AttackSizes", "AuddcRuns", "AuddcScale",
    "AuddcSizes", "AutoencoderSizes", "DBPAutoencodersRuns", "DBPAutoencodersScale",
    "GMMClassifierRuns", "GMMClassifierScale", "ImageTransitionRuns",
    "ImageTransitionScale", "L1AdversarialTrainingRuns", "L1AdversarialTrainingScale", "L1PenaltyRuns",
    "L1PenaltyScale", "MixtureSizes", "Profile", "Sizes",
    "UndefendedClassifiersRuns", "UndefendedClassifiersScale", "WalkSizes",
]  # fmt: skip

NAMES = ("smoke", "laptop", "paper")


class ProfileError(ValueError):
    """A profile that cannot be meant: file, field, value and what was expected, in one line."""


def load(profile: "str | Path | Profile") -> Profile:
    """A profile by name, or from a YAML file of the same form.

    Raises:
        ValueError: no profile of that name; the message gives the nearest.
        ProfileError: an unknown or missing field, a wrong type, or a value out of range.
    """
    if isinstance(profile, Profile):
        return profile
    path = Path(profile) if str(profile).endswith((".yaml", ".yml")) else Path(__file__).with_name(f"{profile}.yaml")
    if not path.is_file():
        raise ValueError(f"no profile named {str(profile)!r}; there are {', '.join(NAMES)}{nearest(str(profile), NAMES)}")
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ProfileError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ProfileError(f"{path.name} must hold named sections, but holds {content!r}")
    return _build(Profile, {"name": path.stem, **content}, path.name)


def seed_by_seed(parts: Sequence, configs: Callable[[object, int], Iterable]) -> list:
    """What the parts of a section plan, each run once, seed by seed: a sweep cut short has whole tables at fewer seeds.

    Args:
        parts: each with its number of `seeds`.
        configs: a part and a seed to configurations; parts may share some of them.
    """
    runs: dict = {}  # a dict keeps the order
    for seed in range(max(part.seeds for part in parts)):
        for part in parts:
            if seed < part.seeds:
                runs |= dict.fromkeys(configs(part, seed))
    return list(runs)


def _build(cls: type, content: dict, where: str):
    """Check a mapping against a dataclass, field by field, and make it."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in content:
        if name not in fields:
            raise ProfileError(f"{where} has no field {name!r}; there are {', '.join(fields)}{nearest(str(name), fields)}")
    missing = [name for name in fields if name not in content]
    if missing:
        raise ProfileError(f"{where} lacks {', '.join(missing)}")
    hints = typing.get_type_hints(cls)
    return cls(**{name: _value(hints[name], content[name], fields[name], f"{where}, {name}") for name in fields})


def _value(hint, value, field: dataclasses.Field, where: str):
    value = _typed(hint, value, where)
    sound, expected = field.metadata["rule"](value) if "rule" in field.metadata else (True, "")
    if not sound:
        raise ProfileError(f"{where} must be {expected}, but is {value!r}")
    return value


def _typed(hint, value, where: str):
    if isinstance(hint, types.GenericAlias):
        if not isinstance(value, list):
            raise ProfileError(f"{where} must be a list, but is {value!r}")
        return tuple(_typed(typing.get_args(hint)[0], item, where) for item in value)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ProfileError(f"{where} must hold named fields, but is {value!r}")
        return _build(hint, value, where)
    accepted = (int, float) if hint is float else hint
    if isinstance(value, bool) and hint is not bool or not isinstance(value, accepted):
        raise ProfileError(f"{where} must be of type {hint.__name__}, but is {value!r}")
    return hint(value)
