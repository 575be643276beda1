"""The server's side of TLS: its certificate, its clients' certificates, and a certificate where nobody brought one."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tapiary.errors import InvalidInput
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from tapiary.config import Config

log = logger("app")

#: Days that a certificate made here is good for: drones are given it as a file, so it should change seldom.
VALID_DAYS = 3650
#: It is made anew when it has fewer days left than this.
RENEW_DAYS = 30


class Tls:
    """The files of TLS, and the context of them; files that change are read again at the next connection."""

    def __init__(self, certificate: Path, key: Path | None, client_ca: Path | None, *, self_signed: bool) -> None:
        self.certificate = certificate
        self.key = key
        self.client_ca = client_ca
        self.self_signed = self_signed
        self._lock = threading.Lock()
        self._made_of: tuple[Any, ...] = ()
        self._context: ssl.SSLContext | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as `AB:CD:…`."""
        from cryptography.hazmat.primitives.hashes import SHA256

        return _read(self.certificate).fingerprint(SHA256()).hex(":").upper()

    def context(self) -> ssl.SSLContext:
        """The present context. Raises InvalidInput that names the file at fault."""
        with self._lock:
            present = tuple(_stamp(file) for file in (self.certificate, self.key, self.client_ca))
            if self._context is None or present != self._made_of:
                try:
                    self._context, self._made_of = self._make(), present
                except InvalidInput as error:
                    if self._context is None:
                        raise
                    # Half-written by whoever renews it; the next connection tries again.
                    log.warning("the certificate has changed and cannot be read: %s", error.message)
            return self._context

    def _make(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            what = f"cannot use {self.certificate} with {self.key or 'the key inside of it'}: {_words(error)}"
            raise InvalidInput(what, field="server.tls_cert") from None
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ssl.SSLError) as error:
                what = f"no CA certificates in {self.client_ca}: {_words(error)}"
                raise InvalidInput(what, field="server.tls_client_ca") from None
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def prepare(config: Config) -> Tls | None:
    """What the settings ask for, tried out; None for plain HTTP. Raises InvalidInput."""
    server = config.server
    if not server.tls:
        for name in ("tls_cert", "tls_key", "tls_client_ca"):
            if getattr(server, name):
                what = f"server.{name} is set but server.tls is off: switch it on, or remove the setting"
                raise InvalidInput(what, field=f"server.{name}")
        return None
    if server.tls_key and not server.tls_cert:
        raise InvalidInput("server.tls_key needs server.tls_cert", field="server.tls_cert")
    client_ca = Path(server.tls_client_ca) if server.tls_client_ca else None
    if server.tls_cert:
        key = Path(server.tls_key) if server.tls_key else None
        tls = Tls(Path(server.tls_cert), key, client_ca, self_signed=False)
    else:
        folder = config.data_path / "tls"
        tls = Tls(folder / "cert.pem", folder / "key.pem", client_ca, self_signed=True)
        _see_to(folder, _names(config))
    tls.context()
    return tls


def _see_to(folder: Path, names: list[str]) -> None:
    """Make a key and a certificate where there is none, or an old one, or one that lacks a name of the server's."""
    from cryptography.x509 import DNSName, IPAddress, SubjectAlternativeName

    certificate, key = folder / "cert.pem", folder / "key.pem"
    if certificate.is_file() and key.is_file():
        there = _read(certificate)
        left = there.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        known = there.extensions.get_extension_for_class(SubjectAlternativeName).value
        present = {*known.get_values_for_type(DNSName), *(str(ip) for ip in known.get_values_for_type(IPAddress))}
        if left.days >= RENEW_DAYS and present >= set(names):
            return
        log.warning("the certificate %s is made anew: drones that were given it need the new one", certificate)
    key_text, text = _make_certificate(names)
    folder.mkdir(parents=True, exist_ok=True)
    _write(key, key_text, 0o600)
    _write(certificate, text, 0o644)


def _make_certificate(names: list[str]) -> tuple[bytes, bytes]:
    """A new key on P-256 and a certificate of its own, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Tapiary on {names[0]}"[:64])])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks of probes differ
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return secret, certificate.public_bytes(serialization.Encoding.PEM)


def _names(config: Config) -> list[str]:
    """The names and addresses under which the server may be asked for."""
    names = [socket.gethostname(), "localhost", "127.0.0.1", "::1"]
    if host := urlsplit(config.server.url).hostname:
        names.append(host)
    if config.server.host not in ("0.0.0.0", "::", ""):
        names.append(config.server.host)
    return list(dict.fromkeys(name for name in names if name and name.isascii()))


def _general_name(name: str) -> Any:
    from cryptography.x509 import DNSName, IPAddress

    try:
        return IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return DNSName(name)


def _read(path: Path) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot read the certificate {path}: {_words(error)}", field="server.tls_cert") from None


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    temporary.replace(path)


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        return None if path is None else (path.stat().st_mtime_ns, path.stat().st_ino)
    except OSError:
        return None


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
