"""Injection into a custom index, beside PostgreSQL's COPY and INSERT and DuckDB's appender; small requests of many.

`python -m benchmarks.indexes --rows 5000000 --clients 100 --seconds 20`. Every database gets the same rows, in batches
that are prepared before the clock runs, and has them on the disk when it stops.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import msgspec
import psycopg
import pyarrow as pa

from . import postgres, rows
from .machine import facts
from .server import Failed, Home, Server

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX = "Bench"
BATCH = 10_000
INSERT_ROWS = 1_000


class Figure(NamedTuple):
    """What one database did: rows, seconds, bytes on the disk."""

    name: str
    rows: int
    seconds: float
    size: int


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.indexes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows to inject (default %(default)s)")
    parser.add_argument("--clients", type=int, default=100, help="clients of small requests (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="how long these send (default %(default)s)")
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), help="folder for all data (default %(default)s)")
    options = parser.parse_args()
    print(*(f"{name}: {value}" for name, value in facts().items()), sep="\n")
    with tempfile.TemporaryDirectory(prefix="indexes-", dir=options.work) as name:
        work = Path(name)
        work.chmod(0o755)
        with postgres.cluster(work / "postgresql") as url:
            _print_bulk(_bulk(work, url, rows.table(options.rows)))
            for figure in (_small_tapiary(work, options), _small_postgresql(url, options)):
                print(figure)
    return 0


def create(server: Server, name: str = INDEX) -> None:
    """Make the index."""
    fields = [{"name": field, "type": kind, "sortable": kind in rows.NUMBERS} for field, kind in rows.FIELDS]
    body = {"name": name, "active": True, "rotation": "daily", "storeRaw": True, "fields": fields}
    status, answer = server.ask("POST", "/npm/api/v1/config-element-index/user-index", msgspec.json.encode(body))
    if status != 200:
        raise Failed(f"the index was not made: {status} {answer}")


def upload(server: Server, data: bytes, name: str = INDEX) -> None:
    """Inject an Arrow stream."""
    path = f"/npm/api/v1/index/inject/{name}"
    status, answer = server.ask("POST", path, data, "application/vnd.apache.arrow.stream")
    if status != 200:
        raise Failed(f"upload: {status} {answer}")


def arrow(table: pa.Table) -> bytes:
    """An Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=65_536)
    return sink.getvalue()


def tables_size(home: Home) -> int:
    """Bytes of the store's folder."""
    done = subprocess.run(["du", "-sb", str(home.folder / "tables")], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _bulk(work: Path, url: str, table: pa.Table) -> list[Figure]:
    found = []
    for name, way in (("Arrow stream", _by_arrow), ("JSON", _by_json)):
        home = Home(work / f"home-{name.split()[0]}", None)
        with home.server() as server:
            create(server)
            found.append(Figure(f"Tapiary, HTTP, {name}", table.num_rows, way(server, table), tables_size(home)))
    found.append(_copy(url, table))
    found.append(_insert(url, table))
    return [*found, *_duckdb(work, table)]


def _by_arrow(server: Server, table: pa.Table) -> float:
    data = arrow(table)
    return _timed(lambda: upload(server, data))


def _by_json(server: Server, table: pa.Table) -> float:
    bodies = [msgspec.json.encode({"columns": rows.NAMES, "indexName": INDEX, "sortTimestamp": True,
                                   "rows": rows.lists(part)}) for part in rows.parts(table, BATCH)]

    def send() -> None:
        for body in bodies:
            status, answer = server.ask("POST", "/npm/api/v1/index/inject", body)
            if status != 200:
                raise Failed(f"inject: {status} {answer}")

    return _timed(send)


def make_table(connection: psycopg.Connection[Any], name: str) -> None:
    """The same table in PostgreSQL."""
    columns = ", ".join(f'"{field}" {kind}' for field, kind in zip(rows.NAMES, rows.POSTGRESQL, strict=True))
    connection.execute(f'CREATE TABLE "{name}" ({columns})')


def copy(connection: psycopg.Connection[Any], name: str, pieces: list[bytes]) -> None:
    """COPY lines of CSV."""
    with connection.cursor() as cursor, cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT csv)') as copying:
        for piece in pieces:
            copying.write(piece)
    connection.commit()


def csv_pieces(table: pa.Table) -> list[bytes]:
    """The rows as CSV without names."""
    from pyarrow import csv

    pieces = []
    for part in rows.parts(table, 65_536):
        sink = io.BytesIO()
        csv.write_csv(part, sink, csv.WriteOptions(include_header=False))
        pieces.append(sink.getvalue())
    return pieces


def _copy(url: str, table: pa.Table) -> Figure:
    pieces = csv_pieces(table)
    with psycopg.connect(url) as connection:
        make_table(connection, "copied")
        connection.commit()
        seconds = _timed(lambda: copy(connection, "copied", pieces))
        size = postgres.size(connection, "copied")
        return Figure("PostgreSQL, COPY in one transaction", table.num_rows, seconds, size)


def _insert(url: str, table: pa.Table) -> Figure:
    """Statements of INSERT_ROWS rows, as text, each committed."""
    with psycopg.connect(url, autocommit=True) as connection:
        make_table(connection, "inserted")
        statements = [_statement("inserted", rows.lists(part)) for part in rows.parts(table, INSERT_ROWS)]

        def send() -> None:
            for statement in statements:
                connection.execute(statement)

        seconds = _timed(send)
        return Figure(f"PostgreSQL, INSERT of {INSERT_ROWS:,} rows each", table.num_rows, seconds,
                      postgres.size(connection, "inserted"))


def _statement(name: str, values: list[list[Any]]) -> bytes:
    texts = ("(" + ",".join(f"'{value}'" for value in row) + ")" for row in values)
    return f'INSERT INTO "{name}" VALUES {",".join(texts)}'.encode()


def _duckdb(work: Path, table: pa.Table) -> list[Figure]:
    columns = ", ".join(f'"{field}" {kind}' for field, kind in zip(rows.NAMES, rows.DUCKDB, strict=True))
    found = []
    frames = [part.to_pandas() for part in rows.parts(table, BATCH)]
    for name in ("appender, commits of 10,000 rows", "INSERT of all from Arrow"):
        path = work / f"{name.split()[0].strip(',')}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"CREATE TABLE t ({columns})")

            def send(connection: duckdb.DuckDBPyConnection = connection, name: str = name) -> None:
                if name.startswith("appender"):
                    for frame in frames:
                        connection.append("t", frame)
                else:
                    connection.register("source", table)
                    connection.execute("INSERT INTO t SELECT * FROM source")
                connection.execute("CHECKPOINT")

            seconds = _timed(send)
        found.append(Figure(f"DuckDB, {name}", table.num_rows, seconds, path.stat().st_size))
    return found


def _print_bulk(figures: list[Figure]) -> None:
    first = figures[0].seconds
    print("\n| database | rows/s | seconds | times Tapiary's (Arrow) | on disk |\n|---|---|---|---|---|")
    for each in figures:
        print(f"| {each.name} | {each.rows / each.seconds:,.0f} | {each.seconds:.1f} | {each.seconds / first:.1f} | "
              f"{each.size / 1e6:,.0f} MB |")
    print()


def _small(clients: int, seconds: float, begin: Callable[[int], Callable[[], object]]) -> str:
    """Many clients that send one after the other for some time: requests a second, and how long one takes."""
    times: list[float] = []
    failures: list[BaseException] = []
    senders = [begin(number) for number in range(clients)]
    together = threading.Barrier(clients)

    def work(send: Callable[[], object]) -> None:
        own: list[float] = []
        try:
            send()
            together.wait()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                own.append(_timed(send))
        except BaseException as error:  # noqa: BLE001 - told at the end
            together.abort()
            failures.append(error)
        times.extend(own)

    threads = [threading.Thread(target=work, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed(f"{len(failures)} of {clients} clients failed, the first with {failures[0]!r}")
    median, late = statistics.median(times), statistics.quantiles(times, n=100)[98]
    return f"{len(times) / seconds:,.0f} requests/s, median {median * 1e3:.0f} ms, 99 % within {late * 1e3:.0f} ms"


def _small_tapiary(work: Path, options: argparse.Namespace) -> str:
    home = Home(work / "home-small", None)
    with home.server() as first:
        create(first)

        def begin(number: int) -> Callable[[], object]:
            server = first.another()
            body = msgspec.json.encode({"columns": rows.NAMES, "indexName": INDEX, "sortTimestamp": True,
                                        "rows": rows.lists(rows.table(3, number))})

            def send() -> None:
                status, answer = server.ask("POST", "/npm/api/v1/index/inject", body)
                if status != 200:
                    raise Failed(f"inject: {status} {answer}")

            return send

        return f"Tapiary, {options.clients} clients of 3 rows: {_small(options.clients, options.seconds, begin)}"


def _small_postgresql(url: str, options: argparse.Namespace) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        make_table(connection, "small")

    def begin(number: int) -> Callable[[], object]:
        connection = psycopg.connect(url, autocommit=True)
        statement = _statement("small", rows.lists(rows.table(3, number)))
        return lambda: connection.execute(statement)

    return f"PostgreSQL, {options.clients} clients of 3 rows: {_small(options.clients, options.seconds, begin)}"


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
