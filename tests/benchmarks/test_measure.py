"""Measurements of whole processes, in turns."""

from __future__ import annotations

import sys

import pytest

from benchmarks.measure import Failed, Sample, Spread, interleaved, run


def test_a_run_is_measured() -> None:
    sample = run([sys.executable, "-c", "x = bytearray(80_000_000); print('done', sum(range(2_000_000)))"])
    assert sample.output.startswith("done")
    assert 80e6 < sample.peak_bytes < 400e6
    assert 0 < sample.user_s <= sample.wall_s * 4
    assert run(["true"]).peak_bytes < 30e6


def test_a_failure_carries_the_last_words() -> None:
    with pytest.raises(Failed, match="ended with 3: no such thing"):
        run([sys.executable, "-c", "import sys; sys.stderr.write('no such thing'); sys.exit(3)"])
    with pytest.raises(Failed, match="127"):
        run(["no-such-program-anywhere"])


def test_turns_are_taken() -> None:
    order: list[str] = []

    def once(name: str) -> Sample:
        order.append(name)
        if name == "c":
            raise Failed("broken")
        return Sample(len(order), 0.0, 0.0, 1, "")

    samples, failures = interleaved(["a", "b", "c"], {"a": 3, "b": 1, "c": 3}, once, lambda text: None)
    assert order == ["a", "b", "c", "a", "a"]
    assert {name: len(taken) for name, taken in samples.items()} == {"a": 3, "b": 1}
    assert failures == {"c": "broken"}
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
