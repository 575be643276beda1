"""What a drone must still know after `kill -9`: one JSON file a job, replaced as a whole."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from tapiary import telemetry
from tapiary.capture.drone import phases
from tapiary.capture.messages import DroneOptions, StartJob

_log = telemetry.logger("drone")
STATE_FILE = "state.json"


class Recording(Struct):
    """One run of one recorder: its files begin with `stem`, its process is told by `stem`.pid."""

    stem: str
    source: str
    began: float
    ended: bool = False
    packets: int | None = None
    dropped: int | None = None


class Part(Struct):
    """One closed file. `origin` is its name before it was numbered; `sent`: the hive has all its bytes."""

    number: int
    interface: str
    file: str
    origin: str
    size: int
    #: Unix seconds at which it was closed: rings by time go by it.
    closed: float
    sha256: str = ""
    sent: bool = False
    #: Its file is no longer here: taken out of the ring, or sent while the disk was short.
    dropped: bool = False


class JobRecord(Struct):
    """A job on this drone."""

    order: StartJob
    sources: list[str]
    phase: str = phases.RECORDING
    #: What it will have come to, in TCI's words, and why; said while and after it ends.
    outcome: str = ""
    message: str = "Just Created."
    #: Since when the present stretch records, Unix seconds; 0 before all recorders have begun.
    since: float = 0.0
    runs: int = 0
    recordings: list[Recording] = []
    parts: list[Part] = []
    next_number: int = 1
    #: All is in one part, as TCI's hive wants it.
    merged: bool = False
    deleting: bool = False

    @property
    def id(self) -> int:
        """The hive's number of the job."""
        return self.order.job_id

    @property
    def options(self) -> DroneOptions:
        """What our dialect adds to the order."""
        return self.order.options if isinstance(self.order.options, DroneOptions) else DroneOptions()

    @property
    def ring(self) -> bool:
        """Whether only the newest packets are kept."""
        return bool(self.options.ring_bytes or self.options.ring_seconds)

    @property
    def trim(self) -> int:
        """Bytes of a packet that the card shall keep; 0: all."""
        return self.order.ndp_trim_bytes if isinstance(self.order.ndp_trim_bytes, int) else 0

    @property
    def all_channels(self) -> bool:
        """Whether all DMA channels of the card are captured."""
        return self.order.ndp_capture_all is True

    @property
    def priority(self) -> int:
        """TCI's priority, smaller first."""
        return self.order.priority if isinstance(self.order.priority, int) else 0

    def kept(self) -> list[Part]:
        """The parts whose files the hive is to get, in order."""
        return [part for part in self.parts if part.sent or not part.dropped]

    def counted(self) -> tuple[int | None, int | None]:
        """Packets and lost packets of all runs, None where no recorder has said."""
        packets = [r.packets for r in self.recordings if r.packets is not None]
        dropped = [r.dropped for r in self.recordings if r.dropped is not None]
        return sum(packets) if packets else None, sum(dropped) if dropped else None


class Records:
    """The jobs' folders: `jobs/ID` holds state.json, `rec` (files being written) and `parts` (closed ones)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "jobs"

    def job(self, job_id: int) -> Path:
        """The folder of a job."""
        return self.folder / str(job_id)

    def recording(self, job_id: int) -> Path:
        """The folder that a job's recorders write into."""
        return self.job(job_id) / "rec"

    def parts(self, job_id: int) -> Path:
        """The folder of a job's closed parts."""
        return self.job(job_id) / "parts"

    def save(self, record: JobRecord) -> None:
        """Write a job's state so that it survives a power cut, before or after as a whole. Raises OSError."""
        folder = self.job(record.id)
        for inner in (folder, self.recording(record.id), self.parts(record.id)):
            inner.mkdir(parents=True, exist_ok=True)
        replace(folder / STATE_FILE, msgspec.json.encode(record))

    def load(self) -> list[JobRecord]:
        """Every job that is here, by number; folders without a readable state are left alone and told of."""
        found = []
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            if not folder.name.isdecimal():
                continue
            try:
                found.append(msgspec.json.decode((folder / STATE_FILE).read_bytes(), type=JobRecord))
            except FileNotFoundError:   # killed between the two: nothing had been started yet, or all is deleted
                shutil.rmtree(folder, ignore_errors=True)
            except (OSError, msgspec.MsgspecError) as error:
                _log.error("%s cannot be read and is left as it is: %s", folder / STATE_FILE, error)
        return sorted(found, key=lambda record: record.id)

    def delete(self, job_id: int) -> None:
        """Remove all of a job; the state goes first, so that a break leaves only what `load` sweeps."""
        with suppress(FileNotFoundError):
            (self.job(job_id) / STATE_FILE).unlink()
        shutil.rmtree(self.job(job_id), ignore_errors=True)


def replace(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it is the old one or the new one. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
