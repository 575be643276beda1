"""Whether compressing uploads pays, by measuring: the faster of the two ways, looked at anew now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

#: Every so many parts the way that was slower is tried again: the line or the traffic may have changed.
TRY_AGAIN = 16
#: How much the latest part weighs in the mean.
_WEIGHT = 0.5


class Pace:
    """Chooses between plain and zstd by the captured bytes a second that came through so far.

    What the compressor costs is in it: on a machine whose processors are busy it is slow, and on a fast line it does
    not pay. `mode` is the setting: auto, zstd, none.
    """

    def __init__(self, mode: str, *, available: bool) -> None:
        self._fixed = False if mode == "none" or not available else True if mode == "zstd" else None
        self._speed: dict[bool, float] = {}
        self._count = 0

    def compress(self) -> bool:
        """Whether the next part shall be compressed."""
        if self._fixed is not None:
            return self._fixed
        self._count += 1
        for way in (False, True):
            if way not in self._speed:
                return way
        better = self._speed[True] > self._speed[False]
        return better if self._count % TRY_AGAIN else not better

    def measured(self, compressed: bool, size: int, seconds: float) -> None:
        """A part of `size` captured bytes went through in that time; small ones say little and do not count."""
        if size < 1 << 20 or seconds <= 0:
            return
        speed = size / seconds
        before = self._speed.get(compressed, speed)
        self._speed[compressed] = before + (speed - before) * _WEIGHT


def compressor() -> Callable[[], Any] | None:
    """Makes zstd compressors of level 1; None where the library is not there."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        return None
    return lambda: zstd.ZstdCompressor(level=1)
