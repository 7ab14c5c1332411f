"""Measure the cost of every penalty and of PGD, side by side with plain code, and write one table.

    python benchmarks/run.py                      five minutes on two quiet cores; writes RESULTS.md and results.json
    python benchmarks/run.py --quick mlp C        two rounds on these networks, written nowhere

Ratios are what counts: each is taken against a plain call made just before, and the median is over all rounds.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from cases import BATCH, BEFORE, FGSM, PENALTIES, STEPS, attack_calls, training_step
from measure import peak_memory, side_by_side

HERE = Path(__file__).parent
ROUNDS = {"mlp": 30, "C": 30, "A": 5, "B": 3}  # few where a step takes seconds
ATTACK_ROUNDS = {"mlp": 15, "C": 15, "lenet": 5}
BY_HAND = ("all rows in a loop, logits", "all rows batched, logits")  # left out for B: seconds a step, and A says it
CONVOLUTIONS = ("A", "B")
PEERS = ("torch", "torchattacks", "foolbox", "adversarial-robustness-toolbox")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=[*ROUNDS, *ATTACK_ROUNDS], help="only these (default all)")
    parser.add_argument("--quick", action="store_true", help="two rounds, written nowhere")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    options = parser.parse_args()
    rows = memory_rows(options.networks)  # first, while torch has one thread: see `peak_memory`
    torch.set_num_threads(options.threads)
    machine = about(options.threads)
    for row in timed_rows(options.networks, options.quick):
        rows.setdefault((row["what"], row["network"], row["variant"]), {}).update(row)
    table = markdown(list(rows.values()))
    print(table)
    if not options.quick:
        write(HERE / "RESULTS.md", page(machine, table))
        write(HERE / "results.json", json.dumps({**machine, "rows": list(rows.values())}, indent=1) + "\n")


def cases(name: str) -> dict:
    return {variant: penalty for variant, penalty in PENALTIES.items() if name != "B" or variant not in BY_HAND}


def memory_rows(networks: list[str]) -> dict[tuple, dict]:
    """Peak memory of each case, keyed by what, network and variant."""
    torch.set_num_threads(1)
    for penalty in PENALTIES.values():
        training_step("mlp", penalty)()
    rows = {}
    for name in (name for name in ROUNDS if name in networks):
        for variant, penalty in progress({"plain": None, **cases(name)}, f"memory of a step of {name}"):
            rows["training step", name, variant] = {"mib": peak_memory(lambda n=name, p=penalty: training_step(n, p))}
    for name in (name for name in ATTACK_ROUNDS if name in networks):
        hand, rivals = attack_calls(name)
        for call in rivals.values():
            call()
        for variant, call in progress({"plain": hand, **rivals}, f"memory of PGD on {name}"):
            rows[f"PGD-{STEPS}", name, variant] = {"mib": peak_memory(lambda call=call: call)}
    return rows


def timed_rows(networks: list[str], quick: bool):
    for name, rounds in ((name, rounds) for name, rounds in ROUNDS.items() if name in networks):
        print(f"time of a step of {name}", file=sys.stderr)
        steps = {variant: training_step(name, penalty) for variant, penalty in cases(name).items()}
        steps |= {variant: training_step(name, None, **how) for variant, how in BEFORE.items() if how.get("fused") is False
                  or name in CONVOLUTIONS}
        if name in CONVOLUTIONS:
            steps |= {variant: training_step(name, None, adversarial=True, **how) for variant, how in FGSM.items()}
        costs = side_by_side(training_step(name, None), steps, 2 if quick else rounds)
        yield from ({"what": "training step", "network": name, "variant": v, **asdict(c)} for v, c in costs.items())
    for name, rounds in ((name, rounds) for name, rounds in ATTACK_ROUNDS.items() if name in networks):
        print(f"time of PGD on {name}", file=sys.stderr)
        costs = side_by_side(*attack_calls(name), 2 if quick else rounds)
        yield from ({"what": f"PGD-{STEPS}", "network": name, "variant": v, **asdict(c)} for v, c in costs.items())


def progress(cases: dict, title: str):
    print(title, file=sys.stderr)
    return cases.items()


def about(threads: int) -> dict:
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": processor(), "threads": threads, "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(), "versions": {name: installed(name) for name in PEERS},
    }


def processor() -> str:
    """The processor's name; Linux tells more than the platform module."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def markdown(rows: list[dict]) -> str:
    lines = ["| what | network | variant | median ms | ratio to plain | quartiles | peak memory, MiB |",
             "|---|---|---|---:|---:|---|---:|"]
    for row in rows:
        memory = "-" if row.get("mib") is None else f"{row['mib']:.0f}"
        lines.append(
            f"| {row['what']} | {row['network']} | {row['variant']} | {row['milliseconds']:.1f} | {row['ratio']:.2f} "
            f"| {row['low']:.2f} - {row['high']:.2f} | {memory} |"
        )
    return "\n".join(lines)


def page(machine: dict, table: str) -> str:
    peers = ", ".join(f"{name} {number or 'not installed'}" for name, number in machine["versions"].items())
    return f"""# What it costs

Written by `make bench`. Batch {BATCH} of 28 x 28 images, float32. A training step is a forward pass, a backward pass and
one step of fused Adam, with convolutions in `channels_last`; the rows that name another way show what these two save. PGD is
L-infinity, {STEPS} steps, no random start, and *plain* is a loop written by hand, which keeps the last point and not the
best. Each ratio is a median over rounds in which plain and the variant take turns. Peak memory is what a fresh process with
one thread grows by in two calls.

{machine['date']}, {machine['processor']}, {machine['threads']} threads on {machine['cores']} cores, load before the run
{machine['load_before']}; Python {machine['python']}, {peers}.

{table}
"""


def write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
