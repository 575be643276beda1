"""/alerts: what triggers have found; ours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field, RootModel

from tapiary.accounts import READ, WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.tci.answers import reply
from tapiary.api.tci.shapes import INT64, Model, Parameters, Text
from tapiary.api.tci.trigger_models import Identifier, Severity
from tapiary.services import AlertView

ALERTS = Tag(name="alerts", description="What triggers have found")

RIGHTS: dict[str, Right] = {"alerts_list": READ, "alert_get": READ, "alert_handle": WRITE}

Number = Annotated[int, Field(ge=0, le=INT64)]


class AlertPath(Parameters):
    """The alert in the path."""

    alert_id: Annotated[int, Field(ge=0, le=INT64, description="Number of an alert")]


class AlertsQuery(Parameters):
    """Which alerts."""

    trigger: Annotated[str | None, Field(max_length=64, description="Only this trigger's")] = None
    severity: Annotated[Severity | None, Field(description="Only of this severity")] = None
    seen: Annotated[bool | None, Field(description="Only those that somebody has seen, or nobody")] = None
    false_positive: Annotated[bool | None, Field(description="Only those that were false alarms, or were not")] = None
    since: Annotated[Number | None, Field(description="Only those written at or after this time, milliseconds")] = None
    until: Annotated[Number | None, Field(description="Only those written before this time, milliseconds")] = None
    before: Annotated[Number | None, Field(description="Only those with smaller numbers: the next page")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Alerts at most")] = 100


class Handling(Model):
    """What somebody says of an alert; what is not given stays."""

    seen: bool | None = None
    false_positive: bool | None = None
    comment: Annotated[Text | None, Field(max_length=4096)] = None


class AlertDelivery(Model):
    """One thing that the alert set going."""

    kind: Annotated[Literal["capture", "json", "slack", "teams"], Field(description="A capture, or a webhook's form")]
    to: Annotated[str, Field(description="The webhook's host, or the drones")]
    state: Literal["pending", "done", "failed"]
    attempts: int
    status: Annotated[int | None, Field(description="The HTTP status of the latest answer")]
    error: str


class Alert(Model):
    """An alert."""

    id: int
    at_ms: Annotated[int, Field(description="When it was written")]
    event_ms: Annotated[int, Field(description="The moment it speaks of: the row's, else the window's end")]
    trigger_id: Identifier
    owner: str
    name: str
    severity: Severity
    rows: Annotated[int, Field(description="Rows that it stands for")]
    fields: Annotated[dict[str, Any], Field(description="The row, or the first of them")]
    seen: bool
    false_positive: bool
    comment: str
    handled_by: str
    handled_at: float | None
    capture_id: Annotated[int | None, Field(description="The capture job that it ordered")]
    deliveries: list[AlertDelivery]


class Alerts(RootModel[list[Alert]]):
    """Alerts, the newest first."""


def alerts_list(query: AlertsQuery) -> Response:
    """List the alerts that one may see, the newest first"""
    found = services().alerts.list(
        actor(), trigger_id=query.trigger, severity=query.severity, seen=query.seen,
        false_positive=query.false_positive, since_ms=query.since, until_ms=query.until, before=query.before,
        limit=query.limit,
    )
    return reply(Alerts([_alert(view) for view in found]))


def alert_get(path: AlertPath) -> Response:
    """Get an alert"""
    return reply(_alert(services().alerts.get(actor(), path.alert_id)))


def alert_handle(path: AlertPath, body: Handling) -> Response:
    """Say of an alert that it was seen, whether it was a false alarm, and what is to be said"""
    view = services().alerts.handle(
        actor(), path.alert_id, seen=body.seen, false_positive=body.false_positive, comment=body.comment)
    return reply(_alert(view))


def _alert(view: AlertView) -> Alert:
    return Alert.model_validate_json(msgspec.json.encode(view))


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/alerts", tags=[ALERTS], responses={200: Alerts})(alerts_list)
    one = "/alerts/<int:alert_id>"
    blueprint.get(one, tags=[ALERTS], responses={200: Alert})(alert_get)
    blueprint.put(one, tags=[ALERTS], responses={200: Alert})(alert_handle)
