"""TLS to Redis: a server is verified unless an operator says otherwise."""

from __future__ import annotations

_SCHEME = "rediss://"
_OPTION = "ssl_cert_reqs="


def verified(url: str) -> str:
    """Return a URL that says how its server is verified; where one says nothing, kombu would not verify it.

    Args:
        url: Of a broker or a result backend; several of them may stand beside each other with semicolons.
    """
    return ";".join(_verified(part) for part in url.split(";")) if _SCHEME in url else url


def _verified(url: str) -> str:
    if not url.startswith(_SCHEME) or _OPTION in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}{_OPTION}required"
