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
from earthgazer_tui.fleet.models.message import MessageDetail, Place, QueueContents, QueueMessage
from earthgazer_tui.fleet.models.queue import MovePlan, PurgePlan, QueueDepth, QueueHour, QueuePause
from earthgazer_tui.fleet.models.replay import ReplayPosition
from earthgazer_tui.fleet.models.schedule import PeriodicTask
from earthgazer_tui.fleet.models.session import QuitChoice, StartStep, StepState, WorkInProgress
from earthgazer_tui.fleet.models.snapshot import Alert, Badges, Counters, Service, ServiceState, Snapshot
from earthgazer_tui.fleet.models.task import RetryMode, RetryOffer, StateChange, TaskDetail, TaskRow
from earthgazer_tui.fleet.models.worker import Lever, RunningTask, Worker, WorkerState
from earthgazer_tui.fleet.models.worker_facts import FactKind, FactRow, WorkerFact
from earthgazer_tui.fleet.models.worker_order import (
    AddConsumer,
    Autoscale,
    CancelConsumer,
    LimitRate,
    LimitTime,
    Resize,
    RestartPool,
    ShutDown,
    SwitchEvents,
    WorkerOrder,
)
from earthgazer_tui.fleet.models.workflow import RunDetail, RunRow, RunStep

__all__ = [
    "ActionResult",
    "AddConsumer",
    "Alert",
    "ArtifactSummary",
    "AssetSummary",
    "Autoscale",
    "Badges",
    "CancelConsumer",
    "CaptureDetail",
    "CaptureRow",
    "CheckProgress",
    "Counters",
    "Diagnosis",
    "FactKind",
    "FactRow",
    "Finding",
    "Freshness",
    "History",
    "HistoryGroup",
    "IndexStatistics",
    "Lever",
    "LimitRate",
    "LimitTime",
    "MessageDetail",
    "MovePlan",
    "OperatorAction",
    "Percentiles",
    "PeriodicTask",
    "Place",
    "Preview",
    "PurgePlan",
    "QueueContents",
    "QueueDepth",
    "QueueHour",
    "QueueMessage",
    "QueuePause",
    "QuitChoice",
    "ReplayPosition",
    "Reply",
    "Resize",
    "RestartPool",
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
    "ShutDown",
    "Snapshot",
    "StageState",
    "StartStep",
    "StateChange",
    "StepState",
    "SwitchEvents",
    "TaskDetail",
    "TaskRow",
    "TimeSeries",
    "WorkInProgress",
    "Worker",
    "WorkerFact",
    "WorkerOrder",
    "WorkerState",
]
