"""How long the server takes to answer: after its start, after an upload, and out of ten million flows."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from . import traces
from .server import Failed, Home, Server

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import pyarrow as pa

_UPLOAD_BYTES = 10_000_000
_JOB_LIMIT_S = 300.0


def answers(
    options: argparse.Namespace, geo: Path | None, say: Callable[[str], object]
) -> list[tuple[str, list[float]]]:
    """What was asked, and the seconds that each try took."""
    work = options.work or options.cache
    work.mkdir(parents=True, exist_ok=True)
    rounds = options.rounds
    source = traces.mix(options.cache, options.sources or traces.default_sources(), options.packets, say).path
    found = []
    with tempfile.TemporaryDirectory(prefix="server-", dir=work) as temporary:
        home = Home(Path(temporary), geo)
        say("server: starts")
        starts = []
        for _ in range(rounds):
            with home.server() as server:
                starts.append(server.started_s)
        found.append(("Server: from its start to its first answer", starts))
        say("server: uploads of 10 MB")
        capture = _cut(source, _UPLOAD_BYTES)
        with home.server() as server:
            uploads = [_first_statistics(server, capture, f"upload-{number}.pcap") for number in range(rounds)]
            found.append(("10 MB capture: from the upload's end to its statistics", uploads))
        say(f"server: questions to a table of {options.flows:,} flows")
        filled = fill(home, source, options.flows)
        with home.server() as server:
            for what, path in (
                ("all statistics", ""),
                (f"statistics by label ({filled.label})", f"/labels?label={quote(filled.label)}"),
                (f"statistics by address ({filled.address})", f"/ip?ip={quote(filled.address)}"),
            ):
                path = f"/api/v1/file/{filled.job}/statistics{path}"
                server.get(path)  # the first question of all opens the tables
                times = [_timed(partial(server.get, path)) for _ in range(max(rounds, 5))]
                found.append((f"One capture among {options.flows:,} flows, over HTTP: {what}", times))
        found.append((f"All {options.flows:,} flows counted by label, in process", _full_scan(home, max(rounds, 5))))
    return found


def _first_statistics(server: Server, capture: bytes, name: str) -> float:
    """Seconds from the moment when the upload was acknowledged until its statistics are there."""
    status, answer = server.ask("POST", f"/api/v1/files/upload?name={name}", capture, "application/octet-stream")
    begin = time.perf_counter()
    if status != 201:
        raise Failed(f"upload: {status} {answer}")
    job = answer["status"].get("job_id") or _job_of(server, name)
    while time.perf_counter() - begin < _JOB_LIMIT_S:
        status, found = server.ask("GET", f"/api/v1/file/{job}/statistics")
        if status == 200 and found:
            return time.perf_counter() - begin
        time.sleep(0.005)
    raise Failed(f"no statistics of job {job} within {_JOB_LIMIT_S:.0f} s")


def _job_of(server: Server, name: str) -> int:
    """The job of a file of the repository."""
    for file in server.get("/api/v1/files/list"):
        if file["name"] == name and file["status"].get("job_id"):
            return int(file["status"]["job_id"])
    raise Failed(f"{name} has no job")


class _Filled(NamedTuple):
    job: int
    label: str
    address: str


def fill(home: Home, source: Path, flows: int) -> _Filled:
    """Fill the tables with captures of 160,000 flows and more, one of them processed; the others are its copies."""
    from tapiary.config import load
    from tapiary.database import begin_run, publish_run
    from tapiary.services import Services

    capture = home.folder / "repository" / "questions.pcap"
    capture.parent.mkdir(exist_ok=True)
    try:
        os.link(source, capture)
    except OSError:
        shutil.copyfile(source, capture)
    done = subprocess.run([*home.command, "process", "--json", str(capture)], env=home.environment, check=False,
                          capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{source.name} was not processed: {done.stderr[-400:]}")
    rows = int(json.loads(done.stdout)["flows"])
    services = Services(load(environ=home.environment))
    try:
        job = int(services.files.get(capture.name).run_job_id or 0)
        batches, label, address = _batches(source, services)
        copies = max(1, 160_000 // rows)
        for _ in range(max(1, flows // (rows * copies))):
            with services.database.session() as session:
                run_id = begin_run(session, None, None)
            writer = services.store.writer(run_id, 0)
            for _ in range(copies):
                for batch in batches:
                    writer.write("flows", batch)
            writer.commit()
            with services.database.session() as session:
                publish_run(session, run_id, {})
    finally:
        services.close()
    return _Filled(job, label, address)


def _batches(source: Path, services: Any) -> tuple[list[pa.RecordBatch], str, str]:
    """A capture's enriched flows, its most frequent label and the server address with most flows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from tapiary.meter import meter
    from tapiary.schema import address_text

    run = meter(source, services.config.meter)
    found = [services.enricher.enrich(one.flows) for one in run if one.flows is not None and one.flows.num_rows]
    tables = pa.Table.from_batches(found).select(["label", "server_ip"])
    most = []
    for name in tables.column_names:
        column = tables[name]
        plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        counts = pc.value_counts(plain.combine_chunks() if isinstance(plain, pa.ChunkedArray) else plain)
        most.append(max(counts.to_pylist(), key=lambda entry: entry["counts"])["values"])
    return found, str(most[0]), address_text(most[1])


def _full_scan(home: Home, rounds: int) -> list[float]:
    from tapiary.config import load
    from tapiary.services import Services

    services = Services(load(environ=home.environment))
    try:
        def ask() -> object:
            return services.store.query("SELECT label, count(*) FROM flows GROUP BY label ORDER BY 2 DESC").fetchall()

        ask()
        return [_timed(ask) for _ in range(rounds)]
    finally:
        services.close()


def _cut(path: Path, size: int) -> bytes:
    """The first packets of a pcap file, as many as fit."""
    with open(path, "rb") as file:
        raw = file.read(size + 24)
    at = 24
    while at + 16 <= len(raw):
        behind = at + 16 + struct.unpack_from("<I", raw, at + 8)[0]
        if behind > len(raw):
            break
        at = behind
    return raw[:at]


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
