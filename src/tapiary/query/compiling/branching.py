"""fork and join: rows through several pipes and together again, and rows beside those of another pipe; subPipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from tapiary.query import sql, tree
from tapiary.query.coercion import literal, unify
from tapiary.query.compiling.expressions import Expressions
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.rows import HIDDEN, STREAM, Key, Rows, column, distinct_names, listed, table
from tapiary.query.compiling.run import Run
from tapiary.query.errors import Fault, quoted
from tapiary.query.naming import checked_name
from tapiary.query.types import LONG, NULL, NUMBERS, Type, Value

#: Pipes of one fork or subPipe.
MAX_PIPES = 32
_ORDER = (f"{HIDDEN}fork", f"{HIDDEN}place")


def fork(run: Run, node: tree.Fork, rows: Rows | None) -> Rows:
    """The rows of all pipes, which get the same rows (or begin with a source of their own), pipe by pipe.

    A field that a pipe's rows have not is null in them; one whose types differ is a decimal number if all are numbers,
    else text.
    """
    _check_count(node.pipes, node.at)
    if rows is not None:
        rows = run.nest(rows)
    branches = []
    for pipe in node.pipes:
        found = run.pipe(run, pipe, rows)
        if found is None:
            raise Fault("this pipe gives no rows", pipe.at, ("a command",))
        branches.append(found)
    return union(run, branches)


def union(run: Run, branches: Sequence[Rows]) -> Rows:
    """The rows of all branches; each keeps its order, and the branches theirs, when one of them has an order."""
    if any(branch.order for branch in branches):
        branches = [_placed(run, branch, number) for number, branch in enumerate(branches)]
    names = list(dict.fromkeys(name for branch in branches for name in branch.columns))
    names.sort(key=STREAM.__eq__)
    inner = distinct_names(names)
    cells: dict[str, Sequence[exp.Expression]] = {}
    types: dict[str, Type] = {}
    for name in names:
        values = [branch.columns.get(name, literal(None)) for branch in branches]
        kinds = {value.type for value in values} - {NULL}
        if len(kinds) == 1:
            cells[name], types[name] = [value.sql for value in values], kinds.pop()
        else:
            cells[name], types[name] = unify([Value(value.sql, value.type) for value in values])
    query: exp.Query | None = None
    for number, branch in enumerate(branches):
        select = branch.select(ordered=False)
        select.set("expressions", listed({inner[name]: cells[name][number] for name in names}))
        # A LIMIT within a union belongs to the union unless it stands in a relation of its own.
        if branch.cut:
            relation = run.keep(select)
            columns: list[exp.Expression] = [column(relation, inner[name]) for name in names]
            select = exp.Select(expressions=columns or [column(relation, "nql_nothing")]).from_(table(relation))
        query = select if query is None else exp.Union(this=query, expression=select, distinct=False)
    assert query is not None
    relation = run.keep(query)
    found = {name: Value(column(relation, inner[name]), kind) for name, kind in types.items()}
    order = tuple(Key(found.pop(name).sql, False) for name in _ORDER if name in found)
    return Rows(table(relation), found, order=order, aggregated=any(branch.aggregated for branch in branches))


def _placed(run: Run, branch: Rows, number: int) -> Rows:
    """A branch with its number and its rows' places, by which the union is ordered."""
    if branch.cut:
        branch = run.nest(branch)
    place: exp.Expression = sql.integer(0)
    if branch.order:
        place = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=[key.sql() for key in branch.order]))
    columns = {**branch.columns, _ORDER[0]: literal(number), _ORDER[1]: Value(place, LONG)}
    return replace(branch, columns=columns, order=())


def subpipe(run: Run, node: tree.SubPipe) -> Rows:
    """Run pipes of their own, each from a source to a `dst`; the rows of the last one."""
    _check_count(node.pipes, node.at)
    found: Rows | None = None
    for pipe in node.pipes:
        first = pipe.stages[0] if pipe.stages else None
        if not isinstance(first, tree.Source | tree.Collected | tree.Records):
            raise Fault("a pipe of `subPipe` begins with a source", first.at if first else pipe.at, ("`src`",))
        if not any(isinstance(stage, tree.Store) for stage in pipe.stages):
            raise Fault("a pipe of `subPipe` keeps its rows with `dst`", pipe.at, ("`dst`",))
        found = run.pipe(run, pipe, None)
    assert found is not None
    return found


def _check_count(pipes: Sequence[tree.Query], at: int) -> None:
    if len(pipes) > MAX_PIPES:
        raise Fault(f"one command has at most {MAX_PIPES} pipes", at)


def join(run: Run, node: tree.Join, rows: Rows) -> Rows:
    """Each row with the fields of every row of the other pipe that has the same keys; null keys fit nothing.

    `kind` is `inner` (the default: rows without a match are left out) or `left` (their new fields are null). Keys that
    have one name are one field; other fields whose names are taken get `suffix` (`_right`) behind their names.
    """
    options = Options(node.options, "kind", "suffix")
    kind = options.text("kind", "inner", "left") or "inner"
    suffix = options.name("suffix", "_right")
    found = run.pipe(run, node.pipe, None)
    if found is None:
        raise Fault("the other pipe of `join` gives no rows", node.at, ("`src`",))
    right = run.nest(found if found.cut else replace(found, order=()))
    left = run.nest(rows)
    conditions = []
    for name, other in node.keys:
        mine = Expressions(run, left.columns).field(name)
        theirs = Expressions(run, right.columns).field(other)
        if mine.type != theirs.type and not (mine.type in NUMBERS and theirs.type in NUMBERS):
            raise Fault(
                f"{quoted(name.text)} is {mine.type} and {quoted(other.text)} is {theirs.type}: "
                "`set` one of them to the other's type before, as by toIp() or ipToStr()", other.at,
            )  # fmt: skip
        conditions.append(sql.equal(mine.sql, theirs.sql))
    columns = {name: value for name, value in left.columns.items() if name != STREAM}
    same = {other.text for name, other in node.keys if name.text == other.text}
    for field, value in right.columns.items():
        if field in same or field == STREAM:
            continue
        shown = checked_name(field + suffix, node.at) if field in columns else field
        if shown in columns:
            raise Fault(f"the field {quoted(shown)} would be there twice; choose another `suffix`", node.at)
        columns[shown] = value if kind == "inner" else Value(value.sql, value.type)
    clause = exp.Join(this=right.source, on=sql.conjunction(*conditions), side="LEFT" if kind == "left" else None)
    return replace(left, columns=columns, joins=(clause,), aggregated=left.aggregated or right.aggregated)
