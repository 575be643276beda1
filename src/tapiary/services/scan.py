"""A look into the repository's folder: what is new, what changed, what went, what is still being written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.errors import InvalidInput
from tapiary.services.files_in_use import open_for_writing
from tapiary.services.fingerprint import fingerprint
from tapiary.services.names import checked_name, extension
from tapiary.services.views import ScanReport

if TYPE_CHECKING:
    from tapiary.services import Services

#: Endings that a file may have to be taken even when its first bytes are not those of a capture: a broken capture
#: shall be listed and its job fail with the reason, rather than be passed over in silence.
CAPTURE_ENDINGS = frozenset({"pcap", "pcapng", "cap", "dmp", "ntar"})


class Scan:
    """One look; `run` compares the folder with the database and brings the database up to date."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._root = services.config.repository_path
        self._seen: list[str] = []
        self._changed: list[str] = []
        self._gone: list[str] = []
        self._returned: list[str] = []
        self._busy: list[str] = []
        self._refused: dict[str, str] = {}

    def run(self) -> ScanReport:
        """Look, and say what was found."""
        from sqlalchemy import select, update

        from tapiary.database import File

        database = self._services.database
        with database.session(write=False) as session:
            known = {file.name: file for file in session.scalars(select(File).where(File.outside.is_(False)))}
        present: set[str] = set()
        suspects: list[tuple[str, os.DirEntry[str]]] = []
        for name, entry in self._walk(self._root, ""):
            present.add(name)
            file = known.get(name)
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # went since the folder was read
                present.remove(name)
                continue
            if file is None or file.gone or (file.size, file.mtime_ns) != (info.st_size, info.st_mtime_ns):
                suspects.append((name, entry))
        if suspects:
            self._judge(suspects, known)
        self._gone = [name for name, file in known.items() if name not in present and not file.gone]
        if self._gone and self._root.is_dir():
            with database.session() as session:
                session.execute(update(File).where(File.id.in_([known[n].id for n in self._gone])).values(gone=True))
        return ScanReport(
            tuple(self._seen),
            tuple(self._changed),
            tuple(self._gone),
            tuple(self._returned),
            tuple(self._busy),
            self._refused,
        )

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Regular, visible files with names that may stand in the repository."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        except OSError as error:
            self._refused[prefix or "."] = error.strerror or str(error)
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = prefix + entry.name
            if entry.is_symlink():
                self._refused[name] = "is a symbolic link"
            elif entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path), name + "/")
            elif entry.is_file(follow_symlinks=False):
                try:
                    yield checked_name(name), entry
                except InvalidInput as error:
                    self._refused[name.encode("utf-8", "replace").decode()] = error.message

    def _judge(self, suspects: list[tuple[str, os.DirEntry[str]]], known: Mapping[str, object]) -> None:
        writing = open_for_writing(self._root)
        now = time.time()
        settle_s = self._services.config.repository.settle_s
        for name, entry in suspects:
            try:
                info = entry.stat(follow_symlinks=False)
                # A clock that runs backwards must not keep a file in use for ever: only the recent past counts.
                if 0 <= now - info.st_mtime < settle_s or os.path.realpath(entry.path) in writing:
                    self._busy.append(name)
                    continue
                found = fingerprint(Path(entry.path))
            except OSError as error:
                self._refused[name] = error.strerror or str(error)
                continue
            plausible = found.capture or not CAPTURE_ENDINGS.isdisjoint(extension(name).lower().split("."))
            if name not in known and not plausible:
                self._refused[name] = "is no capture"
                continue
            change = self._services.files.record(name, found)
            {"seen": self._seen, "changed": self._changed, "returned": self._returned}.get(change, []).append(name)
