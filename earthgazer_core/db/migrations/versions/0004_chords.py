"""What a chord was waiting for and what it had been given, to rebuild it when its keys are gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "earthgazer"


def upgrade() -> None:
    op.create_table(
        "chords",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("layout", sa.LargeBinary(), nullable=True),
        sa.Column("is_ordered", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_chords")),
        schema=SCHEMA,
    )
    op.create_table(
        "chord_parts",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("part", sa.LargeBinary(), nullable=False),
        sa.Column("is_sealed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "task_id", "place", name=op.f("pk_chord_parts")),
        schema=SCHEMA,
    )
    op.create_index("ix_chord_parts_at", "chord_parts", ["at"], schema=SCHEMA)


def downgrade() -> None:
    for table in ("chord_parts", "chords"):
        op.drop_table(table, schema=SCHEMA)
