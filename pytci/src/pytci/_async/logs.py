# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""The hive's logs, and who changed what."""

from __future__ import annotations

from pathlib import Path

from pytci._calls import logs as _calls
from pytci._download import BytesProgress, Where
from pytci._runners import AsyncRunner
from pytci.models import Audit, Log


class Logs(AsyncRunner):
    """The hive's logs, and who changed what."""

    async def get_logs(self) -> list[Log]:
        """The files of the hive's log."""
        return await self._run(_calls.get_logs())

    async def download_log(self, name: str, path: Where = None, *, progress: bool | BytesProgress = False) -> Path:
        """Download a file of the log, as `download_job` does. Needs VIEW_LOG. Returns where it is."""
        return await self._run(_calls.download_log(name, path, progress=progress))

    async def audit(
        self,
        *,
        limit: int | None = None,
        before: int | None = None,
        user: str | None = None,
        action: str | None = None,
    ) -> list[Audit]:
        """What was changed, by whom, when and from where, newest first (Tapiary's hives).

        before: only entries with smaller numbers, for the page after this one.
        """
        return await self._run(_calls.audit(limit=limit, before=before, user=user, action=action))
