"""Measure a training step of every autoencoder, with and without double backpropagation, and DRAW's one product.

    python benchmarks/autoencoders.py             five minutes on two quiet cores; writes AUTOENCODERS.md and its JSON
    python benchmarks/autoencoders.py --quick     two rounds, written nowhere
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

import torch
from cases import BATCH, images
from measure import side_by_side
from run import HERE, about, markdown, write
from torch import Tensor

from dbp.models.autoencoders import build_autoencoder
from dbp.models.draw import Whole
from dbp.training import AutoencoderTraining, autoencoder_terms

ROUNDS = {"VAE": 60, "DRAW1": 40, "DRAW16": 11, "DRAW16 (attention)": 11}
DIRECT = {"DRAW1", "DRAW16"}


class Transcribed(Whole):
    """P1 Eq. (5) as printed: x, the error image and the decoder's state are put side by side in every step."""

    def prepare(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def read(self, x: Tensor, painted: Tensor, h: Tensor) -> tuple[Tensor, None]:
        return self.inputs(torch.cat([x, x - painted.flatten(1), h], 1)), None


def training_step(name: str, penalised: bool, direct: bool = False) -> Callable[[], None]:
    """One step of Adam by P1 Eq. (10); the penalty's weight is small, so that the network stays a network."""
    model = build_autoencoder(name, seed=0)
    if direct:
        model.eye.__class__ = Transcribed
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    settings = AutoencoderTraining(1, lam2=1e-6 if penalised else 0.0)
    generator, (x, _) = torch.Generator().manual_seed(0), images()

    def step() -> None:
        terms = autoencoder_terms(model, x, settings, generator)
        optimizer.zero_grad(set_to_none=True)
        sum(term.mean() for term in terms.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()

    return step


def rows(quick: bool):
    for name, rounds in ROUNDS.items():
        rounds = 2 if quick else rounds
        costs = side_by_side(training_step(name, False), {"DBP": training_step(name, True)}, rounds)
        yield from ({"what": "step", "network": name, "variant": v, **asdict(c)} for v, c in costs.items())
        for penalised in (False, True) if name in DIRECT else ():
            kind = "with DBP" if penalised else "plain"
            ours = {"one product": training_step(name, penalised)}
            costs = side_by_side(training_step(name, penalised, direct=True), ours, rounds)
            yield from ({"what": f"step, {kind}", "network": name, "variant": v.replace("plain", "direct transcription"),
                         **asdict(c)} for v, c in costs.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds, written nowhere")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine, found = about(options.threads), []
    for row in rows(options.quick):
        found.append(row)
        numbers = f"{row['milliseconds']:.1f} ms, ratio {row['ratio']:.2f}"
        print(row["what"], row["network"], row["variant"], numbers, flush=True)
    if not options.quick:
        write(HERE / "AUTOENCODERS.md", page(machine, markdown(found)))
        write(HERE / "autoencoders.json", json.dumps({**machine, "rows": found}, indent=1) + "\n")


def page(machine: dict, table: str) -> str:
    return f"""# What an autoencoder's training step costs

Written by `make bench`. Batch {BATCH} of 28 x 28 images, float32: forward pass, backward pass, clipping and one step of
Adam. Each ratio is a median over rounds in which the row's first line and the variant take turns. The *direct
transcription* of DRAW puts x, the error image and the decoder's state side by side in every step (P1 Eq. (5)); *one product*
is the library's: x enters every step linearly, so its product with the encoder's weights is taken once.

{machine['date']}, {machine['processor']}, {machine['threads']} threads on {machine['cores']} cores, load before the run
{machine['load_before']}; Python {machine['python']}, torch {machine['versions']['torch']}.

{table}
"""


if __name__ == "__main__":
    main()
