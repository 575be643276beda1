"""Bodies of injections over a real connection: in chunks, and broken off."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.end_to_end.server import Server
from tests.end_to_end.sycope import API, Session, pages, serve

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

JSON = b'{"indexName": "lines", "columns": ["timestamp"], "rows": [[1], [2]]}'
LINES = b'{"timestamp": 1}\n{"timestamp": 2}\n'
#: Path, type and body of each form of injection.
FORMS = {
    "json": ("index/inject", "application/json", JSON),
    "ndjson": ("index/inject/lines", "application/x-ndjson", LINES),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("bodies")) as server:
        index = {"name": "lines", "fields": [{"name": "timestamp", "type": "long"}]}
        answer = Session(server).log_in().post(f"{API}config-element-index/user-index", json=index)
        assert answer.status_code == 200
        yield server


@pytest.mark.parametrize("form", FORMS)
def test_bodies_in_chunks(server: Server, form: str) -> None:
    path, kind, body = FORMS[form]
    session = Session(server).log_in()
    before = len(pages(session, 'src stream="lines"'))
    chunks = (body[at : at + 7] for at in range(0, len(body), 7))
    assert session.post(API + path, data=chunks, headers={"Content-Type": kind}).status_code == 200
    assert len(pages(session, 'src stream="lines"')) == before + 2


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_body_that_breaks_off_leaves_nothing(server: Server, form: str, chunked: bool) -> None:
    path, kind, body = FORMS[form]
    session = Session(server).log_in()
    before = len(pages(session, 'src stream="lines"'))
    if chunked:
        framing, sent = "Transfer-Encoding: chunked", f"{len(body):x}\r\n".encode() + body + b"\r\n"
    else:
        framing, sent = f"Content-Length: {len(body) + 1}", body
    head = (
        f"POST {API}{path} HTTP/1.1\r\nHost: hive\r\nCookie: sycope={session.cookies['sycope']}\r\n"
        f"Content-Type: {kind}\r\n{framing}\r\n\r\n"
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, port = server.address.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as connection:
        connection.sendall(head.encode() + sent)
        time.sleep(0.3)
    time.sleep(1.0)  # what is done with it, nobody is told
    assert len(pages(session, 'src stream="lines"')) == before
    assert "failed, reference" not in server.log()
