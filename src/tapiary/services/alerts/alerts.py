"""What users do with alerts: look through them, and say what came of one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, delete, select

from tapiary.accounts import Actor
from tapiary.database import Alert, User
from tapiary.errors import InvalidInput, NotFound
from tapiary.services.alerts.rows import view, visible
from tapiary.services.alerts.views import AlertView

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services import Services

#: Longest comment, in characters, and alerts on a page.
MAX_COMMENT, MAX_PAGE = 4096, 1000


class Alerts:
    """The alerts in the database. What an actor may not see is not there."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(
        self, actor: Actor, *, trigger_id: str | None = None, severity: str | None = None, seen: bool | None = None,
        false_positive: bool | None = None, since_ms: int | None = None, until_ms: int | None = None,
        before: int | None = None, limit: int = 100,
    ) -> list[AlertView]:
        """Alerts, the newest first; `before`: only those with smaller numbers, `until_ms` is not included."""
        query = self._query(actor).order_by(Alert.id.desc()).limit(max(1, min(limit, MAX_PAGE)))
        equal = {"trigger_id": trigger_id, "severity": severity, "seen": seen, "false_positive": false_positive}
        for name, value in equal.items():
            if value is not None:
                query = query.where(getattr(Alert, name) == value)
        if since_ms is not None:
            query = query.where(Alert.at_ms >= since_ms)
        if until_ms is not None:
            query = query.where(Alert.at_ms < until_ms)
        if before is not None:
            query = query.where(Alert.id < before)
        with self._services.database.session(write=False) as session:
            return [view(session, alert) for alert in session.scalars(query)]

    def get(self, actor: Actor, alert_id: int) -> AlertView:
        """One alert. Raises NotFound."""
        with self._services.database.session(write=False) as session:
            return view(session, self._find(session, actor, alert_id))

    def handle(
        self, actor: Actor, alert_id: int, *, seen: bool | None = None, false_positive: bool | None = None,
        comment: str | None = None,
    ) -> AlertView:
        """Say something of an alert; None leaves it as it is. Raises NotFound, InvalidInput (comment)."""
        if comment is not None and len(comment) > MAX_COMMENT:
            raise InvalidInput(f"comment: must have at most {MAX_COMMENT} characters", field="comment")
        said = {"seen": seen, "false_positive": false_positive, "comment": comment}
        with self._services.database.session() as session:
            alert = self._find(session, actor, alert_id)
            changed = [name for name, value in said.items() if value is not None and value != getattr(alert, name)]
            for name in changed:
                setattr(alert, name, said[name])
            if changed:
                alert.handled_by, alert.handled_at = actor.name, time.time()
                self._services.accounts.audit.write(
                    actor, "alert.handle", str(alert_id), {name: said[name] for name in changed if name != "comment"},
                    session=session)
            return view(session, alert)

    def prune(self) -> int:
        """Delete the alerts that are older than `alerts.keep_days`; returns how many they were."""
        days = self._services.config.alerts.keep_days
        if not days:
            return 0
        limit = int((time.time() - days * 86_400) * 1000)
        with self._services.database.session() as session:
            return len(session.execute(delete(Alert).where(Alert.at_ms < limit).returning(Alert.id)).all())

    def _query(self, actor: Actor) -> Select[Any]:
        allowed = visible(self._services, actor)
        return select(Alert).outerjoin(User, User.id == Alert.owner_id).where(allowed)

    def _find(self, session: Session, actor: Actor, alert_id: int) -> Alert:
        alert: Alert | None = session.scalars(self._query(actor).where(Alert.id == alert_id)).first()
        if alert is None:
            raise NotFound(f"id: there is no alert {alert_id}", field="id")
        return alert
