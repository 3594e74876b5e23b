"""What is lost of a Spark cluster on purpose: a worker, or what it runs of one application."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

from cluster import Cluster


def kill_worker(cluster: Cluster, position: int) -> None:
    cluster.workers[position].kill()
    cluster.workers[position].wait()


def kill_executors(cluster: Cluster, position: int) -> list[str]:
    """Kill what a worker runs of the newest application, as a lost machine would.

    The command lines of it. What the application before has still to end is left alone.
    """
    commands = {child: _command(child) for child in _children(cluster.workers[position].pid)}
    newest = max(filter(None, map(_application, commands.values())), default="")
    lost = {
        child: said for child, said in commands.items() if newest and _application(said) == newest
    }
    for process_id in lost:
        with suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGKILL)
    return list(lost.values())


def _children(process_id: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{process_id}/task").iterdir())
        return [int(text) for task in tasks for text in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def _command(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        return ""


def _application(command: str) -> str:
    """Its id on the command line of an executor, which begins with the time; else nothing."""
    found = re.search(r"--app-id (\S+)", command)
    return found[1] if found else ""
