"""The hive's logs, and who changed what."""

from __future__ import annotations

from pathlib import Path

from pytci._calls._base import call, given, segment
from pytci._download import BytesProgress, Where, download
from pytci._effects import Plan
from pytci._model import many
from pytci._session import PREFIX
from pytci.models import Audit, Log


def get_logs() -> Plan[list[Log]]:
    """The files of the hive's log."""
    return call("GET", "/logs", many(Log))


def download_log(name: str, path: Where = None, *, progress: bool | BytesProgress = False) -> Plan[Path]:
    """Download a file of the log, as `download_job` does. Needs VIEW_LOG. Returns where it is."""
    return download(f"{PREFIX}/logs/{segment(name)}/file", path, progress=progress, resume=False)


def audit(
    *, limit: int | None = None, before: int | None = None, user: str | None = None, action: str | None = None
) -> Plan[list[Audit]]:
    """What was changed, by whom, when and from where, newest first (Tapiary's hives).

    before: only entries with smaller numbers, for the page after this one.
    """
    wanted = given(limit=limit, before=before, user=user, action=action)
    return call("GET", "/audit", many(Audit), params=[(name, str(value)) for name, value in wanted.items()])
