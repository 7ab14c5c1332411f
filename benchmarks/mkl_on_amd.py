"""Measure what mkl_on_amd.c gives: the same training steps in two processes that take turns, preloaded and not.

    make fast-mkl && python benchmarks/mkl_on_amd.py     two minutes on a quiet core; writes MKL_ON_AMD.md and its JSON
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = 25
LIBRARY = Path(__file__).parents[1] / ".venv" / "mkl_on_amd.so"
STEPS = ("C, one row", "B, one row", "VAE", "VAE, DBP", "DRAW16", "DRAW16, DBP")


def steps() -> dict[str, Callable[[], object]]:
    """The library's own training steps, by the names of `STEPS`."""
    import autoencoders
    import cases
    import torch

    torch.set_num_threads(1)
    found = {f"{name}, one row": cases.training_step(name, cases.drawing("one_row")) for name in "CB"}
    for name in ("VAE", "DRAW16"):
        found |= {name: autoencoders.training_step(name, False), f"{name}, DBP": autoencoders.training_step(name, True)}
    return found


def serve() -> None:
    """A worker: takes a step's name a line, answers with the seconds that it took."""
    ready = steps()
    for line in sys.stdin:
        start = time.perf_counter()
        ready[line.strip()]()
        print(time.perf_counter() - start, flush=True)


def worker(preloaded: bool) -> Callable[[str], float]:
    """A process that serves, as a function from a step's name to seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    environment |= {"OMP_NUM_THREADS": "1"} | ({"LD_PRELOAD": str(LIBRARY)} if preloaded else {})
    process = subprocess.Popen([sys.executable, __file__, "serve"], env=environment, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def seconds(name: str) -> float:
        process.stdin.write(name + "\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    return seconds


def main() -> None:
    from run import HERE, about, write

    if not LIBRARY.is_file():
        sys.exit(f"{LIBRARY} must be there, but is not: call `make fast-mkl` first")
    without, preloaded = worker(False), worker(True)
    found = {}
    for name in STEPS:
        pairs = [(without(name), preloaded(name)) for _ in range(ROUNDS + 1)][1:]  # the first one warms up
        low, ratio, high = statistics.quantiles([after / before for before, after in pairs], n=4, method="inclusive")
        found[name] = {"milliseconds": 1e3 * statistics.median(before for before, _ in pairs), "ratio": ratio, "low": low,
                       "high": high}
        print(name, found[name], flush=True)
    measured = about(1) | {"rounds": ROUNDS, "steps": found}
    write(HERE / "mkl_on_amd.json", json.dumps(measured, indent=1) + "\n")
    write(HERE / "MKL_ON_AMD.md", page(measured))


def page(measured: dict) -> str:
    """The page, from what was measured."""
    lines = [f"| {name} | {row['milliseconds']:.1f} | {row['ratio']:.2f} | {row['low']:.2f} - {row['high']:.2f} |"
             for name, row in measured["steps"].items()]
    return f"""# What `make fast-mkl` gives

Written by `python benchmarks/mkl_on_amd.py`. One training step of a batch of 128, one thread, in two processes that take
turns: one with the library of `mkl_on_amd.c` loaded before PyTorch, one without. Each ratio is a median over
{measured["rounds"]} rounds. Convolutions (model B) do not go through MKL and gain nothing.

{measured["date"]}, {measured["processor"]}, load before the run {measured["load_before"]}; Python {measured["python"]}.

| step | median ms without | ratio of times, with / without | quartiles |
|---|---:|---:|---|
""" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
