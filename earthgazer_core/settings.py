"""Settings from the environment (prefix ``EARTHGAZER__``, nested by ``__``) and ``.env``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.tls import verified

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DatabaseSettings(_Group):
    """Postgres: either ``URL`` or its parts."""

    url: SecretStr | None = None
    """Whole SQLAlchemy URL; wins over the parts below."""
    drivername: str = "postgresql+psycopg2"
    """SQLAlchemy dialect and driver."""
    username: str | None = None
    """Role to log in with."""
    password: SecretStr | None = None
    """Its password."""
    host: str | None = None
    """Host name, or the directory of a unix socket."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port; 5432 where nothing is said."""
    database: str = "earthgazer"
    """Database name."""
    echo_sql: bool = False
    """Log every statement."""
    connect_timeout_s: int = Field(default=5, ge=1)
    """Seconds to wait for a connection."""

    @property
    def is_configured(self) -> bool:
        """Whether a database was named at all."""
        return self.url is not None or self.host is not None

    def sqlalchemy_url(self) -> URL:
        """Return the URL, password included: never print it."""
        # here, because a console without a database should not wait for it
        from sqlalchemy.engine import URL, make_url

        if self.url is not None:
            url = make_url(self.url.get_secret_value())
            return (
                url.set(drivername="postgresql+psycopg2")
                if url.drivername in ("postgresql", "postgres")
                else url
            )
        password = self.password.get_secret_value() if self.password else None
        if self.host is not None and self.host.startswith("/"):
            query = {"host": self.host, **({"port": str(self.port)} if self.port else {})}
            return URL.create(self.drivername, self.username, password, database=self.database, query=query)
        return URL.create(self.drivername, self.username, password, self.host, self.port, self.database)


class CelerySettings(_Group):
    """Broker, results and the limits of a task."""

    broker_url: SecretStr | None = None
    """``redis://``, ``rediss://``, ``redis+socket://`` or ``amqp://``."""
    management_url: SecretStr | None = None
    """RabbitMQ's management API, ``http://user:password@host:15672``: tells what workers hold."""
    result_backend: SecretStr | None = None
    """Where results go; the broker if nothing is said and it is Redis."""
    result_expires_s: int = Field(default=86_400, ge=60)
    """Seconds that results are kept in the backend."""
    worker_concurrency: int | None = Field(default=None, ge=1)
    """Processes per worker; the profile's own number if nothing is said."""
    worker_prefetch_multiplier: int = Field(default=1, ge=1)
    """Messages fetched ahead per process."""
    task_time_limit_s: int = Field(default=600, ge=1)
    """A task's process is killed after this many seconds."""
    task_soft_time_limit_s: int = Field(default=570, ge=1)
    """A task is asked to end after this many seconds."""
    visibility_timeout_s: int | None = Field(default=None, ge=1)
    """An unacknowledged message goes to another worker after this; above the hard limit, + 30 s if unset."""
    max_retries: int = Field(default=5, ge=0)
    """Automatic retries of a transient fault."""
    retry_backoff_s: float = Field(default=2.0, gt=0)
    """First delay; doubled each time, with jitter, up to ten minutes."""

    @field_validator("broker_url", "result_backend")
    @classmethod
    def _verify_servers(cls, url: SecretStr | None) -> SecretStr | None:
        return None if url is None else SecretStr(verified(url.get_secret_value()))

    @property
    def is_configured(self) -> bool:
        """Whether a broker was named at all."""
        return self.broker_url is not None


class StorageSettings(_Group):
    """Where backups, artifacts and local copies are."""

    backup_url: str | None = None
    """``file://`` or ``s3://bucket/prefix`` for copies of captures; under ``data_path`` if unset."""
    artifacts_url: str | None = None
    """``file://`` or ``s3://bucket/prefix`` for what we make; under ``data_path`` if unset."""
    data_path: Path = Field(default_factory=lambda: platformdirs.user_data_path("earthgazer"))
    """Directory for local copies of bands and for work in progress."""
    s3_endpoint: str | None = None
    """Endpoint of an S3 service other than Amazon's."""
    s3_region: str | None = None
    """Region of the bucket."""
    s3_access_key_id: SecretStr | None = None
    """Access key; the usual AWS sources if unset."""
    s3_secret_access_key: SecretStr | None = None
    """Secret key; the usual AWS sources if unset."""
    s3_requester_pays: bool = False
    """Whether we agree to be charged for bytes of buckets whose requesters pay (Landsat on Amazon)."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds to wait for the next bytes of a transfer."""
    max_file_bytes: int = Field(default=4 * 1024**3, ge=1)
    """No larger file of a catalogue is brought here; a full-size Sentinel-2 band has about 250 MB."""

    def backup_root(self) -> str:
        """Return the URL under which backups are kept."""
        return self.backup_url or (self.data_path / "backup").absolute().as_uri()

    def artifacts_root(self) -> str:
        """Return the URL under which artifacts are kept."""
        return self.artifacts_url or (self.data_path / "artifacts").absolute().as_uri()


class CatalogSettings(_Group):
    """Where captures are found."""

    kind: Literal["sandbox", "stac-api", "stac-static"] = "sandbox"
    """``sandbox`` needs no network; ``stac-api`` searches an endpoint; ``stac-static`` walks a catalogue."""
    url: str | None = None
    """Endpoint or root; Earth Search v1 for ``stac-api`` if unset."""
    collections: tuple[str, ...] = ("sentinel-2-c1-l2a", "landsat-c2-l2")
    """STAC collections that are searched."""
    max_cloud_cover_percent: float = Field(default=100.0, ge=0, le=100)
    """Captures with more clouds are not taken up."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Seconds to wait for an answer."""
    max_items: int = Field(default=1000, ge=1)
    """Items taken from one search."""
    hosts: tuple[str, ...] = ("*",)
    """Where it may lead: ``host``, ``host:port``, ``*.domain``; ``*`` is any public host. Its own always.

    A bucket that is named here is asked with our keys; others without, but for those of known providers."""
    schemes: tuple[Literal["https", "http", "s3", "gs"], ...] = ("https", "http", "s3", "gs")
    """How what it leads to may be fetched."""


class RecorderSettings(_Group):
    """The flight recorder."""

    enabled: bool = True
    """Whether executions are recorded."""
    spool_path: Path | None = None
    """Directory of the spool while the database is away; ``spool`` under ``data_path`` if unset."""
    spool_max_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """Bytes of the spool of one process; what doesn't fit is counted as dropped."""
    flush_interval_s: float = Field(default=0.25, gt=0)
    """Longest time that a record waits in memory."""
    redact: tuple[str, ...] = (
        "password",
        "passwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "authorization",
        "credential",
    )
    """Argument names whose values are hidden, compared in lower case, anywhere in the name."""
    encryption_key: SecretStr | None = None
    """Fernet key that seals messages with hidden arguments; without one those can't be replayed."""


class RetentionSettings(_Group):
    """How long history is kept; unfinished runs and failures that nobody dismissed stay for ever."""

    successes_days: int = Field(default=30, ge=1)
    """Runs that came to a good end, with their executions."""
    failures_days: int = Field(default=365, ge=1)
    """Runs in which a task failed or was revoked; at least as long as the others."""
    details_days: int = Field(default=14, ge=1)
    """Messages, timelines and chord parts of runs that came to a good end."""
    audit_days: int = Field(default=730, ge=1)
    """What operators did."""
    batch_rows: int = Field(default=1000, ge=1, le=20_000)
    """Rows of one transaction, more or less: a run goes as a whole."""
    statement_timeout_s: int = Field(default=10, ge=1)
    """A statement that takes longer is given up until the next time."""

    @model_validator(mode="after")
    def _failures_are_kept_longest(self) -> Self:
        if self.failures_days < self.successes_days:
            raise ValueError("failures_days has to be at least successes_days: failures are kept longest")
        return self


class EarthGazerSettings(BaseSettings):
    """All settings of EarthGazer."""

    model_config = SettingsConfigDict(
        env_prefix="EARTHGAZER__", env_nested_delimiter="__", env_file=".env", extra="ignore",
        hide_input_in_errors=True, frozen=True,
    )  # fmt: skip

    database: Annotated[DatabaseSettings, Field(default_factory=DatabaseSettings)]
    celery: Annotated[CelerySettings, Field(default_factory=CelerySettings)]
    storage: Annotated[StorageSettings, Field(default_factory=StorageSettings)]
    catalog: Annotated[CatalogSettings, Field(default_factory=CatalogSettings)]
    recorder: Annotated[RecorderSettings, Field(default_factory=RecorderSettings)]
    retention: Annotated[RetentionSettings, Field(default_factory=RetentionSettings)]


def load_settings(env_file: Path | None = Path(".env")) -> EarthGazerSettings:
    """Return the settings of this process.

    Raises:
        InvalidInputError: a variable is wrong; the message names it and what is expected, never its value.
    """
    try:
        return EarthGazerSettings(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        lines = [
            f"EARTHGAZER__{'__'.join(str(part).upper() for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidInputError("wrong settings: " + "; ".join(lines)) from None
    except ValueError as error:
        raise InvalidInputError(f"settings can't be read: {error}") from None
