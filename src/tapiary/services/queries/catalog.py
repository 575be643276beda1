"""What a user can name in queries, and the relations that a compiled query reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from tapiary.errors import Forbidden, InvalidInput, NotFound
from tapiary.query import Lookup, Range, Stream
from tapiary.services.elements.views import INDEX
from tapiary.services.queries import assets, builtin, flows, learning, minutes
from tapiary.services.queries.collectors import COLLECTORS
from tapiary.services.queries.fields import Field, Rows, begun, relation
from tapiary.services.queries.kept import KEPT

if TYPE_CHECKING:
    from tapiary.accounts import Actor, Right
    from tapiary.services import Services
    from tapiary.services.elements import ElementView

#: What a relation of a query stands for, as `Store.query` takes it.
Source = Any

FLOWS = flows.NAMES
#: The streams that everybody has; no custom index can have such a name.
STREAMS = (*FLOWS, *minutes.NAMES, *assets.NAMES, *KEPT, *learning.NAMES)
#: Where a SELECT that is to be filled says whose it is.
_OPEN = "stream"
#: The category of macros. One whose config has `"profile": true` is the predicate of a traffic profile, too.
MACRO = "nql.macro"


class ActorCatalog:
    """The catalog of one actor for one query (`tapiary.query.Catalog`); nothing is read before `sources`.

    A stream's SELECT is over relations whose names begin with `_`.
    """

    def __init__(self, services: Services, actor: Actor, now_ms: int | None = None) -> None:
        self._services = services
        self._actor = actor
        self._now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        self._sources: dict[str, Callable[[], Source]] = {}
        self._rows: dict[str, Rows] = {}
        self._runs: list[int] = []

    def stream(self, name: str) -> Stream | None:
        """The stream or custom index of that name, None when there is none for this actor.

        Raises Forbidden for a stream that needs a permission which the actor has not, InvalidInput for an index that
        is switched off.
        """
        if name in FLOWS:
            rows = flows.netflow() if name == "netflow" else flows.netflow_raw()
            return Stream(name, rows.types, partial(self._flows, rows))
        if name in minutes.NAMES:
            return Stream(name, minutes.minutes(name).types, partial(self._minutes, name))
        if name in assets.NAMES:
            return Stream(name, assets.asset_devices().types, self._devices, timed=False)
        if name in learning.NAMES:
            return Stream(name, learning.TYPES, self._testdata, timed=False)
        if name in KEPT:
            kept = KEPT[name]
            if not self._may(kept.needs):
                raise Forbidden(f"the stream {name} needs the permission {kept.needs.permission.name}, and of a token "
                                f"the scope {kept.needs.scope}")
            return Stream(name, kept.types, partial(self._kept, name))
        return self._index(name)

    def stream_names(self) -> Sequence[str]:
        """All names that `stream` knows, for hints."""
        own = [name for name in STREAMS if name not in KEPT or self._may(KEPT[name].needs)]
        return [*own, *sorted(view.name for view in self._services.elements.of(self._actor, INDEX))]

    def _may(self, right: Right) -> bool:
        """Whoever may query may read; more than that is asked of tokens, too."""
        return right.scope == "read" or self._actor.may(right)

    def collector(self, name: str) -> Stream | None:
        """One of Sycope's built-in collectors."""
        top = COLLECTORS.get(name)
        if top is None:
            return None

        def select(_: Range) -> exp.Select:
            period = top.period(self._now_ms)
            if top.of_flows:
                return top.select(self._flow_table(), period)
            load = partial(KEPT["alerts"].load, self._services, self._actor, period)
            return top.select(self._add(self._name("_alerts"), load), period)

        return Stream(name, top.types, select, timed=False)

    def lookup(self, name: str) -> Lookup | None:
        """The lookup of that name that the actor may see, else one of the built-in ones, else None."""
        source = self._name("_lookup")
        try:
            view = self._services.lookups.find(self._actor, name)
        except NotFound:
            return builtin.lookup(name, partial(self._add, source))
        self._add(source, lambda: view.relation)
        return Lookup(view.name, view.kind, view.fields, source, view.overlapping)

    def macro(self, name: str) -> str | None:
        """The text of the macro `$NAME$`."""
        return next((text(view) for view in self._macros if view.name == name), None)

    def profiles(self) -> Mapping[str, str]:
        """The predicates of traffic profiles by name."""
        return {view.name: text(view) for view in self._macros if view.config.get("profile") is True}

    def fill(self, statement: exp.Expression) -> None:
        """Let the streams of a compiled statement compute the fields that it reads, and no others."""
        read: dict[str, set[str]] = {}
        for column in statement.find_all(exp.Column):
            read.setdefault(column.table, set()).add(column.name)
        for expression in statement.find_all(exp.CTE):
            select = expression.this
            if rows := self._rows.get(select.meta.get(_OPEN, "")):
                rows.fill(select, read.get(expression.alias, ()))

    def sources(self, statement: exp.Expression) -> dict[str, Source]:
        """What the relations that a statement reads stand for."""
        named = {table.name for table in statement.find_all(exp.Table)}
        return {name: load() for name, load in self._sources.items() if name in named}

    def still_holds(self) -> bool:
        """Whether the runs of flows that `sources` chose are still to be seen: rows of others may be gone already."""
        return not self._runs or set(self._runs) <= set(self._services.access.runs(self._actor))

    def _flows(self, rows: Rows, range: Range) -> exp.Select:
        self._device_table()
        return self._open(rows, rows.select(relation(self._flow_table()), *begun(range)))

    def _minutes(self, name: str, range: Range) -> exp.Select:
        return self._open(minutes.minutes(name), minutes.select(name, self._flow_table(), range))

    def _devices(self, range: Range) -> exp.Select:
        return assets.select(self._flow_table(), self._device_table())

    def _testdata(self, range: Range) -> exp.Select:
        return exp.select(exp.Star()).from_(relation(self._add("_testdata", learning.testdata)))

    def _kept(self, name: str, range: Range) -> exp.Select:
        source = self._add(self._name(f"_{name}"), partial(KEPT[name].load, self._services, self._actor, range))
        return exp.select(exp.Star()).from_(relation(source))

    def _index(self, name: str) -> Stream | None:
        try:
            view = self._services.indexes.find(self._actor, name)
        except NotFound as missing:
            if missing.code == "inactive":
                raise InvalidInput(f"nql: {missing.message}", field="nql", code="inactive") from None
            return None
        rows = Rows([Field(field.name, field.type, f'"{field.name}"') for field in view.fields])

        def select(range: Range) -> exp.Select:
            source = self._add(self._name("_index"), partial(view.table.select, range.start_ms, range.end_ms))
            return self._open(rows, rows.select(relation(source)))

        return Stream(name, rows.types, select)

    def _device_table(self) -> str:
        return self._add("_devices", partial(assets.devices, self._services))

    def _flow_table(self) -> str:
        from tapiary.store import Selection

        def selection() -> Selection:
            self._runs = self._services.access.runs(self._actor)
            return Selection("flows", self._runs)

        return self._add("_flows", selection)

    def _open(self, rows: Rows, select: exp.Select) -> exp.Select:
        """A SELECT that `fill` finds again, also when it was copied."""
        name = str(len(self._rows))
        self._rows[name] = rows
        select.meta[_OPEN] = name
        return select

    def _add(self, name: str, load: Callable[[], Source]) -> str:
        self._sources[name] = load
        return name

    def _name(self, stem: str) -> str:
        """A name that no relation of this query has."""
        at = sum(name.startswith(f"{stem}:") for name in self._sources)
        return f"{stem}:{at}"

    @cached_property
    def _macros(self) -> Sequence[ElementView]:
        return self._services.elements.of(self._actor, MACRO)


def text(macro: ElementView) -> str:
    """The NQL text of a macro."""
    return str(macro.config.get("nql") or "")
