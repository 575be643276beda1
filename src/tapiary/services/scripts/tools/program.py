"""The programs that rewrite a capture: the command line, the loop over the file, and what they say of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tapiary.errors import InvalidInput, TapiaryError

from .records import Block, blocks

#: Name of the capture in the output folder, as TCI's scripts have it.
OUTPUT = "output.pcap"
#: Seconds between two lines about how far the work is.
TELL_S = 2.0


class Rewriter:
    """What a program does to a capture, block by block."""

    #: Whether pcapng's options of packets stay.
    keeps_options: bool = True

    def rewrite(self, block: Block) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Changes a block in place; returns how many bytes of each packet to keep."""
        raise NotImplementedError

    def other(self, kind: int, body: bytes, order: str) -> bytes | None:
        """The new form of a pcapng block without a packet, no longer than it was; None drops it."""
        raise NotImplementedError

    def count(self, what: str, number: int) -> None:
        """Counts what the user should know of."""
        counts = self.__dict__.setdefault("counts", {})
        counts[what] = counts.get(what, 0) + number


def rewrite(source: Path, target: Path, rewriter: Rewriter) -> int:
    """Rewrites a capture; returns the number of packets. Raises InvalidInput when it is none."""
    packets, size, told = 0, source.stat().st_size or 1, time.monotonic()
    with source.open("rb") as file, target.open("wb") as out:
        for block in blocks(file, rewriter.other):
            if isinstance(block, bytes):
                out.write(block)
                continue
            packets += len(block.packet)
            keep = rewriter.rewrite(block)
            out.write(block.rewritten(keep, options=rewriter.keeps_options))
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                print(f"{packets} packets, {100 * file.tell() // size} %", flush=True)  # noqa: T201 - goes to the log
    return packets


def main(make: Callable[[list[str]], Rewriter], name: str) -> None:
    """The program: INPUT OUTPUT_DIR [ARGUMENT …]; exits with 2 when it cannot do it."""
    try:
        if len(sys.argv) < 3:
            raise InvalidInput(f"usage: {name} INPUT OUTPUT_DIR [ARGUMENT …]")
        began = time.monotonic()
        rewriter = make(sys.argv[3:])
        packets = rewrite(Path(sys.argv[1]), Path(sys.argv[2]) / OUTPUT, rewriter)
        print(f"{packets} packets in {time.monotonic() - began:.1f} s")  # noqa: T201 - goes to the log
        for what, number in getattr(rewriter, "counts", {}).items():
            if number:
                print(f"{number} {what}")  # noqa: T201 - goes to the log
    except TapiaryError as error:
        print(f"{name}: {error.message}", file=sys.stderr)  # noqa: T201 - goes to the log
        raise SystemExit(2) from None
