"""A static STAC catalogue, on disk or on a web server, walked from its root."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping
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
from earthgazer_core.catalog.selection import Selection
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import (
    CatalogError,
    InvalidInputError,
    NotFoundError,
    RemoteUnavailableError,
    TransientError,
)
from earthgazer_core.settings import CatalogSettings
from earthgazer_core.web import USER_AGENT, refusal, shown

_MOST_DOCUMENTS: Final = 20_000
_LARGEST_DOCUMENT_BYTES: Final = 64 * 1024 * 1024


class StaticCatalog:
    """Catalogues, collections and items as JSON files that link to each other.

    A catalogue on a web server may lead to http(s) only: what points at this machine is told as a
    problem and left out.
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
        selection = Selection(bbox, start, end, missions, limit, allow_local=self._is_local)
        found = selection.captures(self._items(bbox, start, end), self.name, self._on_problem)
        yield from islice(found, self._settings.max_items)

    def _items(self, bbox: BBox, start: datetime | None, end: datetime | None) -> Iterator[object]:
        waiting = deque([self._root])
        seen = {self._root}
        with requests.Session() as session:
            while waiting:
                href = waiting.popleft()
                try:
                    document = self._read(session, href)
                except (CatalogError, NotFoundError) as error:
                    if href == self._root:
                        raise
                    self._on_problem(CatalogError(str(error)))
                    continue
                match document.get("type"):
                    case "Feature":
                        yield self._with_absolute_assets(document, href)
                    case "FeatureCollection" if isinstance(document.get("features"), list):
                        yield from (self._with_absolute_assets(item, href) for item in document["features"])
                    case _ if may_hold(document, bbox, start, end):
                        for target in self._children(document, href):
                            if target not in seen:
                                seen.add(target)
                                waiting.append(target)
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
            if scheme not in (("http", "https", "file", "") if self._is_local else ("http", "https")):
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
        is_web = urlsplit(href).scheme in ("http", "https")
        data = self._downloaded(session, href) if is_web else self._from_disk(href)
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
                data = bytearray()
                for chunk in response.iter_content(1024 * 1024):
                    data += chunk
                    if len(data) > _LARGEST_DOCUMENT_BYTES:
                        raise CatalogError(f"{shown(href)} is too large for a STAC document")
                return bytes(data)
        except (SSLError, InvalidSchema, InvalidURL) as error:
            raise CatalogError(f"{shown(href)} can't be used ({type(error).__name__})") from error
        except RequestException as error:
            raise RemoteUnavailableError(
                f"{shown(href)} can't be reached ({type(error).__name__})"
            ) from error
