"""What a trigger may be, and that each mistake is told by its member."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.errors import InvalidInput
from tapiary.services.alerts.definition import config_of, definition_of

LEAST = {"name": "scan", "query": 'src stream="netflow"'}
CAPTURE = {"drones": ["a"], "duration": 5, "max_capture_data": 1000}


def test_what_is_left_out_has_a_meaning() -> None:
    found = definition_of(LEAST)
    assert (found.active, found.severity, found.interval_s, found.window_s, found.cooldown) == (
        True, "Medium", 60, 0, 0)
    assert (found.condition.field, found.condition.op, found.condition.value) == (None, ">", 0)
    assert definition_of(config_of(found)) == found


def test_the_cooldown_is_the_window_unless_said_otherwise() -> None:
    assert definition_of({**LEAST, "window_s": 60}).cooldown == 60
    assert definition_of({**LEAST, "window_s": 60, "cooldown_s": 0}).cooldown == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"query": ""}, "query"),
        ({"query": 7}, "query"),
        ({"queery": "x"}, "queery"),
        ({"interval_s": 0}, "interval_s"),
        ({"interval_s": -1}, "interval_s"),
        ({"interval_s": 10**9}, "interval_s"),
        ({"severity": "Terrible"}, "severity"),
        ({"condition": {"op": "~"}}, "condition.op"),
        ({"condition": {"field": ""}}, "condition.field"),
        ({"condition": {"value": None}}, "condition.value"),
        ({"condition": {"field": "n", "value": float("inf")}}, "condition.value"),
        ({"condition": {"value": 5}}, "condition"),
        ({"condition": {"op": "<", "value": 1}}, "condition"),
        ({"by": ["a", "a"]}, "by"),
        ({"by": [""]}, "by[0]"),
        ({"title": "scan by ${}"}, "title"),
        ({"title": "scan by ${clientIp"}, "title"),
        ({"webhooks": [{"url": "https://x", "format": "irc"}]}, "webhooks[0].format"),
        ({"webhooks": [{"address": "https://x"}]}, "webhooks[0].address"),
        ({"capture": {**CAPTURE, "duration": 0}}, "capture.duration"),
        ({"capture": {**CAPTURE, "drones": []}}, "capture.drones"),
        ({"capture": {**CAPTURE, "drones": [""]}}, "capture.drones"),
        ({"capture": {**CAPTURE, "filter": "host ${"}}, "capture.filter"),
        ({"capture": {**CAPTURE, "priority": -99}}, "capture.priority"),
        ({"capture": {"drones": ["a"], "duration": 5}}, "capture.max_capture_data"),
    ],
)
def test_a_mistake_is_told_by_its_member(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        definition_of({**LEAST, **change})
    assert caught.value.field == field
    assert caught.value.message.startswith(field.split("[", maxsplit=1)[0])


def test_rows_may_be_counted_in_a_window() -> None:
    found = definition_of({**LEAST, "window_s": 60, "condition": {"op": ">=", "value": 5}})
    assert found.condition.value == 5


def test_the_fields_that_texts_speak_of() -> None:
    capture = {**CAPTURE, "filter": "host ${clientIp} and port ${serverPort}"}
    found = definition_of({**LEAST, "title": "scan by ${clientIp} of ${serverIp}", "capture": capture})
    assert found.placeholders == {"clientIp", "serverIp", "serverPort"}
