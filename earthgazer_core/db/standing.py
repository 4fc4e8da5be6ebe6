"""How a database's schema stands to this version of the code; asked often, so without alembic."""

from __future__ import annotations

from enum import Enum
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from earthgazer_core.db.tables import SCHEMA
from earthgazer_core.errors import ConflictError, ServiceUnavailableError

_VERSION_TABLE = "alembic_version"


class Standing(Enum):
    """How it stands; the value says what to do."""

    NONE = "has no tables of EarthGazer's: run `earthgazer db upgrade`"
    OLDER = "is older than this EarthGazer: run `earthgazer db upgrade`"
    CURRENT = "is up to date"
    NEWER = "is newer than this EarthGazer: install the version that the database was upgraded by"


@cache
def known_revisions() -> tuple[str, ...]:
    """Return the revisions that this version of the code knows, the newest last, by their files' names."""
    directory = Path(__file__).with_name("migrations") / "versions"
    return tuple(sorted(path.stem.partition("_")[0] for path in directory.glob("[0-9]*.py")))


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database, None if it was never migrated."""
    if not inspect(connection).has_table(_VERSION_TABLE, SCHEMA):
        return None
    # The names are ours.
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {SCHEMA}.{_VERSION_TABLE}"))  # noqa: S608
    return found


def standing(revision: str | None) -> Standing:
    """Return how a database of that revision stands to this version of the code."""
    if revision is None:
        return Standing.NONE
    known = known_revisions()
    if revision == known[-1]:
        return Standing.CURRENT
    return Standing.OLDER if revision in known else Standing.NEWER


def note(revision: str | None) -> str:
    """Return in one line how it stands and what to do; nothing where it is as it should be."""
    found = standing(revision)
    if found is Standing.CURRENT:
        return ""
    return f"the database{f' (schema {revision})' if revision else ''} {found.value}"


def check(connection: Connection) -> None:
    """Do nothing where the schema is that of this version of the code.

    Raises:
        ServiceUnavailableError: it is older, which an upgrade mends: what failed may be tried again.
        ConflictError: it is newer.
    """
    revision = revision_of(connection)
    found = standing(revision)
    if found is Standing.NEWER:
        raise ConflictError(note(revision))
    if found is not Standing.CURRENT:
        raise ServiceUnavailableError(note(revision))
