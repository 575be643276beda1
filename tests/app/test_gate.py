"""Users' requests wait for their turn, drones' do not, and neither takes the other's."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from gunicorn.http.wsgi import FileWrapper
from msgspec.structs import replace

from tapiary.app import gate
from tapiary.app.gate import Gate, threads_needed
from tapiary.config import Config


class Asked:
    """An application that holds every request until it is let go."""

    def __init__(self) -> None:
        self.inside = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.inside.release()
        assert self.go.acquire(timeout=10)
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]


def ask(gate: Any, path: str, **environ: Any) -> tuple[str, Any]:
    said: list[str] = []
    answer = gate({"PATH_INFO": path, **environ}, lambda status, headers: said.append(status))
    return said[0], answer


def whole(gate: Any, path: str) -> str:
    status, answer = ask(gate, path)
    list(answer)
    if hasattr(answer, "close"):
        answer.close()
    return status


@pytest.fixture
def two(config: Config) -> Config:
    return replace(config, server=replace(config.server, threads=2), capture=replace(config.capture, max_drones=1))


def started(gate: Gate, asked: Asked, paths: list[str], inside: int) -> tuple[list[threading.Thread], list[str]]:
    statuses: list[str] = []
    threads = [threading.Thread(target=lambda p=p: statuses.append(whole(gate, p))) for p in paths]
    for thread in threads:
        thread.start()
    for _ in range(inside):
        assert asked.inside.acquire(timeout=10)
    return threads, statuses


def test_users_go_on_some_at_a_time_and_drones_beside_them(two: Config) -> None:
    asked = Asked()
    guard = Gate(asked, two)
    threads, statuses = started(guard, asked, ["/files/list"] * 5, 2)
    assert not asked.inside.acquire(timeout=0.1)
    drones, _ = started(guard, asked, ["/socket.io/", "/hive/v1/captures/1/parts"], 2)
    for _ in range(7):
        asked.go.release()
    for thread in threads + drones:
        thread.join(10)
    assert statuses == ["200 OK"] * 5


def test_too_many_are_turned_away(two: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "WAITING", 0)
    monkeypatch.setattr(gate, "STRANGERS", 0)
    asked = Asked()
    guard = Gate(asked, two)
    threads, statuses = started(guard, asked, ["/a"] * 2 + ["/socket.io/"] * 3, 5)
    for path in ("/b", "/socket.io/"):
        status, body = ask(guard, path)
        assert status.startswith("503")
        assert b"Too many" in b"".join(body)
    for _ in range(5):
        asked.go.release()
    for thread in threads:
        thread.join(10)
    assert statuses == ["200 OK"] * 5


@pytest.mark.parametrize("path", ["/files/list", "/socket.io/"])
def test_a_place_is_given_back_whatever_happens(two: Config, path: str) -> None:
    class Broken:
        def __iter__(self) -> Iterator[bytes]:
            raise OSError("the client has gone")

        def close(self) -> None:
            raise ValueError("and this, too")

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("fail"):
            # What a websocket's end looks like under gunicorn.
            raise StopIteration
        start_response("200 OK", [])
        return Broken()

    guard = Gate(app, two)
    for _ in range(10):
        with pytest.raises(StopIteration):
            ask(guard, path, fail=True)
        _, answer = ask(guard, path)
        with pytest.raises(OSError, match="gone"):
            list(answer)
        with pytest.raises(ValueError, match="too"):
            answer.close()  # type: ignore[attr-defined]


def test_files_stay_files(two: Config) -> None:
    """gunicorn sends them by the kernel alone, and their place is free when they are sent."""
    closed: list[int] = []

    class File(io.BytesIO):
        def close(self) -> None:
            closed.append(1)
            super().close()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        wrapped: Iterable[bytes] = FileWrapper(File(b"abc"))
        return wrapped

    guard = Gate(app, two)
    for n in range(5):
        _, answer = ask(guard, "/download", **{"wsgi.file_wrapper": FileWrapper})
        assert isinstance(answer, FileWrapper)
        answer.close()
        answer.close()
        assert len(closed) >= n + 1


def test_there_are_threads_for_all(config: Config) -> None:
    assert threads_needed(config) >= config.server.threads + 2 * config.capture.max_drones + gate.WAITING
