"""One select and one update per bill line over one connection: `row_by_row.py BILL LINES COMMITS`.

What an application does that reconciles call by call, with prepared statements and an index on the
id. COMMITS is `each`, as an application saves each call that it has dealt with, or `once`, at the
end, which is the least it can take. The database that the libpq variables name holds the log as
copy_postgres.sql makes it. Prints as JSON the seconds that the first LINES lines took.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from decimal import Decimal
from itertools import islice
from pathlib import Path

import psycopg2

TOLERANCE_SHARE = Decimal("0.05")
TOLERANCE_USD = Decimal("0.05")


def main(bill_path: str, lines: str, commits: str) -> None:
    connection = psycopg2.connect(
        host=os.environ["PGHOST"],
        port=os.environ["PGPORT"],
        user=os.environ["PGUSER"],
        dbname=os.environ["PGDATABASE"],
    )
    done = 0
    with connection, connection.cursor() as cursor, Path(bill_path).open(newline="") as bill:
        cursor.execute("create index on plain.log (openai_request_id)")
        cursor.execute("create index on plain.log (id)")
        cursor.execute("analyze plain.log")
        cursor.execute(
            "alter table plain.log add column actual_cost_cents decimal(30, 18), "
            "add column reconciliation_status text"
        )
        connection.commit()
        cursor.execute(
            "prepare find (text) as select id, calculated_cost_cents "
            "from plain.log where openai_request_id = $1"
        )
        cursor.execute(
            "prepare mark (decimal, text, text) as update plain.log "
            "set actual_cost_cents = $1, reconciliation_status = $2 where id = $3"
        )
        begun = time.perf_counter()
        for line in islice(csv.DictReader(bill), int(lines)):
            done += 1
            billed = Decimal(line["cost_usd"])
            cursor.execute("execute find (%s)", [line["request_id"]])
            if (found := cursor.fetchone()) is None:
                continue
            usage_id, cents = found
            logged = cents / 100
            difference = abs(billed - logged)
            is_within = difference <= max(TOLERANCE_SHARE * abs(logged), TOLERANCE_USD)
            status = "matched" if is_within else "discrepancy"
            cursor.execute("execute mark (%s, %s, %s)", [billed * 100, status, usage_id])
            if commits == "each":
                connection.commit()
        connection.commit()
        seconds = time.perf_counter() - begun
    connection.close()
    sys.stdout.write(json.dumps({"seconds": seconds, "lines": done}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
