"""Downloads over http: resumed, verified, and honest about what went wrong."""

from __future__ import annotations

import hashlib
import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from earthgazer_core.domain.progress import Progress
from earthgazer_core.errors import (
    InvalidInputError,
    NotFoundError,
    RefusedError,
    RemoteUnavailableError,
    ServiceUnavailableError,
    StorageError,
)
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import download as download_of
from earthgazer_core.storage.fetch import fetch
from earthgazer_core.storage.lock import locked
from earthgazer_core.storage.transfer import source_of
from tests.core.storage.web_server import LOOPBACK, Answer, Cut, WebServer

BYTES = os.urandom(3_000_000)
SHA256 = hashlib.sha256(BYTES).hexdigest()
download = partial(download_of, hosts=LOOPBACK)


@pytest.fixture
def band(web: WebServer) -> str:
    web.files["/band.tif"] = BYTES
    return f"{web.url}/band.tif"


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_real_band_arrives_byte_for_byte(
    web: WebServer, test_data: Path, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    data = (test_data / "sentinel2/29RKH_20200219_L2A/B04.tif").read_bytes()
    web.files["/B04.tif"] = data
    reports: list[Progress] = []
    got = download(
        f"{web.url}/B04.tif", tmp_path / "raw" / "B04.tif", settings=storage_settings,
        expected_sha256=hashlib.sha256(data).hexdigest(), expected_size=len(data), progress=reports.append,
    )  # fmt: skip
    assert got.path.read_bytes() == data
    assert leftovers(tmp_path / "raw") == ["B04.tif"]
    assert reports[0].done == 0
    assert reports[-1].percent == 100
    assert [report.done for report in reports] == sorted(report.done for report in reports)


def test_a_second_download_asks_for_nothing(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    for _ in range(2):
        download(band, tmp_path / "b.tif", settings=storage_settings, expected_sha256=SHA256)
    assert len(web.requests) == 1


def test_a_broken_connection_is_taken_up_where_it_broke(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.next_answers.append(Cut(1_200_000))
    got = download(band, tmp_path / "b.tif", settings=storage_settings)
    assert got.sha256 == SHA256
    assert [request.headers.get("Range") for request in web.requests] == [None, "bytes=1200000-"]


def test_what_came_survives_for_a_later_call(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.next_answers.extend([Cut(900_000), Answer(503, {"Retry-After": "7"})])
    with pytest.raises(RemoteUnavailableError) as caught:
        download(band, tmp_path / "b.tif", settings=storage_settings, expected_sha256=SHA256)
    assert caught.value.retry_after_s == 7
    assert not (tmp_path / "b.tif").exists()
    assert (tmp_path / ".b.tif.part").stat().st_size == 900_000
    download(band, tmp_path / "b.tif", settings=storage_settings, expected_sha256=SHA256)
    assert web.requests[-1].headers["Range"] == "bytes=900000-"
    assert leftovers(tmp_path) == ["b.tif"]


def test_a_file_that_changed_meanwhile_starts_anew(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.next_answers.extend([Cut(900_000), Answer(503)])
    with pytest.raises(RemoteUnavailableError):
        download(band, tmp_path / "b.tif", settings=storage_settings)
    web.files["/band.tif"] = other = os.urandom(2_000_000)
    assert download(band, tmp_path / "b.tif", settings=storage_settings).path.read_bytes() == other


def test_a_server_without_if_range_can_not_mix_two_files(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.knows_if_range = False
    web.next_answers.extend([Cut(900_000), Answer(503)])
    with pytest.raises(RemoteUnavailableError):
        download(band, tmp_path / "b.tif", settings=storage_settings)
    web.files["/band.tif"] = other = os.urandom(3_000_000)
    assert download(band, tmp_path / "b.tif", settings=storage_settings).path.read_bytes() == other


def test_a_server_without_ranges_sends_it_all_again(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.knows_ranges = False
    web.next_answers.append(Cut(900_000))
    assert download(band, tmp_path / "b.tif", settings=storage_settings).sha256 == SHA256


def test_nothing_is_resumed_that_can_not_be_recognised(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.says_etag = False
    web.next_answers.append(Cut(900_000))
    with pytest.raises(RemoteUnavailableError, match="broke"):
        download(band, tmp_path / "b.tif", settings=storage_settings)
    assert download(band, tmp_path / "b.tif", settings=storage_settings).sha256 == SHA256
    assert all("Range" not in request.headers for request in web.requests)


def test_a_partial_file_that_was_tampered_with_is_noticed_and_fetched_again(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.next_answers.extend([Cut(900_000), Answer(503)])
    with pytest.raises(RemoteUnavailableError):
        download(band, tmp_path / "b.tif", settings=storage_settings)
    (tmp_path / ".b.tif.part").write_bytes(b"x" * 900_000)
    got = download(band, tmp_path / "b.tif", settings=storage_settings, expected_sha256=SHA256)
    assert got.path.read_bytes() == BYTES


def test_a_partial_file_longer_than_its_source_starts_anew(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.next_answers.extend([Cut(900_000), Answer(503)])
    with pytest.raises(RemoteUnavailableError):
        download(band, tmp_path / "b.tif", settings=storage_settings)
    (tmp_path / ".b.tif.part").write_bytes(b"x" * 4_000_000)
    assert download(band, tmp_path / "b.tif", settings=storage_settings).sha256 == SHA256


def test_other_bytes_than_promised_are_refused_and_leave_nothing(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    with pytest.raises(StorageError, match="does not match its checksum"):
        download(band, tmp_path / "b.tif", settings=storage_settings, expected_sha256="0" * 64)
    assert leftovers(tmp_path) == []


def test_another_length_than_promised_is_refused_before_it_is_read(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    with pytest.raises(StorageError, match="3000000 bytes where 5 were promised"):
        download(band, tmp_path / "b.tif", settings=storage_settings, expected_size=5)
    assert leftovers(tmp_path) == []


def test_without_a_length_the_promised_one_tells_a_half_copy(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.says_length = False
    web.says_etag = False
    web.next_answers.append(Cut(1_000_000))
    with pytest.raises(RemoteUnavailableError, match="1000000 of 3000000"):
        download(band, tmp_path / "b.tif", settings=storage_settings, expected_size=len(BYTES))
    assert not (tmp_path / "b.tif").exists()


def test_a_file_with_the_right_name_but_other_bytes_is_replaced(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    (tmp_path / "b.tif").write_bytes(b"x" * len(BYTES))
    download(band, tmp_path / "b.tif", settings=storage_settings, expected_sha256=SHA256)
    assert (tmp_path / "b.tif").read_bytes() == BYTES


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(404), NotFoundError, "does not exist"),
        (Answer(410), NotFoundError, "does not exist"),
        (Answer(403), StorageError, "login"),
        (Answer(401), StorageError, "login"),
        (Answer(400), StorageError, "answered 400"),
        (Answer(500), RemoteUnavailableError, "answered 500"),
        (Answer(429, {"Retry-After": "12"}), RemoteUnavailableError, "answered 429"),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>"), StorageError, "web page"),
        (Answer(200, {"Content-Encoding": "gzip"}, b"x"), StorageError, "compressed"),
        (Answer(302, {"Location": "file:///etc/passwd"}), StorageError, "redirects to file:///etc/passwd"),
        (Answer(302, {"Location": "ftp://127.0.0.1/x"}), StorageError, "not allowed"),
    ],
)
def test_each_refusal_has_its_error(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings,
    answer: Answer, error: type[Exception], words: str,
) -> None:  # fmt: skip
    web.next_answers.append(answer)
    with pytest.raises(error, match=words):
        download(band, tmp_path / "b.tif", settings=storage_settings)
    assert leftovers(tmp_path) == []


def test_a_redirect_is_followed(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.next_answers.append(Answer(307, {"Location": "/band.tif"}))
    got = download(f"{web.url}/elsewhere", tmp_path / "b.tif", settings=storage_settings)
    assert got.sha256 == SHA256


def test_redirects_in_a_circle_end(web: WebServer, tmp_path: Path, storage_settings: StorageSettings) -> None:
    web.routes["/a"] = lambda request: Answer(302, {"Location": "/a"})
    with pytest.raises(StorageError, match="redirects more than"):
        download(f"{web.url}/a", tmp_path / "b.tif", settings=storage_settings)


def test_a_server_that_falls_silent_is_left(web: WebServer, band: str, tmp_path: Path) -> None:
    web.hold()
    with pytest.raises(RemoteUnavailableError, match="what came is kept"):
        download(
            band, tmp_path / "b.tif", settings=StorageSettings(data_path=tmp_path / "data", timeout_s=0.3)
        )
    web.release()
    assert not (tmp_path / "b.tif").exists()


def test_nobody_listening_is_transient(tmp_path: Path, storage_settings: StorageSettings) -> None:
    with pytest.raises(RemoteUnavailableError, match="can't be reached"):
        download("http://127.0.0.1:9/x", tmp_path / "b.tif", settings=storage_settings)
    assert leftovers(tmp_path) == []


def test_secrets_of_an_address_stay_out_of_messages(
    web: WebServer, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    href = web.url.replace("//", "//user:hunter2@") + "/missing.tif?sig=hunter3\n\x1b[31m"
    with pytest.raises(NotFoundError) as caught:
        download(href, tmp_path / "b.tif", settings=storage_settings)
    assert "hunter" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "href", ["", "x", "ftp://h/x", "http://", "http://[::1", "s3://", "javascript:1", "/etc/passwd"]
)
def test_no_address_is_an_error_of_input(
    href: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    with pytest.raises(InvalidInputError):
        download(href, tmp_path / "b.tif", settings=storage_settings)


def test_local_files_have_to_be_allowed(tmp_path: Path, storage_settings: StorageSettings) -> None:
    here = tmp_path / "here with space.tif"
    here.write_bytes(b"abc")
    with pytest.raises(RefusedError):
        download(here.as_uri(), tmp_path / "b.tif", settings=storage_settings)
    got = download(here.as_uri(), tmp_path / "b.tif", settings=storage_settings, allow_local=True)
    assert got.path.read_bytes() == b"abc"


def test_links_devices_and_pipes_are_no_files(tmp_path: Path, storage_settings: StorageSettings) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "link", tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(StorageError):
            download(path.as_uri(), tmp_path / "b", settings=storage_settings, allow_local=True)


def test_an_empty_file_is_a_whole_one(
    web: WebServer, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.files["/empty"] = b""
    assert download(f"{web.url}/empty", tmp_path / "e", settings=storage_settings).size_bytes == 0
    assert leftovers(tmp_path) == ["e"]


def test_two_at_once_do_not_write_into_one_another(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    source = source_of(band, storage_settings, hosts=LOOPBACK)
    with locked(tmp_path / ".b.tif.part", 1), pytest.raises(ServiceUnavailableError, match="another process"):
        fetch(source, tmp_path / "b.tif", patience_s=0.1)
    assert download(band, tmp_path / "b.tif", settings=storage_settings).sha256 == SHA256


def test_without_a_word_of_the_operator_nothing_is_fetched_from_this_network(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    with pytest.raises(RefusedError, match="lies in this network"):
        download_of(band, tmp_path / "b.tif", settings=storage_settings)
    with pytest.raises(InvalidInputError):
        download(f"s3://{band.removeprefix('http://')}", tmp_path / "b.tif", settings=storage_settings)
    assert web.requests == []
    assert leftovers(tmp_path) == []


def test_a_redirect_into_this_network_is_not_followed(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    place = band.replace("127.0.0.1", "localhost")
    web.next_answers.append(Answer(302, {"Location": place}))
    with pytest.raises(RefusedError, match="localhost is none of the hosts"):
        download(f"{web.url}/a", tmp_path / "b.tif", settings=storage_settings)
    web.next_answers.append(Answer(302, {"Location": "http://[::1"}))
    with pytest.raises(StorageError, match="redirects to an address that can't be read"):
        download(f"{web.url}/a", tmp_path / "b.tif", settings=storage_settings)
    assert len(web.requests) == 2
    assert leftovers(tmp_path) == []


def test_no_file_is_larger_than_the_settings_allow(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    settings = storage_settings.model_copy(update={"max_file_bytes": 1_000_000})
    for web.says_length in (True, False):
        with pytest.raises(StorageError, match="EARTHGAZER__STORAGE__MAX_FILE_BYTES"):
            download(band, tmp_path / "b.tif", settings=settings)
        assert leftovers(tmp_path) == []


def test_more_than_was_promised_is_given_up_before_it_is_all_here(
    web: WebServer, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.says_length = False
    written: list[int] = []
    with pytest.raises(StorageError, match="where 5 were promised"):
        download(
            band, tmp_path / "b.tif", settings=storage_settings, expected_size=5,
            progress=lambda report: written.append(report.done),
        )  # fmt: skip
    assert max(written) == 0
    assert leftovers(tmp_path) == []


def test_lengths_of_nonsense_are_no_lengths(
    web: WebServer, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    web.next_answers.append(Answer(206, {"Content-Range": f"bytes {'9' * 5000}-1/2"}, b"x"))
    with pytest.raises(StorageError, match="another range"):
        download(f"{web.url}/a", tmp_path / "b.tif", settings=storage_settings)


@pytest.mark.parametrize("suffix", [".part", ".part.json", ".part.json.new"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_nothing_is_written_through_what_was_planted_beside_the_target(
    suffix: str, kind: str, band: str, tmp_path: Path, storage_settings: StorageSettings
) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    folder = tmp_path / "got"
    folder.mkdir()
    planted = folder / f".b.tif{suffix}"
    if kind == "link":
        planted.symlink_to(precious)
    else:
        os.mkfifo(planted)
    is_refused = suffix == ".part"
    with pytest.raises(StorageError, match="can't be written") if is_refused else nullcontext():
        assert download(band, folder / "b.tif", settings=storage_settings).sha256 == SHA256
    assert precious.read_bytes() == b"precious"
