"""An artifact: a file that we made from captures."""

from __future__ import annotations

from enum import StrEnum


class ArtifactKind(StrEnum):
    """What an artifact shows."""

    STACKED = "stacked"
    NDVI = "ndvi"
    EVI = "evi"
    RGB = "rgb"


class Outcome(StrEnum):
    """How making an artifact ended; none of these is an error."""

    OK = "ok"
    NO_CLEAR_PIXELS = "no_clear_pixels"


class Stage(StrEnum):
    """The steps of a capture through the pipeline, in order."""

    DISCOVERED = "discovered"
    BACKED_UP = "backed_up"
    DOWNLOADED = "downloaded"
    STACKED = "stacked"
    NDVI = "ndvi"
    RGB = "rgb"
