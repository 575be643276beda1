"""What captures: the common shape of the backends, and tcpdump."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from tapiary.capture.drone.config import Settings
from tapiary.capture.drone.records import JobRecord
from tapiary.errors import InvalidInput, Unavailable

#: tcpdump hands packets over in blocks, which the kernel closes after this long (libpcap's time-out in tcpdump).
TCPDUMP_BLOCK_S = 1.0
#: What tcpdump counts as all of a packet (its own limit).
FULL_SNAPLEN = 262_144
#: How long a look at a filter may take.
CHECK_S = 10.0


class Counts(NamedTuple):
    """Packets recorded and packets lost, None where the recorder has not said."""

    packets: int | None = None
    dropped: int | None = None


class Backend(Protocol):
    """How one kind of recorder is run. It knows commands and messages; processes are run by others."""

    #: TCI's name of it.
    name: str
    #: The signal that ends a recorder so that it writes what it still holds.
    end_signal: str
    #: How long after a packet's arrival it may still lie with the kernel.
    lag_s: float
    #: Whether recorders begin new files by themselves.
    segments: bool
    #: The signal that makes a recorder say its counts; empty: there is none.
    count_signal: str

    @property
    def flush_signal(self) -> str:
        """The signal that makes a recorder write what it holds back; empty: there is none."""

    def sources(self, record: JobRecord) -> list[str]:
        """What a job's recorders listen to, one each. Raises InvalidInput."""

    def prepare(self, record: JobRecord) -> None:
        """What must be done before the recorders start. Raises InvalidInput, Unavailable."""

    def command(self, record: JobRecord, source: str, stem: Path) -> list[str]:
        """The recorder's command line; all its files begin with `stem`."""

    def file_order(self, name: str) -> tuple[int, int]:
        """Sorts one recorder's files by time."""

    def listening(self, words: str, writes: bool) -> bool:
        """Whether a recorder has begun: by its messages, or because it has a file."""

    def counts(self, words: str) -> Counts:
        """The latest counts in a recorder's messages."""

    def complaint(self, words: str) -> str:
        """What a recorder's messages say went wrong, empty for nothing."""

    def overflowed(self, words: str) -> str:
        """Why the job must end because of lost packets, empty when it need not."""

    def copies(self, record: JobRecord) -> int:
        """How often each file is handed on (for a stand-in of several channels)."""

    def check_filter(self, text: str, interfaces: list[str]) -> str:
        """What is wrong with a capture filter, empty for nothing."""


class Tcpdump:
    """One tcpdump an interface; it cuts its files itself."""

    name = "tcpdump"
    end_signal = "SIGTERM"
    lag_s = TCPDUMP_BLOCK_S
    segments = True
    count_signal = "SIGUSR1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def flush_signal(self) -> str:
        """SIGUSR2 where it flushes (from tcpdump 4.99 on); before, it would end the program.

        It is for a tcpdump at rest alone: the handler writes in the middle of whatever was being written.
        """
        return "SIGUSR2" if self.version() >= (4, 99) else ""

    def version(self) -> tuple[int, int]:
        """tcpdump's version; (0, 0) when it cannot be had."""
        try:
            done = subprocess.run([self._program(), "--version"], capture_output=True, text=True, timeout=CHECK_S,
                                  check=False)
        except (OSError, subprocess.TimeoutExpired, Unavailable):
            return 0, 0
        found = re.search(r"version (\d+)\.(\d+)", done.stdout + done.stderr)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def _program(self) -> str:
        found = shutil.which(self._settings.tcpdump_path) or shutil.which(f"/usr/sbin/{self._settings.tcpdump_path}")
        if not found:
            raise Unavailable(f"{self._settings.tcpdump_path} is not installed (Debian: apt install tcpdump)",
                              code="no_tcpdump")
        return found

    def sources(self, record: JobRecord) -> list[str]:
        own = self._settings.interfaces
        for name in record.options.interfaces:
            if name not in own:
                raise InvalidInput(f"interface {name} is not among those of this drone: {', '.join(own)}",
                                   field="interfaces")
        return list(dict.fromkeys(record.options.interfaces)) or own

    def prepare(self, record: JobRecord) -> None:
        self._program()

    def command(self, record: JobRecord, source: str, stem: Path) -> list[str]:
        settings, options = self._settings, record.options
        snaplen = options.snaplen or record.trim or settings.snaplen or FULL_SNAPLEN
        # No more than a thousand files of a large job, as each is a line in its state.
        megabytes = max(1, settings.segment_bytes // 1_000_000, min(1000, record.order.max_capture_data // 10**9))
        seconds = 0
        if options.ring_bytes:  # at least eight files, so that at most an eighth more is kept than asked for
            megabytes = max(1, min(megabytes, options.ring_bytes // 8_000_000))
        if options.ring_seconds:
            seconds = max(1, options.ring_seconds // 8)
        command = [
            self._program(), "-i", source, "-n", "-s", str(snaplen), "-B", str(settings.buffer_bytes >> 10),
            "--time-stamp-precision=nano", "-C", str(megabytes), "-G", str(seconds or 1 << 30), "-w", f"{stem}-%s.pcap",
        ]
        if os.geteuid() == 0:   # else it becomes a user that may not open the next file
            command += ["-Z", "root"]
        return [*command, "--", record.order.filter]   # without "--" a filter could be an option that runs programs

    def file_order(self, name: str) -> tuple[int, int]:
        found = re.search(r"-(\d+)\.pcap(\d*)$", name)
        return (int(found[1]), int(found[2] or 0)) if found else (0, 0)

    def listening(self, words: str, writes: bool) -> bool:
        return "listening on " in words

    def counts(self, words: str) -> Counts:
        packets = re.findall(r"(\d+) packets? captured", words)
        dropped = re.findall(r"(\d+) packets? dropped by kernel", words)
        card = re.findall(r"(\d+) packets? dropped by interface", words)
        lost = int(dropped[-1]) + (int(card[-1]) if card else 0) if dropped else None
        return Counts(int(packets[-1]) if packets else None, lost)

    def complaint(self, words: str) -> str:
        lines = [line.strip() for line in words.splitlines()]
        lines = [line for line in lines if line and "listening on " not in line and not _COUNTS.search(line)
                 and not line.startswith("tcpdump: verbose output suppressed")]
        return " ".join(line.removeprefix("tcpdump: ") for line in lines)[:500]

    def overflowed(self, words: str) -> str:
        return ""

    def copies(self, record: JobRecord) -> int:
        return 1

    def check_filter(self, text: str, interfaces: list[str]) -> str:
        for interface in interfaces or self._settings.interfaces:
            try:
                done = subprocess.run(
                    [self._program(), "-i", interface, "-d", "--", text], capture_output=True, text=True,
                    errors="replace", timeout=CHECK_S, check=False)
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                return f"tcpdump cannot be run: {error}"
            except Unavailable as error:
                return error.message
            if done.returncode:
                return self.complaint(done.stderr) or f"tcpdump ended with {done.returncode}"
        return ""


_COUNTS = re.compile(r"\d+ packets? (captured|received by filter|dropped by (kernel|interface))")


def backend_of(settings: Settings) -> Backend:
    """The backend that the settings name."""
    if settings.capture_backend == "tcpdump":
        return Tcpdump(settings)
    from tapiary.capture.drone.ndp import Dummy, Ndp

    return Ndp(settings) if settings.capture_backend == "ndp" else Dummy(settings)
