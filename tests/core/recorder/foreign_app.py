"""A small Celery app that knows nothing of EarthGazer, with the flight recorder installed by one call."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery, Task, group
from celery.exceptions import Reject
from celery.utils.log import get_task_logger
from pydantic import SecretStr

from earthgazer_core import recorder
from earthgazer_core.settings import DatabaseSettings, RecorderSettings


@dataclass(frozen=True, slots=True)
class ForeignConfig:
    """Where the app's services are; passed to its workers through the environment."""

    broker_url: str
    database_url: str
    directory: Path
    encryption_key: str | None = None
    records: bool = True
    global_keyprefix: str = ""
    result_url: str = ""

    def environment(self) -> dict[str, str]:
        return {
            "FOREIGN_BROKER": self.broker_url,
            "FOREIGN_DATABASE": self.database_url,
            "FOREIGN_DIRECTORY": str(self.directory),
            "FOREIGN_KEY": self.encryption_key or "",
            "FOREIGN_RECORDS": "1" if self.records else "",
            "FOREIGN_PREFIX": self.global_keyprefix,
            "FOREIGN_RESULTS": self.result_url,
        }

    @classmethod
    def from_environment(cls) -> ForeignConfig:
        return cls(
            os.environ["FOREIGN_BROKER"],
            os.environ["FOREIGN_DATABASE"],
            Path(os.environ["FOREIGN_DIRECTORY"]),
            os.environ["FOREIGN_KEY"] or None,
            bool(os.environ["FOREIGN_RECORDS"]),
            os.environ["FOREIGN_PREFIX"],
            os.environ["FOREIGN_RESULTS"],
        )


def make_app(config: ForeignConfig) -> Celery:
    results = config.result_url or config.broker_url
    app = Celery("foreign", broker=config.broker_url, backend=results, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        task_default_queue="steps",
        task_track_started=True,
        result_extended=True,
        broker_connection_retry_on_startup=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options={"global_keyprefix": config.global_keyprefix},
    )
    _add_tasks(app, config.directory)
    if config.records:
        settings = RecorderSettings(
            spool_path=config.directory / "spool",
            flush_interval_s=0.05,
            encryption_key=SecretStr(config.encryption_key) if config.encryption_key else None,
        )
        recorder.install(
            app, settings, DatabaseSettings(url=SecretStr(config.database_url), connect_timeout_s=2)
        )
    return app


def journal(directory: Path, line: str) -> None:
    descriptor = os.open(directory / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def _add_tasks(app: Celery, directory: Path) -> None:
    def done(task: Task[..., Any], *words: object) -> None:
        journal(directory, " ".join(map(str, [task.name.removeprefix("steps."), *words])))

    @app.task(name="steps.add", shared=False, bind=True)
    def add(self: Task[..., Any], x: int, y: int = 0) -> int:
        done(self, x, y)
        return x + y

    @app.task(name="steps.total", shared=False, bind=True)
    def total(self: Task[..., Any], numbers: list[Any]) -> int:
        summed = sum(sum(number) if isinstance(number, list) else number for number in numbers)
        done(self, summed)
        return summed

    @app.task(name="steps.needs", shared=False, bind=True)
    def needs(self: Task[..., Any], value: int, flag: str) -> int:
        done(self, value)
        if not (directory / flag).exists():
            raise LookupError(f"no {flag} yet")
        return value

    @app.task(name="steps.reject", shared=False, acks_late=True)
    def reject() -> None:
        raise Reject("never", requeue=False)

    @app.task(name="steps.flaky", shared=False, bind=True, max_retries=3)
    def flaky(self: Task[..., Any], times: int) -> int:
        done(self, self.request.retries)
        if self.request.retries < times:
            raise self.retry(exc=ConnectionError("try later"), countdown=0.05)
        return times

    @app.task(name="steps.login", shared=False, bind=True)
    def login(self: Task[..., Any], user: str, password: str, options: dict[str, Any] | None = None) -> str:
        done(self, user)
        get_task_logger("steps").info("login of %s with %s and %s", user, password, options)
        if not (directory / "login").exists():
            raise PermissionError(f"{user} may not log in with {password}")
        return f"welcome {user} with {password}"

    @app.task(name="steps.wait", shared=False, bind=True)
    def wait(self: Task[..., Any], flag: str, seconds: float = 30.0) -> str:
        done(self, flag)
        recorder.note_progress(str(self.request.id), 40, "waiting")
        deadline = time.monotonic() + seconds
        while not (directory / flag).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return flag

    @app.task(name="steps.talk", shared=False, bind=True, max_retries=1)
    def talk(self: Task[..., Any], word: str, flag: str, lines: int = 3, ends: str = "badly") -> str:
        logger = get_task_logger("steps")
        journal(directory, f"talk {word}")
        deadline = time.monotonic() + 20
        for number in range(lines):
            logger.info("%s %d of try %d", word, number, self.request.retries)
            while number == 0 and not (directory / flag).exists() and time.monotonic() < deadline:
                time.sleep(0.02)
        logger.debug("%s whispered", word)
        logging.getLogger("library").warning("%s of a library, password='horse-battery'", word)
        try:
            raise KeyError(word)
        except KeyError:
            logger.exception("could not %s", word)
        if ends == "well":
            return word
        if ends == "later" and not self.request.retries:
            raise self.retry(exc=ConnectionError(word), countdown=0.05)
        raise LookupError(word)

    @app.task(name="steps.die", shared=False, bind=True)
    def die(self: Task[..., Any], flag: str) -> str:
        done(self, flag)
        if not (directory / flag).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return flag

    @app.task(name="steps.fan_out", shared=False, bind=True)
    def fan_out(self: Task[..., Any], count: int) -> Any:
        done(self, count)
        return self.replace(group(add.s(number, 1) for number in range(count)))

    @app.task(name="steps.spawn", shared=False, bind=True)
    def spawn(self: Task[..., Any], count: int) -> int:
        done(self, count)
        for number in range(count):
            add.delay(number)
        return count

    @app.task(name="steps.look", shared=False, bind=True)
    def look(self: Task[..., Any], capture_id: int) -> int:
        done(self, capture_id)
        return capture_id
