"""A rectangle in longitude and latitude."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from earthgazer_core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class BBox:
    """(west, south, east, north) in degrees, EPSG:4326, longitude first.

    ``west > east`` means that the rectangle crosses the antimeridian; that has to be asked for
    with ``crosses_antimeridian`` at :meth:`parse`, because it is far more often a swapped pair.
    """

    west: float
    """Western edge, degrees, -180 to 180."""
    south: float
    """Southern edge, degrees, -90 to 90."""
    east: float
    """Eastern edge, degrees, -180 to 180."""
    north: float
    """Northern edge, degrees, -90 to 90."""

    def __post_init__(self) -> None:
        values = (self.west, self.south, self.east, self.north)
        if not all(math.isfinite(value) for value in values):
            raise InvalidInputError(f"bbox {values}: every edge has to be a finite number of degrees")
        if not (-180 <= self.west <= 180 and -180 <= self.east <= 180):
            raise InvalidInputError(
                f"bbox {values}: longitudes lie between -180 and 180 (order: west,south,east,north)"
            )
        if not (-90 <= self.south < self.north <= 90):
            raise InvalidInputError(
                f"bbox {values}: south has to be below north, both between -90 and 90"
                " (order: west,south,east,north)"
            )
        if self.west == self.east:
            raise InvalidInputError(f"bbox {values}: west and east are equal, so it holds no area")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rectangle written as ``W,S,E,N``.

        ``west > east`` is accepted only where the rectangle plausibly crosses the antimeridian, that
        is, where it would then be narrower than 180 degrees; otherwise it is a swapped pair.

        Raises:
            InvalidInputError: not four numbers, out of range, or west and east swapped.
        """
        parts = text.split(",")
        try:
            west, south, east, north = (float(part) for part in parts)
        except ValueError:
            raise InvalidInputError(f"bbox {text!r}: expected four numbers W,S,E,N in degrees") from None
        return cls.checked(west, south, east, north)

    @classmethod
    def checked(cls, west: float, south: float, east: float, north: float) -> Self:
        """Return the rectangle, refusing a swapped west and east (see :meth:`parse`)."""
        bbox = cls(west, south, east, north)
        if bbox.crosses_antimeridian and bbox.width_deg >= 180:
            raise InvalidInputError(
                f"bbox {west},{south},{east},{north}: west lies east of east; swap them"
                " (only a rectangle across the antimeridian may have west > east)"
            )
        return bbox

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the rectangle runs eastwards through 180 degrees."""
        return self.west > self.east

    @property
    def width_deg(self) -> float:
        """Extent eastwards from west to east, degrees."""
        return self.east - self.west + (360 if self.crosses_antimeridian else 0)

    def split(self) -> tuple[BBox, ...]:
        """Return the rectangle as one or, across the antimeridian, two that don't cross it."""
        if not self.crosses_antimeridian:
            return (self,)
        halves = []
        if self.west < 180:
            halves.append(BBox(self.west, self.south, 180.0, self.north))
        if self.east > -180:
            halves.append(BBox(-180.0, self.south, self.east, self.north))
        return tuple(halves)

    def intersects(self, other: BBox) -> bool:
        """Whether the two rectangles share any area."""
        return any(
            a.west < b.east and b.west < a.east and a.south < b.north and b.south < a.north
            for a in self.split()
            for b in other.split()
        )

    def as_tuple(self) -> tuple[float, float, float, float]:
        """Return (west, south, east, north)."""
        return (self.west, self.south, self.east, self.north)

    def __str__(self) -> str:
        return f"{self.west:g},{self.south:g},{self.east:g},{self.north:g}"
