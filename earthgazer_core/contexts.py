"""Named fleets of a config file: which broker, database and app each has, and what may be done to it."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import platformdirs

from earthgazer_core.errors import InvalidInputError

VARIABLE = "EARTHGAZER_CONFIG"
"""Variable that names another directory of the operator's files, or the file itself (``….toml``)."""
COLOURS = ("red", "green", "yellow", "blue", "magenta", "cyan", "white")
"""Colours that sixteen of them are enough for."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_APP = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?")
_URL = re.compile(r"[a-z][a-z0-9+]*://\S*")
_PASSWORD = re.compile(r"://[^/?#\s]*:[^@/\s]+@|[?&;](?:password|passwd|token|secret)=[^&\s]", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(r"(^|[&;])((?:password|passwd|token|secret)=)[^&;]*", re.IGNORECASE)
_URLS = {
    "broker": "password_env",
    "database": "database_password_env",
    "result_backend": "result_backend_password_env",
}
"""Key of a URL → key of the variable that has its password."""
_TEXTS = ("app", "description", "colour", "state_dir")
_KEYS = {*_URLS, *_URLS.values(), *_TEXTS, "read_only"}


@dataclass(frozen=True, slots=True)
class FleetContext:
    """One fleet, as the file names it."""

    name: str
    """What it is called."""
    broker: str | None = field(default=None, repr=False)
    """Broker URL, password included."""
    database: str | None = field(default=None, repr=False)
    """Postgres URL, password included."""
    result_backend: str | None = field(default=None, repr=False)
    """Result backend URL, password included."""
    app: str | None = None
    """``module:app`` of the fleet's own Celery app."""
    state_dir: Path | None = None
    """State directory of an embedded stack."""
    is_read_only: bool = False
    """Whether nothing may be changed there."""
    colour: str = ""
    """One of :data:`COLOURS` or ``#rrggbb``; empty for none."""
    description: str = ""
    """One line."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Name of a URL → variable of the environment that has its password."""

    def with_passwords(self) -> FleetContext:
        """Return it with the passwords of the variables filled in.

        Raises:
            InvalidInputError: a variable isn't set; the message names it.
        """

        def filled(key: str, url: str | None) -> str | None:
            variable = self.variables.get(key)
            return _filled(f"context {self.name}", url, variable) if url and variable else url

        return replace(
            self,
            broker=filled("broker", self.broker),
            database=filled("database", self.database),
            result_backend=filled("result_backend", self.result_backend),
            variables={},
        )


def contexts_path() -> Path:
    """Return the path of the file."""
    named = os.environ.get(VARIABLE)
    directory = Path(named).expanduser() if named else platformdirs.user_config_path("earthgazer")
    return directory if directory.suffix == ".toml" else directory / "contexts.toml"


def load_contexts(path: Path | None = None) -> tuple[FleetContext, ...]:
    """Return the contexts in the order of the file; none where there is no file.

    Args:
        path: The file; the user's if None.

    Raises:
        InvalidInputError: it can't be read, says something unknown, or holds a password that others can read;
            the message names place and remedy, and repeats no value.
    """
    path = path or contexts_path()
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            known = tomllib.load(file)
    except FileNotFoundError:
        if str(path) == os.environ.get(VARIABLE):
            raise InvalidInputError(f"{VARIABLE} names {path}, which isn't there") from None
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} can't be read: {getattr(error, 'strerror', '') or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    tables = known.pop("contexts", {})
    if known or not isinstance(tables, dict):
        odd = next(iter(known), "contexts")
        raise InvalidInputError(f"{path}: {odd!r} is unknown: expected tables [contexts.NAME]")
    found = tuple(_context(path, name, table) for name, table in tables.items())
    if mode & 0o077 and any(_has_password(table.get(key)) for table in tables.values() for key in _URLS):
        raise InvalidInputError(
            f"{path} holds a password and others can read it (mode {mode:04o}):"
            " chmod 600 it, or name a variable with password_env"
        )
    return found


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    parts = urlsplit(url)
    query = _SECRET_PARAMETER.sub(r"\1\2***", parts.query)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}{':***' if colon else ''}{at}{host}", query=query))


def _context(path: Path, name: str, table: Any) -> FleetContext:
    where = f"{path}: contexts.{name}"
    if not _NAME.fullmatch(name):
        raise InvalidInputError(f"{path}: a context's name has letters, digits, '.', '_' and '-', at most 40")
    if not isinstance(table, dict):
        raise InvalidInputError(f"{where}: expected a table")
    for key, value in table.items():
        if key not in _KEYS:
            raise InvalidInputError(f"{where}: {key!r} is unknown: expected {', '.join(sorted(_KEYS))}")
        if not isinstance(value, bool if key == "read_only" else str):
            raise InvalidInputError(
                f"{where}.{key}: expected {'true or false' if key == 'read_only' else 'text'}"
            )
    for key, variable_key in _URLS.items():
        _check_url(where, table, key, variable_key)
    if not any(table.get(key) for key in ("broker", "database", "app", "state_dir")):
        raise InvalidInputError(f"{where}: expected a broker, an app, a database or a state_dir")
    if table.get("state_dir") and any(table.get(key) for key in ("broker", "database", "app")):
        raise InvalidInputError(f"{where}: a state_dir has a broker and a database of its own")
    colour, app = table.get("colour", ""), table.get("app")
    if colour and colour not in COLOURS and not _HEX.fullmatch(colour):
        raise InvalidInputError(f"{where}.colour: expected {', '.join(COLOURS)} or #rrggbb")
    if app is not None and not _APP.fullmatch(app):
        raise InvalidInputError(f"{where}.app: expected MODULE or MODULE:APP")
    return FleetContext(
        name=name,
        broker=table.get("broker"),
        database=table.get("database"),
        result_backend=table.get("result_backend"),
        app=app,
        state_dir=Path(table["state_dir"]).expanduser() if table.get("state_dir") else None,
        is_read_only=table.get("read_only", False),
        colour=colour,
        description=table.get("description", ""),
        variables={key: table[name] for key, name in _URLS.items() if table.get(name)},
    )


def _check_url(where: str, table: Mapping[str, Any], key: str, variable_key: str) -> None:
    url = table.get(key)
    if url is not None and not _URL.fullmatch(url):
        raise InvalidInputError(f"{where}.{key}: expected a URL such as redis://host:6379/0")
    if table.get(variable_key) and url is None:
        raise InvalidInputError(f"{where}.{variable_key}: there is no {key} that it could be for")
    if table.get(variable_key) and _has_password(url):
        raise InvalidInputError(f"{where}: {key} has a password and {variable_key} names another")


def _has_password(url: str | None) -> bool:
    return url is not None and _PASSWORD.search(url) is not None


def _filled(where: str, url: str, variable: str) -> str:
    password = os.environ.get(variable)
    if not password:
        raise InvalidInputError(f"{where} needs a password, and the variable {variable} is not set")
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
