"""Filters, sorting and statistics, compared with the same done in Python over all rows."""

from __future__ import annotations

import importlib
import ipaddress
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tapiary.config import Config
from tapiary.errors import InvalidInput, NotFound
from tapiary.schema import FLOW_COLUMNS
from tapiary.services import FlowFilter, Services, filterable
from tapiary.services.filters import condition, order
from tapiary.services.runs import visible

Row = dict[str, Any]


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> tuple[Services, int]:
    config = Config(data_dir=str(tmp_path_factory.mktemp("search")))
    config = replace(config, repository=replace(config.repository, settle_s=0.0))
    services = Services(config)
    return services, services.ingest.process_file(sample).job_id


@pytest.fixture(scope="module")
def rows(processed: tuple[Services, int]) -> list[Row]:
    services, job = processed
    return services.search.flows(job, limit=10_000, columns=tuple(c.name for c in FLOW_COLUMNS)).flows


def network(text: str) -> Callable[[str], bool]:
    return lambda address: ipaddress.ip_address(address) in ipaddress.ip_network(text)


CASES: list[tuple[FlowFilter, Callable[[Row], bool]]] = [
    (FlowFilter(), lambda r: True),
    (FlowFilter(label="dns"), lambda r: "dns" in (r["label"].lower(), r["application"].lower(), r["category"].lower())),
    (FlowFilter(label="WEB"), lambda r: "web" in (r["label"].lower(), r["application"].lower(), r["category"].lower())),
    (
        FlowFilter(ip="192.168.0.0/16"),
        lambda r: any(network("192.168.0.0/16")(r[s]) for s in ("client_ip", "server_ip")),
    ),
    (FlowFilter(ip="::/0"), lambda r: any(network("::/0")(r[s]) for s in ("client_ip", "server_ip"))),
    (FlowFilter(where=(("protocol", "17"),)), lambda r: r["protocol"] == 17),
    (FlowFilter(where=(("protocol", "17"), ("protocol", "6"))), lambda r: r["protocol"] in (6, 17)),
    (FlowFilter(where=(("protocol", "!17"),)), lambda r: r["protocol"] != 17),
    (FlowFilter(where=(("server_port", ">=53"), ("server_port", "<443"))), lambda r: 53 <= r["server_port"] < 443),
    (FlowFilter(where=(("bytes", ">1000"),)), lambda r: r["client_bytes"] + r["server_bytes"] > 1000),
    (FlowFilter(where=(("duration", "<0.05"),)), lambda r: r["last_seen"] - r["first_seen"] < 0.05),
    (FlowFilter(where=(("port", "443"),)), lambda r: 443 in (r["client_port"], r["server_port"])),
    (FlowFilter(where=(("port", "!443"),)), lambda r: 443 not in (r["client_port"], r["server_port"])),
    (FlowFilter(where=(("server_name", "*.example*"),)), lambda r: ".example" in r.get("server_name", "")),
    (FlowFilter(where=(("server_name", ""),)), lambda r: not r.get("server_name")),
    (FlowFilter(where=(("server_name", "!"),)), lambda r: bool(r.get("server_name"))),
    (FlowFilter(where=(("server_name", "!*e*"),)), lambda r: "e" not in r.get("server_name", "").lower()),
    (FlowFilter(where=(("label", "tls"),)), lambda r: r["label"].lower() == "tls"),
    (FlowFilter(where=(("client_size_mean", ">100"),)), lambda r: r["client_size_mean"] > 100),
    (FlowFilter(label="dns", where=(("protocol", "6"),)), lambda r: False),
    (FlowFilter(where=(("server_name", "%"),)), lambda r: False),
    (FlowFilter(where=(("server_name", "' OR 1=1 --"),)), lambda r: False),
    (FlowFilter(flow_ids=(1, 2, 3)), lambda r: r["flow_id"] in (1, 2, 3)),
]


@pytest.mark.parametrize(("flows", "wanted"), CASES, ids=range(len(CASES)))
def test_filters(
    processed: tuple[Services, int], rows: list[Row], flows: FlowFilter, wanted: Callable[[Row], bool]
) -> None:
    services, job = processed
    found = services.search.flows(job, flows, limit=10_000)
    expected = [r["flow_id"] for r in rows if wanted(r)]
    assert sorted(f["flow_id"] for f in found.flows) == sorted(expected)
    assert found.total == len(expected)
    counts = services.search.statistics(job, flows, limit=10_000)
    labels = Counter(r["label"] for r in rows if wanted(r))
    assert {c.label: c.count for c in counts[1].content} == labels


@pytest.mark.parametrize(("label", "near"), [
    ("TLS", ("TLS.DoH_DoT", "TLS.Github", "TLS.Google", "TLS.Wikipedia", "TLS.YouTube")),
    ("tls.googel", ("TLS.Google", "DNS.Google", "Google")), ("Webb", ("Web",)), ("zzz", ()), ("dns.google", None),
    ("google", None), ("WEB", None),
])
def test_near_labels(processed: tuple[Services, int], label: str, near: tuple[str, ...] | None) -> None:
    services, job = processed
    assert services.search.near_labels(job, label) == near


def test_times_are_compared_in_either_form(processed: tuple[Services, int], rows: list[Row]) -> None:
    from datetime import UTC, datetime

    services, job = processed
    middle = sorted(r["first_seen"] for r in rows)[len(rows) // 2]
    expected = sum(r["first_seen"] < middle for r in rows)
    moment = datetime.fromtimestamp(middle, UTC)
    for text in (repr(middle), moment.isoformat(), moment.replace(tzinfo=None).isoformat()):
        assert services.search.flows(job, FlowFilter(where=(("first_seen", f"<{text}"),))).total == expected


def test_macs(processed: tuple[Services, int], rows: list[Row]) -> None:
    services, job = processed
    mac = next(r["client_mac"] for r in rows if "client_mac" in r)
    expected = sum(r.get("client_mac") == mac for r in rows)
    for text in (mac, mac.upper().replace(":", "-"), mac.replace(":", "")):
        assert services.search.flows(job, FlowFilter(where=(("client_mac", text),))).total == expected


@pytest.mark.parametrize("sort", ["first_seen", "-bytes", "client_ip,-server_port", "-duration,label", "-server_name"])
def test_sorting_and_pages(processed: tuple[Services, int], sort: str) -> None:
    services, job = processed
    whole = services.search.flows(job, sort=sort, limit=10_000)
    pages = [
        f
        for start in range(0, whole.total, 5)
        for f in services.search.flows(job, sort=sort, limit=5, offset=start).flows
    ]
    assert pages == whole.flows
    if sort == "-bytes":
        sizes = [f["client_bytes"] + f["server_bytes"] for f in whole.flows]
        assert sizes == sorted(sizes, reverse=True)
    if sort == "-server_name":
        names = [f.get("server_name") for f in whole.flows]
        known = [n for n in names if n is not None]
        assert names == sorted(known, reverse=True) + [None] * (len(names) - len(known))


def test_every_filterable_column_answers(processed: tuple[Services, int]) -> None:
    services, job = processed
    for name in filterable():
        for value in ("", "!", "1", ">0", "!1", "<=5", "x*"):
            try:
                services.search.flows(job, FlowFilter(where=((name, value),)), limit=1)
            except InvalidInput as error:
                assert error.field == name  # noqa: PT017 - most values suit most columns


def test_every_column_sorts(processed: tuple[Services, int]) -> None:
    services, job = processed
    for name in filterable():
        try:
            services.search.flows(job, sort=name, limit=1)
        except InvalidInput as error:
            assert error.field == "sort"  # noqa: PT017


@given(st.text(), st.text())
def test_no_text_reaches_the_sql(name: str, value: str) -> None:
    try:
        found = condition(FlowFilter(where=((name, value),)))
    except InvalidInput:
        return
    assert name in filterable()
    assert found.sql.count("?") == len(found.params)


@given(st.sampled_from(sorted(filterable())), st.text(min_size=4).filter(lambda v: not v.isascii() or "'" in v))
def test_values_are_parameters_only(name: str, value: str) -> None:
    try:
        assert value not in condition(FlowFilter(where=((name, value),))).sql
    except InvalidInput as error:
        assert error.field == name  # noqa: PT017


@given(st.text())
def test_sort_takes_columns_only(text: str) -> None:
    try:
        assert order(text).endswith("flow_id")
    except InvalidInput as error:
        assert error.field == "sort"  # noqa: PT017


def test_an_address(processed: tuple[Services, int], rows: list[Row]) -> None:
    services, job = processed
    address = Counter(r["server_ip"] for r in rows if r.get("server_name")).most_common(1)[0][0]
    found = services.search.address(job, address)
    names = Counter(r["server_name"] for r in rows if r["server_ip"] == address and r.get("server_name"))
    assert names[found.domain_name or ""] == max(names.values())
    assert sum(c.count for c in found.statistics[0].content) == sum(
        address in (r["client_ip"], r["server_ip"]) for r in rows
    )
    nobody = services.search.address(job, "198.18.77.77")
    assert (nobody.country, nobody.city, nobody.user_agent, nobody.domain_name) == (None,) * 4
    assert all(s.content == () for s in nobody.statistics)


def test_the_name_asked_for_is_not_the_resolvers_name(services: Services, sample: Path) -> None:
    job = services.ingest.process_file(sample).job_id
    resolver = services.search.address(job, "8.8.8.8")
    assert any(entry.label == "DNS" for s in resolver.statistics if s.title == "labels" for entry in s.content)
    assert resolver.domain_name is None


def test_a_wrong_ip_is_told_by_its_own_name(services: Services, sample: Path) -> None:
    job = services.ingest.process_file(sample).job_id
    with pytest.raises(InvalidInput) as caught:
        services.search.address(job, "foo")
    assert caught.value.field == "ip"


@pytest.mark.parametrize("value", ["1e400", ">1e300", "-inf", "!-1e30"])
def test_times_that_no_packet_has(processed: tuple[Services, int], value: str) -> None:
    services, job = processed
    found = services.search.flows(job, FlowFilter(where=(("first_seen", value),)))
    assert (found.total > 0) == value.startswith("!")


@pytest.mark.parametrize("room", ["search", "export", "packets"])
def test_rows_that_are_replaced_in_the_middle_of_a_question(
    services: Services, sample: Path, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    """The answer is never made of rows that are half gone."""
    path = services.files.root / "a.pcap"
    path.write_bytes(sample.read_bytes())
    module = importlib.import_module(f"tapiary.services.{room}")
    questions: dict[str, list[Callable[[int], Any]]] = {
        "search": [
            services.search.statistics, services.search.flows, lambda job: services.search.address(job, "0.0.0.0/0"),
        ],
        "export": [lambda job: services.export.stream(job, "csv")],
        "packets": [lambda job: services.packets.cut(job, FlowFilter())],
    }

    for ask in questions[room]:
        job = services.ingest.process_file(path).job_id
        with monkeypatch.context() as patched, pytest.raises(NotFound, match="processed again"):
            asked = [job]
            patched.setattr(module, "visible", lambda s, j, asked=asked: _overtaken(s, j, asked, path))
            ask(job)


def _overtaken(services: Services, job_id: int, asked: list[int], path: Path) -> Any:
    found = visible(services, job_id)
    if asked:
        asked.pop()
        services.ingest.process_file(path)
    return found
