"""First tables: files, jobs, runs, tokens, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "file",
        sa.Column("id", _big(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("uploaded", sa.Boolean(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("size", _big(), nullable=False),
        sa.Column("mtime_ns", _big(), nullable=False),
        sa.Column("quick_hash", sa.String(64)),
        sa.Column("checksum", sa.String(64)),
        sa.Column("seen_at", sa.Float(53), nullable=False),
        sa.Column("time_start", _big()),
        sa.Column("time_end", _big()),
        sa.Column("job_id", _big()),
        sa.Column("run_id", _big()),
        sa.PrimaryKeyConstraint("id", name="pk_file"),
        sa.UniqueConstraint("name", name="uq_file_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_file_quick_hash", "file", ["quick_hash"])
    op.create_index("ix_file_job_id", "file", ["job_id"])
    op.create_index("ix_file_run_id", "file", ["run_id"])
    op.create_table(
        "job",
        sa.Column("id", _big(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("file_id", _big()),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("started_at", sa.Float(53)),
        sa.Column("finished_at", sa.Float(53)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", sa.Float(53)),
        sa.Column("error", sa.Text()),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("progress", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name="fk_job_file_id", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_state_priority_id", "job", ["state", "priority", "id"])
    op.create_index("ix_job_file_id", "job", ["file_id"])
    working = sa.text("state = 'in_progress'")
    op.create_index("uq_job_file_in_progress", "job", ["file_id"], unique=True, sqlite_where=working,
                    postgresql_where=working)
    op.create_table(
        "run",
        sa.Column("id", _big(), nullable=False),
        sa.Column("job_id", _big()),
        sa.Column("file_id", _big()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("flows", _big()),
        sa.Column("summary", sa.JSON()),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("committed_at", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_run_job_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name="fk_run_file_id", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_state", "run", ["state"])
    op.create_index("ix_run_job_id", "run", ["job_id"])
    op.create_index("ix_run_file_id", "run", ["file_id"])
    op.create_table(
        "token",
        sa.Column("id", _big(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("last_used_at", sa.Float(53)),
        sa.Column("revoked_at", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
        sa.UniqueConstraint("hash", name="uq_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )
