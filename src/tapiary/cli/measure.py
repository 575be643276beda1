"""Processing without tables: the figures of a capture, and nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from tapiary.config import MeterConfig
    from tapiary.meter import Progress
    from tapiary.services import Services


def measure(
    services: Services, source: Path | BinaryIO, config: MeterConfig, progress: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any]:
    """Meter a capture and return its summary, as processing into the tables gives it. Raises what the meter raises."""
    from msgspec.structs import replace

    from tapiary.meter import meter
    from tapiary.services import Tally

    tally = Tally()
    run = meter(source, replace(config, index=False), progress=lambda p: progress(_report(p)))
    try:
        for flows, _index in run:
            if flows is None or not flows.num_rows:
                continue
            tally.add(services.enricher.enrich(flows))
        result = run.result
    finally:
        run.close()
    return {
        "packets": result.packets, "bytes": result.bytes, "flows": result.flows, "labels": dict(result.labels),
        "anomalies": dict(result.anomalies), "link_types": dict(result.link_types), "non_ip": dict(result.non_ip),
        "not_flows": dict(result.not_flows), "time_start": _seconds(result.time_start),
        "time_end": _seconds(result.time_end), "seconds": result.seconds, "format": result.format,
        "compression": result.compression, **tally.summary(),
    }


def _report(progress: Progress) -> dict[str, Any]:
    """The meter's progress in the form in which jobs report theirs."""
    seconds = max(progress.seconds, 1e-6)
    left = None
    if progress.total_bytes and progress.bytes:
        left = max(progress.total_bytes - progress.bytes, 0) * seconds / progress.bytes
    return {
        "bytes": progress.bytes, "total_bytes": progress.total_bytes, "packets": progress.packets,
        "flows": progress.flows, "packets_per_s": progress.packets / seconds, "seconds_left": left,
    }


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6
