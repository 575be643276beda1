"""The page of the built-in streams: their fields with types and meanings."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

from docs.markdown import table
from docs.stream_fields import MEANINGS, MINUTES, OF_STREAM
from tapiary.query import Type
from tapiary.schema import FLOW_COLUMNS, query_name
from tapiary.services.queries import STREAMS, assets, collectors, flows, learning, minutes
from tapiary.services.queries.kept import KEPT

_HEAD = ("field", "type", "meaning")
_COLUMNS = {query_name(column): column for column in FLOW_COLUMNS}
#: Fields that a stream has for queries that name them, and no values for.
_NULL = {"netflowByGroupAggr": ("groupType", "direction")}
#: The streams that are neither flows nor aggregates of minutes, with a sentence about each.
_OTHERS = {
    "assetDevices": "Every address that the flows you may see have, and what people and scripts have written about it. "
                    "Time ranges do not choose among them.",
    "alerts": "What triggers have found: those of your own, and of users that you outrank.",
    "auditMessages": "The [audit log](../guide/accounts.md). Needs the permission `ADMIN` (a token: scope `admin`).",
    "files": "The captures that you may see.",
    "jobs": "The [jobs](jobs.md) that process them.",
    "testdata": "A dozen invented people, for trying out queries. Without `timestamp`: time ranges do not choose.",
}  # fmt: skip


def streams_page() -> str:
    """Every built-in stream; raises KeyError for a stream or a field that has no words here."""
    netflow, raw = flows.netflow().types, flows.netflow_raw().types
    unknown = dict(flows.UNKNOWN)
    parts = ["# Streams\n", textwrap.dedent("""\
        What [NQL](nql.md) can ask without anybody having made it. A user sees only the rows that the user may see, as
        flows of the captures that are theirs to look at. Times are milliseconds since 1970 UTC. Rows that are asked for
        as they are, neither grouped nor projected, have the name of their stream as a last field, `_stream`.
        Fields marked † tell something about a person.
        """)]
    parts.append(textwrap.dedent("""\
        ## `netflow`

        Every flow of every capture, with Sycope's names of fields; a column of ours that Sycope does not have is called
        as in the [table](columns.md), in camel case.
        """))
    parts.append(_table({name: kind for name, kind in netflow.items() if name not in unknown}))
    parts.append("Sycope's fields of which flows that were measured from packets say nothing are there, so that "
                 f"queries that name them run; they are null, and empty where they are lists: {_named(unknown)}.\n")
    parts.append(textwrap.dedent("""\
        ## `netflowRaw`

        The same flows as they are stored: all columns of ours, nothing derived. Those that `netflow` does not have:
        """))
    parts.append(_table({name: kind for name, kind in raw.items() if name not in netflow}))
    parts += _aggregates()
    for name in STREAMS:
        if name in (*flows.NAMES, *minutes.NAMES):
            continue
        parts.append(f"## `{name}`\n\n{_OTHERS[name]}\n")
        types = _types_of(name)
        taken = [field for field in types if name == "alerts" and field not in OF_STREAM[name]]
        parts.append(_table({field: kind for field, kind in types.items() if field not in taken}, OF_STREAM[name]))
        if taken:
            parts.append(f"These have what the trigger's query gives by their names, else nothing: {_named(taken)}.\n")
    parts.append(f"## Collectors\n\n{(collectors.__doc__ or '').strip()}\n")
    return "\n".join(parts)


def _aggregates() -> list[str]:
    parts = ["## One-minute aggregates\n", textwrap.dedent("""\
        Views over the flows, always up to date. A flow counts whole in the minute of its first packet. Where a stream
        has `direction`, each flow counts once for its client and once for its server. All of them have these fields:
        """)]
    total = minutes.minutes("netflowTotalAggr").types
    parts.append(_table({name: kind for name, kind in total.items() if name != "tenantId"}, MINUTES))
    parts.append("`tenantId` is there and null. Each has these fields beside them:\n")
    rows = []
    for name in minutes.NAMES:
        if name in minutes.EMPTY:
            continue
        own = [f"`{field}` ({kind}): {_meaning(field, MINUTES)}" for field, kind in minutes.minutes(name).types.items()
               if field not in total and field not in _NULL.get(name, ())]
        rows.append([f"`{name}`", ", ".join(own) or "none: all flows together"])
    parts.append(table(("stream", "fields"), rows))
    parts.append("In `netflowByGroupAggr`, `groupType` and `direction` are null. By exporter, interface, MPLS label "
                 "and type of service there are no rows, as flows that were measured from packets have none of them; "
                 f"queries of {_named(minutes.EMPTY)} run, and give nothing.\n")
    return parts


def _types_of(name: str) -> Mapping[str, Type]:
    if name == "assetDevices":
        return assets.asset_devices().types
    return learning.TYPES if name == "testdata" else KEPT[name].types


def _table(types: Mapping[str, Type], words: Mapping[str, str] | None = None) -> str:
    own = words or {}
    return table(_HEAD, ([f"`{name}`{_mark(name)}", str(kind), _meaning(name, own)] for name, kind in types.items()))


def _mark(name: str) -> str:
    return " †" if name in _COLUMNS and _COLUMNS[name].personal else ""


def _meaning(name: str, own: Mapping[str, str]) -> str:
    if name in own:
        return own[name]
    if name in MEANINGS:
        return MEANINGS[name]
    column = _COLUMNS[name]
    return column.doc + (f" ({column.unit})" if column.unit else "")


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
