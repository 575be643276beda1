"""Bodies of requests as streams that end where the connection broke, plain or out of zstd."""

from __future__ import annotations

import io
import sys
from typing import Any, BinaryIO

from tapiary.errors import InvalidInput
from tapiary.telemetry import logger

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

log = logger("api")

#: Bytes asked of the connection, and given out of the decompressor, at once.
STEP_BYTES = 1 << 18
#: The largest window that a frame may need: 8 MiB, as RFC 9659 has it for zstd over HTTP.
WINDOW_LOG = 23


class Body(io.RawIOBase):
    """A request's body; `torn` says after its end that the connection broke, and nothing is raised for that."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.torn = False

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is, at most as much as fits."""
        data = self._next(min(len(buffer), STEP_BYTES))
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        if not self.torn:
            try:
                return self._stream.read(size)
            except Exception as error:  # noqa: BLE001 - each server has its own; what has arrived must not be lost
                log.debug("a body broke off: %s", error)
                self.torn = True
            try:
                # gunicorn keeps what it had read for the call that failed.
                return self._stream.read(size)
            except Exception as error:  # noqa: BLE001
                log.debug("after the break: %s", error)
        return b""


class Unpacked(io.RawIOBase):
    """What zstd frames hold: little by little, so that a small body cannot fill the memory.

    Ends at the first byte that is no zstd; `check` then raises.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._decompressor = _decompressor()
        self._rest = b""
        self._fault: str | None = None

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is, at most as much as fits."""
        size = min(len(buffer), STEP_BYTES)
        while self._fault is None:
            try:
                if self._decompressor.eof:
                    self._rest = self._decompressor.unused_data or self._body.read(STEP_BYTES)
                    if not self._rest:
                        return 0
                    self._decompressor = _decompressor()
                elif self._decompressor.needs_input and not self._rest:
                    self._rest = self._body.read(STEP_BYTES)
                    if not self._rest:
                        return 0
                given, self._rest = self._rest, b""
                data = self._decompressor.decompress(given, size)
            except zstd.ZstdError as error:
                self._fault = str(error)
                return 0
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0

    def check(self) -> None:
        """Raise InvalidInput when the body was no zstd, or needs too large a window."""
        if self._fault is not None:
            what = f"body: no zstd within a window of {1 << WINDOW_LOG} bytes: {self._fault}"
            raise InvalidInput(what, field="body", code="bad_zstd")


def _decompressor() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
