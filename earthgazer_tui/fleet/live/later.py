"""What verbs need, imported once the first answers are on the screen: a third of a second of the start."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "psycopg2",
    "sqlalchemy.dialects.postgresql.psycopg2",
    *(
        f"earthgazer_tui.fleet.live.{name}"
        for name in (
            "badges", "capture_detail", "captures", "edited_retry", "failure_groups", "foreign_tasks",
            "history", "imagery", "locations", "pool_actions", "queue_actions", "queue_look",
            "relations", "runs", "schedule", "task_actions", "task_list", "tasks", "worker_actions",
            "worker_facts",
        )
    ),
)  # fmt: skip
"""Modules that are imported where they are used, and not at the top."""


def load() -> None:
    """Import them all; takes a while where it is done first."""
    for name in MODULES:
        import_module(name)
