"""No catalogue leads into our own network, however it writes the address."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from earthgazer_core.errors import RefusedError
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import CatalogSettings

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "LocalHost.",
        "a.localhost",
        "0.0.0.0", "10.1.2.3",  # noqa: S104
        "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[ff02::1]", "user:word@127.0.0.1", "1.1.1.1@127.0.0.1",
    ],
)  # fmt: skip
def test_addresses_of_this_network_are_refused_before_anything_is_asked(host: str) -> None:
    with pytest.raises(RefusedError, match="lies in this network") as caught:
        Hosts().check(f"http://{host}:8080/x.tif")
    assert "EARTHGAZER__CATALOG__HOSTS" in str(caught.value)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    "href", ["https://example.com/x.tif", f"http://{PUBLIC}/x.tif", "s3://sentinel-cogs/x"]
)
def test_public_ones_may_be_asked(href: str) -> None:
    Hosts().check(href)


@pytest.mark.parametrize(
    "href", ["file:///etc/passwd", "ftp://example.com/x", "/etc/passwd", "http://[::1", "http://"]
)
def test_other_schemes_and_what_is_no_address_are_refused(href: str) -> None:
    with pytest.raises(RefusedError):
        Hosts().check(href)


def test_the_settings_name_hosts_and_schemes() -> None:
    hosts = Hosts.of(
        CatalogSettings(hosts=("minio.internal:9000", "*.corp.example", "10.0.0.5"), schemes=("https", "s3"))
    )
    for href in ("https://minio.internal:9000/x", "https://a.b.corp.example/x", "https://10.0.0.5/x"):
        hosts.check(href)
    for href in (
        "https://minio.internal/x", "https://corp.example/x", "https://evilcorp.example/x", "http://10.0.0.5/x",
        "https://example.com/x", "https://10.0.0.6/x",
    ):  # fmt: skip
        with pytest.raises(RefusedError):
            hosts.check(href)


def test_the_catalogues_own_host_and_port_are_the_operators_word() -> None:
    hosts = Hosts.of(CatalogSettings(kind="stac-api", url="http://127.0.0.1:8081/stac"))
    hosts.check("http://127.0.0.1:8081/data/x.tif")
    assert hosts.addresses("127.0.0.1", 8081) == ["127.0.0.1"]
    for href in ("http://127.0.0.1:6379/x.tif", "http://localhost:8081/x.tif", "http://127.0.0.1/x.tif"):
        with pytest.raises(RefusedError):
            hosts.check(href)


def test_a_name_is_judged_by_what_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "public.example": [PUBLIC],
        "inside.example": ["10.0.0.1", "::1"],
        "both.example": ["127.0.0.1", PUBLIC],
    }

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert Hosts().addresses("public.example", 80) == [PUBLIC]
    assert Hosts().addresses("both.example", 80) == [PUBLIC]
    with pytest.raises(RefusedError, match=r"inside\.example lies in this network"):
        Hosts().addresses("inside.example", 80)
    assert Hosts(("inside.example",)).addresses("inside.example", 80) == ["inside.example"]
    with pytest.raises(RefusedError, match="none of the hosts"):
        Hosts(("inside.example",)).addresses("public.example", 80)


@pytest.mark.parametrize(
    ("named", "href", "endpoint", "is_lent"),
    [
        (("*",), "s3://anybodys/x.jp2", None, False),
        (("*",), "s3://usgs-landsat/x.TIF", None, True),
        (("*",), "s3://usgs-landsat/x.TIF", "https://minio.internal:9000", False),
        (("*",), "s3://usgs-landsat@anybodys/x.TIF", None, False),
        (("*",), "s3://eodata/x.jp2", None, False),
        (("*",), "s3://eodata/x.jp2", "https://eodata.dataspace.copernicus.eu", True),
        (("*", "ours"), "s3://ours/x.tif", "https://minio.internal:9000", True),
        (("*", "ours"), "s3://Ours/x.tif", None, False),
        (("*.corp.example",), "s3://evil.corp.example/x.tif", None, False),
        (("*", "ours"), "gs://ours/x.tif", None, False),
        (("*", "ours"), "https://ours/x.tif", None, False),
    ],
)
def test_keys_are_lent_to_buckets_that_are_named_and_to_those_of_known_providers(
    named: tuple[str, ...], href: str, endpoint: str | None, is_lent: bool
) -> None:
    assert Hosts(named).lends_keys(href, endpoint) is is_lent


def test_a_bucket_of_a_catalogue_on_disk_is_the_operators_word() -> None:
    assert Hosts(("a.example",)).trusting("s3://ours/x.tif").lends_keys("s3://ours/y.tif", None)
    Hosts(("a.example",)).trusting("s3://ours/x.tif").check("s3://ours/y.tif")
    assert not Hosts().trusting("s3://ours/x.tif").lends_keys("s3://theirs/y.tif", None)
