"""Plain pcap files: where the last whole record ends, and several files as one. Nothing is read as a whole."""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tapiary.errors import InvalidInput

GLOBAL_BYTES, RECORD_BYTES = 24, 16
#: A record longer than this is damage: tcpdump's largest snapshot length, with room for what drivers add.
MAX_RECORD_BYTES = 1 << 20
_MAGIC = {0xA1B2C3D4: 1_000_000, 0xA1B23C4D: 1_000_000_000}
_BLOCK = 1 << 20


class Header(NamedTuple):
    """A file's global header: byte order ("<" or ">"), parts of a second, link type with its flags."""

    order: str
    fraction: int
    link_type: int
    raw: bytes


def read_header(file: BinaryIO) -> Header:
    """The global header. Raises InvalidInput when this is no pcap file."""
    raw = file.read(GLOBAL_BYTES)
    for order in "<>":
        if len(raw) == GLOBAL_BYTES:
            magic, link_type = struct.unpack(order + "I16xI", raw)
            if magic in _MAGIC:
                return Header(order, _MAGIC[magic], link_type, raw)
    raise InvalidInput("this is no pcap file", field="file", code="no_capture")


def sound_bytes(path: Path) -> int:
    """How much of a file is whole records; 0 when not even the header is. Raises OSError."""
    with path.open("rb") as file:
        try:
            header = read_header(file)
        except InvalidInput:
            return 0
        unpack = struct.Struct(header.order + "8xI4x").unpack_from
        at, block, size = GLOBAL_BYTES, b"", os.fstat(file.fileno()).st_size
        start = at
        while at + RECORD_BYTES <= size:
            if at + RECORD_BYTES > start + len(block):
                file.seek(at)
                start, block = at, file.read(_BLOCK)
                if len(block) < RECORD_BYTES:
                    return at
            (length,) = unpack(block, at - start)
            if length > MAX_RECORD_BYTES or at + RECORD_BYTES + length > size:
                return at
            at += RECORD_BYTES + length
        return at


def append(target: BinaryIO, source: Path) -> None:
    """Write a file's records behind those of `target`, or all of it when `target` is empty.

    Raises InvalidInput when the two do not go together, OSError.
    """
    with source.open("rb") as file:
        header = read_header(file)
        if target.tell() == 0:
            target.write(header.raw)
        else:
            here = target.tell()
            target.seek(0)
            first = read_header(target)
            target.seek(here)
            if (first.order, first.fraction, first.link_type) != (header.order, header.fraction, header.link_type):
                raise InvalidInput("captures of different link types do not fit into one pcap file", field="file")
        while block := file.read(_BLOCK):
            target.write(block)


def merge(groups: Sequence[Sequence[Path]], target: BinaryIO) -> None:
    """Write the records of several files into one by time; each group holds files that follow each other.

    Raises InvalidInput when they do not go together, OSError.
    """
    with groups[0][0].open("rb") as file:
        first = read_header(file)
    target.write(first.raw)
    for _time, record in heapq.merge(*(_records(group, first) for group in groups), key=lambda pair: pair[0]):
        target.write(record)


def _records(group: Sequence[Path], like: Header) -> Iterator[tuple[int, bytes]]:
    for path in group:
        with path.open("rb", buffering=_BLOCK) as file:
            header = read_header(file)
            if (header.order, header.fraction, header.link_type) != (like.order, like.fraction, like.link_type):
                raise InvalidInput("captures of different link types do not fit into one pcap file", field="file")
            unpack = struct.Struct(header.order + "III4x").unpack
            while len(head := file.read(RECORD_BYTES)) == RECORD_BYTES:
                seconds, fraction, length = unpack(head)
                data = file.read(length)
                if len(data) < length:
                    return
                yield seconds * header.fraction + fraction, head + data
