"""User rules against a naive evaluation, flow by flow and rule by rule."""

from __future__ import annotations

import ipaddress
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tapiary.config import MeterConfig, Rule
from tapiary.meter.rules import Rules
from tapiary.schema import address_bytes

ADDRESSES = ["0.0.0.0", "10.0.0.1", "10.0.0.255", "10.1.0.0", "255.255.255.255", "::", "::1", "2001:db8::",
             "2001:db8::1:0", "2001:db8:0:1::", "fe80::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::fffe:10.0.0.1"]
PREFIXES = [0, 1, 8, 24, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128]
NAMES = [None, "", ".", "com", "example.com", "www.example.com", "Example.COM.", "badexample.com",
         "a.example.com:443", "com.", "..com"]

flows = st.fixed_dictionaries({
    "client_ip": st.sampled_from(ADDRESSES), "server_ip": st.sampled_from(ADDRESSES),
    "client_port": st.sampled_from([0, 1, 53, 443, 65535]), "server_port": st.sampled_from([0, 1, 53, 443, 65535]),
    "protocol": st.sampled_from([1, 6, 17]), "server_name": st.sampled_from(NAMES),
})


@st.composite
def networks(draw: st.DrawFn) -> str:
    address = ipaddress.ip_address(draw(st.sampled_from(ADDRESSES)))
    prefix = draw(st.sampled_from([p for p in PREFIXES if p <= address.max_prefixlen]))
    return f"{address}/{prefix}"


rules = st.fixed_dictionaries({
    "label": st.sampled_from(["A", "B", "TLS"]), "group": st.sampled_from(["G", "H"]),
    "note": st.sampled_from([None, "note"]),
    "address": st.lists(networks(), max_size=4), "port": st.lists(st.sampled_from([1, 53, 443, 65535]), max_size=3),
    "protocol": st.sampled_from([None, "tcp", "17"]),
    "host": st.lists(st.sampled_from(["com", "example.com", "www.example.com"]), max_size=2),
}).filter(lambda rule: any(rule[key] for key in ("address", "port", "protocol", "host"))).map(lambda rule: Rule(**rule))


def naive(rule: Rule, flow: dict[str, Any]) -> bool:
    """The rule's meaning, said as plainly as possible."""
    def inside(address: str, network: str) -> bool:
        net, number = ipaddress.ip_network(network, strict=False), address_bytes(address)
        return address_bytes(str(net[0])) <= number <= address_bytes(str(net[-1]))

    def below(name: str | None, suffix: str) -> bool:
        words = (name or "").lower().removesuffix(":443").rstrip(".").split(".")
        wanted = suffix.split(".")
        return words[-len(wanted):] == wanted

    ends = (flow["client_ip"], flow["server_ip"])
    return (
        (not rule.address or any(inside(a, n) for a in ends for n in rule.address))
        and (not rule.port or flow["client_port"] in rule.port or flow["server_port"] in rule.port)
        and (rule.protocol is None or flow["protocol"] == {"tcp": 6, "17": 17}[rule.protocol])
        and (not rule.host or any(below(flow["server_name"], h) for h in rule.host))
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(flows, max_size=12), st.lists(rules, min_size=1, max_size=5), st.booleans())
def test_as_the_naive_evaluation(rows: list[dict[str, Any]], list_: list[Rule], dictionary: bool) -> None:
    texts = {
        "server_name": [row["server_name"] for row in rows], "label": ["TLS"] * len(rows),
        "category": ["Web"] * len(rows), "note": [None] * len(rows), "confidence": ["DPI"] * len(rows),
    }
    strings = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    if dictionary:
        strings = {name: column.dictionary_encode() for name, column in strings.items()}
    batch = pa.RecordBatch.from_pydict({
        "client_ip": pa.array([address_bytes(row["client_ip"]) for row in rows], pa.binary()),
        "server_ip": pa.array([address_bytes(row["server_ip"]) for row in rows], pa.binary()),
        "client_port": pa.array([row["client_port"] for row in rows], pa.int32()),
        "server_port": pa.array([row["server_port"] for row in rows], pa.int32()),
        "protocol": pa.array([row["protocol"] for row in rows], pa.int16()), **strings,
    })
    made = Rules.from_config(MeterConfig(rules=list_))
    assert made is not None
    after = made.apply(batch)
    after.validate(full=True)
    assert after.schema == batch.schema
    for row, out in zip(rows, after.to_pylist(), strict=True):
        rule = next((r for r in list_ if naive(r, row)), None)
        found = out["label"], out["category"], out["note"], out["confidence"]
        kept = "TLS", "Web", None, "DPI"
        assert found == (kept if rule is None else (rule.label, rule.group, rule.note, "User rule"))
