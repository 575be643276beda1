"""The relational tables of files, jobs, runs, tokens and settings; users are in `people.py`, captures in `captures.py`.

Times are Unix seconds as floats, except `File.time_start` and `File.time_end`, which are microseconds like the
flows' times. Identifiers are never used twice (AUTOINCREMENT), because a run's identifier also names rows in the
Delta tables, which are swept later than the database row goes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tapiary.database.base import Base, Big


class File(Base):
    """A capture file, in the repository or outside of it."""

    __tablename__ = "file"
    __table_args__ = (Index("ix_file_quick_hash", "quick_hash"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    #: Path relative to the repository, or the absolute path of a file outside.
    name: Mapped[str] = mapped_column(Text, unique=True)
    outside: Mapped[bool] = mapped_column(default=False)
    uploaded: Mapped[bool] = mapped_column(default=False)
    #: No longer on the disk; its rows stay until somebody deletes it.
    gone: Mapped[bool] = mapped_column(default=False)
    size: Mapped[int] = mapped_column(Big, default=0)
    mtime_ns: Mapped[int] = mapped_column(Big, default=0)
    quick_hash: Mapped[str | None] = mapped_column(String(64), default=None)
    #: SHA-256 that the uploader gave or that was computed while the file came in.
    checksum: Mapped[str | None] = mapped_column(String(64), default=None)
    seen_at: Mapped[float] = mapped_column(Float(53), default=0.0)
    time_start: Mapped[int | None] = mapped_column(Big, default=None)
    time_end: Mapped[int | None] = mapped_column(Big, default=None)
    #: Latest job, and the run whose rows are visible. No foreign keys: they would close a circle of tables.
    job_id: Mapped[int | None] = mapped_column(Big, default=None, index=True)
    run_id: Mapped[int | None] = mapped_column(Big, default=None, index=True)


class Job(Base):
    """A piece of work in the queue; `tapiary.jobs.states` has the table of its states."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_state_priority_id", "state", "priority", "id"), Index("ix_job_file_id", "file_id"),
        # Two jobs may wait for one file, but never work on it at the same time.
        Index("uq_job_file_in_progress", "file_id", unique=True, sqlite_where=text("state = 'in_progress'"),
              postgresql_where=text("state = 'in_progress'")),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    file_id: Mapped[int | None] = mapped_column(Big, ForeignKey("file.id", ondelete="SET NULL"), default=None)
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(16), default="new")
    priority: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[float] = mapped_column(Float(53))
    started_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    finished_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    #: Times that a worker took the job.
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    #: The process that works on the job (`tapiary.jobs.owner`), and until when it may be silent; while the job is
    #: queued: until when it rests before the next attempt.
    owner: Mapped[str | None] = mapped_column(Text, default=None)
    lease_until: Mapped[float | None] = mapped_column(Float(53), default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)


class Run(Base):
    """One processing of one file: names the rows that it wrote in the Delta tables."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_state", "state"), Index("ix_run_job_id", "job_id"), Index("ix_run_file_id", "file_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    job_id: Mapped[int | None] = mapped_column(Big, ForeignKey("job.id", ondelete="SET NULL"), default=None)
    file_id: Mapped[int | None] = mapped_column(Big, ForeignKey("file.id", ondelete="SET NULL"), default=None)
    #: writing, committed, replaced or dropped.
    state: Mapped[str] = mapped_column(String(16), default="writing")
    flows: Mapped[int | None] = mapped_column(Big, default=None)
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    created_at: Mapped[float] = mapped_column(Float(53))
    committed_at: Mapped[float | None] = mapped_column(Float(53), default=None)


class Token(Base):
    """An application token; only the hash of its secret is kept."""

    __tablename__ = "token"
    __table_args__ = (Index("ix_token_user_id", "user_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    #: Its owner; None for tokens of the time before there were users, which the first start gives to the admin.
    user_id: Mapped[int | None] = mapped_column(Big, ForeignKey("user.id", ondelete="CASCADE"), default=None)
    #: The scopes that the token is limited to, some of read, write and admin.
    rights: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[float] = mapped_column(Float(53))
    expires_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    last_used_at: Mapped[float | None] = mapped_column(Float(53), default=None)
    revoked_at: Mapped[float | None] = mapped_column(Float(53), default=None)


class Setting(Base):
    """A value that the program keeps for itself, such as the format of the Delta tables."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
