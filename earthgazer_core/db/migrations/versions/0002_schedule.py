"""The schedule: periodic tasks and their runs that are due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "earthgazer"


def upgrade() -> None:
    op.create_table(
        "schedule_entries",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("args", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("kwargs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("interval_s", sa.Double(), nullable=True),
        sa.Column("crontab", sa.Text(), nullable=True),
        sa.Column("own_interval_s", sa.Double(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_task_id", sa.Text(), nullable=True),
        sa.Column("total_runs", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("publish_error", sa.Text(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(interval_s IS NULL) <> (crontab IS NULL)", name=op.f("ck_schedule_entries_interval_or_crontab")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedule_entries")),
        schema=SCHEMA,
    )
    op.create_table(
        "scheduled_runs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["name"],
            ["earthgazer.schedule_entries.name"],
            name=op.f("fk_scheduled_runs_name_schedule_entries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scheduled_runs")),
        schema=SCHEMA,
    )


def downgrade() -> None:
    for table in ("scheduled_runs", "schedule_entries"):
        op.drop_table(table, schema=SCHEMA)
