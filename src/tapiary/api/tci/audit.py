"""/audit: who changed what, when, and from where; ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field, RootModel

from tapiary.accounts import ADMINISTER, AuditView, Right
from tapiary.api.context import services
from tapiary.api.tci.answers import reply
from tapiary.api.tci.shapes import INT64, Model, Parameters

AUDIT = Tag(name="audit", description="The audit log")

RIGHTS: dict[str, Right | None] = {"audit_list": ADMINISTER}


class AuditQuery(Parameters):
    """A page of the audit log."""

    before: int | None = Field(None, ge=0, le=INT64, description="Only entries with smaller numbers: the next page")
    limit: int = Field(100, ge=1, le=1000, description="Entries at most")
    user: str | None = Field(None, description="Only what this user did")
    action: str | None = Field(None, description="Only this action, as user.create; with a dot at its end a group")


class Entry(Model):
    """One change, who made it, when, and from where."""

    id: int
    at: datetime = Field(description="UTC")
    user: str
    address: str
    means: str = Field(description="How the user proved who it is: password, token:ID, login:…, page:…, local")
    action: str
    object: str
    details: Annotated[dict[str, Any] | None, Field(description="Further facts, by action")]


class Entries(RootModel[list[Entry]]):
    """Entries, the latest first."""


def audit_list(query: AuditQuery) -> Response:
    """List the audit log, the latest entry first"""
    views = services().accounts.audit.list(
        before=query.before, limit=query.limit, user=query.user, action=query.action
    )
    return reply(Entries([_entry(view) for view in views]))


def _entry(view: AuditView) -> Entry:
    return Entry(
        id=view.id,
        at=datetime.fromtimestamp(view.at, UTC),
        user=view.user_name,
        address=view.address,
        means=view.means,
        action=view.action,
        object=view.object,
        details=view.details,
    )


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/audit", tags=[AUDIT], responses={200: Entries})(audit_list)
