"""Bodies of requests: JSON objects, and what may be large: plain or packed by gzip or zstd, never more than a limit."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from typing import Any, BinaryIO, TypeVar, cast

import msgspec
from flask import request
from werkzeug.wsgi import get_input_stream

from tapiary.api.context import services
from tapiary.errors import InvalidInput, TooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

T = TypeVar("T")

#: Bytes that are read at once.
STEP_BYTES = 1 << 18
#: The largest window that a zstd frame may need: 8 MiB, as RFC 9659 has it for zstd over HTTP.
WINDOW_LOG = 23


def pass_over() -> None:
    """Read the body of a GET or DELETE, and let it go.

    Some clients send the whole lookup along, where it means nothing; and the server breaks connections off on which
    more than a little is left unread. Raises RequestEntityTooLarge above indexes.max_body_bytes.
    """
    if request.method not in ("GET", "DELETE"):
        return
    limit = services().config.indexes.max_body_bytes
    stream = get_input_stream(request.environ, max_content_length=limit)
    while stream.read(STEP_BYTES):
        pass


def json_object() -> dict[str, Any]:
    """The body, which must be a JSON object. Raises InvalidInput."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InvalidInput("body: must be a JSON object, sent with Content-Type: application/json", field="body")
    return body


def large_json(kind: type[T], limit: int, setting: str) -> T:
    """The body as JSON of a kind, unpacked. Raises InvalidInput, and TooLarge above the limit of bytes."""
    data = unpacked(limit, setting).read()
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        what = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidInput(f"body: {what}", field="body") from None


def unpacked(limit: int, setting: str) -> BinaryIO:
    """The body as it was before its Content-Encoding.

    Raises InvalidInput for another encoding; reading raises it for a broken one, and TooLarge above the limit of
    bytes, which `setting` is named for.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    packed = cast(BinaryIO, io.BufferedReader(_Whole(cast(BinaryIO, request.stream), request.content_length)))
    if encoding == "identity":
        if (request.content_length or 0) > limit:
            raise _too_large(limit, setting)
        body: Any = packed
    elif encoding in ("gzip", "x-gzip"):
        body = gzip.GzipFile(fileobj=packed, mode="rb")
    elif encoding == "zstd":
        body = zstd.ZstdFile(packed, options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
    else:
        raise InvalidInput("Content-Encoding: must be gzip, zstd or identity", field="Content-Encoding")
    return cast(BinaryIO, io.BufferedReader(_Limited(body, limit, setting), buffer_size=STEP_BYTES))


class _Whole(io.RawIOBase):
    """A body that must come to its end: what a broken connection leaves of a file of rows looks like a file."""

    def __init__(self, stream: BinaryIO, length: int | None) -> None:
        self._stream, self._length = stream, length
        self._read = 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is, at most as much as fits. Raises InvalidInput where the connection broke."""
        try:
            data = self._stream.read(len(buffer))
        except Exception as error:  # each server has its own
            raise InvalidInput("body: broke off", field="body") from error
        self._read += len(data)
        if not data and self._length is not None and self._read < self._length:
            raise InvalidInput(f"body: broke off after {self._read} of {self._length} bytes", field="body")
        buffer[: len(data)] = data
        return len(data)


class _Limited(io.RawIOBase):
    """A stream that is read up to a limit; what is wrong with it is the caller's fault."""

    def __init__(self, stream: BinaryIO, limit: int, setting: str) -> None:
        self._stream, self._limit, self._setting = stream, limit, setting
        self._read = 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is, at most as much as fits. Raises InvalidInput and TooLarge."""
        try:
            data = self._stream.read(len(buffer))
        except (gzip.BadGzipFile, zlib.error, zstd.ZstdError, EOFError) as error:
            encoding = request.headers.get("Content-Encoding", "")
            raise InvalidInput(f"body: is not whole, or no {encoding}: {error}", field="body") from None
        self._read += len(data)
        if self._read > self._limit:
            raise _too_large(self._limit, self._setting)
        buffer[: len(data)] = data
        return len(data)


def _too_large(limit: int, setting: str) -> TooLarge:
    return TooLarge(f"body: has more than {limit} bytes ({setting})", field="body")
