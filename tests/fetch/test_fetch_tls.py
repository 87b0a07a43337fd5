"""TLS: names are checked although literals are connected to, and what goes wrong is said."""

import shutil
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_raw_server import RawServer, answer, raw_server

from aggregator.fetch.client import Client, ClientOptions
from aggregator.records import Failure, Fetched, FetchFailed

pytestmark = pytest.mark.anyio

OPTIONS = ClientOptions("x", allow_networks=("127.0.0.0/8",))


async def on_loopback(host: str, port: int) -> tuple[str, ...]:
    """Resolve every name to 127.0.0.1."""
    return ("127.0.0.1",)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for feeds.example, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes its certificate with the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=feeds.example", "-addext", "subjectAltName=DNS:feeds.example"]
    subprocess.run(
        [openssl, "req", *kind, *names, "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_the_certificate_is_checked_against_the_name_and_sni_names_it(
    certificate: Path, server_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str | None] = []
    server_context.sni_callback = lambda connection, name, context: names.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with raw_server(tls=server_context) as server, Client(OPTIONS, on_loopback) as client:
        server.answers(answer(b"x"))
        good = await client.get(f"https://feeds.example:{server.port}/feed")
        assert isinstance(good, Fetched), good
        assert server.sent_headers()[b"host"] == f"feeds.example:{server.port}".encode()
        assert names == ["feeds.example"]
        bad = await client.get(f"https://other.example:{server.port}/feed")
        assert isinstance(bad, FetchFailed)
        assert bad.kind is Failure.TLS
        assert "Hostname mismatch" in bad.detail


async def test_an_untrusted_certificate_is_refused_and_said(server_context: ssl.SSLContext) -> None:
    async with raw_server(tls=server_context) as server, Client(OPTIONS, on_loopback) as client:
        result = await client.get(f"https://feeds.example:{server.port}/feed")
        assert isinstance(result, FetchFailed)
        assert result.kind is Failure.TLS
        assert result.detail == "no secure connection: the certificate is not valid: self-signed certificate"
        assert server.requests == []


async def test_credentials_do_not_go_from_https_to_http(
    certificate: Path, server_context: ssl.SSLContext, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with raw_server(tls=server_context) as secure, Client(OPTIONS, on_loopback) as client:
        target = server.answers(answer(b"x")).replace("127.0.0.1", "feeds.example")
        secure.answers(answer(status="301 Moved", location=target))
        url = f"https://u:p@feeds.example:{secure.port}/feed"
        assert isinstance(await client.get(url, headers={"X-Key": "k"}), Fetched)
        assert b"authorization" in secure.sent_headers()
        assert not {b"authorization", b"x-key"} & server.sent_headers().keys()


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01" + bytes(100), b"\0" * 9, b""]
)
async def test_rubbish_instead_of_tls_is_a_failure(server: RawServer, client: Client, greeting: bytes) -> None:
    server.greeting = greeting
    result = await client.get(server.url().replace("http:", "https:"), timeout=timedelta(seconds=5))
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.TLS, result
