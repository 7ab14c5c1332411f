"""Eight processes write and read one store at once.

    python tests/stress/concurrent_store.py [SECONDS]      # 60 by default

Each process writes records of its own and the same shared ones, reads what others wrote, and lists the store. Nothing may
be lost or torn, and no file may be left over. Prints what was done, exits 1 if anything is wrong.
"""

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

PROCESSES = 8
SHARED = 20


def record(owner: int, number: int):
    """A record whose measures can be foretold from its configuration."""
    from dbp.runs.fingerprint import digest_of
    from dbp.runs.records import Need, Record

    history = [{"epoch": epoch, "loss": number / (epoch + 1)} for epoch in range(20)]
    measures = {"value": owner + number / 7, "history": history}
    needs = (Need("below", f"{number:016x}", "0" * 64),) if owner % 2 else ()
    code = digest_of(functions(number))
    return Record("toy", {"owner": owner, "number": number}, "data", needs, code, measures, {"finished": ""})


def functions(number: int) -> dict[str, str]:
    """What a record went through: the same few for all processes, which write their files at once."""
    return {"toy.run": f"{number % 5:012x}"}


def work(root: str, owner: int, seconds: float, answers) -> None:
    """Write and read until the time is up; then say how many of its own were written, and what was read wrongly."""
    from dbp.runs import Store

    store, written, read, wrong = Store(Path(root)), 0, 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        store.write(record(owner, written), functions(written))
        written += 1
        shared = written % SHARED
        store.write(record(-1, shared), functions(shared))  # all processes write these, over and over
        for other in range(PROCESSES):
            wanted = record(other, written // 2)
            found = store.read("toy", wanted.key)
            read += found is not None
            wrong += found is not None and found != wanted
        wanted = record(-1, (written * 7) % SHARED)
        found = store.read("toy", wanted.key)
        wrong += found is None and written > SHARED or found is not None and found != wanted
        wrong += found is not None and store.functions(found.code) != functions((written * 7) % SHARED)
        if written % 50 == 0:
            wrong += len({r.key for r in store.records("toy")}) < written
    answers.put((owner, written, read, wrong))


def main(seconds: float = 60) -> dict[str, int]:
    """Counts; `wrong`, `lost` and `strays` must be 0."""
    from dbp.runs import Store

    # A forked process has torch already; eight that import it would spend a short test on that.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with tempfile.TemporaryDirectory() as root:
        answers = context.Queue()
        processes = [context.Process(target=work, args=(root, owner, seconds, answers)) for owner in range(PROCESSES)]
        for process in processes:
            process.start()
        told = [answers.get() for _ in processes]
        for process in processes:
            process.join()
        store = Store(Path(root))
        expected = {record(owner, n).key for owner, written, _, _ in told for n in range(written)}
        expected |= {record(-1, n).key for n in range(SHARED) if any(written > SHARED for _, written, _, _ in told)}
        there = {found.key for found in store.records("toy")}
        return {
            "processes": PROCESSES, "written": sum(2 * written for _, written, _, _ in told),
            "read": sum(read for _, _, read, _ in told), "records": len(there),
            "wrong": sum(wrong for *_, wrong in told), "lost": len(expected - there), "strays": len(store.strays()),
        }


if __name__ == "__main__":
    answer = main(*(float(word) for word in sys.argv[1:2]))
    print(", ".join(f"{name} {count}" for name, count in answer.items()))
    sys.exit(any(answer[name] for name in ("wrong", "lost", "strays")))
