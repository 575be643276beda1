"""Database rows of alerts, read as views, and who may see which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, or_, true

from tapiary.accounts import Actor, Permission
from tapiary.database import Alert, User
from tapiary.services.alerts.views import AlertView, Delivery

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services import Services

#: The category of triggers among the elements.
TRIGGER = "alert.trigger"


def view(session: Session, alert: Alert) -> AlertView:
    """An alert as its users see it."""
    owner = session.get(User, alert.owner_id) if alert.owner_id is not None else None
    return AlertView(
        id=alert.id, at_ms=alert.at_ms, event_ms=alert.event_ms, trigger_id=alert.trigger_id,
        owner=owner.name if owner else "", owner_id=alert.owner_id, name=alert.name, severity=alert.severity,
        rows=alert.rows, fields=alert.fields, seen=alert.seen, false_positive=alert.false_positive,
        comment=alert.comment, handled_by=alert.handled_by, handled_at=alert.handled_at, capture_id=alert.capture_id,
        deliveries=tuple(_delivery(entry) for entry in alert.deliveries),
    )


def visible(services: Services, actor: Actor) -> ColumnElement[bool]:
    """The condition on Alert, joined with its owner in User, for what the actor may see.

    Alerts are seen by their trigger's owner, by who outranks the owner, with JOB_MASTER, and by whom the trigger's
    permissions let see it.
    """
    if actor.has(Permission.JOB_MASTER):
        return true()
    shared = [view.id for view in services.elements.of(actor, TRIGGER)]
    own = Alert.owner_id == actor.user_id if actor.user_id is not None else ~true()
    return or_(own, User.level > actor.level, Alert.trigger_id.in_(shared))


def _delivery(entry: dict[str, Any]) -> Delivery:
    to = ", ".join(entry["to"]) if entry["kind"] == "capture" else urlsplit(entry["to"]).netloc
    return Delivery(entry["kind"], to, entry["state"], entry["attempts"], entry["status"], entry["error"])
