"""Reading an untrusted STAC item: each field is what it should be, or the error names it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import CatalogError, InvalidInputError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,198}")


class ItemFields:
    """The fields of one STAC item."""

    def __init__(self, item: object) -> None:
        if not isinstance(item, Mapping):
            raise CatalogError(f"a catalogue entry is no JSON object but {type(item).__name__}")
        self._item: Mapping[str, Any] = item
        properties = item.get("properties")
        if not isinstance(properties, Mapping):
            raise self.problem("properties", "is missing")
        self.properties: Mapping[str, Any] = properties

    @property
    def item_id(self) -> str:
        """The item's id as far as it can be shown, for messages where it isn't even text."""
        text = str(self._item.get("id"))[:200]
        return "".join(char if char.isprintable() else "?" for char in text)

    def problem(self, field: str, what: str) -> CatalogError:
        """Return the error that names this item and one of its fields."""
        return CatalogError(f"catalogue item {self.item_id!r}: {field} {what}")

    def name(self, field: str, value: object) -> str:
        """Return a value that becomes part of file names: letters, digits and ``._-``."""
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self.problem(field, f"{str(value)[:80]!r} is no usable name")
        return value

    def text(self, *names: str) -> str | None:
        """Return the first of these properties that is there."""
        for name in names:
            value = self.properties.get(name)
            if value is None:
                continue
            if not isinstance(value, str):
                raise self.problem(f"properties.{name}", f"is no text: {str(value)[:80]!r}")
            return value
        return None

    def number(self, name: str) -> float | None:
        """Return a property that is a finite number, None where it is missing."""
        return self.finite(f"properties.{name}", self.properties.get(name))

    def finite(self, field: str, value: object) -> float | None:
        """Return ``value`` as a finite number, None for null."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.problem(field, f"is no number: {str(value)[:80]!r}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.problem(field, "is no number: it is not finite")
        return number

    def integer(self, name: str) -> int | None:
        """Return a property that is a whole number, also as digits; None where it is missing."""
        value = self.properties.get(name)
        if value is None:
            return None
        text = str(value)
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", text):
            raise self.problem(f"properties.{name}", f"is no whole number: {text[:80]!r}")
        return int(text)

    def flag(self, name: str) -> bool | None:
        """Return a property that is true or false, None where it is missing."""
        value = self.properties.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.problem(f"properties.{name}", f"is neither true nor false: {str(value)[:80]!r}")
        return value

    def sensing_time(self) -> datetime:
        """Return ``datetime``, or ``start_datetime`` of a span, as aware UTC."""
        text = self.text("datetime", "start_datetime")
        if text is None:
            raise self.problem("properties.datetime", "is missing")
        try:
            when = datetime.fromisoformat(text)
            # STAC requires UTC; what has no offset is read as that.
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.problem("properties.datetime", f"is no time: {text[:80]!r}") from None

    def bbox(self) -> BBox | None:
        """Return the footprint, None where the item has none."""
        value = self._item.get("bbox")
        if value is None:
            return None
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) not in (4, 6):
            raise self.problem("bbox", f"has to be four or six numbers: {str(value)[:80]!r}")
        numbers = [self.finite("bbox", number) for number in value]
        half = len(numbers) // 2
        west, south, east, north = numbers[0], numbers[1], numbers[half], numbers[half + 1]
        if west is None or south is None or east is None or north is None:
            raise self.problem("bbox", "holds a null")
        try:
            # Some catalogues run past 180 degrees where a scene crosses the antimeridian.
            return BBox(_wrapped(west), south, _wrapped(east), north)
        except InvalidInputError as error:
            raise self.problem("bbox", f"can't be used: {error}") from None

    def collection(self) -> str | None:
        """Return the id of the item's collection."""
        value = self._item.get("collection")
        return None if value is None else self.name("collection", value)

    def assets(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the assets by their keys."""
        value = self._item.get("assets")
        if not isinstance(value, Mapping) or not all(isinstance(asset, Mapping) for asset in value.values()):
            raise self.problem("assets", "are missing or no JSON objects")
        return value


def _wrapped(longitude: float) -> float:
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180
