"""The drone's live metering, a process of its own: lines that name files come in, totals go out, one a second.

Each second's new packets are metered by themselves, and the pieces of a flow are joined again, so that labels appear
within a second or two of the packets, however few there are.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tapiary.capture import encode
from tapiary.capture.drone import Growing, Piece, Tally

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.config import MeterConfig

#: How often new packets are looked for.
LOOK_S = 1.0
#: nDPI's words for labels that come of port or address alone.
_GUESSES = ("match by", "unknown")


def main() -> int:
    """Meter the captures that standard input names, until it ends. The argument is the job's number."""
    _step_back()
    job_id, lock, ended = int(sys.argv[1]), threading.Lock(), threading.Event()
    sources: dict[str, Growing] = {}

    def listen() -> None:
        for line in sys.stdin:
            if line.strip():
                told = json.loads(line)
                with lock:
                    sources.setdefault(told["source"], Growing()).add(told["name"], told["path"])
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    tally, config = Tally(job_id), _config()
    while True:
        last, started = ended.is_set(), time.monotonic()
        with lock:
            present = list(sources.values())
        changed = False
        for source in present:
            with lock:
                data = source.take()
            if data:
                tally.add(_pieces(data, config))
                changed = True
        if changed:
            message = tally.message(sum(source.skipped_bytes for source in present))
            sys.stdout.write(encode(message) + "\n")
            sys.stdout.flush()
        elif last:
            return 0
        if not last:
            ended.wait(max(0.0, LOOK_S - (time.monotonic() - started)))


def _step_back() -> None:
    """Run only when nothing else wants to: packets come first."""
    with suppress(OSError):
        os.nice(19)
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _config() -> MeterConfig:
    from tapiary.config import MeterConfig

    return MeterConfig(index=False, statistics=[], threads=1, ndpi={
        "metadata.tcp_fingerprint": False, "metadata.ndpi_fingerprint": False})


def _pieces(data: bytes, config: MeterConfig) -> Iterator[Piece]:
    from tapiary.meter import meter

    for batch in meter(io.BytesIO(data), config):
        if batch.flows is not None:
            yield from _rows(batch.flows)


def _rows(flows: pa.RecordBatch) -> Iterator[Piece]:
    def column(name: str) -> list[Any]:
        values: list[Any] = flows.column(name).to_pylist()
        return values

    rows = zip(*(column(name) for name in (
        "protocol", "client_ip", "server_ip", "client_port", "server_port", "label", "confidence", "client_packets",
        "server_packets", "client_wire_bytes", "server_wire_bytes", "first_seen", "last_seen", "server_name",
    )), strict=True)
    for (protocol, client, server, client_port, server_port, label, confidence, client_packets, server_packets,
         client_bytes, server_bytes, first, last, name) in rows:
        how = str(confidence or "unknown").lower()
        yield Piece(
            protocol, client, server, client_port, server_port, str(label),
            not any(word in how for word in _GUESSES), client_packets + server_packets,
            client_bytes + server_bytes, first, last, str(name or ""))


if __name__ == "__main__":
    sys.exit(main())
