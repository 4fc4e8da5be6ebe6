"""The tasks that bring bytes of a capture: its backup and its local copies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from celery import shared_task

from earthgazer_core.db.repositories import assets, captures
from earthgazer_core.domain.mission import mission
from earthgazer_core.tasks.base import EarthGazerTask


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.io.backup_capture")
def backup_capture_task(
    self: EarthGazerTask, capture_id: int, bands: Sequence[str] | None = None
) -> dict[str, Any]:
    """Keep verified copies of a capture's files in the backup and return how many, and their bytes.

    Idempotent: what is kept already is left as it is. The capture counts as backed up when every one of
    its files is.

    Args:
        capture_id: The capture.
        bands: Bands wanted, its mask comes with them; None means all files.
    """
    from earthgazer_core.storage import backup, safe_key
    from earthgazer_core.tasks.inputs import band_names
    from earthgazer_core.tasks.keys import folder_name
    from earthgazer_core.tasks.local_copies import hosts_for, may_be_local, suffix_of

    resources = self.resources
    progress = self.progress(capture_id)
    with resources.database.session() as session:
        capture = captures.get(session, capture_id)
    wanted = {asset.band for asset in capture.assets}
    if bands is not None:
        wanted = {*band_names(capture, bands), mission(capture.mission).mask_band}
    kept_bytes = 0
    kept = 0
    for asset in capture.assets:
        if asset.band not in wanted:
            continue
        if asset.backup_uri is None or not resources.backups.exists(asset.backup_uri):
            stored = backup(
                asset.href,
                resources.backups,
                safe_key(
                    capture.mission, folder_name(capture.product_id), f"{asset.band}{suffix_of(asset.href)}"
                ),
                settings=resources.settings.storage,
                expected_sha256=asset.sha256 or asset.promised_sha256,
                expected_size=asset.size_bytes or asset.promised_size_bytes,
                allow_local=may_be_local(resources, capture),
                hosts=hosts_for(resources, capture, asset),
                progress=progress,
                stage=f"backing up {asset.band}",
            )
            with resources.database.session() as session:
                assets.keep_checksum(session, asset.id, sha256=stored.sha256, size_bytes=stored.size_bytes)
                assets.keep_backup(session, asset.id, uri=stored.uri, at=datetime.now(UTC))
            asset.backup_uri, asset.size_bytes = stored.uri, stored.size_bytes
        kept += 1
        kept_bytes += asset.size_bytes or 0
    if all(asset.backup_uri is not None for asset in capture.assets):
        with resources.database.session() as session:
            captures.mark_backed_up(session, capture_id, datetime.now(UTC))
    return {"capture_id": capture_id, "files": kept, "bytes": kept_bytes}


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.io.download_bands")
def download_bands_task(self: EarthGazerTask, capture_id: int, bands: Sequence[str] | None = None) -> str:
    """Bring a capture's bands and its mask here, verified, and return the folder that shows them.

    Files of this machine stay where they are, and the folder holds links to them.

    Args:
        capture_id: The capture.
        bands: Bands wanted; None means those of NDVI and RGB that the capture has.
    """
    from earthgazer_core.tasks.inputs import band_names
    from earthgazer_core.tasks.local_copies import ensure_local, link_into, scene_folder

    resources = self.resources
    progress = self.progress(capture_id)
    with resources.database.session() as session:
        capture = captures.get(session, capture_id)
    wanted = {*band_names(capture, bands), mission(capture.mission).mask_band}
    folder = scene_folder(resources, capture)
    for asset in capture.assets:
        if asset.band in wanted:
            link_into(folder, asset, ensure_local(resources, capture, asset, progress))
    with resources.database.session() as session:
        captures.mark_downloaded(session, capture_id, datetime.now(UTC))
    return str(folder)
