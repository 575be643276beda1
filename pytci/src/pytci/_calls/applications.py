"""Application tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pytci._calls._base import call, given, nothing, text
from pytci._effects import Plan
from pytci._model import many, one
from pytci.models import Application


def get_applications() -> Plan[list[Application]]:
    """One's own application tokens, without the tokens themselves."""
    return call("GET", "/applications", many(Application))


def create_application(
    name: str, *, scopes: Sequence[str] | None = None, expires_at: datetime | None = None
) -> Plan[Application]:
    """Make an application token, which may all that one may oneself; `token` is shown this once.

    Tapiary's hives alone know scopes (what it is good for: read, write, admin) and expires_at, when it ends.
    """
    if expires_at is not None and expires_at.tzinfo is None:
        raise ValueError("expires_at must have a time zone, such as datetime.now(timezone.utc) has")
    optional = given(
        scopes=None if scopes is None else list(scopes),
        expires_at=None if expires_at is None else expires_at.isoformat(),
    )
    return call("POST", "/applications", one(Application), {"name": name, **optional})


def regenerate_application_token(application_id: int) -> Plan[str]:
    """A new token for an application; the old one is void."""
    return call("PUT", f"/applications/{application_id:d}", text("token"), {})


def delete_application(application_id: int) -> Plan[None]:
    """Delete an application: its token is void."""
    return call("DELETE", f"/applications/{application_id:d}", nothing)
