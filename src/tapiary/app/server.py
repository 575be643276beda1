"""The server process: gunicorn around the app, and what is said and checked before it runs."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from tapiary.app.root import App, build
from tapiary.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from tapiary.config import Config

#: How long a new server waits for one that was just killed to let go of the data folder.
LOCK_WAIT_S = 3.0
#: prctl(2): the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def serve(config: Config) -> int:
    """Run the server until SIGTERM or SIGINT; returns the exit code.

    gunicorn with one process of threads: it hands on the bytes of a body as they come, so that a torn upload keeps what
    arrived (waitress, the alternative, takes a body in whole before the app sees it).
    Raises Conflict when another server has the data folder or the port, InvalidInput for a host that is not ours.
    """
    config = config.resolve()
    lock = _lock(config.data_path)
    try:
        _check_address(config.server.host, config.server.port)
        token = _first_token(config)
        return _run_gunicorn(config, token)
    finally:
        lock.close()


def _lock(folder: Path) -> TextIO:
    """Hold the data folder: two servers would start everything twice."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "server.lock").open("w")
    end = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > end:
                file.close()
                raise Conflict(
                    f"another server is running on {folder}; stop it, or use another data_dir",
                    field="data_dir",
                    code="already_running",
                ) from None
            time.sleep(0.05)


def _check_address(host: str, port: int) -> None:
    """Say at once what is wrong with the address; gunicorn would try again for five seconds first."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"port {port} is in use; stop what listens there, or choose another with --port",
                field="server.port",
                code="port_in_use",
            ) from None
        what = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise InvalidInput(what, field="server.host") from None


def _first_token(config: Config) -> str | None:
    """A token with all rights when there is none at all yet."""
    from tapiary.services import Services

    services = Services(config)
    try:
        return None if services.accounts.list() else services.accounts.create_token("first", {"admin"})
    finally:
        services.close()


def _run_gunicorn(config: Config, token: str | None) -> int:
    from gunicorn.app.base import BaseApplication

    app: App | None = None

    def post_fork(_server: Any, _worker: Any) -> None:
        _die_with_parent()

    def post_worker_init(worker: Any) -> None:
        assert app is not None
        # Ctrl-C reaches every process of the terminal; the first one tells this one what to do.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        app.start()
        _greet(config, [s.getsockname() for s in worker.sockets], token)

    def worker_exit(_server: Any, _worker: Any) -> None:
        # A second signal would break off the stopping, and leave what was not stopped yet.
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if app is not None:
            app.stop()

    class Server(BaseApplication):  # type: ignore[misc]
        """gunicorn with settings of ours instead of its own files and arguments."""

        def load_config(self) -> None:
            host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
            settings = {
                "bind": f"{host}:{config.server.port}",
                "workers": 1,
                "worker_class": "gthread",
                "threads": config.server.threads,
                "timeout": 120,
                "graceful_timeout": 10,
                "keepalive": 15,
                "loglevel": "warning",
                "control_socket_disable": True,
                "proc_name": "tapiary",
                "post_fork": post_fork,
                "post_worker_init": post_worker_init,
                "worker_exit": worker_exit,
                # Filters by column and lists of flow numbers make long addresses.
                "limit_request_line": 8190,
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            nonlocal app
            app = build(config)
            return app.flask

    try:
        Server().run()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def _die_with_parent() -> None:
    """Let the serving process end with gunicorn's first one, however that ends: half a server would hold the port."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def _greet(config: Config, addresses: list[Any], token: str | None) -> None:
    """Say where the server is and what to do next."""
    host, port = addresses[0][:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    address = f"http://{local}:{port}"
    lines = [
        f"Tapiary serves {address} (the API: {address}/docs)",
        f"Captures put into {config.repository_path} are processed"
        if config.repository.auto_process
        else f"Captures: {config.repository_path}",
    ]
    if token:
        lines += ["", "The first token, with all rights; it is shown this once:", f"  export TOKEN={token}"]
    bearer = "" if config.server.anonymous else '-H "Authorization: Bearer $TOKEN" '
    lines += [
        "",
        "Next:" if token or config.server.anonymous else "Next, with a token of `tapiary token create`:",
        f"  curl {bearer}--data-binary @trace.pcap '{address}/files/upload?name=trace.pcap'",
        f"  curl {bearer}{address}/files/list",
        f"  curl {bearer}{address}/file/1/statistics",
        "",
    ]
    sys.stdout.write("\n".join(lines))
    sys.stdout.flush()
