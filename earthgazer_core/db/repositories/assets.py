"""Files of captures: what is known of their bytes and their backups."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import AssetRow


def keep_checksum(session: Session, asset_id: int, *, sha256: str, size_bytes: int) -> None:
    """Keep the digest of the bytes that we hold, if none is kept yet; the first one stays."""
    session.execute(
        update(AssetRow)
        .where(AssetRow.id == asset_id, AssetRow.sha256.is_(None))
        .values(sha256=sha256, size_bytes=size_bytes)
    )


def keep_backup(session: Session, asset_id: int, *, uri: str, at: datetime) -> None:
    """Keep where the verified backup of an asset is."""
    session.execute(update(AssetRow).where(AssetRow.id == asset_id).values(backup_uri=uri, backed_up_at=at))
