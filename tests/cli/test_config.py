"""`tapiary config`: values, their sources, and the settings file to start from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tapiary.cli.config import default_file
from tapiary.config import Config, load

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_each_value_says_where_it_comes_from(tapiary: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my.toml"
    file.write_text('log_level = "error"\n[meter]\nthreads = 3\ndpi = false\n')
    monkeypatch.setenv("TAPIARY_METER_THREADS", "5")
    (settings,) = tapiary("config", "--json", "-c", file).objects()
    assert settings["meter.threads"] == {"value": 5, "source": "$TAPIARY_METER_THREADS"}
    assert settings["meter.dpi"] == {"value": False, "source": str(file)}
    assert settings["log_level"] == {"value": "error", "source": str(file)}
    assert settings["server.port"] == {"value": 8080, "source": "default"}
    assert settings["data_dir"] == {"value": str(tmp_path / "data"), "source": "--data-dir"}


def test_the_data_folders_own_file_is_found(tapiary: Run, tmp_path: Path) -> None:
    file = tmp_path / "data" / "tapiary.toml"
    file.parent.mkdir()
    file.write_text("[server]\nport = 9\n")
    (settings,) = tapiary("config", "--json").objects()
    assert settings["server.port"] == {"value": 9, "source": str(file)}


def test_a_password_is_not_shown(tapiary: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPIARY_DATABASE_URL", "postgresql+psycopg://me:secret@db/tapiary")
    result = tapiary("config")
    assert "secret" not in result.out
    assert "me:***@db" in result.out


def test_the_table_has_a_line_for_every_setting(tapiary: Run) -> None:
    names = [line.split()[0] for line in tapiary("config").out.splitlines()[1:]]
    assert "meter.statistics" in names
    assert len(names) == len(set(names)) > 30


def test_the_default_file_is_a_settings_file_with_the_defaults(tapiary: Run, tmp_path: Path) -> None:
    text = tapiary("config", "--toml").out
    assert text == default_file()
    file = tmp_path / "tapiary.toml"
    file.write_text(text)
    assert load(file, {}) == Config().resolve()
    # With every comment sign before a key removed, it still says the same: the values are the defaults.
    every_key = re.sub(r"^#(?=\w+ = )", "", text, flags=re.M)
    assert every_key != text
    every_key = re.sub(r"^(path|rules_file|city|asn) = \"\"$", "", every_key, flags=re.M)  # relative to the file
    every_key = every_key.replace("~/", str(Path.home()) + "/")
    file.write_text(every_key)
    assert load(file, {}) == Config().resolve()
