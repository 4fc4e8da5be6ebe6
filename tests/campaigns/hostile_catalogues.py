"""Hostile catalogues: their answers, the addresses in them, downloads, and links planted in the store.

Run ``python -m tests.campaigns.hostile_catalogues [--seconds N] [--seed S]``.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.campaigns.catalogue_forge import (
    dumped,
    flipped,
    hard_documents,
    landsat_item,
    mutants,
    page_of,
    sentinel2_item,
)
from tests.campaigns.catalogue_victim import DATABASE
from tests.campaigns.confined import Confined, Outcome
from tests.campaigns.hostile_server import HostileServer, body, document, packed, raw, redirect
from tests.campaigns.services import campaign_services
from tests.campaigns.tally import Tally, arguments
from tests.campaigns.trap import Trap, setting

MEMORY_MB = 1500
"""Address space that a call may take."""
MOST_MB = 700
"""Memory that a call may really use."""
MOST_S = 60.0
"""No call takes longer."""
KINDS = ("stac-api", "stac-static")
"""Catalogues that are asked over the network."""
REBOUND = "rebound.example"
"""A name that stands for another address each time it is looked up."""
_PAGE = "/search"


def check_sound(tally: Tally, victim: Confined, server: HostileServer) -> None:
    """See that sound answers serve, so that refusals mean something."""
    server.ways[_PAGE] = document(page_of(sentinel2_item(server.url), landsat_item(server.url)))
    for kind in KINDS:
        outcome = _search(tally, victim, server, kind)
        tally.check(outcome.text == "2 captures", f"sound items ({kind}): {outcome.text}")
    server.ways["/x.tif"] = body(b"x" * 1000)


def check_fuzz(
    tally: Tally, victim: Confined, server: HostileServer, trap: Trap, seed: int, seconds: float
) -> None:
    """Answer with what chance makes of sound items, each beside a sound one that has to be found."""
    random_ = random.Random(seed)
    items = [sentinel2_item(server.url), landsat_item(server.url)]
    changed = mutants(items, random_, trap.url)
    deadline = time.monotonic() + seconds
    for number in itertools.count(1):
        if time.monotonic() > deadline:
            break
        kind = random_.choice(KINDS)
        sound = sentinel2_item(server.url, number % 1000)
        drawn = list(itertools.islice(changed, 20))
        text = dumped(page_of(sound, *drawn))
        is_damaged = random_.random() < 0.2
        server.ways[_PAGE] = body(flipped(text, random_) if is_damaged else text)
        outcome = _search(tally, victim, server, kind)
        is_found = outcome.kind == "done" and outcome.text != "0 captures"
        tally.check(is_found or is_damaged, f"seed {seed}, page {number} ({kind}): {outcome}")
        if not outcome.is_well:
            kept = Path(tempfile.gettempdir()) / f"hostile-{seed}-{number}.json"
            kept.write_bytes(text)
            tally.say(f"kept as {kept}")
        _see(tally, trap, f"seed {seed}, page {number}")
        tally.did("items at random", len(drawn))


def check_documents(tally: Tally, victim: Confined, server: HostileServer, *, most_bytes: int) -> None:
    """Answer with documents that are hard to read, without end, or packed."""
    for name, text in hard_documents(server.url):
        if len(text) <= most_bytes:
            server.ways[_PAGE] = body(text)
            for kind in KINDS:
                _search(tally, victim, server, kind, name)
    head = b'{"type":"FeatureCollection","features":['
    ways = {
        "drip": server.drip(head),
        "endless": server.endless(b"1," * 50_000),
        "endless, chunked": server.endless(b"5\r\n1,1,1\r\n" * 5000, {"Transfer-Encoding": "chunked"}),
        "silent": server.silent(),
        "packed": packed(1000),
        "packed wrong": body(b"hello", {"Content-Encoding": "gzip"}),
        "packed twice": body(b"\x1f\x8b", {"Content-Encoding": "gzip, gzip, br, zstd"}),
        "no http": raw(b"\0\1\2\3" * 100),
        "half a status": raw(b"HTTP/1."),
        "long header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"),
        "many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10_000 + b"\r\n"),
        "length of nonsense": raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 6000 + b"\r\n\r\n{"),
        "chunk of nonsense": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
        "later": body(b"", {"Retry-After": "9" * 5000}, 429),
        "teapot": body(b"", status=418),
    }
    for name, way in ways.items():
        server.ways[_PAGE] = way
        for kind in KINDS:
            _search(tally, victim, server, kind, name, is_refused=True)


def check_paging(tally: Tally, victim: Confined, server: HostileServer, trap: Trap) -> None:
    """Let pages lead in circles, on and on, and elsewhere."""
    item = sentinel2_item(server.url)

    def leading(**link: object) -> dict[str, object]:
        return page_of(item, links=[{"rel": "next", **link}])

    here = f"{server.url}{_PAGE}"
    links = {
        "to itself": leading(href=here),
        "to itself by POST": leading(href=here, method="POST", body={"next": "a"}),
        "to the trap": leading(href=f"{trap.url}/search"),
        "to the trap by POST": leading(href=f"{trap.url}/search", method="POST", body={"a": 1}),
        "to the trap by DELETE": leading(href=f"{trap.url}/search", method="DELETE"),
        "deleting here": leading(href=here, method="DELETE"),
        "to a file": leading(href="file:///etc/passwd"),
        "to a path": leading(href="/etc/passwd"),
        "to nothing": leading(href=""),
        "to a number": leading(href=5),
        "without an address": leading(),
        "with odd headers": leading(href=f"{here}?x", headers={"Host": "a\r\nb: c", "X": 5}),
        "with odd body": leading(href=here, method="POST", body=[1]),
        "merging nonsense": leading(href=here, method="POST", merge=True, body="x"),
        "to another scheme": leading(href="gopher://127.0.0.1:70/"),
    }
    for name, page in links.items():
        server.ways[_PAGE] = document(page)
        _search(tally, victim, server, "stac-api", f"next page {name}", is_refused=True)
        _see(tally, trap, f"next page {name}")
    counter = itertools.count(1)

    def on_and_on(handler: BaseHTTPRequestHandler) -> None:
        document(leading(href=f"{here}?page={next(counter)}"))(handler)

    server.ways[_PAGE] = on_and_on
    _search(tally, victim, server, "stac-api", "pages on and on")
    tally.check(next(counter) < 1200, "more pages were asked for than items are taken")
    empty = page_of(links=[{"rel": "next", "href": f"{here}?x"}])
    server.ways[_PAGE] = document(empty)
    _search(tally, victim, server, "stac-api", "empty pages")
    for name, target in _targets(server, trap).items():
        server.ways[_PAGE] = redirect(target)
        for kind in KINDS:
            _search(tally, victim, server, kind, f"redirect {name}", is_refused=True)
            _see(tally, trap, f"redirect {name} ({kind})")
    children = {
        "type": "Catalog",
        "links": [{"rel": "child", "href": target} for target in _targets(server, trap).values()],
    }
    server.ways[_PAGE] = document(children)
    _search(tally, victim, server, "stac-static", "children elsewhere")
    _see(tally, trap, "children elsewhere")


def check_addresses(tally: Tally, victim: Confined, server: HostileServer, trap: Trap, folder: Path) -> None:
    """Let assets lie where nothing may be fetched from, told straight or by a redirect."""
    target = str(folder / "got" / "x.tif")
    own = f"127.0.0.1:{server.port}"
    for href in _private(trap.port):
        outcome = victim.call("download", href, target)
        _judge(tally, outcome, f"download of {href}", is_refused=True)
        _see(tally, trap, f"download of {href}")
        item = sentinel2_item(server.url)
        item["assets"]["B04"]["href"] = item["assets"]["B08"]["href"] = href
        server.ways[_PAGE] = document(page_of(item))
        for kind in KINDS:
            _search(tally, victim, server, kind, f"asset at {href}")
            _see(tally, trap, f"asset at {href}")
    for name, place in _targets(server, trap).items():
        server.ways["/moved.tif"] = redirect(place)
        outcome = victim.call("download", f"{server.url}/moved.tif", target, ["*", own])
        _judge(tally, outcome, f"download, redirect {name}", is_refused=True)
        _see(tally, trap, f"download, redirect {name}")
    outcome = victim.call("download", f"{server.url}/x.tif", target, ["elsewhere.example"])
    _judge(tally, outcome, "a host that isn't named", is_refused=True)
    outcome = victim.call("download", f"{server.url}/x.tif", target, [own])
    tally.check(outcome.text == "1000", f"a host that is named: {outcome}")
    _nothing_left(tally, folder / "got", "addresses")


def check_buckets(tally: Tally, victim: Confined, trap: Trap, folder: Path) -> None:
    """Let assets lie in buckets: our keys go to none that isn't named."""
    target = str(folder / "got" / "x.tif")
    for bucket in _BUCKETS:
        outcome = victim.call(
            "bucket", f"s3://{bucket}/x.tif", target, trap.url, ["*", "ours", "*.ours.example"]
        )
        _judge(tally, outcome, f"bucket {bucket}", is_refused=True)
        is_lent = any(b"OURKEY" in first or b"request-payer" in first for first in trap.visitors)
        tally.check(is_lent == (bucket == "ours"), f"bucket {bucket}: asked by {trap.visitors}")
        trap.visitors.clear()
        tally.did("buckets")
    _nothing_left(tally, folder / "got", "buckets")


def check_downloads(tally: Tally, victim: Confined, server: HostileServer, folder: Path) -> None:
    """Send files in every wrong way."""
    target = str(folder / "got" / "x.tif")
    ok = b"HTTP/1.1 200 OK\r\n"
    ways = {
        "endless": server.endless(b"x" * 65536),
        "endless, chunked": server.endless(b"5\r\nxxxxx\r\n" * 5000, {"Transfer-Encoding": "chunked"}),
        "more than said": raw(ok + b"Content-Length: 10\r\n\r\n" + b"x" * 100_000),
        "says too much": raw(ok + b"Content-Length: 999999999999\r\n\r\nx"),
        "says nonsense": raw(ok + b"Content-Length: " + b"9" * 6000 + b"\r\n\r\nx"),
        "says a negative": raw(ok + b"Content-Length: -5\r\n\r\nx"),
        "odd range": raw(b"HTTP/1.1 206 x\r\nContent-Range: bytes " + b"9" * 5000 + b"-1/2\r\n\r\nx"),
        "packed": packed(200),
        "a page": body(b"<html>", {"Content-Type": "text/html"}),
        "odd tags": body(b"x", {"ETag": '"' + "é" * 500 + '"', "Last-Modified": "\x7f"}),
        "circle": redirect(f"{server.url}/odd.tif"),
        "nowhere": redirect("http://[::1"),
        "silent": server.silent(),
    }
    for name, way in ways.items():
        server.ways["/odd.tif"] = way
        outcome = victim.call("download", f"{server.url}/odd.tif", target, [f"127.0.0.1:{server.port}"])
        _judge(tally, outcome, f"download: {name}")
        is_kept = outcome.error.endswith("(transient)")
        if not is_kept:
            _nothing_left(tally, folder / "got", f"download: {name}")
        for path in (folder / "got").glob(".*"):
            path.unlink()


def check_links(tally: Tally, victim: Confined, server: HostileServer, folder: Path) -> None:
    """Plant links and pipes in a store, where files, parts and notes will be, and folders."""
    local = folder / "local.tif"
    local.write_bytes(b"y" * 5000)
    outside = folder / "outside"
    for number, (name, plant) in enumerate(_PLANTS.items()):
        root = folder / f"store-{number}"
        (root / "SENTINEL-2A").mkdir(parents=True)
        outside.mkdir(exist_ok=True)
        precious = outside / "precious"
        precious.write_bytes(b"precious")
        plant(root, outside)
        key = "SENTINEL-2A/product/B04.tif"
        for call in (
            ("put", str(local), str(root), key),
            ("backup", f"{server.url}/x.tif", str(root), key, [f"127.0.0.1:{server.port}"]),
        ):
            outcome = victim.call(*call)
            _judge(tally, outcome, f"store with {name} ({call[0]})")
            tally.check(precious.read_bytes() == b"precious", f"{name}: a file outside was overwritten")
            found = sorted(path.name for path in outside.iterdir())
            tally.check(found == ["precious"], f"{name}: {found} outside")
            tally.did("links planted")


def check_names(tally: Tally, victim: Confined, sound: Path) -> None:
    """Add a sound file under names that lead elsewhere."""
    for name in (
        "../../x",
        "/etc/passwd",
        "..",
        ".",
        "a/b",
        "a\0b",
        "-rf",
        "~",
        "%2e%2e",
        "x" * 5000,
        " ",
        "\n",
    ):
        for given in (("SENTINEL-2A", "B04", str(sound), name), ("SENTINEL-2A", name, str(sound), "p"),
                      (name, "B04", str(sound), "p")):  # fmt: skip
            outcome = victim.call("add", *given)
            _judge(tally, outcome, f"captures add {given[0]!r:.40} {given[1]!r:.40} {given[3]!r:.40}")
            tally.did("names")


def _plant_target(root: Path, outside: Path) -> None:
    (root / "SENTINEL-2A" / "product").mkdir()
    (root / "SENTINEL-2A" / "product" / "B04.tif").symlink_to(outside / "precious")


def _plant_new(root: Path, outside: Path) -> None:
    (root / "SENTINEL-2A" / "product").mkdir()
    (root / "SENTINEL-2A" / "product" / "B04.tif").symlink_to(outside / "new")


def _plant_folder(root: Path, outside: Path) -> None:
    (root / "SENTINEL-2A" / "product").symlink_to(outside)


def _plant_mission(root: Path, outside: Path) -> None:
    (root / "SENTINEL-2A").rmdir()
    (root / "SENTINEL-2A").symlink_to(outside)


def _plant_beside(suffix: str, root: Path, outside: Path) -> None:
    (root / "SENTINEL-2A" / "product").mkdir()
    (root / "SENTINEL-2A" / "product" / f".B04.tif{suffix}").symlink_to(outside / "precious")


def _plant_pipe(suffix: str, root: Path, outside: Path) -> None:
    (root / "SENTINEL-2A" / "product").mkdir()
    os.mkfifo(root / "SENTINEL-2A" / "product" / f".B04.tif{suffix}")


_PLANTS: dict[str, Callable[[Path, Path], None]] = {
    "a link at the target": _plant_target,
    "a link to nothing at the target": _plant_new,
    "a link as its folder": _plant_folder,
    "a link as its mission": _plant_mission,
    "a link as its part": lambda root, outside: _plant_beside(".part", root, outside),
    "a link as its note": lambda root, outside: _plant_beside(".part.json", root, outside),
    "a link as its new note": lambda root, outside: _plant_beside(".part.json.new", root, outside),
    "a pipe as its part": lambda root, outside: _plant_pipe(".part", root, outside),
    "a pipe as its note": lambda root, outside: _plant_pipe(".part.json", root, outside),
    "a pipe as its new note": lambda root, outside: _plant_pipe(".part.json.new", root, outside),
}


_BUCKETS = (
    "ours", "anybodys", "ours.example", "evil.ours.example", "OURS", "ours@anybodys", "anybodys@ours",
    "ours:80", "usgs-landsat", "eodata", "..", "*", "%6furs", "ours%2f..%2fx", "ours ", "xn--ours",
    "169.254.169.254",
)  # fmt: skip


def _private(port: int) -> Sequence[str]:
    hosts = (
        "127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "127.1", "127.0.0.1.", "2130706433",
        "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",  # noqa: S104
        "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "user:secret@127.0.0.1",
        "1.1.1.1@127.0.0.1", "1.1.1.1\\@127.0.0.1", "127。0。0。1",
    )  # fmt: skip
    others = (
        "http://169.254.169.254/latest/meta-data/x.tif", "http://10.0.0.1/x.tif", "http://192.168.1.1/x.tif",
        "http://[fd00::1]/x.tif", "http://[fe80::1%25lo]/x.tif", "http://100.64.0.1/x.tif",
        f"s3://127.0.0.1:{port}/x.tif", f"s3://x@127.0.0.1:{port}/x.tif", f"gs://127.0.0.1:{port}/x.tif",
        f"ftp://127.0.0.1:{port}/x.tif", f"gopher://127.0.0.1:{port}/x.tif", "file:///etc/passwd",
        "/etc/passwd",
        f"file://127.0.0.1:{port}/x.tif", f"/vsicurl/http://127.0.0.1:{port}/x.tif", f"http:127.0.0.1:{port}",
        f"//127.0.0.1:{port}/x.tif", f"http://{REBOUND}:{port}/x.tif",
    )  # fmt: skip
    return [*(f"http://{host}:{port}/x.tif" for host in hosts), *others]


def _targets(server: HostileServer, trap: Trap) -> dict[str, str]:
    return {
        "to the trap": f"{trap.url}/x.tif",
        "to the trap by name": f"http://localhost:{trap.port}/x.tif",
        "to the trap by number": f"http://2130706433:{trap.port}/x.tif",
        "to the trap in six": f"http://[::ffff:127.0.0.1]:{trap.port}/x.tif",
        "to a file": "file:///etc/passwd",
        "to metadata": "http://169.254.169.254/x.tif",
        "to ftp": f"ftp://127.0.0.1:{trap.port}/x.tif",
        "to nonsense": "http://[::1",
        "to nothing": "http://",
    }


def _search(
    tally: Tally, victim: Confined, server: HostileServer, kind: str, name: str = "",
    *, is_refused: bool = False,
) -> Outcome:  # fmt: skip
    outcome = victim.call("search", kind, f"{server.url}{_PAGE}")
    _judge(tally, outcome, f"{name or 'search'} ({kind})", is_refused=is_refused)
    tally.did("searches")
    return outcome


def _judge(tally: Tally, outcome: Outcome, name: str, *, is_refused: bool = False) -> None:
    tally.check(outcome.is_well, f"{name}: {outcome.kind} {outcome.error}: {outcome.text[:600]}")
    tally.check(not is_refused or outcome.kind == "refused", f"{name} was served: {outcome.text}")
    tally.check(outcome.grown_mb <= MOST_MB, f"{name}: {outcome.grown_mb} MB")
    is_short = outcome.kind == "done" or len(outcome.text) < 2000
    tally.check(is_short, f"{name}: an error of {len(outcome.text)} characters")
    tally.did(outcome.kind)


def _see(tally: Tally, trap: Trap, name: str) -> None:
    for what in trap.caught():
        tally.fault(f"{name}: {what}")


def _nothing_left(tally: Tally, folder: Path, name: str) -> None:
    left = [path.name for path in folder.iterdir()] if folder.exists() else []
    tally.check(not left, f"{name}: left over {left}")


def victims(seconds: float = MOST_S) -> Confined:
    """Return a child that asks catalogues."""
    return Confined("tests.campaigns.catalogue_victim:use", memory_mb=MEMORY_MB, seconds=seconds)


def lairs(folder: Path) -> Iterator[tuple[HostileServer, Trap]]:
    """Yield a server that is asked, and a trap that isn't."""
    server = HostileServer()
    os.environ["EARTHGAZER_CAMPAIGN_NAME"] = REBOUND
    try:
        with setting(folder) as trap, server.running():
            yield server, trap
    finally:
        del os.environ["EARTHGAZER_CAMPAIGN_NAME"]


def campaign(tally: Tally, seed: int, seconds: float) -> None:
    """Do all of it."""
    from tests.campaigns.image_forge import sound_images

    with campaign_services() as services:
        os.environ[DATABASE] = services.postgres.url
        folder = services.directory / "catalogues"
        folder.mkdir()
        for server, trap in lairs(folder):
            with victims() as victim:
                check_sound(tally, victim, server)
                tally.say("sound answers serve")
                check_links(tally, victim, server, folder)
                check_names(tally, victim, sound_images(folder)["stored.tif"])
                tally.say("links and names done")
                check_addresses(tally, victim, server, trap, folder)
                tally.say("addresses done")
                check_buckets(tally, victim, trap, folder)
                tally.say("buckets done")
                check_downloads(tally, victim, server, folder)
                tally.say("downloads done")
                check_paging(tally, victim, server, trap)
                tally.say("paging done")
                check_documents(tally, victim, server, most_bytes=1 << 30)
                tally.say("documents done")
                check_fuzz(tally, victim, server, trap, seed, seconds)
        del os.environ[DATABASE]


def main() -> int:
    """Run the campaign."""
    wanted = arguments("Hostile catalogues.", 120.0)
    tally = Tally(f"hostile catalogues, seed {wanted.seed}")
    campaign(tally, wanted.seed, wanted.seconds)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
