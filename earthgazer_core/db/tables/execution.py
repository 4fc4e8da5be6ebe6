"""What the flight recorder keeps of each task."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from earthgazer_core.db.tables.base import Base


class TaskExecutionRow(Base):
    """One task, by its id, in its newest state; written in batches, so without relationships."""

    __tablename__ = "task_executions"
    __table_args__ = (
        Index("ix_task_executions_failed", "finished_at", postgresql_where="state = 'FAILURE'"),
        Index(
            "ix_task_executions_live", "task_id",
            postgresql_where="state in ('PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'PROGRESS')",
        ),
        Index("ix_task_executions_sent_at", "sent_at"),
        Index("ix_task_executions_updated_at", "updated_at"),
        Index("ix_task_executions_name", "name", "sent_at"),
        Index("ix_task_executions_run_id", "run_id"),
        Index("ix_task_executions_capture_id", "capture_id", "sent_at"),
        Index("ix_task_executions_group_id", "group_id", postgresql_where="group_id is not null"),
        Index(
            "ix_task_executions_open", "updated_at", "state",
            postgresql_where="state in ('FAILURE', 'REVOKED', 'REJECTED') and dismissed_at is null",
        ),
        Index(
            "ix_task_executions_dead_letters", "finished_at",
            postgresql_where="state = 'FAILURE' and error_type = 'DeadLetterError'",
        ),
        Index("ix_task_executions_copy_of", "copy_of", postgresql_where="copy_of is not null"),
        Index("ix_task_executions_blocked_by", "blocked_by", postgresql_where="blocked_by is not null"),
    )  # fmt: skip

    task_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str]
    """A name of :mod:`celery.states`, or PROGRESS."""
    state_order: Mapped[int] = mapped_column(server_default="0")
    """Grows with attempt, replacement, retry and rank of the state: a late record never moves one back."""
    queue: Mapped[str | None]
    exchange: Mapped[str | None]
    routing_key: Mapped[str | None]
    priority: Mapped[int | None]
    worker: Mapped[str | None]
    pid: Mapped[int | None]
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    runtime_s: Mapped[float | None]
    eta: Mapped[datetime | None]
    expires: Mapped[datetime | None]
    retries: Mapped[int] = mapped_column(server_default="0")
    """Automatic retries by Celery."""
    attempt: Mapped[int] = mapped_column(server_default="1")
    """1, and one more for each retry by an operator."""
    starts: Mapped[int] = mapped_column(server_default="0")
    """Times that a worker began it; more than retries + attempts means that workers died."""
    copy_of: Mapped[str | None]
    """The id that this one was copied from by an operator."""
    parent_id: Mapped[str | None]
    root_id: Mapped[str | None]
    group_id: Mapped[str | None]
    group_index: Mapped[int | None]
    run_id: Mapped[str | None]
    """The workflow run that it belongs to."""
    args_repr: Mapped[str | None]
    kwargs_repr: Mapped[str | None]
    is_redacted: Mapped[bool] = mapped_column(server_default="false")
    """Whether arguments are hidden; then only the reprs are ever shown."""
    result: Mapped[Any | None] = mapped_column(type_=Base.type_annotation_map[list[Any]])
    error_type: Mapped[str | None]
    error_message: Mapped[str | None]
    traceback: Mapped[str | None]
    capture_id: Mapped[int | None]
    percent: Mapped[float | None]
    stage: Mapped[str | None]
    blocked_by: Mapped[str | None]
    """For a chord's body that failed only because a header did: that header's id."""
    dismissed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TaskStateChangeRow(Base):
    """One change of one task's state, kept for its timeline."""

    __tablename__ = "task_state_changes"
    __table_args__ = (
        # Unique, so that a record that is written again after a crash is kept once.
        Index("uq_task_state_changes_task_id_at_state", "task_id", "at", "state", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime]
    worker: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(server_default="1")
    detail: Mapped[dict[str, Any] | None]


class TaskMessageRow(Base):
    """The whole message of a task as it was published, so that it can be published again."""

    __tablename__ = "task_messages"
    __table_args__ = (Index("ix_task_messages_published_at", "published_at"),)

    task_id: Mapped[str] = mapped_column(primary_key=True)
    headers: Mapped[dict[str, Any]]
    properties: Mapped[dict[str, Any]]
    """exchange, routing_key, priority, correlation_id, reply_to, delivery_mode, expiration."""
    content_type: Mapped[str]
    content_encoding: Mapped[str]
    body: Mapped[bytes]
    """``[args, kwargs, embed]`` serialised as ``content_type`` says; Fernet token if sealed."""
    is_sealed: Mapped[bool] = mapped_column(server_default="false")
    published_at: Mapped[datetime]


class WorkflowRunRow(Base):
    """One execution of a workflow, named by who started it or recognised from its root."""

    __tablename__ = "workflow_runs"
    __table_args__ = (Index("ix_workflow_runs_created_at", "created_at"),)

    run_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    cancelled_at: Mapped[datetime | None]


class WorkflowStepRow(Base):
    """One step of a run as its messages foretell it, published or not."""

    __tablename__ = "workflow_steps"

    run_id: Mapped[str] = mapped_column(
        ForeignKey("earthgazer.workflow_runs.run_id", ondelete="CASCADE"), primary_key=True
    )
    task_id: Mapped[str] = mapped_column(primary_key=True)
    """Frozen id of the step; its execution, once published, has the same."""
    name: Mapped[str]
    after: Mapped[list[Any]]
    """Ids of the steps that have to end before."""
    group_id: Mapped[str | None]
    group_index: Mapped[int | None]
    chord_size: Mapped[int | None]
    """Set on a chord's body: members of its header."""
    ordinal: Mapped[int]
    """Order of discovery within the run."""
    signature: Mapped[dict[str, Any] | None]
    """The step's signature where it was not published yet and its arguments may be shown."""


class OperatorActionRow(Base):
    """What an operator did: the audit."""

    __tablename__ = "operator_actions"
    __table_args__ = (Index("ix_operator_actions_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    who: Mapped[str]
    """Login user."""
    origin: Mapped[str | None]
    """SSH origin or terminal."""
    context: Mapped[str | None]
    action: Mapped[str]
    """``task.retry``, ``pool.grow``, …"""
    target: Mapped[dict[str, Any]]
    outcome: Mapped[str]
    """``done``, ``refused`` or ``failed``."""
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
