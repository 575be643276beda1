"""Triggers (saved queries that watch for something) and the alerts that they give; TCI has none."""

from __future__ import annotations

from typing import Any

from pytci._calls._base import call, given, nothing, segment
from pytci._effects import Plan
from pytci._model import many, one
from pytci.models import Alert, Trial, Trigger


def get_triggers() -> Plan[list[Trigger]]:
    """The triggers that one may see, the oldest first."""
    return call("GET", "/triggers", many(Trigger))


def get_trigger(trigger_id: str) -> Plan[Trigger]:
    """A trigger."""
    return call("GET", f"/triggers/{segment(trigger_id)}", one(Trigger))


def create_trigger(name: str, query: str, **members: Any) -> Plan[Trigger]:
    """Make a trigger; the members are those of `POST /triggers`, as condition, interval_s, on_new_data, by.

    It looks at what comes from now on. Raises BadRequest that names the member at fault.
    """
    return call("POST", "/triggers", one(Trigger), {"name": name, "query": query, **members})


def edit_trigger(trigger_id: str, **members: Any) -> Plan[Trigger]:
    """Change some members of a trigger; the others stay."""
    return call("PUT", f"/triggers/{segment(trigger_id)}", one(Trigger), members)


def delete_trigger(trigger_id: str) -> Plan[None]:
    """Delete a trigger; its alerts stay."""
    return call("DELETE", f"/triggers/{segment(trigger_id)}", nothing)


def try_trigger(trigger_id: str, *, last_s: int | None = None) -> Plan[Trial]:
    """What a trigger finds in the latest seconds (else its window, or an hour); nothing comes of it."""
    params = () if last_s is None else (("last_s", str(last_s)),)
    return call("POST", f"/triggers/{segment(trigger_id)}/run", one(Trial), params=params)


def get_alerts(
    *,
    trigger: str | None = None,
    severity: str | None = None,
    seen: bool | None = None,
    false_positive: bool | None = None,
    since: int | None = None,
    until: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Plan[list[Alert]]:
    """The alerts that one may see, the newest first; since and until are milliseconds, before is a number."""
    asked = given(trigger=trigger, severity=severity, seen=seen, false_positive=false_positive, since=since,
                  until=until, before=before, limit=limit)
    params = tuple((name, str(value).lower() if isinstance(value, bool) else str(value))
                   for name, value in asked.items())
    return call("GET", "/alerts", many(Alert), params=params)


def get_alert(alert_id: int) -> Plan[Alert]:
    """An alert."""
    return call("GET", f"/alerts/{alert_id:d}", one(Alert))


def handle_alert(
    alert_id: int, *, seen: bool | None = None, false_positive: bool | None = None, comment: str | None = None
) -> Plan[Alert]:
    """Say of an alert that it was seen, whether it was a false alarm, and what is to be said."""
    said = given(seen=seen, false_positive=false_positive, comment=comment)
    return call("PUT", f"/alerts/{alert_id:d}", one(Alert), said)
