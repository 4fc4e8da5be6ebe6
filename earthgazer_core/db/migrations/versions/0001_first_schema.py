"""The first schema: locations, captures, artifacts, time series and the flight recorder's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "earthgazer"


def upgrade() -> None:
    op.create_table(
        "captures",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("mission", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sensing_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("reference_level", sa.Text(), nullable=False),
        sa.Column("processing_baseline", sa.Text(), nullable=True),
        sa.Column("cloud_cover_percent", sa.Double(), nullable=True),
        sa.Column("west", sa.Double(), nullable=True),
        sa.Column("south", sa.Double(), nullable=True),
        sa.Column("east", sa.Double(), nullable=True),
        sa.Column("north", sa.Double(), nullable=True),
        sa.Column("mgrs_tile", sa.Text(), nullable=True),
        sa.Column("wrs_path", sa.BigInteger(), nullable=True),
        sa.Column("wrs_row", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=True),
        sa.Column("offset_already_applied", sa.Boolean(), nullable=True),
        sa.Column("is_simulated", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("mask_policy", sa.Text(), server_default="auto", nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("backed_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("downloaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["superseded_by"],
            ["earthgazer.captures.id"],
            name=op.f("fk_captures_superseded_by_captures"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captures")),
        sa.UniqueConstraint("mission", "product_id", name=op.f("uq_captures_mission_product_id")),
        schema=SCHEMA,
    )
    op.create_table(
        "locations",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("west", sa.Double(), nullable=False),
        sa.Column("south", sa.Double(), nullable=False),
        sa.Column("east", sa.Double(), nullable=False),
        sa.Column("north", sa.Double(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("last_discovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("south < north", name=op.f("ck_locations_south_below_north")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
        sa.UniqueConstraint("name", name=op.f("uq_locations_name")),
        schema=SCHEMA,
    )
    op.create_table(
        "operator_actions",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_actions")),
        schema=SCHEMA,
    )
    op.create_table(
        "task_executions",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_order", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("exchange", sa.Text(), nullable=True),
        sa.Column("routing_key", sa.Text(), nullable=True),
        sa.Column("priority", sa.BigInteger(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runtime_s", sa.Double(), nullable=True),
        sa.Column("eta", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempt", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("starts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("copy_of", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("root_id", sa.Text(), nullable=True),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("group_index", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("args_repr", sa.Text(), nullable=True),
        sa.Column("kwargs_repr", sa.Text(), nullable=True),
        sa.Column("is_redacted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("traceback", sa.Text(), nullable=True),
        sa.Column("capture_id", sa.BigInteger(), nullable=True),
        sa.Column("percent", sa.Double(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("blocked_by", sa.Text(), nullable=True),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_executions")),
        schema=SCHEMA,
    )
    op.create_table(
        "task_messages",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("properties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("content_encoding", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("is_sealed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_messages")),
        schema=SCHEMA,
    )
    op.create_table(
        "task_state_changes",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_state_changes")),
        schema=SCHEMA,
    )
    op.create_table(
        "workflow_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_workflow_runs")),
        schema=SCHEMA,
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("capture_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("crs", sa.Text(), nullable=True),
        sa.Column("transform", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("bands", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("algorithm_version", sa.Text(), nullable=False),
        sa.Column("statistics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("preview", sa.LargeBinary(), nullable=True),
        sa.Column("preview_width", sa.BigInteger(), nullable=True),
        sa.Column("preview_height", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["capture_id"],
            ["earthgazer.captures.id"],
            name=op.f("fk_artifacts_capture_id_captures"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
        sa.UniqueConstraint("key", name=op.f("uq_artifacts_key")),
        schema=SCHEMA,
    )
    op.create_table(
        "assets",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("capture_id", sa.BigInteger(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("href", sa.Text(), nullable=False),
        sa.Column("scale", sa.Double(), nullable=True),
        sa.Column("offset", sa.Double(), nullable=True),
        sa.Column("nodata", sa.Double(), nullable=True),
        sa.Column("promised_sha256", sa.Text(), nullable=True),
        sa.Column("promised_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("backup_uri", sa.Text(), nullable=True),
        sa.Column("backed_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["capture_id"],
            ["earthgazer.captures.id"],
            name=op.f("fk_assets_capture_id_captures"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
        sa.UniqueConstraint("capture_id", "band", name=op.f("uq_assets_capture_id_band")),
        schema=SCHEMA,
    )
    op.create_table(
        "capture_locations",
        sa.Column("capture_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["capture_id"],
            ["earthgazer.captures.id"],
            name=op.f("fk_capture_locations_capture_id_captures"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["earthgazer.locations.id"],
            name=op.f("fk_capture_locations_location_id_locations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("capture_id", "location_id", name=op.f("pk_capture_locations")),
        schema=SCHEMA,
    )
    op.create_table(
        "time_series",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("index", sa.Text(), nullable=False),
        sa.Column("points", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trend", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("algorithm_version", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["earthgazer.locations.id"],
            name=op.f("fk_time_series_location_id_locations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_series")),
        sa.UniqueConstraint("key", name=op.f("uq_time_series_key")),
        schema=SCHEMA,
    )
    op.create_table(
        "workflow_steps",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("group_index", sa.BigInteger(), nullable=True),
        sa.Column("chord_size", sa.BigInteger(), nullable=True),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("signature", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["earthgazer.workflow_runs.run_id"],
            name=op.f("fk_workflow_steps_run_id_workflow_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "task_id", name=op.f("pk_workflow_steps")),
        schema=SCHEMA,
    )
    op.create_index("ix_captures_sensing_time", "captures", ["sensing_time"], unique=False, schema=SCHEMA)
    op.create_index("ix_operator_actions_at", "operator_actions", ["at"], unique=False, schema=SCHEMA)
    op.create_index(
        "ix_task_executions_blocked_by",
        "task_executions",
        ["blocked_by"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="blocked_by is not null",
    )
    op.create_index(
        "ix_task_executions_capture_id",
        "task_executions",
        ["capture_id", "sent_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "ix_task_executions_failed",
        "task_executions",
        ["finished_at"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="state = 'FAILURE'",
    )
    op.create_index(
        "ix_task_executions_group_id",
        "task_executions",
        ["group_id"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="group_id is not null",
    )
    op.create_index(
        "ix_task_executions_live",
        "task_executions",
        ["task_id"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="state in ('PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'PROGRESS')",
    )
    op.create_index(
        "ix_task_executions_name", "task_executions", ["name", "sent_at"], unique=False, schema=SCHEMA
    )
    op.create_index("ix_task_executions_run_id", "task_executions", ["run_id"], unique=False, schema=SCHEMA)
    op.create_index("ix_task_executions_sent_at", "task_executions", ["sent_at"], unique=False, schema=SCHEMA)
    op.create_index(
        "uq_task_state_changes_task_id_at_state",
        "task_state_changes",
        ["task_id", "at", "state"],
        unique=True,
        schema=SCHEMA,
    )
    op.create_index(
        "ix_workflow_runs_created_at", "workflow_runs", ["created_at"], unique=False, schema=SCHEMA
    )
    op.create_index(
        "ix_artifacts_capture_id_kind",
        "artifacts",
        ["capture_id", "kind", "created_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_capture_locations_location_id"),
        "capture_locations",
        ["location_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_time_series_location_id"), "time_series", ["location_id"], unique=False, schema=SCHEMA
    )


def downgrade() -> None:
    for table in (
        "workflow_steps",
        "time_series",
        "capture_locations",
        "assets",
        "artifacts",
        "workflow_runs",
        "task_state_changes",
        "task_messages",
        "task_executions",
        "operator_actions",
        "locations",
        "captures",
    ):
        op.drop_table(table, schema=SCHEMA)
