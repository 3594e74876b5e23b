"""How long a command runs and computes, and how much memory it and what it starts hold at most."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

INTERVAL = 0.1
"""seconds between two looks at the memory: a shorter peak may be missed"""
CLOSENESS = 1.02
"""a peak this little above the one before is not looked at closer, as a look stops the process"""
TOUCHED_BYTES = 8 * 10**9
"""of memory written to before a contestant comes, if so much is there"""


@dataclass(frozen=True)
class Measured:
    """One run of a command."""

    seconds: float
    """wall time from its start to its end"""
    cpu_seconds: float
    """time on any core of the process, what it started and waited for, and the servers"""
    peak_bytes: int
    """most memory held at one time by the process tree, and the servers' if there are any"""
    output: str
    """what it wrote to standard output"""


class CommandFailed(Exception):
    """A command that ended with another status than 0, with the end of what it said."""


def touch_memory() -> None:
    """Write to memory and give it back, so that whoever comes next finds it as the last one did.

    A virtual machine that was idle gets the memory that it frees from its host again, page by page:
    the first to use it would pay for that.
    """
    size = min(TOUCHED_BYTES, psutil.virtual_memory().available // 2)
    subprocess.run([sys.executable, "-c", f"bytearray(b'1') * {size}"], check=True)


def measure(
    command: list[str], env: dict[str, str] | None = None, servers: Sequence[int] = ()
) -> Measured:
    """Run a command to its end. `servers` are processes whose trees count too: Postgres.

    Raises CommandFailed.
    """
    used = _cpu_seconds(servers)
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watch = _Watch([process.pid, *servers])
    try:
        output, errors = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        watch.stop()
    seconds = time.perf_counter() - begun
    cpu_seconds = _cpu_seconds(servers) - used
    if process.returncode:
        said = (output + errors).strip()[-2000:]
        raise CommandFailed(f"{' '.join(command[:4])} …: exit status {process.returncode}\n{said}")
    return Measured(seconds, cpu_seconds, watch.peak_bytes, output)


class _Watch(threading.Thread):
    """Looks at the memory of process trees until it is stopped."""

    def __init__(self, roots: list[int]) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._roots = roots
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        while True:
            processes = list(_trees(self._roots))
            # the resident set is quick to read, and never less than the proportional one
            if sum(map(_resident, processes)) > CLOSENESS * self.peak_bytes:
                self.peak_bytes = max(self.peak_bytes, sum(map(_held, processes)))
            if self._stopped.wait(INTERVAL):
                return

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _cpu_seconds(servers: Sequence[int]) -> float:
    """What all commands that are done have used so far, and the servers with all they started."""
    done = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = done.ru_utime + done.ru_stime
    for server in servers:
        times = psutil.Process(server).cpu_times()
        seconds += times.children_user + times.children_system
        for process in _trees([server]):
            with suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds


def _trees(roots: list[int]) -> Iterator[psutil.Process]:
    for root in roots:
        try:
            process = psutil.Process(root)
            yield process
            yield from process.children(recursive=True)
        except psutil.Error:
            continue


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except (psutil.Error, OSError):
        return 0


def _held(process: psutil.Process) -> int:
    """Bytes: the proportional set size, so that memory that processes share counts once.

    Where the system does not tell it, the resident set size.
    """
    try:
        if os.name == "posix" and hasattr(process, "memory_full_info"):
            try:
                held = process.memory_full_info()
                return getattr(held, "pss", held.rss)
            except psutil.AccessDenied:
                pass
        return _resident(process)
    except (psutil.Error, OSError):
        return 0
