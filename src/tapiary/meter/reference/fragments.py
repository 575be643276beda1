"""Which flow a packet's later fragments belong to, remembered from its first one."""

from __future__ import annotations

from collections import deque

from tapiary.meter.reference.ip import Fragment, IpPacket

#: First fragments remembered at once, the oldest overwritten: bounds what an attacker can make us keep.
MAX_FRAGMENTS = 4096
#: How long a first fragment is remembered, in µs of capture time; Linux keeps fragments for 30 s, too (RFC 8200: 60 s).
FRAGMENT_LIFE_US = 30_000_000

_Key = tuple[int, bytes, bytes, int, int, int]


class Fragments:
    """Protocol and ports by what identifies the fragments of one packet (RFC 791, 3.2; RFC 8200, 4.5)."""

    def __init__(self) -> None:
        self._seen: dict[_Key, tuple[int, int, tuple[int, int]]] = {}
        self._ring: deque[_Key] = deque()

    def remember(self, packet: IpPacket, fragment: Fragment, vlan: int, time: int, ports: tuple[int, int]) -> None:
        """Note a first fragment's protocol and ports."""
        key = _key(packet, fragment, vlan)
        if len(self._ring) == MAX_FRAGMENTS:
            oldest = self._ring.popleft()
            if oldest not in self._ring:  # the same packet may have been seen again since
                del self._seen[oldest]
        self._ring.append(key)
        self._seen[key] = (time, packet.protocol, ports)

    def find(self, packet: IpPacket, fragment: Fragment, vlan: int, time: int) -> tuple[bool, int, tuple[int, int]]:
        """Whether the first fragment was seen, and protocol and ports of its flow: else of a flow without ports."""
        seen = self._seen.get(_key(packet, fragment, vlan))
        if seen is None or time - seen[0] > FRAGMENT_LIFE_US:
            return False, packet.protocol, (0, 0)
        return True, *seen[1:]


def _key(packet: IpPacket, fragment: Fragment, vlan: int) -> _Key:
    return packet.version, packet.source, packet.destination, fragment.protocol, fragment.number, vlan
