"""An index for what changed last, which the stream of tasks and the history ask for."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "earthgazer"


def upgrade() -> None:
    op.create_index("ix_task_executions_updated_at", "task_executions", ["updated_at"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_index("ix_task_executions_updated_at", "task_executions", schema=SCHEMA)
