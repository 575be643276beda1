"""How often somebody may try: a sliding window of failures for each key, in memory.

An attempt counts from its start, so that many at once do not all pass before the first has failed; one that
succeeds is taken back. Blocked attempts do not count, so that the wait ends even when somebody keeps knocking.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from tapiary.errors import TooManyRequests

#: Keys that are remembered. Beyond that the key that failed longest ago is forgotten: whoever wants another key
#: out needs this many failures within one window, from thousands of addresses.
CAPACITY = 20_000


class Limiter:
    """At most `attempts` failures of any one key within any `window_s` seconds. Safe to share between threads."""

    def __init__(
        self, attempts: int, window_s: float, *, capacity: int = CAPACITY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts, self._window_s, self._capacity, self._clock = attempts, window_s, capacity, clock
        self._lock = threading.Lock()
        #: Times of the attempts that count, oldest first; the key that was tried last stands last.
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def attempt(self, *keys: str) -> float:
        """Count an attempt for all keys and return its time, for `withdraw`.

        Raises TooManyRequests, and counts nothing, when one of the keys has had its attempts.
        """
        with self._lock:
            now = self._clock()
            wait = max((self._wait(key, now) for key in keys), default=0.0)
            if wait > 0:
                seconds = math.ceil(wait)
                raise TooManyRequests(
                    f"too many failed logins; try again in {seconds} s", retry_after_s=wait, code="too_many_logins"
                )
            for key in keys:
                self._times.setdefault(key, deque()).append(now)
                self._times.move_to_end(key)
            while len(self._times) > self._capacity:
                self._times.popitem(last=False)
            return now

    def withdraw(self, key: str, at: float) -> None:
        """Take one attempt back: it was no failure."""
        with self._lock:
            times = self._times.get(key)
            if times is not None and at in times:
                times.remove(at)
                if not times:
                    del self._times[key]

    def reset(self, key: str) -> None:
        """Forget all failures of a key."""
        with self._lock:
            self._times.pop(key, None)

    def _wait(self, key: str, now: float) -> float:
        """Seconds until the key may be tried, after forgetting what is too old to count."""
        times = self._times.get(key)
        if times is None:
            return 0.0
        while times and times[0] + self._window_s <= now:
            times.popleft()
        if not times:
            del self._times[key]
        return times[0] + self._window_s - now if len(times) >= self._attempts else 0.0


def address_key(address: str) -> str:
    """The key of an address: of IPv6 the first 64 bits, since whoever has one address there has them all (RFC 6177)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)
