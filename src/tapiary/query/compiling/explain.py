"""explain: what a query's stages do, as a table, instead of its rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from tapiary.query import sql, tree
from tapiary.query.compiling.rows import Rows, listed, table
from tapiary.query.types import LONG, STRING, Type

_COLUMNS = (("stage", LONG), ("nql", STRING), ("fields", STRING), ("sql", STRING))


def explained(
    query: tree.Query, text: str, trace: Sequence[Rows | None], statement: exp.Select
) -> tuple[exp.Select, tuple[tuple[str, Type], ...]]:
    """A SELECT of one row for each stage: its number, its text, the fields behind it and their types.

    The last row is the whole query's: its `sql` is the one statement that is run for all stages together.
    """
    lines: list[tuple[int, str, str | None, str | None]] = []
    for number, ((start, end), rows) in enumerate(zip(query.spans, trace, strict=True)):
        lines.append((number + 1, " ".join(text[start:end].split()), _fields(rows), None))
    whole = " ".join(text.split())
    lines.append((len(lines) + 1, whole, None, statement.sql(dialect="duckdb", pretty=True)))
    union: exp.Query | None = None
    for line in lines:
        cells = dict(zip((name for name, _ in _COLUMNS), map(_cell, line), strict=True))
        select = exp.Select(expressions=listed(cells))
        union = select if union is None else exp.Union(this=union, expression=select, distinct=False)
    assert union is not None
    alias = exp.TableAlias(this=exp.to_identifier("nql_explain", quoted=True))
    result = exp.Select(expressions=[exp.Star()]).from_(table("nql_explain")).order_by(exp.Literal.number(1))
    result.set("with_", exp.With(expressions=[exp.CTE(this=union, alias=alias)]))
    return result, _COLUMNS


def _fields(rows: Rows | None) -> str | None:
    if rows is None:
        return None
    return ", ".join(f"{name} {value.type}" for name, value in rows.columns.items())


def _cell(value: int | str | None) -> exp.Expression:
    if value is None:
        return sql.cast(exp.Null(), "VARCHAR")
    return sql.integer(value) if isinstance(value, int) else sql.text(value)
