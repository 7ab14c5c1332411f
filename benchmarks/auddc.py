"""Measure the attack on autoencoders: its time against the reference procedure, its areas against L-BFGS-B to convergence.

    python benchmarks/auddc.py                       the times: minutes on two quiet cores; writes AUDDC.md and auddc.json
    python benchmarks/auddc.py --lbfgs               the areas: half an hour on two cores; goes on where it was stopped
    python benchmarks/auddc.py --quick --out /tmp    a trial; also with --lbfgs --pairs 2

Each leaves the other's part of the JSON as it is; the page is made of both. What L-BFGS-B found is kept in the cache folder,
under the weights, images and settings; after a change of `attack_by_lbfgs` itself, delete `benchmarks/auddc` there.
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import NamedTuple
from unittest.mock import patch

import torch
from joblib import Parallel, delayed
from measure import side_by_side
from run import HERE, about, write
from torch import Tensor, nn

from dbp import data, runs
from dbp.attacks.autoencoder import SPACES, AutoencoderAttack, attack_autoencoder, straight_line
from dbp.attacks.lbfgs import attack_by_lbfgs
from dbp.experiments.auddc import LINE_POINTS, choose_pairs, trade_offs_of
from dbp.files import cache_folder, digest_of_tensors, read_tensors, write_tensors
from dbp.metrics import auddc, distortion_curves
from dbp.models.autoencoders import build_autoencoder
from dbp.runs.runner import threads


class Size(NamedTuple):
    pairs: int
    trade_offs: int
    steps: int


COPIES, REFERENCE_STEPS, REFERENCE_RATE = 128, 3000, 1e-3
ROUNDS = 3  # the default of `attack_autoencoder`; each also looks at the point it ends with: steps + ROUNDS evaluations
SECONDS, TIMES_LESS = 60, 500  # the goals, for the VAE in both spaces
WHOLE, DEAR = Size(20, 51, 300), Size(10, 25, 150)  # what the profile laptop has for the VAE, and for DRAW16
SCALED = {"VAE": [WHOLE], "DRAW16": [WHOLE, DEAR]}
TURNS = {"VAE": (60, WHOLE, 3), "DRAW16": (10, Size(4, 16, 24), 5)}  # steps of the reference; ours; how many turns
QUICK = {"VAE": (5, Size(2, 51, 9), 2), "DRAW16": (2, Size(1, 16, 3), 2)}
READINGS = {"plain": {"lam2": 0.0}} | {target: {"lam2": 0.01, "target": target} for target in ("attached", "detached")}
AREAS = ("ours", "lbfgs", "ours_envelope", "lbfgs_envelope", "line")  # columns of the page


def reference(autoencoder: nn.Module, x: Tensor, target: Tensor, trade_off: float, space: str, steps: int) -> Tensor:
    """Gondim-Ribeiro et al. (2018) as their code runs: one pair, one trade-off, and 128 copies of the image in each step.

    Of these the loss reads the first. Left out, in its favour: the gradient's clipping, and the note of the best point.
    """
    dx = torch.zeros_like(x, requires_grad=True)
    adam = torch.optim.Adam([dx], lr=REFERENCE_RATE)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        mu, logvar = autoencoder.encode(target)
    for _ in range(steps):
        images = (x + dx).clamp(0, 1).expand(COPIES, -1, -1, -1)
        if space == "latent":
            m, v = autoencoder.encode(images)
            far = ((v - logvar).exp() + (m - mu).square() / logvar.exp() - 1 - v + logvar)[0] / 2
        else:
            noise = torch.randn(COPIES, autoencoder.latents, generator=generator)
            far = (autoencoder.likelihood.image(autoencoder(images, noise).logits) - target).square()[0]
        (dx.grad,) = torch.autograd.grad(trade_off * dx.square().sum() + far.sum(), dx)  # and none for the weights
        adam.step()
    return dx.detach()


def images_of(pairs: int) -> tuple[Tensor, Tensor, dict]:
    """The first pairs of the experiment: images, targets, and what they are in the data set."""
    mnist = data.load("mnist")
    images, (image, target) = mnist.test.images, choose_pairs(mnist.test.labels, pairs)
    return images[image], images[target], {"source": mnist.source, "image": image.tolist(), "target": target.tolist()}


def rows_at_once(model: nn.Module, x: Tensor, target: Tensor, space: str) -> int:
    """How many images the attack evaluates together, as seen; checks that it does so steps + ROUNDS times."""
    with patch.object(torch.autograd, "grad", wraps=torch.autograd.grad) as seen:
        attack_autoencoder(model, x[:1], target[:1], [1.0], space=space, steps=ROUNDS)
    found = [len(call.args[1]) for call in seen.call_args_list]
    if found != 2 * ROUNDS * found[:1]:
        raise AssertionError(f"batches of {found}, expected {2 * ROUNDS} of one size: scaling by count would be wrong")
    return found[0]


def passes_of(size: Size, at_once: int) -> int:
    """Images that the attack sends forwards and backwards: the last chunk of rows is filled up."""
    return math.ceil(size.pairs * size.trade_offs / at_once) * at_once * (size.steps + ROUNDS)


def in_turns(name: str, space: str, quick: bool) -> dict:
    """The reference on one pair and trade-off, and ours; untrained, since trained weights cost the same."""
    steps, size, turns = (QUICK if quick else TURNS)[name]
    model, (x, target, _) = build_autoencoder(name, seed=0).eval(), images_of(size.pairs)
    trade_offs, at_once = trade_offs_of(size.trade_offs), rows_at_once(model, x, target, space)
    costs = side_by_side(
        lambda: reference(model, x[:1], target[:1], 1.0, space, steps),
        {"ours": lambda: attack_autoencoder(model, x, target, trade_offs, space=space, steps=size.steps)}, turns)
    theirs, ours = costs["plain"], costs["ours"]
    found = {"network": name, "space": space, "turns": turns, "reference_steps": steps, "reference_passes": COPIES * steps,
             "reference_seconds": theirs.milliseconds / 1e3, **size._asdict(), "rows_at_once": at_once,
             "passes": passes_of(size, at_once), "seconds": ours.milliseconds / 1e3, "low": ours.low, "high": ours.high}
    print(found, flush=True)
    return found


def scaled(turns: list[dict], size: Size) -> dict:
    """One space or both: ours by count of passes, and the reference's 3,000 steps for the same pairs and trade-offs."""
    ours = [passes_of(size, turn["rows_at_once"]) for turn in turns]
    theirs = COPIES * REFERENCE_STEPS * size.pairs * size.trade_offs
    return {"network": turns[0]["network"], "space": " and ".join(turn["space"] for turn in turns), **size._asdict(),
            "seconds": sum(turn["seconds"] * passes / turn["passes"] for turn, passes in zip(turns, ours, strict=True)),
            "reference_seconds": sum(turn["reference_seconds"] * theirs / turn["reference_passes"] for turn in turns),
            "passes": sum(ours), "reference_passes": theirs * len(turns)}


def times(quick: bool, machine: dict) -> Iterator[dict]:
    """The JSON's part "times", more of it after every network."""
    found = {**machine, "turns": [], "rows": []}
    for name, sizes in SCALED.items():
        turns = [in_turns(name, space, quick) for space in SPACES]
        found["turns"] += turns
        found["rows"] += [scaled(some, size) for size in sizes for some in (turns[:1], turns[1:], turns)]
        yield {"times": found}


def converged(model: nn.Module, x: Tensor, target: Tensor, trade_offs: Tensor, space: str, steps: int) -> AutoencoderAttack:
    """What L-BFGS-B finds for one pair; from the cache if it is there."""
    tensors = model.state_dict() | {"attack x": x, "attack target": target, "attack trade_offs": trade_offs}
    key = digest_of_tensors(tensors, f"{space} {steps}")[:24]
    path = cache_folder() / "benchmarks" / "auddc" / f"{key}.safetensors"
    if not path.is_file():
        with threads(1):  # one image at a time: more threads would only wait for each other
            found = attack_by_lbfgs(model, x, target, trade_offs, space=space, steps=steps)
        write_tensors(path, vars(found), {})
    return AutoencoderAttack(**read_tensors(path)[0])


def areas(pairs: int, quick: bool, machine: dict) -> Iterator[dict]:
    """The JSON's part "areas", more of it after every network and space."""
    (x, target, chosen), (count, steps) = images_of(pairs), (6, 50) if quick else (WHOLE.trade_offs, 3000)
    trade_offs, found = trade_offs_of(count), {**machine, **chosen, "trade_offs": count, "lbfgs_steps": steps, "rows": []}
    for name, space in ((name, space) for name in READINGS for space in SPACES):
        model = runs.trained("dbp_autoencoders", "laptop", dataset="mnist", model="VAE", **READINGS[name])
        calls = [delayed(converged)(model, x[[pair]], target[[pair]], trade_offs, space, steps) for pair in range(pairs)]
        parts = []
        for part in Parallel(machine["threads"], return_as="generator")(calls):
            parts.append(tuple(vars(part).values()))
            print(f"{name}, {space}: {len(parts)} of {pairs} pairs by L-BFGS-B", flush=True)
        slow = AutoencoderAttack(*map(torch.cat, zip(*parts, strict=True)))
        fast = attack_autoencoder(model, x, target, trade_offs, space=space)
        ours, lbfgs = (attack.distance + trade_offs * attack.distortion.square() for attack in (fast, slow))
        line = distortion_curves(model, x, target, straight_line(x, target, LINE_POINTS))
        row = {"network": name, "space": space, "weights": digest_of_tensors(model.state_dict())[:12],
               "collapsed": line.collapsed().tolist(), "line": auddc(line).tolist(),
               "as_low": (ours <= 1.01 * lbfgs + 0.01).float().mean(1).tolist()}
        for who, attack in (("ours", fast), ("lbfgs", slow)):
            curves = distortion_curves(model, x, target, attack.x_adv)
            row |= {who: auddc(curves).tolist(), f"{who}_envelope": auddc(curves, line, envelope=True).tolist()}
        found["rows"].append(row)
        yield {"areas": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lbfgs", action="store_true", help="measure the areas, not the times")
    parser.add_argument("--quick", action="store_true", help="few steps, scaled up; with --lbfgs 6 trade-offs of 50 steps")
    parser.add_argument("--pairs", type=int, default=WHOLE.pairs, help="of images, for the areas (default 20)")
    parser.add_argument("--threads", type=int, default=2, help="of torch, and processes of L-BFGS-B (default 2)")
    parser.add_argument("--out", type=Path, default=HERE, help="an existing folder (default: that of this file)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine, file = about(options.threads), options.out / "auddc.json"
    for part in areas(options.pairs, options.quick, machine) if options.lbfgs else times(options.quick, machine):
        both = {**(json.loads(file.read_text()) if file.is_file() else {}), **part}
        write(file, json.dumps(both, indent=1) + "\n")
        write(options.out / "AUDDC.md", page(both))


def page(measured: dict) -> str:
    text = "# What the attack on autoencoders costs, and what it finds\n\nWritten by `benchmarks/auddc.py`.\n"
    for name, section in (("times", page_of_times), ("areas", page_of_areas)):
        if part := measured.get(name):
            text += (f"\n{section(part)}\n\n{part['date']}, {part['processor']}, {part['threads']} of {part['cores']} cores,"
                     f" load before {part['load_before']};\nPython {part['python']}, torch {part['versions']['torch']}.\n")
    return text


def page_of_times(part: dict) -> str:
    table, run = "", ""
    for row in part["rows"]:
        ratio, fewer = row["reference_seconds"] / row["seconds"], row["reference_passes"] / row["passes"]
        table += (f"| {row['network']} | {row['pairs']} x {row['trade_offs']} x {row['steps']} | {row['space']} "
                  f"| {row['reference_seconds'] / 3600:.1f} | {row['seconds']:.1f} | {ratio:.0f} | {fewer:.0f} "
                  f"| {ratio / fewer:.2f} |\n")
    for turn in part["turns"]:
        run += (f"\n- {turn['network']}, {turn['space']}: {turn['reference_steps']} steps of the reference in "
                f"{turn['reference_seconds']:.2f} s;\n  {turn['pairs']} x {turn['trade_offs']} x {turn['steps']} of ours, "
                f"{turn['rows_at_once']} rows at once, in {turn['seconds']:.2f} s: {turn['low']:.3g} to {turn['high']:.3g} "
                f"times as long (quartiles of {turn['turns']} turns)")
    goal = next(row for row in part["rows"] if row["network"] == "VAE" and " and " in row["space"])
    soon, less = goal["seconds"] <= SECONDS, goal["reference_seconds"] >= TIMES_LESS * goal["seconds"]
    return f"""## Time, against the reference procedure

The *reference* is that of Gondim-Ribeiro et al. (2018), whose code P1 adopts: one pair and one trade-off at a time,
{REFERENCE_STEPS:,} steps of Adam, each on a batch of {COPIES} copies of the image, of which the loss reads one. *Ours* is
`attack_autoencoder`. A pass is one image, forwards and backwards through what the loss needs of the network: in the latent
space of a VAE the encoder alone. The ratio of times, reference over ours, is that of passes times that of the time a pass:
fewer passes, cheaper passes. Of the fewer passes the copies are a factor of {COPIES}; the others are fewer steps.

| network | pairs x trade-offs x steps | space | reference, h | ours, s | ratio of times | of passes | of time a pass |
|---|---|---|---:|---:|---:|---:|---:|
{table}
Goals for the VAE in both spaces: at most {SECONDS} s ({'met' if soon else 'missed'}), at least {TIMES_LESS} times less time
({'met' if less else 'missed'}). The table is scaled by count from the medians of what was run in turns, the reference on one
pair and one trade-off:
{run}"""


def page_of_areas(part: dict) -> str:
    table = ""
    for row in part["rows"]:
        sound = [pair for pair, collapsed in enumerate(row["collapsed"]) if not collapsed]
        means = " | ".join(f"{mean(row[name][pair] for pair in sound):.4f}" for name in AREAS)
        apart = [row["ours"][pair] - row["lbfgs"][pair] for pair in sound]
        above = max(row["ours_envelope"][pair] - row["line"][pair] for pair in sound)
        table += (f"\n| {row['network']} | {row['space']} | {len(sound)} | {means} | {mean(apart):+.4f} "
                  f"| {max(apart, key=abs):+.4f} | {above:+.4f} | {mean(row['as_low'][pair] for pair in sound):.0%} |")
    return f"""## Areas, against L-BFGS-B to convergence

The VAEs of the profile laptop on MNIST ({part['source']}), {len(part['image'])} pairs, {part['trade_offs']} trade-offs;
SciPy's L-BFGS-B with at most {part['lbfgs_steps']:,} iterations. Means over the pairs that have not collapsed: of the
reference area, and *+ line* of the envelope with the straight line from the image to its target. *Mean* and *largest* are of
the differences of reference areas, ours less L-BFGS-B, pair by pair. *Above line* is the largest excess of our envelope over
the line's own area, which must not be positive; *as low* the share of problems in which our objective is at most 1% and 0.01
(nats or squared pixels) above that of L-BFGS-B.

| network | space | pairs | ours | L-BFGS-B | ours + line | L-BFGS-B + line | line | mean | largest | above line | as low |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|{table}"""


if __name__ == "__main__":
    main()
