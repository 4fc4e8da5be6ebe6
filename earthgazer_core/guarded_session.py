"""An HTTP session that connects to allowed hosts alone, at every redirect and whatever a name stands for."""

from __future__ import annotations

import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

from earthgazer_core.errors import CatalogError, RemoteUnavailableError
from earthgazer_core.hosts import Hosts
from earthgazer_core.web import shown

_CHUNK_BYTES = 65536


def guarded_session(hosts: Hosts) -> requests.Session:
    """Return a session that raises RefusedError before it connects anywhere else."""
    session = requests.Session()
    adapter = _GuardedAdapter(hosts)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def document_of(response: requests.Response, *, most_bytes: int, seconds: float) -> bytes:
    """Return an answer's body, unpacked.

    Raises:
        CatalogError: it has more bytes.
        RemoteUnavailableError: it takes longer, or the connection breaks.
    """
    deadline = time.monotonic() + seconds
    data = bytearray()
    where = shown(response.url)
    try:
        # What has come, however little, so that a server that sends a byte a second is noticed.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            data += chunk
            if len(data) > most_bytes:
                raise CatalogError(f"{where} is too large for a STAC document: more than {most_bytes} bytes")
            if time.monotonic() > deadline:
                raise RemoteUnavailableError(f"{where} did not send its answer within {seconds:g} s")
    except (HTTPError, OSError) as error:
        raise RemoteUnavailableError(f"{where} can't be reached ({type(error).__name__})") from error
    return bytes(data)


class _GuardedAdapter(HTTPAdapter):
    """Checks the address of each request, and what its connection really leads to."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let connections be of the guarded kind."""
        super().init_poolmanager(*args, **kwargs)
        hosts = self._hosts

        class GuardedConnection(_Guarded, HTTPConnection):
            allowed = hosts

        class GuardedTlsConnection(_Guarded, HTTPSConnection):
            allowed = hosts

        class Pool(HTTPConnectionPool):
            ConnectionCls = GuardedConnection

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = GuardedTlsConnection

        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request to an allowed host.

        Raises:
            RefusedError: its address isn't allowed. Through a proxy that is all that can be told.
        """
        self._hosts.check(request.url or "")
        return super().send(request, *args, **kwargs)


class _Guarded:
    """A connection whose name is looked up once: what was found to be public is what it connects to."""

    allowed: Hosts
    _dns_host: str
    port: int
    host: str

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            addresses = self.allowed.addresses(name, self.port)
        except OSError as error:
            unknown = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(name, self, unknown) from error  # type: ignore[arg-type]
        failure: HTTPError = NameResolutionError(name, self, socket.gaierror("no address"))  # type: ignore[arg-type]
        for address in addresses:
            self._dns_host = address
            try:
                made: socket.socket = super()._new_conn()  # type: ignore[misc]
            except HTTPError as error:
                failure = error
            else:
                return made
            finally:
                self._dns_host = name
        raise failure
