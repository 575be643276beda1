"""A small hive for the drone's tests: real Socket.IO and HTTP on a free port, in both dialects."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import socketio
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

TOKEN = "the-drone-token"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        pass

    def log(self, *_: Any) -> None:
        pass


class Hive:
    """`dialect` 0 speaks TCI's protocol only. What the drone said is in `heard`, files in `parts` and `files`."""

    def __init__(self, dialect: int = 1, port: int = 0) -> None:
        self.dialect = dialect
        self.heard: list[tuple[str, Any]] = []
        self.parts: dict[int, dict[int, bytearray]] = {}
        self.interfaces: dict[int, str] = {}
        self.completions: list[tuple[int, dict[str, Any]]] = []
        self.files: dict[int, bytes] = {}
        self.chunks: dict[int, list[bytes]] = {}
        self.encodings: list[str] = []
        #: Told what to answer to a PATCH instead of storing it: (status, headers, body), once each.
        self.refuse: list[tuple[str, dict[str, Any]]] = []
        #: Break the connection after so many bytes of a PATCH, once each.
        self.break_after: list[int] = []
        self.gone: set[int] = set()
        self.ask_again: list[list[int]] = []
        #: Cleared: a PATCH waits after its first bytes; `holding` says that one does.
        self.hold = threading.Event()
        self.hold.set()
        self.holding = False
        self.sid = ""
        self.connections = 0
        self._lock = threading.Lock()
        self.io = socketio.Server(async_mode="threading", max_http_buffer_size=2_000_000)
        self.io.on("connect", self._connect)
        self.io.on("disconnect", self._disconnect)
        for event in ("drone_init", "drone_update_status", "job_update", "upload", "live"):
            self.io.on(event, self._hearer(event))
        self.server = ThreadedWSGIServer("127.0.0.1", port, socketio.WSGIApp(self.io, self._http), handler=_Quiet)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Vanish, as when killed."""
        self.server.shutdown()
        self.server.server_close()
        if self.sid:
            sid, self.sid = self.sid, ""
            with suppress(Exception):
                self.io.disconnect(sid)

    # Socket.IO.

    def _connect(self, sid: str, _environ: Any, auth: Any = None) -> None:
        if not isinstance(auth, dict) or auth.get("token") != TOKEN:
            raise socketio.exceptions.ConnectionRefusedError("unknown token")
        self.sid = sid
        self.connections += 1

    def _disconnect(self, sid: str, *_: Any) -> None:
        if self.sid == sid:
            self.sid = ""

    def _hearer(self, event: str) -> Callable[..., Any]:
        def hear(_sid: str, data: Any = None) -> Any:
            assert isinstance(data, str)
            message = json.loads(data)
            self.heard.append((event, message))
            if event == "drone_init":
                return json.dumps({"dialect": self.dialect}) if self.dialect else True
            if event == "upload":
                return self._chunk(message)
            return None

        return hear

    def _chunk(self, message: dict[str, Any]) -> tuple[int, int]:
        job, number, total = message["job_id"], message["chunk_number"], message["total_number_of_chunks"]
        chunks = self.chunks.setdefault(job, [])
        assert number == len(chunks) + 1
        chunks.append(base64.b64decode(message["chunk_bytes"]))
        if number < total:
            self.send("get_chunk", {"chunk_number": number + 1, "job_id": job})
            return 202, job
        self.files[job] = b"".join(chunks)
        return 200, job

    def send(self, event: str, message: Any = None) -> None:
        """Say something to the drone."""
        self.io.emit(event, None if message is None else json.dumps(message), to=self.sid)

    def call(self, event: str, message: Any, timeout_s: float = 20.0) -> Any:
        """Ask the drone; its acknowledgement."""
        return self.io.call(event, json.dumps(message), to=self.sid, timeout=timeout_s)

    def said(self, event: str) -> list[Any]:
        """All that the drone said under this event."""
        return [message for name, message in list(self.heard) if name == event]

    def updates(self, job: int) -> list[str]:
        """The states of a job in the order in which they were told."""
        return [message["status"] for message in self.said("job_update") if message["id"] == job]

    # HTTP.

    def _http(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        def answer(status: str, body: Any, headers: list[tuple[str, str]] | None = None) -> list[bytes]:
            data = json.dumps(body).encode()
            start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data))), *(headers or [])])
            return [data]

        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
            return answer("401 Unauthorized", {"error": "unauthorized", "message": "who?"})
        words = environ["PATH_INFO"].strip("/").split("/")
        if words[:3] != ["hive", "v1", "captures"] or not self.dialect:
            return answer("404 Not Found", {"error": "not_found", "message": "nothing here"})
        job, what = int(words[3]), words[4]
        if job in self.gone:
            return answer("410 Gone", {"error": "gone", "message": "archived"})
        mine = self.parts.setdefault(job, {})
        if environ["REQUEST_METHOD"] == "GET":
            return answer("200 OK", {"parts": [
                {"number": n, "interface": self.interfaces.get(n, ""), "received": len(data), "complete": False}
                for n, data in mine.items()]})
        if environ["REQUEST_METHOD"] == "PATCH":
            return self._patch(environ, answer, mine, int(words[5]))
        assert what == "complete"
        completion = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        self.completions.append((job, completion))
        wrong = [p["number"] for p in completion["parts"]
                 if hashlib.sha256(mine.get(p["number"], b"")).hexdigest() != p["sha256"]
                 or len(mine.get(p["number"], b"")) != p["size"]]
        if self.ask_again:
            wrong = self.ask_again.pop(0)
            for number in wrong:
                mine.pop(number, None)
        if wrong:
            return answer("409 Conflict", {"again": wrong})
        self.files[job] = b"".join(bytes(data) for _n, data in sorted(mine.items()))
        return answer("200 OK", {})

    def _patch(self, environ: dict[str, Any], answer: Callable[..., list[bytes]], mine: dict[int, bytearray],
               number: int) -> Iterable[bytes]:
        from urllib.parse import parse_qs

        from backports import zstd

        if self.refuse:
            status, body = self.refuse.pop(0)
            _drain(environ)
            return answer(status, body)
        offset = int(environ["HTTP_UPLOAD_OFFSET"])
        with self._lock:
            data = mine.setdefault(number, bytearray())
        self.interfaces[number] = parse_qs(environ["QUERY_STRING"])["interface"][0]
        if offset != len(data):
            _drain(environ)
            return answer("409 Conflict", {"error": "wrong_offset", "message": "", "received": len(data)})
        encoding = environ.get("HTTP_CONTENT_ENCODING", "")
        self.encodings.append(encoding)
        unpack = zstd.ZstdDecompressor() if encoding == "zstd" else None
        limit = self.break_after.pop(0) if self.break_after else None
        for block in _body(environ):
            data += unpack.decompress(block) if unpack else block
            self.holding = not self.hold.is_set()
            self.hold.wait(20)
            if limit is not None and len(data) >= limit:
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
                raise ConnectionAbortedError
        return answer("200 OK", {"received": len(data)})


def _body(environ: dict[str, Any]) -> Iterable[bytes]:
    stream: io.BufferedIOBase = environ["wsgi.input"]
    left = int(environ["CONTENT_LENGTH"]) if environ.get("CONTENT_LENGTH") else None
    while left is None or left:
        block = stream.read(65_536 if left is None else min(65_536, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block


def _drain(environ: dict[str, Any]) -> None:
    for _ in _body(environ):
        pass


def until(what: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for something to become true; its value. Raises AssertionError when it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come true in time")
