"""What failures of the same kind have in common. Pure text in, text out."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

_LONGEST_READ = 2_000
_LONGEST_KEPT = 300

_FRAME = re.compile(r'^ *File "([^"\n]+)", line \d+, in ([^\n]+)$', re.MULTILINE)
_FOREIGN = re.compile(r"(?:^|/)(?:site|dist)-packages/|(?:^|/)lib(?:64)?/python3[^/]*/|^<")
_PACKAGE = re.compile(r"(?:^|/)(?:site|dist)-packages/([^/]+)")
_MACHINERY = frozenset({"celery", "billiard", "kombu"})

# Each leaves words in angle brackets, which none of the later ones takes for its own.
_STEPS = (
    (re.compile(r"\s+"), " "),
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,11}://[^\s'\"`<>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|`[^`]*`"), "<text>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"(?<![\w/])(?:[A-Za-z]:\\|~?/)[^\s:;,()\[\]{}<>'\"`]+"), "<path>"),
    # Numbers of either base look alike now and then.
    (re.compile(r"[+-]?\b0x[0-9a-f]+\b|[+-]?\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b", re.IGNORECASE), "<n>"),
    (re.compile(r"[+-]?\d+(?:[.,:_-]?\d+)*"), "<n>"),
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a failure is recognised by."""

    name: str
    """Task name."""
    error_type: str
    """Exception class."""
    message: str
    """Its message, with what differs from one failure to the next replaced."""
    frame: str
    """``file:function`` of the last frame in the task's own code; empty if there is none."""

    @property
    def key(self) -> str:
        """Twelve letters and digits that name it."""
        parts = "\0".join((self.name, self.error_type, self.message, self.frame))
        return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()[:12]


def fingerprint(name: str, error_type: str | None, message: str | None, traceback: str | None) -> Fingerprint:
    """Return what a failure is recognised by.

    Args:
        name: Task name.
        error_type: Exception class.
        message: Its message: ids, numbers, hexadecimal digits, paths, URLs and quoted text don't count.
        traceback: As Python prints it; line numbers don't count.
    """
    return Fingerprint(name, error_type or "", normalised(message or ""), own_frame(traceback or ""))


@lru_cache(maxsize=4096)
def normalised(message: str) -> str:
    """Return a message without what differs from one failure to the next, at most 300 characters of it."""
    text = message[:_LONGEST_READ]
    for pattern, word in _STEPS:
        text = pattern.sub(word, text)
    return text.strip()[:_LONGEST_KEPT].rstrip()


@lru_cache(maxsize=1024)
def own_frame(traceback: str) -> str:
    """Return ``file:function`` of the last frame in the task's own code.

    Own code is what isn't Python's and isn't an installed package; where the task itself is installed,
    it is the package that Celery called.
    """
    frames = [(path.replace("\\", "/"), function) for path, function in _FRAME.findall(traceback)]
    frames = [frame for frame in frames if _package(frame[0]) not in _MACHINERY]
    own = [frame for frame in frames if not _FOREIGN.search(frame[0])]
    if not own and frames:
        home = next((found for path, _ in frames if (found := _package(path))), "")
        own = [frame for frame in frames if home and _package(frame[0]) == home] or frames
    if not own:
        return ""
    path, function = own[-1]
    return f"{'/'.join(path.split('/')[-2:])}:{function.strip()}"


def _package(path: str) -> str:
    found = _PACKAGE.search(path)
    return found[1] if found else ""
