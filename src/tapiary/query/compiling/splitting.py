"""splitAggr: groups within groups, each step with its own number of groups in each group of the step before."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from tapiary.query import tree
from tapiary.query.compiling.aggregating import Groups, groups, results_of, shown
from tapiary.query.compiling.hoisting import prepared
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.ranking import within
from tapiary.query.compiling.rows import HIDDEN, Key, Rows
from tapiary.query.compiling.run import Run
from tapiary.query.errors import Fault
from tapiary.query.types import LONG, Value

#: Steps of one splitAggr: each orders the groups once more.
MAX_STEPS = 16
#: How many rows a group has, and all groups of a step together.
_ROWS, _TOTAL = f"{HIDDEN}rows", f"{HIDDEN}total"


def split(run: Run, node: tree.Split, rows: Rows) -> Rows:
    """One row for each group of the last step, its results computed once over that group's rows.

    A step's `maxBuckets` keeps in each group of the step before the groups with the most rows, of time buckets the
    earliest, or with `dir="desc"` the latest. Groups are fields with `unwind=true`, of the command or of all steps.
    """
    options = Options(node.options, "unwind")
    keys_of = [group.value for part in _parts(node) for group in part.by]
    rows, calls = prepared(run, rows, [*(call for _, call in node.results), *keys_of])
    rows = run.open(rows)
    steps: list[Groups] = []
    for part in _parts(node):
        steps.append(groups(run, part, rows))
        rows = steps[-1].rows
    results = {**results_of(run, node.results, calls, rows), _ROWS: Value(exp.Count(this=exp.Star()), LONG)}
    named = [pair for step in steps for pair in step.named]
    grouped, keys = run.grouped(rows, results, [value for _, value in named])
    held = {f"{HIDDEN}key {number}": key for number, key in enumerate(keys)}
    grouped = grouped.with_columns({**grouped.columns, **held})
    order: list[str] = []
    first = 0
    names = list(held)
    for step in steps:
        before, own = names[:first], names[first : first + len(step.named)]
        first += len(own)
        if step.most is not None:
            grouped = _most(run, grouped, before, own, step)
        if step.descending is not None:
            order.append(own[0])
    ordered = [step.descending for step in steps if step.descending is not None]
    grouped = replace(
        grouped,
        order=tuple(Key(grouped.columns[name].sql, last) for name, last in zip(order, ordered, strict=True)),
    )
    found = [(name, grouped.columns[key]) for (name, _), key in zip(named, names, strict=True)]
    buckets = {step.bucket[0] for step in steps if step.bucket}
    plain = grouped.with_columns({name: grouped.columns[name] for name in results if name != _ROWS})
    if options.flag("unwind") or all(step.unwind for step in steps):
        return shown(plain, found, [], at=node.at)
    fields = [pair for pair in found if pair[0] in buckets]
    return shown(plain, fields, [value for name, value in found if name not in buckets], at=node.at)


def _most(run: Run, rows: Rows, before: list[str], own: list[str], step: Groups) -> Rows:
    """The rows of a step's first groups in each group of the steps before."""

    def columns(names: list[str]) -> list[exp.Expression]:
        return [rows.columns[name].sql.copy() for name in names]

    if step.bucket:
        keys = [Key(rows.columns[own[0]].sql, bool(step.descending)).sql()]
    else:
        total = exp.Window(this=exp.Sum(this=rows.columns[_ROWS].sql.copy()), partition_by=columns([*before, *own]))
        rows = run.nest(rows.with_columns({**rows.columns, _TOTAL: Value(total, LONG)}))
        keys = [Key(rows.columns[_TOTAL].sql, True).sql(), *(Key(key, False).sql() for key in columns(own))]
    place = exp.Window(this=exp.DenseRank(), partition_by=columns(before), order=exp.Order(expressions=keys))
    return within(run, rows, place, step.most)


def _parts(node: tree.Split) -> list[tree.Aggregate]:
    if len(node.parts) > MAX_STEPS:
        raise Fault(f"`splitAggr` has at most {MAX_STEPS} steps", node.at)
    if len(node.parts) < 2:
        raise Fault("`splitAggr` wants two steps or more: (aggr by a), (aggr by b)", node.at, ("another step",))
    parts = []
    for pipe in node.parts:
        part = pipe.stages[0] if len(pipe.stages) == 1 else None
        if not isinstance(part, tree.Aggregate) or part.kind == "rangeaggr":
            raise Fault("a step of `splitAggr` is one `aggr` or one `timeAggr`", pipe.at, ("`aggr`", "`timeAggr`"))
        if part.results or not (part.by or part.kind == "timeaggr"):
            raise Fault("a step of `splitAggr` has groups and no results of its own", part.at, ("`by`",))
        parts.append(part)
    return parts
