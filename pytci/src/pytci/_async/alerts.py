# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Triggers (saved queries that watch for something) and the alerts that they give; TCI has none."""

from __future__ import annotations

from typing import Any

from pytci._calls import alerts as _calls
from pytci._runners import AsyncRunner
from pytci.models import Alert, Trial, Trigger


class Alerts(AsyncRunner):
    """Triggers (saved queries that watch for something) and the alerts that they give; TCI has none."""

    async def get_triggers(self) -> list[Trigger]:
        """The triggers that one may see, the oldest first."""
        return await self._run(_calls.get_triggers())

    async def get_trigger(self, trigger_id: str) -> Trigger:
        """A trigger."""
        return await self._run(_calls.get_trigger(trigger_id))

    async def create_trigger(self, name: str, query: str, **members: Any) -> Trigger:
        """Make a trigger; the members are those of `POST /triggers`, as condition, interval_s, on_new_data, by.

        It looks at what comes from now on. Raises BadRequest that names the member at fault.
        """
        return await self._run(_calls.create_trigger(name, query, **members))

    async def edit_trigger(self, trigger_id: str, **members: Any) -> Trigger:
        """Change some members of a trigger; the others stay."""
        return await self._run(_calls.edit_trigger(trigger_id, **members))

    async def delete_trigger(self, trigger_id: str) -> None:
        """Delete a trigger; its alerts stay."""
        return await self._run(_calls.delete_trigger(trigger_id))

    async def try_trigger(self, trigger_id: str, *, last_s: int | None = None) -> Trial:
        """What a trigger finds in the latest seconds (else its window, or an hour); nothing comes of it."""
        return await self._run(_calls.try_trigger(trigger_id, last_s=last_s))

    async def get_alerts(
        self,
        *,
        trigger: str | None = None,
        severity: str | None = None,
        seen: bool | None = None,
        false_positive: bool | None = None,
        since: int | None = None,
        until: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Alert]:
        """The alerts that one may see, the newest first; since and until are milliseconds, before is a number."""
        return await self._run(_calls.get_alerts(
            trigger=trigger,
            severity=severity,
            seen=seen,
            false_positive=false_positive,
            since=since,
            until=until,
            before=before,
            limit=limit,
        ))

    async def get_alert(self, alert_id: int) -> Alert:
        """An alert."""
        return await self._run(_calls.get_alert(alert_id))

    async def handle_alert(
        self,
        alert_id: int,
        *,
        seen: bool | None = None,
        false_positive: bool | None = None,
        comment: str | None = None,
    ) -> Alert:
        """Say of an alert that it was seen, whether it was a false alarm, and what is to be said."""
        return await self._run(_calls.handle_alert(alert_id, seen=seen, false_positive=false_positive, comment=comment))
