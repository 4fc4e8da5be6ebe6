"""All tables; importing this module makes the metadata complete."""

from earthgazer_core.db.tables.artifact import ArtifactRow, TimeSeriesRow
from earthgazer_core.db.tables.base import SCHEMA, Base
from earthgazer_core.db.tables.capture import AssetRow, CaptureRow
from earthgazer_core.db.tables.chord import ChordPartRow, ChordRow
from earthgazer_core.db.tables.execution import (
    OperatorActionRow,
    TaskExecutionRow,
    TaskMessageRow,
    TaskStateChangeRow,
    WorkflowRunRow,
    WorkflowStepRow,
)
from earthgazer_core.db.tables.execution_count import ExecutionCountRow
from earthgazer_core.db.tables.location import CaptureLocationRow, LocationRow
from earthgazer_core.db.tables.schedule import ScheduledRunRow, ScheduleEntryRow

__all__ = [
    "SCHEMA",
    "ArtifactRow",
    "AssetRow",
    "Base",
    "CaptureLocationRow",
    "CaptureRow",
    "ChordPartRow",
    "ChordRow",
    "ExecutionCountRow",
    "LocationRow",
    "OperatorActionRow",
    "ScheduleEntryRow",
    "ScheduledRunRow",
    "TaskExecutionRow",
    "TaskMessageRow",
    "TaskStateChangeRow",
    "TimeSeriesRow",
    "WorkflowRunRow",
    "WorkflowStepRow",
]
