"""One run of the meter over one capture."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from tapiary.errors import InternalError, InvalidInput

from .source import Source

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.config import MeterConfig

    from . import _native
    from .arrow import Converter
    from .ndpi import Dissector
    from .rules import Rules

#: Below this size one thread does it all: nDPI's start costs 40 ms a thread, and its caches see the whole capture.
ONE_THREAD_BYTES = 8 << 20
#: How long a stopped run waits for a read that may never return.
READER_PATIENCE_S = 2.0
#: How often progress is told and cancelling looked for, at most.
PROGRESS_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `bytes` and `total_bytes` are of the file as stored; total is None for streams."""

    bytes: int
    packets: int
    flows: int
    total_bytes: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class MeterResult:
    """What a whole capture came to. Times are microseconds since 1970 of the first and last packet."""

    packets: int
    bytes: int
    flows: int
    labels: dict[str, int]
    anomalies: dict[str, int]
    link_types: dict[str, int]
    non_ip: dict[str, int]
    not_flows: dict[str, int]
    time_start: int | None
    time_end: int | None
    seconds: float
    format: str
    compression: str
    dissections: int
    threads: int


class Metered(NamedTuple):
    """Finished flows, rows of the packet index, or both."""

    flows: pa.RecordBatch | None
    index: pa.RecordBatch | None  # type: ignore[assignment]  # hides the method of tuples


class MeterRun:
    """Iterate it for `Metered` batches; then `result` holds the totals. `close` stops it at any time.

    Reading begins at once, in a thread of its own that needs no Python. Raises InvalidInput (field "file") when the
    source is no capture, MemoryError when memory runs out.
    """

    def __init__(
        self, source: Path | BinaryIO, config: MeterConfig, progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._started = time.monotonic()
        self._config = config
        self._progress = progress
        self._cancelled = cancelled
        self._told = 0.0
        self._result: MeterResult | None = None
        self._dissectors: list[Dissector] = []
        self._engine: _native.Engine | None = None
        self._reader: Thread | None = None
        self._error: BaseException | None = None
        self._source = Source(source)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        from . import _native
        from .ndpi import Dissector, binding

        config, total = self._config, self._source.total
        small = total is not None and total < ONE_THREAD_BYTES and not self._source.compression
        light = not config.dpi and not config.threads   # without labels one thread waits for the reader
        self._threads = 1 if small or light else config.thread_count
        if config.dpi:
            settings = {name: _ndpi_text(value) for name, value in config.ndpi.items()}
            for _ in range(self._threads):
                self._dissectors.append(Dissector(settings))
        self._groups = tuple(g for g in _native.GROUPS if g in config.statistics)
        self._engine = _native.Engine(
            idle_us=_microseconds(config.idle_timeout_s), active_us=_microseconds(config.active_timeout_s),
            dissections=config.dissections if config.dpi else 0, groups=sum(_native.GROUPS[g] for g in self._groups),
            sequence_packets=config.sequence_packets, tcp_close=config.tcp_close, index=config.index,
            tunnel_mask=tunnel_mask(config), shards=self._threads, seed=os.urandom(40),
            ndpi=binding().layout if config.dpi else None, dissectors=[d.address for d in self._dissectors],
            keep=self._dissectors,
        )
        self._reader = Thread(target=self._read, name="tapiary-meter-reader", daemon=True)
        self._reader.start()

    def follow(self, progress: Callable[[Progress], None] | None, cancelled: Callable[[], bool] | None) -> None:
        """Sets who is told of the progress and who may cancel, for a run that was begun before they were known."""
        self._progress, self._cancelled = progress, cancelled

    def _read(self) -> None:
        """Feeds the engine until the source ends; what goes wrong is raised where the batches are taken."""
        from ._native import NoCapture, Stopped

        engine = self._engine
        assert engine is not None
        try:
            descriptor = self._source.descriptor()
            if descriptor is not None:
                head = self._source.head()
                if head:
                    engine.reserve()[: len(head)] = head
                    engine.feed(len(head), False)
                engine.read(descriptor)
            else:
                n = 1
                while n:
                    n = self._source.readinto(engine.reserve())
                    engine.feed(n, n == 0)
        except Stopped:
            pass
        except NoCapture:
            self._error = InvalidInput("this is neither a pcap nor a pcapng capture", field="file", code="no_capture")
            engine.stop()
        except OSError as error:
            self._error = InvalidInput(f"reading failed: {error.strerror or error}", field="file", code="read_failed")
            engine.stop()
        except BaseException as error:  # noqa: BLE001 (told in the thread that iterates)
            self._error = error
            engine.stop()

    def __iter__(self) -> Iterator[Metered]:
        from .arrow import Converter, index
        from .ndpi import Names

        if self._engine is None:
            return
        try:
            rules = self._rules()
            converter = Converter(self._groups, Names(self._dissectors[0]) if self._dissectors else None)
            while (taken := self._engine.take(round(PROGRESS_INTERVAL_S * 1000))) is not None:
                if self._pause():
                    return
                batch, rows = taken
                flows = None
                if batch is not None:
                    flows = converter.flows(batch)
                    if rules:
                        flows = rules.apply(flows)
                    converter.count(flows)
                if flows is not None or rows is not None:
                    yield Metered(flows, None if rows is None else index(rows))
            assert self._reader is not None
            self._reader.join()
            if self._error is not None:
                raise self._error
            self._finish(converter)
        finally:
            self.close()

    def _rules(self) -> Rules | None:
        if not self._config.rules and not self._config.rules_file:
            return None     # loading what applies them costs more than metering a small capture
        from .rules import Rules

        return Rules.from_config(self._config)

    def _pause(self) -> bool:
        """Tells of the progress now and then; True when the run shall end."""
        now = time.monotonic()
        if now - self._told < PROGRESS_INTERVAL_S:
            return False
        self._told = now
        self._tell(now)
        return self._cancelled is not None and self._cancelled()

    def _tell(self, now: float) -> None:
        if self._progress and self._engine is not None:
            counts = self._engine.counts()
            position = self._source.position() or counts["bytes"]
            seconds = now - self._started
            self._progress(Progress(position, counts["packets"], counts["flows"], self._source.total, seconds))

    def _finish(self, converter: Converter) -> None:
        from .link_names import link_name

        assert self._engine is not None
        now = time.monotonic()
        counts = self._engine.counts()
        anomalies = dict(counts["anomalies"])
        if self._source.damaged and not anomalies.get("truncated_file"):
            anomalies["truncated_file"] = 1
        timed = counts["first_time"] >= 0
        self._tell(now)
        self._result = MeterResult(
            packets=counts["packets"], bytes=self._source.position() or counts["bytes"], flows=counts["flows"],
            labels=dict(converter.labels.most_common()), anomalies=anomalies,
            link_types={link_name(number): n for number, n in counts["link_types"].items()}, non_ip=counts["non_ip"],
            not_flows=counts["not_flows"], time_start=counts["first_time"] if timed else None,
            time_end=counts["last_time"] if timed else None, seconds=now - self._started, format=counts["format"],
            compression=self._source.compression, dissections=counts["dissections"], threads=self._threads,
        )

    @property
    def result(self) -> MeterResult:
        """The totals; there are none before the last batch was taken, or after a cancelled run."""
        if self._result is None:
            raise InternalError("the meter has not come to the end of the capture", code="meter_unfinished")
        return self._result

    def close(self) -> None:
        """Stops the threads and frees all memory; a second call does nothing."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()
            if self._reader is not None:
                self._reader.join(READER_PATIENCE_S)
                if self._reader.is_alive():     # it waits for a stream that gives nothing: the memory stays with it
                    return
            engine.close()
        dissectors, self._dissectors = self._dissectors, []
        if dissectors:      # 15 ms each, which nobody need wait for
            Thread(target=_close_all, args=(dissectors,), name="tapiary-meter-cleaner").start()
        self._source.close()


def _close_all(dissectors: list[Dissector]) -> None:
    for dissector in dissectors:
        dissector.close()


def tunnel_mask(config: MeterConfig) -> int:
    """The tunnels that are decoded, as bits of the core."""
    from ._native import TUNNEL_BITS

    bits = {name.lower(): bit for name, bit in TUNNEL_BITS.items()}
    return sum(1 << bit for bit in {bits[name] for name in config.tunnels})


def _microseconds(seconds: float) -> int:
    return min(math.ceil(seconds * 1e6), 1 << 53)


def _ndpi_text(value: str | int | bool) -> str:
    return ("enable" if value else "disable") if isinstance(value, bool) else str(value)
