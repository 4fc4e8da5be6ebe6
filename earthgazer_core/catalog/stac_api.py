"""A STAC API as a catalogue, through pystac-client."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests.exceptions import SSLError

from earthgazer_core.catalog.base import ProblemSink, log_problem
from earthgazer_core.catalog.selection import Selection
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import (
    CatalogError,
    EarthGazerError,
    InvalidInputError,
    RemoteUnavailableError,
    TransientError,
)
from earthgazer_core.settings import CatalogSettings
from earthgazer_core.web import USER_AGENT, refusal, shown

_PAGE_ITEMS: Final = 100


class StacApiCatalog:
    """A search endpoint such as Earth Search."""

    def __init__(self, url: str, settings: CatalogSettings, *, on_problem: ProblemSink = log_problem) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise InvalidInputError(
                f"EARTHGAZER__CATALOG__URL: a STAC API has an http(s) address, not {shown(url)!r}"
            )
        self.name = shown(url)
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
        selection = Selection(bbox, start, end, missions, limit)
        yield from selection.captures(self._items(bbox, start, end), self.name, self._on_problem)

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
        io = _Answers(self._settings.timeout_s)
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
        except APIError as error:
            raise io.problem(self.name, error) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CatalogError(f"{self.name} answered something that is no page of items") from error
        finally:
            io.session.close()


class _Answers(StacApiIO):
    """Requests whose refusals keep what pystac-client drops: the status and how long to wait."""

    def __init__(self, timeout_s: float) -> None:
        # Waiting is left to the caller, who can tell that it waits.
        super().__init__(headers={"User-Agent": USER_AGENT}, timeout=timeout_s, max_retries=None)
        self._last: requests.Response | None = None
        self.session.hooks["response"].append(self._note)

    def _note(self, response: requests.Response, *_: object, **__: object) -> None:
        self._last = response

    def read_json(self, source: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the JSON object at ``source``."""
        self._last = None
        answer: Any = json.loads(self.read_text(source, *args, **kwargs))
        if not isinstance(answer, dict):
            raise TypeError("the answer is no JSON object")
        return answer

    def problem(self, name: str, error: APIError) -> EarthGazerError:
        """Return our error for one of pystac-client's."""
        if self._last is None:
            if isinstance(error.__context__, SSLError):
                return CatalogError(f"{name}: its certificate can't be trusted")
            kind = type(error.__context__ or error).__name__
            return RemoteUnavailableError(f"{name} can't be reached ({kind})")
        status = self._last.status_code
        if 200 <= status < 300:
            return CatalogError(f"{name} answered something that is no text")
        refused = refusal(status, self._last.url, self._last.headers.get("Retry-After"))
        return refused if isinstance(refused, TransientError) else CatalogError(str(refused))
