"""A sweep of the toy in a process of its own: `toy_sweep.py JOBS SEEDS [BACKEND [ADDRESS]]`. Two runs a seed."""

import sys

import toy_experiment

from dbp import profiles
from dbp.runs import sweep


def main(jobs: str, seeds: str, backend: str = "processes", address: str | None = None) -> int:
    try:
        profile = toy_experiment.scaled(profiles.load("smoke"), int(seeds))
        sweep.ensure(toy_experiment, profile, jobs=int(jobs), backend=backend, address=address)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
