"""How is a cost measured? Always beside its baseline, in turns, so that a busy machine slows both alike."""

import ctypes
import gc
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """A median over rounds.

    Attributes:
        milliseconds: median time of one call.
        ratio: median over the rounds of the call's time over that of the baseline just before it.
        low, high: quartiles of that ratio.
    """

    milliseconds: float
    ratio: float
    low: float
    high: float


def side_by_side(baseline: Callable[[], None], others: dict[str, Callable[[], None]], rounds: int) -> dict[str, Cost]:
    """Baseline, first, baseline, second, ...: `rounds` times, after one round that is not counted."""
    base, times = [], {name: [] for name in others}
    for counted in [False] + [True] * rounds:
        for name, call in others.items():
            pair = _seconds(baseline), _seconds(call)
            if counted:
                base.append(pair[0])
                times[name].append(pair)
    costs = {"plain": Cost(1e3 * statistics.median(base), 1.0, 1.0, 1.0)}
    for name, pairs in times.items():
        low, ratio, high = statistics.quantiles([after / before for before, after in pairs], n=4, method="inclusive")
        costs[name] = Cost(1e3 * statistics.median(after for _, after in pairs), ratio, low, high)
    return costs


def peak_memory(build: Callable[[], Callable[[], None]]) -> float | None:
    """MiB that a process of its own grows by to build a call and make it twice; None where processes are not forked.

    Call it while torch has one thread, since a thread pool does not survive a fork; and after a first call of the same
    kind, so that what torch imports on first use is not counted.
    """
    if not sys.platform.startswith("linux"):
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the parent has freed but kept would hide the child's growth
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_grow, args=(build, sender))
    child.start()
    sender.close()
    grown = receiver.recv()
    child.join()
    return grown


def _grow(build: Callable[[], Callable[[], None]], sender) -> None:
    before = _peak()  # a fresh child's peak is what it holds now
    call = build()
    call()
    call()
    sender.send(_peak() - before)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _seconds(call: Callable[[], None]) -> float:
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
