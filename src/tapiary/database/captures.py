"""The relational tables of capturing: drones, capture jobs and their files, scripts, destinations.

A capture is what TCI calls a job. Times are Unix seconds; sizes are bytes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tapiary.database.base import Base, Big


class Drone(Base):
    """A probe on one or more network lines."""

    __tablename__ = "drone"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    name: Mapped[str] = mapped_column(String(30), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    color: Mapped[str] = mapped_column(String(7), default="#6c757d")
    #: SHA-256 of the token, in hexadecimal digits; the token has 256 random bits.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    capture_backend: Mapped[str] = mapped_column(String(16), default="unknown")
    #: As TCI says it; `tapiary.capture.states`.
    status: Mapped[str] = mapped_column(String(16), default="Pending")
    #: What the drone said of itself when it connected: dialect, interfaces, version. Empty for TCI's own drone.
    features: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[float] = mapped_column(Float(53))
    last_seen_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    deactivated_at: Mapped[float | None] = mapped_column(Float(53), default=None)


class Script(Base):
    """A user script that capture jobs may name."""

    __tablename__ = "script"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    description: Mapped[str | None] = mapped_column(Text, default=None)
    level: Mapped[int] = mapped_column(Integer, ForeignKey("level.level"))
    contents: Mapped[str] = mapped_column(Text)
    filetype: Mapped[str] = mapped_column(Text)
    #: Shipped with the program, and kept up to date by it.
    shipped: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int | None] = mapped_column(Big, ForeignKey("user.id", ondelete="SET NULL"), default=None)
    created_at: Mapped[float] = mapped_column(Float(53))


class Destination(Base):
    """A folder to which the files of finished captures are moved."""

    __tablename__ = "destination"
    __table_args__ = (Index("ix_destination_owner_id", "owner_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    owner_id: Mapped[int] = mapped_column(Big, ForeignKey("user.id"))
    name: Mapped[str] = mapped_column(String(30))
    path: Mapped[str] = mapped_column(Text)


class Capture(Base):
    """A capture job: what was ordered, how far it is, and what came of it."""

    __tablename__ = "capture"
    __table_args__ = (
        Index("ix_capture_status", "status"), Index("ix_capture_owner_id", "owner_id"),
        Index("ix_capture_file_id", "file_id"), {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    owner_id: Mapped[int] = mapped_column(Big, ForeignKey("user.id"))
    name: Mapped[str] = mapped_column(Text)
    filter: Mapped[str] = mapped_column(Text, default="")
    duration_s: Mapped[int] = mapped_column(Big)
    #: Limit of the sum over all drones.
    max_bytes: Mapped[int] = mapped_column(Big)
    #: Smaller goes first, as TCI has it.
    priority: Mapped[int] = mapped_column(Integer, default=0)
    script_id: Mapped[int | None] = mapped_column(Big, ForeignKey("script.id"), default=None)
    script_args: Mapped[str] = mapped_column(Text, default="")
    destination_id: Mapped[int | None] = mapped_column(Big, ForeignKey("destination.id"), default=None)
    ndp_trim_bytes: Mapped[int] = mapped_column(Big, default=0)
    ndp_capture_all: Mapped[bool] = mapped_column(default=False)
    #: What TCI's jobs do not have: snaplen, interfaces, ring, whether to process (`tapiary.capture.messages.Options`).
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    status: Mapped[str] = mapped_column(String(24), default="In queue")
    status_msg: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[float] = mapped_column(Float(53))
    start_time: Mapped[float | None] = mapped_column(Float(53), default=None)
    end_time: Mapped[float | None] = mapped_column(Float(53), default=None)
    #: Since when it captures without a pause, None while it does not.
    running_since: Mapped[float | None] = mapped_column(Float(53), default=None)
    #: What its drones were told last and have yet to do (stop, pause, nothing), and why (user, time, size).
    intent: Mapped[str] = mapped_column(String(8), default="")
    reason: Mapped[str] = mapped_column(String(8), default="")
    #: Seconds captured before the latest pause, and the bytes that were left then.
    paused_elapsed_s: Mapped[float] = mapped_column(Float(53), default=0.0)
    paused_left_bytes: Mapped[int] = mapped_column(Big, default=0)
    #: A user's pause lasts until the user resumes; a critical job's until that job is done.
    held: Mapped[bool] = mapped_column(default=False)
    archived_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    #: The merged capture in the repository, and the queue's jobs that merged it, processed it, and ran the script.
    file_id: Mapped[int | None] = mapped_column(Big, ForeignKey("file.id", ondelete="SET NULL"), default=None)
    merge_job_id: Mapped[int | None] = mapped_column(Big, default=None)
    process_job_id: Mapped[int | None] = mapped_column(Big, default=None)
    script_job_id: Mapped[int | None] = mapped_column(Big, default=None)
    #: Where the files were moved to, and the name of the script's zip in the folder of results; empty when none.
    moved_to: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str] = mapped_column(Text, default="")


class CaptureDrone(Base):
    """One drone's share of a capture."""

    __tablename__ = "capture_drone"
    __table_args__ = (Index("ix_capture_drone_drone_id", "drone_id"),)

    capture_id: Mapped[int] = mapped_column(Big, ForeignKey("capture.id", ondelete="CASCADE"), primary_key=True)
    drone_id: Mapped[int] = mapped_column(Big, ForeignKey("drone.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(24), default="Waiting")
    status_msg: Mapped[str] = mapped_column(Text, default="Just created.")
    #: Bytes that the drone says it has captured, and packets, and packets that its kernel or card lost.
    captured_data: Mapped[int] = mapped_column(Big, default=0)
    packets: Mapped[int | None] = mapped_column(Big, default=None)
    dropped: Mapped[int | None] = mapped_column(Big, default=None)
    #: The drone said that it stopped capturing for good: its files may be asked for.
    ended: Mapped[bool] = mapped_column(default=False)


class CapturePart(Base):
    """One file of one drone on its way to the hive; TCI's drone has one, ours one an interface and ring segment."""

    __tablename__ = "capture_part"

    capture_id: Mapped[int] = mapped_column(Big, ForeignKey("capture.id", ondelete="CASCADE"), primary_key=True)
    drone_id: Mapped[int] = mapped_column(Big, ForeignKey("drone.id"), primary_key=True)
    #: From 1, in the order of time for each interface.
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    interface: Mapped[str] = mapped_column(Text, default="")
    #: Whole size and checksum, once the drone has said them.
    size: Mapped[int | None] = mapped_column(Big, default=None)
    sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    #: Bytes that are safe on the hive's disk (a lower bound while a transfer runs).
    received: Mapped[int] = mapped_column(Big, default=0)
    complete: Mapped[bool] = mapped_column(default=False)
