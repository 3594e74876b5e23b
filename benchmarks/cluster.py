"""A standalone Spark cluster on loopback: a master and workers, each a process of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
CORES = 1
"""of a worker"""


@dataclass
class Cluster:
    """Its address, its master, and its workers in the order in which they started."""

    master_url: str
    master: subprocess.Popen | None = None
    workers: list[subprocess.Popen] = field(default_factory=list)


@contextmanager
def running_cluster(
    folder: Path, environment: dict[str, str], workers: int = 2, memory: str = "1g"
) -> Iterator[Cluster]:
    """A master and its workers of a core and so much memory, ended with the block.

    What they say is in `folder`. Raises TimeoutError with the end of it where one does not start.
    """
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
        cluster.master = start("master", [deploy[0], *master, "--webui-port", "0"])
        _wait_for(folder / "master.log", "I have been elected leader")
        for number in range(workers):
            worker = [f"{deploy[1]}.worker.Worker", "--host", LOOPBACK, "--cores", str(CORES)]
            worker += ["--memory", memory, "--webui-port", "0"]
            worker += ["--work-dir", str(folder / f"work_{number}"), cluster.master_url]
            cluster.workers.append(start(f"worker_{number}", [deploy[0], *worker]))
        for number in range(workers):
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
        if time.monotonic() > deadline:
            raise TimeoutError(log.read_text()[-3000:])
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
