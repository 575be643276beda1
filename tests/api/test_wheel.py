"""The wheel of the Python client, as pip gets it from the server."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from tapiary import __version__
from tapiary.api import wheel
from tapiary.errors import NotFound
from tools import build_pytci_wheel

NAME = f"pytci-{__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    made = build_pytci_wheel.build(tmp_path_factory.mktemp("wheels"))
    assert made is not None
    return made


@pytest.fixture
def app(built: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An app with these routes alone, over the built wheel."""
    monkeypatch.setattr(wheel, "FOLDER", built.parent)
    app = Flask("wheel")
    wheel.register(app)
    app.register_error_handler(NotFound, lambda error: (error.message, 404))
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The app as a server on a free port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def test_the_same_sources_make_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build_pytci_wheel.build(tmp_path)
    assert again is not None
    assert again.name == built.name == NAME
    assert again.read_bytes() == built.read_bytes()


def test_older_wheels_go(tmp_path: Path) -> None:
    (tmp_path / "pytci-0.0.1-py3-none-any.whl").touch()
    build_pytci_wheel.build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_what_is_in_it(built: Path) -> None:
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
        facts = email.message_from_bytes(archive.read(f"pytci-{__version__}.dist-info/METADATA"))
    assert "pytci/py.typed" in names
    assert not [name for name in names if "test" in name]
    assert (facts["Name"], facts["Version"]) == ("pytci", __version__)
    assert facts["Requires-Python"] == wheel.REQUIRES_PYTHON
    needed = [each for each in facts.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert {re.split(r"[<>=;\s]", each)[0] for each in needed} == {"httpx", "tzdata"}


@pytest.mark.parametrize("path", ["/pytci/", "/pytci/simple/pytci/", "/pytci/simple/PyTCI/"])
def test_pages_link_to_the_file_and_its_checksum(client: FlaskClient, built: Path, path: str) -> None:
    text = client.get(path).text
    found = re.search(r'<a href="([^"#]+)#sha256=([0-9a-f]{64})" data-requires-python="&gt;=3.9">([^<]+)</a>', text)
    assert found
    assert found[3] == NAME
    assert client.get(found[1]).data == built.read_bytes()


def test_the_page_for_people_has_the_command(client: FlaskClient) -> None:
    text = client.get("/pytci/", base_url="https://hive.example").text
    assert f"pip install https://hive.example/pytci/{NAME}" in text


def test_other_projects_are_elsewhere(client: FlaskClient) -> None:
    assert client.get("/pytci/simple/httpx/").location == "https://pypi.org/simple/httpx/"
    assert 'href="/pytci/simple/pytci/"' in client.get("/pytci/simple/").text


@pytest.mark.parametrize("path", ["simple/a%0d%0ab/", "simple/evil.example%2fx/", "..%2fwheel.py", "x.whl"])
def test_what_is_not_there(client: FlaskClient, path: str) -> None:
    assert client.get(f"/pytci/{path}").status_code == 404


def test_a_checkout_without_a_wheel(client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "FOLDER", tmp_path)
    answer = client.get("/pytci/")
    assert answer.status_code == 404
    assert "build_pytci_wheel" in answer.text


@pytest.mark.parametrize("words", [["{address}/pytci/" + NAME], ["--index-url", "{address}/pytci/simple/", "pytci"],
                                   ["--no-index", "--find-links", "{address}/pytci/", "pytci"]],
                         ids=["address", "index", "links"])
def test_pip_installs_it(address: str, tmp_path: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--isolated", "--disable-pip-version-check", "-q", "--no-deps",
               "--no-cache-dir", "--target", str(tmp_path), *[word.format(address=address) for word in words]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pytci" / "clients.py").exists()
    shutil.rmtree(tmp_path / "pytci")
