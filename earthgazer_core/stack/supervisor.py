"""The supervisor: one process that owns a state directory and all that runs on it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from earthgazer_core.errors import ConflictError, EarthGazerError, StorageError
from earthgazer_core.stack.child import Child
from earthgazer_core.stack.crew import Crew
from earthgazer_core.stack.environment import child_environment, stack_variables
from earthgazer_core.stack.files import control_path
from earthgazer_core.stack.identity import MARKER, Identity
from earthgazer_core.stack.leases import Leases
from earthgazer_core.stack.limits import read_limits
from earthgazer_core.stack.migration import import_migrations, migrate
from earthgazer_core.stack.models import Phase, Release, StackStatus, StepState, StoppingError
from earthgazer_core.stack.plan import StackPlan
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.statefile import StackRecord, remove_record
from earthgazer_core.stack.steps import StepLog
from earthgazer_core.stack.supervised_server import SupervisedServer
from earthgazer_core.stack.valkey import ValkeyServer
from earthgazer_core.stack.worker_events import watch_workers

_POLL_S = 0.2
_WORKER_READY_S = 45.0
_GIVE_BACK_S = 30.0
_SMALLEST_DISK_BYTES = 200 * 1024 * 1024
logger = logging.getLogger(__name__)


class Supervisor:
    """Starts a stack, keeps it alive, and ends it when nobody wants it any more."""

    def __init__(self, plan: StackPlan) -> None:
        self.plan = plan
        self.phase = Phase.STARTING
        self.leases = Leases(is_detached=plan.is_detached)
        self.steps = StepLog()
        self._stack_id = secrets.token_hex(16)
        os.environ[MARKER] = self._stack_id
        self._valkey = ValkeyServer(plan.state_dir)
        self._postgres = PostgresServer(plan.state_dir)
        self._servers = [SupervisedServer(self._valkey), SupervisedServer(self._postgres)]
        self._crew: Crew | None = None
        self._environment: dict[str, str] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._events: asyncio.Task[None] | None = None
        self._events_on = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []
        self._started_at = time.time()
        self._end = asyncio.Event()
        self._ending: Release | None = None
        self.has_failed = False
        self._is_final = False
        self._warm_timeout_s = 0.0
        self._has_been_attached = False

    async def run(self) -> int:
        """Run until nobody wants the stack any more; return the process's exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.end, Release.STOP)
        for ignored in (signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(ignored, logger.info, "signal ignored: use `earthgazer stack down`")
        failure = {"error": "internal error, see logs/supervisor.log", "kind": "EarthGazerError"}
        try:
            try:
                await self._start()
                await self._live()
                failure = {}
            except EarthGazerError as error:
                logger.error("start failed: %s", error)
                failure = {"error": str(error), "kind": type(error).__name__}
            finally:
                await self._stop()
        finally:
            self.has_failed = bool(failure)
            await (self.steps.conclude("failed", **failure) if failure else self.steps.conclude("stopped"))
        return 1 if failure else 0

    def attach(self, holder: object) -> None:
        """Count a console as attached; workers that were ending for want of one are replaced.

        Raises:
            StoppingError: the stack is stopping: wait for its end and start it again.
        """
        if self.phase is Phase.STOPPING or self._is_final:
            raise StoppingError("the stack is stopping")
        self.leases.take(holder)
        self._has_been_attached = True
        if self._ending is not None:
            self._ending = None
            self._end.clear()

    def release(self, holder: object, choice: Release | None) -> bool:
        """Let a console go; return whether the stack ends now."""
        if (how := self.leases.release(holder, choice)) is not None:
            self.end(how)
        return self._ending is not None

    def end(self, how: Release, *, is_final: bool = False) -> None:
        """End the stack, warm or at once; an end at once overtakes a warm one.

        A final end is not called off by a console that attaches meanwhile.
        """
        if self._ending is not Release.STOP:
            self._ending = how
        self._is_final |= is_final or how is Release.STOP
        self._end.set()

    def start_worker(self, profile: str) -> Child:
        """Start one more worker.

        Raises:
            ConflictError: the stack is not running.
        """
        return self._running_crew().start_worker(profile)

    def stop_worker(self, name: str) -> Child:
        """Stop one worker warm; the same errors as :meth:`start_worker`."""
        return self._running_crew().stop_worker(name)

    def variables(self) -> dict[str, str]:
        """Return the settings that reach the servers, passwords included."""
        return stack_variables(self.plan.state_dir, self._valkey.url, self._postgres.url)

    def status(self) -> StackStatus:
        """Return the stack at this moment."""
        return StackStatus(
            version=version("earthgazer"),
            pid=os.getpid(),
            phase=self.phase,
            is_detached=self.leases.is_detached,
            leases=len(self.leases),
            state_dir=str(self.plan.state_dir),
            started_at=self._started_at,
            processes=(
                *(server.status() for server in self._servers),
                *(child.status() for child in self._crew or ()),
            ),
        )

    async def _start(self) -> None:
        # First of all: wrong settings are told before anything is touched.
        limits = await asyncio.to_thread(read_limits)
        await self._end_leftovers()
        free = shutil.disk_usage(self.plan.state_dir).free
        if free < _SMALLEST_DISK_BYTES:
            raise StorageError(
                f"only {free // 2**20} MB are free for {self.plan.state_dir}: the stack needs"
                f" {_SMALLEST_DISK_BYTES // 2**20} MB"
            )
        self._write_record()
        valkey, postgres = self._servers
        # What takes time to import is imported while the servers start.
        results = await asyncio.gather(
            self._start_server("Valkey", valkey),
            self._start_server("Postgres", postgres),
            asyncio.to_thread(import_migrations),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        await self.steps.tell("migrations", StepState.STARTING)
        await asyncio.to_thread(migrate, self._postgres.url)
        await self.steps.tell("migrations", StepState.READY)
        await self.steps.conclude("usable")
        self._environment = child_environment(self.variables(), {MARKER: self._stack_id})
        self._warm_timeout_s = self.plan.warm_timeout_s or limits.longest_task_s + 60
        plan = replace(self.plan, concurrency=self.plan.concurrency or limits.concurrency)
        self._crew = Crew(plan, self._environment, changed=self._write_record, lost=self._lost)
        self._events = asyncio.create_task(self._watch_workers(self._crew))

    async def _end_leftovers(self) -> None:
        record = StackRecord.read(self.plan.state_dir)
        if record is None:
            return
        await self.steps.tell("leftovers", StepState.STARTING, "of a stack that was killed")
        names = await asyncio.to_thread(record.end_leftovers)
        await self.steps.tell("leftovers", StepState.READY, f"ended {', '.join(names) or 'nothing'}")

    async def _start_server(self, title: str, server: SupervisedServer) -> None:
        await self.steps.tell(title, StepState.STARTING)
        try:
            await server.start()
        except EarthGazerError as error:
            await self.steps.tell(title, StepState.FAILED, str(error))
            raise
        self._write_record()
        await self.steps.tell(title, StepState.READY)

    async def _watch_workers(self, crew: Crew) -> None:
        await watch_workers(self._valkey.redis_py_url, self._events_on, crew.seen)

    async def _live(self) -> None:
        """Keep everything alive until the end is wanted, and stays wanted until the workers are gone."""
        crew = self._running_crew()
        self.phase = Phase.RUNNING
        grace = asyncio.get_running_loop().call_later(self.plan.attach_grace_s, self._end_if_never_attached)
        for server in self._servers:
            self._keep(self._keep_server(server))
        self._keep(self._keep_crew(crew))
        self._keep(self._start_crew(crew))
        is_over = False
        while not is_over:
            await self._end.wait()
            grace.cancel()
            is_over = await self._end_crew(crew)

    async def _start_crew(self, crew: Crew) -> None:
        await self._events_on.wait()
        if self._valkey.unacked() > 0:
            await self.steps.tell("lost messages", StepState.STARTING, "of workers that were killed")
            await self._give_back(time.time(), [])
            await self.steps.tell("lost messages", StepState.READY, "given back")
        if self._end.is_set():
            return
        children = [crew.start_worker(name) for name in self.plan.profiles]
        await self._until_ready(crew, children)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._keepers.append(task)
        task.add_done_callback(self._note_keeper_end)

    def _note_keeper_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("supervision failed", exc_info=error)
            self.end(Release.STOP)

    async def _until_ready(self, crew: Crew, children: list[Child]) -> None:
        """Wait until workers are seen, then start beat; one that never is fails its step, not the stack."""
        for child in children:
            await self.steps.tell(f"worker {child.name}", StepState.STARTING)
        deadline = time.monotonic() + _WORKER_READY_S
        waiting = list(children)
        while waiting and not self._end.is_set():
            for child in list(waiting):
                if child.is_ready:
                    await self.steps.tell(f"worker {child.name}", StepState.READY)
                elif child.restarts.count or time.monotonic() > deadline:
                    reason = child.detail or child.last_words() or "no sign of life"
                    await self.steps.tell(f"worker {child.name}", StepState.FAILED, reason)
                else:
                    continue
                waiting.remove(child)
            await asyncio.sleep(_POLL_S / 4)
        if not self._end.is_set():
            crew.start_beat()
            await self.steps.tell("beat", StepState.READY)
        await self.steps.conclude("up")

    async def _end_crew(self, crew: Crew) -> bool:
        """End the workers as wanted; return False if the end was called off meanwhile."""
        how = self._ending
        is_warm = how is Release.WAIT and all(server.state == "ready" for server in self._servers)
        self.phase = Phase.DRAINING if is_warm else Phase.STOPPING
        logger.info("ending: %s", self.phase)
        await self.steps.restart()
        await self.steps.tell("workers", StepState.STARTING, "ending what they run" if is_warm else "ending")
        patience = self._warm_timeout_s if is_warm else 0.0
        are_gone = await crew.end(
            warm_timeout_s=patience, is_over=lambda: is_warm and self._ending is not how
        )
        if self._ending is None:
            logger.info("ending called off: a console attached")
            self.phase = Phase.RUNNING
            await self.steps.restart()
            self._keep(self._until_ready(crew, crew.resume()))
            return False
        if are_gone:
            self.phase = Phase.STOPPING
            await self.steps.tell("workers", StepState.READY, "ended")
        return are_gone

    def _end_if_never_attached(self) -> None:
        if not self._has_been_attached and not self.leases.is_detached:
            logger.info("nobody attached")
            self.end(Release.WAIT)

    async def _keep_server(self, server: SupervisedServer) -> None:
        while self.phase is not Phase.STOPPING:
            if await server.revive():
                logger.warning("%s died and was started again", server.server.name)
                self._write_record()
            await asyncio.sleep(_POLL_S)

    async def _keep_crew(self, crew: Crew) -> None:
        while self.phase is not Phase.STOPPING:
            crew.check()
            await asyncio.sleep(_POLL_S)

    def _lost(self, child: Child) -> None:
        if child.profile is not None and self._crew is not None:
            living = [one.hostname for one in self._crew if one.profile and one.pid and one.hostname]
            self._give_back_soon(living)

    def _give_back_soon(self, expected: list[str]) -> None:
        task = asyncio.create_task(self._give_back(time.time(), expected))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _give_back(self, delivered_before: float, expected: list[str]) -> None:
        """Give back what no living worker holds; a process of its own keeps Celery out of this one."""
        process = self._start_giving_back(delivered_before, expected)
        try:
            await asyncio.to_thread(process.wait, _GIVE_BACK_S)
        except subprocess.TimeoutExpired:
            logger.warning("giving back did not end: left to the visibility timeout")
        finally:
            process.kill()
            process.wait()

    def _start_giving_back(self, delivered_before: float, expected: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "earthgazer_core.stack.give_back", "--app", self.plan.app]
        command += ["--delivered-before", repr(delivered_before)]
        command += [word for hostname in expected for word in ("--expect", hostname)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=self._environment)

    def _running_crew(self) -> Crew:
        if self._crew is None or self.phase not in (Phase.STARTING, Phase.RUNNING):
            raise ConflictError(f"the stack is {self.phase}: no worker can be started or stopped now")
        return self._crew

    async def _stop(self) -> None:
        self.phase = Phase.STOPPING
        for errand in self._errands:
            errand.cancel()
        await asyncio.gather(*self._keepers, *self._errands, return_exceptions=True)
        if self._events is not None:
            self._events.cancel()
        try:
            if self._crew is not None:
                await self._crew.end(warm_timeout_s=0.0, is_over=lambda: False)
        finally:
            await asyncio.gather(*(self._stop_server(server) for server in self._servers))
            remove_record(self.plan.state_dir)

    async def _stop_server(self, server: SupervisedServer) -> None:
        was_started = server.identity is not None
        if was_started:
            await self.steps.tell(server.server.name.capitalize(), StepState.STARTING, "stopping")
        await server.stop()
        if was_started:
            await self.steps.tell(server.server.name.capitalize(), StepState.READY, "stopped")

    def _write_record(self) -> None:
        supervisor = Identity.of(os.getpid())
        if supervisor is None:
            raise LookupError("this process can't be found in the process table")
        named = [(server.server.name, server.identity) for server in self._servers]
        named += [(child.name, child.identity) for child in self._crew or ()]
        record = StackRecord(
            version("earthgazer"),
            self._stack_id,
            supervisor,
            str(control_path(self.plan.state_dir)),
            {name: identity for name, identity in named if identity is not None},
        )
        try:
            record.write(self.plan.state_dir)
        except StorageError as error:
            # What is missing in an older record is still found by the stack's mark.
            logger.error("state not written: %s", error)
