"""The relational tables of users: levels, users, logins, the audit log. Times are Unix seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tapiary.database.base import Base, Big


class Level(Base):
    """An authorization level: its number is key and rank at once, 1 is the highest."""

    __tablename__ = "level"

    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    #: Permission bits (`tapiary.accounts.Permission`).
    permissions: Mapped[int] = mapped_column(Integer, default=0)


class User(Base):
    """Somebody with an account; without a password hash nobody can log in with a local password."""

    __tablename__ = "user"
    __table_args__ = (Index("ix_user_level", "level"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    #: The name as it is compared: case does not make another user.
    name_key: Mapped[str] = mapped_column(Text, unique=True)
    email: Mapped[str | None] = mapped_column(Text, unique=True, default=None)
    password_hash: Mapped[str | None] = mapped_column(Text, default=None)
    #: The password was made by the program and must be changed at the first login.
    one_time_password: Mapped[bool] = mapped_column(default=False)
    #: Logs in by LDAP.
    ldap: Mapped[bool] = mapped_column(default=False)
    level: Mapped[int] = mapped_column(Integer, ForeignKey("level.level"))
    created_at: Mapped[float] = mapped_column(Float(53))
    last_login_at: Mapped[float | None] = mapped_column(Float(53), default=None)


class Login(Base):
    """One login: a family of JWTs, or a browser's session. Ending it ends every token that came of it."""

    __tablename__ = "login"
    __table_args__ = (Index("ix_login_user_id", "user_id"),)

    #: Random, 128 bits or more in hexadecimal digits.
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(Big, ForeignKey("user.id", ondelete="CASCADE"))
    #: jwt, page or npm.
    kind: Mapped[str] = mapped_column(String(8))
    #: Identifier of the one refresh token that is still good; an older one that comes back ends the login.
    refresh_id: Mapped[str | None] = mapped_column(String(64), default=None)
    created_at: Mapped[float] = mapped_column(Float(53))
    used_at: Mapped[float] = mapped_column(Float(53))
    expires_at: Mapped[float] = mapped_column(Float(53))
    ended_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    address: Mapped[str] = mapped_column(Text, default="")
    agent: Mapped[str] = mapped_column(Text, default="")


class Audit(Base):
    """One change, who made it, when, and from where. Rows are only ever added."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    at: Mapped[float] = mapped_column(Float(53))
    #: No foreign key: what a user did stays on record after the user has gone.
    user_id: Mapped[int | None] = mapped_column(Big, default=None)
    user_name: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(Text, default="")
    #: password, token:<id>, login:<first digits>, page:…, local.
    means: Mapped[str] = mapped_column(Text, default="")
    #: verb of the changed thing, as user.create.
    action: Mapped[str] = mapped_column(String(64))
    object: Mapped[str] = mapped_column(Text, default="")
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
