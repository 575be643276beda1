"""explain: what a query's stages do, as a table, instead of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from tapiary.query import sql, tree
from tapiary.query.compiling.rows import STREAM, Rows, listed, table
from tapiary.query.types import LONG, STRING, Type

_COLUMNS = (
    ("stage", LONG), ("nql", STRING), ("fields", LONG), ("added", STRING), ("dropped", STRING), ("changed", STRING),
    ("sql", STRING),
)  # fmt: skip
#: Fields that are named; a stream has a hundred.
_NAMED = 6
_Line = tuple[int | None, str | None, int | None, str | None, str | None, str | None, str | None]


def explained(
    query: tree.Query, text: str, trace: Sequence[Rows | None], result: Rows, statement: exp.Select
) -> tuple[exp.Select, tuple[tuple[str, Type], ...]]:
    """A SELECT of one row for each stage: number, text, how many fields there are behind it, and which are new.

    `dropped` are fields that it takes away, `changed` those that it gives another value or type. The last row is the
    whole query's: how many fields the result has, and the one statement that is run for all stages together, in which
    `SELECT *` stands for a stream's fields.
    """
    lines: list[_Line] = []
    before: Mapping[str, Type] = {}
    for number, (stage, (start, end), rows) in enumerate(zip(query.stages, query.spans, trace, strict=True), 1):
        after = {name: value.type for name, value in rows.columns.items() if name != STREAM} if rows else {}
        added = {name: kind for name, kind in after.items() if name not in before}
        dropped = [name for name in before if name not in after]
        given = _assigned(stage)
        changed = {n: kind for n, kind in after.items() if n in before and (kind != before[n] or n in given)}
        nql = " ".join(text[start:end].split())
        lines.append((number, nql, len(after), _typed(added), _told(dropped), _typed(changed), None))
        before = after
    whole = statement.sql(dialect="duckdb", pretty=True)
    lines.append((None, None, len(result.columns.keys() - {STREAM}), None, None, None, whole))
    union: exp.Query | None = None
    for line in lines:
        cells = {name: _cell(value, kind) for (name, kind), value in zip(_COLUMNS, line, strict=True)}
        select = exp.Select(expressions=listed(cells))
        union = select if union is None else exp.Union(this=union, expression=select, distinct=False)
    assert union is not None
    alias = exp.TableAlias(this=exp.to_identifier("nql_explain", quoted=True))
    number_first = exp.Ordered(this=exp.Literal.number(1), nulls_first=False)
    found = exp.Select(expressions=[exp.Star()]).from_(table("nql_explain")).order_by(number_first)
    found.set("with_", exp.With(expressions=[exp.CTE(this=union, alias=alias)]))
    return found, _COLUMNS


def _assigned(stage: tree.Stage) -> set[str]:
    """The fields that a stage gives new values."""
    return {name.text for name, _ in stage.fields} if isinstance(stage, tree.Assign) and not stage.absent else set()


def _typed(fields: Mapping[str, Type]) -> str | None:
    return _told([f"{name} {kind}" for name, kind in fields.items()])


def _told(names: Sequence[str]) -> str | None:
    if not names:
        return None
    more = f", … {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _cell(value: int | str | None, kind: Type) -> exp.Expression:
    if value is None:
        return sql.cast(exp.Null(), "BIGINT" if kind == LONG else "VARCHAR")
    return sql.integer(value) if isinstance(value, int) else sql.text(value)
