"""Files on their way into the repository: resumable, checked, and visible only when complete.

Each upload has two hidden files beside the captures: `<id>.part`, the bytes so far, and `<id>.json`, the ticket. What
counts is on the disk before it is acknowledged, so an upload outlives the server: the next PATCH goes on where the
bytes end. A finished file appears under its name in one step (hard link, so that no other file is overwritten).
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tapiary.errors import Conflict, InvalidInput, TapiaryError, TooLarge, Unavailable
from tapiary.services.names import checked_name, inside
from tapiary.services.tickets import Ticket, Tickets, sync_folder
from tapiary.services.views import FileView, UploadView
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("services")
#: Bytes per read from the client: large enough that system calls do not matter, small enough to keep 16 of them.
CHUNK_BYTES = 1 << 20
#: An unfinished upload without a byte for this long is removed; a finished one's ticket is forgotten.
ABANDONED_S = 7 * 86_400.0
_received = counter("services", "uploaded_bytes")


class Uploads:
    """Uploads under way."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._root = services.config.repository_path
        self._tickets = Tickets(self._root / ".uploads")
        self._finishing = threading.Lock()

    def create(self, name: str, size: int, *, sha256: str | None = None, overwrite: bool = False) -> UploadView:
        """Begin an upload of `size` bytes; one of no bytes is complete at once.

        Raises InvalidInput (name, size, checksum), Conflict (name taken), TooLarge.
        """
        ticket = self._begin(name, size, sha256, overwrite)
        return self.append(ticket.id, 0, io.BytesIO()) if size == 0 else self._view(ticket)

    def _begin(self, name: str, size: int | None, sha256: str | None, overwrite: bool) -> Ticket:
        checked_name(name)
        if size is not None and size < 0:
            raise InvalidInput("size: must not be negative", field="size")
        if sha256 is not None and (len(sha256) != 64 or not all(c in "0123456789abcdefABCDEF" for c in sha256)):
            raise InvalidInput("sha256: must be 64 hexadecimal digits", field="sha256")
        self._check_size(size or 0)
        with _disk_errors():
            self._root.mkdir(parents=True, exist_ok=True)
            path = inside(self._root, name)
            _check_place(self._root, path)
            if path.exists() and not overwrite:
                raise Conflict(
                    f"name: the repository already has {name!r}; delete it, or upload with overwrite=true",
                    field="name",
                    code="name_taken",
                )
            ticket = Ticket(
                secrets.token_hex(16), name, size, sha256.lower() if sha256 else None, overwrite, time.time()
            )
            self._tickets.part(ticket.id, create=True)
            return self._tickets.save(ticket)

    def folder(self) -> Path:
        """The hidden folder of bytes under way, on the repository's own disk."""
        return self._tickets.folder()

    def status(self, upload_id: str) -> UploadView:
        """How far an upload has come. Raises NotFound."""
        return self._view(self._tickets.load(upload_id))

    def append(self, upload_id: str, offset: int, stream: BinaryIO) -> UploadView:
        """Add the stream's bytes at `offset`, which must be where the upload ends; finish it with its last byte.

        Bytes that arrived before the stream broke stay. Raises NotFound, Conflict (offset, another request is
        writing, name taken), InvalidInput (more bytes than announced, checksum), TooLarge.
        """
        ticket = self._tickets.load(upload_id)
        if ticket.done:
            return self._at_end(ticket, offset)
        with _disk_errors(), self._tickets.locked(upload_id) as part:
            ticket = self._tickets.load(upload_id)
            if ticket.done:  # by a request that came a moment before
                return self._at_end(ticket, offset)
            have = part.seek(0, os.SEEK_END)
            if offset != have:
                raise Conflict(
                    f"Upload-Offset: is {offset}, the upload ends at {have}; continue there",
                    field="Upload-Offset",
                    code="wrong_offset",
                )
            self._receive(part, have, ticket.size, stream)
            if ticket.size is not None and part.tell() == ticket.size:
                ticket = self._finish(ticket, part)
        return self._view(ticket)

    def put(
        self,
        name: str,
        stream: BinaryIO,
        *,
        size: int | None = None,
        sha256: str | None = None,
        overwrite: bool = False,
    ) -> FileView:
        """Take a whole file from a stream; it appears under its name when its last byte is safe on the disk.

        A stream that breaks or ends early leaves nothing. Raises as `create` and `append`.
        """
        ticket = self._begin(name, size, sha256, overwrite)
        try:
            with _disk_errors(), self._tickets.locked(ticket.id) as part:
                self._receive(part, 0, size, stream)
                if size is not None and part.tell() != size:
                    raise InvalidInput(
                        f"body: ended after {part.tell()} of {size} bytes", field="body", code="torn_upload"
                    )
                self._finish(ticket, part)
        except BaseException:
            self._tickets.remove(ticket.id)
            raise
        self._tickets.remove(ticket.id)
        return self._services.files.get(name)

    def discard(self, upload_id: str) -> None:
        """Give an upload up. Raises NotFound."""
        with self._finishing:
            self._tickets.load(upload_id)
            self._tickets.remove(upload_id)

    def recover(self) -> None:
        """Finish what was complete when the server died, and remove what nobody continued."""
        for ticket in self._tickets.all():
            try:
                if time.time() - self._tickets.touched(ticket.id) > ABANDONED_S:
                    self._tickets.remove(ticket.id)
                elif not ticket.done and ticket.size is not None and self._view(ticket).offset == ticket.size:
                    with self._tickets.locked(ticket.id) as part:
                        self._finish(ticket, part)
                elif not ticket.done and ticket.size is None:
                    with self._tickets.locked(ticket.id):  # else it is still coming in
                        self._tickets.remove(ticket.id)  # a one-shot upload: its client knows that it failed
            except (TapiaryError, OSError) as error:
                log.warning("upload %s of %r: %s", ticket.id, ticket.name, error)
        self._tickets.remove_orphans()

    def _receive(self, part: BinaryIO, have: int, size: int | None, stream: BinaryIO) -> None:
        limit = self._services.config.repository.max_upload_bytes
        try:
            while chunk := stream.read(CHUNK_BYTES):
                have += len(chunk)
                if size is not None and have > size:
                    raise InvalidInput(
                        f"body: brings more than the announced {size} bytes", field="body", code="too_many_bytes"
                    )
                if limit and have > limit:
                    self._check_size(have)
                part.write(chunk)
                _received.add(len(chunk))
        finally:
            part.flush()
            os.fsync(part.fileno())

    def _finish(self, ticket: Ticket, part: BinaryIO) -> Ticket:
        """Check the bytes, give them their name, enter the file and queue it. The part is complete and on the disk."""
        if ticket.sha256:
            part.seek(0)
            digest = hashlib.sha256()
            while chunk := part.read(CHUNK_BYTES):
                digest.update(chunk)
            if digest.hexdigest() != ticket.sha256:
                self._tickets.remove(ticket.id)
                raise InvalidInput(
                    "sha256: the bytes that arrived have another checksum; upload the file again",
                    field="sha256",
                    code="wrong_checksum",
                )
        path = inside(self._root, ticket.name)
        with self._finishing:
            self._tickets.load(ticket.id)  # given up meanwhile?
            ticket = self._tickets.save(ticket.finishing(os.fstat(part.fileno()).st_ino))
            if not self._tickets.placed(ticket, path):
                _place(self._tickets.part(ticket.id), path, self._root, ticket.overwrite)
        self._enter(ticket, path)
        return self._tickets.close(ticket)

    def _enter(self, ticket: Ticket, path: Path) -> None:
        from tapiary.services.fingerprint import fingerprint

        self._services.files.record(ticket.name, fingerprint(path), checksum=ticket.sha256, uploaded=True)
        view = self._services.files.get(ticket.name)
        if view.state == "new" and self._services.config.repository.auto_process:
            self._services.ingest.submit_file(view)

    def _check_size(self, size: int) -> None:
        limit = self._services.config.repository.max_upload_bytes
        if limit and size > limit:
            raise TooLarge(
                f"body: is larger than the {limit} bytes that repository.max_upload_bytes allows", field="body"
            )

    def _at_end(self, ticket: Ticket, offset: int) -> UploadView:
        if offset != ticket.size:
            raise Conflict(
                f"Upload-Offset: the upload is complete at {ticket.size} bytes",
                field="Upload-Offset",
                code="wrong_offset",
            )
        return self._view(ticket)

    def _view(self, ticket: Ticket) -> UploadView:
        offset = ticket.size or 0 if ticket.done else self._tickets.length(ticket)
        return UploadView(ticket.id, ticket.name, ticket.size, offset, ticket.done)


def _check_place(root: Path, path: Path) -> None:
    if path.is_dir():
        raise Conflict(f"name: {path.name!r} is a folder of the repository", field="name", code="name_taken")
    for parent in path.relative_to(root).parents:
        if (root / parent).exists() and not (root / parent).is_dir():
            raise Conflict(f"name: {str(parent)!r} is a file, not a folder", field="name", code="name_taken")


def _place(part: Path, path: Path, root: Path, overwrite: bool) -> None:
    """Give the complete part its name, in one step, and make that outlive a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inside(root, str(path.relative_to(root)))
    try:
        if overwrite:
            part.with_suffix(".link").unlink(missing_ok=True)  # left by a crash between the next two steps
            os.link(part, part.with_suffix(".link"))
            os.replace(part.with_suffix(".link"), path)
        else:
            os.link(part, path)
    except FileExistsError:
        raise Conflict(
            f"name: the repository already has {path.name!r}; delete it, or upload with overwrite=true",
            field="name",
            code="name_taken",
        ) from None
    for folder in {path.parent, root}:
        sync_folder(folder)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Say in our own terms what the disk refuses: that is not the client's fault, and not a bug either."""
    try:
        yield
    except TapiaryError:
        raise
    except OSError as error:
        if error.filename is None and error.strerror is None:
            raise  # the client's connection, not the disk
        with suppress(Exception):
            log.error("upload: %s", error)
        raise Unavailable(
            f"the repository cannot take the file: {error.strerror}", code="repository_unavailable"
        ) from error
