"""Reading of user rules: what is accepted, and that a mistake is named with file, rule and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapiary.config import MeterConfig, Rule
from tapiary.errors import InvalidInput
from tapiary.meter.rule_reading import protocol_number, read_rules

GOOD = """
[[rule]]
label = "Camera"
group = "Building"
address = ["10.20.0.0/16", "2001:db8::1"]
port = [554, 8000]
protocol = "tcp"
note = "cameras of building 4"

[[rule]]
label = "Mail"
group = "Office"
host = "mail.example.org"
protocol = 6
"""


def write(tmp_path: Path, text: str) -> MeterConfig:
    path = tmp_path / "rules.toml"
    path.write_text(text, "utf-8")
    return MeterConfig(rules_file=str(path))


def test_rules_of_the_settings_come_before_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD, "utf-8")
    criteria = read_rules(MeterConfig(rules=[Rule(label="First", group="G", port=[1])], rules_file=str(path)))
    assert [c.label for c in criteria] == ["First", "Camera", "Mail"]
    assert criteria[1].port == (554, 8000)
    assert criteria[1].protocol == criteria[2].protocol == 6
    assert criteria[1].note == "cameras of building 4"
    assert criteria[2].host == ("mail.example.org",)


def test_an_empty_file_holds_no_rules(tmp_path: Path) -> None:
    assert read_rules(write(tmp_path, "")) == []


@pytest.mark.parametrize(("wrong", "field", "words"), [
    ('port = [70000]', "rule[1].port", "70000 is not a port"),
    ('port = [0]', "rule[1].port", "0 is not a port"),
    ('port = ["http"]', "rule[1].port", "'http' is not a port"),
    ('port = [true]', "rule[1].port", "True is not a port"),
    ('address = ["10.0.0.0/33"]', "rule[1].address", "'10.0.0.0/33'"),
    ('address = ["example.com"]', "rule[1].address", "'example.com'"),
    ('address = [10]', "rule[1].address", "10 is neither"),
    ('protocol = "tpc"', "rule[1].protocol", "'tpc'"),
    ('protocol = 256', "rule[1].protocol", "256"),
    ('protocol = true', "rule[1].protocol", "True"),
    ('host = [""]', "rule[1].host", "''"),
    ('host = ["a..b"]', "rule[1].host", "'a..b'"),
    ('host = ["https://a.b"]', "rule[1].host", "'https://a.b'"),
    ('hosts = ["a.b"]', "rule[1].hosts", "did you mean 'host'?"),
    ('zzz = 1', "rule[1].zzz", "known are label"),
    ('note = 3\nport = 1', "rule[1].note", "must be text"),
    ('', "rule[1]", "no criterion"),
    ('address = []', "rule[1]", "no criterion"),
])
def test_a_wrong_rule_is_named(tmp_path: Path, wrong: str, field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_rules(write(tmp_path, f'[[rule]]\nlabel = "X"\ngroup = "G"\n{wrong}\n'))
    assert caught.value.field == field
    assert words in caught.value.message
    assert "rules.toml: rule 1" in caught.value.message


@pytest.mark.parametrize(("text", "words"), [
    ('[[rule]]\ngroup = "G"\nport = 1', "rule 1: label: is needed"),
    ('[[rule]]\nlabel = "A"\ngroup = "G"\nport = 1\n[[rule]]\nlabel = "X"\ngroup = " "\nport = 1',
     "rule 2: group: is needed"),
    ('[[rules]]\nlabel = "X"', "unknown key 'rules'"),
    ('rule = 1', "[[rule]] table"),
    ('rule = [1]', "[[rule]] table"),
    ('[[rule', "not valid TOML"),
])
def test_a_wrong_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=r"rules\.toml") as caught:
        read_rules(write(tmp_path, text))
    assert words in caught.value.message


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read the rules file") as caught:
        read_rules(MeterConfig(rules_file=str(tmp_path / "none.toml")))
    assert caught.value.field == "rules_file"
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_rules(MeterConfig(rules_file=str(tmp_path / "bytes.toml")))


def test_a_wrong_rule_of_the_settings_names_the_setting() -> None:
    with pytest.raises(InvalidInput, match=r"meter\.rules: rule 2: port: 70000"):
        read_rules(MeterConfig(rules=[Rule(label="A", group="G", port=[1]), Rule(label="B", group="G", port=[70000])]))


@pytest.mark.parametrize(("given", "number"), [
    ("tcp", 6), (" 17 ", 17), (0, 0), ("x", None), (-1, None), (1.5, None), ("²", None),
])
def test_protocol_number(given: object, number: int | None) -> None:
    assert protocol_number(given) == number


def test_the_example_file_is_right() -> None:
    example = Path(__file__).parents[2] / "examples" / "rules.toml"
    labels = [c.label for c in read_rules(MeterConfig(rules_file=str(example)))]
    assert labels == ["Resolver", "Intranet.Web", "Scanner"]
