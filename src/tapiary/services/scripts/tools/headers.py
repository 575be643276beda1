"""`headers`: every packet cut to its headers, up to the transport layer of the innermost packet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tapiary.errors import InvalidInput

from .layers import Walk
from .program import Rewriter, main
from .records import Block

#: What is kept of packets of a link type that is not known: room for any link layer's header.
UNKNOWN = 64


@dataclass
class Headers(Rewriter):
    """Rewrites blocks of packets; `main` drives it."""

    more: int = 0
    keeps_options: bool = True

    def rewrite(self, block: Block) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """How much of each packet to keep."""
        walk = Walk(block)
        self.count("packets of an unknown link type", int(walk.unknown.sum()))
        return np.where(walk.unknown, UNKNOWN, walk.end - block.packet) + self.more

    def other(self, kind: int, body: bytes, order: str) -> bytes | None:
        """Whatever is no packet stays."""
        return body


def make(arguments: list[str]) -> Rewriter:
    """Reads the script's arguments. Raises InvalidInput."""
    if len(arguments) > 1 or (arguments and not (arguments[0].isascii() and arguments[0].isdigit())):
        raise InvalidInput("there is one argument: how many bytes of payload to keep", field="args")
    return Headers(int(arguments[0]) if arguments else 0)


if __name__ == "__main__":
    main(make, Path(__file__).stem)
