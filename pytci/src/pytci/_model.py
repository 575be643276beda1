"""How JSON becomes frozen dataclasses: known members by name, the unknown ones kept in `extra`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Callable, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from pytci.errors import UnexpectedAnswer

M = TypeVar("M", bound="Model")
#: How hives write times: local time of Prague, without an offset.
FORMAT, ZONE = "%Y-%m-%d %H:%M:%S", "Europe/Prague"


class Model:
    """What all models share. Members are called as in the hive's JSON; `extra` has those that this release of the
    library does not know."""

    extra: Mapping[str, Any]
    #: Models of members that are objects or lists of such, and of those that are objects of such by name.
    _nested: ClassVar[Mapping[str, type[Model]]] = {}
    _named: ClassVar[Mapping[str, type[Model]]] = {}

    @classmethod
    def from_json(cls: type[M], data: object) -> M:
        """The model of a decoded JSON object; UnexpectedAnswer when a member that is always there is missing."""
        if not isinstance(data, Mapping):
            raise UnexpectedAnswer(f"the hive sent {type(data).__name__} where {cls.__name__} was due")
        known: dict[str, Any] = {}
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            if field.name == "extra":
                continue
            if field.name in data:
                known[field.name] = cls._member(field.name, data[field.name])
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise UnexpectedAnswer(f"the hive sent {cls.__name__} without {field.name}")
        extra = {key: value for key, value in data.items() if key not in known}
        return cls(**known, extra=extra)  # type: ignore[call-arg]

    @classmethod
    def _member(cls, name: str, value: Any) -> Any:
        model, named = cls._nested.get(name), cls._named.get(name)
        if isinstance(value, list):
            return tuple(each if model is None else model.from_json(each) for each in value)
        if named is not None and isinstance(value, Mapping):
            return {key: named.from_json(each) for key, each in value.items()}
        return value if model is None or value is None else model.from_json(value)


def local_time(text: str | None) -> datetime | None:
    """A hive's time with its zone; None stays None.

    Of the hour that Prague's clocks show twice in autumn, the first is meant, as the text does not tell.
    """
    return None if text is None else datetime.strptime(text, FORMAT).replace(tzinfo=ZoneInfo(ZONE))


def utc_time(text: str | None) -> datetime | None:
    """A hive's time in UTC, with its zone; None stays None."""
    return None if text is None else datetime.strptime(text, FORMAT).replace(tzinfo=timezone.utc)


def iso_time(text: str | None) -> datetime | None:
    """A time as ISO 8601 writes it, with its zone or else in UTC; None stays None."""
    if text is None:
        return None
    time = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)  # Python 3.9 knows no Z
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)


def one(model: type[M]) -> Callable[[Any], M]:
    """Reads an object."""
    return model.from_json


def many(model: type[M]) -> Callable[[Any], list[M]]:
    """Reads a list of objects; no body at all is an empty list."""

    def read(data: Any) -> list[M]:
        if data is None:
            return []
        if not isinstance(data, list):
            raise UnexpectedAnswer(f"the hive sent {type(data).__name__} where a list of {model.__name__} was due")
        return [model.from_json(each) for each in data]

    return read
