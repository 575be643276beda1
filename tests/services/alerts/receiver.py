"""A real receiver of webhooks on 127.0.0.1."""

from __future__ import annotations

import json
import ssl
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: Any
    at: float


class Receiver:
    """Keeps what it gets; answers with the statuses it is told, one after the other, then 200. Use it in a `with`."""

    def __init__(self, *statuses: int, certificate: tuple[Path, Path] | None = None, dribble_s: float = 0.0) -> None:
        self.received: list[Received] = []
        self._statuses = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(self.path, dict(self.headers), json.loads(body), time.time()))
                status = receiver._statuses.pop(0) if receiver._statuses else 200
                head = f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n"
                if 300 <= status < 400:
                    head += "Location: /elsewhere\r\n"
                for sign in head + "\r\n":
                    self.wfile.write(sign.encode())
                    time.sleep(dribble_s)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.port = self._server.server_port
        #: As `alerts.webhook_hosts` has it.
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{scheme}://{self.host}/hook?key=secret"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
