"""At which scale? `smoke`, `laptop` and `paper`: YAML files beside this one, read into the dataclasses below.

Here it is only seen that every field is there, has its type, and that counts are counts; what a value means is checked
by the configuration that is made of it, before anything runs.

To add an experiment: a frozen dataclass here, a field of `Profile`, and the section in each file.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbp.data import SOURCES
from dbp.spelling import nearest

NAMES = ("smoke", "laptop", "paper")


class ProfileError(ValueError):
    """A profile that cannot be meant: file, field, value and what was expected, in one line."""


def _at_least(low: float):
    return lambda value: (value >= low, f"at least {low:g}")


def _one_of(*known: str):
    return lambda value: (value in known, f"one of {', '.join(known)}")


def _not_empty(values):
    return bool(values), "a list of at least one"


def _field(rule):
    return dataclasses.field(metadata={"rule": rule})


_COUNT = _at_least(1)


@dataclass(frozen=True)
class Sizes:
    """How much of everything one training takes: images and epochs."""

    train_size: int = _field(_COUNT)
    validation_size: int = _field(_COUNT)
    test_size: int = _field(_COUNT)
    max_epochs: int = _field(_COUNT)


@dataclass(frozen=True)
class AttackSizes:
    """How much of everything `dbp.experiments.worst_case` takes: test images, and PGD's steps and restarts."""

    attack_images: int = _field(_COUNT)
    pgd_steps: int = _field(_COUNT)
    pgd_restarts: int = _field(_COUNT)


@dataclass(frozen=True)
class L1PenaltyRuns:
    """One part of P2 Table 2: every lambda under every reading, for these models, at one size; `seeds` runs a cell."""

    models: tuple[str, ...] = _field(_not_empty)
    reductions: tuple[str, ...] = _field(_not_empty)
    outputs: tuple[str, ...] = _field(_not_empty)
    seeds: int = _field(_COUNT)
    sizes: Sizes
    attack: AttackSizes


@dataclass(frozen=True)
class L1PenaltyScale:
    """Scale of `dbp.experiments.l1_penalty` (P2 Table 2)."""

    source: str = _field(_one_of(*SOURCES[1:]))
    lambdas: tuple[float, ...] = _field(_not_empty)
    estimator: str
    parts: tuple[L1PenaltyRuns, ...] = _field(_not_empty)


@dataclass(frozen=True)
class L1AdversarialTrainingRuns:
    """One part of P2 Tables 3 and 4 or of what is beside them: these methods at these budgets, `seeds` runs each.

    `lambdas` are those of the methods that carry the footnote's penalty; the others bring their own. `attack` is what
    `dbp.experiments.worst_case` does to the trained networks.
    """

    models: tuple[str, ...] = _field(_not_empty)
    methods: tuple[str, ...] = _field(_not_empty)
    eps: tuple[float, ...] = _field(_not_empty)
    lambdas: tuple[float, ...] = _field(_not_empty)
    seeds: int = _field(_COUNT)
    sizes: Sizes
    attack: AttackSizes


@dataclass(frozen=True)
class L1AdversarialTrainingScale:
    """Scale of `dbp.experiments.l1_adversarial_training` (P2 Tables 3 and 4).

    `undefended_epochs` are those of the undefended network from which `dbp.experiments.worst_case` carries PGD over.
    """

    source: str = _field(_one_of(*SOURCES[1:]))
    undefended_epochs: int = _field(_COUNT)
    parts: tuple[L1AdversarialTrainingRuns, ...] = _field(_not_empty)


@dataclass(frozen=True)
class AutoencoderSizes:
    """How much of everything one autoencoder's run takes; P1 leaves learning rate and clipping to its supplement."""

    train_size: int = _field(_COUNT)
    test_size: int = _field(_COUNT)
    max_epochs: int = _field(_COUNT)
    learning_rate: float
    clip: float
    gradient_images: int = _field(_COUNT)
    projections: int = _field(_COUNT)


@dataclass(frozen=True)
class DBPAutoencodersRuns:
    """One part of P1 Table 1 or of what is beside it: these methods at these strengths, `seeds` runs each.

    `strengths` are lambda_2 of double backpropagation, and what each control has in its place; `reduction` is that of
    the penalised loss over the pixels.
    """

    dataset: str
    source: str = _field(_one_of(*SOURCES[1:]))
    models: tuple[str, ...] = _field(_not_empty)
    methods: tuple[str, ...] = _field(_not_empty)
    strengths: tuple[float, ...] = _field(_not_empty)
    reduction: str
    seeds: int = _field(_COUNT)
    sizes: AutoencoderSizes


@dataclass(frozen=True)
class DBPAutoencodersScale:
    """Scale of `dbp.experiments.dbp_autoencoders` (P1 Table 1)."""

    parts: tuple[DBPAutoencodersRuns, ...] = _field(_not_empty)


@dataclass(frozen=True)
class AuddcSizes:
    """How much of everything `dbp.experiments.auddc` takes: pairs, trade-offs, steps; `checked_pairs` get more steps too."""

    pairs: int = _field(_COUNT)
    trade_offs: int = _field(_at_least(3))
    steps: int = _field(_COUNT)
    checked_pairs: int = _field(_COUNT)


@dataclass(frozen=True)
class AuddcRuns:
    """One part of P1 Table 2: which autoencoders, and how they are attacked."""

    networks: DBPAutoencodersRuns
    attack: AuddcSizes

    @property
    def seeds(self) -> int:
        """Of the networks."""
        return self.networks.seeds


@dataclass(frozen=True)
class AuddcScale:
    """Scale of `dbp.experiments.auddc` (P1 Table 2)."""

    parts: tuple[AuddcRuns, ...] = _field(_not_empty)


@dataclass(frozen=True)
class AdversarialExamplesScale:
    """Scale of the live training and attacks of chapter "Adversarial examples"."""

    source: str = _field(_one_of(*SOURCES[1:]))
    train_size: int = _field(_COUNT)
    max_epochs: int = _field(_COUNT)
    attack_images: int = _field(_COUNT)
    pgd_steps: int = _field(_COUNT)
    pgd_restarts: int = _field(_COUNT)


@dataclass(frozen=True)
class Profile:
    """One scale for everything: a section for each experiment with a scale of its own, and for the live cells of pages."""

    name: str
    description: str
    l1_penalty: L1PenaltyScale
    l1_adversarial_training: L1AdversarialTrainingScale
    dbp_autoencoders: DBPAutoencodersScale
    auddc: AuddcScale
    adversarial_examples: AdversarialExamplesScale


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
