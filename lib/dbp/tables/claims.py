"""What do the papers claim, and what is left of it? The findings of the welcome page, and the claims one by one."""

from collections.abc import Iterator, Mapping

import pandas

from dbp.tables.findings import Finding, difference, factor, penalised, share, vaes, withstanding
from dbp.tables.p2 import select_method, select_table

EXPERIMENTS = ("l1_penalty", "worst_case", "dbp_autoencoders", "auddc", "gmm_classifier", "image_transition")
EPS = 0.05  # at which encoders, MLP and LeNet are compared

# The chapter that argues a finding, what it is in a few words, and the sentence with the numbers of `numbers`.
FINDINGS = (
    ("03_l1_penalty", "Flat logits withstand small attacks.",
     "P2's penalty on the logits of a small network leaves {logits} of the digits right under every attack we have at"
     " ε = 0.1; without it {none} are. It takes not one adversarial example in training."),
    ("03_l1_penalty", "FGSM shows the wrong winner, and label smoothing hides slopes.",
     "The same penalty on the softmax gives the better table under FGSM, and PGD overrates it by {softmax_overrated}: it"
     " leaves {softmax_pgd}, all attacks together {softmax}. The mask was there before: without any penalty PGD overrates by"
     " {none_overrated}, on plain labels by {plain_overrated}."),
    ("06_dbp_autoencoder", "P1's formula penalises two slopes, and flattens their sum.",
     "As it reads, the slope of the loss falls to {whole} of what it was, but the encoder's part of it is {attached_path}"
     " times as large. With the target held fixed, that part is {detached_path} times as large."),
    ("08_auddc", "Autoencoders with the penalty are harder to steer.",
     "The area under the distortion curves grows by {latent} in latent space and by {output} in output space. That is less"
     " than the paper's gain."),
    ("11_white_and_black_box", "As a classifier, the penalised encoder is not the strongest.",
     "At ε = 0.05 all attacks together leave {attached} of the digits with P1's formula and {detached} with the target held"
     " fixed; a plain LeNet keeps {lenet}."),
)


def numbers(frames: Mapping[str, pandas.DataFrame]) -> dict[str, Finding]:
    """The numbers of `FINDINGS`, by their names there.

    Args:
        frames: the records of `EXPERIMENTS`, as `dbp.runs.load` gives them.
    """
    attacked, coded, areas, read = (frames[name] for name in ("worst_case", "dbp_autoencoders", "auddc", "gmm_classifier"))
    none = penalised(attacked, "none", 0)
    logits, softmax = (penalised(attacked, outputs, 25) for outputs in ("logits", "softmax"))
    plain = attacked[(attacked["label_smoothing"] == 0) & (attacked["max_epochs"] == 20)]
    vae, area = ({target: vaes(frame, target) for target in ("none", "attached", "detached")} for frame in (coded, areas))
    found = {
        "logits": share(logits, "worst_0.1"), "none": share(none, "worst_0.1"), "softmax": share(softmax, "worst_0.1"),
        "softmax_pgd": share(softmax, "pgd_0.1"), "whole": factor(vae["attached"], vae["none"], "whole"),
        "lenet": share(withstanding(read, "LeNet", EPS), "accuracy"),
    }
    for name, part in (("softmax", softmax), ("none", none), ("plain", plain)):
        found[f"{name}_overrated"] = difference(part, part, "pgd_0.1", "worst_0.1")
    for target in ("attached", "detached"):
        found[f"{target}_path"] = factor(vae[target], vae["none"], "encoder_path")
        found[target] = share(withstanding(read, "GMM", EPS, target), "accuracy")
    for space in ("latent", "output"):
        found[space] = difference(area["attached"], area["none"], space, scale=1, unit="")
    return found


def judge(found: Finding, *, above: float | None = None, below: float | None = None) -> str:
    """Whether a claim "holds" (the whole interval lies above, or below, a value), "does not", or is "open".

    Args:
        found: what was measured.
        above, below: one of them, in its unit.
    """
    if above is None:
        holds, never = found.high < below, found.low >= below
    else:
        holds, never = found.low > above, found.high <= above
    return "holds" if holds else "does not" if never else "open"


def list_claims(frames: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """The papers' claims: `claim`, what was `measured`, whether `it` holds (see `judge`), and the `chapter`.

    Args:
        frames: as of `numbers`.
    """
    rows = [{"claim": claim, "measured": str(found), "it": judge(found, **needed), "chapter": chapter}
            for claim, found, needed, chapter in [*_of_p2(frames), *_of_p1(frames)]]
    return pandas.DataFrame(rows)


def _of_p2(frames) -> Iterator[tuple]:
    trained = frames["l1_penalty"].assign(experiment="l1_penalty")
    strong, weak, none = (penalised(trained, "softmax", lam) for lam in (50, 0.1, 0))
    helped = difference(strong, weak, "fgsm_0.3")
    yield "P2, softmax: λ from 0.1 to 50 helps against FGSM, ε = 0.3", helped, {"above": 0}, "03"
    attacked = [penalised(frames["worst_case"], "softmax", lam) for lam in (50, 0.1)]
    yield "P2, softmax: … and against all attacks, ε = 0.3", difference(*attacked, "worst_0.3"), {"above": 1}, "03"
    yield "P2, softmax: … and costs less than half a point, λ = 50", difference(strong, none, "clean"), {"above": -0.5}, "03"
    practised = frames["worst_case"][frames["worst_case"]["experiment"] == "l1_adversarial_training"]
    practised = select_table(practised, 3).query("model == 'C'")
    for text, eps, measure in (("λ = 10 helps against FGSM, ε = 0.3", 0.3, "fgsm_0.3"),
                               ("λ = 10 helps against all attacks, ε = 0.1", 0.1, "worst_0.1")):
        with_it, alone = (select_method(practised[practised["eps"] == eps], name) for name in ("adv_train_gp", "adv_train"))
        yield f"P2, FGSM training: {text}", difference(with_it, alone, measure), {"above": 0}, "04"


def _of_p1(frames) -> Iterator[tuple]:
    coded, areas = ([vaes(frames[name], target) for target in ("attached", "none")]
                    for name in ("dbp_autoencoders", "auddc"))
    yield "P1: the gradient shrinks to less than half", factor(*coded, "whole"), {"below": 0.5}, "06"
    yield "P1: reconstructions lose less than a twentieth", factor(*coded, "reconstruction"), {"below": 1.05}, "06"
    for space in ("latent", "output"):
        yield f"P1: the area grows, {space} space", difference(*areas, space, scale=1, unit=""), {"above": 0}, "08"
    encoder = withstanding(frames["gmm_classifier"], "GMM", EPS, "attached")
    for rival in ("MLP", "LeNet"):
        gain = difference(encoder, withstanding(frames["gmm_classifier"], rival, EPS), "accuracy")
        yield f"P1: steadier than {rival}, ε = {EPS}", gain, {"above": 0}, "11"
    walks = frames["image_transition"]
    walks = walks[(walks["target"] == "attached") & (walks["dataset"] == "mnist")]
    seen = pandas.DataFrame({"seed": walks["seed"], "seen": walks["probabilities"].map(lambda found: found["judge_agrees"])})
    judged = share(seen, "seen", int(walks["pairs"].min()))
    yield "P1: half of the walks are seen by another network", judged, {"above": 50}, "10"
