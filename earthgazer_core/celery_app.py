"""The Celery application: queues, routes by name pattern, schedule and the flags that keep work safe."""

from __future__ import annotations

import atexit
import logging
import weakref
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import celeryd_after_setup, celeryd_init
from kombu import Exchange, Queue

from earthgazer_core.errors import EarthGazerError, InvalidInputError
from earthgazer_core.settings import EarthGazerSettings, load_settings

logger = logging.getLogger(__name__)

QUEUES = ("io_queue", "cpu_queue", "default", "priority", "maintenance")
"""Every queue that our workers consume."""

ROUTES = {
    "earthgazer.io.*": {"queue": "io_queue"},
    "earthgazer.cpu.*": {"queue": "cpu_queue"},
    "earthgazer.default.*": {"queue": "default"},
    "earthgazer.maintenance.*": {"queue": "maintenance"},
}
"""Wire name pattern → queue: a task's name says where it runs."""

TASK_MODULES = (
    "earthgazer_core.tasks.discovery",
    "earthgazer_core.tasks.transfer",
    "earthgazer_core.tasks.products",
    "earthgazer_core.tasks.analysis",
    "earthgazer_core.tasks.planning",
    "earthgazer_core.tasks.maintenance",
)
"""Where tasks are defined; a worker imports them, a publisher needs only their names."""

_PATIENT = {
    # about three minutes, for the next step of a chain: without it the task that ended would count as failed
    "task_publish_retry_policy": {
        "max_retries": 100, "interval_start": 0.0, "interval_step": 0.2, "interval_max": 2.0,
    },
    # for what a task tells of its state; its time limit bounds that
    "result_backend_always_retry": True,
    "result_backend_max_sleep_between_retries_ms": 1000,
}  # fmt: skip
"""Settings of workers alone."""

_EXCHANGE = Exchange("earthgazer", type="direct")
_RESTORE_LOCK_S = 15


class EarthGazerApp(Celery):
    """A Celery app that knows the settings it was made with."""

    def __init__(self, settings: EarthGazerSettings | None) -> None:
        super().__init__("earthgazer", include=TASK_MODULES)
        self._settings = settings
        self.on_configure.connect(self._configure, weak=False)
        self.on_after_configure.connect(self._install_recorder, weak=False)
        celeryd_init.connect(self._outlast_outages)
        celeryd_after_setup.connect(self._heed_pauses)

    @property
    def settings(self) -> EarthGazerSettings:
        """The settings; read from the environment when first asked for, if none were given."""
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

    def _configure(self, **_signal: Any) -> None:
        self.config_from_object(configuration(self.settings))
        atexit.register(_forget_results, weakref.ref(self))

    def _install_recorder(self, **_signal: Any) -> None:
        # here, because a command that publishes nothing needs no recorder
        from earthgazer_core import recorder

        settings = self.settings
        spool_path = settings.recorder.spool_path or settings.storage.data_path / "spool"
        recorder.install(
            self, settings.recorder.model_copy(update={"spool_path": spool_path}), settings.database
        )

    def _outlast_outages(self, instance: Any, **_signal: Any) -> None:
        """Let a worker's tasks wait for a broker that is away; a command tells so at once instead."""
        if instance.app is self:
            self.conf.update(_PATIENT)

    def _heed_pauses(self, sender: str, instance: Any, **_signal: Any) -> None:
        if instance.app is not self:
            return
        # here, because only a worker that starts needs it
        from earthgazer_core.operations.queues.heed import heed_pauses

        try:
            left_out = heed_pauses(self, sender)
        except InvalidInputError:
            return  # another kind of broker keeps no pauses
        except EarthGazerError as error:
            # the worker waits for its broker itself, and maintenance enforces pauses later
            logger.warning("paused queues are not known: %s", error)
            return
        if left_out:
            logger.warning("paused, so not consumed: %s", ", ".join(left_out))


def _forget_results(app_ref: weakref.ref[EarthGazerApp]) -> None:
    # results that live until the interpreter ends would each connect once more then, to unsubscribe
    app = app_ref()
    consumer = getattr(app.backend, "result_consumer", None) if app is not None else None
    if consumer is not None:
        consumer.stop()
        consumer.subscribed_to.clear()


def make_app(settings: EarthGazerSettings | None = None) -> EarthGazerApp:
    """Return an app for these settings, by default for those of the environment, read when first needed.

    It becomes the app that our tasks and workflows use, in every thread of this process.
    """
    made = EarthGazerApp(settings)
    made.set_default()
    return made


def configuration(settings: EarthGazerSettings) -> dict[str, Any]:
    """Return Celery's configuration.

    Raises:
        InvalidInputError: no broker is configured, or the time limits contradict each other.
    """
    celery = settings.celery
    if celery.broker_url is None:
        raise InvalidInputError(
            "no broker: set EARTHGAZER__CELERY__BROKER_URL,"
            " or start the embedded stack with `earthgazer stack up`"
        )
    if celery.task_soft_time_limit_s >= celery.task_time_limit_s:
        raise InvalidInputError(
            "EARTHGAZER__CELERY__TASK_SOFT_TIME_LIMIT_S has to be below EARTHGAZER__CELERY__TASK_TIME_LIMIT_S"
        )
    if celery.visibility_timeout_s is not None and celery.visibility_timeout_s <= celery.task_time_limit_s:
        raise InvalidInputError(
            "EARTHGAZER__CELERY__VISIBILITY_TIMEOUT_S has to be above EARTHGAZER__CELERY__TASK_TIME_LIMIT_S,"
            " or tasks that still run are given to other workers"
        )
    broker_url = celery.broker_url.get_secret_value()
    is_redis = broker_url.startswith(("redis", "sentinel"))
    result_backend = celery.result_backend.get_secret_value() if celery.result_backend else None
    if result_backend is None:
        if not is_redis:
            raise InvalidInputError(
                "no result backend: set EARTHGAZER__CELERY__RESULT_BACKEND"
                " (only a Redis broker serves as both)"
            )
        result_backend = broker_url
    return {
        "broker_url": broker_url,
        "result_backend": result_backend,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": _redis_options(settings) if is_redis else {},
        "result_backend_transport_options": _redis_options(settings) if is_redis else {},
        "result_expires": celery.result_expires_s,
        "result_extended": True,
        "enable_utc": True,
        "timezone": "UTC",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "task_queues": [
            Queue(name, _EXCHANGE, routing_key=name, max_priority=None if is_redis else 10) for name in QUEUES
        ],
        "task_default_queue": "default",
        "task_default_exchange": _EXCHANGE.name,
        "task_default_routing_key": "default",
        "task_routes": dict(ROUTES),
        # in the middle of the range, because 0 is the most urgent on Redis and the least on RabbitMQ
        "task_default_priority": 5,
        "task_inherit_parent_priority": True,
        "task_send_sent_event": True,
        "worker_send_task_events": True,
        "task_track_started": True,
        # a message is given back when its process or worker dies, and taken up once more
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_retry_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": True,
        "worker_prefetch_multiplier": celery.worker_prefetch_multiplier,
        "worker_concurrency": celery.worker_concurrency,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_time_limit": celery.task_time_limit_s,
        "task_soft_time_limit": celery.task_soft_time_limit_s,
        # the embedding program decides about logging, as any library's user does
        "worker_hijack_root_logger": False,
        **_beat_options(settings),
        "beat_schedule": {
            "discover-active-locations": {
                "task": "earthgazer.io.discover_images",
                "schedule": crontab(minute="7"),
                "options": {"expires": 3000},
            },
            "sweep-work-files": {
                "task": "earthgazer.maintenance.sweep_work_files",
                "schedule": crontab(minute="23"),
                "options": {"expires": 3000},
            },
            "prune-history": {
                "task": "earthgazer.maintenance.prune_history",
                "schedule": crontab(minute="41"),
                "options": {"expires": 3000},
            },
            # what is late waits for the next time: both look at the fleet as it is then
            "reconcile-lost-messages": {
                "task": "earthgazer.maintenance.reconcile",
                "schedule": 600.0,
                "options": {"expires": 500},
            },
            "enforce-pauses": {
                "task": "earthgazer.maintenance.enforce_pauses",
                "schedule": 300.0,
                "options": {"expires": 250},
            },
        },
    }


def _beat_options(settings: EarthGazerSettings) -> dict[str, Any]:
    if not settings.database.is_configured:
        return {}  # Celery's own scheduler, which keeps a file
    return {"beat_scheduler": "earthgazer_core.schedule.scheduler:DatabaseScheduler"}


def _redis_options(settings: EarthGazerSettings) -> dict[str, Any]:
    celery = settings.celery
    return {
        # below the longest task a message would be given to a second worker while the first still runs
        "visibility_timeout": celery.visibility_timeout_s or celery.task_time_limit_s + 30,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # A worker killed while it gives messages back takes its lock along: nobody else may for as long.
        # Each message moves in a transaction of its own, so that two at once do no harm.
        "unacked_mutex_expire": _RESTORE_LOCK_S,
        "socket_keepalive": True,
    }


app = make_app()
