"""Downloads: into a `.part` file that is renamed when it is whole, and gone on with where a connection broke."""

from __future__ import annotations

import email.message
import json
import os
import re
from pathlib import Path
from typing import IO, Any, Callable, Union

import httpx

from pytci import _retry
from pytci._answers import mime
from pytci._effects import AS_TOLD, FOR_EVER, Close, Plan, Request, ask, read, run, session, sleep
from pytci._progress import Bytes, bytes_line
from pytci._session import failure
from pytci.errors import APIError, ConnectionFailed, PyTCIError, Timeout, UnexpectedAnswer

Where = Union[str, "os.PathLike[str]", None]
#: Called with the bytes that are there and the bytes of the whole, None where the hive does not say.
BytesProgress = Callable[[int, Union[int, None]], object]
RANGE_REFUSED = 416


class Part:
    """The file that is being written, and a note beside it of which version of the file it is a part."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")

    def state(self) -> tuple[str, int]:
        """The version's strong ETag and the bytes that are there; ("", 0) when there is nothing to go on with."""
        try:
            etag = json.loads(self._note.read_text(encoding="utf-8"))["etag"]
            size = self.path.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return "", 0
        return (etag, size) if isinstance(etag, str) and etag and size else ("", 0)

    def open(self, start: int, etag: str) -> IO[bytes]:
        """The file for writing from a position on; what lies behind it goes."""
        if not start:
            self._note.unlink(missing_ok=True)
        file: IO[bytes] = self.path.open("r+b" if start else "wb")
        file.truncate(start)
        file.seek(start)
        if etag and not start:
            self._note.write_text(json.dumps({"etag": etag}), encoding="utf-8")
        return file

    def forget(self) -> None:
        """Remove what is there."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> Path:
        """Give the whole file its name."""
        os.replace(self.path, self.target)
        self._note.unlink(missing_ok=True)
        return self.target


def download(
    path: str,
    where: Where,
    *,
    params: tuple[tuple[str, str], ...] = (),
    authorization: str | None = None,
    progress: bool | BytesProgress = False,
    resume: bool = True,
    patient: bool = False,
    body: Any = None,
    accept: str = "",
) -> Plan[Path]:
    """Download into a file, or into a folder under the name that the hive gives. Returns where it is.

    patient: the hive has to work before the first byte comes. body: what is asked, as JSON that is posted; accept: the
    form in which the answer is wanted.

    An existing file is replaced when it was named, and is an error when the hive named it.
    """
    named = Path(os.fspath(where)) if where is not None else Path()
    part = None if named.is_dir() else Part(named)
    retries, tries = (yield from session()).retries, 0
    line = bytes_line(progress, named.name)
    try:
        while True:
            etag, have = part.state() if part and resume else ("", 0)
            headers = [("Accept-Encoding", "identity")] + ([("Accept", accept)] if accept else [])
            if have:
                headers += [("Range", f"bytes={have}-"), ("If-Range", etag)]
            request = Request("GET" if body is None else "POST", path, params, body, tuple(headers), authorization,
                              stream=True, patience=FOR_EVER if patient else AS_TOLD)
            try:
                response = yield from ask(request)
            except APIError as error:
                if error.status == RANGE_REFUSED and part and have:
                    yield from run(part.forget)
                    continue
                raise
            except (ConnectionFailed, Timeout):
                if not have or tries >= retries:
                    raise
                tries += 1
                yield from sleep(_retry.pause(tries))
                continue
            try:
                if part is None:
                    part = Part(named / name_of(response))
                    _refuse_existing(part.target)
                    if resume and part.state()[0] == strong_etag(response) != "":
                        continue
                broken = yield from _receive(response, part, have, line)
            finally:
                yield Close(response)
            if broken is None:
                return (yield from run(part.finish))
            tries = tries + 1 if part.path.stat().st_size <= have else 1
            if tries > retries:
                raise failure(str(response.request.url), broken) from broken
            yield from sleep(_retry.pause(tries))
    finally:
        line.end()


def _receive(response: httpx.Response, part: Part, have: int, line: Bytes) -> Plan[httpx.TransportError | None]:
    """Write what comes; returns why it ended before the whole was there, None when it is."""
    _check_kind(response)
    start, total = span(response, have)
    done = start
    file: Any = yield from run(lambda: part.open(start, strong_etag(response)))
    try:
        line.show(done, total)
        while True:
            try:
                data = yield from read(response)
            except httpx.TransportError as error:
                return error
            if not data:
                break
            yield from run(lambda piece=data: file.write(piece))  # type: ignore[misc]
            done += len(data)
            line.show(done, total)
        yield from run(lambda: _settle(file))
    finally:
        file.close()
    if total is not None and done != total:
        return httpx.RemoteProtocolError(f"the connection ended after {done:,} of {total:,} bytes")
    return None


def span(response: httpx.Response, have: int) -> tuple[int, int | None]:
    """Where the answer's bytes belong, and how many the whole file has (RFC 9110, 14.4)."""
    if response.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("content-range", ""))
        if not found or int(found[1]) != have:
            raise UnexpectedAnswer("the hive sent another part of the file than was asked for")
        return have, None if found[3] == "*" else int(found[3])
    length = response.headers.get("content-length", "")
    return 0, int(length) if length.isdigit() else None


def strong_etag(response: httpx.Response) -> str:
    """The answer's ETag when it stands for the exact bytes and parts can be had; else empty."""
    etag: str = response.headers.get("etag", "")
    parts = response.headers.get("accept-ranges", "").lower() == "bytes" or response.status_code == 206
    return etag if parts and etag.startswith('"') else ""


def name_of(response: httpx.Response) -> str:
    """The file's name as the answer suggests it, without anything that leads elsewhere."""
    message = email.message.Message()
    message["Content-Disposition"] = response.headers.get("content-disposition", "attachment")
    name = re.split(r"[/\\]", message.get_filename() or "")[-1]
    name = "".join(c for c in name if c.isprintable() and c not in ':*?"<>|').lstrip(". ").rstrip()
    return name[:200] or "download"


def _settle(file: IO[bytes]) -> None:
    """See to it that the bytes are on the disk before the file gets its name."""
    file.flush()
    os.fsync(file.fileno())


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise PyTCIError(f"{target} is there already; name the file to replace it")


def _check_kind(response: httpx.Response) -> None:
    if mime(response) == "text/html":
        raise UnexpectedAnswer("a web page came instead of the file; is this the address of a hive?")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UnexpectedAnswer("the file came compressed although that was not asked for")
