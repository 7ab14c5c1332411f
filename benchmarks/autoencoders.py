"""Measure a training step of every autoencoder, with and without double backpropagation, and DRAW's one product.

    python benchmarks/autoencoders.py             seven minutes on two quiet cores; writes AUTOENCODERS.md and its JSON
    python benchmarks/autoencoders.py --quick     two rounds, written nowhere
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

import torch
from cases import BATCH, images
from measure import side_by_side
from run import HERE, about, write
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from dbp.models.autoencoders import build_autoencoder
from dbp.models.draw import FullImage
from dbp.training import AutoencoderTraining, autoencoder_terms
from dbp.training.loop import one_pass

ROUNDS = {"VAE": 200, "DRAW1": 100, "DRAW16": 31, "DRAW16 (attention)": 31}
DIRECT = {"DRAW1", "DRAW16"}
PRODUCTS = {"aten::mm", "aten::addmm", "aten::bmm"}


class Transcribed(FullImage):
    """P1 Eq. (5) as printed: x, the error image and the decoder's state are put side by side in every step."""

    def prepare(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def read(self, x: Tensor, painted: Tensor, h: Tensor) -> tuple[Tensor, None]:
        return self.inputs(torch.cat([x, x - painted.flatten(1), h], 1)), None


def training_step(name: str, penalised: bool, direct: bool = False) -> Callable[[], object]:
    """The library's own step, a pass over one batch; the penalty's weight is small, so that the network stays a network."""
    model = build_autoencoder(name, seed=0)
    if direct:
        model.attention.__class__ = Transcribed
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)
    settings = AutoencoderTraining(1, lam2=1e-6 if penalised else 0.0)
    generator, (x, _) = torch.Generator().manual_seed(0), images()

    def terms_of(batch: Tensor) -> dict[str, Tensor]:
        return autoencoder_terms(model, x[batch], settings, generator)

    return lambda: one_pass(model, optimizer, BATCH, BATCH, generator, 1, terms_of, clip=5.0)


def arithmetic(step: Callable[[], object]) -> float:
    """Floating-point operations of a step's products of matrices, in units of 1e9."""
    step()
    with profile(activities=[ProfilerActivity.CPU], with_flops=True, record_shapes=True) as profiled:
        step()
    return sum(event.flops for event in profiled.key_averages() if event.key in PRODUCTS) / 1e9


def rows(quick: bool) -> Iterator[dict]:
    """A row a variant, beside what it is compared with."""
    for name, rounds in ROUNDS.items():
        rounds = 2 if quick else rounds
        yield from compared("step", name, {"plain": training_step(name, False), "DBP": training_step(name, True)}, rounds)
        for penalised in (False, True) if name in DIRECT else ():
            steps = {"direct transcription": training_step(name, penalised, direct=True),
                     "one product": training_step(name, penalised)}
            yield from compared(f"step, {'with DBP' if penalised else 'plain'}", name, steps, rounds)


def compared(what: str, network: str, steps: dict[str, Callable[[], object]], rounds: int) -> Iterator[dict]:
    """Time and arithmetic of two steps, the second as a share of the first."""
    (first, baseline), (second, other) = steps.items()
    costs = side_by_side(baseline, {second: other}, rounds)
    products = {first: arithmetic(baseline), second: arithmetic(other)}
    for variant, cost in zip(steps, costs.values(), strict=True):
        yield {"what": what, "network": network, "variant": variant, **asdict(cost), "gflop": products[variant],
               "gflop_ratio": products[variant] / products[first]}


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
        write(HERE / "AUTOENCODERS.md", page(machine, found))
        write(HERE / "autoencoders.json", json.dumps({**machine, "rows": found}, indent=1) + "\n")


def page(machine: dict, found: list[dict]) -> str:
    lines = ["| what | network | variant | median ms | ratio of times | quartiles | GFLOP | ratio of GFLOP |",
             "|---|---|---|---:|---:|---|---:|---:|"]
    for row in found:
        lines.append(
            f"| {row['what']} | {row['network']} | {row['variant']} | {row['milliseconds']:.1f} | {row['ratio']:.2f} "
            f"| {row['low']:.2f} - {row['high']:.2f} | {row['gflop']:.2f} | {row['gflop_ratio']:.2f} |"
        )
    table = "\n".join(lines)
    return f"""# What an autoencoder's training step costs

Written by `make bench`. Batch {BATCH} of 28 x 28 images, float32: forward pass, backward pass, clipping and one step of
Adam, as the library takes it. Each ratio of times is a median over rounds in which the row's first line and the variant take
turns. The *direct transcription* of DRAW puts x, the error image and the decoder's state side by side in every step
(P1 Eq. (5)); *one product* is the library's: x enters every step linearly, so its product with the encoder's weights is
taken once.

GFLOP counts the floating-point operations of the products of matrices alone, which is exact and the same on every machine.
A plain step of a VAE takes three products a layer: forwards, for the gradient of its weights, and for that of its input,
which the first layer does without. With DBP each layer takes three more: one for the gradient at the image, two to
differentiate it. So the arithmetic alone costs more than twice as much; what brings the ratio of the times below that is
the rest of a step, such as Adam, which both share.

{machine['date']}, {machine['processor']}, {machine['threads']} threads on {machine['cores']} cores, load before the run
{machine['load_before']}; Python {machine['python']}, torch {machine['versions']['torch']}.

{table}
"""


if __name__ == "__main__":
    main()
