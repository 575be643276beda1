"""The Socket.IO server of drones: who may connect, and what becomes of each event."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from engineio.payload import Payload
from flask_socketio import SocketIO
from socketio import Namespace
from socketio.exceptions import ConnectionRefusedError

from tapiary.api.hive.channel import Channel
from tapiary.api.hive.complaints import Complaints, OnceAMinute
from tapiary.api.hive.housekeeping import Housekeeping
from tapiary.api.hive.manager import LockedManager
from tapiary.api.hive.websocket import WebSocket
from tapiary.capture import Init, JobState, Live, StatusUpdate, Upload, decode, encode
from tapiary.errors import TapiaryError
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from flask import Flask

    from tapiary.services import Services

log = logger("api")

#: A message at most. One upload of TCI's drone has 933,500 bytes.
MESSAGE_BYTES = 4 << 20
#: Seconds between pings: below the 60 s after which proxies (nginx: proxy_read_timeout) give up a silent connection.
PING_S = 20
#: Seconds that an answer may take: on a slow link it waits behind an upload (933,500 bytes at 190 kbit/s).
PONG_S = 40
#: Messages in one request of a drone that polls: what it says in a quarter of an hour without a connection.
Payload.max_decode_packets = 1000

_malformed = counter("api", "hive_malformed_messages")
_unknown = counter("api", "hive_unknown_events")
_failed = counter("api", "hive_failed_events")
_refused = counter("api", "hive_refused_connections")


class Sockets:
    """The connections of all drones. `socketio` is the server; `stop` drops everybody."""

    def __init__(self, app: Flask, services: Services) -> None:
        self._services = services
        self._limit = services.config.capture.max_drones
        self._channels: dict[str, Channel] = {}
        self._complaints = Complaints()
        self._stopping = threading.Event()
        self.socketio = SocketIO(
            app,
            path="/socket.io",
            async_mode="threading",
            # One event after the other, in their order: statuses must not overtake each other.
            async_handlers=False,
            client_manager=LockedManager(self._opened),
            max_http_buffer_size=MESSAGE_BYTES,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            http_compression=False,
            manage_session=False,
            logger=_library_log(),
            engineio_logger=_library_log(),
        )
        self._server = self.socketio.server
        eio = self._server.eio
        eio._async = {**eio._async, "websocket": WebSocket}
        self._server.register_namespace(_Drones(self._dispatch))
        # Each drone may have two for a moment, when it comes back before its old connection is given up.
        self._housekeeping = Housekeeping(services, eio, 2 * self._limit + 64, self._owned)
        self._events: dict[str, Callable[[Channel, Any], Any]] = {
            "drone_init": self._init,
            "drone_update_status": self._status,
            "job_update": self._job,
            "upload": self._upload,
            "live": self._live,
        }

    def stop(self) -> None:
        """Drop every connection as a lost network does, and return when the hive knows; drones go on capturing."""
        self._stopping.set()
        eio = self._server.eio
        for transport in list(eio.sockets.values()):
            transport.close(wait=False, abort=True, reason=self._server.reason.SERVER_DISCONNECT)
        if eio.service_task_handle is not None:
            self._server.shutdown()
        self._housekeeping.stop()

    @property
    def count(self) -> int:
        """The drones that are connected."""
        return len({channel.drone_id for channel in list(self._channels.values())})

    # What Socket.IO tells.

    def _dispatch(self, event: Any, sid: str, *values: Any) -> Any:
        # A client may name its own events "connect" and "disconnect": the real ones come before and after its time.
        manager = self._server.manager
        if event == "connect" and manager.is_pre_connected(sid, "/"):
            return self._accept(sid, *values)
        if event == "disconnect" and not manager.is_connected(sid, "/"):
            return self._gone(sid)
        channel = self._channels.get(sid)
        handler = self._events.get(event) if isinstance(event, str) else None
        if channel is None or handler is None:
            _unknown.add()
            return self._server.not_handled
        if channel.closing:
            return self._server.not_handled
        channel.reader = threading.get_ident()
        try:
            return handler(channel, values[0] if values else None)
        except TapiaryError as error:
            _malformed.add()
            if self._complaints.may_tell(channel.drone_id):
                log.warning("drone %d at %s: %s", channel.drone_id, channel.address, error.message)
            return 400, error.message
        except Exception:
            _failed.add()
            if self._complaints.may_tell((channel.drone_id, event)):
                log.exception("drone %d at %s: %s failed", channel.drone_id, channel.address, event)
            return 400, "the hive failed; its log says how"
        finally:
            channel.reader = None

    def _accept(self, sid: str, environ: dict[str, Any], auth: Any = None) -> bool:
        address = str(environ.get("REMOTE_ADDR", ""))
        token = auth.get("token") if isinstance(auth, dict) else None
        try:
            if self._stopping.is_set():
                raise ConnectionRefusedError("the hive is stopping")
            drone_id = self._services.hive.authenticate(token if isinstance(token, str) else "")
            known = {channel.drone_id for channel in list(self._channels.values())}
            if drone_id not in known and len(known) >= self._limit:
                raise ConnectionRefusedError(f"{self._limit} drones are connected; capture.max_drones allows no more")
        except TapiaryError as error:
            self._refuse(address, error.message)
        except ConnectionRefusedError as error:
            self._refuse(address, str(error.error_args["message"]))
        except Exception:
            log.exception("the token of a drone at %s cannot be checked", address)
            self._refuse(address, "the hive cannot check tokens now")
        eio_sid = self._server.manager.eio_sid_from_sid(sid, "/")
        self._channels[sid] = Channel(self._server, sid, eio_sid, drone_id, address)
        return True

    def _refuse(self, address: str, why: str) -> NoReturn:
        _refused.add()
        if self._complaints.may_tell((address, why)):
            log.warning("a drone at %s was refused: %s", address, why)
        raise ConnectionRefusedError(why)

    def _opened(self, sid: str, alive: bool) -> None:
        channel = self._channels.get(sid) if alive else self._channels.pop(sid, None)
        if channel is None or not alive:
            return
        try:
            self._services.hive.connected(channel.drone_id, channel)
        except Exception:
            log.exception("drone %d was not let in", channel.drone_id)
            channel.close()
        finally:
            channel.announced.set()

    def _gone(self, sid: str) -> None:
        channel = self._channels.pop(sid, None)
        if channel is not None:
            channel.end()
            self._housekeeping.tell_end(channel)

    def _owned(self, eio_sid: str) -> bool:
        return self._server.manager.sid_from_eio_sid(eio_sid, "/") in self._channels

    # What drones say.

    def _init(self, channel: Channel, data: Any) -> Any:
        init = decode(data, Init, "drone_init")
        agreed = self._services.hive.initialised(channel.drone_id, init)
        return True if init.dialect is None else encode({"dialect": agreed})

    def _status(self, channel: Channel, data: Any) -> None:
        self._services.hive.status(channel.drone_id, decode(data, StatusUpdate, "drone_update_status"))

    def _job(self, channel: Channel, data: Any) -> None:
        self._services.hive.job(channel.drone_id, decode(data, JobState, "job_update"))

    def _upload(self, channel: Channel, data: Any) -> tuple[int, int]:
        upload = decode(data, Upload, "upload")
        return self._services.hive.chunk(channel.drone_id, upload), upload.job_id

    def _live(self, channel: Channel, data: Any) -> None:
        self._services.hive.live(channel.drone_id, decode(data, Live, "live"))


class _Drones(Namespace):  # type: ignore[misc]
    """Everything of the namespace `/` through one function."""

    def __init__(self, dispatch: Callable[..., Any]) -> None:
        super().__init__("/")
        self._dispatch = dispatch

    def trigger_event(self, event: Any, *values: Any) -> Any:
        return self._dispatch(event, *values)


def _library_log() -> logging.Logger:
    """The log of the libraries: errors alone, each sort once a minute."""
    log = logger("api.socketio")
    log.setLevel(logging.ERROR)
    if not any(isinstance(each, OnceAMinute) for each in log.filters):
        log.addFilter(OnceAMinute())
    return log
