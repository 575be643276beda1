"""What the decoders share: a window on a packet's bytes, and the outcome of a packet that belongs to no flow."""

from __future__ import annotations

from dataclasses import dataclass


class NotFlow(Exception):
    """The packet belongs to no flow; `reason` is the key in `not_flows`, `kind` what a non-IP packet is.

    `anomalies`: what was odd in the layers that were read.
    """

    def __init__(self, reason: str, kind: str = "", anomalies: frozenset[str] = frozenset()) -> None:
        super().__init__(f"{reason} {kind}".strip())
        self.reason = reason
        self.kind = kind
        self.anomalies = anomalies


@dataclass(frozen=True, slots=True)
class View:
    """The rest of a packet from some layer on: the captured bytes, and how many there were on the wire."""

    data: bytes
    wire: int

    def need(self, count: int) -> None:
        """Raise `NotFlow` when fewer than `count` bytes were captured."""
        if len(self.data) < count:
            raise NotFlow("truncated_header")

    def skip(self, count: int) -> View:
        """The view after a header of `count` bytes; raises `NotFlow` when the header was not captured."""
        self.need(count)
        return View(self.data[count:], self.wire - count)

    def limit(self, wire: int) -> View:
        """The view cut to at most `wire` bytes on the wire."""
        wire = max(0, min(wire, self.wire))
        return View(self.data[:wire], wire)

    def u8(self, at: int) -> int:
        """One byte; raises `NotFlow` when it was not captured."""
        self.need(at + 1)
        return self.data[at]

    def u16(self, at: int) -> int:
        """Two bytes in network order; raises `NotFlow` when they were not captured."""
        self.need(at + 2)
        return int.from_bytes(self.data[at : at + 2], "big")

    def u32(self, at: int) -> int:
        """Four bytes in network order; raises `NotFlow` when they were not captured."""
        self.need(at + 4)
        return int.from_bytes(self.data[at : at + 4], "big")

    def u16le(self, at: int) -> int:
        """Two bytes in little-endian order; raises `NotFlow` when they were not captured."""
        self.need(at + 2)
        return int.from_bytes(self.data[at : at + 2], "little")

    def u32le(self, at: int) -> int:
        """Four bytes in little-endian order; raises `NotFlow` when they were not captured."""
        self.need(at + 4)
        return int.from_bytes(self.data[at : at + 4], "little")
