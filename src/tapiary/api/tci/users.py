"""/users: who has an account."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field, RootModel

from tapiary.accounts import READ, Permission, Right, UserView
from tapiary.api.context import actor, services
from tapiary.api.tci.answers import nothing, reply
from tapiary.api.tci.shapes import Model, Parameters, Text
from tapiary.errors import Forbidden

USERS = Tag(name="users", description="Users")

RIGHTS: dict[str, Right | None] = {
    "users_list": READ,
    "user_get": READ,
    "user_create": Right("admin", Permission.MODIFY_USERS),
    # Oneself, or others by MODIFY_USERS: the accounts know.
    "user_edit": Right("admin"),
    "user_delete": Right("admin", Permission.MODIFY_USERS),
}
#: Stands for the caller in a path.
ME = "@me"

Number = Annotated[int, Field(ge=1, le=2**31 - 1, description="Number of the authorization level; 1 is the highest")]


class UserPath(Parameters):
    """The user in the path."""

    name: str = Field(description="Name of the user, in any case; `@me`: oneself")


class User(Model):
    """A user."""

    username: str
    email: str = Field(description="Empty where there is none")
    authorization_level: int


class Users(RootModel[list[User]]):
    """Users by name."""


class NewUser(Model):
    """A user to be."""

    username: Annotated[Text, Field(max_length=20)]
    email: Annotated[Text, Field(max_length=70)]
    password: Annotated[str, Field(description="8 to 500 characters")]
    authorization_level: Number


class UserChange(Model):
    """What changes of a user; what is not given stays."""

    email: Annotated[Text | None, Field(max_length=70)] = None
    password: Annotated[str | None, Field(description="8 to 500 characters")] = None
    authorization_level: Number | None = None


def users_list() -> Response:
    """List users"""
    return reply(Users([_user(view) for view in services().accounts.users.list()]))


def user_get(path: UserPath) -> Response:
    """Get a user who does not outrank oneself"""
    return reply(_user(services().accounts.users.get(_name(path), actor=actor())))


def user_create(body: NewUser) -> Response:
    """Make a user"""
    view = services().accounts.users.create(
        actor(), username=body.username, email=body.email, password=body.password, level=body.authorization_level
    )
    return reply(_user(view))


def user_edit(path: UserPath, body: UserChange) -> Response:
    """Change a user

    Everybody may change the own e-mail address and password; a new password ends all other logins of the user.
    """
    name = _name(path)
    if actor().must_change_password and (path.name != ME or body.password is None):
        raise Forbidden("change the one-time password first: PUT /api/v1/users/@me with a password")
    view = services().accounts.users.edit(
        actor(), name, email=body.email, password=body.password, level=body.authorization_level
    )
    return reply(_user(view))


def user_delete(path: UserPath) -> Response:
    """Delete a user with all logins and tokens"""
    services().accounts.users.delete(actor(), _name(path))
    return nothing()


def _name(path: UserPath) -> str:
    return actor().name if path.name == ME else path.name


def _user(view: UserView) -> User:
    return User(username=view.name, email=view.email or "", authorization_level=view.level)


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    one = "/users/<name>"
    blueprint.get("/users", tags=[USERS], responses={200: Users})(users_list)
    blueprint.post("/users", tags=[USERS], responses={200: User})(user_create)
    blueprint.get(one, tags=[USERS], responses={200: User})(user_get)
    blueprint.put(one, tags=[USERS], responses={200: User})(user_edit)
    blueprint.delete(one, tags=[USERS], responses={204: None})(user_delete)
