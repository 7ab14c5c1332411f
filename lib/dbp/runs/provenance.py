"""How was it made? Versions, device and cost of a run, for its record."""

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path


@dataclass
class Clock:
    """Started when it is made; `provenance` says what it cost and what it ran on."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)
    started: str = field(default_factory=lambda: now())

    def provenance(self) -> dict:
        """Wall and CPU seconds, peak memory of the process so far in MiB, versions, device, threads and preloads."""
        import torch

        import dbp
        from dbp.device import choose

        return {
            "version": dbp.__version__, "commit": commit(), "python": platform.python_version(), "torch": torch.__version__,
            "device": str(choose()), "processor": processor(), "threads": torch.get_num_threads(),
            "wall_seconds": time.perf_counter() - self.wall, "cpu_seconds": time.process_time() - self.cpu,
            "peak_memory_mib": peak_memory(), "preloaded": preloaded(),
            "started": self.started, "finished": now(),
        }


def preloaded() -> list[str]:
    """Names of the libraries that the process was started with in `LD_PRELOAD`: they can change speed and rounding."""
    return [Path(name).name for name in os.environ.get("LD_PRELOAD", "").replace(":", " ").split()]


def peak_memory() -> float | None:
    """The most memory that this process has held, in MiB; None where the platform does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10  # bytes there, KiB elsewhere


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def commit() -> str | None:
    """The commit of the checkout that the package lies in, with "+" if files of the package differ from it; else None."""
    def ask(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return ask("rev-parse", "HEAD") + ("+" if ask("status", "--porcelain", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def processor() -> str:
    """The processor's name with the number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
