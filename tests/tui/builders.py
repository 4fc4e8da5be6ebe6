"""Frozen values of the fleet for tests: each function fills in what a test doesn't care about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from textual.events import Key

from earthgazer_tui.fleet.models import (
    ActionResult,
    ArtifactSummary,
    AssetSummary,
    Badges,
    CaptureDetail,
    CaptureRow,
    Counters,
    Finding,
    Freshness,
    History,
    HistoryGroup,
    IndexStatistics,
    MessageDetail,
    OperatorAction,
    Percentiles,
    PeriodicTask,
    Place,
    Preview,
    QueueDepth,
    QueueMessage,
    RetryMode,
    RetryOffer,
    RunDetail,
    RunningTask,
    RunRow,
    RunStep,
    SeriesPoint,
    Service,
    ServiceState,
    Severity,
    Snapshot,
    StageState,
    StateChange,
    TaskDetail,
    TaskRow,
    TimeSeries,
    Worker,
    WorkerState,
)

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
STAGES = ("discovered", "backed_up", "downloaded", "stacked", "ndvi", "rgb")


def ago(**span: float) -> datetime:
    """Return a time before NOW."""
    return NOW - timedelta(**span)


def a_queue(name: str = "io_queue", depth: int = 0, **changes: Any) -> QueueDepth:
    values: dict[str, Any] = {
        "by_priority": ((0, depth),),
        "unacked": 0,
        "oldest_unacked_s": None,
        "visibility_timeout_s": 930.0,
        "consumers": 1,
        "in_rate": 0.0,
        "out_rate": 0.0,
        "history": (),
    }
    return QueueDepth(name=name, depth=depth, **(values | changes))


def a_message(key: str = "k1", **changes: Any) -> QueueMessage:
    values: dict[str, Any] = {
        "queue": "io_queue",
        "place": Place.WAITING,
        "position": 0,
        "priority": 0,
        "task_id": f"{key}-0000-4000",
        "name": "earthgazer.io.download_bands",
        "arguments": '{"capture_id": 7}',
        "note": "",
        "sent_at": ago(minutes=3),
        "eta": None,
        "expires": None,
        "retries": 0,
        "is_redelivered": False,
        "held_s": None,
        "given_back_in_s": None,
        "is_eta_too_far": False,
        "follows": (),
    }
    return QueueMessage(key=key, **(values | changes))


def a_message_detail(row: QueueMessage | None = None, **changes: Any) -> MessageDetail:
    values: dict[str, Any] = {
        "is_gone": False,
        "args": "[]",
        "kwargs": '{"capture_id": 7}',
        "arguments_from": "message",
        "content_type": "application/json",
        "size_bytes": 812,
        "parent_id": None,
        "root_id": "root-1",
        "group_id": None,
        "links": (),
        "error_links": (),
        "headers": (("lang", "py"), ("task", "earthgazer.io.download_bands")),
    }
    return MessageDetail(row=row or a_message(), **(values | changes))


def a_worker(hostname: str = "io1@field", **changes: Any) -> Worker:
    values: dict[str, Any] = {
        "state": WorkerState.SEEN,
        "last_seen_s": 1.0,
        "pool": "prefork",
        "pool_size": 2,
        "active": 0,
        "processed": 0,
        "prefetch": 2,
        "load": (0.4, 0.3, 0.2),
        "memory_bytes": 92_000_000,
        "uptime_s": 300.0,
        "queues": ("io_queue", "default"),
        "running": (),
        "local_name": None,
        "resize_refusal": "",
    }
    return Worker(hostname=hostname, **(values | changes))


def a_running_task(task_id: str = "t-run", **changes: Any) -> RunningTask:
    values: dict[str, Any] = {
        "name": "earthgazer.cpu.compute_ndvi",
        "started_at": ago(seconds=4),
        "percent": 40.0,
        "stage": "windows",
    }
    return RunningTask(task_id=task_id, **(values | changes))


def a_task(task_id: str = "t-1", **changes: Any) -> TaskRow:
    values: dict[str, Any] = {
        "name": "earthgazer.cpu.compute_ndvi",
        "state": "SUCCESS",
        "queue": "cpu_queue",
        "worker": "cpu1@field",
        "at": ago(seconds=30),
        "runtime_s": 1.25,
        "retries": 0,
        "attempt": 1,
        "error_type": None,
        "error_message": None,
        "capture_id": 7,
        "run_id": "run-1",
    }
    return TaskRow(task_id=task_id, **(values | changes))


def a_failure(task_id: str = "t-bad", **changes: Any) -> TaskRow:
    values: dict[str, Any] = {
        "state": "FAILURE",
        "error_type": "BandNotFoundError",
        "error_message": "capture 7 has no band B08; it has B02, B03, B04",
    }
    return a_task(task_id, **(values | changes))


def a_task_detail(row: TaskRow | None = None, **changes: Any) -> TaskDetail:
    row = row or a_failure()
    values: dict[str, Any] = {
        "args": "[7]",
        "kwargs": '{"capture_id": 7, "index": "ndvi"}',
        "args_source": "recorded message",
        "is_redacted": False,
        "result": "",
        "traceback": 'Traceback (most recent call last):\n  File "cpu.py", line 12, in compute_ndvi\n'
        f"{row.error_type}: {row.error_message}",
        "timeline": (
            StateChange("PENDING", ago(seconds=40), None, 1, "io_queue"),
            StateChange("STARTED", ago(seconds=35), row.worker, 1, ""),
            StateChange(row.state, row.at, row.worker, 1, row.error_message or ""),
        ),
        "parent_id": None,
        "root_id": row.task_id,
        "group_id": None,
        "retry": RetryOffer(RetryMode.IN_PLACE, "chain goes on: 2 steps"),
    }
    return TaskDetail(row=row, **(values | changes))


def a_periodic_task(name: str = "discover-active-locations", **changes: Any) -> PeriodicTask:
    values: dict[str, Any] = {
        "task": "earthgazer.io.discover_images",
        "timing": "every 600 s",
        "code_timing": "every 600 s",
        "interval_s": 600.0,
        "is_changed": False,
        "is_enabled": True,
        "next_run_at": NOW + timedelta(minutes=4),
        "is_late": False,
        "last_run_at": ago(minutes=6),
        "last_task_id": "t-last",
        "last_state": "SUCCESS",
        "last_runtime_s": 3.2,
        "last_error": "",
        "total_runs": 41,
    }
    return PeriodicTask(name=name, **(values | changes))


_NO_TIME = Percentiles(None, None, None)


def a_group(name: str = "earthgazer.cpu.compute_ndvi", **changes: Any) -> HistoryGroup:
    throughput = tuple((k * 7) % 13 for k in range(97))
    failures = tuple(int(k % 24 == 5) for k in range(97))
    values: dict[str, Any] = {
        "is_total": False,
        "count": sum(throughput),
        "failed": sum(failures),
        "failed_percent": 100 * sum(failures) / sum(throughput),
        "run": Percentiles(1.4, 3.8, 12.2),
        "wait": Percentiles(0.3, 95.0, None),
        "throughput": throughput,
        "failures": failures,
        "run_times": tuple(
            Percentiles(1.0 + k % 3, 4.0, 12.0) if n else _NO_TIME for k, n in enumerate(throughput)
        ),
        "wait_times": tuple(Percentiles(0.2, 0.4, 0.8) if n else _NO_TIME for n in throughput),
    }
    return HistoryGroup(name=name, **(values | changes))


def a_history(**changes: Any) -> History:
    values: dict[str, Any] = {
        "since": ago(hours=24),
        "until": NOW,
        "slot_s": 900.0,
        "is_rounded": False,
        "groups": (a_group("all", is_total=True), a_group(), a_group("earthgazer.io.download_bands")),
    }
    return History(**(values | changes))


def an_action(number: int = 1, **changes: Any) -> OperatorAction:
    values: dict[str, Any] = {
        "at": ago(minutes=number),
        "who": "maria",
        "origin": "ssh 10.0.0.7:51022",
        "context": "embedded",
        "action": "task.retry",
        "target": "task ids t-1 t-2",
        "outcome": "done",
        "detail": "attempt 2",
    }
    return OperatorAction(number=number, **(values | changes))


def a_finding(check: str = "queue-without-consumer", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "severity": Severity.CRITICAL,
        "subject": "queue maintenance",
        "evidence": "3 messages wait and no worker consumes it; the oldest has waited for 12 min",
        "fix": "earthgazer worker maintenance",
    }
    return Finding(check=check, **(values | changes))


def a_run(run_id: str = "run-1", **changes: Any) -> RunRow:
    values: dict[str, Any] = {
        "name": "process_single_capture",
        "state": "running",
        "created_at": ago(minutes=1),
        "finished_at": None,
        "total": 5,
        "done": 2,
        "failed": 0,
        "running": 1,
        "percent": 48.0,
        "subject": "capture 7",
    }
    return RunRow(run_id=run_id, **(values | changes))


def a_step(task_id: str = "s-1", **changes: Any) -> RunStep:
    values: dict[str, Any] = {
        "name": "earthgazer.io.backup_capture",
        "state": "SUCCESS",
        "depth": 0,
        "after": (),
        "joined": None,
        "percent": None,
        "stage": "",
        "started_at": ago(seconds=50),
        "finished_at": ago(seconds=45),
        "error": "",
        "capture_id": 7,
    }
    return RunStep(task_id=task_id, **(values | changes))


def a_run_detail(row: RunRow | None = None, **changes: Any) -> RunDetail:
    values: dict[str, Any] = {
        "steps": (
            a_step("s-1"),
            a_step("s-2", name="earthgazer.io.download_bands", depth=1, after=("s-1",)),
            a_step(
                "s-3",
                name="earthgazer.cpu.stack_and_crop",
                depth=2,
                after=("s-2",),
                state="PROGRESS",
                percent=40.0,
                stage="windows",
                finished_at=None,
            ),
            a_step(
                "s-4",
                name="earthgazer.cpu.compute_ndvi",
                depth=3,
                after=("s-3",),
                state="FUTURE",
                started_at=None,
                finished_at=None,
            ),
        )
    }
    return RunDetail(row=row or a_run(), **(values | changes))


def a_capture(capture_id: int = 7, **changes: Any) -> CaptureRow:
    values: dict[str, Any] = {
        "locations": ("Sandbox field",),
        "mission": "SENTINEL-2A",
        "product_id": f"S2A_MSIL2A_20261120T105321_N0511_R051_T30TYN_{capture_id}",
        "sensing_time": ago(days=1),
        "cloud_cover_percent": 12.5,
        "stages": tuple(StageState(stage, "done") for stage in STAGES),
        "activity": "",
        "ndvi_mean": 0.612,
        "valid_percent": 97.3,
        "outcome": "ok",
        "is_simulated": False,
    }
    return CaptureRow(capture_id=capture_id, **(values | changes))


def a_freshness(location_id: int = 1, **changes: Any) -> Freshness:
    values: dict[str, Any] = {
        "name": "Sandbox field",
        "last_sensing_time": ago(days=1),
        "last_success_at": ago(hours=9),
        "next_expected": NOW + timedelta(days=4),
        "status": "ok",
        "reason": "NDVI of the newest capture is made",
        "is_overdue": False,
    }
    return Freshness(location_id=location_id, **(values | changes))


def some_statistics(**changes: Any) -> IndexStatistics:
    counts = tuple(max(0, int(900 - (k - 160) ** 2)) for k in range(200))
    values: dict[str, Any] = {
        "index": "ndvi",
        "valid": sum(counts),
        "total": sum(counts) + 400,
        "mean": 0.612,
        "std": 0.11,
        "min": 0.301,
        "max": 0.899,
        "p02": 0.35,
        "p50": 0.61,
        "p98": 0.87,
        "below": 0,
        "above": 0,
        "edges": tuple(k / 100 for k in range(-100, 101)),
        "counts": counts,
    }
    return IndexStatistics(**(values | changes))


def a_capture_detail(row: CaptureRow | None = None, **changes: Any) -> CaptureDetail:
    row = row or a_capture()
    pixels = b"".join(bytes((20 + x * 3, 90 + y * 3, 40, 255)) for y in range(32) for x in range(48))
    values: dict[str, Any] = {
        "metadata": (("Mission", row.mission), ("Tile", "30TYN"), ("Baseline", "05.11"), ("Level", "L2A")),
        "assets": tuple(
            AssetSummary(band, f"file:///srv/backup/{band}.tif", 1_200_000, True) for band in ("B04", "B08")
        ),
        "artifacts": (
            ArtifactSummary(
                31,
                "ndvi",
                "ok",
                "file:///srv/ndvi.tif",
                812_000,
                (512, 512),
                "EPSG:32630",
                ago(hours=9),
            ),
        ),
        "statistics": some_statistics(),
        "previews": (Preview("rgb", 48, 32, pixels),),
        "series": (
            TimeSeries(
                location="Sandbox field",
                index="ndvi",
                points=(
                    SeriesPoint(ago(days=21), 0.41, 98.0, None, 3),
                    SeriesPoint(ago(days=16), None, 2.0, "too cloudy", 4),
                    SeriesPoint(ago(days=11), 0.55, 90.0, None, 5),
                    SeriesPoint(ago(days=1), 0.612, 97.3, None, row.capture_id),
                ),
                slope_per_year=3.6,
                p_value=0.04,
                n=3,
            ),
        ),
        "failures": (),
    }
    return CaptureDetail(row=row, **(values | changes))


def a_snapshot(**changes: Any) -> Snapshot:
    values: dict[str, Any] = {
        "taken_at": NOW,
        "context": "embedded",
        "is_embedded": True,
        "is_read_only": False,
        "broker": Service(ServiceState.UP, "127.0.0.1:6379", ago(minutes=5)),
        "database": Service(ServiceState.UP, "127.0.0.1:5432", ago(minutes=5)),
        "queues": (a_queue("io_queue"), a_queue("cpu_queue")),
        "workers": (a_worker("io1@field"), a_worker("cpu1@field", queues=("cpu_queue",))),
        "counters": Counters(),
        "badges": Badges(captures=0, queues=0, workflows=0, failed=0, workers=2),
        "alerts": (),
        "recent": (),
        "first_steps": "",
    }
    return Snapshot(**(values | changes))


def done(summary: str = "Done.") -> ActionResult:
    return ActionResult(True, summary)


def a_key(character: str) -> Key:
    """A printable key as the terminal sends it."""
    return Key(character, character)
