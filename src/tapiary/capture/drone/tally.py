"""Totals of a capture that is metered in short stretches: the pieces of a flow found again and joined."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tapiary.capture.messages import Live, LiveFlow, LiveLabel

#: Flows that are remembered, to be joined with their later pieces; the longest silent ones are forgotten first.
MAX_FLOWS = 50_000
#: Changed flows in one message, the largest first.
MAX_CHANGED = 200
#: Labels in one message, the most frequent first.
MAX_LABELS = 500


class Piece(NamedTuple):
    """One stretch's part of a flow. Addresses are packed; times are Unix microseconds.

    `sure`: the label comes of what was in the packets, not of a guess by port or address.
    """

    protocol: int
    client: bytes
    server: bytes
    client_port: int
    server_port: int
    label: str
    sure: bool
    packets: int
    bytes: int
    first_us: int
    last_us: int
    server_name: str


@dataclass(slots=True)
class _Flow:
    piece: Piece
    label: str
    sure: bool
    packets: int
    bytes: int
    last_us: int
    server_name: str


class Tally:
    """Sums pieces up. A flow keeps the first label that was seen rather than guessed."""

    def __init__(self, job_id: int) -> None:
        self._job_id = job_id
        self._flows: OrderedDict[tuple[object, ...], _Flow] = OrderedDict()
        self._labels: dict[str, list[int]] = {}
        self._changed: dict[tuple[object, ...], _Flow] = {}
        self.packets = self.bytes = self.flows = 0

    def add(self, pieces: Iterable[Piece]) -> None:
        """Count a stretch's pieces."""
        for piece in pieces:
            ends = (piece.client, piece.client_port), (piece.server, piece.server_port)
            key = (piece.protocol, *sorted(ends))
            flow = self._flows.get(key)
            if flow is None:
                flow = _Flow(piece, piece.label, piece.sure, 0, 0, piece.last_us, piece.server_name)
                self._flows[key] = flow
                self.flows += 1
                self._count(flow.label, 1, 0, 0)
                if len(self._flows) > MAX_FLOWS:
                    self._flows.popitem(last=False)
            else:
                self._flows.move_to_end(key)
                better = piece.sure and not flow.sure
                if piece.label != flow.label and (better or (flow.label == "Unknown" and not flow.sure)):
                    self._count(flow.label, -1, -flow.packets, -flow.bytes)
                    flow.label = piece.label
                    self._count(flow.label, 1, flow.packets, flow.bytes)
                flow.sure = flow.sure or piece.sure
                flow.last_us = max(flow.last_us, piece.last_us)
                flow.server_name = flow.server_name or piece.server_name
            flow.packets += piece.packets
            flow.bytes += piece.bytes
            self._count(flow.label, 0, piece.packets, piece.bytes)
            self.packets += piece.packets
            self.bytes += piece.bytes
            self._changed[key] = flow

    def _count(self, label: str, flows: int, packets: int, size: int) -> None:
        sums = self._labels.setdefault(label, [0, 0, 0])
        for at, n in enumerate((flows, packets, size)):
            sums[at] += n

    def message(self, skipped_bytes: int) -> Live:
        """The totals, and the flows that changed since the message before."""
        changed = sorted(self._changed.values(), key=lambda flow: -flow.bytes)[:MAX_CHANGED]
        self._changed.clear()
        labels = sorted(((name, sums) for name, sums in self._labels.items() if sums[0]), key=lambda pair: -pair[1][0])
        return Live(
            job_id=self._job_id, packets=self.packets, bytes=self.bytes, flows=self.flows,
            labels={name: LiveLabel(*sums) for name, sums in labels[:MAX_LABELS]},
            changed=[_told(flow) for flow in changed], skipped_bytes=skipped_bytes,
        )


def _told(flow: _Flow) -> LiveFlow:
    piece = flow.piece
    return LiveFlow(
        client=_address(piece.client), server=_address(piece.server), client_port=piece.client_port,
        server_port=piece.server_port, protocol=piece.protocol, label=flow.label, packets=flow.packets,
        bytes=flow.bytes, first=piece.first_us / 1e6, last=flow.last_us / 1e6, server_name=flow.server_name[:256],
    )


def _address(packed: bytes) -> str:
    """IPv4 addresses come mapped into IPv6 (RFC 4291, 2.5.5.2), and are shown as what they are."""
    address = ipaddress.ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address)
