"""What alerts set going: captures and webhooks, until they are done or given up.

Alerts are written together with what is to be done for them (`Alert.deliveries`, `Alert.due_at`); this does it
afterwards, so that a killed server takes it up again. A capture is ordered once; a webhook may get an alert twice when
the server dies between the answer and its being noted.

An entry: `kind` (json, slack, teams, capture), `to` (the webhook's address; a list of drones), `state` (pending, done,
failed), `attempts`, `status` (HTTP), `error`, `due_at`; of a capture also `order`, the members of a CaptureOrder.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, select, update

from tapiary.accounts import Actor
from tapiary.capture import ALIVE
from tapiary.database import Alert, Capture
from tapiary.errors import Conflict, InvalidInput, TapiaryError, Unavailable
from tapiary.services.alerts import messages, posting
from tapiary.services.alerts.definition import CaptureOrder, Definition
from tapiary.services.alerts.evaluation import Row
from tapiary.services.alerts.rows import view
from tapiary.services.alerts.templates import capture_filter
from tapiary.services.captures import Order
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("alerts")

#: Seconds before the second, third, … attempt at a webhook that does not answer; then it is given up.
BACKOFF_S = (2.0, 10.0, 60.0, 300.0)
#: An alert that a process has taken is left to it for so long, beside the time that its webhooks may take.
LEASE_S = 10.0
#: Alerts taken at once.
BATCH = 50
#: Answers that may be better the next time, beside 500 and above (RFC 6585, 4; RFC 9110, 15.5.9).
_AGAIN = (408, 425, 429)


class Delivery:
    """Does what alerts have set going."""

    def __init__(self, services: Services) -> None:
        self._services = services
        #: Held from counting the captures that are under way to ordering another one.
        self._ordering = threading.Lock()

    def due(self) -> list[int]:
        """The alerts for which something is to be done now."""
        query = select(Alert.id).where(Alert.due_at <= time.time()).order_by(Alert.due_at, Alert.id).limit(BATCH)
        with self._services.database.session(write=False) as session:
            return list(session.scalars(query))

    def deliver(self, alert_id: int) -> None:
        """Try what is due of one alert, unless another process has taken it."""
        now = time.time()
        with self._services.database.session() as session:
            query = select(Alert).where(Alert.id == alert_id, Alert.due_at <= now)
            alert = session.scalars(query.with_for_update()).first()
            if alert is None:
                return
            entries = [dict(entry) for entry in alert.deliveries]
            alert.due_at = now + LEASE_S + len(entries) * self._services.config.alerts.webhook_timeout_s
        for entry in entries:
            if entry["state"] == "pending" and entry["due_at"] <= now:
                self._attempt(alert, entry)
        pending = [entry["due_at"] for entry in entries if entry["state"] == "pending"]
        with self._services.database.session() as session:
            session.execute(update(Alert).where(Alert.id == alert_id).values(
                deliveries=entries, due_at=min(pending, default=None)))

    def _attempt(self, alert: Alert, entry: dict[str, Any]) -> None:
        entry["attempts"] += 1
        try:
            if entry["kind"] == "capture":
                with self._ordering:
                    self._capture(alert, entry)
            else:
                self._post(alert, entry)
            entry["state"], entry["error"] = "done", ""
        except Unavailable as error:
            entry["error"] = error.message
            self._put_off(entry)
        except TapiaryError as error:
            entry["state"], entry["error"] = "failed", error.message
        if entry["state"] == "failed":
            log.warning("alert %d: %s: %s", alert.id, entry["kind"], entry["error"])

    @staticmethod
    def _put_off(entry: dict[str, Any]) -> None:
        if entry["attempts"] > len(BACKOFF_S):
            entry["state"] = "failed"
        else:
            entry["due_at"] = time.time() + BACKOFF_S[entry["attempts"] - 1]

    def _post(self, alert: Alert, entry: dict[str, Any]) -> None:
        config = self._services.config.alerts
        with self._services.database.session(write=False) as session:
            shown = view(session, session.get_one(Alert, alert.id))
        entry["status"] = None
        status = posting.post(
            entry["to"], messages.body(entry["kind"], shown), config.webhook_hosts, config.webhook_timeout_s)
        entry["status"] = status
        if status >= 500 or status in _AGAIN:
            raise Unavailable(f"answered {status}")
        if not 200 <= status < 300:
            raise InvalidInput(f"answered {status}")

    def _capture(self, alert: Alert, entry: dict[str, Any]) -> None:
        if alert.capture_id is not None:  # by an attempt that was killed right after
            return
        actor = self._owner(alert)
        limit = self._services.config.alerts.max_captures
        query = select(func.count(Capture.id.distinct())).join(Alert, Alert.capture_id == Capture.id)
        with self._services.database.session(write=False) as session:
            alive = session.scalar(query.where(Capture.status.in_(ALIVE))) or 0
        if alive >= limit:
            raise Conflict(f"{alive} captures of triggers have not ended (setting alerts.max_captures: {limit})")
        order = order_of(msgspec.convert(entry["order"], CaptureOrder), f"Alert {alert.id}: {alert.name}")
        self._services.captures.create(actor, order, alert_id=alert.id)

    def _owner(self, alert: Alert) -> Actor:
        found = None
        if alert.owner_id is not None:
            found = self._services.accounts.users.actor(alert.owner_id, means=f"trigger:{alert.trigger_id}")
        if found is None:
            raise InvalidInput("the trigger's owner is gone")
        return found


def entries_of(definition: Definition, row: Row) -> list[dict[str, Any]]:
    """What an alert of this row sets going. The capture comes first: webhooks tell its number."""
    entries: list[dict[str, Any]] = []
    common = {"state": "pending", "attempts": 0, "status": None, "error": "", "due_at": 0.0}
    if definition.capture is not None:
        entry = {"kind": "capture", "to": definition.capture.drones, **common}
        try:
            order = msgspec.structs.replace(
                definition.capture, filter=capture_filter(definition.capture.filter, row))
            entry["order"] = msgspec.to_builtins(order)
        except InvalidInput as error:
            entry |= {"state": "failed", "error": error.message}
        entries.append(entry)
    entries += [{"kind": hook.format, "to": hook.url, **common} for hook in definition.webhooks]
    return entries


def order_of(capture: CaptureOrder, name: str) -> Order:
    """The order as captures take it."""
    return Order(
        name=name[:1000], duration_s=capture.duration, max_bytes=capture.max_capture_data,
        drones=tuple(dict.fromkeys(capture.drones)), filter=capture.filter, priority=capture.priority,
        script_name=capture.script_name, script_args=capture.script_args,
    )
