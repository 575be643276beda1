"""Live totals: pieces of flows joined, growing files read in whole records."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from tapiary.capture.drone import growing, tally
from tapiary.capture.drone.tally import Piece, Tally
from tests.capture.drone.captures import pcap, times_in

A, B = (ipaddress.IPv6Address(f"::ffff:10.0.0.{n}").packed for n in (1, 2))


def piece(label: str, sure: bool, *, packets: int = 1, back: bool = False, port: int = 1000, name: str = "") -> Piece:
    ends = (B, A, 443, port) if back else (A, B, port, 443)
    return Piece(6, *ends, label, sure, packets, packets * 100, 1_000_000, 2_000_000, name)


def test_pieces_of_a_flow_are_one_flow_whichever_way_they_run() -> None:
    sums = Tally(7)
    sums.add([piece("TLS", False), piece("TLS.Google", True, packets=5, name="google.com")])
    sums.add([piece("Unknown", False, packets=3, back=True)])
    message = sums.message(9)
    assert (message.flows, message.packets, message.bytes, message.skipped_bytes) == (1, 9, 900, 9)
    assert {name: (x.flows, x.packets) for name, x in message.labels.items()} == {"TLS.Google": (1, 9)}
    (flow,) = message.changed
    assert (flow.client, flow.server_port, flow.label) == ("10.0.0.1", 443, "TLS.Google")
    assert flow.server_name == "google.com"


def test_the_first_label_that_was_seen_stays() -> None:
    sums = Tally(7)
    sums.add([piece("Unknown", False), piece("HTTP", False), piece("SSH", True), piece("BitTorrent", True)])
    assert list(sums.message(0).labels) == ["SSH"]
    assert sums.message(0).changed == []


def test_memory_and_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_FLOWS", 10)
    sums = Tally(7)
    sums.add(piece("X", True, port=port) for port in range(1, 1000))
    message = sums.message(0)
    assert message.flows == 999
    assert len(message.changed) == tally.MAX_CHANGED
    assert len(sums._flows) == 10


def test_growing_files_are_read_in_whole_records_across_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    data = pcap([1.0, 2.0, 3.0])
    source = growing.Growing()
    assert source.take() == b""
    first.write_bytes(data[:110])
    source.add("a", str(first))
    source.add("a", str(first))
    assert times_in(source.take()) == [1.0]
    first.write_bytes(data)
    second.write_bytes(pcap([4.0]))
    source.add("b", str(second))
    first.unlink()
    assert times_in(source.take()) == [2.0, 3.0]
    assert times_in(source.take()) == [4.0]
    assert source.take() == b""
    assert source.skipped_bytes == 0
    source.close()


def test_what_it_cannot_keep_up_with_is_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "BACKLOG_BYTES", 100)
    source = growing.Growing()
    for n in range(5):
        path = tmp_path / str(n)
        path.write_bytes(pcap([float(n)]))
        source.add(str(n), str(path))
    assert times_in(source.take()) == [4.0]
    assert source.skipped_bytes == 4 * 76
    source.close()
