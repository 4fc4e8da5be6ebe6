"""Reads a recording, also one whose writer was killed or goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.recording.frames import VERSION, Beginning, Frame, from_line
from earthgazer_core.recording.segments import segments_of

_CHUNK = 1 << 18
_LONGEST_LINE = 64 << 20
_WINDOW = 1 << 27


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a recording."""

    path: Path
    """The file."""
    begins_at: float
    """Seconds since the epoch."""
    broker: str
    """Where the fleet was."""


@dataclass(slots=True)
class Damage:
    """What of a recording could not be read."""

    lines: int = 0
    """Lines that are no frames, or cut off."""
    files: list[str] = field(default_factory=list)
    """Names of files that end early or can't be read."""


class RecordingReader:
    """The segments of one recording, found when it is made."""

    def __init__(self, recording: Path) -> None:
        """Find the segments.

        Raises:
            NotFoundError: there is nothing.
            InvalidInputError: it is no recording, or one of a newer format.
        """
        self.damage = Damage()
        self.segments = tuple(self._segment(path) for _, path in segments_of(recording))

    @property
    def begins_at(self) -> float:
        """Seconds since the epoch of its first frame."""
        return self.segments[0].begins_at

    def end(self) -> float:
        """Return the time of its last frame; reads the last segment."""
        last = self.segments[-1]
        return max((frame.at for frame in self._frames(last.path)), default=last.begins_at)

    def frames(self, since: float | None = None) -> Iterator[Frame]:
        """Yield frames in the order in which they were written.

        Args:
            since: Seconds since the epoch: whole segments that end before that are left out.
        """
        for segment, follower in zip(self.segments, (*self.segments[1:], None), strict=True):
            if since is None or follower is None or follower.begins_at > since:
                yield from self._frames(segment.path)

    def _segment(self, path: Path) -> Segment:
        first = next(self._frames(path), None)
        if first is None or not isinstance(first.content, Beginning):
            raise InvalidInputError(f"{path} is no recording of `earthgazer record`")
        if first.content.version > VERSION:
            raise InvalidInputError(
                f"{path} has format {first.content.version}, and this version reads up to {VERSION}: update"
            )
        return Segment(path, first.at, first.content.broker)

    def _frames(self, path: Path) -> Iterator[Frame]:
        for line in self._lines(path):
            try:
                frame = from_line(line)
            except InvalidInputError:
                self.damage.lines += 1
                continue
            yield frame

    def _lines(self, path: Path) -> Iterator[bytes]:
        rest = b""
        try:
            with path.open("rb") as file:
                stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(
                    file, read_across_frames=True
                )
                while chunk := stream.read(_CHUNK):
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from lines
                    if len(rest) > _LONGEST_LINE:
                        raise InvalidInputError(f"{path}: a line of more than {_LONGEST_LINE >> 20} MB")
        except (OSError, zstandard.ZstdError) as error:
            self.damage.files.append(f"{path.name}: {type(error).__name__}")
        if rest:
            self.damage.lines += 1
