"""Takes out of a statement what nobody reads: a stage passes all fields on, and few of them are wanted in the end.

The engine would find that out by itself, but only after it has bound every column of every SELECT; and streams compute
the fields that are read.
"""

from __future__ import annotations

from sqlglot import exp


def prune(statement: exp.Select) -> None:
    """Drop columns of common table expressions that no later SELECT names; the statement gives the same rows.

    Columns are told apart by their names alone: what is read of one relation stays in all of them.
    """
    names = {cte.alias for cte in statement.ctes}
    given = [part for key, part in statement.args.items() if key != "with_" and part]
    last = [item for part in given for item in (part if isinstance(part, list) else [part])]
    parts = [item for item in last if isinstance(item, exp.Expression)]
    if statement.is_star or any(_reads_all(part, names) for part in parts):
        return
    read = set[str]().union(*map(_read, parts))
    for cte in reversed(statement.ctes):
        query = cte.this
        if _reads_all(query, names):
            return
        if isinstance(query, exp.Select) and not query.args.get("distinct"):
            _drop(query, read)
        read |= _read(query)


def _read(expression: exp.Expression) -> set[str]:
    if isinstance(expression, exp.Alias) and isinstance(expression.this, exp.Column):
        return {expression.this.name.casefold()}
    return {column.name.casefold() for column in expression.find_all(exp.Column)}


def _reads_all(query: exp.Expression, names: set[str]) -> bool:
    """Whether there is a `SELECT *` from one of these relations; a stream's own rows are none of them."""
    if isinstance(query, exp.Alias) and isinstance(query.this, exp.Column):
        return False
    return any(
        isinstance(item, exp.Star) and any(table.name in names for table in select.find_all(exp.Table))
        for select in query.find_all(exp.Select) for item in select.expressions
    )  # fmt: skip


def _drop(select: exp.Select, read: set[str]) -> None:
    items = select.expressions
    first = _positions(select)
    kept = [item for at, item in enumerate(items) if at < first or _wanted(item, read)]
    # One column stays, so that rows are counted, and groups are groups.
    select.set("expressions", kept or items[:1])


def _positions(select: exp.Select) -> int:
    """How many of the first columns GROUP BY and ORDER BY name by their positions."""
    clauses = [clause for key in ("group", "order") if (clause := select.args.get(key))]
    literals = [literal for clause in clauses for item in clause.expressions for literal in _bare(item)]
    return max((int(literal.name) for literal in literals if literal.is_int), default=0)


def _bare(item: exp.Expression) -> list[exp.Literal]:
    value = item.this if isinstance(item, exp.Ordered) else item
    return [value] if isinstance(value, exp.Literal) else []


def _wanted(item: exp.Expression, read: set[str]) -> bool:
    if not isinstance(item, exp.Alias) or item.alias.casefold() in read:
        return True
    # One that makes several rows of one: as we write it, or as sqlglot reads it.
    calls = item.find_all(exp.Anonymous, exp.Explode, exp.Unnest)
    return any(not isinstance(call, exp.Anonymous) or call.name.casefold() == "unnest" for call in calls)
