"""The meter: a capture in, batches of labelled flows and the packet index out.

It writes nothing and knows no server. The core is compiled (`native/`); `reference/` is its slow twin, the tests'
oracle. Heavy modules are loaded at first use.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from tapiary.config import MeterConfig

    from .cut import cut_packets as cut_packets
    from .cut import decode_frames as decode_frames
    from .filters import check_filter as check_filter
    from .merging import MergeProgress as MergeProgress
    from .merging import MergeResult as MergeResult
    from .merging import MergeSource as MergeSource
    from .merging import merge as merge
    from .run import Metered as Metered
    from .run import MeterResult as MeterResult
    from .run import MeterRun as MeterRun
    from .run import Progress as Progress

_LAZY = {
    "Metered": "run", "MeterResult": "run", "MeterRun": "run", "Progress": "run",
    "cut_packets": "cut", "decode_frames": "cut", "check_filter": "filters",
    "MergeProgress": "merging", "MergeResult": "merging", "MergeSource": "merging", "merge": "merging",
}

__all__ = [
    "MergeProgress", "MergeResult", "MergeSource", "MeterResult", "MeterRun", "Metered", "Progress", "check_filter",
    "cut_packets", "decode_frames", "labels_by_group", "merge", "meter", "ndpi_version", "risk_names",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def meter(
    source: Path | BinaryIO, config: MeterConfig, *, progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> MeterRun:
    """Starts metering a capture file or stream: pcap or pcapng, plain, gzip or zstd.

    `progress` is called a few times a second; when `cancelled` says True the run ends without a result.
    Raises NotFound or InvalidInput (field "file"), Unavailable when labels are wanted and nDPI is not there.
    """
    from .run import MeterRun

    return MeterRun(source, config, progress, cancelled)


def labels_by_group(config: MeterConfig) -> dict[str, list[str]]:
    """Every label that a flow may get, sorted, by group: nDPI's protocols by category, and the users' rules."""
    from .labels import labels_by_group

    return labels_by_group(config)


def risk_names(bits: int) -> list[str]:
    """The texts of the nDPI risks in a flow's `risks`."""
    from .labels import risk_names

    return risk_names(bits)


def ndpi_version() -> str:
    """The version of nDPI in use. Raises Unavailable when there is none that we know."""
    from .ndpi import binding

    return binding().version
