"""Recorders as processes that outlive the drone: started in their own session, found again by a file with their id."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

#: Runs before the recorder in its process. The id is written first, then it is made sure that the drone still lives:
#: a drone that starts anew finds either the file, or no recorder. The alarm survives exec: it ends a recorder whose
#: drone never came back, so that it cannot fill the disk. What would end a recorder without handlers is ignored.
#: Packets go before all else, where that is allowed.
_LAUNCHER = """
import os, signal, sys
file, parent, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open("/proc/self/stat", "rb") as stat:
    ticks = stat.read().rpartition(b")")[2].split()[19].decode()
with open(file + ".new", "w") as out:
    out.write(f"{os.getpid()} {ticks}")
    out.flush()
    os.fsync(out.fileno())
os.rename(file + ".new", file)
if os.getppid() != parent:
    os.unlink(file)
    sys.exit()
signal.alarm(seconds)
try:
    os.nice(-10)
except OSError:
    pass
for name in ("SIGUSR1", "SIGUSR2"):
    signal.signal(signal.Signals[name], signal.SIG_IGN)
try:
    os.execvp(sys.argv[4], sys.argv[4:])
except OSError as error:
    sys.exit(f"{sys.argv[4]}: {error.strerror}")
"""


#: Numbers of the calls poll(2) and ppoll(2), in which libpcap waits for packets, by machine.
_WAITS = {
    "x86_64": {"7", "271"}, "aarch64": {"73"}, "riscv64": {"73"}, "i686": {"168", "309"}, "armv7l": {"168", "336"},
}
#: How long a process may take to stop, in seconds; one that waits for a disk takes longer and is left alone.
STOP_S = 0.05


class Process(NamedTuple):
    """A process that cannot be mistaken for a later one of the same number."""

    pid: int
    #: /proc/PID/stat, field 22: clock ticks from the machine's start to the process's.
    ticks: str

    def alive(self) -> bool:
        """Whether it still runs."""
        with suppress(ChildProcessError, OSError):
            os.waitpid(self.pid, os.WNOHANG)    # a child of ours that ended would stay as a zombie
        state, ticks = _stat(self.pid)
        return ticks == self.ticks and state not in "ZX"

    def signal(self, name: str) -> None:
        """Send a signal, by name; nothing happens when the process is gone."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.Signals[name])

    def signal_at_rest(self, name: str) -> bool:
        """Send a signal only while the process waits for packets; returns whether it did.

        tcpdump flushes inside of its signal handler: a signal in the middle of a write would write a block twice and
        so tear the file. It is stopped for a moment, as only what stands still can be looked at safely.
        """
        if not self.alive():
            return False
        try:
            os.kill(self.pid, signal.SIGSTOP)
            waits = self._stopped() and self._waits()
            if waits:
                os.kill(self.pid, signal.Signals[name])
            return waits
        except OSError:
            return False
        finally:
            self.go_on()

    def go_on(self) -> None:
        """Let it run, should it have been stopped."""
        self.signal("SIGCONT")

    def _stopped(self) -> bool:
        end = time.monotonic() + STOP_S
        while (state := _stat(self.pid)[0]) != "T":
            if state in "ZX" or time.monotonic() > end:
                return False
            time.sleep(0.0002)
        return True

    def _waits(self) -> bool:
        """Whether it is in a call that waits; False where the system does not tell us."""
        call = Path(f"/proc/{self.pid}/syscall").read_text().split()[0]
        return call in _WAITS.get(platform.machine(), ())


def start(command: list[str], stem: Path, guard_s: int) -> Process:
    """Start a recorder; its messages go to `stem`.log, its id to `stem`.pid. It is ended after `guard_s` seconds.

    Raises OSError.
    """
    id_file = stem.with_name(stem.name + ".pid")
    with stem.with_name(stem.name + ".log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(id_file), str(os.getpid()), str(guard_s), *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=stem.parent,
            env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
        )
    child.returncode = 0    # it is not ours to wait for; keeps Popen from warning
    return Process(child.pid, _stat(child.pid)[1])


def find(stem: Path) -> Process | None:
    """The process that was started for a recording, dead or alive; None when none ever was."""
    try:
        pid, ticks = stem.with_name(stem.name + ".pid").read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return Process(int(pid), ticks)


def messages(stem: Path) -> str:
    """What a recorder has said so far: the last of it when it is much."""
    try:
        with stem.with_name(stem.name + ".log").open("rb") as log:
            size = os.fstat(log.fileno()).st_size
            head = log.read(4096)
            if size > 65_536:
                log.seek(size - 61_440)
            return (head + log.read()).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _stat(pid: int) -> tuple[str, str]:
    """State and start time of a process; ("X", "") when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode(), fields[19].decode()
    except (OSError, IndexError):
        return "X", ""
