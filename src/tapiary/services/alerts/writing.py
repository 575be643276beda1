"""From findings to alerts in the database, each once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tapiary.database import Alert, Element, TriggerState
from tapiary.services.alerts.definition import Definition
from tapiary.services.alerts.delivery import entries_of
from tapiary.services.alerts.evaluation import Finding, group_of
from tapiary.services.alerts.templates import title

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services import Services

#: Alerts that one run may write: more of them are a flood that nobody reads.
MAX_ALERTS = 100


def write(
    services: Services, trigger_id: str, config: Mapping[str, Any], definition: Definition, state: TriggerState,
    found: list[Finding], marks: Mapping[str, Any], began: float, *, due: bool,
) -> int:
    """Write the alerts that are not there yet and how far the run has looked; returns how many were written.

    Nothing is written when the trigger was changed or deleted meanwhile, or another process was quicker.
    """
    with services.database.session() as session:
        now = session.get(TriggerState, trigger_id, with_for_update=True)
        element = session.get(Element, trigger_id)
        if now is None or element is None or now.runs != state.runs or element.config != config:
            return 0
        fresh = _fresh(session, trigger_id, definition, found)
        for finding in fresh[:MAX_ALERTS]:
            session.add(_alert(trigger_id, element.owner_id, definition, finding))
        now.runs, now.ran_at, now.marks, now.error = now.runs + 1, began, dict(marks), ""
        if due:
            now.next_at = began + definition.interval_s
        if due or not definition.interval_s:
            now.seen_ms = int(began * 1000)
        if fresh:
            now.fired_at = time.time()
        if left_out := len(fresh) - MAX_ALERTS if len(fresh) > MAX_ALERTS else 0:
            now.error = (f"the latest run found {left_out} alerts more than the {MAX_ALERTS} that it may write; "
                         "let `by` and `cooldown_s` gather them")
        return min(len(fresh), MAX_ALERTS)


def _fresh(session: Session, trigger_id: str, definition: Definition, found: list[Finding]) -> list[Finding]:
    """The findings that have no alert yet, and lie within no alert's cooldown."""
    if not found:
        return []
    cooldown_ms = definition.cooldown * 1000
    moments = [finding.event_ms for finding in found]
    query = select(Alert.key, Alert.event_ms, Alert.fields).where(
        Alert.trigger_id == trigger_id, Alert.event_ms >= min(moments) - cooldown_ms,
        Alert.event_ms <= max(moments) + cooldown_ms)
    keys: set[str] = set()
    groups: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for key, event_ms, fields in session.execute(query):
        keys.add(key)
        groups[group_of(definition.by, fields)].append(event_ms)
    fresh: list[Finding] = []
    for finding in found:
        near = (abs(finding.event_ms - other) < cooldown_ms for other in groups[finding.group])
        if finding.key not in keys and not any(near):
            keys.add(finding.key)
            groups[finding.group].append(finding.event_ms)
            fresh.append(finding)
    return fresh


def _alert(trigger_id: str, owner_id: int | None, definition: Definition, finding: Finding) -> Alert:
    now = time.time()
    deliveries = entries_of(definition, finding.row)
    pending = any(entry["state"] == "pending" for entry in deliveries)
    return Alert(
        at_ms=int(now * 1000), trigger_id=trigger_id, key=finding.key, event_ms=finding.event_ms, owner_id=owner_id,
        name=title(definition.title or definition.name, finding.row), severity=definition.severity,
        fields=dict(finding.row), rows=finding.rows, deliveries=deliveries, due_at=now if pending else None,
    )
