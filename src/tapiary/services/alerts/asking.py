"""A trigger's query: checked when it is written, run when it is due."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tapiary.accounts import Actor
from tapiary.errors import InvalidInput, NotFound, Unavailable
from tapiary.services.alerts.definition import Definition
from tapiary.services.alerts.evaluation import Row, kept

if TYPE_CHECKING:
    from tapiary.query import Plan
    from tapiary.services import Services

#: Rows of a run that are looked at; a query that gives more counts or groups too little.
MAX_ROWS = 10_000
#: Beyond the query's own time limit: for what comes before and after it.
PATIENCE_S = 10.0


def compiled(services: Services, actor: Actor, nql: str) -> Plan:
    """The query as the actor may ask it. Raises InvalidInput that says where in its text something is wrong."""
    from tapiary import query
    from tapiary.services.queries.catalog import ActorCatalog

    return query.compile(nql, ActorCatalog(services, actor), now_ms=int(time.time() * 1000))


def check(services: Services, actor: Actor, definition: Definition) -> None:
    """Raise InvalidInput where the query is wrong, or the trigger speaks of fields that the query does not give."""
    try:
        columns = [name for name, _ in compiled(services, actor, definition.query).columns]
    except InvalidInput as error:
        raise InvalidInput(f"query: {error.message.removeprefix('nql: ')}", field="query") from None
    if not definition.window_s and "timestamp" not in columns:
        raise InvalidInput(
            "window_s: the query's rows have no timestamp, so they are no events; say how far a run looks back",
            field="window_s")
    spoken = {"condition.field": definition.condition.field}
    spoken |= {f"by[{n}]": name for n, name in enumerate(definition.by)}
    spoken |= {f"${{{name}}}": name for name in sorted(definition.placeholders)}
    for place, name in spoken.items():
        if name is not None and name not in columns:
            raise InvalidInput(
                f"{place}: the query gives no field {name!r} (it gives {', '.join(columns[:30])})", field=place)


def ask(services: Services, actor: Actor, nql: str, start_ms: int, end_ms: int) -> tuple[list[Row], int]:
    """The first rows of a stretch of time, and how many there are in all; the end is excluded.

    Raises what the query raises, and Unavailable when it takes too long.
    """
    wait_ms = int((services.config.queries.timeout_s + PATIENCE_S) * 1000)
    queries = services.queries
    view = queries.run(actor, nql, start=start_ms, end=end_ms, wait_ms=wait_ms)
    try:
        if view.state != "done":
            raise Unavailable("the query takes too long (setting queries.timeout_s)")
        return [kept(row) for row in queries.page(actor, view.id, MAX_ROWS)], view.total
    finally:
        with suppress(NotFound):
            queries.cancel(actor, view.id)
