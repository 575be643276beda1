"""Which requests are committed already, so that a repeated one is not committed twice.

The log entry that holds a request's rows names its key: both are there or neither is. Old entries are deleted, so their
keys are brought to a file first: `_requests/VERSION.keys` has those up to a version that no older such file has, each a
record of digest, version and time. Delta's own application transactions would stay in every checkpoint, one for each
request, and deltalake forgets none of them.
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
        #: Those that may be in log entries only.
        self._unsaved: dict[bytes, tuple[int, int]] = {}

    def follow(self, version: int) -> None:
        """Learn what the entries up to a version say."""
        if self._version < 0:
            self._load()
        while self._version < version:
            try:
                info = entries.read(self._log_folder, self._version + 1, self._table.bounded_by).info
            except FileNotFoundError:
                if not self._load():  # no key was in what is gone, which may be millions of entries
                    self._version = self._first() - 1
                continue
            self._version += 1
            self._learn(self._version, int(info.get("timestamp", 0)), info.get(MEMBER, ()))
        self._forget()

    def version(self, key: str) -> int | None:
        """The version that holds the rows of a request, None when there is none."""
        found = self._known.get(bytes.fromhex(key))
        return found[0] if found else None

    def save(self) -> int:
        """Bring the keys of the log's entries to a file; returns up to which version the entries may be deleted."""
        if self._unsaved:
            self._folder.mkdir(exist_ok=True)
            temporary = self._folder / "new.tmp"
            with temporary.open("wb") as file:
                file.writelines(_RECORD.pack(key, *value) for key, value in self._unsaved.items())
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._folder / f"{self._version:020}.keys")
            sync_folder(self._folder)
            self._unsaved.clear()
            self._remove_old()
        return self._version

    def _remove_old(self) -> None:
        count = 0
        for path in sorted(self._folder.glob("*.keys"), reverse=True):
            state = path.stat()
            if count >= KEPT_KEYS or state.st_mtime * 1000 < time.time() * 1000 - KEPT_MS:
                path.unlink(missing_ok=True)
            count += state.st_size // _RECORD.size

    def _load(self) -> bool:
        """Read the files that are new; returns whether there are any."""
        before = self._version
        for path in sorted(self._folder.glob("*.keys")):
            if int(path.stem) > self._version:
                shared: dict[tuple[int, int], tuple[int, int]] = {}
                for key, version, ms in _RECORD.iter_unpack(path.read_bytes()):
                    self._known[key] = shared.setdefault((version, ms), (version, ms))
                self._version = int(path.stem)
        return self._version > before

    def _first(self) -> int:
        """The version of the first entry that there is behind those that are known."""
        known = self._version + 1
        there = (int(path.stem) for path in self._log_folder.glob("*.json") if path.stem.isdigit())
        return min((version for version in there if version >= known), default=known + 1)

    def _learn(self, version: int, ms: int, keys: list[str]) -> None:
        value = version, ms
        new = {bytes.fromhex(key): value for key in keys}
        self._known |= new
        self._unsaved |= new

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
            self._unsaved.pop(key, None)
