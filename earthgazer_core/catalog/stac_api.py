"""A STAC API as a catalogue, through pystac-client."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pystac_client import ItemSearch
from pystac_client.stac_api_io import StacApiIO
from requests.exceptions import (
    InvalidHeader,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    RequestException,
    SSLError,
)

from earthgazer_core.catalog.base import ProblemSink, log_problem
from earthgazer_core.catalog.selection import Selection, Told
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import (
    CatalogError,
    InvalidInputError,
    RefusedError,
    RemoteUnavailableError,
    TransientError,
)
from earthgazer_core.guarded_session import document_of, guarded_session
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import CatalogSettings
from earthgazer_core.web import USER_AGENT, refusal, shown

_PAGE_ITEMS: Final = 100
_LARGEST_PAGE_BYTES: Final = 16 * 1024 * 1024
"""A hundred items have one to four megabytes."""
_PATIENCE: Final = 4
"""Times the timeout that a whole page may take."""


class StacApiCatalog:
    """A search endpoint such as Earth Search."""

    def __init__(self, url: str, settings: CatalogSettings, *, on_problem: ProblemSink = log_problem) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise InvalidInputError(
                f"EARTHGAZER__CATALOG__URL: a STAC API has an http(s) address, not {shown(url)!r}"
            )
        self.name = shown(url)
        self._hosts = Hosts.of(settings).trusting(url)
        self._search_url = url.rstrip("/").removesuffix("/search") + "/search"
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
        """Yield what the API finds; see :meth:`earthgazer_core.catalog.base.Catalog.search`."""
        limit = self._settings.max_cloud_cover_percent
        selection = Selection(bbox, start, end, missions, limit, self._hosts)
        told = (Told(item, self.name) for item in self._items(bbox, start, end))
        yield from selection.captures(told, self._on_problem)

    def _items(self, bbox: BBox, start: datetime | None, end: datetime | None) -> Iterator[object]:
        left = self._settings.max_items
        # One collection after the other: of a product that stands in two, the settings' order decides,
        # since the collection decides about radiometry.
        for collection in self._settings.collections or (None,):
            for half in bbox.split():
                for page in self._pages(collection, half, start, end, left):
                    items = page.get("features")
                    if not isinstance(items, list):
                        raise CatalogError(f"{self.name} answered something that is no list of items")
                    yield from items
                    left -= len(items)
                if left <= 0:
                    self._on_problem(
                        CatalogError(
                            f"{self.name}: the first {self._settings.max_items} items were taken, there may"
                            " be more; narrow the dates or raise EARTHGAZER__CATALOG__MAX_ITEMS"
                        )
                    )
                    return

    def _pages(
        self, collection: str | None, bbox: BBox, start: datetime | None, end: datetime | None, max_items: int
    ) -> Iterator[dict[str, Any]]:
        limit = self._settings.max_cloud_cover_percent
        io = _Answers(self.name, self._hosts, self._settings.timeout_s)
        search = ItemSearch(
            self._search_url,
            stac_io=io,
            max_items=max_items,
            limit=_PAGE_ITEMS,
            bbox=bbox.as_tuple(),
            datetime=None if start is None and end is None else (start, end),
            collections=[collection] if collection else None,
            query={"eo:cloud_cover": {"lte": limit}} if limit < 100 else None,
        )
        try:
            yield from search.pages_as_dicts()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CatalogError(f"{self.name} answered something that is no page of items") from error
        finally:
            io.session.close()


class _Answers(StacApiIO):
    """Requests within limits, to allowed hosts; refusals keep what pystac-client drops: status and wait."""

    def __init__(self, name: str, hosts: Hosts, timeout_s: float) -> None:
        # Waiting is left to the caller, who can tell that it waits.
        super().__init__(headers={"User-Agent": USER_AGENT}, timeout=timeout_s, max_retries=None)
        self.session = guarded_session(hosts)
        self.session.headers["User-Agent"] = USER_AGENT
        self._name = name
        self._timeout_s = timeout_s
        self._asked: set[str] = set()

    def read_json(self, source: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the JSON object at ``source``."""
        answer: Any = json.loads(self.read_text(source, *args, **kwargs))
        if not isinstance(answer, dict):
            raise TypeError("the answer is no JSON object")
        return answer

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Return what is answered; links between pages come from the catalogue and are as untrusted as it.

        Raises:
            RemoteUnavailableError: no answer now, or one that is too slow.
            CatalogError: an address that isn't allowed, a page that was there before, or no page.
        """
        verb = (method or "GET").upper()
        if verb not in ("GET", "POST"):
            raise CatalogError(f"{self._name} wants its next page asked for by {verb[:20]!r}")
        asked = json.dumps([verb, href, parameters], sort_keys=True)
        if asked in self._asked:
            raise CatalogError(f"{self._name}: its pages lead in a circle, back to {shown(href)}")
        self._asked.add(asked)
        try:
            with self.session.request(
                verb, href, headers=headers, timeout=self._timeout_s, stream=True,
                json=parameters if verb == "POST" else None,
                params=parameters if verb == "GET" else None,
            ) as response:  # fmt: skip
                if not 200 <= response.status_code < 300:
                    refused = refusal(response.status_code, response.url, response.headers.get("Retry-After"))
                    raise refused if isinstance(refused, TransientError) else CatalogError(str(refused))
                data = document_of(
                    response, most_bytes=_LARGEST_PAGE_BYTES, seconds=_PATIENCE * self._timeout_s
                )
        except RefusedError as error:
            raise CatalogError(str(error)) from error
        except SSLError as error:
            raise CatalogError(f"{self._name}: its certificate can't be trusted") from error
        except (MissingSchema, InvalidSchema, InvalidURL, InvalidHeader) as error:
            raise CatalogError(f"{self._name} leads to {shown(href)}, which is no usable address") from error
        except RequestException as error:
            raise RemoteUnavailableError(f"{self._name} can't be reached ({type(error).__name__})") from error
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise CatalogError(f"{self._name} answered something that is no text") from None
