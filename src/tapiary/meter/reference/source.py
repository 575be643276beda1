"""A capture's bytes, whatever they were packed with."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def load(source: bytes | Path) -> tuple[bytes, str, bool]:
    """The whole capture unpacked, the packing ("", "gzip" or "zstd"), and whether the packed stream was whole."""
    raw = source if isinstance(source, bytes) else Path(source).read_bytes()
    if raw[:2] == GZIP_MAGIC:
        data, whole = _gunzip(raw)
        return data, "gzip", whole
    if raw[:4] == ZSTD_MAGIC:
        data, whole = _unzstd(raw)
        return data, "zstd", whole
    return raw, "", True


def _gunzip(raw: bytes) -> tuple[bytes, bool]:
    """RFC 1952: one member after the other, zeros after the last; damaged data give what comes before the damage."""
    out = bytearray()
    while raw.strip(b"\0"):
        member = zlib.decompressobj(wbits=31)
        try:
            for at in range(len(raw)):
                out += member.decompress(raw[at : at + 1])
                if member.eof:
                    break
        except zlib.error:
            return bytes(out), False
        if not member.eof:
            return bytes(out), False
        raw = raw[at + 1 :]
    return bytes(out), True


def _unzstd(raw: bytes) -> tuple[bytes, bool]:
    """RFC 8878: one frame after the other, else as gzip; the standard library has the format from Python 3.14 on."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    out = bytearray()
    while raw.strip(b"\0"):
        frame = zstd.ZstdDecompressor()
        try:
            for at in range(len(raw)):
                out += frame.decompress(raw[at : at + 1])
                if frame.eof:
                    break
        except zstd.ZstdError:
            return bytes(out), False
        if not frame.eof:
            return bytes(out), False
        raw = raw[at + 1 :]
    return bytes(out), True
