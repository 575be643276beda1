"""The result of a script as a zip: what it left in its output folder, and what it said."""

from __future__ import annotations

import os
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tapiary.sandbox import files_of

#: Endings of what is packed already; packing it again costs time and saves nothing.
_PACKED = (".gz", ".zst", ".xz", ".bz2", ".zip", ".7z", ".parquet", ".png", ".jpg")
#: deflate at its fastest: captures are large, and shrink to about the same size at any level.
_LEVEL = 1
_PIECE = 1 << 20
#: By this name scripts of TCI hand over a capture; it gets the job's name.
CAPTURE = "output.pcap"
#: How a pcapng file begins (draft-ietf-opsawg-pcapng, 4.1).
_PCAPNG = b"\x0a\x0d\x0d\x0a"


@dataclass(slots=True)
class Packed:
    """What went into the zip and what did not."""

    files: int = 0
    bytes: int = 0
    #: Names that were left out, since they are links, devices, pipes, or cannot be read.
    left_out: list[str] = field(default_factory=list)


def pack(
    output: Path, logs: tuple[Path, ...], target: Path, capture_name: str, *, check: Callable[[], None],
    progress: Callable[[int], None],
) -> Packed:
    """Writes the zip under its final name once it is whole and on the disk, or not at all.

    Nobody may change the output folder meanwhile. Links are never followed. `check` may raise to stop, `progress` gets
    the bytes read. No zip is made of an output folder without files. Raises sandbox errors and OSError.
    """
    packed = Packed()
    part = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=_LEVEL) as archive:
                names = {log.name for log in logs}
                for entry in files_of(output, mend=True):
                    source = _opened(output / entry.name) if entry.is_file else None
                    if source is None:
                        packed.left_out.append(entry.name)
                        continue
                    with source:
                        name = _unique(_member(entry.name, source, capture_name), names)
                        for size in _add(archive, name, source):
                            packed.bytes += size
                            progress(packed.bytes)
                            check()
                    packed.files += 1
                for log in logs:
                    with log.open("rb") as source:
                        for _ in _add(archive, log.name, source):
                            check()
            file.flush()
            os.fsync(file.fileno())
        if packed.files:
            os.replace(part, target)
            _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return packed


def _add(archive: zipfile.ZipFile, name: str, source: BinaryIO) -> Iterator[int]:
    """Adds an open file in pieces; yields the size of each."""
    found = os.fstat(source.fileno())
    moment = time.gmtime(min(max(found.st_mtime, 315532800), 4354819198))[:6]  # what the format can tell: 1980 to 2107
    about = zipfile.ZipInfo(name, moment)
    about.external_attr = (stat.S_IFREG | 0o644) << 16
    about.compress_type = zipfile.ZIP_STORED if name.lower().endswith(_PACKED) else zipfile.ZIP_DEFLATED
    about._compresslevel = _LEVEL  # type: ignore[attr-defined]  # the level of the archive holds for names only
    with archive.open(about, "w", force_zip64=True) as member:
        while piece := source.read(_PIECE):
            member.write(piece)
            yield len(piece)


def _opened(path: Path) -> BinaryIO | None:
    """The plain file of that name, None when it is something else or cannot be read."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
    return None


def _member(name: str, source: BinaryIO, capture_name: str) -> str:
    """The name in the zip: no sign that leads elsewhere on any system, and the capture under the job's name."""
    if name == CAPTURE:
        ending = "pcapng" if source.read(4) == _PCAPNG else "pcap"
        source.seek(0)
        return f"{capture_name}.{ending}"
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join("_" if c in '\\:*?"<>|' or not c.isprintable() else c for c in text)


def _unique(name: str, taken: set[str]) -> str:
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if stem and "/" not in ending else (name, "")
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}{ending}"
    taken.add(name)
    return name


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
