"""`tapiary doctor`: what is there, what is missing."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tapiary.cli import checks

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_a_whole_installation_is_found_well(tapiary: Run) -> None:
    result = tapiary("doctor", "--json")
    found = {check["name"]: check for check in result.objects()}
    assert result.code == 0, found
    assert found["nDPI"]["found"].startswith("5.")
    assert found["pyarrow"] == {
        "name": "pyarrow", "state": "ok", "found": metadata.version("pyarrow"), "hint": "",
    }
    assert found["GeoIP city"]["state"] == "note"
    assert "tapiary.enrich.fetch" in found["GeoIP city"]["hint"]
    assert "made at first use" in found["database"]["found"]


def test_it_writes_nothing(tapiary: Run, tmp_path: Path) -> None:
    tapiary("doctor")
    assert not (tmp_path / "data").exists()


def test_what_is_missing_is_told_with_a_way_to_get_it(tapiary: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "duckdb":
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "flask" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    result = tapiary("doctor")
    assert result.code == 1
    assert "pip install 'tapiary[server]'" in result.out
    assert "0.0.1 is not >=" in result.out
    assert "2 of the checks" in result.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tapiary: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    result = tapiary("doctor")
    assert result.code == 1
    assert "cannot be written" in result.out


def test_a_data_folder_that_is_a_file(tapiary: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert tapiary("doctor").code == 1


def test_little_space_is_noted(tapiary: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LOW_SPACE_BYTES", 10**18)
    found = {check["name"]: check for check in tapiary("doctor", "--json").objects()}
    assert found["disk space"]["state"] == "note"


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch, tapiary: Run) -> None:
    def fail() -> str:
        raise RuntimeError("no such\nluck")

    monkeypatch.setattr("tapiary.meter.ndpi_version", fail)
    result = tapiary("doctor")
    assert result.code == 1
    assert "RuntimeError: no such luck" in result.out


@pytest.mark.parametrize(("version", "wanted", "meets"), [
    ("2.1.0", ">=2.1", True), ("2.0.9", ">=2.1", False), ("26.0.1", ">=20", True), ("6.6.0", "==6.6.0", True),
    ("6.5.3", "==6.6.0", False), ("3", "", True), ("2.1.0rc1", ">=2.1", True), ("5.0", ">=3,>=6", False),
])
def test_versions(version: str, wanted: str, meets: bool) -> None:
    assert checks._meets(version, wanted) is meets
