"""Webhooks go to hosts that are allowed, and to nothing else."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest

from tapiary.errors import InvalidInput, Unavailable
from tapiary.services.alerts.posting import check_url, post
from tests.services.alerts.receiver import Receiver

HOSTS = ["hooks.example", "hooks.example:8443", "192.0.2.7", "[2001:db8::1]:8080", "localhost"]


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example/x", "http://hooks.example", "https://hooks.example:443/x", "https://HOOKS.example:8443/x",
     "http://192.0.2.7/", "http://[2001:db8::1]:8080/x"],
)
def test_allowed(url: str) -> None:
    check_url(url, HOSTS)


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example", "/x", "ftp://hooks.example/", "file:///etc/passwd", "https://", "https://other.example/",
     "https://hooks.example:8080/", "https://hooks.example:99999/", "https://sub.hooks.example/", "http://192.0.2.8/",
     "https://hooks.example.evil.example/", "https://hooks.example@evil.example/", "https://u:p@hooks.example/",
     "https://hooks.example/a b", "https://hooks.example/\r\nX: y", "https://hooks.exampl\u0435/", "http://[::1",
     "http://2001:db8::1/", "http://[2001:db8::1]/", "https://evil.example\\@hooks.example/", "https://hooks.example./"],
)
def test_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_url(url, HOSTS, "webhooks[0].url")
    assert caught.value.field == "webhooks[0].url"


def test_nothing_is_allowed_unless_it_is_listed() -> None:
    with pytest.raises(InvalidInput, match=r"alerts\.webhook_hosts: none"):
        check_url("http://127.0.0.1/", [])


def test_a_body_arrives() -> None:
    with Receiver(202) as receiver:
        assert post(receiver.url, b'{"a": "\xc3\xa9"}', [receiver.host], 5.0) == 202
    (one,) = receiver.received
    assert (one.path, one.body, one.headers["Content-Type"]) == ("/hook?key=secret", {"a": "é"}, "application/json")
    assert one.headers["Host"] == receiver.host


def test_redirects_are_not_followed() -> None:
    with Receiver(307) as receiver:
        assert post(receiver.url, b"{}", [receiver.host], 5.0) == 307
        assert [each.path for each in receiver.received] == ["/hook?key=secret"]


@pytest.mark.parametrize("name", ["localhost.localdomain", "ip6-localhost"])
def test_a_name_that_leads_to_this_machine_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "127.0.0.1" if name.startswith("localhost") else "::ffff:127.0.0.1"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (address, 0))])
    with pytest.raises(InvalidInput, match="may not go to"):
        post(f"http://{name}/", b"{}", [name], 1.0)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%1", "0.0.0.0", "224.0.0.1", "::"])
def test_nor_one_that_leads_to_the_link_or_nowhere(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (address, 0))])
    with pytest.raises(InvalidInput, match="may not go to"):
        post("http://hooks.example/", b"{}", HOSTS, 1.0)


def test_localhost_is_meant_where_it_is_listed() -> None:
    with Receiver() as receiver:
        url = f"http://localhost:{receiver.port}/"
        assert post(url, b"{}", [f"localhost:{receiver.port}"], 5.0) == 200


def test_nobody_answers() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(Unavailable, match="refused"):
            post(f"http://{host}/", b"{}", [host], 1.0)


def test_a_host_that_answers_letter_by_letter_is_broken_off() -> None:
    with Receiver(dribble_s=0.2) as receiver:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="no answer within 1 s"):
            post(receiver.url, b"{}", [receiver.host], 1.0)
        assert time.monotonic() - began < 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=x", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


def test_https_needs_a_certificate_that_holds(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(certificate=certificate) as receiver:
        with pytest.raises(Unavailable, match="certificate verify failed"):
            post(receiver.url, b"{}", [receiver.host], 5.0)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert post(receiver.url, b"{}", [receiver.host], 5.0) == 200
        assert receiver.received[0].headers["Host"] == receiver.host


def test_a_handshake_that_never_comes_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match=r"no answer within 0\.5 s|timed out"):
            post(f"https://{host}/", b"{}", [host], 0.5)
