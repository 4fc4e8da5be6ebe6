"""What must hold after a seed: nothing lost, nothing torn, nothing twice, nothing left behind."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import rasterio
from sqlalchemy import select

from earthgazer_core.db.tables import (
    ArtifactRow,
    CaptureRow,
    TaskExecutionRow,
    TaskStateChangeRow,
    WorkflowStepRow,
)
from earthgazer_core.errors import EarthGazerError
from earthgazer_core.recorder.order import UNFINISHED
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import ObjectStorage
from tests.campaigns.chaos_catalogue import ORIGIN, pixels, scene_of
from tests.campaigns.chaos_stack import ChaosStack
from tests.campaigns.tally import Tally

KINDS = ("stacked", "ndvi", "rgb")
_STEPS = frozenset(
    {
        "earthgazer.io.backup_capture", "earthgazer.io.download_bands", "earthgazer.cpu.stack_and_crop",
        "earthgazer.cpu.compute_ndvi", "earthgazer.cpu.generate_rgb",
    }
)  # fmt: skip
_TRUE_REASONS = {
    "StorageError": ("disk is full", "File too large", "does not match its checksum"),
    "RemoteUnavailableError": ("answered 503", "can't be reached", "broke off"),
    "ServiceUnavailableError": ("database", "another process is writing"),
    "DeadLetterError": ("given up after its process was killed 2 times",),
    "ChordError": ("blocked by",),
    "PermanentError": ("the longest a task may take",),
    "TimeLimitExceeded": ("",),
}
"""What may fail a task for good here, and words that say so."""


def check_failures(tally: Tally, stack: ChaosStack) -> Counter[str]:
    """Check that each failure says a true reason; return how many there are of each kind."""
    kinds: Counter[str] = Counter()
    with stack.database.session() as session:
        for row in session.scalars(
            select(TaskExecutionRow).where(TaskExecutionRow.state.in_(("FAILURE", "REVOKED", "REJECTED")))
        ):
            kinds[row.error_type or row.state] += 1
            words = _TRUE_REASONS.get(row.error_type or "", ())
            told = row.error_message or ""
            tally.check(
                any(word in told for word in words),
                f"{row.name} {row.task_id} {row.state}: no true reason: {row.error_type}: {told[:300]}",
            )
    return kinds


def check_captures(tally: Tally, stack: ChaosStack, wanted: int) -> None:
    """Check that every capture has each artifact, once, whole, and right to the pixel."""
    store = ObjectStorage(
        (stack.data_path / "artifacts").as_uri(), StorageSettings(data_path=stack.data_path)
    )
    with stack.database.session() as session:
        captures = {row.id: row for row in session.scalars(select(CaptureRow))}
        artifacts = session.scalars(select(ArtifactRow)).all()
    tally.check(len(captures) == wanted, f"{len(captures)} captures, not {wanted}")
    made = Counter((row.capture_id, row.kind) for row in artifacts)
    for capture_id in captures:
        for kind in KINDS:
            times = made[capture_id, kind]
            tally.check(times == 1, f"capture {capture_id} has {times} artifacts {kind}")
    files = {path for path in (stack.data_path / "artifacts").rglob("*") if path.is_file()}
    known = set()
    for row in artifacts:
        path = Path(unquote(urlsplit(row.uri).path))
        known.add(path)
        if path not in files:
            tally.fault(f"artifact {row.id} {row.kind}: {path} is not there")
            continue
        store.verify(row.uri, row.sha256)
        data = path.read_bytes()
        is_right = (hashlib.sha256(data).hexdigest(), len(data)) == (row.sha256, row.size_bytes)
        tally.check(is_right, f"artifact {row.id} {row.kind}: its bytes are others than those recorded")
        _check_raster(tally, row, path, scene_of(captures[row.capture_id].product_id))
    tally.did("artifacts verified", len(artifacts))
    for stranger in sorted(files - known):
        tally.fault(f"{stranger.relative_to(stack.data_path)} belongs to no artifact")
    copies = [path for path in (stack.data_path / "backup").rglob("*") if path.is_file()]
    tally.check(len(copies) == 4 * wanted, f"{len(copies)} files in the backup, not {4 * wanted}")


def _check_raster(tally: Tally, row: ArtifactRow, path: Path, scene: int) -> None:
    """Read a file with nothing of the product and compare it with the scene."""
    with rasterio.open(path) as file:
        read = file.read()
        left, top = round((file.transform.c - ORIGIN.c) / 10), round((ORIGIN.f - file.transform.f) / 10)
        valid = ~np.isnan(read[0]) if row.kind == "ndvi" else None
    tally.check(read.shape[1:] == (row.height, row.width), f"artifact {row.id}: {read.shape}")
    if row.kind != "ndvi" or valid is None:
        return
    here = slice(top, top + row.height), slice(left, left + row.width)
    red, infrared = (pixels(scene, band)[here].astype("float64") for band in ("B04", "B08"))
    wanted = (infrared - red) / (infrared + red)
    tally.check(
        np.allclose(read[0][valid], wanted[valid], atol=1e-6)
        and valid.sum() == (row.statistics or {})["valid"],
        f"artifact {row.id}: its NDVI is not that of scene {scene}",
    )


def check_history(tally: Tally, stack: ChaosStack) -> None:
    """Check that the record has an end for every execution, and each step of each capture."""
    with stack.database.session() as session:
        rows = session.scalars(select(TaskExecutionRow)).all()
        changed = set(session.scalars(select(TaskStateChangeRow.task_id)))
    for row in rows:
        if row.state in UNFINISHED:
            tally.fault(f"history: {row.name} {row.task_id} is {row.state} since {row.updated_at}")
        elif row.blocked_by is None and row.state != "REPLACED":
            tally.check(row.finished_at, f"history: {row.name} {row.task_id} {row.state} has no end")
            tally.check(row.task_id in changed, f"history: {row.name} {row.task_id} has no timeline")
    done: dict[int, set[str]] = {}
    for row in rows:
        if row.capture_id is not None and row.state == "SUCCESS":
            done.setdefault(row.capture_id, set()).add(row.name)
    for capture_id, names in done.items():
        tally.check(names >= _STEPS, f"history: capture {capture_id} lacks {sorted(_STEPS - names)}")
    tally.did("executions in history", len(rows))


def check_broker(tally: Tally, stack: ChaosStack) -> None:
    """Check that nothing waits, nothing is held, no list of answers is left, and results go by themselves."""
    client = stack.client
    looked_at = 0
    for raw in client.scan_iter(count=1000):
        looked_at += 1
        key = raw.decode("utf-8", "replace")
        # Bindings are the transport's own; it takes a table away that nobody uses any more.
        if key.startswith("_kombu.binding"):
            continue
        kind, ttl = client.type(raw), int(client.ttl(raw))
        tally.check(kind != b"list", f"broker: the list {key} is left")
        tally.check(ttl != -1, f"broker: {key} is left without an expiry ({kind!r})")
        tally.check("mutex" not in key or ttl == -2, f"broker: {key} is held for {ttl} s")
    for exchange in ("reply.celery.pidbox", "celeryev"):
        is_bound = client.exists(f"_kombu.binding.{exchange}")
        has_end = client.zscore("_kombu.binding_deadlines", exchange) is not None
        tally.check(has_end or not is_bound, f"broker: {exchange} is bound for ever")
    tally.did("broker keys looked at", looked_at)


def check_files(tally: Tally, stack: ChaosStack) -> None:
    """Check that no temporary file is left."""
    for path in _temporary(stack.state_dir):
        tally.fault(f"left behind: {path.relative_to(stack.state_dir)}")


def check_end(tally: Tally, stack: ChaosStack, allowed: Collection[int] = ()) -> None:
    """Check that a stack that was ended left no process, socket or record of itself."""
    for process in stack.living():
        if process.pid not in allowed:
            tally.fault(f"still runs: {process.pid} {' '.join(process.cmdline())[:200]}")
    for path in (*(stack.state_dir / "run").glob("*"), *stack.state_dir.glob("stack.json")):
        tally.fault(f"left behind: {path.relative_to(stack.state_dir)}")


def keep(stack: ChaosStack, directory: Path) -> None:
    """Write down what a failed seed can be understood by."""
    directory.mkdir(parents=True, exist_ok=True)
    for log in (stack.state_dir / "logs").glob("*"):
        (directory / log.name).write_bytes(log.read_bytes())
    try:
        _keep_history(stack, directory)
    except EarthGazerError as error:
        (directory / "history.txt").write_text(f"not kept: {error}")


def _keep_history(stack: ChaosStack, directory: Path) -> None:
    with stack.database.session() as session:
        for table in (TaskExecutionRow, TaskStateChangeRow, WorkflowStepRow):
            rows = [
                {name: value for name, value in vars(row).items() if not name.startswith("_")}
                for row in session.scalars(select(table))
            ]
            text = "\n".join(json.dumps(row, default=str) for row in rows)
            (directory / f"{table.__tablename__}.jsonl").write_text(text)


def _temporary(state_dir: Path) -> Iterator[Path]:
    for path in state_dir.rglob("*"):
        relative = path.relative_to(state_dir)
        if relative.parts[0].startswith(("pg", "valkey", "logs", "run")) or path.is_dir():
            continue
        is_spooled = relative.parts[0] == "spool"
        if path.name.startswith(".") or path.suffix in (".part", ".tmp", ".new") or is_spooled:
            yield path
    work = state_dir / "data" / "work"
    yield from work.iterdir() if work.is_dir() else ()
