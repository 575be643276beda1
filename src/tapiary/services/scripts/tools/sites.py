"""Where in packets the things lie that a rewriting may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .records import Ints

Kind = Literal["mac", "hardware", "ip4", "ip6", "l4", "arp", "gateway", "nd", "blank", "tcp_options"]


@dataclass(slots=True)
class Site:
    """Places of one kind in some packets.

    mac: two hardware addresses; hardware: 8 bytes of one; ip4, ip6: an IP header; l4: a transport header, `place` of
    its checksum (-1: none), `extra` 1 when addresses count in it, 3 when moreover 0 stands for none (UDP); arp: an ARP
    body; gateway: an IPv4 address; nd: `extra` addresses of 16 bytes; blank, tcp_options: `extra` bytes of options
    (blank: of an IP header whose checksum is at `place`).
    """

    kind: Kind
    packets: Ints
    at: Ints
    place: Ints
    extra: Ints
