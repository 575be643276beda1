"""What one compilation gathers: common table expressions, collectors, and what the query turned out to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from tapiary.query import functions, tree
from tapiary.query.catalog import Catalog, Range, Stream
from tapiary.query.compiling.rows import Rows, column, distinct_names, listed, plain, table
from tapiary.query.errors import Fault
from tapiary.query.types import MAP, Value

#: Stages of a query, those of its inner pipes counted in.
MAX_STAGES = 100
#: SELECTs that a query may become: the engine's time to plan grows with them.
MAX_SELECTS = 300
#: Nodes of SQL that the calls of a query may become where it has more than a usual number of calls.
MAX_NODES = 150_000
_USUAL_CALLS = 50
#: Values of other relations by values of other relations, as of a lookup in a lookup: with each level the engine plans
#: what is below it twice. Above so many it has to keep what is below.
MAX_ASKING = 3


@dataclass(slots=True)
class Run:
    """The compilation of one query."""

    catalog: Catalog
    now_ms: int
    range: Range
    default_stream: str | None
    #: Compiles a pipe that gets rows (None: it begins with a source of its own); the stages that hold pipes need it.
    pipe: Callable[[Run, tree.Query, Rows | None], Rows | None]
    ctes: list[exp.CTE] = field(default_factory=list)
    collectors: dict[str, Rows] = field(default_factory=dict)
    streams: set[str] = field(default_factory=set)
    lookups: set[str] = field(default_factory=set)
    #: What the last subPipe gave: the result of a query that does nothing more.
    unread: Rows | None = None
    #: The rows behind each stage of the query itself, not of its inner pipes: what `explain` shows.
    trace: list[Rows | None] = field(default_factory=list)
    depth: int = 0
    sleep_ms: int = 0
    stages: int = 0
    #: Whether values that are not yet in a relation ask others; and how many levels of such each relation has.
    asked: bool = False
    levels: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    nodes: int = 0
    #: Where the stage that is compiled stands.
    at: int = 0

    def count_stage(self, at: int) -> None:
        """Count a stage; `Fault` when there are too many."""
        self.at = at
        self.stages += 1
        if self.stages > MAX_STAGES:
            raise Fault(f"a query has at most {MAX_STAGES} stages, those of its inner pipes counted in", at)

    def count_call(self, name: str, value: exp.Expression, at: int) -> None:
        """Count what a call became; `Fault` when all calls together would be too much for the engine."""
        self.calls += 1
        self.asked |= asks(name)
        if self.calls > _USUAL_CALLS:
            self.nodes += sum(1 for _ in value.walk())
            if self.nodes > MAX_NODES:
                raise Fault("this query calls too many functions", at, ("fewer calls",))

    def keep(self, query: exp.Query) -> str:
        """Make a query a common table expression; its name. Raises `Fault` when there are too many."""
        level = self._level(query)
        if len(self.ctes) >= MAX_SELECTS:
            raise Fault("this query computes too many values from each other", self.at, ("fewer stages",))
        name = f"nql_{len(self.ctes) + 1}"
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        kept = level >= MAX_ASKING
        self.levels[name] = 0 if kept else level
        self.ctes.append(exp.CTE(this=query, alias=alias, materialized=True if kept else None))
        return name

    def _level(self, query: exp.Query) -> int:
        """How many SELECTs that ask other relations stand on each other up to this one and are not kept."""
        asks, self.asked = self.asked, False
        if not asks and not any(self.levels.values()):
            return 0
        return asks + max((self.levels.get(table.name, 0) for table in query.find_all(exp.Table)), default=0)

    def nest(self, rows: Rows) -> Rows:
        """The rows so far as a relation that the next SELECT reads; their order goes on to that."""
        held = {_identity(value.sql): name for name, value in rows.columns.items() if isinstance(value.sql, exp.Column)}
        computed = [key for key in rows.order if _identity(key.value) not in held]
        hidden = {f"nql_order_{number}": key for number, key in enumerate(computed)}
        inner = distinct_names(rows.columns, hidden)
        inner.update((name, name) for name in hidden)
        held.update((_identity(key.value), name) for name, key in hidden.items())
        values = {name: value.sql for name, value in rows.columns.items()}
        values.update((name, key.value) for name, key in hidden.items())
        select = rows.select(ordered=False)
        select.set("expressions", listed({inner[name]: value for name, value in values.items()}))
        relation = self.keep(select)
        order = tuple(replace(key, value=column(relation, inner[held[_identity(key.value)]])) for key in rows.order)
        columns = {
            # A map that is written in the query holds values over the relation that it is made from.
            name: Value(column(relation, inner[name]), value.type, None if value.type == MAP else value.literal)
            for name, value in rows.columns.items()
        }
        return Rows(table(relation), columns, order=order, aggregated=rows.aggregated)

    def open(self, rows: Rows, used: set[str] | None = None) -> Rows:
        """Rows whose SELECT can still be added to: nothing is cut off, and the columns in use are not computed.

        `used` None means all of them.
        """
        names = rows.columns if used is None else used & rows.columns.keys()
        if rows.cut or not all(plain(rows.columns[name]) for name in names):
            return self.nest(rows)
        return rows

    def collector(self, name: str) -> Stream | None:
        """A collector of this query, or one that exists beside it."""
        rows = self.collectors.get(name)
        if rows is None:
            return self.catalog.collector(name)
        fields = {field: value.type for field, value in rows.columns.items()}
        return Stream(name, fields, lambda _: _selected(rows), timed=False)

    def grouped(
        self,
        rows: Rows,
        results: Mapping[str, Value],
        keys: Sequence[Value],
        *,
        order: Sequence[exp.Expression] = (),
        limit: int | None = None,
    ) -> tuple[Rows, list[Value]]:
        """One row for each group, with its results as columns; and its keys, over the same rows.

        `order` are aggregates by which groups come first when there is a limit; among equals their keys decide.
        """
        names = [f"nql_key_{number}" for number in range(len(keys))]
        inner = distinct_names(results, names)
        select = rows.select(ordered=False)
        select.set(
            "expressions",
            listed(
                {
                    **{name: key.sql for name, key in zip(names, keys, strict=True)},
                    **{inner[name]: value.sql for name, value in results.items()},
                }
            ),
        )
        positions = [exp.Literal.number(number + 1) for number in range(len(keys))]
        if keys:
            select.group_by(*positions, copy=False)
        if limit is not None:
            select.order_by(*order, *(position.copy() for position in positions), copy=False).limit(limit, copy=False)
        relation = self.keep(select)
        found = {name: Value(column(relation, inner[name]), value.type) for name, value in results.items()}
        held = [Value(column(relation, name), key.type) for name, key in zip(names, keys, strict=True)]
        return Rows(table(relation), found, aggregated=True), held


def asks(function: str) -> bool:
    """Whether a function asks other relations."""
    return function.casefold() in _ASKING


_ASKING = frozenset(doc.name.casefold() for doc in functions.describe() if doc.group in ("lookup", "collectors"))


def _identity(value: exp.Expression) -> tuple[str, str] | int:
    """What tells a plain column from others; a computed value is itself alone."""
    if isinstance(value, exp.Column):
        return value.table, value.name
    return id(value)


def _selected(rows: Rows) -> exp.Select:
    select = rows.select(ordered=False)
    select.set("expressions", listed({name: value.sql for name, value in rows.columns.items()}))
    return select
