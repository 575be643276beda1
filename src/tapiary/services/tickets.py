"""The hidden files of uploads under way: a ticket (JSON) and a part (the bytes so far) each."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from tapiary.errors import Conflict, NotFound

#: Bytes that have no ticket after this long never get one: the two are made within milliseconds.
ORPHAN_S = 60.0
#: How long a client that goes on after a broken connection waits for the server to have noticed the break.
PATIENCE_S = 2.0
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an upload announced. `inode` is set when its bytes are complete and about to get their name."""

    id: str
    name: str
    size: int | None
    sha256: str | None
    overwrite: bool
    created_at: float
    inode: int | None = None
    done: bool = False

    def finishing(self, inode: int) -> Ticket:
        """The ticket with the part's inode, by which the finished file is known again after a crash."""
        return replace(self, inode=inode, size=self.size)


class Tickets:
    """The folder of uploads under way; hidden, so that no scan sees it, and on the repository's own disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self) -> Path:
        """The folder, made when it is not there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def save(self, ticket: Ticket) -> Ticket:
        """Write a ticket so that it is there whole, or not at all, and outlives a power cut."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(ticket.id, "json")
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(ticket), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(self._folder)
        return ticket

    def load(self, upload_id: str) -> Ticket:
        """The ticket of an upload. Raises NotFound."""
        try:
            return Ticket(**json.loads(self._path(upload_id, "json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            raise NotFound(f"upload_id: there is no upload {upload_id!r}", field="upload_id") from None

    def all(self) -> Iterator[Ticket]:
        """Every ticket that can be read."""
        for path in sorted(self._folder.glob("*.json")):
            with suppress(NotFound):
                yield self.load(path.stem)

    def part(self, upload_id: str, *, create: bool = False) -> Path:
        """Where an upload's bytes lie."""
        path = self._path(upload_id, "part")
        if create:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        return path

    def length(self, ticket: Ticket) -> int:
        """How many bytes have arrived. Raises NotFound."""
        try:
            return self.part(ticket.id).stat().st_size
        except FileNotFoundError:
            raise NotFound(f"upload_id: there is no upload {ticket.id!r}", field="upload_id") from None

    @contextmanager
    def locked(self, upload_id: str) -> Iterator[BinaryIO]:
        """The part, open at its end, for one request at a time; waits a moment for the one before.

        Raises Conflict, NotFound.
        """
        try:
            file = self.part(upload_id).open("r+b")
        except FileNotFoundError:
            raise NotFound(f"upload_id: there is no upload {upload_id!r}", field="upload_id") from None
        with file:
            end = time.monotonic() + PATIENCE_S
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise Conflict("another request is writing this upload", code="upload_busy") from None
                    time.sleep(0.02)
            file.seek(0, os.SEEK_END)
            yield file

    def placed(self, ticket: Ticket, path: Path) -> bool:
        """Whether the part already got its name, before a crash."""
        try:
            return path.stat().st_ino == ticket.inode == self.part(ticket.id).stat().st_ino
        except FileNotFoundError:
            return False

    def close(self, ticket: Ticket) -> Ticket:
        """Note that the file is in place; the ticket stays a while, for a client whose last answer was lost."""
        ticket = self.save(replace(ticket, done=True))
        self.part(ticket.id).unlink(missing_ok=True)
        return ticket

    def touched(self, upload_id: str) -> float:
        """When an upload last got bytes or changed its state, in Unix seconds."""
        times = [0.0]
        for kind in ("json", "part"):
            with suppress(FileNotFoundError):
                times.append(self._path(upload_id, kind).stat().st_mtime)
        return max(times)

    def remove(self, upload_id: str) -> None:
        """Forget an upload and its bytes; the finished file, another link to them, stays."""
        for kind in ("json", "new", "link", "part"):
            self._path(upload_id, kind).unlink(missing_ok=True)

    def remove_orphans(self) -> None:
        """Remove bytes without a ticket: the server died between the two. Young ones may be about to get theirs."""
        for path in self._folder.glob("*.part"):
            with suppress(FileNotFoundError):
                if not path.with_suffix(".json").exists() and time.time() - path.stat().st_mtime > ORPHAN_S:
                    self.remove(path.stem)

    def _path(self, upload_id: str, kind: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise NotFound("upload_id: is not the identifier of an upload", field="upload_id")
        return self._folder / f"{upload_id}.{kind}"


def sync_folder(folder: Path) -> None:
    """Make the folder's entries outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
