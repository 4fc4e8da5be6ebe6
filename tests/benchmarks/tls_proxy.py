"""TLS in front of a server on a unix socket, in a process of its own."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.benchmarks.process import Measured

_CHUNK = 1 << 17


class TlsProxy:
    """Listens on a free loopback port with a certificate made for the run."""

    def __init__(self, socket_path: Path) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="eg-tls-", dir="/tmp")
        command = (sys.executable, "-m", "tests.benchmarks.tls_proxy", str(socket_path), self._directory.name)
        self._measured = Measured(command)
        assert self._measured.process.stdout is not None
        self.port = int(self._measured.process.stdout.readline())

    def url(self, url: str) -> str:
        """Return the URL of the server behind it."""
        parts = urlsplit(url)
        database = parse_qs(parts.query)["virtual_host"][0]
        return f"rediss://:{parts.password}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> TlsProxy:
        return self

    def __exit__(self, *error: object) -> None:
        self._measured.__exit__(*error)
        self._directory.cleanup()


def certificate(directory: Path) -> tuple[Path, Path]:
    """Return (certificate, key), made anew, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    (directory / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return directory / "cert.pem", directory / "key.pem"


async def serve(socket_path: str, directory: Path) -> None:
    """Serve until ended; prints the port first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(directory))

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_unix_connection(socket_path)
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
