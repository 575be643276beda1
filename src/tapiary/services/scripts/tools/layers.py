"""The headers of many packets at once: each round steps over one header of every packet, as far as they are known.

What is found is told as a list of sites, outer ones before inner ones of the same packet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from . import protocols
from .records import Block, Ints
from .sites import Kind, Site

#: Headers of one packet that are looked at; real ones have a dozen at most.
ROUNDS = 32

# Kinds of header, as the state of a packet; IP protocols are _L4 + their number, EtherTypes _TYPE + theirs.
_DONE, _ETHERNET, _IP, _SLL, _SLL2, _NULL, _PPP, _L4, _TYPE = 0, 1, 2, 3, 4, 5, 6, 0x100, 0x10000
#: Link types (tcpdump.org/linktypes.html): Ethernet, raw IP three times, IPv4, IPv6, loopback twice, cooked, PPP.
_LINKS = {1: _ETHERNET, 101: _IP, 12: _IP, 14: _IP, 228: _IP, 229: _IP, 0: _NULL, 108: _NULL, 113: _SLL, 276: _SLL2,
          9: _PPP}


class Walk:
    """One pass over a block's packets; the results are in its attributes."""

    def __init__(self, block: Block) -> None:
        self._data, self._limit = block.data, block.packet + block.captured
        count = len(block.packet)
        self._at = block.packet.copy()
        self._state = np.zeros(count, np.int64)
        for link, state in _LINKS.items():
            self._state[block.link == link] = state
        #: Where the last known header of each packet ends.
        self.end: Ints = block.packet.copy()
        #: Packets that are known down to a transport header, behind which only payload lies.
        self.whole: NDArray[np.bool_] = np.zeros(count, bool)
        #: Packets of a link type that is not known here.
        self.unknown: NDArray[np.bool_] = self._state == _DONE
        self.sites: list[Site] = []
        #: Destination ports of UDP tell tunnels apart only in IP packets that are no quotation.
        self._quoted = np.zeros(count, bool)
        for _ in range(ROUNDS):
            if not self._round():
                break

    def _round(self) -> bool:
        state = self._state
        alive = np.flatnonzero(state)
        if not len(alive):
            return False
        now = state[alive]
        state[alive] = _DONE  # unless a step says more
        for kind in np.unique(now).tolist():
            step = _STEPS.get(kind)
            packets = alive[now == kind]
            if step is not None:
                step(self, packets)
            elif kind < _TYPE and kind >= _L4 and kind - _L4 in protocols.EXTENSIONS:
                self._extension(packets, kind - _L4)
        return True

    def _fit(self, packets: Ints, size: int) -> Ints:
        """Those packets that have so many bytes left."""
        return packets[self._at[packets] + size <= self._limit[packets]]

    def _byte(self, packets: Ints, offset: int | Ints) -> Ints:
        found: Ints = self._data[self._at[packets] + offset].astype(np.int64)
        return found

    def _word(self, packets: Ints, offset: int | Ints) -> Ints:
        at = self._at[packets] + offset
        found: Ints = self._data[at].astype(np.int64) << 8 | self._data[at + 1]
        return found

    def _pass(self, packets: Ints, size: int | Ints, state: int | Ints) -> None:
        """Steps over a header; packets that do not have all of it stay at its beginning, and end."""
        after = self._at[packets] + size
        fits = after <= self._limit[packets]
        packets, after = packets[fits], after[fits]
        self._at[packets] = self.end[packets] = after
        self._state[packets] = state if isinstance(state, int) else state[fits]

    def _site(self, kind: Kind, packets: Ints, at: Ints, place: Ints | None = None, extra: Ints | None = None) -> None:
        if len(packets):
            none = np.full(len(packets), -1, np.int64)
            self.sites.append(
                Site(kind, packets, at, none if place is None else place, none if extra is None else extra))

    def _ethernet(self, packets: Ints) -> None:
        packets = self._fit(packets, 14)
        self._site("mac", packets, self._at[packets])
        self._pass(packets, 14, _TYPE + self._word(packets, 12))

    def _sll(self, packets: Ints) -> None:
        packets = self._fit(packets, 16)
        self._site("hardware", packets, self._at[packets] + 6)
        self._pass(packets, 16, _TYPE + self._word(packets, 14))

    def _sll2(self, packets: Ints) -> None:
        packets = self._fit(packets, 20)
        self._site("hardware", packets, self._at[packets] + 12)
        self._pass(packets, 20, _TYPE + self._word(packets, 0))

    def _ppp(self, packets: Ints) -> None:
        packets = self._fit(packets, 4)
        framed = self._word(packets, 0) == 0xFF03
        self._at[packets[framed]] += 2
        packets = self._fit(packets, 2)
        protocol = self._word(packets, 0)
        self._pass(packets, 2, np.where((protocol == 0x21) | (protocol == 0x57), _IP, _DONE))

    def _vlan(self, packets: Ints) -> None:
        packets = self._fit(packets, 4)
        self._pass(packets, 4, _TYPE + self._word(packets, 2))

    def _mpls(self, packets: Ints) -> None:
        packets = self._fit(packets, 4)
        last = (self._byte(packets, 2) & 1).astype(bool)
        self._pass(packets, 4, np.where(last, _IP, _TYPE + 0x8847))

    def _pppoe(self, packets: Ints) -> None:
        packets = self._fit(packets, 8)
        protocol = self._word(packets, 6)
        self._pass(packets, 8, np.where((protocol == 0x21) | (protocol == 0x57), _IP, _DONE))

    def _arp(self, packets: Ints) -> None:
        packets = self._fit(packets, 28)
        known = (self._word(packets, 2) == 0x0800) & (self._word(packets, 4) == 0x0604)
        packets = packets[known]
        self._site("arp", packets, self._at[packets])
        self._pass(packets, 28, _DONE)

    # IP.

    def _ip(self, packets: Ints) -> None:
        packets = self._fit(packets, 20)
        version = self._byte(packets, 0) >> 4
        self._ip4(packets[version == 4])
        self._ip6(packets[version == 6])

    def _ip4(self, packets: Ints) -> None:
        packets = self._fit(packets, 20)
        size = (self._byte(packets, 0) & 15) * 4
        good = (size >= 20) & (self._at[packets] + size <= self._limit[packets])
        packets, size = packets[good], size[good]
        at = self._at[packets]
        self._site("ip4", packets, at)
        more = size > 20
        self._site("blank", packets[more], at[more] + 20, at[more] + 10, size[more] - 20)
        later = (self._word(packets, 6) & 0x1FFF) != 0
        protocol = self._byte(packets, 9)
        self._pass(packets, size, np.where(later, _DONE, _L4 + protocol))
        self.whole[packets[later]] = True

    def _ip6(self, packets: Ints) -> None:
        packets = self._fit(packets, 40)
        self._site("ip6", packets, self._at[packets])
        self._pass(packets, 40, _L4 + self._byte(packets, 6))

    def _extension(self, packets: Ints, kind: int) -> None:
        packets = self._fit(packets, 8)
        size = (self._byte(packets, 1) + 1) * 8
        good = self._at[packets] + size <= self._limit[packets]
        packets, size = packets[good], size[good]
        if kind:  # a hop-by-hop header has no addresses
            head = 4 if kind == 43 else 2
            self._site("blank", packets, self._at[packets] + head, None, size - head)
        self._pass(packets, size, _L4 + self._byte(packets, 0))

    def _fragment(self, packets: Ints) -> None:
        packets = self._fit(packets, 8)
        later = (self._word(packets, 2) & 0xFFF8) != 0
        self._pass(packets, 8, np.where(later, _DONE, _L4 + self._byte(packets, 0)))
        self.whole[packets[later]] = True

    def _authentication(self, packets: Ints) -> None:
        packets = self._fit(packets, 12)
        self._pass(packets, (self._byte(packets, 1) + 2) * 4, _L4 + self._byte(packets, 0))

    # Above IP.

    def _tcp(self, packets: Ints) -> None:
        # A quotation may end after 8 bytes of it (RFC 792).
        self._pass(packets[self._quoted[packets] & (self._at[packets] + 20 > self._limit[packets])], 8, _DONE)
        packets = self._fit(packets, 20)
        size = (self._byte(packets, 12) >> 4) * 4
        good = (size >= 20) & (self._at[packets] + size <= self._limit[packets])
        packets, size = packets[good], size[good]
        at = self._at[packets]
        self._site("l4", packets, at, at + 16, np.ones(len(packets), np.int64))
        more = size > 20
        self._site("tcp_options", packets[more], at[more] + 20, None, size[more] - 20)
        self._pass(packets, size, _DONE)
        self.whole[packets] = True

    def _udp(self, packets: Ints) -> None:
        packets = self._fit(packets, 8)
        at = self._at[packets]
        used = self._word(packets, 6) != 0
        self._site("l4", packets, at, np.where(used, at + 6, -1), np.full(len(packets), 3))
        port = self._word(packets, 2)
        state = np.zeros(len(packets), np.int64)
        for number, tunnel in _TUNNELS.items():
            state[port == number] = tunnel
        state[self._quoted[packets]] = _DONE
        self._pass(packets, 8, state)
        self.whole[packets] = state == _DONE

    def _icmp(self, packets: Ints, quoting: tuple[int, ...] = protocols.QUOTING, with_addresses: int = 0) -> None:
        packets = self._fit(packets, 8)
        at, kind = self._at[packets], self._byte(packets, 0)
        self._site("l4", packets, at, at + 2, np.full(len(packets), with_addresses))
        quotes = np.isin(kind, quoting)
        if not with_addresses:  # a redirect names a gateway
            redirects = kind == 5
            self._site("gateway", packets[redirects], at[redirects] + 4)
        self._pass(packets, 8, np.where(quotes, _IP, _DONE))
        self._quoted[packets[quotes]] = True
        if not with_addresses:
            self.whole[packets[~quotes]] = True
            return
        neighbours = np.isin(kind, tuple(protocols.NEIGHBOURS))
        self.whole[packets[~quotes & ~neighbours & (kind >= 128) & (kind <= 129)]] = True  # echo: payload alone follows
        for number, addresses in protocols.NEIGHBOURS.items():
            some = self._fit(packets[kind == number], 16 * addresses)
            self._site("nd", some, self._at[some], None, np.full(len(some), addresses))
            self._pass(some, 16 * addresses, _DONE)

    def _short(self, packets: Ints) -> None:
        """Headers of 12 bytes (SCTP, DCCP): ports, and checksums that are no sums or cover no addresses."""
        self._pass(packets, 12, _DONE)

    def _igmp(self, packets: Ints) -> None:
        self._pass(packets, 4, _DONE)

    # Tunnels.

    def _gre(self, packets: Ints) -> None:
        packets = self._fit(packets, 4)
        flags, protocol = self._word(packets, 0), self._word(packets, 2)
        size = 4 + sum(np.where(flags & bit, 4, 0) for bit in (0x8000, 0x2000, 0x1000)) + np.where(
            (flags & 7 == 1) & (flags & 0x80 != 0), 4, 0)
        state = np.where(protocol == 0x6558, _ETHERNET, _TYPE + protocol)
        self._pass(packets, size, np.where((protocol == 0x0800) | (protocol == 0x86DD), _IP, state))

    def _geneve(self, packets: Ints) -> None:
        packets = self._fit(packets, 8)
        protocol = self._word(packets, 2)
        self._pass(packets, 8 + (self._byte(packets, 0) & 63) * 4,
                   np.where(protocol == 0x6558, _ETHERNET, _TYPE + protocol))

    def _gtp(self, packets: Ints) -> None:
        """GTP-U (3GPP TS 29.281, 5.1): version 1, a G-PDU; optional fields, extension headers in units of 4 bytes."""
        packets = self._fit(packets, 8)
        flags = self._byte(packets, 0)
        packets = packets[((flags & 0xF0) == 0x30) & (self._byte(packets, 1) == 0xFF)]
        flags = self._byte(packets, 0)
        long = packets[(flags & 7) != 0]
        self._pass(packets[(flags & 7) == 0], 8, _IP)
        long = self._fit(long, 12)
        extended = np.where(self._byte(long, 0) & 4, self._byte(long, 11), 0)
        self._pass(long, 12, np.where(extended, _GTP_EXTENSION, _IP))

    def _gtp_extension(self, packets: Ints) -> None:
        packets = self._fit(packets, 4)
        size = self._byte(packets, 0) * 4
        packets, size = packets[size > 0], size[size > 0]
        inside = self._at[packets] + size <= self._limit[packets]
        packets, size = packets[inside], size[inside]
        self._pass(packets, size, np.where(self._byte(packets, size - 1), _GTP_EXTENSION, _IP))


_VXLAN, _GENEVE, _GTP, _GTP_EXTENSION = 16, 17, 18, 19
#: Tunnels over UDP by their port (IANA).
_TUNNELS = {4789: _VXLAN, 8472: _VXLAN, 6081: _GENEVE, 2152: _GTP}
_Step = Callable[[Walk, Ints], None]
_OVER_IP: dict[int, _Step] = {
    4: Walk._ip, 41: Walk._ip, 47: Walk._gre, protocols.TCP: Walk._tcp, protocols.UDP: Walk._udp,
    protocols.UDP_LITE: Walk._udp, protocols.ICMP: Walk._icmp,
    protocols.ICMP6: partial(Walk._icmp, quoting=protocols.QUOTING6, with_addresses=1),
    protocols.SCTP: Walk._short, protocols.DCCP: Walk._short, protocols.IGMP: Walk._igmp,
    protocols.FRAGMENT: Walk._fragment, protocols.AUTHENTICATION: Walk._authentication,
}
_STEPS: dict[int, _Step] = {
    _ETHERNET: Walk._ethernet, _IP: Walk._ip, _SLL: Walk._sll, _SLL2: Walk._sll2, _PPP: Walk._ppp,
    _VXLAN: partial(Walk._pass, size=8, state=_ETHERNET), _GENEVE: Walk._geneve, _GTP: Walk._gtp,
    _GTP_EXTENSION: Walk._gtp_extension, _NULL: partial(Walk._pass, size=4, state=_IP),
    **{_TYPE + vlan: Walk._vlan for vlan in protocols.VLANS},
    _TYPE + 0x0800: Walk._ip, _TYPE + 0x86DD: Walk._ip, _TYPE + 0x0806: Walk._arp, _TYPE + 0x8847: Walk._mpls,
    _TYPE + 0x8848: Walk._mpls, _TYPE + 0x8864: Walk._pppoe,
    **{_L4 + number: step for number, step in _OVER_IP.items()},
}
