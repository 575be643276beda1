"""What a merged capture must hold, and what it holds: an obvious merge, and a reader that forgives nothing."""

from __future__ import annotations

import resource
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tapiary.meter import MergeResult, MergeSource, merge


@dataclass(frozen=True, order=True)
class Told:
    """A packet: nanoseconds since 1970, the number of its interface in the file, bytes, wire length, options."""

    time: int
    interface: int
    data: bytes
    wire: int
    options: dict[int, bytes] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True)
class Described:
    """An interface."""

    link_type: int
    snaplen: int
    name: str = ""
    description: str = ""


def merge_slowly(sources: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """(source, packet) in the order that the times of each source's packets ask for."""
    left = [list(times) for times in sources]
    order = []
    while any(left):
        first = min((times[0], source) for source, times in enumerate(left) if times)[1]
        order.append((first, len(sources[first]) - len(left[first])))
        left[first].pop(0)
    return order


def read(path: Path) -> tuple[list[Described], list[Told]]:
    """The interfaces and packets of a pcapng of one section in little-endian order; any flaw is a failed assertion."""
    data = path.read_bytes()
    interfaces: list[Described] = []
    resolutions: list[int] = []
    packets = []
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        body = data[at + 8 : at + length - 4]
        assert (kind == 0x0A0D0D0A) == (at == 0)
        at += length
        if kind == 1:
            link_type, _, snaplen = struct.unpack_from("<HHI", body)
            found = _options(body[8:])
            interfaces.append(Described(link_type, snaplen, found.get(2, b"").decode(), found.get(3, b"").decode()))
            resolutions.append(10 ** found.get(9, b"\6")[0])
        elif kind == 6:
            interface, high, low, captured, wire = struct.unpack_from("<5I", body)
            time = (high << 32 | low) * 10**9 // resolutions[interface]
            rest = _options(body[20 + captured + -captured % 4 :])
            packets.append(Told(time, interface, body[20 : 20 + captured], wire, rest))
    return interfaces, packets


def _options(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert data[2:] == b"\0\0"
            break
        found[code] = data[4 : 4 + length]
        assert len(found[code]) == length
        assert not any(data[4 + length : 4 + length + -length % 4])
        data = data[4 + length + -length % 4 :]
        assert data, "options without their end"
    return found


def written(folder: Path, *captures: bytes) -> list[MergeSource]:
    """Sources of these bytes with interfaces a, b, …"""
    sources = []
    for name, data in zip("abcdefgh", captures, strict=False):
        path = folder / f"{name}.cap"
        path.write_bytes(data)
        sources.append(MergeSource(path, name))
    return sources


def merged(folder: Path, *captures: bytes) -> tuple[MergeResult, list[Described], list[Told]]:
    """The result of merging these, its interfaces and its packets; its counts are checked."""
    target = folder / "merged.pcapng"
    result = merge(written(folder, *captures), target)
    interfaces, packets = read(target)
    assert result.packets == len(packets)
    assert result.bytes == target.stat().st_size
    assert not list(folder.glob(".*"))
    return result, interfaces, packets


@contextmanager
def limit(kind: int, most: int) -> Iterator[None]:
    """A limit of this process while the block runs."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)
