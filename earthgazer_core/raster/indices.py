"""Spectral indices, one pure function each. None reads files, logs, or clips.

Arguments are reflectance, 0 to 1 and beyond where noise takes it, as float64 arrays of one shape; NaN in,
NaN out; a denominator of 0 gives NaN. Bands are keyword-only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from earthgazer_core.errors import InvalidInputError

Values = npt.NDArray[np.float64]
"""Reflectance in, index out; any shape."""


def _ratio(numerator: Values, denominator: Values) -> Values:
    """Return the quotient; the numerator's memory may be used for it."""
    quotient: Values = np.asarray(numerator, dtype=np.float64)
    # Dividing all and mending the few is three times as fast as dividing under a mask.
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(quotient, denominator, out=quotient)
    is_zero = denominator == 0
    if is_zero.any():
        quotient[is_zero] = np.nan
    return quotient


def normalized_difference(one: Values, other: Values) -> Values:
    """Return (one - other) / (one + other), NaN where the sum is 0.

    Surface reflectance below 0 takes it outside [-1, 1]; such values are kept.
    """
    return _ratio(one - other, one + other)


def ndvi(*, nir: Values, red: Values) -> Values:
    """Return the Normalized Difference Vegetation Index.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5, Landsat 4-7 B4).
        red: Red (Sentinel-2 B04, Landsat 8-9 B4, Landsat 4-7 B3).

    Reference:
        Rouse et al. (1974), NASA SP-351, 309-317: (N - R) / (N + R).
    """
    return normalized_difference(nir, red)


def gndvi(*, nir: Values, green: Values) -> Values:
    """Return the Green Normalized Difference Vegetation Index.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        green: Green (Sentinel-2 B03, Landsat 8-9 B3).

    Reference:
        Gitelson et al. (1996), doi:10.1016/S0034-4257(96)00072-7: (N - G) / (N + G).
    """
    return normalized_difference(nir, green)


def ndwi(*, green: Values, nir: Values) -> Values:
    """Return the Normalized Difference Water Index of open water.

    Args:
        green: Green (Sentinel-2 B03, Landsat 8-9 B3).
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).

    Reference:
        McFeeters (1996), doi:10.1080/01431169608948714: (G - N) / (G + N).
    """
    return normalized_difference(green, nir)


def ndmi(*, nir: Values, swir16: Values) -> Values:
    """Return the Normalized Difference Moisture Index.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        swir16: Short-wave infrared around 1.6 µm (Sentinel-2 B11, Landsat 8-9 B6).

    Reference:
        Gao (1996), doi:10.1016/S0034-4257(96)00067-3: (N - S1) / (N + S1).
    """
    return normalized_difference(nir, swir16)


def nbr(*, nir: Values, swir22: Values) -> Values:
    """Return the Normalized Burn Ratio.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        swir22: Short-wave infrared around 2.2 µm (Sentinel-2 B12, Landsat 8-9 B7).

    Reference:
        López García and Caselles (1991), doi:10.1080/10106049109354290: (N - S2) / (N + S2).
    """
    return normalized_difference(nir, swir22)


def evi(*, nir: Values, red: Values, blue: Values) -> Values:
    """Return the Enhanced Vegetation Index.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        red: Red (Sentinel-2 B04, Landsat 8-9 B4).
        blue: Blue (Sentinel-2 B02, Landsat 8-9 B2).

    Reference:
        Huete et al. (1997), doi:10.1016/S0034-4257(96)00112-5:
        2.5 (N - R) / (N + 6 R - 7.5 B + 1).
    """
    return _ratio(2.5 * (nir - red), nir + 6.0 * red - 7.5 * blue + 1.0)


def evi2(*, nir: Values, red: Values) -> Values:
    """Return the Enhanced Vegetation Index of two bands.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        red: Red (Sentinel-2 B04, Landsat 8-9 B4).

    Reference:
        Jiang et al. (2008), doi:10.1016/j.rse.2008.06.006: 2.5 (N - R) / (N + 2.4 R + 1).
    """
    return _ratio(2.5 * (nir - red), nir + 2.4 * red + 1.0)


def savi(*, nir: Values, red: Values) -> Values:
    """Return the Soil-Adjusted Vegetation Index with a soil factor of 0.5.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        red: Red (Sentinel-2 B04, Landsat 8-9 B4).

    Reference:
        Huete (1988), doi:10.1016/0034-4257(88)90106-X: 1.5 (N - R) / (N + R + 0.5).
    """
    return _ratio(1.5 * (nir - red), nir + red + 0.5)


def osavi(*, nir: Values, red: Values) -> Values:
    """Return the Optimized Soil-Adjusted Vegetation Index.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        red: Red (Sentinel-2 B04, Landsat 8-9 B4).

    Reference:
        Rondeaux et al. (1996), doi:10.1016/0034-4257(95)00186-7: (N - R) / (N + R + 0.16).
    """
    return _ratio(nir - red, nir + red + 0.16)


def msavi(*, nir: Values, red: Values) -> Values:
    """Return the Modified Soil-Adjusted Vegetation Index; NaN where its root is of a negative number.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        red: Red (Sentinel-2 B04, Landsat 8-9 B4).

    Reference:
        Qi et al. (1994), doi:10.1016/0034-4257(94)90134-1:
        (2 N + 1 - sqrt((2 N + 1)² - 8 (N - R))) / 2.
    """
    linear = 2.0 * nir + 1.0
    square = linear**2 - 8.0 * (nir - red)
    root: Values = np.full(square.shape, np.nan)
    np.sqrt(square, out=root, where=square >= 0)
    return 0.5 * (linear - root)


def lai(*, nir: Values, red: Values, blue: Values) -> Values:
    """Return the Leaf Area Index, m² of leaves per m² of ground, estimated from EVI.

    Args:
        nir: Near infrared (Sentinel-2 B08, Landsat 8-9 B5).
        red: Red (Sentinel-2 B04, Landsat 8-9 B4).
        blue: Blue (Sentinel-2 B02, Landsat 8-9 B2).

    Reference:
        Boegh et al. (2002), doi:10.1016/S0034-4257(01)00342-X: 3.618 EVI - 0.118.
    """
    return 3.618 * evi(nir=nir, red=red, blue=blue) - 0.118


@dataclass(frozen=True, slots=True)
class Index:
    """An index that can be made into a raster."""

    name: str
    """Lower case: ``ndvi``."""
    bands: tuple[str, ...]
    """STAC common names of its bands."""
    compute: Callable[..., Values]
    """Function of those bands as keywords."""
    formula: str
    """As published, N R G B S1 S2 standing for bands."""
    is_ratio: bool
    """Whether a common factor of all bands cancels, so that digital numbers serve as well."""
    histogram_range: tuple[int, int] = (-1, 1)
    """Whole numbers between which the histogram counts, in bins of 0.01."""


INDICES: Mapping[str, Index] = MappingProxyType({
    index.name: index
    for index in (
        Index("ndvi", ("nir", "red"), ndvi, "(N-R)/(N+R)", True),
        Index("gndvi", ("nir", "green"), gndvi, "(N-G)/(N+G)", True),
        Index("ndwi", ("green", "nir"), ndwi, "(G-N)/(G+N)", True),
        Index("ndmi", ("nir", "swir16"), ndmi, "(N-S1)/(N+S1)", True),
        Index("nbr", ("nir", "swir22"), nbr, "(N-S2)/(N+S2)", True),
        Index("evi", ("nir", "red", "blue"), evi, "2.5*(N-R)/(N+6*R-7.5*B+1)", False),
        Index("evi2", ("nir", "red"), evi2, "2.5*(N-R)/(N+2.4*R+1)", False),
        Index("savi", ("nir", "red"), savi, "1.5*(N-R)/(N+R+0.5)", False),
        Index("osavi", ("nir", "red"), osavi, "(N-R)/(N+R+0.16)", False),
        Index("msavi", ("nir", "red"), msavi, "0.5*(2*N+1-((2*N+1)**2-8*(N-R))**0.5)", False),
        Index("lai", ("nir", "red", "blue"), lai, "3.618*EVI-0.118", False, (-1, 8)),
    )
})  # fmt: skip
"""Every index by its name."""


def index_named(name: str) -> Index:
    """Return an index by name, whatever its case.

    Raises:
        InvalidInputError: no such index.
    """
    try:
        return INDICES[name.strip().lower()]
    except KeyError:
        raise InvalidInputError(f"no index {name!r}; there are {', '.join(INDICES)}") from None
