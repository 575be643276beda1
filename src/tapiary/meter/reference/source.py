"""A capture's bytes, whatever they were packed with."""

from __future__ import annotations

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
    """RFC 1952: one member after the other; what is no member after the last one is ignored, as gzip does."""
    out = bytearray()
    while raw[:2] == GZIP_MAGIC:
        member = zlib.decompressobj(wbits=31)
        try:
            # In small pieces, so that a damaged member still gives what came before the damage.
            for start in range(0, len(raw), 512):
                out += member.decompress(raw[start : start + 512])
                if member.eof:
                    raw = member.unused_data + raw[start + 512 :]
                    break
        except zlib.error:
            return bytes(out), False
        if not member.eof:
            return bytes(out), False
    return bytes(out), True


def _unzstd(raw: bytes) -> tuple[bytes, bool]:
    """RFC 8878, through Arrow's codec (the standard library has one from Python 3.14 on)."""
    import pyarrow as pa

    out = bytearray()
    stream = pa.CompressedInputStream(pa.BufferReader(raw), "zstd")
    try:
        while piece := stream.read(1 << 16):
            out += piece
    except (OSError, pa.ArrowException):
        return bytes(out), False
    return bytes(out), True
