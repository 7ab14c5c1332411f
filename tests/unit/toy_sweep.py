"""A sweep of the toy in a process of its own: `toy_sweep.py JOBS SEEDS [BACKEND [ADDRESS]]`. Two runs a seed."""

import dataclasses
import sys

import toy_experiment

from dbp import profiles, sweep


def main(jobs: str, seeds: str, backend: str = "processes", address: str | None = None) -> int:
    smoke = profiles.load("smoke")
    scale = dataclasses.replace(smoke.l1_penalty, lambdas=(0.0, 0.1), seeds=int(seeds))
    try:
        profile = dataclasses.replace(smoke, l1_penalty=scale)
        sweep.ensure(toy_experiment, profile, jobs=int(jobs), backend=backend, address=address)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
