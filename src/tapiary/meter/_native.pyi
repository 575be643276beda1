"""What `_native.pyx` gives to Python; addresses are of memory that the object owns."""

from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

TUNNEL_NAMES: tuple[str, ...]
TUNNEL_BITS: dict[str, int]
GROUPS: dict[str, int]
FORMATS: tuple[str, ...]

class NoCapture(Exception): ...
class Stopped(Exception): ...

class Counts(TypedDict):
    packets: int
    bytes: int
    flows: int
    dissections: int
    first_time: int
    last_time: int
    format: Literal["pcap", "pcapng"]
    anomalies: dict[str, int]
    not_flows: dict[str, int]
    non_ip: dict[str, int]
    link_types: dict[int, int]

class Batch:
    @property
    def rows(self) -> int: ...
    def columns(self) -> dict[str, tuple[str, int]]: ...
    def addresses(self) -> tuple[int, int]: ...
    def strings(self) -> dict[str, tuple[int, int, int, int]]: ...
    def sequence(self) -> tuple[int, int, int, int] | None: ...

class Index:
    @property
    def rows(self) -> int: ...
    def columns(self) -> tuple[int, int, int, int, int, int]: ...

class Engine:
    def __init__(
        self,
        *,
        idle_us: int,
        active_us: int,
        dissections: int,
        groups: int,
        sequence_packets: int,
        tcp_close: bool,
        index: bool,
        tunnel_mask: int,
        shards: int,
        seed: bytes,
        ndpi: dict[str, Any] | None,
        dissectors: list[int],
        keep: object,
    ) -> None: ...
    def close(self) -> None: ...
    def read(self, descriptor: int) -> None: ...
    def reserve(self) -> memoryview: ...
    def feed(self, size: int, last: bool) -> None: ...
    def stop(self) -> None: ...
    def take(self, ms: int) -> tuple[Batch | None, Index | None] | None: ...
    def counts(self) -> Counts: ...

def max_result_size() -> int: ...
def cut_frames(
    stretch: Buffer, wanted: NDArray[np.uint32], pcapng: bool, big: bool
) -> tuple[bytes, int, bool] | None: ...
