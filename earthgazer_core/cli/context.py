"""What a command works with: settings, database and app, each made when first needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from earthgazer_core.celery_app import EarthGazerApp
    from earthgazer_core.db.session import Database
    from earthgazer_core.settings import EarthGazerSettings

_BROKER_PATIENCE_S = 5


class CliContext:
    """The services that this command line speaks to.

    They are those of the environment. Where that names neither broker nor database, the embedded stack
    serves that runs in the state directory, if one does.
    """

    def __init__(self, state_dir: Path | None) -> None:
        self.state_dir = state_dir

    @cached_property
    def settings(self) -> EarthGazerSettings:
        """The settings."""
        # here, because help and completion should not wait for it
        from earthgazer_core.settings import load_settings

        found = load_settings()
        if found.celery.is_configured or found.database.is_configured:
            return found
        variables = self._stack_variables()
        if not variables:
            return found
        os.environ.update(variables)
        return load_settings()

    @cached_property
    def database(self) -> Database:
        """The database."""
        from earthgazer_core.db.session import Database, make_engine

        return Database(make_engine(self.settings.database))

    @cached_property
    def app(self) -> EarthGazerApp:
        """The Celery app, which tasks and workflows of this process use from now on."""
        from earthgazer_core.celery_app import make_app

        return make_app(self.settings)

    @property
    def management_url(self) -> str | None:
        """RabbitMQ's management API, user and password included: never print it."""
        url = self.settings.celery.management_url
        return None if url is None else url.get_secret_value()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a database session in a transaction."""
        with self.database.session() as session:
            yield session

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Let tasks and workflows that are started inside go to this context's broker.

        Raises:
            ServiceUnavailableError: the broker can't be reached, which is tried before anything is published.
        """
        from kombu.exceptions import OperationalError

        from earthgazer_core.errors import ServiceUnavailableError

        try:
            with self.app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=_BROKER_PATIENCE_S)
        except (OperationalError, OSError) as error:
            raise ServiceUnavailableError(f"the broker can't be reached: {error}") from error
        yield

    def close(self) -> None:
        """Close what was opened."""
        if "app" in self.__dict__:
            from earthgazer_core.recorder.install import recorders

            for recorder in recorders(self.app):
                recorder.close()
            self.app.close()
        if "database" in self.__dict__:
            self.database.dispose()

    def _stack_variables(self) -> dict[str, str]:
        from earthgazer_core.stack.client import StackClient, default_state_dir

        directory = self.state_dir or default_state_dir()
        if not directory.is_dir():
            return {}
        client = StackClient(directory)
        return dict(client.env()) if client.is_running() else {}
