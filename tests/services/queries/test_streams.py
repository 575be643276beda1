"""All other streams: devices, files, jobs, alerts, the audit log, custom indexes; lookups and macros."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tapiary.accounts import LOCAL, SCOPES
from tapiary.database import Alert
from tapiary.errors import Forbidden, InvalidInput
from tapiary.query import NqlError
from tapiary.services import Services
from tapiary.services.queries import MACRO, STREAMS
from tests.services.people import ADA, BOB, CLEO, EVE, add_people
from tests.services.queries.conftest import Ask, rows_of, services_with


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = services_with(tmp_path / "data")
    add_people(services)
    yield services
    services.close()


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_gives_all_its_fields(filled: Services, ask: Ask, name: str) -> None:
    stream = filled.catalog(LOCAL).stream(name)
    assert stream is not None
    view = filled.queries.run(LOCAL, f'src stream="{name}"')
    assert dict(view.columns) == {**stream.fields, "_stream": dict(view.columns)["_stream"]}
    for row in filled.queries.page(LOCAL, view.id, 10):
        assert list(row) == [*stream.fields, "_stream"]
    assert name in filled.catalog(LOCAL).stream_names()


def test_devices_are_all_addresses_and_what_is_written_of_them(services: Services, sample: Path) -> None:
    services.ingest.process_file(sample)
    flows = rows_of(services, 'src stream="netflow"')
    seen = {flow[name] for flow in flows for name in ("clientIp", "serverIp")}
    first = min(seen)
    assert {row["ip"]: row["id"] for row in rows_of(services, 'src stream="assetDevices"')} == {ip: ip for ip in seen}
    view = services.devices.set_additional(EVE, first, {"room": "12"})
    services.devices.set_additional(EVE, "2001:db8::77", {"room": "13"})
    rows = {row["ip"]: row for row in rows_of(services, 'src stream="assetDevices"', start=1, end=2)}
    assert set(rows) == seen | {"2001:db8::77"}
    assert rows[first]["id"] == view.id
    assert rows[first]["additional"] == {"room": "12"}
    assert rows[first]["timestamp"] == round(view.modified_at * 1000)
    others = [row for ip, row in rows.items() if ip not in (first, "2001:db8::77")]
    assert all(row["additional"] == {} and row["tags"] == [] and row["name"] == "" for row in others)
    newest = max(flow["lastTimestamp"] for flow in flows if others[0]["ip"] in (flow["clientIp"], flow["serverIp"]))
    assert others[0]["timestamp"] == newest
    found = rows_of(services, 'src stream="assetDevices" | getValue("room", additional) = "12" | project +ip')
    assert found == [{"ip": first}]


def test_names_of_devices_are_in_the_flows(services: Services, sample: Path) -> None:
    from tapiary.database import Device

    services.ingest.process_file(sample)
    with services.database.session() as session:
        session.add(Device(id="1", ip="192.168.10.21", name="printer", modified_at=time.time()))
    rows = rows_of(services, 'src stream="netflow" | clientIpName = "printer"')
    assert {row["clientIp"] for row in rows} == {"192.168.10.21"}
    assert len(rows) == len(rows_of(services, 'src stream="netflow" | clientIp = "192.168.10.21"'))


def test_files_and_jobs_are_those_that_one_may_see(filled: Services, ask: Ask) -> None:
    files = {row["name"]: row for row in ask('src stream="files"')}
    assert "bobs.pcap" in files
    assert {row["name"] for row in ask('src stream="files"', CLEO)} == set(files) - {"bobs.pcap"}
    view = filled.files.get("bobs.pcap")
    row = files["bobs.pcap"]
    assert (row["id"], row["state"], row["size"], row["jobId"]) == (view.id, "finished", view.size, view.run_job_id)
    assert row["timestamp"] == row["firstTimestamp"] == round(view.time_start * 1000)
    assert row["flows"] == view.flows
    assert len(ask('src stream="jobs"')) == 2
    (mine,) = ask('src stream="jobs"', CLEO)
    assert mine["state"] == "finished"
    assert mine["fileId"] != view.id


def write_alert(services: Services, owner: Any, at_ms: int, **fields: Any) -> None:
    with services.database.session() as session:
        session.add(Alert(at_ms=at_ms, event_ms=at_ms, trigger_id="t", owner_id=owner.user_id, name="scan",
                          severity="High", fields=fields, deliveries=[], key=secrets.token_hex(8)))


def test_alerts_have_the_forms_of_fields(services: Services) -> None:
    fields = {"clientIp": "10.0.0.1", "serverPort": "443", "_sumBytes": 17, "alertTags": ["a", 1], "odd": {"x": 1}}
    write_alert(services, BOB, 1000, **fields)
    write_alert(services, BOB, 2000, clientIp="no address", serverPort="https", _sumBytes=2**70)
    first, second = rows_of(services, 'src stream="alerts" | sort timestamp')
    assert (first["alertName"], first["alertSeverity"], first["alertSeen"]) == ("scan", "High", False)
    assert (first["clientIp"], first["serverPort"], first["_sumBytes"]) == ("10.0.0.1", 443, 17)
    assert first["alertTags"] == ["a", "1"]
    assert first["fields"]["odd"] == '{"x":1}'
    assert (second["clientIp"], second["serverPort"], second["_sumBytes"]) == (None, None, None)
    assert len(rows_of(services, 'src stream="alerts" | clientIp = "10.0.0.0/8"')) == 1
    assert len(rows_of(services, 'src stream="alerts"', start=1000, end=2000)) == 1


def test_alerts_are_those_that_one_may_see(services: Services) -> None:
    write_alert(services, BOB, 1000)
    count = 'src stream="alerts" | aggr n=count(1)'
    assert [rows_of(services, count, who) for who in (BOB, CLEO, ADA, EVE)] == [[{"n": n}] for n in (1, 0, 1, 1)]


def test_the_audit_log_needs_its_permission(services: Services) -> None:
    services.accounts.audit.write(EVE, "thing.change", "x", {"a": 1})
    eve = replace(EVE, scopes=frozenset(SCOPES))
    (row,) = rows_of(services, 'src stream="auditMessages" | action = "thing.change"', eve)
    assert (row["user"], row["object"], row["details"]) == ("eve", "x", '{"a":1}')
    for who in (replace(BOB, scopes=frozenset(SCOPES)), replace(EVE, scopes=frozenset({"read"}))):
        with pytest.raises(Forbidden, match="ADMIN"):
            rows_of(services, 'src stream="auditMessages"', who)
    assert "auditMessages" not in services.catalog(BOB).stream_names()


def test_custom_indexes(services: Services) -> None:
    fields = [("timestamp", "long"), ("host", "ip"), ("mac", "mac"), ("net", "subnet"), ("tags", "set")]
    fields += [("load", "double")]
    services.indexes.create(BOB, {"name": "sensors", "fields": [
        {"name": name, "type": kind, "sortable": name == "timestamp"} for name, kind in fields]})
    row = [5000, "10.0.0.1", "00:1b:21:3c:9d:f8", "10.0.0.0/8", ["a", "b"], 0.5]
    services.indexes.inject(BOB, "sensors", [name for name, _ in fields], [row, [9000, *[None] * 5]])
    names = [name for name, _ in fields]
    first, second = rows_of(services, 'src stream="sensors" | sort timestamp', BOB)
    assert [first[name] for name in names] == row
    assert [second[name] for name in names if name != "tags"] == [9000, None, None, None, None]
    assert rows_of(services, 'src stream="sensors" | aggr n=count(1)', BOB, start=5000, end=9000) == [{"n": 1}]
    assert rows_of(services, 'src stream="sensors" | host = "10.0.0.0/8" | project +load', BOB) == [{"load": 0.5}]
    assert "sensors" in services.catalog(BOB).stream_names()
    with pytest.raises(NqlError, match="no stream `sensors`"):
        rows_of(services, 'src stream="sensors"', CLEO)


def test_lookups_and_macros(services: Services) -> None:
    services.lookups.create(BOB, "csvFile", {
        "config": {"name": "ports", "type": "csvFile", "active": True, "dataFile": "p.csv", "delimiter": ",",
                   "types": ["int", "string"]},
        "file": {"columns": ["port", "what"], "rows": [["443", "web"], ["53", "names"]]}})
    services.elements.create(BOB, MACRO, "SECURE", {"name": "SECURE", "nql": "p = 443"})
    nql = 'records {"p": 443}, {"p": 80} | set what=lookup("ports", "what", {"port": p})'
    nql += ', land=lookup("Country", "name", {"code": "CZ"}), protocol=lookup("Protocol", "name", {"number": 6})'
    assert rows_of(services, nql, BOB) == [
        {"p": 443, "what": "web", "land": "Czechia", "protocol": "TCP"},
        {"p": 80, "what": None, "land": "Czechia", "protocol": "TCP"}]
    assert [row["what"] for row in rows_of(services, nql, CLEO)] == [None, None]
    assert rows_of(services, 'records {"p": 443}, {"p": 80} | $SECURE$', BOB) == [{"p": 443}]
    with pytest.raises(InvalidInput, match="SECURE"):
        rows_of(services, 'records {"p": 443} | $SECURE$', CLEO)


def test_macros_that_are_profiles(services: Services, sample: Path) -> None:
    services.elements.create(BOB, MACRO, "WEB", {"name": "WEB", "nql": "serverPort = 443", "profile": True})
    services.elements.create(BOB, MACRO, "DNS", {"name": "DNS", "nql": "serverPort = 53"})
    services.ingest.process_file(sample)
    profiles = "matchingTrafficProfiles(clientIp,serverIp,serverPort,protocol,name=true)"
    for row in rows_of(services, f'src stream="assetNetflowAggr" | set p={profiles}', BOB):
        assert row["p"] == (["WEB"] if row["serverPort"] == 443 else [])


def test_no_index_can_be_called_as_a_stream(services: Services) -> None:
    for name in STREAMS:
        with pytest.raises(InvalidInput, match="built-in"):
            services.indexes.create(BOB, {"name": name, "fields": [{"name": "timestamp", "type": "long"}]})


def test_the_data_for_learning(ask: Ask) -> None:
    assert len(ask('src stream="testdata"', start=1, end=2)) == 12
    ranges = 'rangeAggr n=count(balance) on balance by fName,lName ranges="0-5000,8000-10000"'
    rows = ask(f'src stream="testdata" | {ranges}')
    assert {row["_bucket"] for row in rows} == {"0-5000", "8000-10000"}
    assert ask('src stream="testdata" | timeAggr a=avg(age) on ts interval="1d" | sort _bucket | limit 1')


def test_built_in_collectors(services: Services, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services.ingest.process_file(sample)
    flows = rows_of(services, 'src stream="netflow"')
    now_ms = max(flow["timestamp"] for flow in flows) + 1
    monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000)
    for name, minutes, most, field, sides in (
        ("top10ClientIpLast15Minute", 15, 10, "clientIp", ("clientIp",)),
        ("top10ServerIpLast15Minute", 15, 10, "serverIp", ("serverIp",)),
        ("top1000IPsLast2Minutes", 2, 1000, "ip", ("clientIp", "serverIp")),
    ):
        wanted: Counter[str] = Counter()
        for flow in flows:
            for side in sides:
                if now_ms - minutes * 60_000 <= flow["timestamp"]:
                    wanted[flow[side]] += flow["bytes"]
        rows = rows_of(services, f'coll "{name}"')
        assert [row["bytes"] for row in rows] == sorted(wanted.values(), reverse=True)[:most]
        assert all(wanted[row[field]] == row["bytes"] for row in rows)
        inside = rows_of(services, f'src stream="netflow" | valInColl({sides[0]}, "{name}", "{field}")')
        top = {row[field] for row in rows}
        assert len(inside) == sum(flow[sides[0]] in top for flow in flows)
    for number in range(3):
        write_alert(services, BOB, now_ms - 1000, clientIp=f"10.0.0.{number % 2}")
    write_alert(services, BOB, now_ms - 16 * 60_000, clientIp="10.0.0.9")
    nql = 'src stream="alerts" | valInColl(clientIp, "top10ClientIpLast15Minute_Alerts", "clientIp")'
    assert {row["clientIp"] for row in rows_of(services, nql)} == {"10.0.0.0", "10.0.0.1"}
    assert rows_of(services, 'coll "top10ClientIpLast15Minute_Alerts"')[0] == {"clientIp": "10.0.0.0", "count": 2}
