"""What drones have metered of captures that still run: kept in memory, replaced by the final processing.

Drones send totals, so a hive that begins anew has the whole picture after each drone's next message.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from tapiary.capture import Live, LiveFlow

#: Flows kept a capture, the newest, for a look at what happens; totals count all.
MAX_FLOWS = 500
TOTALS = ("packets", "bytes", "flows", "skipped_bytes")
#: Captures kept; the one that was silent longest goes first.
MAX_CAPTURES = 256


class LiveBoard:
    """The latest totals by capture and drone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[int, dict[int, tuple[float, Live]]] = {}
        self._flows: dict[int, dict[tuple[Any, ...], LiveFlow]] = {}

    def put(self, capture_id: int, drone_id: int, live: Live) -> None:
        """Take a drone's message."""
        with self._lock:
            board = self._totals.pop(capture_id, {})
            self._totals[capture_id] = board  # now the latest
            while len(self._totals) > MAX_CAPTURES:
                self._forget(next(iter(self._totals)))
            board[drone_id] = (time.time(), live)
            flows = self._flows.setdefault(capture_id, {})
            for flow in live.changed[:MAX_FLOWS]:
                key = (drone_id, flow.client, flow.client_port, flow.server, flow.server_port, flow.protocol)
                flows.pop(key, None)
                flows[key] = flow
            while len(flows) > MAX_FLOWS:
                del flows[next(iter(flows))]

    def get(self, capture_id: int, names: Mapping[int, str]) -> dict[str, Any] | None:
        """Totals over all drones, each drone's, and the latest flows as plain values; None when nothing has come."""
        with self._lock:
            board = dict(self._totals.get(capture_id, {}))
            flows = list(self._flows.get(capture_id, {}).items())
        if not board:
            return None
        labels: dict[str, dict[str, int]] = {}
        for _, live in board.values():
            for label, counts in live.labels.items():
                sums = labels.setdefault(label, {"flows": 0, "packets": 0, "bytes": 0})
                for name in sums:
                    sums[name] += getattr(counts, name)
        drones = [
            {"name": names.get(drone_id, ""), "at": at, **{name: getattr(live, name) for name in TOTALS}}
            for drone_id, (at, live) in board.items()
        ]
        return {
            **{name: sum(drone[name] for drone in drones) for name in TOTALS},
            "labels": dict(sorted(labels.items(), key=lambda item: (-item[1]["flows"], item[0]))),
            "changed": [
                {"drone": names.get(key[0], ""), **msgspec.to_builtins(flow)} for key, flow in reversed(flows)],
            "drones": sorted(drones, key=lambda drone: str(drone["name"])),
            "at": max(at for at, _ in board.values()),
        }

    def forget(self, capture_id: int) -> None:
        """The final flows are there, or the capture is gone."""
        with self._lock:
            self._forget(capture_id)

    def _forget(self, capture_id: int) -> None:
        self._totals.pop(capture_id, None)
        self._flows.pop(capture_id, None)
