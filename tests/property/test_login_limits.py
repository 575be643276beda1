"""The login limiter lets no key have more failures in any window than it may, and never forgets to let go."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from tapiary.accounts.limiter import Limiter
from tapiary.errors import TooManyRequests

KEYS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(st.tuples(st.floats(0, 7), KEYS, KEYS, st.booleans()), max_size=60)


@given(attempts=st.integers(1, 4), window_s=st.floats(1, 20), steps=STEPS)
def test_at_most_so_many_failures_in_any_window(
    attempts: int, window_s: float, steps: list[tuple[float, str, str, bool]]
) -> None:
    now = 1000.0
    limiter = Limiter(attempts, window_s, clock=lambda: now)
    failures: dict[str, list[float]] = defaultdict(list)
    for gap, one, other, succeeds in steps:
        now += gap
        keys = {one, other}
        # A failure counts until the window has passed over it, and not a moment longer.
        expected = max(
            (sorted(failures[key])[-attempts] + window_s - now for key in keys if len(failures[key]) >= attempts),
            default=0.0,
        )
        wait, at = 0.0, 0.0
        try:
            at = limiter.attempt(*sorted(keys))
        except TooManyRequests as error:
            wait = error.retry_after_s
        assert abs(wait - max(0.0, expected)) < 1e-6
        if wait:
            continue
        if succeeds:
            for key in keys:
                limiter.withdraw(key, at)
        else:
            for key in keys:
                failures[key].append(at)
    for times in failures.values():
        for first, last in zip(times, times[attempts:], strict=False):
            assert last - first >= window_s - 1e-6
