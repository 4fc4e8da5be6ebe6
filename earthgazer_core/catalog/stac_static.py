"""A static STAC catalogue, on disk or on a web server, walked from its root."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import requests
from pystac.utils import make_absolute_href
from requests.exceptions import InvalidSchema, InvalidURL, RequestException, SSLError

from earthgazer_core.catalog.base import ProblemSink, log_problem
from earthgazer_core.catalog.extent import may_hold
from earthgazer_core.catalog.selection import Selection, Told
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import (
    CatalogError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
    RemoteUnavailableError,
    TransientError,
)
from earthgazer_core.guarded_session import document_of, guarded_session
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import CatalogSettings
from earthgazer_core.web import USER_AGENT, refusal, shown

_MOST_DOCUMENTS: Final = 20_000
_LARGEST_DOCUMENT_BYTES: Final = 32 * 1024 * 1024
_PATIENCE: Final = 4
"""Times the timeout that a whole document may take."""


class StaticCatalog:
    """Catalogues, collections and items as JSON files that link to each other.

    Documents of a web server may lead to http(s) of allowed hosts only: what points at this machine or
    network is told as a problem and left out. Those on disk are the operator's own words.
    """

    def __init__(
        self, root: str, settings: CatalogSettings, *, on_problem: ProblemSink = log_problem
    ) -> None:
        scheme = urlsplit(root).scheme
        if scheme not in ("", "file", "http", "https"):
            raise InvalidInputError(
                f"EARTHGAZER__CATALOG__URL: expected a path, file:// or http(s)://, not {shown(root)!r}"
            )
        self._is_local = scheme in ("", "file")
        path = unquote(urlsplit(root).path) if scheme == "file" else root
        self._root = str(Path(path).absolute()) if self._is_local else root
        self.name = self._root if self._is_local else shown(root)
        self._hosts = Hosts.of(settings).trusting(root)
        self._settings = settings
        self._on_problem = on_problem

    def search(
        self,
        bbox: BBox,
        start: datetime | None,
        end: datetime | None,
        *,
        missions: Collection[str] | None = None,
    ) -> Iterator[Capture]:
        """Yield what the catalogue holds; see :meth:`earthgazer_core.catalog.base.Catalog.search`.

        Collections whose extent lies elsewhere are not entered. The setting ``collections`` names those
        of an API and does not apply here.
        """
        limit = self._settings.max_cloud_cover_percent
        selection = Selection(bbox, start, end, missions, limit, self._hosts)
        found = selection.captures(self._items(bbox, start, end), self._on_problem)
        yield from islice(found, self._settings.max_items)

    def _items(self, bbox: BBox, start: datetime | None, end: datetime | None) -> Iterator[Told]:
        # Each with who led to it: what the operator's own documents name may lie in this network.
        waiting = deque([(self._root, True)])
        seen = {self._root}
        with ExitStack() as sessions:
            guarded: dict[Hosts, requests.Session] = {}
            while waiting:
                href, is_trusted = waiting.popleft()
                hosts = self._hosts.trusting(href) if is_trusted else self._hosts
                if hosts not in guarded:
                    guarded[hosts] = sessions.enter_context(guarded_session(hosts))
                try:
                    document = self._read(guarded[hosts], href)
                except (CatalogError, NotFoundError) as error:
                    if href == self._root:
                        raise
                    self._on_problem(CatalogError(str(error)))
                    continue
                is_local = not _is_web(href)
                source = self.name if is_local == self._is_local else shown(href)
                match document.get("type"):
                    case "Feature":
                        yield Told(self._with_absolute_assets(document, href), source, is_local)
                    case "FeatureCollection" if isinstance(document.get("features"), list):
                        for item in document["features"]:
                            yield Told(self._with_absolute_assets(item, href), source, is_local)
                    case _ if may_hold(document, bbox, start, end):
                        for target in self._children(document, href):
                            if target not in seen:
                                seen.add(target)
                                waiting.append((target, is_local))
                if len(seen) > _MOST_DOCUMENTS:
                    raise CatalogError(f"{self.name} links to more than {_MOST_DOCUMENTS} documents")

    def _children(self, document: Mapping[str, Any], href: str) -> Iterator[str]:
        links = document.get("links")
        for link in links if isinstance(links, list) else ():
            if not isinstance(link, Mapping) or link.get("rel") not in ("child", "item"):
                continue
            target = link.get("href")
            if not isinstance(target, str):
                self._on_problem(CatalogError(f"{shown(href)}: a link has no address"))
                continue
            try:
                absolute = make_absolute_href(target, href)
                scheme = urlsplit(absolute).scheme
            except ValueError:
                self._on_problem(CatalogError(f"{shown(href)}: the link {target[:80]!r} can't be read"))
                continue
            if scheme not in (("http", "https") if _is_web(href) else ("http", "https", "file", "")):
                self._on_problem(
                    CatalogError(f"{shown(href)}: the link {shown(absolute)!r} is not allowed here")
                )
                continue
            yield absolute

    def _with_absolute_assets(self, item: Any, href: str) -> Any:
        """Return the item with addresses that hold anywhere; left as it is where it is malformed."""
        assets = item.get("assets") if isinstance(item, dict) else None
        if not isinstance(assets, dict):
            return item
        is_from_disk = urlsplit(href).scheme in ("", "file")
        placed = {}
        for key, asset in assets.items():
            target = asset.get("href") if isinstance(asset, dict) else None
            if isinstance(target, str):
                try:
                    absolute = make_absolute_href(target, href)
                    if is_from_disk and not urlsplit(absolute).scheme:
                        absolute = Path(absolute).as_uri()
                except ValueError:
                    absolute = target
                asset = {**asset, "href": absolute}
            placed[key] = asset
        return {**item, "assets": placed}

    def _read(self, session: requests.Session, href: str) -> dict[str, Any]:
        data = self._downloaded(session, href) if _is_web(href) else self._from_disk(href)
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            raise CatalogError(f"{shown(href)} is no JSON") from None
        if not isinstance(document, dict):
            raise CatalogError(f"{shown(href)} is no STAC document")
        return document

    def _from_disk(self, href: str) -> bytes:
        path = Path(unquote(urlsplit(href).path) if href.startswith("file:") else href)
        try:
            if not path.is_file():
                raise (CatalogError(f"{path} is not a file") if path.exists() else FileNotFoundError)
            if path.stat().st_size > _LARGEST_DOCUMENT_BYTES:
                raise CatalogError(f"{path} is too large for a STAC document")
            return path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"{path} does not exist") from None
        except (OSError, ValueError) as error:
            raise CatalogError(f"{path} can't be read: {error}") from error

    def _downloaded(self, session: requests.Session, href: str) -> bytes:
        try:
            with session.get(
                href, headers={"User-Agent": USER_AGENT}, timeout=self._settings.timeout_s, stream=True
            ) as response:
                if response.status_code != 200:
                    refused = refusal(response.status_code, href, response.headers.get("Retry-After"))
                    if isinstance(refused, TransientError | NotFoundError):
                        raise refused
                    raise CatalogError(str(refused))
                return document_of(
                    response, most_bytes=_LARGEST_DOCUMENT_BYTES, seconds=_PATIENCE * self._settings.timeout_s
                )
        except RefusedError as error:
            raise CatalogError(str(error)) from error
        except (SSLError, InvalidSchema, InvalidURL) as error:
            raise CatalogError(f"{shown(href)} can't be used ({type(error).__name__})") from error
        except RequestException as error:
            raise RemoteUnavailableError(
                f"{shown(href)} can't be reached ({type(error).__name__})"
            ) from error
        except ValueError as error:
            raise CatalogError(f"{shown(href)} leads to an address that can't be read") from error


def _is_web(href: str) -> bool:
    return urlsplit(href).scheme in ("http", "https")
