"""What every HTTP client of the core shares: refusals in our words, waits, no secrets in messages."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

from earthgazer_core.errors import EarthGazerError, NotFoundError, RemoteUnavailableError, StorageError

USER_AGENT = "earthgazer/0.1"
"""How we introduce ourselves."""
_LONGEST_WAIT_S = 3600.0


def shown(href: str) -> str:
    """Return ``href`` fit for a message: on one line, without user, password and query."""
    try:
        parts = urlsplit(href)
        host = parts.netloc.rpartition("@")[2]
        bare = urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        bare = "an address that can't be read"
    printable = "".join(char if char.isprintable() else "?" for char in bare)
    return printable if len(printable) <= 300 else printable[:300] + "…"


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, at most an hour; None if it says nothing.

    Both forms are read: seconds, and an HTTP date.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT_S)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    wait = (aware - (now or datetime.now(UTC))).total_seconds()
    return min(max(wait, 0.0), _LONGEST_WAIT_S)


def refusal(status: int, href: str, retry_after: str | None) -> EarthGazerError:
    """Return the error that an HTTP status other than success means."""
    where = shown(href)
    if status in (408, 425, 429) or status >= 500:
        return RemoteUnavailableError(
            f"{where} answered {status}; it can be tried again later",
            retry_after_s=retry_after_s(retry_after),
        )
    if status in (404, 410):
        return NotFoundError(f"{where} does not exist ({status})")
    if status in (401, 403):
        return StorageError(
            f"{where} refuses access ({status}): it needs a login, a signed address or a requester who pays;"
            " use another catalogue, or give credentials (EARTHGAZER__STORAGE__S3_…)"
        )
    return StorageError(f"{where} answered {status}")
