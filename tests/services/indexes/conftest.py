"""Four users, and what tests of indexes say often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tapiary.services import ElementView, Services
from tests.services.people import BOB, add_people

MOMENT = 1_746_823_336_771

Make = Callable[..., ElementView]


@pytest.fixture(autouse=True)
def people(services: Services) -> None:
    """The users of `people`."""
    add_people(services)


@pytest.fixture
def make(services: Services) -> Make:
    """Makes an index of bob's: fields as `name=type` or `name=(type, sortable)`, more of the configuration as `_…`."""

    def make(name: str = "I", **given: Any) -> ElementView:
        rest = {key[1:]: value for key, value in given.items() if key.startswith("_")}
        fields: list[dict[str, Any]] = [{"name": "timestamp", "type": "long", "sortable": True}]
        for key, kind in given.items():
            if not key.startswith("_"):
                kind, sortable = kind if isinstance(kind, tuple) else (kind, False)
                fields.append({"name": key, "type": kind, "sortable": sortable})
        return services.indexes.create(BOB, {"name": name, "fields": fields, **rest})

    return make


def rows_of(services: Services, name: str = "I") -> list[tuple[Any, ...]]:
    """All rows of an index, in order of time, which comes first in each."""
    table = services.indexes.find(BOB, name).table
    found = services.store.query("SELECT * FROM t", tables={"t": table.select()}).fetchall()
    return sorted(found, key=lambda row: int(row[0]))


def inject(services: Services, columns: str, *rows: Sequence[Any], name: str = "I", **options: Any) -> int:
    """Inject rows as bob; returns how many were taken."""
    return services.indexes.inject(BOB, name, columns.split(), [list(row) for row in rows], **options).rows
