"""The HTTP side, with real connections."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tapiary.api.hive import http
from tapiary.errors import Conflict, Forbidden, NotFound, Unavailable
from tests.api.hive.conftest import Hive

try:
    from compression import zstd
except ImportError:
    from backports import zstd

PART = "/hive/v1/captures/7/parts/1?interface=eth0"
DATA = os.urandom(3_000_000)


@pytest.fixture
def web(hive: Hive) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hive.address, headers={"Authorization": "Bearer tok-1"}, timeout=30) as client:
        yield client


def patch(web: httpx.Client, offset: int, content: Any, path: str = PART, **headers: str) -> httpx.Response:
    return web.patch(path, content=content, headers={"Upload-Offset": str(offset), **headers})


def test_parts(hive: Hive, web: httpx.Client) -> None:
    hive.told.parts_now = [{"number": 1, "interface": "eth0", "received": 5, "complete": False}]
    answer = web.get("/hive/v1/captures/7/parts")
    assert (answer.status_code, answer.json()) == (200, {"parts": hive.told.parts_now})


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_in_pieces(hive: Hive, web: httpx.Client, chunked: bool) -> None:
    def content(data: bytes) -> Any:
        return (data[at : at + 70_001] for at in range(0, len(data), 70_001)) if chunked else data

    assert patch(web, 0, content(DATA[:1_000_000])).json() == {"received": 1_000_000}
    wrong = patch(web, 0, content(DATA[:10]))
    assert (wrong.status_code, wrong.json()) == (
        409,
        {"error": "wrong_offset", "message": "the part ends at 1000000", "received": 1_000_000},
    )
    assert patch(web, 1_000_000, content(DATA[1_000_000:])).json() == {"received": len(DATA)}
    assert bytes(hive.told.data[1, 7, 1]) == DATA
    assert hive.told.wait("received")[1:5] == (1, 7, 1, "eth0")


@pytest.mark.parametrize("chunked", [False, True])
def test_what_arrived_before_a_break_stays(hive: Hive, web: httpx.Client, chunked: bool) -> None:
    host, port = hive.address.removeprefix("http://").split(":")
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(DATA)}"
    with socket.create_connection((host, int(port))) as sock:
        head = f"PATCH {PART} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tok-1\r\nUpload-Offset: 0\r\n"
        sock.sendall(f"{head}{length}\r\n\r\n".encode())
        piece = DATA[:500_000]
        sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        sock.sendall(b"10000\r\nxyz" if chunked else b"")
    received = hive.told.wait("received", 1, 7, 1)[5]
    assert received >= 500_000
    assert bytes(hive.told.data[1, 7, 1][:500_000]) == DATA[:500_000]
    again = patch(web, 0, b"")
    assert again.json()["received"] == received


def test_a_silent_upload_is_given_up(hive: Hive, web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SILENCE_S", 0.3)
    host, port = hive.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(
            f"PATCH {PART} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tok-1\r\nUpload-Offset: 0\r\n"
            f"Content-Length: 100\r\n\r\n0123456789".encode()
        )
        assert hive.told.wait("received", 1, 7, 1)[5] <= 10  # servers may lose what their buffer held
        assert sock.recv(1000).startswith(b"HTTP/1.1 400")


def test_zstd(hive: Hive, web: httpx.Client) -> None:
    frames = zstd.compress(DATA[:2_000_000]) + zstd.compress(DATA[2_000_000:])
    answer = patch(web, 0, frames, **{"Content-Encoding": "zstd"})
    assert answer.json() == {"received": len(DATA)}
    assert bytes(hive.told.data[1, 7, 1]) == DATA
    assert patch(web, len(DATA), b"", **{"Content-Encoding": "zstd"}).json() == {"received": len(DATA)}


def test_broken_zstd_leaves_what_was_whole(hive: Hive, web: httpx.Client) -> None:
    packed = zstd.compress(DATA[:1_000_000])
    answer = patch(web, 0, packed + b"no zstd at all", **{"Content-Encoding": "zstd"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_zstd"
    assert bytes(hive.told.data[1, 7, 1]) == DATA[:1_000_000]
    # A frame that ends early: what could be unpacked counts, and the drone goes on behind it.
    torn = zstd.compress(DATA[1_000_000:2_500_000])
    received = patch(web, 1_000_000, torn[: len(torn) // 2], **{"Content-Encoding": "zstd"}).json()["received"]
    assert 1_000_000 <= received < 2_500_000
    assert bytes(hive.told.data[1, 7, 1]) == DATA[:received]


def test_a_zstd_bomb_needs_no_memory(hive: Hive, web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gigabytes in 200 kB: unpacked step by step, and whoever writes decides when it is too much."""
    compressor = zstd.ZstdCompressor()
    block = bytes(1 << 20)
    bomb = b"".join(compressor.compress(block) for _ in range(2048)) + compressor.flush()
    largest = 0

    def receive(*order: Any) -> int:
        nonlocal largest
        total = 0
        while chunk := order[-1].read(1 << 24):
            largest = max(largest, len(chunk))
            total += len(chunk)
            if total > 1 << 28:
                raise Conflict("more than the job's limit", code="too_much")
        return total

    monkeypatch.setattr(hive.told, "receive", receive)
    assert len(bomb) < 300_000
    answer = patch(web, 0, bomb, **{"Content-Encoding": "zstd"})
    assert (answer.status_code, answer.json()["error"]) == (409, "too_much")
    assert largest <= 1 << 18


def test_huge_windows_are_refused(hive: Hive, web: httpx.Client) -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    compressor = zstd.ZstdCompressor(options=options)
    packed = compressor.compress(DATA) + compressor.flush()
    answer = patch(web, 0, packed, **{"Content-Encoding": "zstd"})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_zstd")
    assert "8388608" in answer.json()["message"]
    assert not hive.told.data[1, 7, 1]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PATCH", PART, {"Upload-Offset": "x"}),
        ("PATCH", PART, {"Upload-Offset": "-1"}),
        ("PATCH", PART, {"Upload-Offset": "9" * 30}),
        ("PATCH", PART, {}),
        ("PATCH", "/hive/v1/captures/7/parts/1", {"Upload-Offset": "0"}),
        ("PATCH", "/hive/v1/captures/7/parts/1?interface=", {"Upload-Offset": "0"}),
        ("PATCH", "/hive/v1/captures/7/parts/1?interface=a%00b", {"Upload-Offset": "0"}),
        ("PATCH", "/hive/v1/captures/7/parts/1?interface=" + "x" * 200, {"Upload-Offset": "0"}),
        ("PATCH", PART, {"Upload-Offset": "0", "Content-Encoding": "br"}),
        ("POST", "/hive/v1/captures/7/complete", {}),
    ],
    ids=range(10),
)
def test_wrong_requests(web: httpx.Client, method: str, path: str, headers: dict[str, str]) -> None:
    answer = web.request(method, path, headers=headers, content=b"x")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "message"}


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer", "Basic dG9rLTE6", "tok-1"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/hive/v1/captures/7/parts"), ("PATCH", PART), ("POST", "/hive/v1/captures/7/complete")],
)
def test_without_the_token(hive: Hive, method: str, path: str, header: str) -> None:
    answer = httpx.request(method, hive.address + path, headers={"Authorization": header, "Upload-Offset": "0"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthenticated"
    assert hive.told.told == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("no such job"), 404, "not_found"),
        (NotFound("the job was archived", code="gone"), 410, "gone"),
        (Unavailable("the disk is full", code="disk_full"), 507, "disk_full"),
        (Unavailable("no database"), 503, "unavailable"),
        (Forbidden("another drone's job"), 403, "forbidden"),
        (ZeroDivisionError("secret"), 500, "internal_error"),
    ],
    ids=["404", "410", "507", "503", "403", "500"],
)
def test_refusals(hive: Hive, web: httpx.Client, error: Exception, status: int, code: str) -> None:
    hive.told.error = error
    body = b'{"parts": []}'
    for answer in (
        web.get("/hive/v1/captures/7/parts"),
        patch(web, 0, b"x"),
        web.post("/hive/v1/captures/7/complete", content=body),
    ):
        assert (answer.status_code, answer.json()["error"]) == (status, code)
        assert "secret" not in answer.text
        assert ("Retry-After" in answer.headers) == (status == 507)


def test_completing(hive: Hive, web: httpx.Client) -> None:
    parts = [{"number": 1, "interface": "eth0", "size": 3, "sha256": "0" * 64}]
    answer = web.post("/hive/v1/captures/7/complete", json={"parts": parts, "packets": 5})
    assert (answer.status_code, answer.json()) == (200, {})
    assert hive.told.wait("complete", 1, 7)[3].parts[0].size == 3
    hive.told.again = [1, 4]
    answer = web.post("/hive/v1/captures/7/complete", json={"parts": parts})
    assert (answer.status_code, answer.json()) == (409, {"again": [1, 4]})
    many = [{"number": n + 1, "interface": "x" * 100, "size": 3, "sha256": "0" * 64} for n in range(20_000)]
    assert web.post("/hive/v1/captures/7/complete", json={"parts": many}).status_code == 413
