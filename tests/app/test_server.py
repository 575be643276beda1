"""What is checked before the server runs; the running one is tested end to end."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tapiary.app.server import _check_address, _lock
from tapiary.errors import Conflict, InvalidInput


def test_one_server_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapiary.app.server.LOCK_WAIT_S", 0.1)
    first = _lock(tmp_path / "data")
    with pytest.raises(Conflict, match="another server"):
        _lock(tmp_path / "data")
    first.close()
    _lock(tmp_path / "data").close()


def test_the_address_is_tried_first() -> None:
    _check_address("127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Conflict, match="is in use"):
        _check_address("127.0.0.1", taken.getsockname()[1])
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(InvalidInput, match="cannot listen"):
            _check_address(host, 0)
