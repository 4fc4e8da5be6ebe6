"""An http(s) address as a source of bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urljoin, urlsplit

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException, SSLError
from urllib3.exceptions import HTTPError

from earthgazer_core.errors import InvalidInputError, RemoteUnavailableError, StorageError
from earthgazer_core.guarded_session import guarded_session
from earthgazer_core.hosts import Hosts
from earthgazer_core.storage.checksum import CHUNK_BYTES
from earthgazer_core.storage.source import Stream
from earthgazer_core.web import USER_AGENT, refusal, shown

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_CONNECT_TIMEOUT_S: Final = 10.0
_LENGTH: Final = r"[0-9]{1,18}"


class HttpSource:
    """A file on a web server, read from where it broke off if the server can do ranges.

    Redirects are followed to http and https of allowed hosts only, never from https to http.
    """

    def __init__(self, href: str, timeout_s: float, hosts: Hosts) -> None:
        self._href = href
        self._timeout_s = timeout_s
        self._hosts = hosts
        self.identity = href
        self.label = shown(href)

    @contextmanager
    def open(self, offset: int, version: str | None) -> Iterator[Stream]:
        """Ask for the file; see :meth:`earthgazer_core.storage.source.Source.open`."""
        # Compressed transfer would make ranges and lengths mean something else.
        headers = {"Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        ranged = {"Range": f"bytes={offset}-", "If-Range": version} if offset and version else {}
        with guarded_session(self._hosts) as session:
            response = self._get(session, headers | ranged)
            # A server that knows no If-Range may send the rest of a file that is another one by now.
            is_other = response.status_code == 206 and _validator(response) not in (None, version)
            if response.status_code == 416 or is_other:
                response.close()
                response = self._get(session, headers)
            with response:
                yield self._stream(response, offset)

    def _stream(self, response: requests.Response, offset: int) -> Stream:
        if response.status_code not in (200, 206):
            raise refusal(response.status_code, self._href, response.headers.get("Retry-After"))
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise StorageError(f"{self.label} comes compressed although that was not asked for")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise StorageError(
                f"{self.label} answered a web page instead of a file; most likely it needs a login"
            )
        version = _validator(response)
        length = response.headers.get("Content-Length", "")
        size = int(length) if re.fullmatch(_LENGTH, length) else None
        if response.status_code == 200:
            return Stream(self._chunks(response), 0, size, version)
        range_ = re.fullmatch(
            f"bytes ({_LENGTH})-({_LENGTH})/({_LENGTH})", response.headers.get("Content-Range", "").strip()
        )
        if range_ is None or int(range_[1]) != offset:
            raise StorageError(f"{self.label} answered another range than the one asked for")
        return Stream(self._chunks(response), offset, int(range_[3]), version)

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        try:
            yield from response.raw.stream(CHUNK_BYTES, decode_content=False)
        except (HTTPError, OSError) as error:
            raise RemoteUnavailableError(
                f"{self.label}: the connection broke ({type(error).__name__}); what came is kept"
            ) from error

    def _get(self, session: requests.Session, headers: dict[str, str]) -> requests.Response:
        href = self._href
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                response = session.get(
                    href, headers=headers, stream=True, allow_redirects=False,
                    timeout=(min(_CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s),
                )  # fmt: skip
            except SSLError as error:
                raise StorageError(f"{shown(href)}: its certificate can't be trusted") from error
            except (InvalidURL, InvalidSchema, MissingSchema, UnicodeError) as error:
                raise InvalidInputError(f"{shown(href)} is no usable http address") from error
            except (RequestException, HTTPError, OSError) as error:
                raise RemoteUnavailableError(
                    f"{shown(href)} can't be reached ({type(error).__name__})"
                ) from error
            except ValueError as error:
                # requests reads where a redirect leads to even where it is told not to follow.
                raise StorageError(f"{shown(href)} redirects to an address that can't be read") from error
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                return response
            response.close()
            href = self._redirected(href, response.headers["Location"])
        raise StorageError(f"{self.label} redirects more than {_MOST_REDIRECTS} times")

    def _redirected(self, href: str, location: str) -> str:
        try:
            target = urljoin(href, location)
            scheme = urlsplit(target).scheme
        except ValueError:
            raise StorageError(f"{self.label} redirects to an address that can't be read") from None
        if scheme not in ("http", "https") or (scheme == "http" and href.startswith("https:")):
            raise StorageError(f"{self.label} redirects to {shown(target)}, which is not allowed")
        return target


def _validator(response: requests.Response) -> str | None:
    tag = response.headers.get("ETag")
    # RFC 9110 §13.1.5: If-Range takes strong validators only.
    if tag is not None and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")
