"""What rows are worth: conditions, events and windows, groups and cooldowns."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.errors import InvalidInput
from tapiary.services.alerts.definition import Definition, definition_of
from tapiary.services.alerts.evaluation import Finding, findings, kept

END = 1_000_000


def trigger(**members: Any) -> Definition:
    return definition_of({"name": "t", "query": "q", **members})


def found(definition: Definition, *rows: dict[str, Any], total: int | None = None) -> list[Finding]:
    return findings(definition, list(rows), len(rows) if total is None else total, END)


def event(second: int, **members: Any) -> dict[str, Any]:
    return {"timestamp": second * 1000, **members}


@pytest.mark.parametrize(
    ("op", "wanted", "value", "holds"),
    [
        (">", 5, 6, True), (">", 5, 5, False), (">=", 5, 5.0, True), ("<", 5, 4, True), ("<=", 5, 6, False),
        ("=", 5, 5, True), ("=", 5, "5", False), ("!=", 5, "5", True), ("=", "a", "a", True), ("=", "a", "A", False),
        ("<", "b", "a", True), ("=", True, True, True), ("=", True, 1, False), ("=", 1, True, False),
        (">", True, True, False), ("=", 5, None, False), ("!=", 5, None, True), (">", 0, None, False),
        ("=", 22, [80, 22], True), ("=", 22, [80], False), ("=", 22, [], False), ("!=", 22, [80, 22], True),
    ],
)
def test_a_condition_on_a_field(op: str, wanted: Any, value: Any, holds: bool) -> None:
    definition = trigger(condition={"field": "n", "op": op, "value": wanted})
    assert bool(found(definition, event(1, n=value))) is holds


def test_a_field_that_no_row_has_is_a_mistake() -> None:
    with pytest.raises(InvalidInput, match=r"no field 'm' \(it gives n, timestamp\)"):
        found(trigger(condition={"field": "m"}), event(1, n=1))
    assert found(trigger(condition={"field": "m"})) == []


def test_rows_are_counted_in_all_not_only_those_that_were_read() -> None:
    definition = trigger(window_s=60, condition={"op": ">=", "value": 5})
    assert len(found(definition, event(1), total=5)) == 1
    assert found(definition, event(1), total=4) == []


def test_fewer_rows_than_expected_give_no_row_to_speak_of() -> None:
    definition = trigger(window_s=60, condition={"op": "=", "value": 0})
    (one,) = found(definition, total=0)
    assert (one.row, one.rows, one.event_ms) == ({}, 0, END)


def test_every_row_is_an_event_without_a_window() -> None:
    first, second = found(trigger(), event(2, ip="b"), event(1, ip="a"))
    assert (first.row["ip"], first.event_ms, second.row["ip"]) == ("a", 1000, "b")
    assert first.key != second.key
    assert found(trigger(), event(1, ip="a"))[0].key == first.key


def test_the_very_same_row_is_one_event() -> None:
    assert len(found(trigger(), event(1, ip="a"), event(1, ip="a"))) == 1


def test_a_cooldown_gathers_events_of_the_same_values() -> None:
    definition = trigger(by=["ip"], cooldown_s=10)
    rows = [event(second, ip=ip, n=second) for second in (0, 3, 9, 10, 25) for ip in "ab"]
    result = [(one.row["ip"], one.event_ms, one.rows) for one in found(definition, *rows)]
    assert result == [("a", 0, 3), ("b", 0, 3), ("a", 10_000, 1), ("b", 10_000, 1), ("a", 25_000, 1), ("b", 25_000, 1)]


def test_a_window_gives_one_finding_for_the_same_values() -> None:
    definition = trigger(by=["ip"], window_s=60)
    a, b = found(definition, event(1, ip="a"), event(2, ip="b"), event(3, ip="a"))
    assert (a.row["timestamp"], a.rows, a.event_ms) == (1000, 2, END)
    assert (b.rows, b.event_ms) == (1, END)
    assert len(found(trigger(window_s=60), event(1, ip="a"), event(2, ip="b"))) == 1


def test_ten_thousand_rows_of_one_group_take_no_time() -> None:
    rows = [event(second, ip="a") for second in range(10_000)]
    assert len(found(trigger(by=["ip"], cooldown_s=1), *rows)) == 10_000
    assert len(found(trigger(by=["ip"], cooldown_s=100_000), *rows)) == 1


def test_what_an_alert_keeps_is_bounded_and_json() -> None:
    row = kept({"text": "x" * 5000, "list": list(range(500)), "nan": float("nan"), "map": {"k": "y" * 5000}, "n": 1,
                "sum": 2**70})
    assert (len(row["text"]), len(row["list"]), len(row["map"]["k"])) == (1000, 100, 1000)
    assert (row["nan"], row["n"], row["sum"]) == ("nan", 1, 2.0**70)
