"""Defaults, paths and bounds of the settings."""

from pathlib import Path

import msgspec
import pytest

from tapiary.config import Config, GeoConfig, JobsConfig, MeterConfig, Rule, StoreConfig
from tapiary.config.settings import MAX_DEFAULT_METER_THREADS, cores
from tapiary.errors import InvalidInput
from tapiary.schema import STATISTICS_GROUPS


def test_everything_lives_in_the_data_folder_by_default(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path))
    assert config.repository_path == tmp_path / "repository"
    assert config.tables_path == tmp_path / "tables"
    assert config.database_url == f"sqlite:///{tmp_path}/tapiary.db"


def test_resolve_fills_paths_in_and_is_stable(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path), store=StoreConfig(path="~/tables")).resolve()
    assert config.repository.path == str(tmp_path / "repository")
    assert config.store.path == str(Path.home() / "tables")
    assert config.database.url == config.database_url
    assert config.resolve() == config


def test_geo_files_are_found_once_they_are_there(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path)).resolve()
    assert config.city_path is None
    config.geo_path.mkdir()
    (config.geo_path / "city.mmdb").touch()
    assert config.city_path == config.geo_path / "city.mmdb"
    assert config.asn_path is None


def test_a_geo_file_that_is_set_must_be_there(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path), geo=GeoConfig(asn=str(tmp_path / "as.mmdb")))
    with pytest.raises(InvalidInput) as caught:
        _ = config.asn_path
    assert caught.value.field == "geo.asn"


def test_zero_means_what_the_machine_has() -> None:
    assert MeterConfig().thread_count == min(cores(), MAX_DEFAULT_METER_THREADS)
    assert MeterConfig(threads=3).thread_count == 3
    assert JobsConfig().worker_count in (1, 2)
    assert JobsConfig(workers=5).worker_count == 5


def test_statistics_groups_are_those_of_the_schema() -> None:
    assert tuple(MeterConfig().statistics) == STATISTICS_GROUPS
    for group in STATISTICS_GROUPS:
        msgspec.convert({"statistics": [group]}, MeterConfig)


def test_settings_are_frozen_and_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path)).resolve()
    with pytest.raises(AttributeError):
        config.data_dir = "elsewhere"  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config


@pytest.mark.parametrize("limit", ["4GB", "512 MiB", "1.5TB", "80%"])
def test_memory_limits_that_are_accepted(limit: str) -> None:
    assert msgspec.convert({"memory_limit": limit}, StoreConfig).memory_limit == limit


def test_rule_needs_a_criterion() -> None:
    with pytest.raises(ValueError, match="at least one of"):
        Rule(label="Printer", group="Office")


def test_rule_checks_its_networks() -> None:
    assert Rule(label="Lab", group="Lab", address=["10.0.0.7/8", "2001:db8::/32"]).address
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/33"):
        Rule(label="Lab", group="Lab", address=["10.0.0.0/33"])
