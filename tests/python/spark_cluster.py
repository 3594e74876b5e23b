"""A standalone Spark cluster on loopback: a master and two workers, each a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
WORKERS = 2


@dataclass
class Cluster:
    """Its address, and its workers in the order in which they started."""

    master_url: str
    workers: list[subprocess.Popen] = field(default_factory=list)

    def kill_worker(self, position: int) -> None:
        self.workers[position].kill()
        self.workers[position].wait()

    def kill_executors(self, position: int) -> list[str]:
        """Kill what a worker runs of the newest application, as a lost machine would.

        The command lines of it. What the application before has still to end is left alone.
        """
        commands = {child: _command(child) for child in _children(self.workers[position].pid)}
        newest = max(filter(None, map(_application, commands.values())), default="")
        lost = {
            child: said
            for child, said in commands.items()
            if newest and _application(said) == newest
        }
        for process_id in lost:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        return list(lost.values())


@contextmanager
def started(folder: Path, environment: dict[str, str]) -> Iterator[Cluster]:
    """A master and its workers, ended at the end; what they say is in `folder`."""
    import pyspark

    spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
    deploy = [str(spark_class), "org.apache.spark.deploy"]
    port = _free_port()
    environment = environment | {"SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false"}
    cluster = Cluster(f"spark://{LOOPBACK}:{port}")
    started: list[subprocess.Popen] = []

    def start(name: str, arguments: list[str]) -> subprocess.Popen:
        with (folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
        started.append(process)
        return process

    try:
        master = [f"{deploy[1]}.master.Master", "--host", LOOPBACK, "--port", str(port)]
        start("master", [deploy[0], *master, "--webui-port", "0"])
        _wait_for(folder / "master.log", "I have been elected leader")
        for number in range(WORKERS):
            worker = [f"{deploy[1]}.worker.Worker", "--host", LOOPBACK, "--cores", "1"]
            worker += ["--memory", "1g", "--webui-port", "0"]
            worker += ["--work-dir", str(folder / f"work_{number}"), cluster.master_url]
            cluster.workers.append(start(f"worker_{number}", [deploy[0], *worker]))
        for number in range(WORKERS):
            _wait_for(folder / f"worker_{number}.log", "Successfully registered with master")
        yield cluster
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait()


def _wait_for(log: Path, words: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
