"""Connections and events of drones, with real clients."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from typing import Any

import httpx
import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused
from websocket import WebSocketException, create_connection

from tapiary.api.hive import sockets as module
from tapiary.api.hive.sockets import MESSAGE_BYTES
from tapiary.errors import NotFound
from tapiary.telemetry import counters
from tests.api.hive.conftest import Hive, text

POLLING, WEBSOCKET, BOTH = ["polling"], ["websocket"], None
TRANSPORTS = pytest.mark.parametrize("transports", [POLLING, WEBSOCKET, BOTH], ids=["polling", "websocket", "upgrade"])
STATUS = {"status": "Sleeping", "active_job": {}}


def counted(name: str) -> int:
    return counters()["api"][name]


def code(client: socketio.Client, *event: Any) -> int:
    """The first of the two values of an acknowledgement."""
    first, _ = client.call(*event)
    assert isinstance(first, int)
    return first


def until(what: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@TRANSPORTS
def test_a_drone_of_tci(hive: Hive, transports: list[str] | None) -> None:
    client = hive.client(transports=transports)
    hive.told.wait("connected", 1)
    assert client.call("drone_init", text({"capture_backend": "tcpdump"})) is True
    client.emit("drone_update_status", text(STATUS))
    assert hive.told.wait("init", 1)[2].capture_backend == "tcpdump"
    assert hive.told.wait("status", 1)[2].status == "Sleeping"
    assert [each[0] for each in hive.told.told] == ["connected", "init", "status"]
    if transports != POLLING:  # python-socketio tells nothing when it stops polling; the missing pong tells it
        client.disconnect()
        hive.told.wait("disconnected", 1)


@TRANSPORTS
def test_an_upload_is_acknowledged_by_two_values(hive: Hive, transports: list[str] | None) -> None:
    client = hive.client(transports=transports)
    chunk = base64.b64encode(bytes(range(256)) * 2735)[:933_336].decode()
    upload = {"chunk_number": 1, "chunk_bytes": chunk, "job_id": 7, "total_number_of_chunks": 2}
    assert tuple(client.call("upload", text(upload))) == (202, 7)
    assert hive.told.wait("chunk", 1)[2].chunk_bytes == chunk
    hive.told.chunk_answer = 200
    assert tuple(client.call("upload", text(upload))) == (200, 7)
    hive.told.chunk_answer = 400
    assert tuple(client.call("upload", text(upload))) == (400, 7)


def test_our_dialect_is_agreed_in_a_json_string(hive: Hive) -> None:
    client = hive.client()
    init = {"capture_backend": "tcpdump", "dialect": {"version": 1, "release": "1.0", "interfaces": ["eth0"]}}
    assert json.loads(client.call("drone_init", text(init))) == {"dialect": 1}
    hive.told.dialect = 0
    assert json.loads(client.call("drone_init", text(init))) == {"dialect": 0}


@TRANSPORTS
@pytest.mark.parametrize("token", ["wrong", "", None, 7, ["tok-1"], "x" * 100_000], ids=range(6))
def test_a_bad_token_is_refused(hive: Hive, token: Any, transports: list[str] | None) -> None:
    client = hive.client(connect=False)
    said: list[Any] = []
    client.on("connect_error", said.append)
    with pytest.raises(Refused):
        client.connect(hive.address, auth={"token": token}, transports=transports, wait_timeout=20)
    assert said == [{"message": "the drone's token is not valid"}]
    assert hive.told.told == []


@pytest.mark.parametrize("auth", [None, "tok-1", ["tok-1"], {}, {"other": 1}], ids=range(5))
def test_no_token_at_all_is_refused(hive: Hive, auth: Any) -> None:
    with pytest.raises(Refused):
        hive.client(connect=False).connect(hive.address, auth=auth)
    assert hive.told.told == []


@TRANSPORTS
def test_what_the_hive_sends(hive: Hive, transports: list[str] | None) -> None:
    got: list[tuple[Any, ...]] = []
    handlers = {
        "start_job": lambda *args: got.append(("start_job", *args)),
        "update_info": lambda *args: got.append(("update_info", *args)),
        "stop_job": lambda *args: (400, "is not running"),
        "check_filter": lambda *args: '{"ok":true}',
    }
    other: list[Any] = []
    hive.client("tok-2", transports=transports, handlers={"start_job": other.append})
    hive.client(transports=transports, handlers=handlers)
    channel = hive.told.wait("connected", 1)[2]
    channel.send("start_job", {"job_id": 1, "filter": "port 53"})
    channel.send("update_info", None)
    assert tuple(channel.call("stop_job", {"job_id": 1}, 10)) == (400, "is not running")
    assert channel.call("check_filter", {"filter": "port 53"}, 10) == '{"ok":true}'
    assert channel.call("start_job", {"job_id": 2}, 10) is None
    assert got == [
        ("start_job", '{"job_id":1,"filter":"port 53"}'),
        ("update_info",),
        ("start_job", '{"job_id":2}'),
    ]
    assert other == []


def test_what_is_sent_at_once_follows_the_acceptance(hive: Hive) -> None:
    hive.told.on_connected = lambda _, channel: channel.send("update_info")
    ws = create_connection(hive.address.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket")
    assert ws.recv().startswith("0{")
    ws.send('40{"token":"tok-1"}')
    assert ws.recv().startswith("40{")
    assert ws.recv() == '42["update_info"]'
    ws.close()


def test_no_answer_is_a_timeout_and_a_lost_drone_is_one_at_once(hive: Hive) -> None:
    waiting = threading.Event()

    def never(_: str) -> None:
        waiting.set()
        time.sleep(3)

    client = hive.client(handlers={"stop_job": never})
    channel = hive.told.wait("connected", 1)[2]
    with pytest.raises(TimeoutError, match="stop_job"):
        channel.call("stop_job", {"job_id": 1}, 0.1)
    assert waiting.wait(5)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            channel.call("stop_job", {"job_id": 1}, 60)
        except TimeoutError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    client.disconnect()
    asking.join(10)
    assert not asking.is_alive()
    assert failed
    with pytest.raises(TimeoutError, match="not connected"):
        channel.call("stop_job", {"job_id": 1}, 60)
    channel.send("stop_job", {"job_id": 1})
    channel.close()


def test_asking_a_drone_within_its_own_event_is_a_mistake(hive: Hive, caplog: pytest.LogCaptureFixture) -> None:
    hive.told.initialised = lambda drone, _: hive.told.channels[drone].call("x", None, 1)  # type: ignore[method-assign]
    client = hive.client()
    assert code(client, "drone_init", text({"capture_backend": "ndp"})) == 400
    assert "cannot answer while" in caplog.text


@TRANSPORTS
def test_a_second_connection_replaces_the_first(hive: Hive, transports: list[str] | None) -> None:
    first = hive.client(transports=transports)
    one = hive.told.wait("connected", 1)[2]
    second = hive.client(transports=transports)
    assert hive.told.wait("disconnected", 1)[2] is one
    until(lambda: not first.connected)
    assert hive.told.channels[1] is not one
    assert second.call("drone_init", text({"capture_backend": "tcpdump"})) is True
    assert hive.sockets.count == 1


@TRANSPORTS
def test_a_dropped_drone_comes_back_by_itself(hive: Hive, transports: list[str] | None) -> None:
    """As after a lost network: python-socketio comes back, while it gives up when it is told to disconnect."""
    client = hive.client(transports=transports, reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.1)
    one = hive.told.wait("connected", 1)[2]
    got: list[Any] = []
    client.on("force_disconnect", lambda: got.append(1))
    one.send("force_disconnect")
    one.close()
    hive.told.wait("disconnected", 1, one)
    until(lambda: hive.told.count("connected", 1) == 2)
    until(lambda: got == [1])
    until(lambda: client.connected)
    client.emit("drone_update_status", text(STATUS))
    hive.told.wait("status", 1)


def test_events_keep_their_order(hive: Hive) -> None:
    client = hive.client()
    for n in range(300):
        client.emit("job_update", text({"id": n + 1, "status": "In progress"}))
    client.call("drone_init", text({}))
    assert [each[2].id for each in hive.told.told if each[0] == "job"] == list(range(1, 301))


MALFORMED = [
    {"status": "Sleeping"},
    "no JSON",
    '{"status": 7}',
    "[]",
    None,
    7,
    b"\x00\xff",
    text({"status": "Working", "active_job": {"id": "x"}}),
    '{"status": "\\ud800"}',
    "[" * 100_000,
]


@pytest.mark.parametrize("data", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET], ids=["polling", "websocket"])
def test_malformed_events_are_counted_and_answered(
    hive: Hive, data: Any, transports: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    client = hive.client(transports=transports)
    before = counted("hive_malformed_messages")
    for _ in range(3):
        client.emit("drone_update_status", data)
    refusal, words = client.call("upload", data)
    assert refusal == 400
    assert words.startswith("upload: ")
    assert counted("hive_malformed_messages") == before + 4
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
    assert client.call("drone_init", text({"capture_backend": "tcpdump"})) is True


def test_no_argument_at_all(hive: Hive) -> None:
    client = hive.client()
    assert code(client, "upload") == 400
    assert code(client, "upload", ("{}", "{}")) == 400


def test_what_the_hive_refuses_or_fails_in(hive: Hive, caplog: pytest.LogCaptureFixture) -> None:
    client = hive.client()
    hive.told.error = NotFound("there is no job 7")
    assert tuple(client.call("drone_update_status", text(STATUS))) == (400, "there is no job 7")
    hive.told.error = ZeroDivisionError("a bug")
    for _ in range(3):
        assert code(client, "drone_update_status", text(STATUS)) == 400
    assert caplog.text.count("a bug") == 1
    hive.told.error = None
    assert client.call("drone_update_status", text(STATUS)) is None


def test_unknown_and_forged_events_are_ignored(hive: Hive) -> None:
    client = hive.client()
    before = counted("hive_unknown_events")
    client.emit("chat", "hello")
    client._send_packet(client.packet_class(2, data=["disconnect", "x"], namespace="/"))
    client._send_packet(client.packet_class(2, data=["connect", {}, {"token": "tok-2"}], namespace="/"))
    client._send_packet(client.packet_class(2, data=[{"a": 1}, 2], namespace="/"))
    assert client.call("drone_init", text({})) is True
    assert counted("hive_unknown_events") == before + 4
    assert hive.told.count("disconnected") == 0
    assert hive.told.count("connected") == 1


RUBBISH = ["4", "42", "42{}", "42[]", "43[]", "4399[1]", "45-", "451-[", "49", "4x", "7", "9", "42" * 500, "40/other"]


@pytest.mark.parametrize("packet", RUBBISH)
def test_rubbish_in_the_protocol(hive: Hive, packet: str, caplog: pytest.LogCaptureFixture) -> None:
    """It ends that connection at most; nothing before the token is worth more than one line of the log."""
    for greeting in ([], ['40{"token":"tok-1"}']):
        ws = create_connection(hive.address.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket", timeout=5)
        ws.recv()
        for each in greeting:
            ws.send(each)
            ws.recv()
        for _ in range(20):
            try:
                ws.send(packet)
            except (OSError, WebSocketException):
                break
        ws.close()
    assert hive.client("tok-2").call("drone_init", text({})) is True
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) <= 2


@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET], ids=["polling", "websocket"])
def test_a_message_that_is_too_large_ends_the_connection(hive: Hive, transports: list[str]) -> None:
    client = hive.client(transports=transports)
    client.emit("upload", "x" * (MESSAGE_BYTES + 100))
    hive.told.wait("disconnected", 1)
    assert hive.client().call("drone_init", text({})) is True


def test_a_large_message_is_stopped_before_it_is_whole(hive: Hive) -> None:
    """Nobody needs a token to send one; simple-websocket alone would take it all into memory."""
    ws = create_connection(hive.address.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket", timeout=10)
    ws.recv()
    before = counted("hive_oversized_messages")
    with pytest.raises((OSError, WebSocketException)):
        for _ in range(200):
            # A text frame of 200 MB, of which piece after piece comes.
            ws.sock.sendall(b"\x81\xff" + (200 << 20).to_bytes(8, "big") + b"\0\0\0\0" if _ == 0 else b"x" * (1 << 20))
    assert counted("hive_oversized_messages") == before + 1


def test_no_more_drones_than_allowed(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hive.sockets, "_limit", 2)
    hive.client("tok-1")
    hive.client("tok-2")
    client = hive.client(connect=False)
    said: list[Any] = []
    client.on("connect_error", said.append)
    with pytest.raises(Refused):
        client.connect(hive.address, auth={"token": "tok-3"}, wait_timeout=20)
    assert "capture.max_drones" in said[0]["message"]
    again = hive.client("tok-1")
    assert again.call("drone_init", text({})) is True


def test_no_more_transports_than_make_sense(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hive.sockets._housekeeping, "_limit", 3)
    answers = [httpx.get(hive.address + "/socket.io/?EIO=4&transport=polling") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 401, 401]


def test_a_connection_without_a_token_is_ended(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapiary.api.hive.housekeeping.SHOW_TOKEN_S", 0.2)
    monkeypatch.setattr("tapiary.api.hive.housekeeping.LOOK_S", 0.1)
    client = hive.client()
    silent = create_connection(hive.address.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket", timeout=10)
    assert silent.recv().startswith("0")
    with pytest.raises((OSError, WebSocketException)):
        while silent.recv():
            pass
        raise OSError
    assert client.connected
    until(lambda: len(hive.sockets.socketio.server.eio.sockets) == 1)


def test_a_page_from_elsewhere_may_not_connect(hive: Hive) -> None:
    for origin, status in (("http://evil.example", 400), (hive.address, 200)):
        answer = httpx.get(hive.address + "/socket.io/?EIO=4&transport=polling", headers={"Origin": origin})
        assert answer.status_code == status


def test_many_at_once(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of the same moment do not get into each other's way."""
    monkeypatch.setattr(hive.told, "authenticate", lambda token: int(token))
    clients = [hive.client(connect=False) for _ in range(40)]
    failed: list[BaseException] = []

    def run(number: int, client: socketio.Client) -> None:
        try:
            transports = POLLING if number % 2 else WEBSOCKET
            client.connect(hive.address, auth={"token": str(number)}, transports=transports, wait_timeout=20)
            assert client.call("drone_init", text({"capture_backend": "tcpdump"})) is True
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(clients, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert hive.sockets.count == 40
    for channel in list(hive.told.channels.values()):
        channel.send("update_info")
    for channel in list(hive.told.channels.values()):
        channel.close()
    until(lambda: hive.told.count("disconnected") == 40)
    assert hive.sockets.count == 0
    assert hive.sockets.socketio.server.manager.rooms == {}


def test_stopping_drops_everybody_and_returns_soon(hive: Hive) -> None:
    clients = [hive.client(f"tok-{n}", transports=t) for n, t in ((1, POLLING), (2, WEBSOCKET), (3, BOTH))]
    until(lambda: len(hive.told.channels) == 3)
    began = time.monotonic()
    hive.sockets.stop()
    assert time.monotonic() - began < 2
    assert hive.told.channels == {}
    until(lambda: not any(client.connected for client in clients))
    with pytest.raises(Refused):
        hive.client()


def test_limits_fit_together() -> None:
    """An upload of TCI's drone fits; the pong of a drone on a slow link may wait behind one."""
    assert MESSAGE_BYTES > 1_000_000
    assert module.PING_S < 60
    assert module.PONG_S * 200_000 / 8 > 933_500
