"""Replaces addresses in many packets at once, and mends the checksums that they count in (RFC 1624)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .layers import Walk
from .mapping import Mapping
from .records import Block, Ints
from .sites import Site

#: Ones' complement sums of 16 bits are numbers modulo this.
_MODULUS = 0xFFFF
_NOP, _MPTCP = 1, 30  # options of TCP (IANA)


class Edit:
    """One rewriting of a block's addresses, in place.

    First every site's bytes are replaced, outer ones before inner ones, and IPv4 headers get their checksums; what each
    replacement adds to a sum is noted. Then, from the innermost to the outermost, each transport checksum takes up what
    changed in what it covers.
    """

    def __init__(self, block: Block, walk: Walk, mapping: Mapping) -> None:
        self._data, self._walk, self._mapping = block.data, walk, mapping
        self._count = len(block.packet)

    def apply(self) -> None:
        """Do it."""
        latest = np.zeros(self._count, np.int64)  # what the addresses of the last IP header added
        added: list[Ints] = []
        for site in self._walk.sites:
            if site.kind == "l4":
                added.append(latest[site.packets])
                continue
            change = self._replace(site)
            added.append(change)
            if site.kind in ("ip4", "ip6"):
                latest[site.packets] = change
        self._mend(added)

    def _replace(self, site: Site) -> Ints:
        """Replaces what a site holds; returns what that adds to a sum over it."""
        at = site.at
        if site.kind == "mac":
            return self._hardware(at, 6) + self._hardware(at + 6, 6)
        if site.kind == "hardware":
            return self._hardware(at, 8)
        if site.kind == "arp":
            return (self._hardware(at + 8, 6) + self._address(at + 14, 4) + self._hardware(at + 18, 6)
                    + self._address(at + 24, 4))
        if site.kind == "gateway":
            return self._address(at, 4)
        if site.kind == "nd":
            change = self._address(at, 16)
            two = site.extra == 2
            change[two] += self._address(at[two] + 16, 16)
            return change
        if site.kind == "ip4":
            change = self._address(at + 12, 4) + self._address(at + 16, 4)
            self._adjust(at + 10, change)
            return change
        if site.kind == "ip6":
            return self._address(at + 8, 16) + self._address(at + 24, 16)
        if site.kind == "blank":
            change = self._blank(site)
            in_header = site.place >= 0
            self._adjust(site.place[in_header], change[in_header])
            return np.where(in_header, 0, change)
        return self._tcp_options(site)

    def _hardware(self, at: Ints, width: int) -> Ints:
        return self._write(at, self._mapping.hardware(self._rows(at, width)))

    def _address(self, at: Ints, width: int) -> Ints:
        if not len(at):
            return np.zeros(0, np.int64)
        return self._write(at, self._mapping.addresses(self._rows(at, width)))

    def _rows(self, at: Ints, width: int) -> NDArray[np.uint8]:
        rows: NDArray[np.uint8] = self._data[at[:, None] + np.arange(width)]
        return rows

    def _write(self, at: Ints, rows: NDArray[np.uint8]) -> Ints:
        places = at[:, None] + np.arange(rows.shape[1])
        before = _sums(self._data[places])
        self._data[places] = rows
        return _sums(rows) - before

    def _blank(self, site: Site) -> Ints:
        """Options become end-of-options or padding (both are zeros); they are rare, hence one by one."""
        change = np.zeros(len(site.at), np.int64)
        for i, (at, size) in enumerate(zip(site.at.tolist(), site.extra.tolist(), strict=True)):
            stretch = self._data[at:at + size]
            change[i] = -int(_sums(stretch[None, : size & ~1])[0])
            stretch[:] = 0
        return change

    def _tcp_options(self, site: Site) -> Ints:
        """Multipath TCP tells addresses and who belongs to whom (RFC 8684): those options become no-operations."""
        change = np.zeros(len(site.at), np.int64)
        at, left, index = site.at.copy(), site.extra.copy(), np.arange(len(site.at))
        while len(index):
            kind = self._data[at].astype(np.int64)
            long = (kind > _NOP) & (left >= 2)
            size = np.ones(len(at), np.int64)
            size[long] = self._data[at[long] + 1]
            for i in np.flatnonzero(long & (kind == _MPTCP) & (size <= left)).tolist():
                stretch = slice(int(at[i]), int(at[i] + size[i]))
                odd = (at[i] - site.at[index[i]]) & 1
                words = np.zeros((1, int(size[i] + odd + 1) & ~1), np.uint8)
                words[0, odd:odd + size[i]] = self._data[stretch]
                before = _sums(words)
                self._data[stretch] = _NOP
                words[0, odd:odd + size[i]] = _NOP
                change[index[i]] += int((_sums(words) - before)[0])
            go = (kind != 0) & (size >= 1) & (size < left) & ((size >= 2) | (kind == _NOP))
            at, left, index = at[go] + size[go], left[go] - size[go], index[go]
        return change

    # Checksums.

    def _mend(self, added: list[Ints]) -> None:
        inner = np.zeros(self._count, np.int64)  # what changed so far behind the place that has been reached
        begins = np.zeros(self._count, np.int64)  # where the outermost of it begins
        for site, change in zip(reversed(self._walk.sites), reversed(added), strict=True):
            packets = site.packets
            if site.kind == "l4":
                odd = ((begins[packets] - site.at) & 1).astype(bool) & (begins[packets] > 0)
                carried = np.where(odd, inner[packets] * 256, inner[packets]) % _MODULUS
                with_addresses = np.where(site.extra > 0, change, 0)
                has = site.place >= 0
                total = carried + with_addresses
                self._adjust(site.place[has], total[has], site.extra[has] == 3)
                # The field itself lies in what outer checksums cover, and has taken up all of the change but its own.
                inner[packets] = np.where(has, -with_addresses, carried)
            elif site.kind == "ip4":
                pass  # the header's own checksum has made up for its addresses
            else:
                inner[packets] += change
            begins[packets] = site.at

    def _adjust(self, at: Ints, change: Ints, zero_is_none: NDArray[np.bool_] | None = None) -> None:
        """Takes up a change of the sum in checksums; where 0 would say that there is none, it is 0xffff (RFC 768)."""
        change = change % _MODULUS
        some = change != 0
        at, change = at[some], change[some]
        none = np.zeros(len(at), bool) if zero_is_none is None else zero_is_none[some]
        old = self._data[at].astype(np.int64) << 8 | self._data[at + 1]
        total = (_MODULUS - old + change) % _MODULUS
        new = np.where(total == 0, 0, _MODULUS - total)  # a sum of data that are not all zero is never 0, but 0xffff
        new = np.where(none & (new == 0), _MODULUS, new)
        self._data[at], self._data[at + 1] = new >> 8, new & 0xFF


def _sums(rows: NDArray[np.uint8]) -> Ints:
    """Sums of the 16-bit words of each row."""
    sums: Ints = rows[:, 0::2].sum(axis=1, dtype=np.int64) * 256 + rows[:, 1::2].sum(axis=1, dtype=np.int64)
    return sums
