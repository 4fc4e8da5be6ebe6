"""A directory as an object store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from earthgazer_core.domain.progress import ProgressSink
from earthgazer_core.errors import InvalidInputError, StorageError
from earthgazer_core.storage.fetch import fetch
from earthgazer_core.storage.file_source import FileSource
from earthgazer_core.storage.keys import checked_key
from earthgazer_core.storage.model import Downloaded, ObjectHead
from earthgazer_core.storage.problems import write_problem
from earthgazer_core.storage.source import Source


def path_of(uri: str) -> Path:
    """Return the path that a ``file://`` URI names.

    Raises:
        InvalidInputError: it names another machine, or no absolute path.
    """
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise InvalidInputError(f"{uri!r} is no file:// address of this machine (file:///absolute/path)")
    if "\0" in str(path):
        raise InvalidInputError(f"{uri!r} is no usable path")
    return path


class Folder:
    """Objects as files below one directory; links never lead out of it.

    Written with the standard library because obstore's local store neither syncs what it wrote to the
    disk nor looks where links lead.
    """

    def __init__(self, root_url: str) -> None:
        self._root = path_of(root_url)

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return (self._root / checked_key(key)).as_uri()

    def path(self, key: str) -> Path:
        """Return the file of an object.

        Raises:
            StorageError: a link leads out of the root.
        """
        path = self._root / checked_key(key)
        root = self._root.resolve()
        if path.is_symlink() or not path.parent.resolve().is_relative_to(root):
            raise StorageError(f"{path} leads out of {root} by a symbolic link")
        return path

    def head(self, key: str) -> ObjectHead | None:
        """Return what is known of an object; None if there is none."""
        try:
            status = self.path(key).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return ObjectHead(status.st_size, None)

    def source(self, key: str) -> Source:
        """Return an object as a source of bytes."""
        return FileSource(self.path(key))

    def put(self, local: Path, key: str, sha256: str, progress: ProgressSink, stage: str) -> None:
        """Copy a local file in; see :meth:`take`."""
        self.take(FileSource(local), key, sha256=sha256, size_bytes=None, progress=progress, stage=stage)

    def take(
        self, source: Source, key: str, *, sha256: str | None, size_bytes: int | None,
        progress: ProgressSink, stage: str, most_bytes: int | None = None,
    ) -> Downloaded:  # fmt: skip
        """Copy a source in; see :func:`earthgazer_core.storage.fetch.fetch`."""
        return fetch(
            source, self.path(key), sha256=sha256, size_bytes=size_bytes, most_bytes=most_bytes,
            progress=progress, stage=stage,
        )  # fmt: skip

    def delete(self, key: str) -> None:
        """Remove an object; it may be gone already."""
        path = self.path(key)
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise write_problem(path.parent, error) from error
