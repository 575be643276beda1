"""Which requests are committed already, so that a repeated one is not committed twice.

The log entry that holds a request's rows names its key: both are there or neither is. Old entries are deleted, so their
keys are brought to a file first (`_requests/VERSION.keys`: records of a digest, a version and a time), which says what
all entries up to that version said. Delta's own application transactions would stay in every checkpoint for ever, one
for each request.
"""

from __future__ import annotations

import os
import struct
import time
from hashlib import blake2b
from pathlib import Path
from typing import Final

from tapiary.store import entries
from tapiary.store.part import sync_folder
from tapiary.store.tables import Table

#: How long a key is remembered, and how many keys of an index are (the newest): some 150 MB of memory then.
KEPT_MS: Final = 86_400_000
KEPT_KEYS: Final = 1_000_000
#: The member of a log entry's `commitInfo` with the keys' digests.
MEMBER: Final = "requests"

_RECORD = struct.Struct("<16sqq")


def digest(request: str) -> str:
    """The form in which a key is kept, of the same length for all."""
    return blake2b(request.encode(), digest_size=16).hexdigest()


class Requests:
    """The keys of one index. Not safe to share: whoever commits holds the index's lock."""

    def __init__(self, folder: Path, table: Table) -> None:
        self._folder = folder / "_requests"
        self._log_folder = folder / "_delta_log"
        self._table = table
        self._version = -1
        #: Oldest first. The keys of one commit share their value: the version and its time.
        self._known: dict[bytes, tuple[int, int]] = {}

    def follow(self, version: int) -> None:
        """Learn what the entries up to a version say."""
        while self._version < version:
            try:
                info = entries.read(self._log_folder, self._version + 1, self._table.bounded_by).info
            except FileNotFoundError:
                if not self._load():  # no key was in what is gone
                    self._version += 1
                continue
            self._version += 1
            self._learn(self._version, int(info.get("timestamp", 0)), info.get(MEMBER, ()))
        self._forget()

    def version(self, key: str) -> int | None:
        """The version that holds the rows of a request, None when there is none."""
        found = self._known.get(bytes.fromhex(key))
        return found[0] if found else None

    def save(self) -> int:
        """Bring all keys to a file; returns up to which version the log's entries may be deleted."""
        self._folder.mkdir(exist_ok=True)
        temporary = self._folder / "new.tmp"
        with temporary.open("wb") as file:
            file.writelines(_RECORD.pack(key, *value) for key, value in self._known.items())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._folder / f"{self._version:020}.keys")
        sync_folder(self._folder)
        for older in sorted(self._folder.glob("*.keys"))[:-1]:
            older.unlink(missing_ok=True)
        return self._version

    def _load(self) -> bool:
        """Read the newest file; returns whether it knows more."""
        newest = max(self._folder.glob("*.keys"), default=None)
        if newest is None or int(newest.stem) <= self._version:
            return False
        self._version = int(newest.stem)
        shared: dict[tuple[int, int], tuple[int, int]] = {}
        self._known = {
            key: shared.setdefault((version, ms), (version, ms))
            for key, version, ms in _RECORD.iter_unpack(newest.read_bytes())
        }
        return True

    def _learn(self, version: int, ms: int, keys: list[str]) -> None:
        value = version, ms
        self._known.update((bytes.fromhex(key), value) for key in keys)

    def _forget(self) -> None:
        limit = int(time.time() * 1000) - KEPT_MS
        excess = len(self._known) - KEPT_KEYS
        going = []
        for count, (key, (_, ms)) in enumerate(self._known.items()):
            if count >= excess and ms >= limit:
                break
            going.append(key)
        for key in going:
            del self._known[key]
