"""Which hosts are asked on the word of others: what a catalogue names must not lead into our own network."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import urlsplit

from earthgazer_core.errors import RefusedError
from earthgazer_core.settings import CatalogSettings
from earthgazer_core.web import shown

ANY_PUBLIC: Final = "*"
"""Stands for every host whose address is public."""
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_SETTING: Final = "EARTHGAZER__CATALOG__HOSTS"
_PAID: Final = frozenset({"usgs-landsat", "sentinel-s2-l1c", "sentinel-s2-l2a"})
"""Buckets on Amazon of the providers that we know, which answer nobody without keys: requesters pay."""
_WITH_KEYS: Final = {"eodata.dataspace.copernicus.eu": frozenset({"eodata"})}
"""Likewise by the service that has them: whoever names it as the endpoint has keys of it."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts and schemes that may be asked for what a catalogue, or a redirect, names."""

    named: tuple[str, ...] = (ANY_PUBLIC,)
    """``host``, ``host:port``, ``*.domain``, or ``*`` for every public one; what is named may be private."""
    schemes: tuple[str, ...] = ("https", "http", "s3", "gs")
    """Schemes that may be asked."""
    own: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    """(host, port) that the operator gave, such as the catalogue's; a bucket has port 0."""

    @classmethod
    def of(cls, settings: CatalogSettings) -> Self:
        """Return what the settings allow, the catalogue's own host included."""
        hosts = cls(tuple(settings.hosts), tuple(settings.schemes))
        return hosts if settings.url is None else hosts.trusting(settings.url)

    def trusting(self, href: str) -> Self:
        """Return these and the host and port, or the bucket, of an address that the operator gave."""
        try:
            place = _place(href)
        except ValueError:
            place = None
        return self if place is None else replace(self, own=self.own | {place})

    def check(self, href: str) -> None:
        """Refuse an address for what it says; what a name stands for is seen when it is looked up.

        Raises:
            RefusedError: a scheme or a host that isn't allowed, or a private address.
        """
        try:
            scheme, host, port = _parts(href)
        except ValueError:
            raise RefusedError(f"{shown(href)} is no usable address") from None
        if scheme not in self.schemes:
            raise RefusedError(
                f"{shown(href)}: {scheme or 'no scheme'} is none of {', '.join(self.schemes)},"
                " which a catalogue may use (EARTHGAZER__CATALOG__SCHEMES)"
            )
        if self._is_named(host, port):
            return
        if ANY_PUBLIC not in self.named:
            raise RefusedError(f"{shown(href)}: {host} is none of the hosts that {_SETTING} names")
        address = _literal(host)
        if host == "localhost" or host.endswith(".localhost") or (address and not is_public(address)):
            raise RefusedError(_inside(shown(href)))

    def lends_keys(self, href: str, endpoint: str | None) -> bool:
        """Whether a bucket that a catalogue names is asked with our keys, rather than as anybody may ask it.

        What we are allowed to read, and what we pay for, is not for a catalogue to choose: only buckets that
        are named one by one, and those of providers that we know.

        Args:
            href: Address of an object in it.
            endpoint: The S3 service that has it; None for Amazon.
        """
        scheme, bucket, _ = _parts(href)
        if scheme != "s3":
            return False
        service = urlsplit(endpoint).hostname or "" if endpoint else ""
        known = _WITH_KEYS.get(service, frozenset()) if endpoint else _PAID
        return bucket in known or bucket in self.named or (bucket, 0) in self.own

    def addresses(self, host: str, port: int) -> list[str]:
        """Return what to connect to: the name itself where it is allowed by name, else public addresses.

        Raises:
            RefusedError: it isn't allowed, or stands for addresses of our own network alone.
            OSError: the name can't be looked up.
        """
        plain = _plain(host)
        if self._is_named(plain, port):
            return [host]
        if ANY_PUBLIC not in self.named:
            raise RefusedError(f"{plain} is none of the hosts that {_SETTING} names")
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        public = [
            str(entry[4][0])
            for entry in found
            if is_public(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]))
        ]
        if not public:
            raise RefusedError(_inside(plain))
        return list(dict.fromkeys(public))

    def _is_named(self, host: str, port: int) -> bool:
        if (host, port) in self.own:
            return True
        for name in self.named:
            wanted = name.lower()
            if wanted in (host, f"{host}:{port}", f"[{host}]:{port}"):
                return True
            if wanted.startswith("*.") and host.endswith(wanted[1:]):
                return True
        return False


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one of the public network, also where it is written within another one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inside(what: str) -> str:
    return f"{what} lies in this network, where no catalogue may lead; if it is meant, name it in {_SETTING}"


def _parts(href: str) -> tuple[str, str, int]:
    parts = urlsplit(href)
    scheme, host = parts.scheme.lower(), _plain(parts.hostname or "")
    if scheme in ("s3", "gs"):
        # A bucket is no host: its name is compared as it is, and who serves it is the settings' to say.
        return scheme, parts.netloc, 0
    if not host:
        raise ValueError(f"{scheme}: no host")
    return scheme, host, parts.port or _PORTS.get(scheme, 0)


def _place(href: str) -> tuple[str, int] | None:
    if urlsplit(href).scheme.lower() not in (*_PORTS, "s3"):
        return None
    _, host, port = _parts(href)
    return host, port


def _plain(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # What the C library reads as an address as well: 127.1, 0x7f000001, 2130706433.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
