"""The streams of flows, compared with what the search says of the same flows."""

from __future__ import annotations

import ipaddress
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tapiary.schema import FLOW_COLUMNS, query_name
from tapiary.services import Services
from tapiary.services.queries.flows import PRIVATE, netflow
from tests.services.people import BOB, CLEO
from tests.services.queries.conftest import Ask, Row, rows_of, services_with

#: Sycope's names of a flow's fields (sycope.md, 13).
SYCOPE = """
timestamp sessionId firstTimestamp lastTimestamp activeTime clientIp serverIp protocol clientPort serverPort application
applicationId applicationNameNtop exporterIps interfaces clientFunction serverFunction clientLocation serverLocation
clientRole serverRole clientTcpFlags serverTcpFlags tosNumbers mpls asNumbers icmpType clientCountry serverCountry
clientAsNumber serverAsNumber clientBytes serverBytes clientPackets serverPackets flows clientMaxTtl clientNetworkTime
serverNetworkTime initialServerResponseTime retransmittedInBytes retransmittedOutBytes retransmittedInPackets
retransmittedOutPackets ipv6OptionHeaders dnsQuery httpHost httpSite ja3cHash ja3sHash bytes bits packets clientBits
serverBits bitsPerSecond packetsPerSecond flowsPerSecond clientBitsPerSecond serverBitsPerSecond clientPacketsPerSecond
serverPacketsPerSecond bitsPerSecondActiveTime packetsPerSecondActiveTime clientBitsPerFlow clientBitsPerPacket
percentRetransmittedInPackets percentRetransmittedOutPackets applicationName protocolName asName clientAsName
serverAsName clientIpName serverIpName clientPrivate serverPrivate exporterName tosNames dnsQueryTypeName
dnsErrorReturnCodeNames DayOfWeek
"""


@pytest.fixture(scope="module")
def known(filled: Services) -> list[Row]:
    """The flows of the shared capture, as the search has them."""
    job = next(view.run_job_id for view in filled.files.list(outside=True) if view.outside)
    assert job is not None
    return filled.search.flows(job, limit=10_000, columns=tuple(c.name for c in FLOW_COLUMNS)).flows


def test_every_name_of_sycope_is_there() -> None:
    assert set(netflow().types) >= set(SYCOPE.split())


def test_fields_have_the_stored_values(ask: Ask, known: list[Row]) -> None:
    rows = {row["sessionId"]: row for row in ask('src stream="netflow"', CLEO)}
    assert set(rows) == {flow["flow_id"] for flow in known}
    for flow in known:
        row = rows[flow["flow_id"]]
        for column in FLOW_COLUMNS:
            if query_name(column) not in row or column.name == "run_id":
                continue
            value = flow.get(column.name)
            if column.type == "timestamp":
                value = int(round(value * 1e6) // 1000)
            assert row[query_name(column)] == value, column.name


def test_derived_fields(ask: Ask, known: list[Row]) -> None:
    rows = {row["sessionId"]: row for row in ask('src stream="netflow"', CLEO)}
    for flow in known:
        row = rows[flow["flow_id"]]
        seconds = (round(flow["last_seen"] * 1e6) - round(flow["first_seen"] * 1e6)) / 1e6
        both = flow["client_bytes"] + flow["server_bytes"]
        assert row["_stream"] == "netflow"
        assert row["timestamp"] == row["firstTimestamp"]
        assert (row["bytes"], row["bits"], row["flows"]) == (both, both * 8, 1)
        assert row["bitsPerSecond"] == pytest.approx(both * 8 / max(1.0, seconds))
        assert row["bitsPerSecondActiveTime"] == (pytest.approx(both * 8 / seconds) if seconds else None)
        assert row["DayOfWeek"] == datetime.fromtimestamp(flow["first_seen"], UTC).isoweekday()
        asking = (flow.get("master") or flow["application"]) in ("DNS", "MDNS", "LLMNR", "NetBIOS")
        assert row["dnsQuery"] == (flow.get("server_name") if asking else None)
        for side in ("client", "server"):
            address = ipaddress.ip_address(flow[f"{side}_ip"])
            inside = [ipaddress.ip_network(each) for each in PRIVATE]
            assert row[f"{side}Private"] == any(address in each for each in inside if each.version == address.version)
    assert {row["protocolName"] for row in rows.values()} >= {"TCP", "UDP", "ICMP"}


def test_the_raw_stream_has_the_statistics_too(ask: Ask, known: list[Row]) -> None:
    rows = {row["sessionId"]: row for row in ask('src stream="netflowRaw"', CLEO)}
    for flow in known:
        assert rows[flow["flow_id"]]["packetSizes"] == flow["packet_sizes"]
        assert rows[flow["flow_id"]]["clientGapUsMax"] == flow.get("client_gap_us_max")


def test_a_range_has_its_start_and_not_its_end(ask: Ask, known: list[Row]) -> None:
    moments = sorted({int(round(flow["first_seen"] * 1e6) // 1000) for flow in known})
    start, end = moments[len(moments) // 3], moments[-3]
    wanted = sum(start <= int(round(flow["first_seen"] * 1e6) // 1000) < end for flow in known)
    assert 0 < wanted < len(known)
    for given in ({"start": start, "end": end}, {"start": f"@{start}", "end": f"-1h@{end + 3_600_000}"}):
        assert len(ask('src stream="netflow"', CLEO, **given)) == wanted
    assert len(ask(f'src stream="netflow" startTime="{start}" endTime="{end}"', CLEO)) == wanted
    assert ask('src stream="netflow"', CLEO, start=10**15) == []
    assert len(ask('src stream="netflow"', CLEO, start=-(10**15), end=10**15)) == len(known)


def test_addresses_and_networks(ask: Ask, known: list[Row]) -> None:
    address = Counter(flow["client_ip"] for flow in known).most_common(1)[0][0]
    network = ipaddress.ip_network(f"{address}/16", strict=False)
    for text, inside in (
        (address, lambda ip: ip == address),
        (str(network), lambda ip: ipaddress.ip_address(ip) in network),
    ):
        (row,) = ask(f'src stream="netflow" | clientIp = "{text}" | aggr n=count(1)', CLEO)
        assert row == {"n": sum(inside(flow["client_ip"]) for flow in known)}


def test_what_came_of_a_capture_is_its_owners(ask: Ask, known: list[Row]) -> None:
    count = 'src stream="netflow" | aggr n=count(1)'
    assert ask(count, CLEO) == [{"n": len(known)}]
    assert ask(count, BOB) == [{"n": 2 * len(known)}]
    assert {row["jobId"] for row in ask('src stream="netflow"', BOB)} > {
        row["jobId"] for row in ask('src stream="netflow"', CLEO)}


def test_only_what_is_read_is_computed(filled: Services) -> None:
    from tapiary import query
    from tapiary.services.queries.work import prepare

    nql = 'src stream="netflow" | clientIp = "10.0.0.1" | aggr b=sum(bytes) by label unwind=true'
    work = prepare(filled, CLEO, nql, 1_760_000_001_000, None, None, None)
    sql = query.sql_text(work._plan)
    assert '"client_ip"' in sql
    assert "server_ip" not in sql
    assert "epoch_us" not in sql.lower()
    plan = filled.store.query(f"EXPLAIN {sql}", tables=work._catalog.sources(work._plan.statement)).fetchall()[0][1]
    filters = plan[plan.index("Filters"):]
    assert "first_seen >=" in filters
    assert "client_ip =" in filters


def test_a_file_that_is_processed_again_while_a_query_begins(
    tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = services_with(tmp_path)
    services.ingest.process_file(sample)
    whole = rows_of(services, 'src stream="netflow" | aggr n=count(1)')
    begin, again = services.store.query, [True]

    def query(*arguments: Any, **options: Any) -> Any:
        if again:
            again.clear()
            services.ingest.process_file(sample)
        return begin(*arguments, **options)

    monkeypatch.setattr(services.store, "query", query)
    assert rows_of(services, 'src stream="netflow" | aggr n=count(1)') == whole
    assert not again
    services.close()
