"""A sweep of the toy in a process of its own: `toy_sweep.py [--needs] JOBS SEEDS [BACKEND [ADDRESS]]`. Two runs a seed.

With `--needs` it is one of the toy evaluation, which trains these runs' networks first: four more runs a seed.
"""

import sys

import toy_evaluation
import toy_experiment

from dbp import profiles, runs


def main(*words: str) -> int:
    module = toy_evaluation if "--needs" in words else toy_experiment
    jobs, seeds, *rest = (word for word in words if word != "--needs")
    cluster = dict(zip(("backend", "address"), rest, strict=False))
    try:
        runs.ensure(module, toy_experiment.scaled(profiles.load("smoke"), int(seeds)), jobs=int(jobs), **cluster)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
