"""What stands in a profile? A frozen dataclass for each section and its parts, with the rules of its fields.

To add an experiment: a frozen dataclass here, a field of `Profile`, and the section in each YAML file.
"""

import dataclasses
from dataclasses import dataclass

from dbp.data import SOURCES


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
    """How much of everything `dbp.experiments.worst_case` and `gmm_classifier` take.

    Test images; PGD's steps and restarts; Auto-PGD's steps and targets; Square's queries; and the budgets, L-infinity, in
    units of the pixel range.
    """

    attack_images: int = _field(_COUNT)
    pgd_steps: int = _field(_COUNT)
    pgd_restarts: int = _field(_COUNT)
    apgd_steps: int = _field(_COUNT)
    targets: int = _field(_COUNT)
    queries: int = _field(_COUNT)
    eps: tuple[float, ...] = _field(_not_empty)


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
class UndefendedClassifiersRuns:
    """One part of `dbp.experiments.undefended_classifiers`: these models, `seeds` runs each."""

    dataset: str
    source: str = _field(_one_of(*SOURCES[1:]))
    models: tuple[str, ...] = _field(_not_empty)
    seeds: int = _field(_COUNT)
    sizes: Sizes


@dataclass(frozen=True)
class UndefendedClassifiersScale:
    """Scale of `dbp.experiments.undefended_classifiers` (P1 Section 5.4)."""

    parts: tuple[UndefendedClassifiersRuns, ...] = _field(_not_empty)


@dataclass(frozen=True)
class MixtureSizes:
    """The mixtures, which P1 leaves open: components and covariance of each class's, and training codes of all classes."""

    components: int = _field(_COUNT)
    covariance: str
    codes: int = _field(_COUNT)


@dataclass(frozen=True)
class GMMClassifierRuns:
    """One part of P1 Tables 3 and 4: these heads on these autoencoders, and the classifiers that are beside them."""

    networks: DBPAutoencodersRuns
    heads: tuple[str, ...] = _field(_not_empty)
    mixture: MixtureSizes
    classifiers: UndefendedClassifiersRuns
    attack: AttackSizes

    @property
    def seeds(self) -> int:
        """Of the networks; the classifiers have as many here."""
        return self.networks.seeds


@dataclass(frozen=True)
class GMMClassifierScale:
    """Scale of `dbp.experiments.gmm_classifier` (P1 Tables 3 and 4)."""

    parts: tuple[GMMClassifierRuns, ...] = _field(_not_empty)


@dataclass(frozen=True)
class WalkSizes:
    """How much of everything `dbp.experiments.image_transition` takes: pairs, steps, and their size in pixel ranges."""

    pairs: int = _field(_COUNT)
    steps: int = _field(_COUNT)
    step_size: float


@dataclass(frozen=True)
class ImageTransitionRuns:
    """One part of the transitions of P1 Section 5.4; the last of the classifiers is the judge."""

    networks: DBPAutoencodersRuns
    mixture: MixtureSizes
    classifiers: UndefendedClassifiersRuns
    walk: WalkSizes

    @property
    def seeds(self) -> int:
        """Of the networks."""
        return self.networks.seeds


@dataclass(frozen=True)
class ImageTransitionScale:
    """Scale of `dbp.experiments.image_transition` (P1 Figure 6)."""

    parts: tuple[ImageTransitionRuns, ...] = _field(_not_empty)


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
    undefended_classifiers: UndefendedClassifiersScale
    gmm_classifier: GMMClassifierScale
    image_transition: ImageTransitionScale
    flat_codes: DBPAutoencodersScale
    flat_codes_classifier: GMMClassifierScale
    flat_codes_auddc: AuddcScale
    flat_codes_transition: ImageTransitionScale
    adversarial_examples: AdversarialExamplesScale
