"""Indexes, lookups, macros and triggers as elements; alerts; notes about devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("ip", sa.String(45), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("domain_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("additional", sa.JSON(), nullable=False),
        sa.Column("dns_records", sa.JSON(), nullable=False),
        sa.Column("modified_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
        sa.UniqueConstraint("ip", name="uq_device_ip"),
    )
    op.create_table(
        "element",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("owner_id", _big()),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.Float(53), nullable=False),
        sa.Column("modified_by", sa.Text(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True)),
        sa.Column("tags", sa.JSON(none_as_null=True)),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True)),
        sa.PrimaryKeyConstraint("id", name="pk_element"),
        sa.UniqueConstraint("category", "name", name="uq_element_category_name"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="fk_element_owner_id", ondelete="SET NULL"),
    )
    op.create_index("ix_element_owner_id", "element", ["owner_id"])
    op.create_table(
        "trigger_state",
        sa.Column("element_id", sa.String(26), nullable=False),
        sa.Column("next_at", sa.Float(53), nullable=False),
        sa.Column("ran_at", sa.Float(53)),
        sa.Column("fired_at", sa.Float(53)),
        sa.Column("seen_ms", _big(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("element_id", name="pk_trigger_state"),
        sa.ForeignKeyConstraint(["element_id"], ["element.id"], name="fk_trigger_state_element_id",
                                ondelete="CASCADE"),
    )
    op.create_table(
        "alert",
        sa.Column("id", _big(), nullable=False),
        sa.Column("at_ms", _big(), nullable=False),
        sa.Column("trigger_id", sa.String(26), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("event_ms", _big(), nullable=False),
        sa.Column("owner_id", _big()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("false_positive", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("handled_by", sa.Text(), nullable=False),
        sa.Column("handled_at", sa.Float(53)),
        sa.Column("capture_id", _big()),
        sa.Column("deliveries", sa.JSON(), nullable=False),
        sa.Column("due_at", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.UniqueConstraint("trigger_id", "key", name="uq_alert_trigger_id_key"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="fk_alert_owner_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name="fk_alert_capture_id", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_at_ms", "alert", ["at_ms"])
    op.create_index("ix_alert_trigger_id_event_ms", "alert", ["trigger_id", "event_ms"])
    op.create_index("ix_alert_due_at", "alert", ["due_at"])
