"""A small hive over real HTTP: TCI's routes as far as the tests need them, in memory, and faults on demand."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable
from urllib.parse import parse_qsl, unquote, urlsplit

TOKEN = "application-token-of-the-tests"
PASSWORD = "correct horse"
CONTENT = bytes(range(256)) * 4096  # 1 MiB


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    params: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass
class Answer:
    """An answer; `cut` ends the connection after so many bytes of the body, -1 before any answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunked: bool = False

    def encoded(self) -> bytes:
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        self.headers.setdefault("Content-Type", "application/json")
        return json.dumps(self.body, indent=2).encode()


def refusal(status: int, message: str) -> Answer:
    words = {400: "bad request", 401: "unauthorized", 403: "forbidden", 404: "not found", 500: "internal"}
    return Answer(status, {"error": words.get(status, "error"), "message": message})


def job(number: int = 1, **members: Any) -> dict[str, Any]:
    """A job as TCI's hive tells it."""
    drone = {"name": "CaptureLine1", "color": "#6c757d", "description": "", "capture_backend": "tcpdump",
             "captured_data": 1234, "captured_data_human": "1.2 kB", "status": "In progress", "status_msg": ""}
    return {
        "id": number, "owner": "Admin", "name": "My new job!", "filter": "", "duration": 10,
        "duration_human": "10 seconds", "max_capture_data": 50_000, "max_capture_data_human": "50.0 kB",
        "paused_duration": 0, "paused_max_capture_data": 0, "status": "In progress",
        "status_msg": "Job in progress.", "start_time": "2026-11-23 09:30:00", "end_time": "2026-11-23 09:30:10",
        "script_args": "", "script_name": None, "captured_data": 1234, "captured_data_human": "1.2 kB",
        "destination_id": None, "priority": 0, "ndp_trim_bytes": 0, "ndp_capture_all": False, "drones": [drone],
        "archived_at": None, **members,
    }


class Hive:
    """The server; `routes` answer by method and pattern, the latest first, and `script` before them, once each."""

    def __init__(self, port: int = 0, jobs: dict[int, dict[str, Any]] | None = None) -> None:
        self.seen: list[Seen] = []
        self.script: deque[Answer | Callable[[Seen], Answer | None]] = deque()
        self.routes: dict[str, Callable[[Seen, re.Match[str]], Answer]] = {}
        self.jobs = jobs or {}
        self.access, self.refresh, self.renewals = "", "", 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self.port = self._server.server_address[1]
        self.on("GET /token", self._login)
        self.on("POST /token", self._renew)
        self.on("GET /jobs", lambda seen, found: Answer(200, list(self.jobs.values())) if self.jobs else Answer(204))
        self.on("POST /jobs", self._create)
        self.on(r"GET /jobs/(\d+)", self._job)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def on(self, route: str, answer: Callable[[Seen, re.Match[str]], Answer] | Answer) -> None:
        """Answer a route, "METHOD /pattern" below /api/v1."""
        self.routes[route] = answer if callable(answer) else lambda seen, found: answer

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.drop()

    def answer(self, seen: Seen) -> Answer:
        with self._lock:
            self.seen.append(seen)
            scripted = self.script.popleft() if self.script else None
        if scripted is not None:
            told = scripted(seen) if callable(scripted) else scripted
            if told is not None:
                return told
        path = seen.path[len("/api/v1"):] if seen.path.startswith("/api/v1") else seen.path
        public = path == "/token" or path.startswith("/jobs/file/")
        if not public and seen.headers.get("authorization") not in self._good():
            return refusal(401, "the token is not valid")
        for route, answer in reversed(list(self.routes.items())):
            method, _, pattern = route.partition(" ")
            found = re.fullmatch(pattern, path)
            if found and method == seen.method:
                return answer(seen, found)
        return refusal(404, "Not found")

    def _good(self) -> set[str]:
        return {f"Bearer {TOKEN}", *([f"Bearer {self.access}"] if self.access else [])}

    def _login(self, seen: Seen, _: re.Match[str]) -> Answer:
        kind, _, text = seen.headers.get("authorization", "").partition(" ")
        if kind != "Basic" or base64.b64decode(text).decode() != f"Jiří:{PASSWORD}":
            return refusal(401, "wrong name or password")
        return self._pair()

    def _renew(self, seen: Seen, _: re.Match[str]) -> Answer:
        with self._lock:
            if seen.headers.get("authorization") != f"Bearer {self.refresh}" or not self.refresh:
                return Answer(401, {"msg": "Token has expired"})
            self.renewals += 1
            time.sleep(0.02)  # long enough for others to come meanwhile
            return self._pair()

    def _pair(self) -> Answer:
        number = len(self.seen)
        self.access, self.refresh = f"access{number}", f"refresh{number}"
        return Answer(200, {
            "access_token": self.access, "access_token_expires_in": 3600,
            "refresh_token": self.refresh, "refresh_token_expires_in": 604800,
            "identity": {"username": "Jiří", "email": "jiri@example.org", "authorization_level": 1},
        })

    def _create(self, seen: Seen, _: re.Match[str]) -> Answer:
        body = seen.json
        if missing := [name for name in ("name", "filter", "duration", "max_capture_data", "drones", "priority")
                       if name not in body]:
            return refusal(400, f"{missing[0]}: is missing")
        number = len(self.jobs) + 1
        self.jobs[number] = job(number, name=body["name"], filter=body["filter"])
        return Answer(200, self.jobs[number])

    def _job(self, seen: Seen, found: re.Match[str]) -> Answer:
        known = self.jobs.get(int(found[1]))
        return Answer(200, known) if known else refusal(404, "no such job")


def ranged(content: bytes, etag: str, **more: Any) -> Callable[[Seen, Any], Answer]:
    """A file with ranges, as Tapiary's hive serves it; cut: end the connection after so many bytes of the body."""
    cuts = deque(more.pop("cuts", ()))

    def answer(seen: Seen, _: Any) -> Answer:
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/x-pcapng",
                   "Content-Disposition": "attachment; filename=My_new_job.pcapng", **more}
        cut = cuts.popleft() if cuts else None
        wanted = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", ""))
        if wanted and seen.headers.get("if-range", etag) == etag:
            start = int(wanted[1])
            if start >= len(content):
                return Answer(416, None, {"Content-Range": f"bytes */{len(content)}"})
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return Answer(206, content[start:], headers, cut)
        return Answer(200, content, headers, cut)

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def drop(self) -> None:
        """End what is open, as a killed server does."""
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _handler(hive: Hive) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            seen = Seen(
                self.command, unquote(split.path), parse_qsl(split.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()}, self.rfile.read(length),
            )
            answer = hive.answer(seen)
            if answer.cut == -1:
                self.close_connection = True
                return
            body = answer.encoded()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif answer.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            sent = body if answer.cut is None else body[: answer.cut]
            if answer.chunked:
                for start in range(0, len(sent), 100_000):
                    piece = sent[start : start + 100_000]
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                if answer.cut is None:
                    self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(sent)
            if answer.cut is not None:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
