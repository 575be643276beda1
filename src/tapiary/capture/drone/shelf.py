"""A job's files on disk: what its recorders write, what is closed, what may go."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tapiary.capture.drone import pcap, processes
from tapiary.capture.drone.actions import Closed, Seen
from tapiary.capture.drone.backends import Backend
from tapiary.capture.drone.processes import Process
from tapiary.capture.drone.records import JobRecord, Part, Recording, Records

#: A recorder that writes more than this between two looks needs no flush: what it holds back is a block of 4 kB.
QUIET_BYTES = 1 << 16


class Shelf:
    """Looks after the folders of all jobs; nothing here decides."""

    def __init__(self, records: Records, backend: Backend) -> None:
        self._records = records
        self._backend = backend
        self._running: dict[tuple[int, str], Process] = {}
        self._written: dict[tuple[int, str], tuple[str, int]] = {}
        self._listening: set[tuple[int, str]] = set()

    def start(self, record: JobRecord, recording: Recording, guard_s: int) -> None:
        """Start a recorder. Raises TapiaryError, OSError."""
        stem = self._stem(record, recording)
        command = self._backend.command(record, recording.source, stem)
        self._running[record.id, recording.stem] = processes.start(command, stem, guard_s)

    def _stem(self, record: JobRecord, recording: Recording) -> Path:
        return self._records.recording(record.id).absolute() / recording.stem

    def process(self, record: JobRecord, recording: Recording) -> Process | None:
        """A recorder's process, also of an earlier run of the drone; None when there never was one."""
        key = record.id, recording.stem
        if key not in self._running:
            found = processes.find(self._stem(record, recording))
            if found is None:
                return None
            found.go_on()   # the drone before may have died while it had the process stopped
            self._running[key] = found
        return self._running[key]

    def signal(self, record: JobRecord, name: str, *, begun: bool = False) -> None:
        """Send a signal to all of a job's recorders that still run; `begun`: only where it is sure to be handled."""
        for recording in record.recordings:
            if not recording.ended and name and (not begun or (record.id, recording.stem) in self._listening):
                process = self.process(record, recording)
                if process:
                    process.signal(name)

    def flush(self, record: JobRecord) -> None:
        """Have the recorders of a quiet line write what they hold back, where their backend can."""
        for recording in record.recordings:
            key = record.id, recording.stem
            if recording.ended or not self._backend.flush_signal or key not in self._listening:
                continue
            path = self.open_file(record, recording)
            name, before = self._written.get(key, ("", 0))
            size = _size(path) if path else 0
            self._written[key] = (path.name if path else "", size)
            if path is not None and path.name == name and size - before < QUIET_BYTES:
                process = self.process(record, recording)
                if process:
                    process.signal_at_rest(self._backend.flush_signal)

    def look(self, record: JobRecord, *, words: bool) -> list[Seen]:
        """Every recorder that has not ended, as it is now; `words`: read its messages also when it seems well."""
        return [self._look(record, recording, words) for recording in record.recordings if not recording.ended]

    def _look(self, record: JobRecord, recording: Recording, words: bool) -> Seen:
        stem, key = self._stem(record, recording), (record.id, recording.stem)
        process = self.process(record, recording)
        alive = process is not None and process.alive()
        files = self._files(stem)   # after the look at the process: what is dead writes no more
        listening = key in self._listening
        said = ""
        if words or not alive or not listening:
            said = processes.messages(stem)
            if self._backend.listening(said, bool(files)):
                self._listening.add(key)
                listening = True
        counts = self._backend.counts(said)
        if not alive:
            whole = self._backend.counts(said).packets is not None and not self._backend.complaint(said)
            return Seen(recording.stem, False, listening, self._backend.complaint(said), self._backend.overflowed(said),
                        counts, 0, tuple(self._close(path, check=not whole) for path in files if self._sound(path)))
        open_bytes = _size(files[-1]) if files else 0
        closed = tuple(Closed(path.name, _size(path)) for path in files[:-1])
        return Seen(recording.stem, True, listening, "", self._backend.overflowed(said), counts, open_bytes, closed)

    def _files(self, stem: Path) -> list[Path]:
        """A recorder's files in the order of time; the last one may be open."""
        with os.scandir(stem.parent) as entries:
            names = [e.name for e in entries if e.name.startswith(f"{stem.name}-") and ".pcap" in e.name]
        return [stem.parent / name for name in sorted(names, key=self._backend.file_order)]

    def _sound(self, path: Path) -> bool:
        """Whether a dead recorder's file holds a header at least; one that does not is removed."""
        if _size(path) >= pcap.GLOBAL_BYTES:
            return True
        path.unlink(missing_ok=True)
        return False

    def _close(self, path: Path, *, check: bool) -> Closed:
        """Cut half a record off the end of a file whose recorder did not end by itself."""
        size = _size(path)
        if check:
            sound = pcap.sound_bytes(path)
            if pcap.GLOBAL_BYTES <= sound < size:
                os.truncate(path, sound)
                size = sound
        return Closed(path.name, size)

    def path(self, record: JobRecord, part: Part) -> Path:
        """Where a part's file is."""
        return self._records.parts(record.id) / part.file

    def keep(self, record: JobRecord, part: Part) -> None:
        """Give a closed file its part's name; the last of its copies takes it away. Raises OSError."""
        origin, target = self._records.recording(record.id) / part.origin, self.path(record, part)
        if not part.origin or not origin.exists():
            return  # made of others, or done before a restart
        last = max(other.number for other in record.parts if other.origin == part.origin) == part.number
        if last:
            origin.rename(target)
        elif not target.exists():
            os.link(origin, target)

    def drop(self, record: JobRecord, part: Part) -> None:
        """Remove a part's file."""
        self.path(record, part).unlink(missing_ok=True)

    def sweep(self, record: JobRecord) -> None:
        """After a restart: finish what was begun with the files, and remove those that nothing names."""
        for part in record.parts:
            if not part.dropped:
                with suppress(FileNotFoundError):
                    self.keep(record, part)
        named = {part.file for part in record.parts if not part.dropped}
        folder = self._records.parts(record.id)
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in named:
                path.unlink(missing_ok=True)

    def open_file(self, record: JobRecord, recording: Recording) -> Path | None:
        """The file that a recorder writes now."""
        files = self._files(self._stem(record, recording))
        return files[-1] if files else None

    def forget(self, job_id: int) -> None:
        """A job is no more."""
        self._running = {key: value for key, value in self._running.items() if key[0] != job_id}
        self._written = {key: value for key, value in self._written.items() if key[0] != job_id}
        self._listening = {key for key in self._listening if key[0] != job_id}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
