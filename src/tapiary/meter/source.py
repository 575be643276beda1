"""Captures as bytes: from a path or a stream, plain, gzip or zstd, read in blocks and never mapped."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from tapiary.errors import InvalidInput, NotFound

#: Magic numbers of the compressions that are understood (RFC 1952, 2.3.1; RFC 8878, 3.1.1).
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_READ_BYTES = 1 << 18


class Source:
    """A capture opened for one pass. `compression` is "", "gzip" or "zstd"; `total` is the size of a path's file.

    Raises NotFound or InvalidInput (field "file") when it cannot be opened.
    """

    def __init__(self, source: Path | BinaryIO) -> None:
        self._raw: Any
        self.total: int | None = None
        self._owned = isinstance(source, (str, os.PathLike))
        self.damaged = False
        if isinstance(source, (str, os.PathLike)):
            self._raw = _open(Path(source))
            self.total = os.fstat(self._raw.fileno()).st_size
        else:
            self._stream = source       # held: a buffered stream that nobody holds closes the file under it
            self._raw = _unbuffered(source)
        head = _head(self._raw)
        self._taken = len(head)
        self.compression = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
        self._pending = head
        if self._owned and self._raw.seekable():
            self._raw.seek(0)
            self._pending = b""
        self._unpacker: Any = None
        self._over = False
        self._ahead = memoryview(b"")

    def descriptor(self) -> int | None:
        """The file descriptor that gives the capture as it is, None where its bytes must pass through here.

        What `head` holds comes before what the descriptor gives.
        """
        return None if self.compression or not isinstance(self._raw, io.FileIO) else self._raw.fileno()

    def head(self) -> bytes:
        """Takes the bytes that were read already to see what they are."""
        head, self._pending = self._pending, b""
        return head

    def readinto(self, room: memoryview) -> int:
        """Fills some of room and returns how many bytes; 0 at the end, also where compressed data break off."""
        if self.compression:
            return self._unpacked(room)
        if self._pending:
            n = min(len(self._pending), len(room))
            room[:n] = self._pending[:n]
            self._pending = self._pending[n:]
            return n
        return self._raw.readinto(room) or 0

    def _unpacked(self, room: memoryview) -> int:
        while not self._ahead and not self._over:
            self._ahead = memoryview(self._unpack_some(len(room)))
        n = min(len(self._ahead), len(room))
        room[:n] = self._ahead[:n]
        self._ahead = self._ahead[n:]
        return n

    def _unpack_some(self, most: int) -> bytes:
        unpacker = self._unpacker
        begins = unpacker is None or unpacker.eof       # a file may hold several members
        packed = self._packed() if begins or unpacker.needs_input else b""
        ends = not packed and (begins or unpacker.needs_input)
        if begins:
            if not packed.strip(b"\0"):                 # the end, or padding behind the last member
                self._over = not packed
                return b""
            self._unpacker = unpacker = _unpacker(self.compression)
        try:
            unpacked = bytes(unpacker.decompress(packed, most))
        except (OSError, ValueError, EOFError, _zstd().ZstdError):
            self.damaged = self._over = True
            return b""
        if unpacker.eof:
            self._pending = unpacker.unused_data
        elif ends and not unpacked:
            self.damaged = self._over = True
        return unpacked

    def _packed(self) -> bytes:
        packed, self._pending = self._pending, b""
        if not packed:
            packed = bytes(self._raw.read(_READ_BYTES) or b"")
            self._taken += len(packed)
        return packed

    def position(self) -> int:
        """Bytes of the file itself that were read so far: for progress."""
        try:
            return int(self._raw.tell())
        except (OSError, AttributeError, io.UnsupportedOperation):
            return self._taken if self.compression else 0

    def close(self) -> None:
        """Closes what this object opened."""
        if self._owned:
            self._raw.close()


def _unbuffered(stream: BinaryIO) -> Any:
    """The file under a buffered stream from which nothing was read yet, else the stream."""
    raw = getattr(stream, "raw", None)
    if isinstance(stream, io.BufferedReader) and isinstance(raw, io.FileIO) and not _was_read(stream):
        return raw
    return stream


def _was_read(stream: io.BufferedReader) -> bool:
    try:
        return stream.tell() != stream.raw.tell()
    except OSError:     # a pipe: only its buffer could tell, and asking would fill it
        return False


def _open(path: Path) -> Any:
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", field="file") from None
    except IsADirectoryError:
        raise InvalidInput(f"{path} is a folder, not a capture", field="file") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", field="file") from None


def _head(raw: Any) -> bytes:
    """The first four bytes, or all when there are fewer."""
    head = b""
    while len(head) < 4:
        more = raw.read(4 - len(head))
        if not more:
            break
        head += more
    return head


class _Gunzip:
    """One member of a gzip file, with the interface of the standard library's decompressors."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._damage = ""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most max_length bytes more; raises ValueError where the data are damaged, after all that came before."""
        if self._damage:
            raise ValueError(self._damage)
        packed = self._stream.unconsumed_tail + data
        before = self._stream.copy()    # zlib forgets what it had unpacked when it meets the damage
        try:
            return self._stream.decompress(packed, max_length)
        except zlib.error as error:
            self._damage = str(error)
        unpacked = bytearray()
        with contextlib.suppress(zlib.error):
            for at in range(len(packed)):
                unpacked += before.decompress(packed[at : at + 1])
        return bytes(unpacked)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail and not self._stream.eof and not self._damage

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


def _unpacker(compression: str) -> Any:
    return _Gunzip() if compression == "gzip" else _zstd().ZstdDecompressor()


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd

