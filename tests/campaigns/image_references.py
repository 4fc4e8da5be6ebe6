"""Images and paths that would make their reader open something else: a file, an archive, a host."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.image_forge import SIDE, Tag, metadata, tiff_of, zeros


@dataclass(frozen=True)
class Reference:
    """A path that is given to the product as that of a band."""

    name: str
    """What it tries."""
    path: str
    """What the product is given."""
    may_serve: bool = False
    """Whether the image itself is sound, so that it may be read if what it refers to is left alone."""


def references(folder: Path, secret: Path, url: str, pipe: Path) -> Iterator[Reference]:
    """Yield each reference; files are written into ``folder``.

    Args:
        folder: A directory for these alone.
        secret: A sound image that no answer may come from.
        url: Address of a listener that has to stay alone.
        pipe: A named pipe that nobody may read.
    """
    for name, content in _documents(secret, url, pipe).items():
        path = folder / f"{name}.tif"
        path.write_bytes(content)
        yield Reference(name, str(path))
    for name, content in _images(url, secret, pipe).items():
        path = folder / f"{name}.tif"
        path.write_bytes(content)
        yield Reference(name, str(path), may_serve=True)
    for name, suffix, text in (
        ("sidecar", ".aux.xml", _sidecar(f"/vsicurl/{url}/x.tif")),
        ("sidecar-pipe", ".aux.xml", _sidecar(str(pipe))),
        ("overview-beside", ".ovr", _vrt(f"/vsicurl/{url}/x.tif")),
        ("mask-beside", ".msk", _vrt(f"/vsicurl/{url}/x.tif")),
    ):
        path = folder / f"{name}.tif"
        shutil.copy(secret, path)
        path.with_name(f"{path.name}{suffix}").write_text(text)
        yield Reference(name, str(path), may_serve=True)
    archive = folder / "archive.zip"
    with zipfile.ZipFile(archive, "w") as pack:
        pack.write(secret, "x.tif")
    for given in (
        f"/vsicurl/{url}/x.tif", f"/vsicurl_streaming/{url}/x.tif", f"/vsizip/{archive}/x.tif",
        f"/vsizip//vsicurl/{url}/x.zip/x.tif", "/vsis3/bucket/x.tif", "/vsigs/bucket/x.tif", "/vsistdin/",
        f"/vsisubfile/0_100000,{secret}", f"/vsigzip/{secret}", f"/vsitar/{archive}/x.tif",
        f"DERIVED_SUBDATASET:LOGAMPLITUDE:{secret}", f"GTIFF_DIR:1:{secret}", f"GTIFF_RAW:{secret}",
        f"NETCDF:{secret}:x", f'HDF5:"{secret}"://x', f"SENTINEL2_L2A:{secret}:10m:EPSG_32633",
        f"vrt://{secret}?bands=1", f"vrt:///vsicurl/{url}/x.tif", f"{url}/x.tif", "s3://bucket/x.tif",
        f"zip+file://{archive}!x.tif", f"zip://{archive}!x.tif", f"file://{secret}", f"WMS:{url}/?x",
        f"WMTS:{url}/?x", f"WCS:{url}/?x", f"STACTA:{url}", "PLMosaic:mosaic=x", "EEDAI:x", "DAAS:x",
        f"J2K_SUBFILE:0,1000,{secret}", f"PDF:1:{secret}", _vrt(str(secret)), _vrt(f"/vsicurl/{url}/x.tif"),
        _wms(url), f'{{"type":"FeatureCollection","href":"{url}"}}', "", "\0", f"{secret}\0.png",
        "/dev/zero", "/dev/stdin", str(pipe), str(folder), str(secret.parent / "missing.tif"),
    ):  # fmt: skip
        yield Reference(f"path {given[:60]!r}", given)


def _vrt(source: str, extra: str = "") -> str:
    band = (
        f'<VRTRasterBand dataType="UInt16" band="1">{extra}<SimpleSource><SourceFilename relativeToVRT="0">'
        f"{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
    )
    return f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}">{band}</VRTDataset>'


def _wms(url: str) -> str:
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service>'
        f"<DataWindow><UpperLeftX>500000</UpperLeftX><UpperLeftY>5000000</UpperLeftY><LowerRightX>501920"
        f"</LowerRightX><LowerRightY>4998080</LowerRightY><SizeX>{SIDE}</SizeX><SizeY>{SIDE}</SizeY>"
        "<TileLevel>1</TileLevel></DataWindow><Projection>EPSG:32633</Projection><BandsCount>1</BandsCount>"
        "</GDAL_WMS>"
    )


def _documents(secret: Path, url: str, pipe: Path) -> dict[str, bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as pack:
        pack.write(secret, "x.tif")
    python = (
        "<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
        f"<PixelFunctionCode><![CDATA[open({str(pipe)!r}).read()]]></PixelFunctionCode>"
    )
    texts = {
        "vrt-of-a-file": _vrt(str(secret)),
        "vrt-of-a-host": _vrt(f"/vsicurl/{url}/x.tif"),
        "vrt-of-a-pipe": _vrt(str(pipe)),
        "vrt-with-code": _vrt(str(secret), python),
        "vrt-after-spaces": "\n  " + _vrt(f"/vsicurl/{url}/x.tif"),
        "wms": _wms(url),
        "wmts": f"<GDAL_WMTS><GetCapabilitiesUrl>{url}/x</GetCapabilitiesUrl></GDAL_WMTS>",
        "wcs": f"<WCS_GDAL><ServiceURL>{url}/</ServiceURL><CoverageName>x</CoverageName></WCS_GDAL>",
        "mrf": f"<MRF_META><CachedSource><Source>/vsicurl/{url}/x.tif</Source></CachedSource><Raster>"
        f'<Size x="{SIDE}" y="{SIDE}"/></Raster></MRF_META>',
        "gti": f"<GDALTileIndexDataset><IndexDataset>/vsicurl/{url}/x.gpkg</IndexDataset>"
        "</GDALTileIndexDataset>",
        "stacit": '{"type":"FeatureCollection","stac_version":"1.0.0","features":[{"type":"Feature",'
        f'"stac_version":"1.0.0","assets":{{"x":{{"href":"{url}/x.tif"}}}}}}]}}',
        "envi": "ENVI\nsamples = 192\nlines = 192\n",
        "netcdf": "CDF\x01",
        "hdf": "\x89HDF\r\n\x1a\n",
        "aaigrid": "ncols 192\nnrows 192\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2 3\n",
        "pds4": f"<Product_Observational><File><file_name>{secret}</file_name></File>"
        "</Product_Observational>",
    }
    return {**{name: text.encode("latin-1") for name, text in texts.items()}, "zip": packed.getvalue()}


def _images(url: str, secret: Path, pipe: Path) -> dict[str, bytes]:
    """Return sound GeoTIFFs whose metadata lead elsewhere."""
    pixels = zeros(SIDE * SIDE * 2)
    remote = f"/vsicurl/{url}/x.tif"

    def with_tags(*tags: Tag) -> bytes:
        return tiff_of(SIDE, SIDE, pixels, [8], [len(pixels)], more=tags)

    def with_crs(text: str) -> bytes:
        words = f"ESRI PE String = {text}|".encode() + b"\0"
        keys = [1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 32767, 3073, 34737, len(words) - 1, 0]
        return with_tags(Tag(34735, 3, keys), Tag(34737, 2, words))

    grid = (
        'PROJCS["x",GEOGCS["x",DATUM["x",SPHEROID["x",6378137,298.25],EXTENSION["PROJ4_GRIDS","{0}"]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
        'PARAMETER["central_meridian",15],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
        'UNIT["metre",1],EXTENSION["PROJ4","+proj=utm +zone=33 +ellps=bessel +nadgrids={0} +units=m"]]'
    )
    return {
        "overview-elsewhere": with_tags(metadata(("OVERVIEWS", "OVERVIEW_FILE", remote))),
        "overview-in-a-pipe": with_tags(metadata(("OVERVIEWS", "OVERVIEW_FILE", str(pipe)))),
        "proxy-overview": with_tags(metadata(("ProxyOverviewRequest", "FILENAME", remote))),
        "vrt-in-metadata": with_tags(metadata(("xml:VRT", "", _vrt(remote)))),
        "mask-elsewhere": with_tags(metadata(("", "INTERNAL_MASK_FLAGS_1", "2"), ("", "MASK_FILE", remote))),
        "grid-shift-in-a-pipe": with_crs(grid.format(pipe)),
        "grid-shift-elsewhere": with_crs(grid.format(f"{url}/x.gsb")),
        "grid-shift-without-end": with_crs(grid.format("/dev/zero")),
    }


def _sidecar(target: str) -> str:
    return (
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{target}</MDI></Metadata>'
        f'<Metadata domain="IMAGE_STRUCTURE"><MDI key="X">{target}</MDI></Metadata></PAMDataset>'
    )
