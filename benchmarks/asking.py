"""NQL over ten million flows and ten million rows of an index, beside the same questions in PostgreSQL and DuckDB.

`python -m benchmarks.asking --flows 10000000 --rows 10000000`. Tapiary is asked over HTTP (run, then its first page);
PostgreSQL has B-trees over addresses and time; DuckDB has its own tables, in process. Medians of `--rounds` tries,
the databases in turns, all of it in memory after a first try that does not count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import msgspec
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from . import postgres, rows, traces
from .answers import fill
from .indexes import INDEX, arrow, create, csv_pieces, tables_size, upload
from .machine import facts
from .server import Failed, Home, Server

if TYPE_CHECKING:
    from collections.abc import Callable

LOOKUP_ROWS = 2_000
#: Columns that the peers get of each flow, by Tapiary's names and PostgreSQL's types.
FLOWS = {"first_seen": "timestamptz", "client_ip": "inet", "server_ip": "inet", "server_port": "integer",
         "label": "text", "bytes": "bigint"}


class Question(NamedTuple):
    """One question in three languages; `hour` is the range of the NQL in milliseconds."""

    name: str
    nql: str
    postgresql: str
    duckdb: str
    hour: tuple[int, int] | None = None


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asking", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--flows", type=int, default=10_000_000, help="flows (default %(default)s)")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the index (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="tries of each question (default %(default)s)")
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), help="folder for all data (default %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/tapiary-bench").expanduser(), help="kept traces")
    parser.add_argument("--sources", type=Path, nargs="+", help="captures that the flows are made of")
    options = parser.parse_args()
    print(*(f"{name}: {value}" for name, value in facts().items()), sep="\n")
    with tempfile.TemporaryDirectory(prefix="asking-", dir=options.work) as name:
        work = Path(name)
        work.chmod(0o755)
        with postgres.cluster(work / "postgresql") as url, psycopg.connect(url, autocommit=True) as connection, \
                duckdb.connect(str(work / "peer.duckdb")) as peer:
            _flows(options, work, connection, peer)
            _index(options, work, connection, peer)
    return 0


def _flows(options: argparse.Namespace, work: Path, connection: psycopg.Connection[Any],
           peer: duckdb.DuckDBPyConnection) -> None:
    home = Home(work / "flows", None)
    options.cache.mkdir(parents=True, exist_ok=True)
    sources = options.sources or traces.default_sources()
    filled = fill(home, traces.mix(options.cache, sources, 2_040_000, print).path, options.flows)
    _say("flows are in Tapiary")
    table = _copied_flows(home)
    peer.register("source", table)
    peer.execute("CREATE TABLE flows AS SELECT * FROM source")
    peer.execute("CHECKPOINT")
    texts = table.set_column(1, "client_ip", _texts(table["client_ip"])).set_column(
        2, "server_ip", _texts(table["server_ip"]))
    _fill_postgresql(connection, "flows", FLOWS, texts, ("client_ip", "server_ip", "first_seen"))
    _say("flows are in PostgreSQL and DuckDB")
    hour = _busiest_hour(table["first_seen"])
    client = str(pc.mode(texts["client_ip"].combine_chunks().dictionary_encode().indices)[0]["mode"])
    address = texts["client_ip"].combine_chunks().dictionary_encode().dictionary[int(client)].as_py()
    questions = _questions(
        "netflow", ("clientIp", "serverIp", "bytes"), "flows", ("client_ip", "server_ip", "bytes", "first_seen"),
        address, filled.address, hour, lambda text: f"'{_stored(text)}'::BLOB",
        (f"first_seen >= '{_iso(hour[0])}' AND first_seen < '{_iso(hour[1])}'",) * 2)
    names = pc.unique(texts["server_ip"])[:LOOKUP_ROWS].to_pylist()
    _measure(options, home, connection, peer, questions, names, lambda text: _stored_bytes(text), "BLOB",
             f"{table.num_rows:,} flows")
    print(f"on disk: Tapiary (all columns and packet index) {tables_size(home) / 1e6:,.0f} MB; of the columns above "
          f"PostgreSQL with indexes {postgres.size(connection, 'flows') / 1e6:,.0f} MB")


def _index(options: argparse.Namespace, work: Path, connection: psycopg.Connection[Any],
           peer: duckdb.DuckDBPyConnection) -> None:
    home = Home(work / "index", None)
    table = rows.table(options.rows)
    with home.server() as server:
        create(server)
        upload(server, arrow(table))
    _say("rows are in Tapiary")
    size = Path(work / "peer.duckdb").stat().st_size
    peer.register("source", table)
    peer.execute("CREATE TABLE events AS SELECT * FROM source")
    peer.execute("CHECKPOINT")
    size = Path(work / "peer.duckdb").stat().st_size - size
    types = dict(zip(rows.NAMES, rows.POSTGRESQL, strict=True))
    _fill_postgresql(connection, "events", types, table, ("src", "dst", "timestamp"))
    _say("rows are in PostgreSQL and DuckDB")
    hour = (rows.START_MS + 9 * rows.HOUR_MS, rows.START_MS + 10 * rows.HOUR_MS)
    inside = f'"timestamp" >= {hour[0]} AND "timestamp" < {hour[1]}'
    questions = _questions(INDEX, ("src", "dst", "bytes"), "events", ("src", "dst", "bytes", "timestamp"), "10.0.0.7",
                           "198.51.100.9", hour, lambda text: f"'{text}'", (inside, inside))
    names = pc.unique(table["dst"])[:LOOKUP_ROWS].to_pylist()
    _measure(options, home, connection, peer, questions, names, lambda text: text, "VARCHAR",
             f"{table.num_rows:,} rows of an index")
    print(f"on disk: Tapiary {tables_size(home) / 1e6:,.0f} MB, DuckDB {size / 1e6:,.0f} MB, PostgreSQL with indexes "
          f"{postgres.size(connection, 'events') / 1e6:,.0f} MB")


def _questions(stream: str, fields: tuple[str, str, str], table: str, columns: tuple[str, str, str, str],
               client: str, server: str, hour: tuple[int, int], literal: Callable[[str], str],
               inside: tuple[str, str]) -> list[Question]:
    src, dst, size = fields
    low, high, total, _ = columns
    network = ".".join(client.split(".")[:2]) + ".0.0/16" if "." in client else client + "/48"
    begin, sums = f'src stream="{stream}"', f"count(*), sum({total})"
    first, last = (literal(text) for text in _bounds(network))
    # DuckDB has the index's addresses as text: a prefix is the best that it can do without conversions.
    prefix = network.rpartition(".0.0/")[0]
    inet = f"{low} BETWEEN {first} AND {last}" if "BLOB" in first else f"{low} LIKE '{prefix}.%'"
    return [
        Question("count by label", f"{begin} | aggr n=count(1) by label as label unwind=true | sort n desc",
                 f"SELECT label, count(*) FROM {table} GROUP BY 1 ORDER BY 2 DESC",
                 f"SELECT label, count(*) FROM {table} GROUP BY 1 ORDER BY 2 DESC"),
        Question("one address", f'{begin} | {src} = "{client}" or {dst} = "{client}" '
                 f"| aggr n=count(1), s=sum({size}) unwind=true",
                 f"SELECT {sums} FROM {table} WHERE {low} = '{client}' OR {high} = '{client}'",
                 f"SELECT {sums} FROM {table} WHERE {low} = {literal(client)} OR {high} = {literal(client)}"),
        Question("a CIDR network", f'{begin} | {src} = "{network}" | aggr n=count(1), s=sum({size}) unwind=true',
                 f"SELECT {sums} FROM {table} WHERE {low} <<= '{network}'", f"SELECT {sums} FROM {table} WHERE {inet}"),
        Question("top talkers over an hour", f"{begin} | aggr s=sum({size}) by {src} as ip unwind=true "
                 "| sort s desc | limit 10",
                 f"SELECT {low}, sum({total}) s FROM {table} WHERE {inside[0]} GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
                 f"SELECT {low}, sum({total}) s FROM {table} WHERE {inside[1]} GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
                 hour),
        Question(f"join with a lookup of {LOOKUP_ROWS:,} rows",
                 f'{begin} | set name=lookup("bench", "name", {{"ip": {dst}}}) | name != null '
                 "| aggr n=count(1) by name as name unwind=true | sort n desc | limit 10",
                 f"SELECT name, count(*) FROM {table} JOIN lookup ON ip = {high} GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
                 f"SELECT name, count(*) FROM {table} JOIN lookup ON ip = {high} GROUP BY 1 ORDER BY 2 DESC LIMIT 10"),
    ]


def _measure(options: argparse.Namespace, home: Home, connection: psycopg.Connection[Any],
             peer: duckdb.DuckDBPyConnection, questions: list[Question], names: list[str],
             stored: Callable[[str], Any], kind: str, title: str) -> None:
    """Ask each question of each database in turns, compare the answers' sizes, and print the medians."""
    connection.execute("DROP TABLE IF EXISTS lookup")
    connection.execute("CREATE TABLE lookup (ip inet, name text)")
    peer.execute(f"CREATE OR REPLACE TABLE lookup (ip {kind}, name VARCHAR)")
    listed = [(name, f"server {n}") for n, name in enumerate(names)]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO lookup VALUES (%s, %s)", listed)
    peer.executemany("INSERT INTO lookup VALUES (?, ?)", [(stored(ip), name) for ip, name in listed])
    connection.execute("ANALYZE")
    print(f"\n| {title} | Tapiary | PostgreSQL | DuckDB | PostgreSQL/Tapiary | DuckDB/Tapiary |")
    print("|---|---|---|---|---|---|")
    with home.server() as server:
        _make_lookup(server, listed)
        for question in questions:
            ways = (lambda q=question: _nql(server, q),
                    lambda q=question: connection.execute(q.postgresql).fetchall(),
                    lambda q=question: peer.execute(q.duckdb).fetchall())
            found = [len(way()) for way in ways]
            if len(set(found)) != 1:
                raise Failed(f"{question.name}: the databases answer {found} rows")
            times: list[list[float]] = [[], [], []]
            for _ in range(options.rounds):
                for way, own in zip(ways, times, strict=True):
                    own.append(_timed(way))
            ours, theirs, native = (statistics.median(own) for own in times)
            print(f"| {question.name} | {ours * 1e3:,.0f} ms | {theirs * 1e3:,.0f} ms | {native * 1e3:,.0f} ms | "
                  f"{theirs / ours:.1f} | {native / ours:.2f} |", flush=True)


def _nql(server: Server, question: Question) -> list[Any]:
    body: dict[str, Any] = {"nql": question.nql, "waitTime": 60_000, "limit": 50_000, "fsActive": False}
    if question.hour:
        body |= {"startTime": f"@{_iso(question.hour[0])}", "endTime": f"@{_iso(question.hour[1])}"}
    status, answer = server.ask("POST", "/npm/api/v1/pipeline/run", msgspec.json.encode(body))
    if status != 200 or "jobId" not in answer:
        raise Failed(f"{question.nql}: {status} {answer}")
    page = msgspec.json.encode({"limit": 50_000, "offset": 0})
    status, found = server.ask("POST", f"/npm/api/v1/pipeline/{answer['jobId']}/data", page)
    if status != 200:
        raise Failed(f"{question.nql}: {status} {found}")
    data: list[Any] = found["data"]
    return data


def _make_lookup(server: Server, listed: list[tuple[str, str]]) -> None:
    body = {"config": {"name": "bench", "type": "csvFile", "active": True, "dataFile": "bench.csv", "delimiter": ",",
                       "types": ["ip", "string"]}, "file": {"columns": ["ip", "name"], "rows": listed}}
    status, answer = server.ask("POST", "/npm/api/v1/config-element-lookup/csvFile", msgspec.json.encode(body))
    if status != 200:
        raise Failed(f"lookup: {status} {answer}")


def _copied_flows(home: Home) -> pa.Table:
    from tapiary.config import load
    from tapiary.services import Services

    services = Services(load(environ=home.environment))
    try:
        chosen = ", ".join("client_bytes + server_bytes AS bytes" if name == "bytes" else name
                           for name in FLOWS)
        found = services.store.query(f"SELECT {chosen} FROM flows").arrow_reader(1 << 20)
        return pa.Table.from_batches(list(found))
    finally:
        services.close()


def _fill_postgresql(connection: psycopg.Connection[Any], name: str, types: dict[str, str], table: pa.Table,
                     indexed: tuple[str, ...]) -> None:
    columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
    connection.execute(f'CREATE TABLE "{name}" ({columns})'.encode())
    with connection.cursor() as cursor, cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT csv)'.encode()) as copying:
        for piece in csv_pieces(table):
            copying.write(piece)
    for column in indexed:
        connection.execute(f'CREATE INDEX ON "{name}" ("{column}")'.encode())
    connection.execute(f'VACUUM ANALYZE "{name}"'.encode())


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    from tapiary.schema import address_text

    coded = column.combine_chunks().dictionary_encode()
    return pa.chunked_array([pa.array([address_text(v) for v in coded.dictionary.to_pylist()]).take(coded.indices)])


def _busiest_hour(column: pa.ChunkedArray) -> tuple[int, int]:
    hours = pc.divide(column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64()), rows.HOUR_MS)
    hour = int(pc.mode(hours)[0]["mode"].as_py())
    return hour * rows.HOUR_MS, (hour + 1) * rows.HOUR_MS


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def _bounds(network: str) -> tuple[str, str]:
    import ipaddress

    found = ipaddress.ip_network(network, strict=False)
    return str(found[0]), str(found[-1])


def _stored_bytes(text: str) -> bytes:
    from tapiary.schema import address_bytes

    return address_bytes(text)


def _stored(text: str) -> str:
    return "".join(f"\\x{byte:02X}" for byte in _stored_bytes(text))


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
