"""The shipped scripts' programs: against tshark's reading of the packets, and against scapy's checksums."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapiary.enrich import Anonymizer
from tapiary.errors import InvalidInput
from tapiary.services.scripts.tools import anonymise, headers
from tapiary.services.scripts.tools.anonymise import Anonymise
from tapiary.services.scripts.tools.headers import Headers
from tapiary.services.scripts.tools.mapping import Mapping
from tapiary.services.scripts.tools.program import rewrite

pytest.importorskip("cryptography")
KEY = bytes(range(32))
FIELDS = ("ip.addr", "ipv6.addr", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "frame.time_epoch", "frame.len")
CHECKSUMS = ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status",
             "icmpv6.checksum.status")


def tshark(capture: Path, *fields: str) -> list[list[str]]:
    """What tshark reads in each packet; several values of a field are joined by commas."""
    if shutil.which("tshark") is None:
        if "CI" in os.environ:
            pytest.fail("tshark is missing")
        pytest.skip("tshark is missing")
    words = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "separator=|"]
    for protocol in ("ip", "tcp", "udp"):
        words += ["-o", f"{protocol}.check_checksum:TRUE"]
    for name in fields:
        words += ["-e", name]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


def packets_of(path: Path) -> list[Any]:
    """The packets, as scapy reads them."""
    from scapy.utils import rdpcap

    return list(rdpcap(str(path)))


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    """A capture of one packet for each kind of header that is known."""
    from scapy.all import (
        ARP,
        GRE,
        ICMP,
        IP,
        TCP,
        UDP,
        Dot1Q,
        Ether,
        ICMPv6EchoRequest,
        ICMPv6ND_NS,
        ICMPv6NDOptSrcLLAddr,
        IPv6,
        Raw,
        wrpcap,
    )  # fmt: skip
    from scapy.contrib.gtp import GTP_U_Header
    from scapy.contrib.mpls import MPLS
    from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6ExtHdrFragment, IPv6ExtHdrRouting
    from scapy.layers.vxlan import VXLAN

    four, six = IP(src="10.1.2.3", dst="192.0.2.77"), IPv6(src="2001:db8::1", dst="2001:db8:1::77")
    ether, load = Ether(src="02:aa:bb:cc:dd:01", dst="02:aa:bb:cc:dd:02"), Raw(b"secret payload!")
    tcp = TCP(sport=1234, dport=80, options=[("NOP", None), ("NOP", None), ("Timestamp", (1, 2))])
    wrpcap(str(tmp_path / "layers.pcap"), [
        ether / four / tcp / load, ether / six / tcp / load, ether / four / UDP(sport=5, dport=6) / load,
        ether / six / UDP(sport=5, dport=6) / load, ether / Dot1Q(vlan=5) / Dot1Q(vlan=6) / four / tcp / load,
        ether / four / UDP(sport=5, dport=6, chksum=0) / load, ether / ARP(psrc="10.1.2.3", pdst="10.1.2.4"),
        ether / four / ICMP(type=8) / load, ether / six / ICMPv6EchoRequest(data=b"secret payload!"),
        ether / four / ICMP(type=3, code=1) / IP(src="192.0.2.77", dst="10.9.9.9") / UDP(sport=5, dport=6) / load,
        ether / six / ICMPv6DestUnreach() / IPv6(src="2001:db8::9", dst="2001:db8::8") / UDP(sport=5, dport=6) / load,
        ether / four / ICMP(type=5, gw="10.5.5.5") / IP(src="192.0.2.77", dst="10.9.9.9") / UDP() / load,
        ether / six / ICMPv6ND_NS(tgt="2001:db8::abcd") / ICMPv6NDOptSrcLLAddr(lladdr="02:aa:bb:cc:dd:09"),
        ether / four / IP(src="172.16.0.1", dst="172.16.0.2") / tcp / load,
        ether / four / six / tcp / load, ether / four / GRE() / IP(src="172.16.0.1", dst="172.16.0.2") / tcp / load,
        ether / four / UDP(sport=9, dport=4789) / VXLAN(vni=7) / ether / six / tcp / load,
        ether / six / UDP(sport=9, dport=4789) / VXLAN(vni=7) / ether / four / UDP(sport=1, dport=2) / load,
        ether / four / UDP(sport=9, dport=2152) / GTP_U_Header(teid=1) / IP(src="172.16.0.1", dst="172.16.0.2")
        / UDP(sport=1, dport=2) / load,
        ether / MPLS(label=3, s=0) / MPLS(label=4, s=1) / four / tcp / load,
        ether / IP(src="10.1.2.3", dst="192.0.2.77", options=b"\x07\x0b\x08\x0a\x00\x00\x01\x0a\x00\x00\x02\x00") / tcp,
        ether / four / TCP(options=[(30, bytes.fromhex("30010a0000630000"))]) / load,
        ether / six / IPv6ExtHdrRouting(addresses=["2001:db8::5"], segleft=0) / UDP(sport=5, dport=6) / load,
        ether / six / IPv6ExtHdrFragment(m=1, nh=17) / UDP(sport=5, dport=6) / load,
        ether / Raw(b"not ip at all"),
    ])
    return tmp_path / "layers.pcap"


def test_addresses_are_crypto_pans_and_nothing_else_of_the_packets_changes(layers: Path, tmp_path: Path) -> None:
    rewrite(layers, tmp_path / "out.pcap", Anonymise(Mapping(KEY)))
    anonymizer = Anonymizer(KEY)
    before, after = tshark(layers, *FIELDS), tshark(tmp_path / "out.pcap", *FIELDS)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        expected = [[anonymizer.address(a) for a in values.split(",") if a] for values in old[:4]]
        assert [[a for a in values.split(",") if a] for values in new[:4]] == expected
        assert new[4:] == old[4:]


def test_hardware_addresses_and_payloads_are_gone(layers: Path, tmp_path: Path) -> None:
    rewrite(layers, tmp_path / "out.pcap", Anonymise(Mapping(KEY)))
    data = (tmp_path / "out.pcap").read_bytes()
    for trace in (b"secret", b"not ip", bytes.fromhex("02aabbccdd"), bytes([10, 0, 0, 1]), bytes([10, 0, 0, 99]),
                  bytes([10, 5, 5, 5]), bytes([172, 16, 0]), bytes.fromhex("20010db8")):
        assert trace not in data


@pytest.mark.parametrize("keyed", [False, True])
def test_checksums_are_right_where_the_payload_stays(layers: Path, tmp_path: Path, keyed: bool) -> None:
    out = tmp_path / "out.pcap"
    rewrite(layers, out, Anonymise(Mapping(KEY, keyed_hardware=keyed), keep_payload=True))
    before, after = tshark(layers, *CHECKSUMS), tshark(out, *CHECKSUMS)
    known = [i for i, line in enumerate(after) if i not in (12, 22)]  # their options go, and with them a whole packet
    assert [after[i] for i in known] == [before[i] for i in known]


@settings(max_examples=50)
@given(st.data())
def test_checksums_equal_those_that_scapy_works_out(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    from scapy.all import IP, TCP, UDP, Ether, IPv6, Raw, wrpcap

    def packet(depth: int) -> Any:
        network = data.draw(st.sampled_from([
            IP(src=str(data.draw(st.ip_addresses(v=4))), dst=str(data.draw(st.ip_addresses(v=4)))),
            IPv6(src=str(data.draw(st.ip_addresses(v=6))), dst=str(data.draw(st.ip_addresses(v=6)))),
        ]))
        if depth and data.draw(st.booleans()):
            return network / packet(depth - 1)
        transport = data.draw(st.sampled_from([TCP(dport=7), UDP(sport=7, dport=7)]))
        return network / transport / Raw(data.draw(st.binary(max_size=9)))

    folder = tmp_path_factory.mktemp("checksums")
    wrpcap(str(folder / "in.pcap"), [Ether() / packet(2)])
    rewrite(folder / "in.pcap", folder / "out.pcap", Anonymise(Mapping(KEY), keep_payload=True))
    found = packets_of(folder / "out.pcap")[0]
    again = found.copy()
    layer = again
    while layer:
        if "chksum" in layer.fields:
            del layer.chksum
        layer = layer.payload
    # 0 and 0xffff are the same sum; we never write the one that UDP does not know.
    assert bytes(again).replace(b"\xff\xff", b"\0\0") == bytes(found).replace(b"\xff\xff", b"\0\0")


@pytest.mark.parametrize("kind", ["TCP", "UDP"])
def test_a_checksum_that_becomes_zero(tmp_path: Path, kind: str) -> None:
    """UDP writes it as 0xffff, as 0 stands for none; TCP writes it as 0 (RFC 768, RFC 1624)."""
    from scapy.all import IP, TCP, UDP, Ether, Raw, wrpcap

    transport = TCP() if kind == "TCP" else UDP(sport=7, dport=7)
    anonymizer, payload = Anonymizer(KEY), b"\0\0"
    mapped = IP(src=anonymizer.address("10.0.0.1"), dst=anonymizer.address("10.0.0.2"))
    sum_without = (type(mapped)(bytes(mapped / transport / Raw(payload))))[kind].chksum
    packet = IP(src="10.0.0.1", dst="10.0.0.2") / transport / Raw(sum_without.to_bytes(2, "big"))
    wrpcap(str(tmp_path / "in.pcap"), [Ether() / packet])
    rewrite(tmp_path / "in.pcap", tmp_path / "out.pcap", Anonymise(Mapping(KEY), keep_payload=True))
    assert packets_of(tmp_path / "out.pcap")[0][kind].chksum == (0 if kind == "TCP" else 0xFFFF)


def test_pcapng_and_byte_orders_give_the_same_packets(layers: Path, tmp_path: Path) -> None:
    if shutil.which("editcap") is None:
        pytest.skip("editcap is missing")
    line = ["editcap", "-F", "pcapng", "--capture-comment", "who knows", str(layers), str(tmp_path / "n.pcapng")]
    subprocess.run(line, check=True)
    swapped = bytearray(layers.read_bytes())
    at, header = 24, swapped[:24]
    swapped[:24] = b"".join(bytes(reversed(header[a:b])) for a, b in ((0, 4), (4, 6), (6, 8), (8, 12), (12, 16),
                                                                       (16, 20), (20, 24)))
    while at < len(swapped):
        size = int.from_bytes(swapped[at + 8:at + 12], "little")
        for i in range(at, at + 16, 4):
            swapped[i:i + 4] = bytes(reversed(swapped[i:i + 4]))
        at += 16 + size
    (tmp_path / "big.pcap").write_bytes(swapped)
    results = []
    for source in (layers, tmp_path / "n.pcapng", tmp_path / "big.pcap"):
        for rewriter in (Anonymise(Mapping(KEY)), Headers(3)):
            rewrite(source, tmp_path / "out", rewriter)
            results.append([bytes(p) for p in packets_of(tmp_path / "out")])
            if source.suffix == ".pcapng" and isinstance(rewriter, Anonymise):
                assert b"who knows" not in (tmp_path / "out").read_bytes()
    assert results[0] == results[2] == results[4]
    assert results[1] == results[3] == results[5]


def test_every_cut_of_a_packet_is_survived_and_tells_nothing(layers: Path, tmp_path: Path) -> None:
    from scapy.utils import wrpcap

    whole = [bytes(p) for p in packets_of(layers)]
    wrpcap(str(tmp_path / "cut.pcap"), [p[:size] for p in whole for size in range(len(p) + 1)], linktype=1)
    rewrite(tmp_path / "cut.pcap", tmp_path / "out.pcap", Anonymise(Mapping(KEY)))
    data = (tmp_path / "out.pcap").read_bytes()
    assert b"secret" not in data
    assert bytes([172, 16, 0]) not in data


def test_a_damaged_file_ends_where_the_damage_is(layers: Path, tmp_path: Path) -> None:
    data = layers.read_bytes()
    for size in (24, 30, 100, len(data) - 1):
        (tmp_path / "torn.pcap").write_bytes(data[:size])
        rewrite(tmp_path / "torn.pcap", tmp_path / "out.pcap", Headers())
    (tmp_path / "torn.pcap").write_bytes(data + b"\xff" * 100)
    assert rewrite(tmp_path / "torn.pcap", tmp_path / "out.pcap", Headers()) == len(packets_of(layers))
    (tmp_path / "torn.pcap").write_bytes(b"no capture")
    with pytest.raises(InvalidInput):
        rewrite(tmp_path / "torn.pcap", tmp_path / "out.pcap", Headers())


def test_headers_keeps_headers_and_original_lengths(layers: Path, tmp_path: Path) -> None:
    rewrite(layers, tmp_path / "out.pcap", Headers(4))
    before, after = packets_of(layers), packets_of(tmp_path / "out.pcap")
    assert b"payload" not in (tmp_path / "out.pcap").read_bytes()
    assert bytes(after[0]) == bytes(before[0])[:14 + 20 + 32 + 4]
    assert [p.wirelen for p in after] == [len(p) for p in before]


@pytest.mark.parametrize("words", [["key=12"], ["what"], ["key=" + "g" * 64]])
def test_arguments_that_anonymise_does_not_know(words: list[str]) -> None:
    with pytest.raises(InvalidInput):
        anonymise.make(words)


@pytest.mark.parametrize("words", [["-1"], ["a"], ["1", "2"]])
def test_arguments_that_headers_does_not_know(words: list[str]) -> None:
    with pytest.raises(InvalidInput):
        headers.make(words)


def test_the_key_is_told_as_a_fingerprint_only(sample: Path, tmp_path: Path) -> None:
    said = run("anonymise", sample, tmp_path, "key=" + KEY.hex())
    assert "fingerprint" in said
    assert KEY.hex() not in said
    assert said.splitlines()[0] == run("anonymise", sample, tmp_path, "key=" + KEY.hex()).splitlines()[0]
    assert said.splitlines()[0] != run("anonymise", sample, tmp_path).splitlines()[0]


def test_a_data_set_with_its_manifest(sample: Path, tmp_path: Path) -> None:
    run("dataset", sample, tmp_path, "csv")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    table = pq.read_table(tmp_path / "flows.parquet")
    assert manifest["flows"] == table.num_rows == sum(manifest["labels"].values()) > 0
    assert [c["name"] for c in manifest["columns"]] == table.column_names
    assert not {"client_ip", "server_ip", "server_name", "user_agent", "client_mac"} & set(table.column_names)
    assert {c["name"]: c["unit"] for c in manifest["columns"]}["client_duration_us"] == "µs"
    assert (tmp_path / "flows.csv").read_text().count("\n") == table.num_rows + 1
    import hashlib

    for file in manifest["files"]:
        data = (tmp_path / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_personal_columns_are_in_a_data_set_when_asked_for(sample: Path, tmp_path: Path) -> None:
    run("dataset", sample, tmp_path, "personal")
    table = pq.read_table(tmp_path / "flows.parquet")
    assert "192.0.2" in str(table.column("client_ip").to_pylist()) or table.column("client_ip").null_count == 0
    assert not (tmp_path / "flows.csv").exists()


def run(module: str, *words: object) -> str:
    """The program's standard output."""
    done = subprocess.run([sys.executable, "-m", f"tapiary.services.scripts.tools.{module}", *map(str, words)],
                          capture_output=True, text=True, check=True)
    return done.stdout
