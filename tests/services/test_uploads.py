"""Uploads below HTTP: torn streams, and a server that dies at every step."""

from __future__ import annotations

import io
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tapiary.errors import Conflict, InvalidInput, NotFound, Unavailable
from tapiary.services import Services
from tapiary.services import uploads as uploads_module
from tapiary.services.tickets import Ticket, Tickets


class Torn(io.BytesIO):
    """A stream that breaks when its bytes are out, as a lost connection does."""

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(min(size or 5, 5))
        if not found:
            raise ConnectionResetError
        return found


def test_torn_whole_uploads_leave_nothing(services: Services) -> None:
    for size in (None, 100):
        with pytest.raises(OSError):
            services.uploads.put("a.pcap", Torn(b"x" * 50), size=size)
    with pytest.raises(InvalidInput, match="ended after 50"):
        services.uploads.put("a.pcap", io.BytesIO(b"x" * 50), size=100)
    assert [p for p in services.files.root.rglob("*") if p.is_file()] == []
    assert services.files.list() == []


def test_torn_pieces_keep_what_came(services: Services) -> None:
    view = services.uploads.create("a.pcap", 100)
    with pytest.raises(OSError):
        services.uploads.append(view.id, 0, Torn(b"x" * 50))
    assert services.uploads.status(view.id).offset == 50
    again = Services(services.config)
    again.upkeep.begin()
    assert again.uploads.append(view.id, 50, io.BytesIO(b"y" * 50)).complete
    assert (services.files.root / "a.pcap").read_bytes() == b"x" * 50 + b"y" * 50
    again.close()


def test_one_writer_at_a_time(services: Services) -> None:
    view = services.uploads.create("a.pcap", 100)

    class Nosy(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            with pytest.raises(Conflict, match="another request"):
                services.uploads.append(view.id, 0, io.BytesIO(b"zzz"))
            return super().read(size)

    services.uploads.append(view.id, 0, Nosy(b"x" * 10))
    assert services.uploads.status(view.id).offset == 10


def test_two_uploads_of_one_name(services: Services) -> None:
    first, second = (services.uploads.create("a.pcap", 3) for _ in range(2))
    services.uploads.append(first.id, 0, io.BytesIO(b"one"))
    with pytest.raises(Conflict, match="already has"):
        services.uploads.append(second.id, 0, io.BytesIO(b"two"))
    assert (services.files.root / "a.pcap").read_bytes() == b"one"


@pytest.mark.parametrize("step", ["before placing", "after placing", "after entering"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_server_that_dies_while_finishing(
    services: Services, monkeypatch: pytest.MonkeyPatch, step: str, overwrite: bool
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    view = services.uploads.create("a.pcap", 3, overwrite=overwrite)
    with monkeypatch.context() as patch:
        if step == "before placing":
            patch.setattr(uploads_module, "_place", die)
        elif step == "after placing":
            patch.setattr(services.uploads, "_enter", die)
        else:
            patch.setattr(services.uploads._tickets, "close", die)
        with pytest.raises(Killed):
            services.uploads.append(view.id, 0, io.BytesIO(b"abc"))
    again = Services(services.config)
    again.upkeep.begin()
    again.upkeep.begin()
    assert (services.files.root / "a.pcap").read_bytes() == b"abc"
    assert [v.name for v in again.files.list()] == ["a.pcap"]
    assert again.uploads.status(view.id).complete
    assert again.files.scan() == type(again.files.scan())()
    again.close()


def test_what_a_dead_server_left(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = services.uploads.folder()
    orphan = folder / ("0" * 32 + ".part")
    orphan.write_bytes(b"x")
    os.utime(orphan, (0, 0))
    view = services.uploads.create("a.pcap", 100)
    services.upkeep.begin()
    assert not orphan.exists()
    assert services.uploads.status(view.id).offset == 0
    for kind in ("json", "part"):
        os.utime(folder / f"{view.id}.{kind}", (1, 1))
    services.upkeep.begin()
    with pytest.raises(NotFound):
        services.uploads.status(view.id)
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_told(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        services.uploads.put("a.pcap", io.BytesIO(b"x"))


def test_identifiers_lead_nowhere(services: Services, tmp_path: Path) -> None:
    for identifier in ("../x", "", "x", "0" * 31, "0" * 32 + "/../a", "A" * 32):
        with pytest.raises(NotFound):
            services.uploads.status(identifier)


def test_recovery_leaves_what_is_still_coming_in(services: Services) -> None:
    class Tidied(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            services.uploads.recover()
            return super().read(size)

    services.uploads.put("a.pcap", Tidied(b"x" * 50))
    assert (services.files.root / "a.pcap").read_bytes() == b"x" * 50


def test_recovery_leaves_bytes_that_get_their_ticket_in_a_moment(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Tickets.save

    def late(self: Tickets, ticket: Ticket) -> Ticket:
        services.uploads.recover()
        return save(self, ticket)

    monkeypatch.setattr(Tickets, "save", late)
    services.uploads.put("a.pcap", io.BytesIO(b"x" * 50))
    assert (services.files.root / "a.pcap").read_bytes() == b"x" * 50


def test_dying_while_an_old_file_is_replaced(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    services.uploads.put("a.pcap", io.BytesIO(b"old"))
    view = services.uploads.create("a.pcap", 5, overwrite=True)
    replace = os.replace

    def die(source: Path, target: Path) -> None:
        if target.name == "a.pcap":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", die)
        services.uploads.append(view.id, 0, io.BytesIO(b"hello"))
    services.uploads.recover()
    assert (services.files.root / "a.pcap").read_bytes() == b"hello"
    assert services.uploads.status(view.id).complete


def test_a_last_request_that_comes_twice(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    view = services.uploads.create("a.pcap", 5)
    locked, others = Tickets.locked, [0]

    def overtaken(self: Tickets, upload_id: str) -> Any:
        part = open(self.part(upload_id), "rb")  # noqa: SIM115 - as one that was opened before the other ended
        if others:
            others.pop()
            services.uploads.append(view.id, 0, io.BytesIO(b"hello"))
            part.seek(0, os.SEEK_END)
            return nullcontext(part)
        part.close()
        return locked(self, upload_id)

    monkeypatch.setattr(Tickets, "locked", overtaken)
    assert services.uploads.append(view.id, 5, io.BytesIO()).complete
    assert services.uploads.status(view.id).complete


def test_giving_up_while_bytes_come_in_leaves_nothing(services: Services) -> None:
    view = services.uploads.create("a.pcap", 5)

    class GivenUp(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if found := super().read(size):
                services.uploads.discard(view.id)
            return found

    with pytest.raises(NotFound, match="no upload"):
        services.uploads.append(view.id, 0, GivenUp(b"hello"))
    assert [p for p in services.files.root.rglob("*") if p.is_file()] == []
