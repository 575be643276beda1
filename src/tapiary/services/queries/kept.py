"""The streams of what the database keeps: `alerts`, `auditMessages`, `files`, `jobs`.

Each is read when a query asks for it, as an Arrow table of the rows that the user may see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tapiary.accounts import ADMINISTER, READ, Right
from tapiary.query import BOOLEAN, DOUBLE, IP, LONG, MAP, STRING, Range, Type, list_of
from tapiary.schema import address_bytes

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.accounts import Actor
    from tapiary.database import Alert
    from tapiary.services import Services

Row = Mapping[str, Any]

_ALERTS: dict[str, Type] = {
    "timestamp": LONG, "id": LONG, "alertName": STRING, "alertSeverity": STRING, "alertRuleType": STRING,
    "alertRuleId": STRING, "alertDefId": STRING, "alertTags": list_of(STRING), "alertTagsNames": list_of(STRING),
    "alertFlagThresholdLevel": STRING, "alertSeen": BOOLEAN, "alertAckUser": STRING, "alertAckLastUpdate": LONG,
    "alertFalsePositive": BOOLEAN, "alertFalsePositiveUser": STRING, "alertFalsePositiveLastUpdate": LONG,
    "alertComment": STRING, "alertCommentUser": STRING, "alertCommentLastUpdate": LONG,
    **{f"alertMitre{part}": STRING for part in ("Id", "Tactic", "Technique", "Subtechnique")},
    "clientIp": IP, "serverIp": IP, "clientPort": LONG, "serverPort": LONG, "protocol": LONG, "clientCountry": STRING,
    "serverCountry": STRING, "applicationNameNtop": STRING, "httpHost": STRING, "dnsQuery": STRING, "ja3cHash": STRING,
    "ja3sHash": STRING, "_countSessions": LONG, "_sumBytes": LONG, "_sumFlows": LONG, "_uniqueServerIps": LONG,
    "_joinServerPorts": STRING, "captureId": LONG, "rows": LONG, "fields": MAP,
}
_AUDIT: dict[str, Type] = {
    "timestamp": LONG, "id": LONG, "user": STRING, "userId": LONG, "address": STRING, "means": STRING,
    "action": STRING, "object": STRING, "details": STRING,
}
_FILES: dict[str, Type] = {
    "timestamp": LONG, "id": LONG, "name": STRING, "extension": STRING, "size": LONG, "firstTimestamp": LONG,
    "lastTimestamp": LONG, "state": STRING, "outside": BOOLEAN, "gone": BOOLEAN, "jobId": LONG, "flows": LONG,
    "packets": LONG, "bytes": LONG, "seconds": DOUBLE, "format": STRING,
}
_JOBS: dict[str, Type] = {
    "timestamp": LONG, "id": LONG, "fileId": LONG, "kind": STRING, "state": STRING, "startedAt": LONG,
    "finishedAt": LONG, "attempts": LONG, "error": STRING,
}


_ARROW = {"boolean": "bool_", "double": "float64", "long": "int64", "mac": "int64", "ip": "binary", "subnet": "binary"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A stream out of the database: its fields, and its rows of a range that an actor may see."""

    types: Mapping[str, Type]
    rows: Callable[[Services, Actor, Range], Iterable[Row]]
    #: What is needed to see any of it.
    needs: Right = READ

    def load(self, services: Services, actor: Actor, range: Range) -> pa.Table:
        """The rows as a table with the stream's fields as columns."""
        return table(self.types, self.rows(services, actor, range))


def table(types: Mapping[str, Type], rows: Iterable[Row]) -> pa.Table:
    """Rows as an Arrow table, whose columns are in the forms that queries work with; what a row lacks is null."""
    import pyarrow as pa

    schema = pa.schema([(name, arrow_type(type)) for name, type in types.items()])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def arrow_type(type: Type) -> pa.DataType:
    """The Arrow type in which a type's values go to DuckDB."""
    import pyarrow as pa

    if type.item:
        return pa.list_(arrow_type(type.item))
    if type == MAP:
        return pa.map_(pa.string(), pa.string())
    return getattr(pa, _ARROW.get(type.name, "string"))()


def _alerts(services: Services, actor: Actor, range: Range) -> Iterable[Row]:
    from sqlalchemy import select

    from tapiary.database import Alert, User
    from tapiary.services.alerts.rows import visible

    query = select(Alert).outerjoin(User, User.id == Alert.owner_id).order_by(Alert.at_ms, Alert.id)
    query = query.where(visible(services, actor))
    if range.start_ms is not None:
        query = query.where(Alert.at_ms >= range.start_ms)
    if range.end_ms is not None:
        query = query.where(Alert.at_ms < range.end_ms)
    with services.database.session(write=False) as session:
        for alert in session.scalars(query):
            yield _alert(alert)


def _alert(alert: Alert) -> Row:
    handled = _ms(alert.handled_at)
    by, at = (alert.handled_by, handled) if alert.handled_at else (None, None)
    found: dict[str, Any] = {name: _fitting(type, alert.fields.get(name)) for name, type in _ALERTS.items()}
    return found | {
        "timestamp": alert.at_ms, "id": alert.id, "alertName": alert.name, "alertSeverity": alert.severity,
        "alertRuleType": "trigger", "alertRuleId": alert.trigger_id, "alertDefId": alert.trigger_id,
        "alertSeen": alert.seen, "alertAckUser": by if alert.seen else None,
        "alertAckLastUpdate": at if alert.seen else None, "alertFalsePositive": alert.false_positive,
        "alertFalsePositiveUser": by if alert.false_positive else None,
        "alertFalsePositiveLastUpdate": at if alert.false_positive else None,
        "alertComment": alert.comment or None, "alertCommentUser": by if alert.comment else None,
        "alertCommentLastUpdate": at if alert.comment else None, "captureId": alert.capture_id, "rows": alert.rows,
        "fields": [(name, _text(value)) for name, value in alert.fields.items()],
    }


def _fitting(type: Type, value: Any) -> Any:
    """A value of an alert's JSON as the field's type has it; null for what does not fit, the empty list for no list."""
    if type.item:
        return [str(each) for each in value] if isinstance(value, list) else []
    try:
        if value is None or type == MAP:
            return None
        if type == IP:
            return address_bytes(str(value))
        if type == LONG:
            number = int(value)
            return number if -(2**63) <= number < 2**63 else None
    except (TypeError, ValueError, OverflowError):
        return None
    return bool(value) if type == BOOLEAN else _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _audit(services: Services, actor: Actor, range: Range) -> Iterable[Row]:
    from sqlalchemy import select

    from tapiary.database import Audit

    query = select(Audit).order_by(Audit.at, Audit.id)
    if range.start_ms is not None:
        query = query.where(Audit.at >= range.start_ms / 1e3)
    if range.end_ms is not None:
        query = query.where(Audit.at < range.end_ms / 1e3)
    with services.database.session(write=False) as session:
        for row in session.scalars(query):
            yield {
                "timestamp": _ms(row.at), "id": row.id, "user": row.user_name, "userId": row.user_id,
                "address": row.address or None, "means": row.means, "action": row.action, "object": row.object or None,
                "details": _text(row.details),
            }


def _files(services: Services, actor: Actor, range: Range) -> Iterable[Row]:
    for view in services.access.files(actor, services.files.list(outside=True)):
        start = _ms(view.time_start)
        summary = view.summary or {}
        yield {
            "timestamp": start, "id": view.id, "name": view.name, "extension": view.extension, "size": view.size,
            "firstTimestamp": start, "lastTimestamp": _ms(view.time_end), "state": view.state, "outside": view.outside,
            "gone": view.gone, "jobId": view.run_job_id, "flows": view.flows,
            **{name: summary.get(name) for name in ("packets", "bytes", "seconds", "format")},
        }


def _jobs(services: Services, actor: Actor, range: Range) -> Iterable[Row]:
    from sqlalchemy import select

    from tapiary.database import Job

    hidden = services.access.hidden(actor)
    with services.database.session(write=False) as session:
        for job in session.scalars(select(Job).order_by(Job.id)):
            if job.file_id not in hidden:
                yield {
                    "timestamp": _ms(job.created_at), "id": job.id, "fileId": job.file_id, "kind": job.kind,
                    "state": job.state, "startedAt": _ms(job.started_at), "finishedAt": _ms(job.finished_at),
                    "attempts": job.attempts, "error": job.error,
                }


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


KEPT: dict[str, Kept] = {
    "alerts": Kept(_ALERTS, _alerts),
    "auditMessages": Kept(_AUDIT, _audit, ADMINISTER),
    "files": Kept(_FILES, _files),
    "jobs": Kept(_JOBS, _jobs),
}
NAMES = tuple(KEPT)
