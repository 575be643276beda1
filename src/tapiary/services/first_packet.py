"""When a capture's first packet was seen, read from the first bytes of the file.

Enough to list a file that was never processed; the meter does the real reading. Formats: pcap
(draft-ietf-opsawg-pcap), pcapng (draft-ietf-opsawg-pcapng), each plain or in gzip or zstd.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

#: How far to look for the first packet: interface blocks and decryption secrets may stand before it.
LOOK_AHEAD = 1 << 20

_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\xcd\x34": (">", 1e-6),
    b"\x34\xcd\xb2\xa1": ("<", 1e-6),
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
#: Block types of pcapng that matter here.
_INTERFACE, _PACKET, _ENHANCED = 1, 2, 6
_IF_TSRESOL, _IF_TSOFFSET = 9, 14


def looks_like_capture(head: bytes) -> bool:
    """Whether a file that begins so may be a capture, packed or not."""
    return head[:4] in _PCAP or head[:4] in (_SECTION, _ZSTD) or head[:2] == _GZIP


def first_time(path: Path) -> float | None:
    """Seconds since 1970 of the first packet, None when the file tells none (empty, or no capture)."""
    try:
        with path.open("rb") as file:
            head = _unpacked(file)
    except (OSError, EOFError, zlib.error):
        return None
    try:
        if head[:4] in _PCAP:
            order, unit = _PCAP[head[:4]]
            seconds, fraction = struct.unpack_from(order + "II", head, 24)
            return float(seconds + fraction * unit)
        if head[:4] == _SECTION:
            return _first_of_pcapng(head)
    except (struct.error, OverflowError):
        pass
    return None


def _unpacked(file: BinaryIO) -> bytes:
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == _GZIP:
        with gzip.open(file) as stream:
            return _read_up_to(stream)
    if magic == _ZSTD:
        import pyarrow as pa

        with pa.input_stream(pa.PythonFile(file, mode="r"), compression="zstd") as stream:
            return _read_up_to(stream)
    return file.read(LOOK_AHEAD)


def _read_up_to(stream: BinaryIO | io.BufferedIOBase) -> bytes:
    """As much as the stream gives: a packed capture may be cut off in its middle."""
    parts: list[bytes] = []
    left = LOOK_AHEAD
    try:
        while left > 0 and (part := stream.read(min(left, 1 << 16))):
            parts.append(part)
            left -= len(part)
    except (OSError, EOFError, zlib.error):
        pass
    return b"".join(parts)


def _first_of_pcapng(head: bytes) -> float | None:
    order = "<" if head[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    at = 0
    clocks: list[tuple[float, int]] = []
    while at + 12 <= len(head):
        kind, length = struct.unpack_from(order + "II", head, at)
        if kind == int.from_bytes(_SECTION, "big"):
            order = "<" if head[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            length = struct.unpack_from(order + "I", head, at + 4)[0]
            clocks = []
        elif kind == _INTERFACE:
            clocks.append(_clock(head[at + 16 : at + length - 4], order))
        elif kind in (_ENHANCED, _PACKET):
            interface = struct.unpack_from(order + ("I" if kind == _ENHANCED else "H"), head, at + 8)[0]
            high, low = struct.unpack_from(order + "II", head, at + 12)
            unit, offset = clocks[interface] if interface < len(clocks) else (1e-6, 0)
            return float((high << 32 | low) * unit + offset)
        if length < 12:
            return None
        at += length
    return None


def _clock(options: bytes, order: str) -> tuple[float, int]:
    """An interface's unit of time in seconds, and its offset in seconds."""
    unit, offset, at = 1e-6, 0, 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        value = options[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == _IF_TSRESOL and value:
            unit = 2.0 ** -(value[0] & 0x7F) if value[0] & 0x80 else 10.0 ** -value[0]
        if code == _IF_TSOFFSET and len(value) == 8:
            offset = struct.unpack(order + "q", value)[0]
        at += 4 + (length + 3 & ~3)
    return unit, offset
