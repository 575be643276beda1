"""Users, what they may do, and their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pytci._model import Model, iso_time


@dataclass(frozen=True)
class User(Model):
    """A user of the hive."""

    username: str
    email: str | None = None
    authorization_level: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Identity(Model):
    """What a login gives; tokens last so many seconds."""

    _nested: ClassVar[Mapping[str, type[Model]]] = {"identity": User}

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    access_token_expires_in: int | None = None
    refresh_token_expires_in: int | None = None
    identity: User | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class AuthorizationLevel(Model):
    """A rank (1 is the top) with the sum of its permissions' bits."""

    level: int
    name: str
    permissions: int
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Permission(Model):
    """A permission and its bit."""

    name: str
    value: int
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Application(Model):
    """An application token; the token itself is there in the answers to `create_application` and
    `regenerate_application_token` alone. Times are text in UTC; Tapiary's hives alone tell them."""

    id: int
    name: str | None = None
    owner: str | None = None
    token: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] | None = None
    created_at: str | None = None
    expires_at: str | None = None
    last_used_at: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Audit(Model):
    """One entry of the audit log: who changed what, when (`at`: text, `time`: with a zone) and from where.

    `means` is how the user proved who it is, `details` has further facts by action.
    """

    id: int
    action: str
    at: str | None = None
    user: str | None = None
    address: str | None = None
    means: str | None = None
    object: str | None = None
    details: Mapping[str, Any] | None = field(default=None, hash=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def time(self) -> datetime | None:
        """When it happened, as a time with a zone."""
        return iso_time(self.at)
