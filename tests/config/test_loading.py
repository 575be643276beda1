"""File and environment: what is read, what wins, and what every mistake is told as."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.config import Config, load
from tapiary.config.loading import variables
from tapiary.errors import InvalidInput


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def refused(path: Path | None, environ: dict[str, str]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        load(path, environ)
    return caught.value


def test_without_file_and_variables_the_defaults_hold() -> None:
    assert load(None, {}) == Config().resolve()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'log_level = "debug"\n[server]\nport = 1\nthreads = 2\n')
    config = load(path, {"TAPIARY_SERVER_PORT": "9", "HOME": "/"})
    assert (config.log_level, config.server.port, config.server.threads) == ("debug", 9, 2)


def test_the_file_is_found_by_variable_or_in_the_data_folder(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nport = 7\n")
    assert load(None, {"TAPIARY_CONFIG": str(path)}).server.port == 7
    path.rename(tmp_path / "tapiary.toml")
    assert load(None, {"TAPIARY_DATA_DIR": str(tmp_path)}).server.port == 7


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, 'data_dir = "d"\n[repository]\npath = "r"\n[geo]\ncity = "/g.mmdb"\n'), {})
    assert config.data_dir == str(tmp_path / "d")
    assert config.repository.path == str(tmp_path / "r")
    assert config.geo.city == "/g.mmdb"


@pytest.mark.parametrize(("text", "field", "words"), [
    ("[meter]\nidle_timout_s = 3", "meter.idle_timout_s", "did you mean meter.idle_timeout_s?"),
    ("[metre]\nthreads = 1", "metre", "did you mean meter?"),
    ("idle_timeout_s = 3", "idle_timeout_s", "did you mean meter.idle_timeout_s?"),
    ("zzzzzz = 3", "zzzzzz", "unknown setting zzzzzz"),
    ("meter = 3", "meter", "written [meter]"),
    ('[meter]\nidle_timeout_s = "3"', "meter.idle_timeout_s", "expected float, got str"),
    ("[meter]\nidle_timeout_s = -1", "meter.idle_timeout_s", "> 0"),
    ('[meter]\nstatistics = ["flag"]', "meter.statistics[0]", "'flag'"),
    ("a = = b", "config", "line 1"),
    ('[[meter.rules]]\nlabel = "x"\ngroup = "y"', "meter.rules[0]", "at least one of"),
    ('[[meter.rules]]\nlabel = "x"\ngroup = "y"\nport = [0]', "meter.rules[0].port[0]", ">= 1"),
    ('[[meter.rules]]\nlabel = "x"\ngroup = "y"\nport = [70000]', "meter.rules[0].port[0]", "65535"),
])
def test_mistakes_in_the_file_name_the_key(tmp_path: Path, text: str, field: str, words: str) -> None:
    error = refused(write(tmp_path, text), {})
    assert error.field == field
    assert words in error.message
    assert "settings.toml" in error.message


@pytest.mark.parametrize(("name", "value", "words"), [
    ("TAPIARY_METER_TREADS", "1", "did you mean TAPIARY_METER_THREADS?"),
    ("TAPIARY_METER_THREADS", "many", "expected int"),
    ("TAPIARY_METER_THREADS", "65", "<= 64"),
    ("TAPIARY_METER_DPI", "perhaps", "expected bool"),
    ("TAPIARY_METER_RULES", "[{", "JSON"),
    ("TAPIARY_LOG_LEVEL", "loud", "'loud'"),
])
def test_mistakes_in_variables_name_the_variable(name: str, value: str, words: str) -> None:
    error = refused(None, {name: value})
    assert error.field == name
    assert words in error.message


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "nowhere.toml" in refused(tmp_path / "nowhere.toml", {}).message


def test_variables_of_every_type() -> None:
    config = load(None, {
        "TAPIARY_METER_DPI": "off", "TAPIARY_METER_STATISTICS": "flags, sizes", "TAPIARY_METER_IDLE_TIMEOUT_S": "5",
        "TAPIARY_METER_NDPI": '{"tls.ja4": "disable"}', "TAPIARY_STORE_MEMORY_LIMIT": "1GB",
        "TAPIARY_METER_RULES": '[{"label": "A", "group": "B", "port": [1]}]',
    })
    assert config.meter.dpi is False
    assert config.meter.statistics == ["flags", "sizes"]
    assert config.meter.idle_timeout_s == 5.0
    assert config.meter.ndpi == {"tls.ja4": "disable"}
    assert config.meter.rules[0].port == [1]


def test_every_variable_has_a_name_of_its_own() -> None:
    names = variables()
    assert names["TAPIARY_METER_IDLE_TIMEOUT_S"] == ("meter", "idle_timeout_s")
    assert len(set(names.values())) == len(names)


@given(st.text(max_size=40))
def test_no_text_of_a_variable_escapes_as_another_error(text: str) -> None:
    for name in ("TAPIARY_METER_RULES", "TAPIARY_METER_NDPI", "TAPIARY_METER_THREADS", "TAPIARY_METER_STATISTICS"):
        try:
            load(None, {name: text})
        except InvalidInput as error:
            assert error.field  # noqa: PT017 (most texts are no error)
