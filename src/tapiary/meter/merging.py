"""Captures merged by time into one pcapng that keeps where each packet came from."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.errors import Conflict, InvalidInput, NotFound, Unavailable

from .run import PROGRESS_INTERVAL_S
from .source import Source

if TYPE_CHECKING:
    from ._native import Merger

#: What one step writes: a few hundredths of a second between two looks at whether it was cancelled.
_SLICE_BYTES = 32 << 20
#: Reading larger pieces is no faster; all sources' buffers together keep to the second where they can.
_BUFFER_BYTES, _BUFFERS_BYTES, _LEAST_BUFFER_BYTES = 1 << 20, 64 << 20, 64 << 10
#: Files open at a time, far below the usual limit of 1,024: others are closed meanwhile and opened again.
_OPEN_FILES = 128

_TORN = {
    "cut": "it ends inside the record that begins at byte {:,}",
    "record": "the record at byte {:,} claims to be longer than any packet",
    "block": "the block at byte {:,} is malformed",
    "interfaces": "at byte {:,} there are more interfaces than a capture may have",
}


@dataclass(frozen=True, slots=True)
class MergeSource:
    """One capture to be merged: pcap or pcapng, plain, gzip or zstd.

    `interface` names where it was captured and becomes the interface's name in the result (at most 200 bytes);
    interfaces that have names of their own (pcapng) are called "interface:own name". `comment` becomes the
    interface's description. `continues`: this file is the segment after the source before it, so that interfaces in
    which both are alike become one in the result; else every file's interfaces are kept apart.
    """

    path: Path
    interface: str
    comment: str = ""
    continues: bool = False


@dataclass(frozen=True, slots=True)
class MergeProgress:
    """How far a merge is. `bytes` and `total_bytes` are of the sources as stored."""

    bytes: int
    total_bytes: int
    packets: int
    seconds: float


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What was merged: packets, the result's size in bytes, and why sources were left before their end, by path."""

    packets: int
    bytes: int
    torn: dict[str, str]


def merge(
    sources: Sequence[MergeSource], target: Path, *, cancelled: Callable[[], bool] | None = None,
    progress: Callable[[MergeProgress], None] | None = None,
) -> MergeResult:
    """Merges captures by time into one pcapng file, which appears under its name when it is complete and on disk.

    The earliest of all next packets goes first, of equal times that of the source that is named first; packets of
    one source keep their order even where its times go back (mergecap's rule, but for equal times, where it takes the
    last source). Times are kept to the nanosecond from 1970 to 2554; packets without a time follow the packet before
    them. Empty sources add nothing, those with only a header their interface. Of a source that breaks off or is
    damaged everything before that place is merged, and `torn` tells. Any number of sources is read with at most 128
    files open, but for compressed ones, which stay open. Until then the result is called `.<name>.<random>.part`.

    Raises NotFound or InvalidInput (field "file") for a source that is missing or no capture, Unavailable with code
    "disk_full" or "write_failed" for the target, "read_failed" for a source, Conflict with code "cancelled" after
    `cancelled` said True; none of them leaves anything behind.
    """
    if not sources:
        raise InvalidInput("there are no captures to merge", field="file")
    target = Path(target)
    with _Opened(sources) as opened, _target(target) as descriptor:
        return _run(opened, target, descriptor, cancelled, progress)


class _Opened:
    """The sources, those open that must be unpacked here; the core opens the others itself."""

    def __init__(self, sources: Sequence[MergeSource]) -> None:
        self.sources = sources
        self.total = 0
        self.fed: dict[int, Source] = {}

    def __enter__(self) -> _Opened:
        try:
            for number, source in enumerate(self.sources):
                self._open(number, Path(source.path))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for source in self.fed.values():
            source.close()

    def _open(self, number: int, path: Path) -> None:
        source = Source(path)
        self.total += source.total or 0
        descriptor = source.descriptor()
        if descriptor is None or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            self.fed[number] = source
        else:
            source.close()

    def orders(self) -> list[tuple[bytes | None, bytes, bytes, bool]]:
        """What the core wants to know of each source."""
        return [
            (
                None if number in self.fed else os.fsencode(os.path.abspath(source.path)),
                source.interface.encode("utf-8", "replace"), source.comment.encode("utf-8", "replace"),
                source.continues and number > 0,
            )
            for number, source in enumerate(self.sources)
        ]

    def path(self, number: int) -> str:
        """A source's path as it was given."""
        return str(self.sources[number].path)

    def unreadable(self, number: int, code: int) -> Unavailable:
        """The error that says which source cannot be read; `code` is errno."""
        message = f"{self.path(number)} cannot be read: {os.strerror(code)}"
        return Unavailable(message, field="file", code="read_failed")

    def feed(self, number: int, room: memoryview) -> int:
        """Unpacks some of a source into room; 0 at its end."""
        try:
            return self.fed[number].readinto(room)
        except OSError as error:
            raise self.unreadable(number, error.errno or errno.EIO) from None

    def position(self) -> int:
        """Bytes read so far of the sources that are unpacked here."""
        return sum(source.position() for source in self.fed.values())


def _run(
    opened: _Opened, target: Path, descriptor: int, cancelled: Callable[[], bool] | None,
    progress: Callable[[MergeProgress], None] | None,
) -> MergeResult:
    from ._native import Merger

    started = told = time.monotonic()
    share = _BUFFERS_BYTES // len(opened.sources)
    buffer = max(_LEAST_BUFFER_BYTES, min(_BUFFER_BYTES, share))
    merger = Merger(descriptor, opened.orders(), buffer=buffer, files=_OPEN_FILES)
    done = False
    while not done:
        done = _step(merger, opened, target)
        hungry = merger.hungry
        if hungry is not None:
            merger.fed(hungry, opened.feed(hungry, merger.room(hungry)))
        now = time.monotonic()
        if done or (now - told < PROGRESS_INTERVAL_S and hungry is not None):
            continue
        if cancelled is not None and cancelled():
            raise Conflict("merging was cancelled", code="cancelled")
        if progress is not None and now - told >= PROGRESS_INTERVAL_S:
            told = now
            packets, _, read = merger.counts()
            progress(MergeProgress(read + opened.position(), opened.total, packets, now - started))
    packets, size, read = merger.counts()
    if progress is not None:
        progress(MergeProgress(opened.total, opened.total, packets, time.monotonic() - started))
    return MergeResult(packets, size, _torn(opened, merger.torn()))


def _step(merger: Merger, opened: _Opened, target: Path) -> bool:
    from ._native import NoCapture, Unreadable

    try:
        with _telling(target):
            return merger.step(_SLICE_BYTES)
    except NoCapture as error:
        name = opened.path(error.args[0])
        raise InvalidInput(f"{name} is neither a pcap nor a pcapng capture", field="file") from None
    except Unreadable as error:
        raise opened.unreadable(*error.args) from None


def _torn(opened: _Opened, tears: Mapping[int, tuple[str, int]]) -> dict[str, str]:
    torn = {opened.path(number): _TORN[why].format(offset) for number, (why, offset) in tears.items()}
    for number, source in opened.fed.items():
        if source.damaged:
            torn[opened.path(number)] = "its compressed data break off or are damaged"
    return torn


@contextlib.contextmanager
def _target(target: Path) -> Iterator[int]:
    """A descriptor of a new file that takes the target's name when the block ends well, else vanishes."""
    part = target.parent / f".{target.name[:60]}.{secrets.token_hex(4)}.part"
    descriptor = -1
    try:
        with _telling(target):
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        yield descriptor
        with _telling(target):
            os.fsync(descriptor)
            closing, descriptor = descriptor, -1
            os.close(closing)
            os.replace(part, target)
            _sync_folder(target.parent)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _telling(target: Path) -> Iterator[None]:
    """Raises what goes wrong with the target as an error that says what to do."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"there is no folder {target.parent}", field="target") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"there is no space left for {target}: make room and merge again"
            raise Unavailable(message, field="target", code="disk_full") from None
        message = f"{target} cannot be written: {error.strerror}"
        raise Unavailable(message, field="target", code="write_failed") from None
