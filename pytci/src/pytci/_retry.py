"""What is safe to send once more, and when."""

from __future__ import annotations

import email.utils
import random
import ssl
import time

import httpx

#: Methods that ask for nothing, or for what is the same when it is asked for twice.
REPEATABLE = frozenset({"GET", "HEAD", "DELETE"})
#: What a hive or a proxy before it answers when it cannot just now.
PASSING = frozenset({429, 502, 503, 504})
#: Seconds before the first repetition (doubled each time) and at most; a longer Retry-After is the caller's to heed.
FIRST_S, LONGEST_S, LONGEST_TOLD_S = 0.3, 8.0, 60.0


def pause(attempt: int) -> float:
    """Seconds before repetition number `attempt` (from 0): exponential, half of it by chance so that many clients
    do not come back at once."""
    longest = min(LONGEST_S, FIRST_S * 2.0**attempt)
    return longest * random.uniform(0.5, 1.0)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that Retry-After asks for (RFC 9110, 10.2.3: a number or a date); None without it."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, when.timestamp() - time.time())


def nothing_was_sent(error: httpx.TransportError) -> bool:
    """Whether the hive cannot have seen anything of the request."""
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))


def is_lasting(error: BaseException | None) -> bool:
    """Whether a connection fails for a reason that time does not mend: a certificate, a name, a scheme."""
    if isinstance(error, httpx.UnsupportedProtocol):
        return True
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
