"""`anonymise`: a capture without what tells who it was: addresses replaced, hardware addresses and payloads gone.

What is not understood is not kept: packets are cut behind the last header that is known, and blocks of pcapng that may
name somebody (name resolution, secrets, comments) are dropped.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tapiary.errors import InvalidInput

from .editing import Edit
from .layers import Walk
from .mapping import Mapping
from .program import Rewriter, main
from .records import INTERFACE, SECTION, Block

#: Options of an interface that tell no more than how to read its packets: name, resolution, offset, FCS length, speed.
_INTERFACE_OPTIONS = (2, 8, 9, 13, 14)
_STATISTICS = 5
_STATISTICS_OPTIONS = (2, 3, 4, 5, 6, 7, 8)


@dataclass
class Anonymise(Rewriter):
    """Rewrites blocks of packets; `main` drives it."""

    mapping: Mapping
    keep_payload: bool = False
    keeps_options: bool = False

    def rewrite(self, block: Block) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Replaces addresses in place; returns how much of each packet to keep."""
        walk = Walk(block)
        Edit(block, walk, self.mapping).apply()
        self.count("packets of an unknown link type", int(walk.unknown.sum()))
        keep = walk.end - block.packet
        if self.keep_payload:
            keep = np.where(walk.whole, block.captured, keep)
        return keep

    def other(self, kind: int, body: bytes, order: str) -> bytes | None:
        """Sections, interfaces and their statistics stay, without what may name somebody; all else goes."""
        if kind == SECTION:
            return _with_options(body, 24, (), order)
        if kind == INTERFACE:
            return _with_options(body, 16, _INTERFACE_OPTIONS, order)
        if kind == _STATISTICS:
            return _with_options(body, 20, _STATISTICS_OPTIONS, order)
        return None


def _with_options(body: bytes, fixed: int, wanted: tuple[int, ...], order: str) -> bytes:
    """A block with those of its options alone (draft-ietf-opsawg-pcapng, 3.5)."""
    kept, at = b"", fixed
    while at + 4 <= len(body) - 4:
        code, size = struct.unpack_from(f"{order}HH", body, at)
        after = at + 4 + (size + 3 & ~3)
        if code == 0 or after > len(body) - 4:
            break
        if code in wanted:
            kept += body[at:after]
        at = after
    kept += b"\0\0\0\0" if kept else b""
    length = struct.pack(f"{order}I", fixed + len(kept) + 4)
    return body[:4] + length + body[8:fixed] + kept + length


def make(arguments: list[str]) -> Rewriter:
    """Reads the script's arguments. Raises InvalidInput."""
    key, keep_payload, keyed = secrets.token_bytes(32), False, False
    for word in arguments:
        if word == "keep-payload":
            keep_payload = True
        elif word in ("mac=keyed", "mac=zero"):
            keyed = word == "mac=keyed"
        elif word.startswith("key="):
            if not re.fullmatch(r"[0-9a-fA-F]{64}", word[4:]):
                raise InvalidInput("key: must be 64 hexadecimal digits", field="key")
            key = bytes.fromhex(word[4:])
        else:
            raise InvalidInput(f"unknown argument {word!r}; known are keep-payload, key=HEX, mac=keyed", field="args")
    # Enough to tell keys apart, and useless for finding the key.
    print(f"key fingerprint: {hashlib.sha256(b'fingerprint' + key).hexdigest()[:16]}")  # noqa: T201 - goes to the log
    return Anonymise(Mapping(key, keyed_hardware=keyed), keep_payload)


if __name__ == "__main__":
    main(make, Path(__file__).stem)
