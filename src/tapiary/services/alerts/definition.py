"""What a trigger is: the query, the condition on its rows, when it runs, and what it sets going when it fires."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from tapiary.errors import InvalidInput
from tapiary.services.alerts.templates import check_template

Severity = Literal["Info", "Low", "Medium", "High", "Critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
Operator = Literal["=", "!=", ">", ">=", "<", "<="]
Format = Literal["json", "slack", "teams"]

#: Longest query, in characters: NQL's own limit is 64 KiB.
MAX_QUERY = 65_536
#: A year: more is a mistake.
MAX_SECONDS = 366 * 86_400
MAX_NAME, MAX_TEXT = 255, 4096

Seconds = Annotated[int, Meta(ge=0, le=MAX_SECONDS)]


class Condition(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What rows must be like. Without a field, `op` and `value` speak of their number."""

    field: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)] | None = None
    op: Operator = ">"
    value: int | float | str | bool = 0


class Webhook(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An address that gets a message for each alert."""

    url: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    format: Format = "json"


class CaptureOrder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The capture job that an alert orders; the members are those of `POST /jobs`."""

    drones: Annotated[list[str], Meta(min_length=1, max_length=1000)]
    duration: Annotated[int, Meta(ge=1, le=MAX_SECONDS)]
    max_capture_data: Annotated[int, Meta(ge=1, le=1 << 62)]
    #: May name the row's addresses, networks and numbers as `${field}`.
    filter: Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    priority: Literal[1, 0, -1] = 0
    script_name: str | None = None
    script_args: Annotated[str, Meta(max_length=50)] = ""


class Definition(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A trigger as its owner wrote it."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    query: Annotated[str, Meta(min_length=1, max_length=MAX_QUERY)]
    description: Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    active: bool = True
    condition: Condition = Condition()
    #: Seconds between two runs; 0: it does not run by the clock.
    interval_s: Seconds = 60
    #: Whether it also runs as soon as there are new rows in a stream that it reads.
    on_new_data: bool = False
    #: Seconds that each run looks back; 0: only at what is new, and every row is an event of its own.
    window_s: Seconds = 0
    #: Fields whose values make alerts distinct.
    by: Annotated[list[Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]], Meta(max_length=16)] = []
    #: Seconds within which the same values of `by` give one alert; None: `window_s`.
    cooldown_s: Seconds | None = None
    severity: Severity = "Medium"
    #: The alerts' name, with the row's `${field}`; empty: the trigger's.
    title: Annotated[str, Meta(max_length=1000)] = ""
    webhooks: Annotated[list[Webhook], Meta(max_length=8)] = []
    capture: CaptureOrder | None = None

    @property
    def cooldown(self) -> int:
        """Seconds within which the same values of `by` give one alert."""
        return self.window_s if self.cooldown_s is None else self.cooldown_s

    @property
    def placeholders(self) -> frozenset[str]:
        """Fields of the row that its texts speak of."""
        return check_template(self.title, "title") | check_template(self.capture.filter if self.capture else "", "")


def definition_of(config: Mapping[str, Any]) -> Definition:
    """The definition in a plain mapping. Raises InvalidInput with the member at fault, as `capture.duration`."""
    try:
        found = msgspec.convert(dict(config), Definition)
    except msgspec.ValidationError as error:
        raise _explained(error) from None
    if not found.name.strip() or not found.name.isprintable():
        raise InvalidInput("name: must have printable characters, not spaces alone", field="name")
    if not found.interval_s and not found.on_new_data:
        raise InvalidInput(
            "interval_s: give seconds between two runs, or on_new_data: true; else it never runs", field="interval_s")
    if not found.window_s and found.condition.field is None and found.condition != Condition():
        raise InvalidInput(
            "condition: how many rows there are can only be asked of a stretch of time; give window_s",
            field="condition")
    if isinstance(found.condition.value, float) and not isfinite(found.condition.value):
        raise InvalidInput("condition.value: must be a finite number", field="condition.value")
    if len(set(found.by)) != len(found.by):
        raise InvalidInput("by: names a field twice", field="by")
    check_template(found.title, "title")
    if found.capture is not None:
        check_template(found.capture.filter, "capture.filter")
        if any(not name for name in found.capture.drones):
            raise InvalidInput("capture.drones: a drone's name is empty", field="capture.drones")
    return found


def config_of(definition: Definition) -> dict[str, Any]:
    """The definition as a plain mapping, with all members."""
    plain: dict[str, Any] = msgspec.to_builtins(definition)
    return plain


def _explained(error: msgspec.ValidationError) -> InvalidInput:
    """msgspec's words as ours: `Expected `int`, got `str` - at `$.capture.duration``."""
    message, _, where = str(error).partition(" - at `$")
    field = where.rstrip("`").lstrip(".")
    if missing := re.match(r"Object (?:missing required|contains unknown) field `(.*)`$", message):
        field = f"{field}.{missing[1]}".lstrip(".")
        message = "is missing" if "missing" in message else "is no member of a trigger"
    message = message.replace("`", "")
    return InvalidInput(f"{field}: {message[:1].lower()}{message[1:]}", field=field or None)
