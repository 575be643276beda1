"""Captures as bytes: from a path or a stream, plain, gzip or zstd, read in blocks and never mapped."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

from tapiary.errors import InvalidInput, NotFound

#: Magic numbers of the compressions that are understood (RFC 1952, 2.3.1; RFC 8878, 3.1.1).
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


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
            self._raw = getattr(source, "raw", source) if not hasattr(source, "peek") else source
        head = _head(self._raw)
        self.compression = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
        self._plain: Any = self._raw
        self._pending = head
        if self._owned and self._raw.seekable():
            self._raw.seek(0)
            self._pending = b""
        if self.compression:
            import pyarrow as pa

            raw = self._raw if not self._pending else _Joined(self._pending, self._raw)
            self._pending = b""
            self._plain = pa.CompressedInputStream(pa.PythonFile(raw, "r"), self.compression)

    def readinto(self, room: memoryview) -> int:
        """Fills some of room and returns how many bytes; 0 at the end, also where compressed data are damaged."""
        if self._pending:
            n = min(len(self._pending), len(room))
            room[:n] = self._pending[:n]
            self._pending = self._pending[n:]
            return n
        if not self.compression:
            return self._plain.readinto(room) or 0
        try:
            return int(self._plain.readinto(room))
        except (OSError, EOFError):
            self.damaged = True
            return 0

    def position(self) -> int:
        """Bytes of the file itself that were read so far: for progress."""
        try:
            return int(self._raw.tell())
        except (OSError, AttributeError, io.UnsupportedOperation):
            return 0

    def close(self) -> None:
        """Closes what this object opened."""
        if self._owned:
            self._raw.close()


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


class _Joined(io.RawIOBase):
    """Bytes already read, then the stream that they came from."""

    def __init__(self, head: bytes, raw: Any) -> None:
        self._head, self._raw = head, raw

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return bytes(self._raw.read(size) or b"")
