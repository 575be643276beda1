"""aggr, timeAggr and rangeAggr: one row for each group, its results first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from tapiary.query import tree
from tapiary.query.coercion import list_value
from tapiary.query.compiling.buckets import range_bucket, time_bucket
from tapiary.query.compiling.expressions import Expressions, text_of
from tapiary.query.compiling.hoisting import prepared
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.ranking import within
from tapiary.query.compiling.rows import HIDDEN, Key, Rows
from tapiary.query.compiling.run import Run
from tapiary.query.errors import Fault, quoted
from tapiary.query.types import Value

#: Time buckets that timeAggr gives where `maxBuckets` does not say; the manual's number.
MAX_TIME_BUCKETS = 10_000
#: Groups in the order of how many rows they have.
MOST_ROWS = exp.Ordered(this=exp.Count(this=exp.Star()), desc=True)


@dataclass(frozen=True, slots=True)
class Groups:
    """What rows are grouped by: a bucket of time or of a range, and other keys, by name."""

    rows: Rows
    bucket: tuple[str, Value] | None
    keys: tuple[tuple[str, Value], ...]
    #: The aggregates that stand in the stage.
    results: Mapping[str, Value]
    #: Whether time buckets are wanted from the latest (True) or the earliest (False) on; None: in any order.
    descending: bool | None = None
    most: int | None = None
    unwind: bool = False

    @property
    def named(self) -> tuple[tuple[str, Value], ...]:
        """All of what is grouped by, the bucket first."""
        return ((self.bucket,) if self.bucket else ()) + self.keys


def aggregate(run: Run, node: tree.Aggregate, rows: Rows) -> Rows:
    """One row for each group, one in all without `by`: results, `_bucket`, groups.

    Groups are fields with `unwind=true`, else the list `_id`, of texts when their types differ. Of more groups than
    `maxBuckets` those with the most rows stay; of time buckets the earliest, or with `dir="desc"` the latest.
    """
    if not node.results and not node.by and node.kind == "aggr":
        raise Fault("`aggr` wants a result, a group or both: aggr n=count(1) by field", node.at, ("a result", "`by`"))
    if node.kind == "aggr" and node.on is not None:
        raise Fault("`on` belongs to timeAggr and rangeAggr; groups stand after `by`", node.on.at, ("`by`",))
    found = groups(run, node, rows)
    results = found.results
    values = [value for _, value in found.named]
    if node.kind == "timeaggr":
        grouped, keys = run.grouped(found.rows, results, values)
        # The keys have to be columns of the rows to be still there behind the cut.
        held = {f"{HIDDEN}key {number}": key for number, key in enumerate(keys)}
        cut = _within(run, grouped.with_columns({**grouped.columns, **held}), keys[0], found)
        keys = [cut.columns[name] for name in held]
        grouped = cut.with_columns({name: cut.columns[name] for name in results})
    else:
        grouped, keys = run.grouped(found.rows, results, values, order=[MOST_ROWS.copy()], limit=found.most)
    named = [(name, key) for (name, _), key in zip(found.named, keys, strict=True)]
    if found.unwind:
        return shown(grouped, named, [], at=node.at)
    fields = named[: 1 if found.bucket else 0]
    return shown(grouped, fields, keys[len(fields) :], at=node.at)


def groups(run: Run, node: tree.Aggregate, rows: Rows) -> Groups:
    """What a stage groups rows by, and what it computes of each group."""
    options = Options(node.options, "unwind", "maxBuckets", *_OPTIONS.get(node.kind, ()))
    on = node.on or tree.Name("timestamp", node.at)
    times = [] if node.kind == "aggr" else [on]
    wanted = [*(call for _, call in node.results), *(group.value for group in node.by), *times]
    rows, values = prepared(run, rows, wanted)
    bucket = None
    if times:
        rows, value = (time_bucket if node.kind == "timeaggr" else range_bucket)(run, rows, on, options)
        bucket = (options.name("bucketAlias", "_bucket"), value)
    expressions = Expressions(run, rows.columns)
    count = len(node.results)
    by = zip(node.by, values[count : count + len(node.by)], strict=True)
    keys = tuple((group_name(group), expressions.value(value)) for group, value in by)
    direction = options.text("dir", "asc", "desc") if node.kind == "timeaggr" else None
    return Groups(
        rows, bucket, keys, results_of(run, node.results, values, rows),
        descending=None if direction is None else direction == "desc",
        most=options.number("maxBuckets", MAX_TIME_BUCKETS if node.kind == "timeaggr" else None, least=1),
        unwind=options.flag("unwind"),
    )  # fmt: skip


_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "timeaggr": ("interval", "dir", "bucketAlias"),
    "rangeaggr": ("ranges", "bucketAlias"),
}


def group_name(group: tree.Group) -> str:
    """The name of a group: its alias, its field's name, or its function's."""
    if group.alias:
        return group.alias
    return group.value.text if isinstance(group.value, tree.Name) else getattr(group.value, "name", "_value")


def results_of(
    run: Run, results: Sequence[tuple[tree.Name, tree.Call]], calls: Sequence[tree.Expression], rows: Rows
) -> dict[str, Value]:
    """The aggregates of a stage by name, from their calls as they are prepared for these rows.

    `first`, `last` and `join` see the rows in their order, if they have one.
    """
    expressions = Expressions(run, rows.columns, rows.order)
    found: dict[str, Value] = {}
    for (name, _), call in zip(results, calls, strict=False):
        if name.text in found:
            raise Fault(f"{quoted(name.text)} is named twice", name.at)
        assert isinstance(call, tree.Call)
        found[name.text] = expressions.call(call, aggregate=True)
    return found


def shown(rows: Rows, fields: Sequence[tuple[str, Value]], listed: Sequence[Value], *, at: int) -> Rows:
    """Grouped rows with what they were grouped by behind their results: as fields, and as the list `_id`."""
    behind = list(fields)
    if listed:
        if len({value.type for value in listed}) > 1:
            listed = [text_of(value) for value in listed]
        behind.append(("_id", list_value(listed)))
    columns = dict(rows.columns)
    for name, value in behind:
        if name in columns:
            raise Fault(f"{quoted(name)} is named twice: give one of them a name with `as`", at)
        columns[name] = value
    return rows.with_columns(columns)


def _within(run: Run, grouped: Rows, bucket: Value, found: Groups) -> Rows:
    """The first (or last) time buckets, and their order."""
    key = Key(bucket.sql, bool(found.descending))
    if found.descending is not None:
        grouped = replace(grouped, order=(key,))
    if found.most is None:
        return grouped
    window = exp.Window(this=exp.DenseRank(), order=exp.Order(expressions=[key.sql()]))
    return within(run, grouped, window, found.most)
