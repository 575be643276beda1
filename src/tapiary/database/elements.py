"""The relational tables of configured things: indexes, lookups, macros, triggers; of alerts and of devices' notes.

Times are Unix seconds, except `Alert.at_ms`, which is a row's timestamp in the stream `alerts`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, deferred, mapped_column

from tapiary.database.base import Base, Big


class Element(Base):
    """A configured thing of one category, as Sycope's config elements: who owns it, who else may do what with it."""

    __tablename__ = "element"
    __table_args__ = (UniqueConstraint("category", "name"), Index("ix_element_owner_id", "owner_id"))

    #: Three groups of eight hexadecimal digits joined by `-`, random.
    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    #: `userIndex.index`, `lookup.lookup`, `nql.macro`, `alert.trigger`.
    category: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(255))
    owner_id: Mapped[int | None] = mapped_column(Big, ForeignKey("user.id", ondelete="SET NULL"), default=None)
    created_at: Mapped[float] = mapped_column(Float(53))
    created_by: Mapped[str] = mapped_column(Text, default="")
    modified_at: Mapped[float] = mapped_column(Float(53))
    modified_by: Mapped[str] = mapped_column(Text, default="")
    #: As the client sent it, key for key.
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    attributes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    tags: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    #: `[{"sid": …, "perms": [VIEW, …]}]`; empty: the owner's alone.
    permissions: Mapped[list[Any]] = mapped_column(JSON, default=list)
    #: A lookup's `{"columns": […], "rows": [[…]]}`: large, so it is read only when asked for.
    content: Mapped[dict[str, Any] | None] = deferred(mapped_column(JSON(none_as_null=True), default=None))


class TriggerState(Base):
    """What a trigger has done so far."""

    __tablename__ = "trigger_state"

    element_id: Mapped[str] = mapped_column(String(26), ForeignKey("element.id", ondelete="CASCADE"), primary_key=True)
    next_at: Mapped[float] = mapped_column(Float(53), default=0.0)
    ran_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    fired_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    #: Rows up to this moment, in milliseconds, have been looked at.
    seen_ms: Mapped[int] = mapped_column(Big, default=0)
    #: Up to where each stream's commits have been looked at, by the stream's name.
    marks: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    runs: Mapped[int] = mapped_column(Integer, default=0)
    #: Why the latest run failed, empty when it did not.
    error: Mapped[str] = mapped_column(Text, default="")


class Alert(Base):
    """One alert: a row of the stream `alerts`."""

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("trigger_id", "key"), Index("ix_alert_at_ms", "at_ms"),
        Index("ix_alert_trigger_id_event_ms", "trigger_id", "event_ms"), Index("ix_alert_due_at", "due_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    at_ms: Mapped[int] = mapped_column(Big)
    #: The trigger that fired; no foreign key: alerts outlive their triggers.
    trigger_id: Mapped[str] = mapped_column(String(26))
    #: What it stands for, hashed: the same rows never give two alerts of a trigger.
    key: Mapped[str] = mapped_column(String(64))
    #: The moment that it speaks of, in milliseconds: the row's timestamp, else the end of what was looked at.
    event_ms: Mapped[int] = mapped_column(Big)
    owner_id: Mapped[int | None] = mapped_column(Big, ForeignKey("user.id", ondelete="SET NULL"), default=None)
    name: Mapped[str] = mapped_column(Text)
    #: Info, Low, Medium, High or Critical.
    severity: Mapped[str] = mapped_column(String(8), default="Medium")
    #: The query's row, Sycope's fields of an alert and measures among its fields, and how many rows are alike.
    fields: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    rows: Mapped[int] = mapped_column(Integer, default=1)
    seen: Mapped[bool] = mapped_column(default=False)
    false_positive: Mapped[bool] = mapped_column(default=False)
    comment: Mapped[str] = mapped_column(Text, default="")
    #: Who last said something of it, and when.
    handled_by: Mapped[str] = mapped_column(Text, default="")
    handled_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    #: The capture that it ordered.
    capture_id: Mapped[int | None] = mapped_column(Big, ForeignKey("capture.id", ondelete="SET NULL"), default=None)
    #: What it sets going, and what came of that (`tapiary.services.alerts.delivery`).
    deliveries: Mapped[list[Any]] = mapped_column(JSON, default=list)
    #: When what is still to be delivered is tried, None when there is nothing.
    due_at: Mapped[float | None] = mapped_column(Float(53), default=None)


class Device(Base):
    """What people and scripts have written about an address; a row of the stream `assetDevices`."""

    __tablename__ = "device"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    ip: Mapped[str] = mapped_column(String(45), unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    domain_name: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[Any]] = mapped_column(JSON, default=list)
    additional: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    dns_records: Mapped[list[Any]] = mapped_column(JSON, default=list)
    modified_at: Mapped[float] = mapped_column(Float(53))
