"""Debian's Redis and Postgres with TLS, whose certificates a made-up authority signed."""

# ruff: noqa: E501 - tables of attacks read best on one line each
from __future__ import annotations

import datetime as dt
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REDIS = shutil.which("redis-server")
POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))), None)


def why_absent() -> str:
    """Return why TLS can't be tried here; empty where it can."""
    if REDIS is None or POSTGRES is None:
        return (
            "Debian's redis-server and postgresql aren't installed: apt-get install redis-server postgresql"
        )
    return ""


@dataclass(frozen=True)
class Authority:
    """Files of an authority and of a server called localhost that it vouches for."""

    ca: Path
    certificate: Path
    key: Path


def make_authority(directory: Path) -> Authority:
    """Make a new authority."""
    directory.mkdir()
    directory.chmod(0o755)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("campaign", "localhost")]
    now = dt.datetime.now(dt.UTC)
    paths = Authority(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    for number, path in enumerate((paths.ca, paths.certificate)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[number]).issuer_name(names[0]).public_key(keys[number].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )  # fmt: skip
        path.write_bytes(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    paths.key.write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    paths.key.chmod(0o600)
    return paths


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def tls_redis(directory: Path, authority: Authority) -> Iterator[str]:
    """Yield ``:password@localhost:port/0`` of a Redis that speaks TLS alone."""
    port, password = free_port(), secrets.token_hex(12)
    conf = directory / "redis.conf"
    conf.write_text(
        f'port 0\ntls-port {port}\nbind 127.0.0.1\nrequirepass {password}\nsave ""\ndir {directory}\n'
        f"tls-cert-file {authority.certificate}\ntls-key-file {authority.key}\ntls-ca-cert-file {authority.ca}\n"
        "tls-auth-clients no\n"
    )
    with subprocess.Popen([str(REDIS), str(conf)], stdout=subprocess.DEVNULL) as server:
        try:
            _wait(port)
            yield f":{password}@localhost:{port}/0"
        finally:
            server.terminate()


@contextmanager
def tls_postgres(directory: Path, authority: Authority) -> Iterator[str]:
    """Yield ``user:password@localhost:port/postgres`` of a Postgres that speaks TLS alone over TCP."""
    assert POSTGRES is not None
    home, port, password = directory / "pg", free_port(), secrets.token_hex(12)
    home.mkdir()
    key, words = home / "server.key", home / "password"
    shutil.copy(authority.key, key)
    words.write_text(password)
    who: dict[str, str] = {}
    if os.geteuid() == 0:
        who = {"user": "postgres", "group": "postgres"}
        owner = pwd.getpwnam("postgres")
        for path in (home, key, words):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        directory.chmod(0o755)
    key.chmod(0o600)
    subprocess.run(
        [str(POSTGRES.with_name("initdb")), "-D", str(home / "data"), "-U", "op", "-A", "scram-sha-256", f"--pwfile={words}", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **who,
    )  # type: ignore[call-overload]  # fmt: skip
    (home / "data" / "pg_hba.conf").write_text(
        "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n"
    )
    options = {
        "port": port, "listen_addresses": "localhost", "unix_socket_directories": "", "ssl": "on",
        "ssl_cert_file": authority.certificate, "ssl_key_file": key, "fsync": "off",
    }  # fmt: skip
    with subprocess.Popen(
        [str(POSTGRES), "-D", str(home / "data"), *(word for item in options.items() for word in ("-c", f"{item[0]}={item[1]}"))],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **who,
    ) as server:  # type: ignore[call-overload]  # fmt: skip
        try:
            _wait(port)
            yield f"op:{password}@localhost:{port}/postgres"
        finally:
            server.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port}")
