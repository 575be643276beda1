"""Numbered datagrams on a line, so that a capture tells what it lost and what it has twice."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import dpkt

from tests.end_to_end.network import Host

#: Counting begins so long after the first packet, in seconds: libpcap opens a line before it puts the filter into the
#: kernel, and lets nothing pass while it does. What it saw before that is recorded as well, and then there is a gap.
BEGINNING_S = 0.5
PORT = 9
FILTER = f"udp dst port {PORT}"

#: Sends so many a second, of this size, until it is ended; each begins with its number, the rest cannot be compressed.
_SENDER = """
import os, socket, sys, time
address, rate, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
noise = os.urandom(1 << 20)
number, began = 0, time.monotonic()
while True:
    due = int((time.monotonic() - began) * rate)
    while number < due:
        at = number * 7919 % (len(noise) - size)
        try:
            line.sendto(number.to_bytes(8, "big") + noise[at : at + size - 8], (address, 9))
        except OSError:
            break
        number += 1
    time.sleep(0.002)
"""


class Sender:
    """Sends while the `with` block runs."""

    def __init__(self, host: Host, address: str, *, rate: int = 1000, size: int = 1000) -> None:
        self._command = (sys.executable, "-c", _SENDER, address, str(rate), str(size))
        self._host = host

    def __enter__(self) -> Sender:
        self._process = self._host.start(*self._command)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Tally:
    """Datagrams in a capture, but for its first moment; lost: numbers missing between the first and the last; doubled:
    those more than once.
    """

    packets: int
    lost: int
    doubled: int
    out_of_order: int


def tally(path: Path) -> Tally:
    """Count a pcapng of numbered datagrams over Ethernet."""
    numbers, begin = [], 0.0
    with path.open("rb") as file:
        for time, frame in dpkt.pcapng.Reader(file):
            begin = begin or float(time) + BEGINNING_S
            if time < begin:
                continue
            packet = dpkt.ethernet.Ethernet(frame).data
            if isinstance(packet, dpkt.ip.IP) and isinstance(packet.data, dpkt.udp.UDP):
                numbers.append(int.from_bytes(packet.data.data[:8], "big"))
    counts = Counter(numbers)
    lost = max(numbers) - min(numbers) + 1 - len(counts) if numbers else 0
    doubled = sum(count - 1 for count in counts.values())
    return Tally(len(numbers), lost, doubled, sum(a > b for a, b in pairwise(numbers)))
