"""What a pipe begins with: streams, collectors, rows written in the query; and `dst`, which makes collectors."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from tapiary.query import tree
from tapiary.query.catalog import Range, Stream
from tapiary.query.coercion import literal, unify
from tapiary.query.compiling.expressions import Expressions
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.rows import STREAM, Rows, column, distinct_names, listed, table
from tapiary.query.compiling.run import Run
from tapiary.query.compiling.shaping import where
from tapiary.query.errors import Fault, in_a_row, meant, quoted
from tapiary.query.naming import checked_name
from tapiary.query.times import moment_ms
from tapiary.query.types import NULL, Type, Value

#: Rows that `records` can write.
MAX_RECORDS = 10_000


def source(run: Run, node: tree.Source) -> Rows:
    """The rows of a stream in the query's range, or in its own one where `startTime` or `endTime` stand.

    `startTime` is inside of the range, `endTime` is not. A stream without `timestamp` has no range.
    """
    options = Options(node.options, "stream", "startTime", "endTime")
    name = options.text("stream") or run.default_stream
    if name is None:
        raise Fault('`src` names no stream: src stream="netflow"', node.at, ("`stream=`",))
    start, end = _moment(run, options, "startTime"), _moment(run, options, "endTime")
    period = run.range if start is None and end is None else Range(start, end)
    rows = stream(run, name, period, node.at)
    return rows if node.condition is None else where(run, tree.Where(node.condition, node.at), rows)


def stream(run: Run, name: str, period: Range, at: int) -> Rows:
    """The rows of a stream by its name, each with the field `_stream`."""
    found = run.catalog.stream(name)
    if found is None:
        names = run.catalog.stream_names()
        hint = meant(name, names) or (f" There are: {in_a_row(names)}." if names else "")
        raise Fault(f"there is no stream {quoted(name)}.{hint}", at, ("the name of a stream",))
    run.streams.add(name)
    rows = _read(run, found, period)
    return rows.with_columns({**rows.columns, STREAM: literal(name)})


def collected(run: Run, node: tree.Collected) -> Rows:
    """The rows of a collector of this query, in the order in which they were kept, or of one beside it."""
    most = Options(node.options, "bunchSize").number("bunchSize", None, least=1)
    rows = run.collectors.get(node.name)
    if rows is None:
        found = run.catalog.collector(node.name)
        if found is None:
            hint = meant(node.name, run.collectors)
            raise Fault(f"there is no collector {quoted(node.name)} (yet).{hint}", node.at, ("a collector",))
        rows = _read(run, found, run.range)
    return Rows(rows.source, rows.columns, order=rows.order, limit=most, aggregated=rows.aggregated)


def _read(run: Run, found: Stream, period: Range) -> Rows:
    relation = run.keep(found.select(period))
    return Rows(table(relation), {name: Value(column(relation, name), kind) for name, kind in found.fields.items()})


def records(run: Run, node: tree.Records) -> Rows:
    """Rows written in the query; a field that a row leaves out is null there.

    Where a field's types differ between rows it is a decimal number if all are numbers, else text.
    """
    if len(node.rows) > MAX_RECORDS:
        raise Fault(f"`records` writes at most {MAX_RECORDS} rows", node.at)
    expressions = Expressions(run, {})
    written = [
        {checked_name(key, row.at): expressions.value(value) for key, value in row.pairs} for row in node.rows
    ]
    for row, values in zip(node.rows, written, strict=True):
        if len(values) < len(row.pairs):
            raise Fault("a key stands twice in this row", row.at)
    names = list(dict.fromkeys(name for row in written for name in row))
    inner = distinct_names(names)
    cells: dict[str, Sequence[exp.Expression]] = {}
    types: dict[str, Type] = {}
    for name in names:
        given = [row.get(name, literal(None)) for row in written]
        kinds = {value.type for value in given} - {NULL}
        if len(kinds) == 1:
            cells[name], types[name] = [value.sql for value in given], kinds.pop()
        else:
            cells[name], types[name] = unify(given)
    selects = [
        exp.Select(expressions=listed({inner[name]: cells[name][number] for name in names}))
        for number in range(len(written))
    ]
    query: exp.Query = selects[0]
    for select in selects[1:]:
        query = exp.Union(this=query, expression=select, distinct=False)
    relation = run.keep(query)
    return Rows(table(relation), {name: Value(column(relation, inner[name]), kind) for name, kind in types.items()})


def store(run: Run, node: tree.Store, rows: Rows) -> Rows:
    """Keep the rows as a collector of this run and pass them on.

    Raises `Fault` when the query has one of that name or one exists beside it.
    """
    if node.name in run.collectors or run.catalog.collector(node.name) is not None:
        raise Fault(f"there is a collector {quoted(node.name)} already", node.at, ("a new name",))
    kept = run.nest(rows)
    run.collectors[node.name] = kept
    return kept


def _moment(run: Run, options: Options, name: str) -> int | None:
    written = options.literal(name)
    if written is None:
        return None
    found = moment_ms(str(written), run.now_ms)
    if found is None or not -(2**62) < found < 2**62:
        form = "`@now`, `-1h@now`, `@2024-01-01T00:00:00Z` or milliseconds"
        raise Fault(f"{quoted(name)} wants a moment: {form}", options.at(name), (form,))
    return found
