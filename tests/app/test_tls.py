"""Certificates: brought, made, renewed, and asked of clients."""

from __future__ import annotations

import datetime
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import load_pem_x509_certificate
from msgspec.structs import replace

from tapiary.app import tls as module
from tapiary.app.tls import Tls, prepare
from tapiary.config import Config
from tapiary.errors import InvalidInput


def with_tls(config: Config, **settings: object) -> Config:
    return replace(config, server=replace(config.server, **({"tls": True} | settings)))


def talk(server: Tls, client: ssl.SSLContext, name: str = "localhost") -> str:
    """A handshake over a pair of sockets; returns the protocol's version."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    theirs.settimeout(10)

    def serve() -> None:
        try:
            with server.context().wrap_socket(ours, server_side=True) as secured:
                secured.sendall(b"x")
        except OSError:
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(theirs, server_hostname=name) as secured:
            assert secured.recv(1) == b"x"
            return secured.version() or ""
    finally:
        theirs.close()
        thread.join()


def test_none_for_plain_http(config: Config) -> None:
    assert prepare(config) is None
    assert not config.data_path.exists()


def test_a_certificate_is_made_once(config: Config) -> None:
    config = with_tls(config, url="https://hive.example:8443/", host="192.0.2.7")
    tls = prepare(config)
    assert tls is not None
    assert tls.self_signed
    assert stat.S_IMODE((config.data_path / "tls" / "key.pem").stat().st_mode) == 0o600
    certificate = load_pem_x509_certificate(tls.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns, ips = names.get_values_for_type(x509.DNSName), names.get_values_for_type(x509.IPAddress)
    assert {"localhost", "hive.example", socket.gethostname()} <= {*dns, *map(str, ips)}
    assert {str(ip) for ip in ips} >= {"127.0.0.1", "::1", "192.0.2.7"}
    client = ssl.create_default_context(cafile=tls.certificate)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1", "hive.example"):
        assert talk(tls, client, name) == "TLSv1.3"
    again = prepare(config)
    assert again is not None
    assert again.fingerprint == tls.fingerprint
    before = tls.fingerprint
    assert len(before.split(":")) == 32
    # A server that got another name.
    renamed = prepare(with_tls(config, url="https://other.example"))
    assert renamed is not None
    assert renamed.fingerprint != before


def test_an_old_certificate_is_renewed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALID_DAYS", 5)
    first = prepare(with_tls(config))
    assert first is not None
    monkeypatch.setattr(module, "VALID_DAYS", 100)
    before = first.fingerprint
    second = prepare(with_tls(config))
    assert second is not None
    assert second.fingerprint != before
    left = load_pem_x509_certificate(second.certificate.read_bytes()).not_valid_after_utc
    assert left > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=90)


@pytest.mark.parametrize(
    ("version", "taken"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)], ids=["1.1", "1.2"]
)
@pytest.mark.filterwarnings("ignore:.*TLSv1_1:DeprecationWarning")
def test_old_versions_are_refused(config: Config, version: ssl.TLSVersion, taken: bool) -> None:
    tls = prepare(with_tls(config))
    assert tls is not None
    client = ssl.create_default_context(cafile=tls.certificate)
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version = client.maximum_version = version
    if taken:
        assert talk(tls, client) == "TLSv1.2"
    else:
        with pytest.raises((ssl.SSLError, OSError)):
            talk(tls, client)


def make_ca(folder: Path) -> None:
    """A CA, and a certificate of it for a client, by OpenSSL."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    folder.mkdir()
    for command in (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 9 -keyout ca.key -out ca.pem",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=probe -keyout probe.key -out probe.csr",
        "x509 -req -in probe.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -out probe.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


def test_clients_must_show_a_certificate(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    make_ca(folder)
    tls = prepare(with_tls(config, tls_client_ca=str(folder / "ca.pem")))
    assert tls is not None
    client = ssl.create_default_context(cafile=tls.certificate)
    with pytest.raises((ssl.SSLError, OSError)):
        talk(tls, client)
    client.load_cert_chain(folder / "probe.pem", folder / "probe.key")
    assert talk(tls, client) == "TLSv1.3"


def test_a_renewed_file_is_taken_up_and_a_broken_one_is_not(config: Config, tmp_path: Path) -> None:
    made = prepare(with_tls(config))
    assert made is not None
    assert made.key is not None
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.certificate.read_bytes())
    key.write_bytes(made.key.read_bytes())
    tls = prepare(with_tls(config, tls_cert=str(certificate), tls_key=str(key)))
    assert tls is not None
    assert not tls.self_signed
    first = tls.context()
    assert tls.context() is first
    certificate.write_text("half")
    assert tls.context() is first
    secret, text = module._make_certificate(["localhost"])
    key.write_bytes(secret)
    certificate.write_bytes(text)
    assert tls.context() is not first
    assert talk(tls, ssl.create_default_context(cafile=certificate)) == "TLSv1.3"
    # Both in one file, as some tools write it.
    certificate.write_bytes(text + secret)
    both = prepare(with_tls(config, tls_cert=str(certificate)))
    assert both is not None


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tls_cert": "/no/such"}, "server.tls_cert"),
        ({"tls_cert": __file__, "tls_key": __file__}, "server.tls_cert"),
        ({"tls_key": __file__}, "server.tls_cert"),
        ({"tls_client_ca": "/no/such"}, "server.tls_client_ca"),
        ({"tls_client_ca": __file__}, "server.tls_client_ca"),
        ({"tls": False, "tls_cert": __file__}, "server.tls_cert"),
        ({"tls": False, "tls_client_ca": __file__}, "server.tls_client_ca"),
    ],
    ids=range(7),
)
def test_wrong_settings_stop_the_start(config: Config, settings: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as told:
        prepare(with_tls(config, **settings))
    assert told.value.field == field
