"""User rules on batches of flows: criteria, order, column types, groups."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tapiary.config import MeterConfig, Rule
from tapiary.meter.rules import Rules
from tapiary.schema import address_bytes

FLOW: dict[str, Any] = {
    "client_ip": "10.0.0.1", "server_ip": "93.184.216.34", "client_port": 40000, "server_port": 443, "protocol": 6,
    "server_name": "www.example.com", "label": "TLS", "category": "Web", "confidence": "DPI", "note": None,
}


def batch(*flows: dict[str, Any], dictionary: bool = False) -> pa.RecordBatch:
    """Flows that differ from FLOW in the given columns."""
    rows = [FLOW | flow for flow in flows]
    columns = {}
    for name, type_ in [
        ("client_ip", pa.binary()), ("server_ip", pa.binary()), ("client_port", pa.int32()),
        ("server_port", pa.int32()), ("protocol", pa.int16()), ("server_name", pa.string()), ("label", pa.string()),
        ("category", pa.string()), ("confidence", pa.string()), ("note", pa.string()),
    ]:
        values = [address_bytes(row[name]) if type_ == pa.binary() else row[name] for row in rows]
        column = pa.array(values, type_)
        columns[name] = column.dictionary_encode() if dictionary and type_ == pa.string() else column
    return pa.RecordBatch.from_pydict(columns)


def rules(*list_: Rule) -> Rules:
    made = Rules.from_config(MeterConfig(rules=list(list_)))
    assert made is not None
    return made


def labels(batch_: pa.RecordBatch, *list_: Rule) -> list[str]:
    return rules(*list_).apply(batch_).column("label").to_pylist()


def test_no_rules_cost_nothing() -> None:
    assert Rules.from_config(MeterConfig()) is None


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_match_replaces_four_columns_and_keeps_their_types(dictionary: bool) -> None:
    before = batch({"server_port": 22}, {}, dictionary=dictionary)
    after = rules(Rule(label="Intranet", group="Ours", port=[443], note="see the wiki")).apply(before)
    assert after.schema == before.schema
    assert after.column("label").to_pylist() == ["TLS", "Intranet"]
    assert after.column("category").to_pylist() == ["Web", "Ours"]
    assert after.column("note").to_pylist() == [None, "see the wiki"]
    assert after.column("confidence").to_pylist() == ["DPI", "User rule"]
    assert after.column("server_name").equals(before.column("server_name"))


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_label_that_exists_already_is_not_doubled_in_the_dictionary(dictionary: bool) -> None:
    before = batch({}, {"server_port": 1}, dictionary=dictionary)
    after = rules(Rule(label="TLS", group="Ours", port=[443])).apply(before)
    assert after.column("label").to_pylist() == ["TLS", "TLS"]
    if dictionary:
        assert after.column("label").dictionary.to_pylist() == ["TLS"]


def test_the_batch_itself_comes_back_when_nothing_matches() -> None:
    before = batch({})
    assert rules(Rule(label="X", group="G", port=[1])).apply(before) is before


def test_an_empty_batch_passes() -> None:
    assert rules(Rule(label="X", group="G", host=["a.b"], address=["::/0"], port=[1])).apply(batch()).num_rows == 0


def test_a_sliced_batch_is_read_from_its_own_first_row() -> None:
    whole = batch({"server_name": "a.org"}, {}, {"server_ip": "2.2.2.2", "server_name": "b.org"})
    assert labels(whole.slice(1), Rule(label="X", group="G", address=["2.2.2.2"])) == ["TLS", "X"]
    assert labels(whole.slice(1), Rule(label="X", group="G", host=["b.org"])) == ["TLS", "X"]


def test_the_first_rule_that_matches_wins() -> None:
    first, second = Rule(label="First", group="G", port=[443]), Rule(label="Second", group="G", protocol="tcp")
    flows = batch({}, {"server_port": 80})
    assert labels(flows, first, second) == ["First", "Second"]
    assert labels(flows, second, first) == ["Second", "Second"]


def test_all_criteria_of_a_rule_must_match_and_any_value_of_each() -> None:
    rule = Rule(label="X", group="G", port=[443, 8443], protocol="tcp", address=["10.0.0.0/8", "192.168.0.0/16"])
    flows = batch({}, {"server_port": 8443}, {"server_port": 80}, {"protocol": 17}, {"client_ip": "172.16.0.1"})
    assert labels(flows, rule) == ["X", "X", "TLS", "TLS", "TLS"]


@pytest.mark.parametrize(("address", "matches"), [
    ("10.0.0.1", True), ("93.184.216.34", True), ("10.0.0.0/8", True), ("10.0.0.2", False), ("11.0.0.0/8", False),
    ("0.0.0.0/0", True), ("::ffff:10.0.0.1", True), ("::/0", True), ("2001:db8::/32", False),
])
def test_addresses_match_either_end(address: str, matches: bool) -> None:
    assert labels(batch({}), Rule(label="X", group="G", address=[address])) == ["X" if matches else "TLS"]


def test_ipv6_networks() -> None:
    flows = batch(
        {"client_ip": "2001:db8::1", "server_ip": "2001:db8:1::"}, {"client_ip": "fe80::1", "server_ip": "ff02::1"},
    )
    assert labels(flows, Rule(label="X", group="G", address=["2001:db8:1::/48"])) == ["X", "TLS"]
    assert labels(flows, Rule(label="X", group="G", address=["fe80::/10", "2001:db9::/32"])) == ["TLS", "X"]
    assert labels(flows, Rule(label="X", group="G", address=["0.0.0.0/0"])) == ["TLS", "TLS"]


@pytest.mark.parametrize(("name", "matches"), [
    ("example.com", True), ("www.example.com", True), ("WWW.Example.COM", True), ("a.b.c.example.com.", True),
    ("example.com:8080", True), ("badexample.com", False), ("example.com.evil.org", False), ("com", False),
    ("", False), (None, False), (".", False),
])
@pytest.mark.parametrize("suffix", ["example.com", ".Example.com", "*.example.com", "example.com."])
def test_host_suffixes_match_whole_labels(name: str | None, matches: bool, suffix: str) -> None:
    flows = batch({"server_name": "first.net"}, {"server_name": name}, {"server_name": None})
    assert labels(flows, Rule(label="X", group="G", host=[suffix])) == ["TLS", "X" if matches else "TLS", "TLS"]


def test_an_international_name_matches_as_it_travels() -> None:
    flows = batch({"server_name": "www.xn--e1afmkfd.xn--p1ai"}, {"server_name": "пример.рф"})
    assert labels(flows, Rule(label="X", group="G", host=["Пример.рф"])) == ["X", "X"]


@pytest.mark.parametrize(("protocol", "number"), [("tcp", 6), ("UDP", 17), ("132", 132), ("gre", 47), ("icmpv6", 58)])
def test_protocols_by_name_and_number(protocol: str, number: int) -> None:
    flows = batch({"protocol": number}, {"protocol": 200})
    assert labels(flows, Rule(label="X", group="G", protocol=protocol)) == ["X", "TLS"]


def test_groups_list_each_label_once() -> None:
    made = rules(
        Rule(label="B", group="Ours", port=[1]), Rule(label="A", group="Ours", port=[2]),
        Rule(label="B", group="Ours", port=[3]),
        Rule(label="C", group="Alarm", port=[4]),
    )
    assert made.groups() == {"Alarm": ["C"], "Ours": ["A", "B"]}
