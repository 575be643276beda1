"""The files that drones send: one a part, in a folder a capture, appended to until they are complete.

What a part has is the size of its file; the database only says which are complete. So nothing that was acknowledged is
lost or doubled when the hive is killed between two writes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tapiary.errors import Conflict, InvalidInput, TooLarge, Unavailable
from tapiary.telemetry import counter

if TYPE_CHECKING:
    from tapiary.config import Config

#: Bytes per read from a drone: system calls do not matter, and many drones may send at once.
BLOCK_BYTES = 1 << 20
_received = counter("services", "part_bytes")


class WrongOffset(Conflict):
    """A part goes on elsewhere; `received` says where."""

    def __init__(self, received: int) -> None:
        super().__init__(f"Upload-Offset: the part ends at {received}; continue there", field="Upload-Offset",
                         code="wrong_offset")
        self.received = received


class Parts:
    """The folder of parts; the constructor does no I/O."""

    def __init__(self, config: Config) -> None:
        self.root = config.captures_path / "parts"
        self._min_free = config.capture.min_free_bytes
        #: Checksums of parts that came in one go, as far as they came: size and hash by path.
        self._digests: dict[Path, tuple[int, Any]] = {}

    def path(self, capture_id: int, drone_id: int, number: int) -> Path:
        """Where a part lies or will lie."""
        return self.root / str(capture_id) / f"{drone_id}-{number}.part"

    def size(self, capture_id: int, drone_id: int, number: int) -> int:
        """The bytes that a part has, 0 when there is none."""
        try:
            return self.path(capture_id, drone_id, number).stat().st_size
        except FileNotFoundError:
            return 0

    def has_room(self, more: int = 0) -> bool:
        """Whether the disk keeps its reserve after so many bytes more."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free - more >= self._min_free

    def append(self, path: Path, offset: int, data: bytes) -> None:
        """Add bytes that must belong at the end. Raises WrongOffset, Unavailable (disk_full)."""
        with self._open(path, offset, len(data)) as file:
            file.write(data)
        _received.add(len(data))

    def receive(self, path: Path, offset: int, stream: BinaryIO, most: int) -> int:
        """Add a stream's bytes; what came before it broke stays. Returns the part's size.

        Raises as `append`, and TooLarge when the part would have more than `most` bytes.
        """
        with self._open(path, offset, BLOCK_BYTES) as file:
            size, digest = self._digests.pop(path, (0, hashlib.sha256()))
            while block := stream.read(BLOCK_BYTES):
                if offset + len(block) > most:
                    raise TooLarge(f"the part would be larger than the {most} bytes that its job allows")
                file.write(block)
                if size == offset:  # else the part began before this process did, and is read again in the end
                    size += len(block)
                    digest.update(block)
                    self._digests[path] = (size, digest)
                offset += len(block)
                _received.add(len(block))
                if not self.has_room():
                    raise _disk_full()
        return offset

    def check(self, path: Path, size: int, sha256: str) -> bool:
        """Whether a part is what its drone has; its bytes are then safe on the disk, else it is emptied."""
        try:
            with path.open("r+b") as file:
                if os.fstat(file.fileno()).st_size == size:
                    known, digest = self._digests.pop(path, (0, None))
                    if known != size or digest is None:
                        digest = hashlib.sha256()
                        while block := file.read(BLOCK_BYTES):
                            digest.update(block)
                    if digest.hexdigest() == sha256:
                        os.fsync(file.fileno())
                        return True
                file.truncate(0)
        except FileNotFoundError:
            if size == 0 and sha256 == hashlib.sha256().hexdigest():
                self.append(path, 0, b"")
                return True
        return False

    def sync(self, path: Path) -> None:
        """Make a part outlive a power cut."""
        with path.open("rb") as file:
            os.fsync(file.fileno())
        self.sync_folder(path.parent)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder outlive a power cut."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def cut(self, path: Path, size: int) -> None:
        """Take back what lies beyond a size: it comes again."""
        with path.open("r+b") as file:
            file.truncate(size)

    def sizes(self, capture_id: int) -> dict[int, int]:
        """The bytes that have come of a capture, by drone."""
        found: dict[int, int] = {}
        try:
            with os.scandir(self.root / str(capture_id)) as entries:
                for entry in entries:
                    drone, _, rest = entry.name.partition("-")
                    if drone.isdecimal() and rest.endswith(".part"):
                        found[int(drone)] = found.get(int(drone), 0) + entry.stat().st_size
        except FileNotFoundError:
            pass
        return found

    def remove(self, capture_id: int) -> None:
        """Forget all parts of a capture."""
        folder = self.root / str(capture_id)
        for path in [path for path in list(self._digests) if path.parent == folder]:
            self._digests.pop(path, None)
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _open(self, path: Path, offset: int, more: int) -> Iterator[BinaryIO]:
        if not self.has_room(more):
            raise _disk_full()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("another request is sending this part", code="part_busy") from None
            have = os.fstat(file.fileno()).st_size
            if have != offset:
                raise WrongOffset(have)
            try:
                yield file
                file.flush()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise _disk_full() from None


def _disk_full() -> Unavailable:
    return Unavailable("the hive's disk is full; the upload goes on when there is room", code="disk_full")


def interface_name(text: str) -> str:
    """An interface's name as a drone says it, checked. Raises InvalidInput."""
    if len(text.encode("utf-8", "replace")) > 255 or any(not c.isprintable() for c in text):
        raise InvalidInput("interface: must be a printable name of at most 255 bytes", field="interface")
    return text
