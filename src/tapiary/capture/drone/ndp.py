"""Backends for CESNET's cards: ndp, never run on a real card by us, and its stand-in that TCI calls ndp_dummy."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tapiary.capture.drone.backends import CHECK_S, Counts, Tcpdump
from tapiary.capture.drone.config import Settings
from tapiary.capture.drone.records import JobRecord
from tapiary.errors import InvalidInput, Unavailable

#: The copies that TCI's stand-in makes of a capture of all channels.
DUMMY_CHANNELS = 4


class Ndp:
    """One ndp-receive a DMA channel, behind the card's own filter.

    The options of ndp-receive are those of the public ndk-sw; the programs and their arguments are settings, as they
    differ between releases of the firmware.
    """

    name = "ndp"
    end_signal = "SIGINT"   # the only one that ndp-receive handles
    lag_s = 0.1
    segments = False
    count_signal = ""
    flush_signal = ""

    def __init__(self, settings: Settings) -> None:
        self._ndp = settings.ndp

    def sources(self, record: JobRecord) -> list[str]:
        channels = self._ndp.dma if record.all_channels else self._ndp.dma[:1]
        if not channels:
            raise InvalidInput("ndp.dma names no channel of the card", field="ndp.dma")
        return [f"dma{number}" for number in channels]

    def prepare(self, record: JobRecord) -> None:
        """Sets the card's filter; an empty one lets all pass."""
        self._filter(record.order.filter)

    def _filter(self, text: str) -> None:
        command = self._fill(self._ndp.filter, filter=text)
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=CHECK_S,
                                  check=False)
        except FileNotFoundError:
            raise Unavailable(f"{command[0]} is not installed; it comes with the card's software") from None
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{command[0]} cannot be run: {error}") from None
        if done.returncode:
            words = " ".join((done.stderr or done.stdout).split())[:500]
            raise InvalidInput(words or f"{command[0]} ended with {done.returncode}", field="filter")

    def command(self, record: JobRecord, source: str, stem: Path) -> list[str]:
        trim = record.options.snaplen or record.trim
        more = self._ndp.trim if trim else []
        return self._fill([*self._ndp.receive, *more], dma=source.removeprefix("dma"), file=f"{stem}-0.pcap",
                          trim=str(trim))

    def _fill(self, words: list[str], **values: str) -> list[str]:
        """The words of a command with what stands in braces put in; each stays one argument."""
        values["device"] = self._ndp.device
        return [re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word) for word in words]

    def file_order(self, name: str) -> tuple[int, int]:
        return 0, 0

    def listening(self, words: str, writes: bool) -> bool:
        return writes   # it says nothing

    def counts(self, words: str) -> Counts:
        return Counts()

    def complaint(self, words: str) -> str:
        return " ".join(words.split())[:500]

    def overflowed(self, words: str) -> str:
        lines = [line.strip() for line in words.splitlines() if re.search(self._ndp.overflow, line)]
        return lines[0][:300] if lines else ""

    def copies(self, record: JobRecord) -> int:
        return 1

    def check_filter(self, text: str, interfaces: list[str]) -> str:
        return ""   # the card's own program knows; asking it would change the filter of a running job


class Dummy(Tcpdump):
    """The stand-in: tcpdump, and four copies of each file when all channels are wanted."""

    name = "ndp_dummy"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)

    def copies(self, record: JobRecord) -> int:
        return DUMMY_CHANNELS if record.all_channels else 1
