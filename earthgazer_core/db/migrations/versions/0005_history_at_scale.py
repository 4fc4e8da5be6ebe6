"""Millions of executions: counts by state that nobody has to count, and indexes for what screens ask."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "earthgazer"

_ADD = """
    insert into earthgazer.execution_counts as known (state, bucket, n)
    select state, pg_backend_pid() % 1024, sum(n) from ({changes}) as changes
    group by state having sum(n) <> 0 order by state
    on conflict (state, bucket) do update set n = known.n + excluded.n;
"""
_TRIGGERS = {
    "insert": ("new table as added", "select state, 1 as n from added"),
    "update": (
        "old table as removed new table as added",
        "select state, 1 as n from added union all select state, -1 from removed",
    ),
    "delete": ("old table as removed", "select state, -1 as n from removed"),
}


def upgrade() -> None:
    op.create_table(
        "execution_counts",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state", "bucket", name=op.f("pk_execution_counts")),
        schema=SCHEMA,
        postgresql_with={"fillfactor": 50},
    )
    # Whoever writes meanwhile is counted afterwards, by the triggers.
    op.execute("lock table earthgazer.task_executions in share row exclusive mode")
    op.execute(
        "insert into earthgazer.execution_counts select state, 0, count(*)"
        " from earthgazer.task_executions group by state"
    )
    for event, (tables, changes) in _TRIGGERS.items():
        name = f"count_executions_{event}"
        op.execute(
            f"create function earthgazer.{name}() returns trigger language plpgsql as"
            f" $$ begin {_ADD.format(changes=changes)} return null; end $$"
        )
        op.execute(
            f"create trigger {name} after {event} on earthgazer.task_executions"
            f" referencing {tables} for each statement execute function earthgazer.{name}()"
        )
    op.create_index(
        "ix_task_executions_open",
        "task_executions",
        ["updated_at", "state"],
        schema=SCHEMA,
        postgresql_where="state in ('FAILURE', 'REVOKED', 'REJECTED') and dismissed_at is null",
    )
    op.create_index(
        "ix_task_executions_dead_letters",
        "task_executions",
        ["finished_at"],
        schema=SCHEMA,
        postgresql_where="state = 'FAILURE' and error_type = 'DeadLetterError'",
    )
    op.create_index(
        "ix_task_executions_copy_of",
        "task_executions",
        ["copy_of"],
        schema=SCHEMA,
        postgresql_where="copy_of is not null",
    )
    op.create_index("ix_task_messages_published_at", "task_messages", ["published_at"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_index("ix_task_messages_published_at", "task_messages", schema=SCHEMA)
    for name in ("copy_of", "dead_letters", "open"):
        op.drop_index(f"ix_task_executions_{name}", "task_executions", schema=SCHEMA)
    for event in _TRIGGERS:
        op.execute(f"drop trigger count_executions_{event} on earthgazer.task_executions")
        op.execute(f"drop function earthgazer.count_executions_{event}()")
    op.drop_table("execution_counts", schema=SCHEMA)
