"""aggr, timeAggr and rangeAggr: one row for each group, its results first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from tapiary.query import tree
from tapiary.query.coercion import list_value
from tapiary.query.compiling.buckets import range_bucket, time_bucket
from tapiary.query.compiling.expressions import Expressions, names_in, text_of
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.ranking import within
from tapiary.query.compiling.rows import Key, Rows
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
    results = results_of(run, node.results, found.rows)
    values = [value for _, value in found.named]
    if node.kind == "timeaggr":
        grouped, keys = run.grouped(found.rows, results, values)
        # The keys have to be columns of the rows to be still there behind the cut.
        held = {f"nql\nkey {number}": key for number, key in enumerate(keys)}
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
    """What a stage groups rows by, over rows in which all fields that it names are plain columns."""
    options = Options(node.options, "unwind", "maxBuckets", *_OPTIONS.get(node.kind, ()))
    values = [*(call for _, call in node.results), *(group.value for group in node.by)]
    used = {name for value in values for name in names_in(value)}
    on = node.on or tree.Name("timestamp", node.at)
    if node.kind != "aggr":
        used.add(on.text)
    rows = run.open(rows, used)
    expressions = Expressions(run, rows.columns)
    bucket = None
    if node.kind != "aggr":
        rows, value = (time_bucket if node.kind == "timeaggr" else range_bucket)(run, rows, on, options)
        expressions = Expressions(run, rows.columns)
        bucket = (options.text("bucketAlias") or "_bucket", value)
    keys = tuple((group_name(group), expressions.value(group.value)) for group in node.by)
    direction = options.text("dir", "asc", "desc") if node.kind == "timeaggr" else None
    return Groups(
        rows, bucket, keys,
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


def results_of(run: Run, results: Sequence[tuple[tree.Name, tree.Call]], rows: Rows) -> dict[str, Value]:
    """The aggregates of a stage by name; `first`, `last` and `join` see the rows in their order, if they have one."""
    expressions = Expressions(run, rows.columns, rows.order)
    found: dict[str, Value] = {}
    for name, call in results:
        if name.text in found:
            raise Fault(f"{quoted(name.text)} is named twice", name.at)
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
