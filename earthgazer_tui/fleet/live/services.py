"""What to attach to: named services, configured ones, or the embedded stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import Celery
from pydantic import SecretStr

from earthgazer_core.celery_app import make_app
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.brokers import Broker
from earthgazer_core.operations.queues.lever_broker import LeverBroker, lever_broker
from earthgazer_core.settings import CelerySettings, DatabaseSettings, EarthGazerSettings, load_settings
from earthgazer_core.stack.client import StackClient
from earthgazer_core.stack.lease import Lease
from earthgazer_core.stack.models import StartStep
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.fleet_app import SOCKET_OPTIONS, fleet_app, speaks_redis
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.results import leave_results_unheard

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PREFIX = "EARTHGAZER__"


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedded stack that we hold on to."""

    client: StackClient
    """Speaks to its supervisor."""
    lease: Lease
    """While it is held, the stack stays."""


@dataclass(frozen=True, slots=True)
class Services:
    """What we are attached to; nothing of it is connected yet."""

    context: str
    """What it is called: a context's name, else its kind."""
    settings: EarthGazerSettings
    """Settings that reach it."""
    app: Celery | None
    """The app that speaks to the broker; None where no broker is configured."""
    database: Database | None
    """The database; None where none is configured."""
    embedded: Embedded | None
    """The stack, where it is ours to stop."""
    broker_label: str
    """Where the broker is, without secrets."""
    database_label: str
    """Where the database is, without secrets."""
    is_redis: bool
    """Whether the broker speaks Redis."""
    kind: str
    """``embedded``, ``configured`` or ``foreign``."""
    is_imported: bool = False
    """Whether the app is the fleet's own, imported here."""

    @property
    def is_foreign(self) -> bool:
        """Whether the fleet is not known to be EarthGazer's."""
        return self.kind == "foreign"

    def need_app(self) -> Celery:
        """Return the app that speaks to the broker.

        Raises:
            RefusedError: no broker is configured.
        """
        if self.app is None:
            raise RefusedError("no broker is configured")
        return self.app

    def redis_broker(self) -> RedisBroker:
        """Return a reader of the broker's queues; not connected yet.

        Raises:
            InvalidInputError: the broker doesn't speak Redis, or none is configured.
        """
        if self.app is None:
            raise InvalidInputError("no broker is configured")
        if self.is_foreign and not self.is_imported:
            # Queues that our own app would have by default are none of a foreign fleet's.
            return RedisBroker.from_url(str(self.app.conf.broker_url), self.app.conf.broker_transport_options)
        return RedisBroker(self.app)

    @property
    def can_be_watched(self) -> bool:
        """Whether the broker is of a kind whose queues and events can be read."""
        return self.is_redis or self.is_amqp

    @property
    def is_amqp(self) -> bool:
        """Whether the broker speaks AMQP."""
        return self.app is not None and _speaks_amqp(str(self.app.conf.broker_url))

    def broker(self) -> Broker:
        """Return a reader of the broker's queues, of whatever kind; not connected yet.

        Raises:
            InvalidInputError: the broker's queues can't be read, or none is configured.
        """
        return self.queue_broker() if self.is_amqp else self.redis_broker()

    def queue_broker(self) -> LeverBroker:
        """Return the broker to look into queues and to change them; not connected yet.

        Raises:
            InvalidInputError: the broker's queues can't be looked into, or none is configured.
        """
        if self.app is None:
            raise InvalidInputError("no broker is configured")
        management_url = self.settings.celery.management_url
        return lever_broker(
            self.app,
            self.settings.recorder.redact,
            management_url=management_url.get_secret_value() if management_url is not None else None,
            # Queues that our own app would have by default are none of a foreign fleet's.
            are_queues_configured=self.is_imported or not self.is_foreign,
        )


def resolve(options: LiveOptions, on_step: Callable[[StartStep], None]) -> Services:
    """Return what the options ask for, starting the embedded stack if it is that; blocks.

    Raises:
        earthgazer_core.errors.EarthGazerError: settings are wrong, or the stack can't be started.
    """
    named = any((options.broker_url, options.database_url, options.app))
    settings = load_settings()
    is_configured = settings.celery.is_configured or settings.database.is_configured
    if named or (is_configured and options.state_dir is None):
        return _configured(options, settings)
    return _embedded(options, on_step)


def _embedded(options: LiveOptions, on_step: Callable[[StartStep], None]) -> Services:
    client = StackClient(options.state_dir)
    environment = client.ensure_running(on_step, detach=options.detach, wait_for_workers=False)
    settings = settings_of(environment.variables)
    return Services(
        context=options.context or "embedded",
        settings=settings,
        app=_own_app(settings),
        database=_database(settings),
        embedded=Embedded(client, client.attach()),
        broker_label="embedded Valkey",
        database_label="embedded Postgres",
        is_redis=True,
        kind="embedded",
    )


def _configured(options: LiveOptions, settings: EarthGazerSettings) -> Services:
    if options.context is not None:
        # What a context doesn't name, it hasn't: least of all the database of another fleet.
        settings = settings.model_copy(update={"celery": CelerySettings(), "database": DatabaseSettings()})
    if options.broker_url is not None or options.app is not None:
        # A result backend of the settings belongs to the broker of the settings.
        broker = None if options.broker_url is None else SecretStr(options.broker_url)
        settings = _with_celery(settings, broker_url=broker, result_backend=None)
    if options.database_url is not None:
        database = settings.database.model_copy(update={"url": SecretStr(options.database_url)})
        settings = settings.model_copy(update={"database": database})
    is_foreign = options.app is not None or not settings.database.is_configured
    broker_url = settings.celery.broker_url
    app: Celery | None = None
    if is_foreign and (options.app is not None or broker_url is not None):
        results = settings.celery.result_backend
        app = fleet_app(
            None if broker_url is None else broker_url.get_secret_value(),
            options.app,
            options.result_backend or (None if results is None else results.get_secret_value()),
        )
        settings = _with_celery(settings, broker_url=SecretStr(str(app.conf.broker_url)))
    elif broker_url is not None:
        app = _own_app(settings)
    kind = "foreign" if is_foreign else "configured"
    return Services(
        context=options.context or kind,
        settings=settings,
        app=app,
        database=_database(settings),
        embedded=None,
        broker_label=_broker_label(settings),
        database_label=_database_label(settings),
        is_redis=app is not None and speaks_redis(str(app.conf.broker_url)),
        kind=kind,
        is_imported=options.app is not None,
    )


def _with_celery(settings: EarthGazerSettings, **update: Any) -> EarthGazerSettings:
    return settings.model_copy(update={"celery": settings.celery.model_copy(update=update)})


def settings_of(variables: Mapping[str, str]) -> EarthGazerSettings:
    """Return the settings that these variables describe; the environment's hold for what they leave out."""
    nested: dict[str, dict[str, str]] = {}
    for name, value in variables.items():
        group, _, key = name.removeprefix(_PREFIX).lower().partition("__")
        if name.startswith(_PREFIX) and key:
            nested.setdefault(group, {})[key] = value
    values: dict[str, Any] = dict(nested)
    return EarthGazerSettings(**values)


def _own_app(settings: EarthGazerSettings) -> Celery:
    app = make_app(settings)
    leave_results_unheard(app)
    if speaks_redis(str(app.conf.broker_url)):
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **SOCKET_OPTIONS}
        # An answer that was lost says nothing of the message: sent again it might run twice.
        app.conf.task_publish_retry = False
    return app


def _speaks_amqp(broker_url: str) -> bool:
    return broker_url.startswith(("amqp", "pyamqp"))


def _database(settings: EarthGazerSettings) -> Database | None:
    if not settings.database.is_configured:
        return None

    def engine() -> Engine:
        # not before the database is asked: by then the broker has answered
        from earthgazer_core.db.patience import limit_silence

        made = make_engine(settings.database, pool_size=4)
        limit_silence(made)
        return made

    return Database(engine)


def _broker_label(settings: EarthGazerSettings) -> str:
    if settings.celery.broker_url is None:
        return "none is configured"
    return sanitise.url(settings.celery.broker_url.get_secret_value()).replace("***@", "")


def _database_label(settings: EarthGazerSettings) -> str:
    if not settings.database.is_configured:
        return "none is configured"
    from sqlalchemy.engine import make_url

    url = settings.database.sqlalchemy_url()
    host = url.host or make_url(url).query.get("host") or "local"
    return sanitise.line(f"{host}{f':{url.port}' if url.port else ''}/{url.database or ''}")
