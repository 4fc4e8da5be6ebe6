"""Frozen values that cross from the fleet to the views; every text in them is sanitised already."""

from earthgazer_tui.fleet.models.action import ActionResult, Reply, RetryPlan, RetryPlanItem
from earthgazer_tui.fleet.models.capture import (
    ArtifactSummary,
    AssetSummary,
    CaptureDetail,
    CaptureRow,
    Freshness,
    IndexStatistics,
    Preview,
    SeriesPoint,
    StageState,
    TimeSeries,
)
from earthgazer_tui.fleet.models.doctor import CheckProgress, Diagnosis, Finding, Severity
from earthgazer_tui.fleet.models.history import History, HistoryGroup, OperatorAction, Percentiles
from earthgazer_tui.fleet.models.queue import QueueDepth
from earthgazer_tui.fleet.models.schedule import PeriodicTask
from earthgazer_tui.fleet.models.session import QuitChoice, StartStep, StepState, WorkInProgress
from earthgazer_tui.fleet.models.snapshot import Alert, Badges, Counters, Service, ServiceState, Snapshot
from earthgazer_tui.fleet.models.task import RetryMode, RetryOffer, StateChange, TaskDetail, TaskRow
from earthgazer_tui.fleet.models.worker import RunningTask, Worker, WorkerState
from earthgazer_tui.fleet.models.workflow import RunDetail, RunRow, RunStep

__all__ = [
    "ActionResult",
    "Alert",
    "ArtifactSummary",
    "AssetSummary",
    "Badges",
    "CaptureDetail",
    "CaptureRow",
    "CheckProgress",
    "Counters",
    "Diagnosis",
    "Finding",
    "Freshness",
    "History",
    "HistoryGroup",
    "IndexStatistics",
    "OperatorAction",
    "Percentiles",
    "PeriodicTask",
    "Preview",
    "QueueDepth",
    "QuitChoice",
    "Reply",
    "RetryMode",
    "RetryOffer",
    "RetryPlan",
    "RetryPlanItem",
    "RunDetail",
    "RunRow",
    "RunStep",
    "RunningTask",
    "SeriesPoint",
    "Service",
    "ServiceState",
    "Severity",
    "Snapshot",
    "StageState",
    "StartStep",
    "StateChange",
    "StepState",
    "TaskDetail",
    "TaskRow",
    "TimeSeries",
    "WorkInProgress",
    "Worker",
    "WorkerState",
]
