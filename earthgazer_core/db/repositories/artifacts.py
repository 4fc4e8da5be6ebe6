"""Files that were made: find by key, record, list."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, defer

from earthgazer_core.db.tables import ArtifactRow
from earthgazer_core.errors import NotFoundError


def by_key(session: Session, key: str) -> ArtifactRow | None:
    """Return the artifact of this key, None if it was not made yet."""
    return session.scalar(select(ArtifactRow).where(ArtifactRow.key == key))


def get(session: Session, artifact_id: int) -> ArtifactRow:
    """Return an artifact by its id.

    Raises:
        NotFoundError: there is none.
    """
    row = session.get(ArtifactRow, artifact_id)
    if row is None:
        raise NotFoundError(f"no artifact {artifact_id}; `earthgazer artifacts list` shows those that exist")
    return row


def find(
    session: Session,
    *,
    capture_ids: list[int] | None = None,
    kind: str | None = None,
    limit: int | None = None,
) -> list[ArtifactRow]:
    """Return artifacts without their previews, newest first."""
    query = (
        select(ArtifactRow)
        .options(defer(ArtifactRow.preview, raiseload=True))
        .order_by(ArtifactRow.created_at.desc(), ArtifactRow.id.desc())
    )
    if capture_ids is not None:
        query = query.where(ArtifactRow.capture_id.in_(capture_ids))
    if kind is not None:
        query = query.where(ArtifactRow.kind == kind)
    if limit is not None:
        query = query.limit(limit)
    return list(session.scalars(query))


def record(session: Session, values: dict[str, Any], *, replace: bool = False) -> ArtifactRow:
    """Return the artifact of ``values["key"]``, having kept it unless another task was quicker.

    With ``replace`` the newest making wins: that is what a forced run asks for.
    """
    statement = insert(ArtifactRow).values(values)
    if replace:
        changed = {name: statement.excluded[name] for name in values if name != "key"}
        statement = statement.on_conflict_do_update(index_elements=["key"], set_=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=["key"])
    session.execute(statement)
    return session.scalars(
        select(ArtifactRow).where(ArtifactRow.key == values["key"]).execution_options(populate_existing=True)
    ).one()
