"""The server process: gunicorn around the app, and what is said and checked before it runs."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import os
import resource
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from tapiary.app.gate import Gate, threads_needed
from tapiary.app.greeting import greeting, local_address
from tapiary.app.local_drone import LocalDrone
from tapiary.app.root import App, build
from tapiary.app.tls import Tls, prepare
from tapiary.errors import Conflict, InvalidInput
from tapiary.telemetry import LogFile, log_to_file

if TYPE_CHECKING:
    from pathlib import Path

    from tapiary.config import Config

#: How long a new server waits for one that was just killed to let go of the data folder.
LOCK_WAIT_S = 3.0
#: Connections that users' programs keep open between requests, beside those that are worked on.
KEPT_ALIVE = 1000
#: Open files that are no connections: tables, parts, captures.
OTHER_FILES = 1024
#: Where the app has the drones' sockets.
HIVE_EXTENSION = "tapiary-hive"
#: prctl(2): the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def serve(config: Config) -> int:
    """Run the server until SIGTERM or SIGINT; returns the exit code.

    gunicorn with one process of threads: it hands on the bytes of a body as they come, so that a torn upload keeps what
    arrived (waitress, the alternative, takes a body in whole before the app sees it).
    Raises Conflict when another server has the data folder or the port, InvalidInput for a host that is not ours, and
    for certificates and log files that cannot be used.
    """
    config = config.resolve()
    lock = _lock(config.data_path)
    try:
        _check_address(config.server.host, config.server.port)
        tls = prepare(config)
        _check_log(config)
        log_to_file(config.logs_path / config.log.name, config.log.max_bytes, config.log.keep)
        return _run_gunicorn(config, _first_password(config), tls)
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


def _first_password(config: Config) -> str | None:
    """A one-time password of the first administrator, when nobody could log in."""
    from tapiary.services import Services

    services = Services(config)
    try:
        return services.accounts.users.first()
    finally:
        services.close()


def _check_log(config: Config) -> None:
    """Say at once when there can be no log file; later every record would complain."""
    try:
        config.logs_path.mkdir(parents=True, exist_ok=True)
        (config.logs_path / config.log.name).open("a").close()
    except OSError as error:
        what = f"cannot write {config.logs_path / config.log.name}: {error.strerror or error}"
        raise InvalidInput(what, field="log.path") from None


def _allow_files(wanted: int) -> None:
    """Each connection is an open file; the usual limit of 1024 is for programs that use select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _run_gunicorn(config: Config, password: str | None, tls: Tls | None) -> int:
    from gunicorn.app.base import BaseApplication

    from tapiary.app.worker import worker_class

    app: App | None = None
    threads = threads_needed(config)
    connections = threads + KEPT_ALIVE
    _allow_files(connections + OTHER_FILES)

    def drop_drones() -> None:
        if app is not None:
            app.flask.extensions[HIVE_EXTENSION].stop()

    def on_starting(_server: Any) -> None:
        # What gunicorn itself has to say is wanted in the log file, too.
        for handler in logging.getLogger("tapiary").handlers:
            if isinstance(handler, LogFile):
                logging.getLogger("gunicorn.error").addHandler(handler)

    def post_fork(_server: Any, _worker: Any) -> None:
        _die_with_parent()

    def post_worker_init(worker: Any) -> None:
        assert app is not None
        # Ctrl-C reaches every process of the terminal; the first one tells this one what to do.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        app.start()
        address = worker.sockets[0].getsockname()
        if config.capture.local_drone:
            own = tls.certificate if tls is not None and tls.self_signed else None
            app.add_drone(LocalDrone(app.services, local_address(address, tls), own))
        sys.stdout.write(greeting(config, address, password, tls))
        sys.stdout.flush()

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
                "worker_class": worker_class(drop_drones),
                "threads": threads,
                "worker_connections": connections,
                "timeout": 120,
                "graceful_timeout": 10,
                "keepalive": 15,
                "loglevel": "warning",
                "control_socket_disable": True,
                "proc_name": "tapiary",
                "on_starting": on_starting,
                "post_fork": post_fork,
                "post_worker_init": post_worker_init,
                "worker_exit": worker_exit,
                # Filters by column and lists of flow numbers make long addresses.
                "limit_request_line": 8190,
            }
            if tls is not None:
                settings["certfile"] = str(tls.certificate)
                settings["ssl_context"] = lambda _config, _default: tls.context()
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Gate:
            nonlocal app
            app = build(config)
            return Gate(app.flask, config)

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
