# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Application tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pytci._calls import applications as _calls
from pytci._runners import SyncRunner
from pytci.models import Application


class Applications(SyncRunner):
    """Application tokens."""

    def get_applications(self) -> list[Application]:
        """One's own application tokens, without the tokens themselves."""
        return self._run(_calls.get_applications())

    def create_application(
        self,
        name: str,
        *,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
    ) -> Application:
        """Make an application token, which may all that one may oneself; `token` is shown this once.

        Tapiary's hives alone know scopes (what it is good for: read, write, admin) and expires_at, when it ends.
        """
        return self._run(_calls.create_application(name, scopes=scopes, expires_at=expires_at))

    def regenerate_application_token(self, application_id: int) -> str:
        """A new token for an application; the old one is void."""
        return self._run(_calls.regenerate_application_token(application_id))

    def delete_application(self, application_id: int) -> None:
        """Delete an application: its token is void."""
        return self._run(_calls.delete_application(application_id))
