"""/applications: application tokens, for programs that act for a user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import AwareDatetime, Field, RootModel

from tapiary.accounts import READ, SCOPES, Right, Scope, TokenView
from tapiary.api.context import actor, services
from tapiary.api.tci.answers import NO_STORE, nothing, reply
from tapiary.api.tci.shapes import INT64, Model, Parameters, Text
from tapiary.errors import InvalidInput, NotFound

APPLICATIONS = Tag(name="applications", description="Application tokens")

#: A token that is limited to less must not get at one that is not.
RIGHTS: dict[str, Right | None] = {
    "applications_list": READ,
    "application_create": Right("admin"),
    "application_renew": Right("admin"),
    "application_delete": Right("admin"),
}
#: The last second that has a date (of the year 9999) in UTC.
_LATEST = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


class ApplicationPath(Parameters):
    """The application in the path."""

    application_id: Annotated[int, Field(ge=0, le=INT64, description="Number of an application")]


class NewApplication(Model):
    """An application to be."""

    name: Annotated[Text, Field(min_length=1, max_length=30)]
    scopes: Annotated[
        list[Scope] | None, Field(min_length=1, description="What the token is good for; ours. Default: everything")
    ] = None
    expires_at: Annotated[
        AwareDatetime | None, Field(strict=False, description="When the token ends; ours. Default: never")
    ] = None


class Application(Model):
    """An application."""

    id: int
    name: str
    owner: str


class ListedApplication(Application):
    """An application with what TCI does not tell; times are UTC."""

    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class Applications(RootModel[list[ListedApplication]]):
    """One's applications in the order of their making."""


class CreatedApplication(Application):
    """An application with its token."""

    token: str


class ApplicationToken(Model):
    """A token."""

    token: str


def applications_list() -> Response:
    """List one's applications"""
    return reply(Applications([_listed(view) for view in services().accounts.tokens.list(actor())]))


def application_create(body: NewApplication) -> Response:
    """Make an application; the answer has its token, which is not shown again"""
    expires_at = None if body.expires_at is None else body.expires_at.timestamp()
    if expires_at is not None and expires_at > _LATEST:
        raise InvalidInput("expires_at: is too late; leave it out for a token that does not expire", field="expires_at")
    scopes = SCOPES if body.scopes is None else tuple(body.scopes)
    view, token = services().accounts.tokens.create(actor(), body.name, scopes=scopes, expires_at=expires_at)
    return reply(
        CreatedApplication(id=view.id, name=view.name, owner=view.owner or "", token=token), headers=NO_STORE
    )


def application_renew(path: ApplicationPath) -> Response:
    """Make a new token for an application; the old one is void"""
    _check_there(path.application_id)
    token = services().accounts.tokens.renew(actor(), path.application_id)
    return reply(ApplicationToken(token=token), headers=NO_STORE)


def application_delete(path: ApplicationPath) -> Response:
    """Delete an application; its token is void"""
    _check_there(path.application_id)
    services().accounts.tokens.revoke(actor(), path.application_id)
    return nothing()


def _check_there(application_id: int) -> None:
    """Raise NotFound for what was deleted before: the row is kept, but nobody sees it here."""
    views = services().accounts.tokens.list(actor(), revoked=True)
    if any(view.id == application_id and view.revoked_at is not None for view in views):
        raise NotFound(f"there is no application {application_id}")


def _listed(view: TokenView) -> ListedApplication:
    return ListedApplication(
        id=view.id,
        name=view.name,
        owner=view.owner or "",
        scopes=list(view.scopes),
        created_at=_time(view.created_at),
        expires_at=None if view.expires_at is None else _time(view.expires_at),
        last_used_at=None if view.last_used_at is None else _time(view.last_used_at),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    one = "/applications/<int:application_id>"
    blueprint.get("/applications", tags=[APPLICATIONS], responses={200: Applications})(applications_list)
    blueprint.post("/applications", tags=[APPLICATIONS], responses={200: CreatedApplication})(application_create)
    blueprint.put(one, tags=[APPLICATIONS], responses={200: ApplicationToken})(application_renew)
    blueprint.delete(one, tags=[APPLICATIONS], responses={204: None})(application_delete)
