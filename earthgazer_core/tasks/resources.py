"""What a process needs to do the work of tasks: made once, after the fork."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.settings import EarthGazerSettings

if TYPE_CHECKING:
    from earthgazer_core.storage import ObjectStorage


@dataclass
class Resources:
    """Connections and directories, each opened when first needed."""

    settings: EarthGazerSettings
    """Where everything is."""
    pid: int = field(default_factory=os.getpid)
    """Process that made them: connections don't survive a fork."""

    @cached_property
    def database(self) -> Database:
        """The database."""
        return Database(make_engine(self.settings.database))

    @cached_property
    def artifacts(self) -> ObjectStorage:
        """Where artifacts are kept."""
        return self._storage(self.settings.storage.artifacts_root())

    @cached_property
    def backups(self) -> ObjectStorage:
        """Where copies of what was discovered are kept."""
        return self._storage(self.settings.storage.backup_root())

    @property
    def scenes_path(self) -> Path:
        """Directory of local copies, one folder per capture."""
        return self.settings.storage.data_path / "scenes"

    @property
    def work_path(self) -> Path:
        """Directory of files that are being made."""
        return self.settings.storage.data_path / "work"

    def _storage(self, root: str) -> ObjectStorage:
        # here, because it brings native libraries that a worker's parent should not have before it forks
        from earthgazer_core.storage import ObjectStorage

        return ObjectStorage(root, self.settings.storage)


_made: dict[int, Resources] = {}


def resources_for(settings: EarthGazerSettings) -> Resources:
    """Return this process's resources for these settings."""
    found = _made.get(id(settings))
    if found is None or found.pid != os.getpid() or found.settings is not settings:
        found = _made[id(settings)] = Resources(settings)
    return found
