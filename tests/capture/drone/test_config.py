"""The drone's settings file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapiary.capture.drone.config import load
from tapiary.errors import InvalidInput

TCI = """
output_folder = "captures"
capture_limit = 1000
update_captured_interval = 0.05
interface = "eth1"

[hive]
url = "https://hive.example:8080/hive/v1"
token = "secret"

[tls]
cert = "drone.pem"
ca_cert = "/etc/ca.pem"
insecure = false
"""


def test_tcis_file_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TCI)
    settings = load(path, environ={})
    assert settings.base_url == "https://hive.example:8080"
    assert settings.hive.token == "secret"
    assert settings.folder == tmp_path / "captures"
    assert settings.tls.cert == str(tmp_path / "drone.pem")
    assert settings.tls.ca_cert == "/etc/ca.pem"
    assert settings.interfaces == ["eth1"]
    assert settings.capture_limit == 1000


@pytest.mark.parametrize(("more", "words"), [
    ("output_foldr = 'x'\n", "unknown setting output_foldr; did you mean output_folder"),
    ("segment_bytes = 1\n", "segment_bytes"),
    ("capture_backend = 'pcap'\n", "capture_backend"),
    ("interface = []\n", "at least one network interface"),
    ("interface = '-z'\n", "at least one network interface"),
    ("name = 'a/b'\n", "name"),
    ("[hive]\nurl = 'http://x'\ntokn = 'y'\n", "unknown setting hive.tokn; did you mean hive.token"),
    ("[hive\n", "not valid TOML"),
])
def test_mistakes_stop_the_start(tmp_path: Path, more: str, words: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(more)
    with pytest.raises(InvalidInput, match=words):
        load(path, {"hive.url": "http://hive", "hive.token": "x"}, environ={})


def test_the_token_comes_from_file_or_environment(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="token is missing"):
        load(None, {"hive.url": "http://hive:1"}, environ={})
    assert load(None, {"hive.url": "http://hive:1"}, environ={"TAPIARY_DRONE_TOKEN": "e"}).hive.token == "e"
    (tmp_path / "token").write_text("f\n")
    changes = {"hive.url": "http://hive:1", "hive.token_file": str(tmp_path / "token")}
    assert load(None, changes, environ={"TAPIARY_DRONE_TOKEN": "e"}).hive.token == "f"
    with pytest.raises(InvalidInput, match="cannot read the token"):
        load(None, {**changes, "hive.token_file": str(tmp_path / "none")}, environ={})


@pytest.mark.parametrize("url", ["", "hive", "ftp://hive"])
def test_a_hive_needs_an_address(url: str) -> None:
    with pytest.raises(InvalidInput, match="address is missing"):
        load(None, {"hive.url": url, "hive.token": "x"}, environ={})
