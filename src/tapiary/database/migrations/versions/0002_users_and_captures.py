"""Users, levels, logins, audit; drones, captures and their parts, scripts, destinations; tokens get owners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _big(), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("user_id", _big()),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("means", sa.Text(), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(none_as_null=True)),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "drone",
        sa.Column("id", _big(), nullable=False),
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("color", sa.String(7), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("capture_backend", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("last_seen_at", sa.Float(53)),
        sa.Column("deactivated_at", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_drone"),
        sa.UniqueConstraint("name", name="uq_drone_name"),
        sa.UniqueConstraint("token_hash", name="uq_drone_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "level",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("permissions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("level", name="pk_level"),
        sa.UniqueConstraint("name", name="uq_level_name"),
    )
    op.create_table(
        "user",
        sa.Column("id", _big(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("password_hash", sa.Text()),
        sa.Column("one_time_password", sa.Boolean(), nullable=False),
        sa.Column("ldap", sa.Boolean(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("last_login_at", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_user"),
        sa.UniqueConstraint("name_key", name="uq_user_name_key"),
        sa.UniqueConstraint("email", name="uq_user_email"),
        sa.ForeignKeyConstraint(["level"], ["level.level"], name="fk_user_level"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_user_level", "user", ["level"])
    op.create_table(
        "destination",
        sa.Column("id", _big(), nullable=False),
        sa.Column("owner_id", _big(), nullable=False),
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_destination"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="fk_destination_owner_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_destination_owner_id", "destination", ["owner_id"])
    op.create_table(
        "login",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user_id", _big(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("refresh_id", sa.String(64)),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("used_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_login_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_login_user_id", "login", ["user_id"])
    op.create_table(
        "script",
        sa.Column("id", _big(), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("contents", sa.Text(), nullable=False),
        sa.Column("filetype", sa.Text(), nullable=False),
        sa.Column("shipped", sa.Boolean(), nullable=False),
        sa.Column("owner_id", _big()),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_script"),
        sa.UniqueConstraint("name", name="uq_script_name"),
        sa.ForeignKeyConstraint(["level"], ["level.level"], name="fk_script_level"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="fk_script_owner_id", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "capture",
        sa.Column("id", _big(), nullable=False),
        sa.Column("owner_id", _big(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("duration_s", _big(), nullable=False),
        sa.Column("max_bytes", _big(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("script_id", _big()),
        sa.Column("script_args", sa.Text(), nullable=False),
        sa.Column("destination_id", _big()),
        sa.Column("ndp_trim_bytes", _big(), nullable=False),
        sa.Column("ndp_capture_all", sa.Boolean(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("status_msg", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("start_time", sa.Float(53)),
        sa.Column("end_time", sa.Float(53)),
        sa.Column("running_since", sa.Float(53)),
        sa.Column("intent", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(8), nullable=False),
        sa.Column("paused_elapsed_s", sa.Float(53), nullable=False),
        sa.Column("paused_left_bytes", _big(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("archived_at", sa.Float(53)),
        sa.Column("file_id", _big()),
        sa.Column("merge_job_id", _big()),
        sa.Column("process_job_id", _big()),
        sa.Column("script_job_id", _big()),
        sa.Column("moved_to", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_capture"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="fk_capture_owner_id"),
        sa.ForeignKeyConstraint(["script_id"], ["script.id"], name="fk_capture_script_id"),
        sa.ForeignKeyConstraint(["destination_id"], ["destination.id"], name="fk_capture_destination_id"),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name="fk_capture_file_id", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_capture_file_id", "capture", ["file_id"])
    op.create_index("ix_capture_owner_id", "capture", ["owner_id"])
    op.create_index("ix_capture_status", "capture", ["status"])
    op.create_table(
        "capture_drone",
        sa.Column("capture_id", _big(), nullable=False),
        sa.Column("drone_id", _big(), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("status_msg", sa.Text(), nullable=False),
        sa.Column("captured_data", _big(), nullable=False),
        sa.Column("packets", _big()),
        sa.Column("dropped", _big()),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("capture_id", "drone_id", name="pk_capture_drone"),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name="fk_capture_drone_capture_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["drone_id"], ["drone.id"], name="fk_capture_drone_drone_id"),
    )
    op.create_index("ix_capture_drone_drone_id", "capture_drone", ["drone_id"])
    op.create_table(
        "capture_part",
        sa.Column("capture_id", _big(), nullable=False),
        sa.Column("drone_id", _big(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("interface", sa.Text(), nullable=False),
        sa.Column("size", _big()),
        sa.Column("sha256", sa.String(64)),
        sa.Column("received", _big(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("capture_id", "drone_id", "number", name="pk_capture_part"),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name="fk_capture_part_capture_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["drone_id"], ["drone.id"], name="fk_capture_part_drone_id"),
    )
    if op.get_bind().dialect.name != "sqlite":
        op.add_column("token", sa.Column("user_id", _big()))
        op.add_column("token", sa.Column("expires_at", sa.Float(53)))
        op.create_foreign_key("fk_token_user_id", "token", "user", ["user_id"], ["id"], ondelete="CASCADE")
    else:  # which cannot add a foreign key to a table that is there; tokens are few, and nothing refers to them
        op.execute("CREATE TEMPORARY TABLE token_before AS SELECT * FROM token")
        op.drop_table("token")
        op.create_table(
            "token",
            sa.Column("id", _big(), nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("user_id", _big()),
            sa.Column("rights", sa.JSON(), nullable=False),
            sa.Column("created_at", sa.Float(53), nullable=False),
            sa.Column("expires_at", sa.Float(53)),
            sa.Column("last_used_at", sa.Float(53)),
            sa.Column("revoked_at", sa.Float(53)),
            sa.PrimaryKeyConstraint("id", name="pk_token"),
            sa.UniqueConstraint("hash", name="uq_token_hash"),
            sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_token_user_id", ondelete="CASCADE"),
            sqlite_autoincrement=True,
        )
        op.execute(
            "INSERT INTO token (id, name, hash, rights, created_at, last_used_at, revoked_at) "
            "SELECT id, name, hash, rights, created_at, last_used_at, revoked_at FROM token_before"
        )
        op.execute("DROP TABLE token_before")
    op.create_index("ix_token_user_id", "token", ["user_id"])
