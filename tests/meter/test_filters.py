"""Capture filters: libpcap's own verdicts, and what must not hold up or bring down who asks."""

from __future__ import annotations

import ctypes.util
import importlib.util
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tapiary.errors import Unavailable
from tapiary.meter import check_filter, filters

GOOD = [
    "", " \n", "tcp port 80", "tcp or udp", "host 192.0.2.1 and not port 22", "ip6 host 2001:db8::1", "net 10.0.0.0/8",
    "vlan 5 and ip6", "ether host 00:11:22:33:44:55", "ip[6] & 0x40 != 0", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "ip broadcast", "inbound", "portrange 6000-6010", "mpls 100", "less 100", "icmp6", "port http", "not " * 50 + "tcp",
]
BAD = {
    "foo bar": "can't parse filter expression: syntax error",
    "tcp port 80 and": "can't parse filter expression: syntax error",
    "(tcp": "can't parse filter expression: syntax error",
    "tcp and udp": "expression rejects all packets",
    "port 99999": "illegal port number 99999 > 65535",
    "wlan type mgt": "802.11 link-layer types supported only on 802.11",
    "tcp?": "can't parse filter expression: syntax error",
}


@pytest.fixture(autouse=True, scope="module")
def _libpcap() -> None:
    try:
        check_filter("tcp")
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("text", GOOD)
def test_what_libpcap_takes(text: str) -> None:
    assert check_filter(text) is None


@pytest.mark.parametrize("text", BAD)
def test_what_it_refuses_in_its_words(text: str) -> None:
    assert check_filter(text) == BAD[text]


def test_link_types_and_snaplens_matter() -> None:
    assert check_filter("wlan type mgt", 127) is None
    assert check_filter("tcp", 101) is None         # raw IP: another number in libpcap
    assert "link" in str(check_filter("tcp", 9999))
    assert check_filter("tcp", snaplen=64) is None


def test_hostile_ones() -> None:
    assert check_filter("tcp\0") == "the filter holds a NUL character"
    assert check_filter("tcp or " * 150_000 + "tcp") == "the filter is longer than 65,536 bytes"
    deep = check_filter("(" * 30_000 + "tcp" + ")" * 30_000)
    assert deep is None or "memory exhausted" in deep or "too complex" in deep
    assert "memory exhausted" in str(check_filter("not " * 15_000 + "tcp"))
    assert check_filter("\udcff") is not None
    assert check_filter("--help") is not None


def test_nobody_waits_for_the_optimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "TIMEOUT_S", 0.5)
    started = time.monotonic()
    long = " or ".join(f"host 10.0.{i >> 8}.{i & 255}" for i in range(2000))
    assert "not done with the filter after 0.5 seconds" in str(check_filter(long))
    assert time.monotonic() - started < 5


def test_a_name_that_nobody_knows() -> None:
    said = str(check_filter("host nowhere.invalid"))
    assert "unknown host" in said or "not done" in said


def test_from_many_threads() -> None:
    texts = [*GOOD, *BAD] * 2
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(check_filter, texts)) == [BAD.get(text) for text in texts]


def test_without_libpcap(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in (("/nowhere/libpcap.so",), ("libc.so.6",)):
        monkeypatch.setattr(filters, "_libraries", lambda found=missing: found)
        with pytest.raises(Unavailable, match="libpcap") as told:
            check_filter("tcp")
        assert told.value.code == "libpcap_missing"
    monkeypatch.undo()
    filters._libraries.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(Unavailable):
        check_filter("tcp")
    monkeypatch.undo()
    assert check_filter("tcp") is None


def test_the_systems_library_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    system = ctypes.util.find_library("pcap")
    if system is None:
        pytest.skip("no libpcap of the system (Debian: apt install libpcap0.8)")
    monkeypatch.setattr(filters, "_libraries", lambda: (system,))
    assert check_filter("tcp port 80") is None
    assert check_filter("foo bar") == BAD["foo bar"]
